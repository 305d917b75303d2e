"""Puts single values and whole records into the text of a station.toml, each where a person would write it.

Rules of this file: what stands there stays, byte by byte, but for the value that changes; a new key goes behind its
sisters, in the way in which they are written; a new record goes behind the last one. What comes of it is TOML, or it is
an error.
"""

import json
import tomllib
from datetime import date, datetime
from typing import Any, NamedTuple

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import InlineTable

from gateway.toml_lines import Path, lines_of
from tools.faults import fault
from tools.station_edit import PLACES, StationFile

Value = str | int | date | datetime | list[Any] | dict[str, Any]


class Spot(NamedTuple):
    """Where a value stands: the path of a table that is there, and the keys below it."""

    table: Path
    keys: tuple[str, ...]


class Editor:
    """Changes the text of `station`; `StationFile.save` writes it."""

    def __init__(self, station: StationFile, lang: str) -> None:
        self._station = station
        self._lang = lang

    def source(self, name: str) -> Path:
        """Where the table of the board or sensor `name` is. KeyError."""
        return next((path for path, table in self._sources() if table.get("name") == name), None) or _missing(name)

    def channel(self, name: str) -> Path:
        """Where the table of the channel `name` is. KeyError where it has none of its own."""
        for path, table in self._sources():
            for index, channel in enumerate(table.get("channel", [])):
                if channel.get("name") == name:
                    return (*path, "channel", index)
        return _missing(name)

    def get(self, spot: Spot) -> Any:
        """The value at `spot` as plain Python; None where there is none."""
        found: Any = tomllib.loads(self._station.text())
        for key in (*spot.table, *spot.keys):
            if isinstance(found, dict) and key not in found:
                return None
            found = found[key]
        return found

    def put(self, spot: Spot, value: Value | None) -> None:
        """Let `value` stand at `spot`; None takes it out. `Failure` where the way the file is written forbids it."""
        there = self.get(spot) is not None
        if value is None:
            if there:
                self._take_out(spot)
        elif there:
            self._table(Spot(spot.table, spot.keys[:-1]))[spot.keys[-1]] = tomlkit.value(toml(value))
        else:
            self._add(spot, value)

    def add_record(self, name: str, keys: dict[str, Value]) -> None:
        """A new table of the array `name`: behind the last one, or at the end."""
        text = self._station.text()
        block = "".join(f"{key} = {toml(value)}\n" for key, value in keys.items())
        last = [line for path, line in lines_of(text).items() if path[:1] == (name,)]
        lines = text.splitlines(keepends=True)
        at = _end_of(lines, max(last)) if last else len(lines)
        if lines and not lines[at - 1].endswith("\n"):
            lines[at - 1] += "\n"
        blank = "\n" if at and lines[at - 1].strip() else ""
        self._parse("".join([*lines[:at], f"{blank}[[{name}]]\n{block}", *lines[at:]]))

    def _sources(self) -> list[tuple[Path, dict[str, Any]]]:
        document = tomllib.loads(self._station.text())
        found: list[tuple[Path, dict[str, Any]]] = []
        for place, kind in PLACES:
            holders = document.get(place, [])
            many = isinstance(holders, list)
            for index, holder in enumerate(holders if many else [holders]):
                path: Path = (place, index) if many else (place,)
                found += [((*path, kind, at), table) for at, table in enumerate(holder.get(kind, []))]
        return found

    def _table(self, spot: Spot) -> Any:
        found: Any = self._station.document
        for key in (*spot.table, *spot.keys):
            found = found[key]
        return found

    def _add(self, spot: Spot, value: Value) -> None:
        """Behind the last sister, written as she is; the nearest table above that has any key."""
        for depth in range(len(spot.keys) - 1, -1, -1):
            parent = Spot(spot.table, spot.keys[:depth])
            if self.get(parent) is None:
                continue
            holder = self._table(parent)
            if isinstance(holder, InlineTable):
                for key in reversed(spot.keys[depth + 1 :]):
                    value = {key: value}
                holder[spot.keys[depth]] = tomlkit.value(toml(value))
                return
            rest = ".".join(map(_key, spot.keys[depth:]))
            if self._add_line((*spot.table, *spot.keys[:depth]), f"{rest} = {toml(value)}"):
                return
        raise self._refused("no key stands beside " + ".".join(spot.keys))

    def _add_line(self, path: Path, line: str) -> bool:
        """Put `line` behind the last key that stands directly in the table at `path`; is there one?"""
        whole = self._station.text()
        lines = whole.splitlines(keepends=True)
        sisters = {at: key[-1] for key, at in lines_of(whole).items() if key[:-1] == path and len(key) == len(path) + 1}
        sisters = {at: key for at, key in sisters.items() if not lines[at - 1].lstrip().startswith("[")}
        if not sisters:
            return False
        last = max(sisters)
        prefix = _prefix(lines[last - 1], path, str(sisters[last]))
        at = _end_of(lines, last)
        if not lines[at - 1].endswith("\n"):
            lines[at - 1] += "\n"
        self._parse("".join([*lines[:at], f"{prefix}{line}\n", *lines[at:]]))
        return True

    def _take_out(self, spot: Spot) -> None:
        """The key with its line, where it has one of its own."""
        whole = self._station.text()
        lines = whole.splitlines(keepends=True)
        at = lines_of(whole)[(*spot.table, *spot.keys)]
        own = lines[at - 1].partition("=")[0].rstrip().endswith(_key(spot.keys[-1]))
        if own:
            self._parse("".join([*lines[: at - 1], *lines[_end_of(lines, at) :]]))
        else:
            self._table(Spot(spot.table, spot.keys[:-1])).remove(spot.keys[-1])

    def _parse(self, text: str) -> None:
        try:
            self._station.document = tomlkit.parse(text)
        except TOMLKitError as error:
            raise self._refused(str(error)) from None

    def _refused(self, seen: str) -> Exception:
        return fault("bad_change", self._lang, seen=seen, file=self._station.path)


def toml(value: Value) -> str:
    """`value` as it is written in a station.toml: large numbers with their thousands apart."""
    if isinstance(value, dict):
        inner = ", ".join(f"{_key(key)} = {toml(one)}" for key, one in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        return _quoted(value)
    if isinstance(value, date):
        return value.isoformat()
    return f"{value:_}"


def _prefix(line: str, path: Path, sister: str) -> str:
    """What stands in `line` before the key `sister` of the table at `path`: "calibration.adc." before "0"."""
    written = line.partition("=")[0]
    indent = written[: len(written) - len(written.lstrip())]
    parts: list[str] = []
    found: Any = tomllib.loads(f"{written} = 0")
    while isinstance(found, dict):
        key, found = next(iter(found.items()))
        parts.append(key)
    for at in range(len(parts) - 1, -1, -1):
        if parts[at] == sister and (not at or path[-at:] == tuple(parts[:at])):
            return indent + "".join(f"{_key(part)}." for part in parts[:at])
    return indent


def _key(key: str) -> str:
    return key if key.isascii() and key.replace("_", "").replace("-", "").isalnum() else _quoted(key)


def _quoted(text: str) -> str:
    """A basic string; what JSON leaves as it is and TOML does not take is DEL alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _end_of(lines: list[str], begin: int) -> int:
    """The line (from 1) with which the value ends that begins in line `begin`."""
    for end in range(begin, len(lines) + 1):
        try:
            tomllib.loads("".join(lines[:end]))
        except ValueError:
            continue
        return end
    return len(lines)


def _missing(name: str) -> Path:
    raise KeyError(name)
