"""What was found against what station.toml means: a row for each device, and for each that is expected and silent.

Rules of this file: pure; keys of the phrases with their facts, no words. Without a station nothing is missing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations
from typing import Any

from boards import DefinitionError, board_json, load_board, load_profile
from gateway.config import Bus, Source
from tools.scan.found import BOUGHT, OURS, Device, document
from tools.scan.identify import product
from tools.scan.settings import Setting
from wire.registers import RUNS_SAFE

OK, LOOK, FAIL = "ok", "look", "FAIL"
ORDER = (OK, LOOK, FAIL)
FACTORY_ADDRESS = 247  # Of a board without readable settings (firmware/board_json.py).
HASH_DIGITS = 16  # Of a definition, as the register has it.
UNSET = "0" * HASH_DIGITS
TWINS_GARBLED = 3  # Of six tries.

Note = tuple[str, dict[str, Any]]


@dataclass
class Row:
    """`notes`: the first is the shortest that can be said; `next`: what a person does about it, "" = nothing."""

    address: int
    name: str
    state: str = OK
    notes: list[Note] = field(default_factory=list)
    device: Device | None = None
    next: str = ""

    def note(self, key: str, state: str = OK, next_: str = "", **facts: Any) -> None:
        self.notes.append((key, facts))
        self.state = max(self.state, state, key=ORDER.index)
        self.next = self.next or next_

    def document(self) -> dict[str, Any]:
        found = document(self.device) if self.device else {"address": self.address}
        notes = [{"key": key, **facts} for key, facts in self.notes]
        return {**found, "name": self.name or None, "state": self.state, "notes": notes}


def rows(
    found: Iterable[tuple[Device, tuple[Setting, ...]]],
    bus: Bus | None,
    addresses: Iterable[int],
    setting: Setting,
    noisy: bool = False,
) -> list[Row]:
    """One for each device, and each source of `bus` among `addresses` that is silent; `setting` is the bus's.

    `noisy`: the line makes bytes of its own, so that garbled answers say nothing about a device.
    """
    pairs = list(found)
    by_address = {source.address: source for source in bus.sources} if bus else {}
    alone = len({device.address for device, _ in pairs}) == 1
    clean = not noisy and any(not device.tries.garbled for device, _ in pairs)
    made = []
    for device, also in pairs:
        row = Row(device.address, "", device=device)
        _twins(row, device, clean, alone)
        if not device.garbled_only:
            _judge(row, device, by_address.get(device.address), bus is not None)
        elif device.address in by_address:
            row.name = by_address[device.address].name
        _steady(row, device)
        if bus is not None and device.setting != setting:
            row.note("other_setting", FAIL, "setting", setting=str(device.setting), bus=str(setting))
        if also:
            row.note("also", OK, settings=", ".join(map(str, also)))
        made.append(row)
    there = {device.address for device, _ in pairs}
    for address in sorted(by_address.keys() & set(addresses) - there):
        row = Row(address, by_address[address].name)
        row.note("silent", FAIL, "cable")
        made.append(row)
    return sorted(made, key=lambda row: row.address)


def unlooked(addresses: Iterable[int], bus: Bus | None) -> list[Row]:
    """A row for each that answered before the scan was stopped."""
    names = {source.address: source.name for source in bus.sources} if bus else {}
    made = [Row(address, names.get(address, "")) for address in sorted(addresses)]
    for row in made:
        row.note("unlooked", LOOK)
    return made


def _twins(row: Row, device: Device, clean: bool, alone: bool) -> None:
    """Two devices with one address: for sure, or as the likeliest reason why its answers are garbled."""
    sure = device.tries.second + device.long_tries.second or len(device.serials) > 1 or device.heard_twin
    if sure:
        serials = ", ".join(sorted(device.serials)) if len(device.serials) > 1 else ""
        row.note("twins_serials" if serials else "twins", FAIL, "readdress", serials=serials)
    elif device.tries.garbled >= TWINS_GARBLED and clean:
        row.note("twins_likely", FAIL, "readdress", garbled=device.tries.garbled, asked=device.tries.count)
    elif device.garbled_only:
        row.note("garbled", LOOK, "all" if alone else "line", garbled=device.tries.garbled, asked=device.tries.count)


def _steady(row: Row, device: Device) -> None:
    """Does it answer each time?"""
    if not (is_twin(row) or device.garbled_only or device.tries.whole == device.tries.count):
        row.note("unsteady", LOOK, "", answered=device.tries.whole, asked=device.tries.count)


def is_twin(row: Row) -> bool:
    return any(key.startswith("twins") for key, _ in row.notes)


def _judge(row: Row, device: Device, source: Source | None, has_station: bool) -> None:
    if source is not None:
        row.name = source.name
    if device.kind == OURS:
        _board(row, device, source, has_station)
    elif device.kind == BOUGHT:
        _sensor(row, device, source, has_station)
    elif source is None:
        row.note("unknown", LOOK)
    elif source.board_type:
        row.note("no_board", FAIL, "", type=source.board_type)
    else:
        profile = _profile(source)
        key = "refused" if profile in device.refusals else "not_as_profile"
        row.note(key, LOOK, "", profile=profile, code=device.refusals.get(profile, 0))


def _board(row: Row, device: Device, source: Source | None, has_station: bool) -> None:
    kind = product(device)
    if source is None and has_station:
        unset = device.address == FACTORY_ADDRESS and device.definition == UNSET
        row.note("not_in_station", LOOK, "settings" if unset else "")
    elif source is not None and source.profile:
        row.note("board_for_sensor", FAIL, "", profile=_profile(source))
    elif source is not None and source.board_type != kind:
        row.note("other_type", FAIL, "", type=source.board_type)
    elif source is not None:
        row.note("in_station")
        if source.serial and device.serials and source.serial not in device.serials:
            row.note("other_serial", FAIL, "", serial=source.serial)
    _definition(row, device, source, kind)
    status = device.status
    if status is None:
        if not is_twin(row):
            row.note("no_status", LOOK)
    elif status.slot == RUNS_SAFE:
        row.note("safe", LOOK, "", words=status.last_words or "—")
    elif status.trial:
        row.note("trial", LOOK)


def _definition(row: Row, device: Device, source: Source | None, kind: str) -> None:
    """Does the board run what is meant?"""
    if device.definition in ("", UNSET):
        if device.definition:
            row.note("unprovisioned", LOOK, "settings")
        return
    if source is not None and source.definition and source.board_type == kind:
        if source.definition.startswith(device.definition):
            row.note("definition_right", digest=device.definition)
        else:
            row.note("definition_other", LOOK, "provision", digest=device.definition)
        return
    fit = _plain_definitions(kind, device.address, device.setting).get(device.definition)
    if fit is None:
        row.note("definition_own", digest=device.definition)
    else:
        row.note("definition_plain", digest=device.definition, fit=", ".join(fit) or "—")


@cache
def _plain_definitions(kind: str, address: int, setting: Setting) -> dict[str, tuple[str, ...]]:
    """Hash -> what is fitted, of every board.json that boards/ gives without calibration or key."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        wanted = sorted({fit for fit in _fits(kind) if fit})
    except DefinitionError:
        return found
    for count in range(len(wanted) + 1):
        for fit in combinations(wanted, count):
            try:
                made = board_json(kind, address, setting.baud, setting.framing, fit=fit)
            except DefinitionError:
                continue  # These do not go together on one board.
            found[made["definition"][:HASH_DIGITS]] = fit
    return found


def _fits(kind: str) -> set[str]:
    """What a board of this type may be fitted with."""
    from boards.definition import open_definition

    _, board, _ = open_definition(kind, "board")
    load_board(kind)
    return {str(sensor.get("enabled_by", "")) for sensor in board.get("sensor", [])}


def _sensor(row: Row, device: Device, source: Source | None, has_station: bool) -> None:
    if source is None:
        row.note("not_in_station" if has_station else "fits", LOOK if has_station else OK)
    elif source.board_type:
        row.note("no_board", FAIL, "", type=source.board_type)
    elif _profile(source) in device.profiles:
        row.note("in_station")
    else:
        row.note("other_profile", LOOK, "", profile=_profile(source))
    if len(device.profiles) > 1:
        row.note("several_profiles", OK, "", profiles=", ".join(device.profiles))


def _profile(source: Source) -> str:
    return load_profile(source.profile).name
