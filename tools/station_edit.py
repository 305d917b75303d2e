"""Changes values of a station.toml and leaves everything else of it as it stands: comments, order, spacing.

Rules of this file: what is written was loaded as a gateway would before it takes the old one's place; the file before
stays beside it as `<name>.before`; a power cut leaves the one or the other, whole.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from gateway.config import ConfigError
from gateway.load import load
from tools.faults import fault

BEFORE = ".before"
NEW = ".new"
PLACEHOLDER_MAX = 0xFFFF  # Serials up to here stand for boards that nobody has seen yet: no chip has one of them.
PLACES = (("bus", "board"), ("bus", "sensor"), ("local", "board"))


class StationFile:
    """The file `path`, open for changes in `document`. `Failure` where it cannot be read."""

    def __init__(self, path: Path, lang: str) -> None:
        self.path = path
        self._lang = lang
        try:
            self._before = path.read_bytes()
            self.document = tomlkit.parse(self._before.decode("utf-8"))
        except (OSError, UnicodeDecodeError, TOMLKitError) as error:
            raise fault("bad_station", lang, seen=str(error), file=path) from None

    def sources(self) -> Iterator[Table]:
        """The table of every board and bought sensor, as they stand."""
        for place, kind in PLACES:
            holders = self.document.get(place, [])
            for holder in holders if isinstance(holders, AoT) else [holders] if holders else []:
                yield from holder.get(kind, [])

    def source(self, name: str) -> Table:
        """The table of the board or sensor `name`. KeyError."""
        return next((table for table in self.sources() if table.get("name") == name), None) or _missing(name)

    def channel(self, name: str) -> Table:
        """The table of the channel `name`, where the file has one. KeyError."""
        channels: Iterator[Any] = (channel for table in self.sources() for channel in table.get("channel", []))
        return next((table for table in channels if table.get("name") == name), None) or _missing(name)

    def text(self) -> str:
        """The file as it would be written."""
        return tomlkit.dumps(self.document)

    def save(self) -> None:
        """Write the changes. `Failure` where a gateway would refuse them, or the file was changed meanwhile: then
        nothing is written.
        """
        content = self.text().encode("utf-8")
        if content == self._before:
            return
        new = self.path.with_name(self.path.name + NEW)
        before = self.path.with_name(self.path.name + BEFORE)
        try:
            _write(new, content, self.path)
            load(new)
            if self.path.read_bytes() != self._before:
                raise fault("station_changed", self._lang, seen=self.path.name, file=self.path)
            _write(before, self._before, self.path)
            new.replace(self.path)
            _sync(self.path.parent)
        except ConfigError as error:
            seen = "\n".join(error.problems).replace(new.name, self.path.name)
            raise fault("bad_change", self._lang, seen=seen, file=self.path) from None
        except OSError as error:
            raise fault("unwritable", self._lang, seen=error.strerror or str(error), file=self.path) from None
        finally:
            new.unlink(missing_ok=True)
        self._before = content


def placeholder(number: int) -> str:
    """What stands as the serial of a board on Wi-Fi before it is known: one of its own, for each."""
    return f"{number:016x}"


def known(serial: str) -> str:
    """`serial`, "" where it is a placeholder, or nothing."""
    return serial if serial and int(serial, 16) > PLACEHOLDER_MAX else ""


def _missing(name: str) -> Table:
    raise KeyError(name)


def _write(path: Path, content: bytes, like: Path) -> None:
    with path.open("wb") as file:
        os.fchmod(file.fileno(), like.stat().st_mode & 0o777)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
