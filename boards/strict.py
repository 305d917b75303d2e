"""Strict reading of TOML tables into records: every problem of a file at once, each with file, key and remedy.

Rules of this file: nothing is guessed, no key is ignored; what a field must be is said once, by its type in the record
(`Annotated[..., Meta(...)]`), and its remedy is that type's description.
"""

import difflib
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec

Record = TypeVar("Record", bound=msgspec.Struct)


class Problem(msgspec.Struct, frozen=True):
    """One thing that is wrong in a definition: where it stands, what is wrong and what to do."""

    file: str
    key: str
    reason: str

    def __str__(self) -> str:
        where = f"{self.file} {self.key}" if self.key else self.file
        return f"{where}: {self.reason}"


class DefinitionError(Exception):
    """A definition in boards/ (or a file given in its place) is wrong.

    `problems` are all of them as lines "file key: what is wrong; what to do"; `found` the same as records;
    `file`, `key`, `reason` those of the first.
    """

    def __init__(self, found: Iterable[Problem]) -> None:
        self.found = tuple(found)
        if not self.found:
            raise ValueError("an error needs at least one problem")
        self.problems = [str(problem) for problem in self.found]
        self.file, self.key, self.reason = self.found[0].file, self.found[0].key, self.found[0].reason
        super().__init__("\n".join(self.problems))


class Findings:
    """Collects the problems of one file while it is read."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []

    def add(self, key: str, reason: str) -> None:
        self.problems.append(Problem(self.file, key, reason))

    def stop_if_any(self) -> None:
        """Raise DefinitionError with everything found so far."""
        if self.problems:
            raise DefinitionError(self.problems)


def nearest(word: str, known: Iterable[str]) -> str:
    """The remedy for an unknown word: the nearest known one, else all of them."""
    known = sorted(known)
    if not known:
        return "leave it out"
    close = difflib.get_close_matches(word, known, 1, 0.6)
    return f'did you mean "{close[0]}"?' if close else f"use one of: {', '.join(known)}"


def parse(path: Path, findings: Findings) -> dict[str, Any]:
    """The TOML document in `path`. DefinitionError at once when it cannot be read: nothing else can be said then."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        findings.add("", f"cannot be read ({error.strerror}); check the name and the rights of the file")
    except UnicodeDecodeError as error:
        findings.add("", f"is not UTF-8 at byte {error.start}; save it as UTF-8")
    except tomllib.TOMLDecodeError as error:
        findings.add("", f"is not TOML: {error}; correct that line")
    raise DefinitionError(findings.problems)


def record(kind: type[Record], table: Any, key: str, findings: Findings, ignore: Iterable[str] = ()) -> Record | None:
    """`table` as a `kind`, or None after noting every problem in it. Keys in `ignore` are somebody else's."""
    if not isinstance(table, dict):
        findings.add(key, f"is {_what(table)}; write it as a table")
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    before = len(findings.problems)
    ignored = set(ignore)
    for name in table.keys() - fields.keys() - ignored:
        findings.add(_below(key, name), f"unknown key; {nearest(name, fields.keys() | ignored)}")
    values = {}
    for name, field in fields.items():
        if name in table:
            try:
                values[name] = msgspec.convert(table[name], field.type)
            except msgspec.ValidationError as error:
                findings.add(_below(key, name), f"{_reason(error)}; write {_remedy(field.type)}")
        elif field.required and name not in ignored:
            findings.add(_below(key, name), f"is missing; write {_remedy(field.type)}")
    return kind(**values) if len(findings.problems) == before else None


def tables(document: dict[str, Any], name: str, findings: Findings) -> list[tuple[str, dict[str, Any]]]:
    """[(key, table)] of the array of tables [[name]] in `document`, [] when there is none."""
    entries = document.get(name, [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        findings.add(name, f"must be an array of tables; write [[{name}]] over each of them")
        return []
    return [(f"{name}[{index}]", entry) for index, entry in enumerate(entries)]


def _below(key: str, name: str) -> str:
    return f"{key}.{name}" if key else name


def _reason(error: msgspec.ValidationError) -> str:
    text = str(error).replace("`", "")
    return text[0].lower() + text[1:]


def _remedy(kind: Any) -> str:
    """What a value of type `kind` is, from the description in its annotation."""
    if get_origin(kind) is Annotated:
        for note in get_args(kind)[1:]:
            if isinstance(note, msgspec.Meta) and note.description:
                return note.description
        return _remedy(get_args(kind)[0])
    for part in get_args(kind):
        if get_origin(part) is Annotated:
            return _remedy(part)
    return {str: "a text in quotes", int: "a whole number"}.get(kind, f"a value of type {kind}")


def _what(value: Any) -> str:
    return {str: "a text", int: "a number", list: "a list", bool: "true or false"}.get(type(value), "a single value")
