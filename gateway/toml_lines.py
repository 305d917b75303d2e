"""Which line of a TOML text a key stands in: `tomllib` gives values, not places.

Rules of this file: `tomllib` has accepted the text before, so only places are looked for here, nothing is judged.
A path is a tuple of keys and indices, as one would walk the parsed document: ("bus", 0, "board", 1, "address").
"""

import tomllib

Path = tuple[str | int, ...]

_SPACE = " \t"
_BLANK = " \t\r\n"


def lines_of(text: str) -> dict[Path, int]:
    """Line (from 1) of every table and key in `text`. A path that is not there was made by no line of its own."""
    return _Walk(text).lines


class _Walk:
    """One pass over the text; `at` is the next character. Every step moves on, so the pass ends."""

    def __init__(self, text: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.at = 0
        self.line = 1
        self.lines: dict[Path, int] = {(): 1}
        self._counts: dict[Path, int] = {}  # Tables seen of each array of tables.
        table: Path = ()
        while self._skip_blank():
            if self._peek() == "[":
                table = self._header()
            else:
                self._pair(table)

    def _peek(self, length: int = 1) -> str:
        return self.text[self.at : self.at + length]

    def _move(self, count: int = 1) -> None:
        self.line += self.text.count("\n", self.at, self.at + count)
        self.at += count

    def _skip_blank(self) -> bool:
        """Step over white space and comments; False at the end of the text."""
        while self.at < len(self.text):
            if self._peek() == "#":
                end = self.text.find("\n", self.at)
                self._move((end if end >= 0 else len(self.text)) - self.at)
            elif self._peek() in _BLANK:
                self._move()
            else:
                return True
        return False

    def _skip_space(self) -> None:
        while self.at < len(self.text) and self._peek() in _SPACE:
            self._move()

    def _header(self) -> Path:
        line = self.line
        many = self._peek(2) == "[["
        self._move(2 if many else 1)
        keys = self._key()
        self._move(2 if many else 1)
        table = self._resolve(keys[:-1])
        if many:
            array = (*table, keys[-1])
            index = self._counts.get(array, 0)
            self._counts[array] = index + 1
            self.lines.setdefault(array, line)
            table = (*array, index)
        else:
            table = self._resolve(keys)
        for length in range(1, len(table) + 1):  # A header makes the tables around it too.
            self.lines.setdefault(table[:length], line)
        return table

    def _resolve(self, keys: list[str]) -> Path:
        """Path of a table by its header's keys: an array of tables on the way means its newest table."""
        path: Path = ()
        for key in keys:
            path = (*path, key)
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
        return path

    def _pair(self, table: Path) -> None:
        line = self.line
        path = table
        for key in self._key():
            path = (*path, key)
            self.lines.setdefault(path, line)
        self._move()  # The equals sign.
        self._value(path)

    def _key(self) -> list[str]:
        """A dotted key, and the space behind it."""
        keys = []
        while True:
            self._skip_space()
            start = self.at
            if self._peek() in ("'", '"'):
                self._string()
                keys.append(_plain(self.text[start : self.at]))
            else:
                while self.at < len(self.text) and (self._peek().isalnum() or self._peek() in "-_"):
                    self._move()
                keys.append(self.text[start : self.at])
            self._skip_space()
            if self._peek() != ".":
                return keys
            self._move()

    def _value(self, path: Path) -> None:
        self._skip_blank()
        first = self._peek()
        if first in ("'", '"'):
            self._string()
        elif first == "[":
            self._move()
            self._array(path)
        elif first == "{":
            self._move()
            self._inline_table(path)
        else:
            while self.at < len(self.text) and self._peek() not in ",]}#\n":
                self._move()

    def _array(self, path: Path) -> None:
        index = 0
        while self._skip_blank() and self._peek() != "]":
            if self._peek() == ",":
                self._move()
                continue
            self.lines.setdefault((*path, index), self.line)
            self._value((*path, index))
            index += 1
        self._move()

    def _inline_table(self, path: Path) -> None:
        while self._skip_blank() and self._peek() != "}":
            if self._peek() == ",":
                self._move()
            else:
                self._pair(path)
        self._move()

    def _string(self) -> None:
        quote = self._peek()
        if self._peek(3) == quote * 3:
            self._move(3)
            while self.at < len(self.text) and self._peek(3) != quote * 3:
                self._move(2 if quote == '"' and self._peek() == "\\" else 1)
            self._move(3)
            while self._peek() == quote:  # Up to two more quotes may end the text itself.
                self._move()
            return
        self._move()
        while self.at < len(self.text) and self._peek() != quote:
            self._move(2 if quote == '"' and self._peek() == "\\" else 1)
        self._move()


def _plain(quoted: str) -> str:
    return tomllib.loads("k = " + quoted)["k"]
