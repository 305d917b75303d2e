"""Strict reading of a parsed TOML table: each key is asked for by name, what is wrong is noted, and reading goes on.

Rules of this file: nothing raises for what a person wrote; every problem becomes one line "file:line table.key: what
is wrong; what to do". A value that is wrong or missing comes back as None, and what hangs on it is left out.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches
from typing import Any

from gateway.amounts import AmountError, amount, rate, shown
from gateway.toml_lines import Path

PROBLEMS_MAX = 200  # More than anybody reads; the rest is counted in one line.
TABLES_MAX = 1_000  # Of one kind in one place.
_NOUNS = ("datum", "framing", "kind", "level", "mode", "quantity")
_NEEDED: Any = object()


class Problems:
    """What is wrong in one file, in the order of its lines."""

    def __init__(self, file: str, lines: dict[Path, int]) -> None:
        self._file = file
        self._lines = lines
        self._found: list[tuple[int, int, str]] = []

    def add(self, path: Path, label: str, reason: str) -> None:
        line = self.line(path)
        self._found.append((line, len(self._found), f"{self._file}:{line} {label}: {reason}"))

    def line(self, path: Path) -> int:
        """Line of the key or, if it has none, of the nearest table around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self._lines:
                return self._lines[path[:length]]
        return 1

    def texts(self) -> list[str]:
        texts = [text for _, _, text in sorted(self._found)]
        if len(texts) > PROBLEMS_MAX:
            more = len(texts) - PROBLEMS_MAX
            texts[PROBLEMS_MAX:] = [f"{self._file}: and {more} more errors; put the first ones right"]
        return texts


class Table:
    """One table; `kind` is what it describes ("bus", "rule"), used where it has no name of its own."""

    def __init__(self, values: dict[str, Any], path: Path, kind: str, problems: Problems) -> None:
        self.values = values
        self.path = path
        self.kind = kind
        self._problems = problems
        self._known: set[str] = set()

    def problem(self, key: str, reason: str) -> None:
        """Note that `key` is wrong ("" = the table as a whole)."""
        path = (*self.path, key) if key else self.path
        self._problems.add(path, f"{self.label()}.{key}" if key else self.label(), reason)

    def label(self) -> str:
        for key in ("name", "id"):
            name = self.values.get(key)
            if isinstance(name, str) and name and self.kind != "station":
                return shown(name)[1:-1] if len(name) < 40 else self.kind
        return self.kind

    def line(self, key: str = "") -> int:
        return self._problems.line((*self.path, key) if key else self.path)

    def has(self, key: str) -> bool:
        return key in self.values

    def mark(self, key: str) -> None:
        """`key` is known here, though not read."""
        self._known.add(key)

    def close(self) -> None:
        """Name every key that nobody asked for."""
        for key in self.values:
            if key not in self._known:
                near = get_close_matches(key, sorted(self._known), 1)
                known = ", ".join(sorted(self._known))
                do = f'did you mean "{near[0]}"?' if near else f"known here: {known}"
                self.problem(key, f"{shown(key)} is not a key of {self.kind}; {do}")

    def text(self, key: str, default: Any = _NEEDED, example: str = "") -> str | None:
        """A text that is not empty."""
        value = self._take(key, default, f'add {key} = "{example or "…"}"')
        if value is default or value is None:
            return value
        if not isinstance(value, str) or not value.strip():
            self.problem(key, f'{shown(value)} is not a text; write {key} = "{example or "…"}"')
            return None
        return value

    def choice(self, key: str, allowed: Iterable[Any], default: Any = _NEEDED) -> Any:
        """One of `allowed`, which are texts or numbers."""
        names = list(allowed)
        listed = _either([f'"{name}"' if isinstance(name, str) else str(name) for name in names])
        value = self._take(key, default, f"add {key} = {listed}")
        if value is default or value is None:
            return value
        if isinstance(value, bool) or not isinstance(value, (str, int)) or value not in names:
            what = f"a {key}" if key in _NOUNS else f"a value of {key}"
            near = get_close_matches(value, map(str, names), 1) if isinstance(value, str) and len(names) > 4 else []
            hint = f'did you mean "{near[0]}"? ' if near else ""
            self.problem(key, f"{shown(value)} is not {what}; {hint}use {listed}")
            return None
        return value

    def integer(self, key: str, lowest: int, highest: int, default: Any = _NEEDED) -> int | None:
        value = self._take(key, default, f"add {key} = {lowest} … {highest}")
        if value is default or value is None:
            return value
        if not isinstance(value, int) or isinstance(value, bool) or not lowest <= value <= highest:
            self.problem(key, f"{shown(value)} is not a whole number from {lowest} to {highest}; use one")
            return None
        return value

    def flag(self, key: str, default: bool) -> bool:
        value = self._take(key, default, "")
        if not isinstance(value, bool):
            self.problem(key, f"{shown(value)} is neither true nor false; use one of them, without quotes")
            return default
        return value

    def amount(
        self, key: str, dimension: str, lowest: int, highest: int, default: Any = _NEEDED, example: str = ""
    ) -> int | None:
        """An amount with its unit, in the dimension's sub-unit; `lowest` and `highest` are allowed."""
        return self._measured(key, lambda value: amount(value, dimension), (lowest, highest), default, example)

    def amounts(self, key: str, dimension: str, example: str) -> tuple[int, ...] | None:
        """A list of amounts; empty if it is not there, None if it is wrong."""
        found = []
        values = self._take(key, None, "")
        if values is not None and not isinstance(values, list):
            self.problem(key, f'{shown(values)} is not a list; write {key} = ["{example}"]')
            return None
        for value in values or ():
            try:
                found.append(amount(value, dimension))
            except AmountError as error:
                self.problem(key, str(error))
                return None
        return tuple(found)

    def rate(
        self, key: str, dimension: str, per_ms: int, highest: int, default: Any = _NEEDED, example: str = ""
    ) -> int | None:
        """A change per time, above 0, in sub-units per `per_ms`."""
        return self._measured(key, lambda value: rate(value, dimension, per_ms), (1, highest), default, example)

    def table(self, key: str) -> "Table":
        """The table `key`; an empty one if it is not there."""
        value = self._take(key, None, "")
        if value is not None and not isinstance(value, dict):
            self.problem(key, f"{shown(value)} is not a table; write [{key}] and its keys below it")
            value = None
        return Table(value or {}, (*self.path, key), key, self._problems)

    def tables(self, key: str) -> list["Table"]:
        """The array of tables `key`, without what is no table."""
        value = self._take(key, None, "")
        if value is None:
            return []
        if not isinstance(value, list):
            self.problem(key, f"there may be several; write [[{key}]] instead of [{key}]")
            return []
        found = []
        for index, item in enumerate(value[:TABLES_MAX]):
            if isinstance(item, dict):
                found.append(Table(item, (*self.path, key, index), key, self._problems))
            else:
                self.problem(key, f"{shown(item)} is not a table; write [[{key}]] and its keys below it")
        if len(value) > TABLES_MAX:
            self.problem(key, f"more than {TABLES_MAX} of them; a station has fewer")
        return found

    def texts(self, key: str) -> list[str] | None:
        """A list of texts; None if it is not there, or wrong."""
        value = self._take(key, None, "")
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.problem(key, f'{shown(value)} is not a list of texts; write {key} = ["…"]')
            return None
        return value

    def _measured(
        self, key: str, read: Callable[[object], int], limits: tuple[int, int], default: Any, example: str
    ) -> int | None:
        value = self._take(key, default, f'add {key} = "{example or "…"}"')
        if key not in self.values:
            return value
        try:
            number = read(value)
        except AmountError as error:
            self.problem(key, str(error))
            return None
        if not limits[0] <= number <= limits[1]:
            hint = f'; write it like "{example}"' if example else ""
            self.problem(key, f"{shown(value)} is out of range{hint}")
            return None
        return number

    def _take(self, key: str, default: Any, remedy: str) -> Any:
        self._known.add(key)
        if key in self.values:
            return self.values[key]
        if default is _NEEDED:
            self._problems.add(self.path, f"{self.label()}.{key}", f"is missing; {remedy}")
            return None
        return default


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1] if names else ""]))
