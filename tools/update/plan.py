"""What a call of `riverpost update` means: the board, what it runs, what it would get, and whether it may.

Rules of this file: nothing is written but by `drop`. The gateway and the board check it all again.
"""

import argparse
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import boards
from gateway import words
from gateway.config import Source, Station
from gateway.update_check import EMULATED, Refused, check, check_gap, gap_of
from gateway.update_course import CONFIRMED, UNDER_WAY
from gateway.update_shelf import File, Shelf
from gateway.updates import sensor_reads
from tools.failure import laid_out
from tools.faults import fault
from tools.station_now import StationNow, read_station, station_words
from tools.update.phrases import phrase, said
from wire.package import PACKAGE_BYTES_MAX, Manifest
from wire.registers import RUNS_SAFE, UPDATE_CHUNK

SHOWN = 8  # Digits of a key that tell it from others.
_FAULTS = {
    "no package": "update_no_package",
    "signature": "update_signature",
    "chip": "update_class",
    "no gap": "update_no_gap",
}


class Package(NamedTuple):
    """A file that its board may get."""

    path: Path
    data: bytes
    manifest: Manifest


class Lying(NamedTuple):
    """What lies in the gateway's folder for one board. `file`: of the package under way, None = there is none."""

    file: File | None
    data: bytes  # of that package, b"" where its file has gone already
    note: dict[str, Any]

    def means(self, package: Package) -> bool:
        """Is `package` what is under way?"""
        if self.data:
            return self.data == package.data
        return self.file is not None and self.tells_of(package)

    def tells_of(self, package: Package) -> bool:
        """Is the note that of such a package?"""
        told = (self.note.get("counter"), self.note.get("bytes"))
        return told == (package.manifest.counter, len(package.data))


class Plan:
    """`watches`: it is under way already, or nothing new was given. `file`: of the package that is followed."""

    def __init__(
        self, config: Station, source: Source, now: StationNow, lying: Lying, package: Package | None, lang: str
    ) -> None:
        self.config = config
        self.source = source
        self.now = now
        document = now.read()
        self.told = board_in(document, source.name)
        self._other_config = document.get("config") not in (None, config.version)
        self.shelf = Shelf(config.update_folder)
        self.package = package
        self.dropped = False
        self.file = lying.file
        self.note = lying.note
        self.lang = lang
        self.watches = package is None or lying.means(package)
        self._replaces = not self.watches and lying.file is not None
        self.runs_already = False
        if package is not None and not self.watches:
            self.runs_already = lying.note.get("state") == CONFIRMED and lying.tells_of(package) and self._runs(package)
            if not self.runs_already:
                self._check_counter(package)

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def size(self) -> int:
        """Bytes of the package that is followed."""
        return len(self.package.data) if self.package else int(self.note.get("bytes") or 0)

    def drop(self) -> None:
        """Lay the package into the gateway's folder. `Failure`."""
        assert self.package is not None
        try:
            self.file = self.shelf.drop(self.name, self.package.data)
        except OSError as error:
            raise folder_fault(self.config, error, self.lang) from None
        self.dropped = True

    def facts(self) -> list[tuple[str, str]]:
        """What a person has to know before saying yes."""
        lang, source = self.lang, self.source
        place = phrase("place_wifi", lang)
        if source.bus in {bus.name for bus in self.config.buses}:
            place = phrase("place_bus", lang, bus=source.bus, address=source.address)
        board = f"{source.name} ({source.board_type}), {place}"
        if lang == "zh":
            board = f"{source.name}（{source.board_type}），{place}"
        found = [("Board", board), ("Runs", runs(self.told, lang))]
        found += [("Package", line) for line in self._package_lines()]
        if self._other_config:
            found.append(("Station", phrase("other_config", lang)))
        if self.watches or self.runs_already:
            return found
        found.append(("Signed", phrase("signed", lang, digits=self.config.update_key[:SHOWN])))
        found.append(("Takes", self._takes()))
        found.append(("Then", phrase("then", lang)))
        if self._replaces:
            found.append(("Replaces", phrase("replaces", lang, package=told_package(self.note, lang))))
        elif self.note.get("reason"):
            found.append(("Before", f"{told_package(self.note, lang)}: {why(self.note, lang)}"))
        return found

    def document(self) -> dict[str, Any]:
        """The same for a machine."""
        package = self.package
        keys = ("serial", "version", "version_counter", "slot", "trial")
        return {
            "station": self.config.id,
            "board": self.name,
            "runs": {key: self.told.get(key) for key in keys},
            "package": None if package is None else {
                "file": str(package.path),
                "class": package.manifest.chip,
                "version": ".".join(map(str, package.manifest.version)),
                "counter": package.manifest.counter,
                "bytes": len(package.data),
            },
            "reason": self.note.get("reason", ""),
            "detail": self.note.get("detail", ""),
        }  # fmt: skip

    def closing(self, args: argparse.Namespace, seconds: float) -> str:
        """The last lines of an update that its board has confirmed."""
        time = words.age(round(1_000 * seconds), self.lang)
        told = {"board": self.name, "version": self.note.get("version"), "counter": self.note.get("counter")}
        lines = [said("update_done", self.lang, time=time, **told)]
        other = self._next()
        if other and self.package:
            path = shlex.quote(str(self.package.path)) + station_words(args)
            lines.append(phrase("next_update", self.lang, board=shlex.quote(other), path=path))
        return "\n".join(lines)

    def _package_lines(self) -> list[str]:
        if self.package is None:
            return [told_package(self.note, self.lang)]
        manifest = self.package.manifest
        version = ".".join(map(str, manifest.version))
        size = f"{len(self.package.data):,}"
        told = {"version": version, "counter": manifest.counter, "class_name": manifest.chip, "size": size}
        return [self.package.path.name, phrase("package", self.lang, **told)]

    def _takes(self) -> str:
        bus = next((bus for bus in self.config.buses if bus.name == self.source.bus), None)
        if bus is None:
            return phrase("takes_wifi", self.lang)
        gap_us, chunk_us = gap_of(bus, sensor_reads)
        chunks = -(-self.size // UPDATE_CHUNK)
        ms = -(-chunks // (gap_us // chunk_us)) * bus.scan_ms
        return phrase("takes_bus", self.lang, bus=bus.name, baud=bus.baud, time=words.age(ms, self.lang))

    def _runs(self, package: Package) -> bool:
        counter = self.told.get("version_counter")
        return counter == package.manifest.counter and not self.told.get("trial") and self.told.get("slot") != RUNS_SAFE

    def _check_counter(self, package: Package) -> None:
        runs_counter = self.told.get("version_counter")
        if runs_counter is not None and package.manifest.counter <= runs_counter:
            seen = phrase("counters", self.lang, package=package.manifest.counter, runs=runs_counter)
            raise fault("update_not_newer", self.lang, seen=seen, next=runs_counter + 1)

    def _next(self) -> str:
        """Another board that the same package is for and that runs an older one; "" = none."""
        if self.package is None:
            return ""
        chip, counter = self.package.manifest.chip, self.package.manifest.counter
        types = {source.name: source.board_type for source in self.config.sources if source.board_type}
        for told in self.now.read().get("boards", []):
            runs_counter, kind = told.get("version_counter"), types.get(told.get("name", ""))
            if told.get("name") == self.name or kind is None or runs_counter is None or runs_counter >= counter:
                continue
            if chip in (boards.load_board(kind).chip, EMULATED):
                return str(told["name"])
        return ""


def make(args: argparse.Namespace, lang: str) -> Plan:
    """What the call means. `Failure` for whatever may not be, or is not there."""
    config, source, now = station_of(args, lang)
    now.read()  # No gateway: that is told first.
    lying = look(config, source.name, lang)
    if args.package is None and lying.file is None:
        raise fault("update_nothing", lang, seen=last(lying.note, lang), board=source.name)
    package = None if args.package is None else _judged(args.package, config, source, lang)
    return Plan(config, source, now, lying, package, lang)


def station_of(args: argparse.Namespace, lang: str) -> tuple[Station, Source, StationNow]:
    """The station, the board of it that is meant, and where its gateway says how it is. `Failure`."""
    config = read_station(args.station, lang)
    ours = {source.name: source for source in config.sources if source.board_type}
    if args.board not in ours:
        raise fault("update_no_board", lang, seen=", ".join(ours) or "-", file=args.station, board=args.board)
    return config, ours[args.board], StationNow(config, args.status, lang)


def look(config: Station, name: str, lang: str) -> Lying:
    """What lies in the gateway's folder for the board `name`. `Failure`."""
    shelf = Shelf(config.update_folder)
    try:
        if not config.update_folder.is_dir():
            return Lying(None, b"", {})
        file, note = shelf.packages().get(name), shelf.note(name)
        data = shelf.read(name) if file is not None else b""
    except OSError as error:
        raise folder_fault(config, error, lang) from None
    if file is None and note.get("state") in UNDER_WAY:
        kept = note.get("file")
        file = (kept[0], kept[1]) if isinstance(kept, list) and len(kept) == 2 else None
    return Lying(file, data, note)


def board_in(document: dict[str, Any], name: str) -> dict[str, Any]:
    """What the gateway's state says of one board."""
    return next((board for board in document.get("boards", []) if board.get("name") == name), {})


def runs(told: dict[str, Any], lang: str) -> str:
    """Which application a board runs, for people."""
    if told.get("version") is None:
        return phrase("runs_unknown", lang)
    if told.get("slot") == RUNS_SAFE:
        return phrase("runs_safe", lang, words=told.get("last_words") or "—")
    key = "runs_trial" if told.get("trial") else "runs"
    return phrase(key, lang, version=told["version"], slot=told.get("slot"), counter=told.get("version_counter"))


def told_package(note: dict[str, Any], lang: str) -> str:
    """The package of a note, for people."""
    return phrase("package_short", lang, version=note.get("version", "?"), counter=note.get("counter", "?"))


def why(note: dict[str, Any], lang: str) -> str:
    """The reason of an end, for people."""
    return words.update_reason(str(note.get("reason", "")), str(note.get("detail", "")), lang)


def last(note: dict[str, Any], lang: str) -> str:
    """What became of the last package of a board, for people."""
    if not note.get("state"):
        return ""
    state = phrase(f"state_{note['state']}".replace(" ", "_"), lang)
    return f"{told_package(note, lang)}: {state}" + (f"; {why(note, lang)}" if note.get("reason") else "")


def folder_fault(config: Station, error: OSError, lang: str) -> Exception:
    """The `Failure` of a folder that cannot be used."""
    return fault("update_folder", lang, seen=error.strerror or str(error), folder=config.update_folder)


def how_to_go_on(args: argparse.Namespace, plan: Plan, lang: str) -> str:
    """What a person who stopped watching has to know."""
    if not plan.dropped and not plan.watches:
        return said("update_declined", lang)
    again = f"riverpost update {shlex.quote(plan.name)}{station_words(args)}"
    pairs = [(phrase("See", lang), [again]), (phrase("Undo", lang), [f"{again} --cancel"])]
    return f"{said('update_goes_on', lang)}\n{laid_out(pairs)}"


def _judged(path: Path, config: Station, source: Source, lang: str) -> Package:
    """The package in `path`, if its board may have it. `Failure`."""
    if not config.update_key:
        raise fault("update_no_key", lang, seen=f"update_key: {phrase('none', lang)}")
    try:
        with path.open("rb") as file:
            data = file.read(PACKAGE_BYTES_MAX + 1)
    except OSError as error:
        raise fault("unreadable", lang, seen=error.strerror or str(error), file=path) from None
    chip = boards.load_board(source.board_type).chip
    try:
        manifest = check(data, chip, bytes.fromhex(config.update_key))
        bus = next((bus for bus in config.buses if bus.name == source.bus), None)
        if bus is not None:
            check_gap(bus, sensor_reads)
    except Refused as refused:
        seen = f"{path.name}: {words.update_reason(refused.reason, refused.detail, lang)}"
        told = {
            "file": path,
            "board": source.name,
            "chip": chip,
            "digits": config.update_key[:SHOWN],
            "bus": source.bus,
        }
        raise fault(_FAULTS[refused.reason], lang, seen=seen, **told) from None
    return Package(path, data, manifest)
