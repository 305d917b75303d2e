"""From a TOML file to a board, a profile, and the board.json that a board starts from.

Rules of this file: every problem of a file is found before any is raised; the same definition gives the same bytes of
canonical JSON, so its SHA-256 says whether a board runs what the station means.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from boards.chips import CHIPS, ROLES, Chip, why_not
from boards.records import (
    COLUMNS_MAX,
    DRIVERS,
    Board,
    BoardHead,
    Partition,
    Point,
    Port,
    Profile,
    ProfileHead,
    Sensor,
)
from boards.strict import DefinitionError, Findings, nearest, parse, record, tables
from wire.reading import QUANTITIES, QUANTITY_CODES

FOLDER = Path(__file__).resolve().parent
_PORT_KEYS = {"adc": "adc", "uart": "uart", "counter": "counter", "spi": "spi", "contact": "input"}
_REGISTERS = {"int16": 1, "uint16": 1, "int32": 2, "uint32": 2, "float32": 2}
_LOOP_TOP_UA = 21_000  # NE 43: up to here a current still has to be told from a broken loop.


def names(kind: str = "") -> tuple[str, ...]:
    """Names of the built-in definitions of `kind` ("board", "profile"), sorted; of both without it."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        if not kind or parse(path, Findings(path.name)).get("kind") == kind:
            found.append(path.stem)
    return tuple(found)


def load_board(name: str, fit: Iterable[str] | None = None) -> Board:
    """The board `name` with the sensors that `fit` asks for; None = as the file's default_fit. DefinitionError."""
    path, document, findings = _open(name, "board")
    head = record(BoardHead, document, "", findings, ("port", "sensor", "partition"))
    chip = CHIPS.get(str(document.get("chip")))
    if head and not chip:
        findings.add("chip", f'unknown chip "{head.chip}"; {nearest(head.chip, CHIPS)}')
    ports = _ports(document, chip, findings)
    sensors = _sensors(document, ports, chip, findings)
    partitions = _partitions(document, chip, findings)
    if not head or not chip:
        raise DefinitionError(findings.problems)
    if head.link == "rs485" and not any(port.kind == "bus" for port in ports):
        findings.add("port", 'the link is rs485 and no port is kind = "bus"; add that port')
    sensors = _fitted(sensors, head.default_fit if fit is None else tuple(fit), findings, fit is None)
    findings.stop_if_any()
    board = Board(
        type=path.stem,
        title=head.title,
        chip=head.chip,
        image=head.image,
        link=head.link,
        scan_ms=head.scan_ms,
        row_s=head.row_s,
        ports=tuple(ports),
        sensors=sensors,
        partitions=tuple(partitions),
        definition="",
    )
    return msgspec.structs.replace(board, definition=_digest(msgspec.to_builtins(board)))


def load_profile(name: str) -> Profile:
    """The profile `name` of a bought sensor. DefinitionError."""
    path, document, findings = _open(name, "profile")
    head = record(ProfileHead, document, "", findings, ("point",))
    points = []
    for key, table in tables(document, "point", findings):
        point = record(Point, table, key, findings)
        if point:
            _check_point(point, key, head.max_block if head else 125, findings)
            points.append(point)
    if not document.get("point"):
        findings.add("point", "is missing; write a [[point]] for each quantity")
    seen = [point.quantity for point in points]
    for quantity in sorted({quantity for quantity in seen if seen.count(quantity) > 1}):
        findings.add("point", f'quantity "{quantity}" stands twice; keep one')
    findings.stop_if_any()
    if head is None:
        raise DefinitionError(findings.problems)
    values = {field: getattr(head, field) for field in head.__struct_fields__ if field != "kind"}
    return Profile(name=path.stem, points=tuple(points), **values)


def board_json(
    board_type: str,
    address: int,
    baud: int,
    framing: str,
    calibration: Mapping[str, Mapping[str, Any]] | None = None,
    fit: Iterable[str] | None = None,
    level_zero_mm: int = 0,
) -> dict[str, Any]:
    """The board.json of one board: what firmware/main.py reads. DefinitionError.

    `calibration`: {driver: {setting: value}}, laid over the settings of the fitted sensor. `level_zero_mm`: what the
    SL 651 level register adds to the head, or takes the gap from.
    """
    board = load_board(board_type, fit)
    columns = board.columns
    level = next((columns.index(name) for name in ("head_mm", "gap_mm") if name in columns), None)
    made = {
        "type": board.type,
        "link": {"kind": board.link, "address": address, "baud": baud, "framing": framing},
        "scan_ms": board.scan_ms,
        "row_s": board.row_s,
        "ports": {port.key: dict(port.pins) for port in board.ports},
        "sensors": _settings(board, calibration or {}),
        "sl651": {
            "rain": columns.index("rain_um") if "rain_um" in columns else None,
            "level": level,
            "level_zero_mm": level_zero_mm,
        },
    }
    return {**made, "definition": _digest(made)}


def canonical(value: Any) -> bytes:
    """`value` as JSON with one possible spelling: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def _open(name: str, kind: str) -> tuple[Path, dict[str, Any], Findings]:
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    findings = Findings(path.name if path.parent == FOLDER else str(path))
    if not name.endswith(".toml") and name not in names():
        findings.add("", f"no {kind} has this name; {nearest(name, names(kind))}")
        findings.stop_if_any()
    document = parse(path, findings)
    if document.get("kind") != kind:
        findings.add("kind", f'is {document.get("kind")!r} where a {kind} is wanted; write kind = "{kind}"')
        findings.stop_if_any()
    return path, document, findings


def _ports(document: dict[str, Any], chip: Chip | None, findings: Findings) -> list[Port]:
    ports: list[Port] = []
    users: dict[int, str] = {}
    for key, table in tables(document, "port", findings):
        port = record(Port, table, key, findings)
        if not port:
            continue
        if port.key in {other.key for other in ports}:
            findings.add(key, f'a second port "{port.key}"; give it another number or name')
        if port.kind == "input" and not port.name:
            findings.add(f"{key}.name", "is missing; an input has a name that a sensor can mean")
        ports.append(port)
        needed, allowed = ROLES[port.kind]
        for role in needed:
            if role not in port.pins:
                findings.add(f"{key}.pins.{role}", f'is missing; a port of kind "{port.kind}" needs this pin')
        for role, pin in port.pins.items():
            where = f"{key}.pins.{role}"
            if role not in needed + allowed:
                findings.add(where, f"unknown role; {nearest(role, needed + allowed)}")
                continue
            reason = why_not(chip, port.kind, port.number, role, pin) if chip else ""
            if reason:
                findings.add(where, reason)
            if pin in users:
                findings.add(where, f"pin {pin} is {users[pin]} already; use another")
            users.setdefault(pin, where)
    return ports


def _sensors(document: dict[str, Any], ports: list[Port], chip: Chip | None, findings: Findings) -> list[Sensor]:
    sensors = []
    known = {port.key for port in ports}
    for key, table in tables(document, "sensor", findings):
        driver = table.get("driver")
        enabled_by = table.get("enabled_by", "")
        if not isinstance(enabled_by, str):
            findings.add(f"{key}.enabled_by", 'must be a text; write what a station fits, e.g. "level"')
        if driver not in DRIVERS:
            reason = "is missing" if driver is None else f"unknown driver {driver!r}"
            findings.add(f"{key}.driver", f"{reason}; {nearest(str(driver), DRIVERS)}")
            continue
        settings = record(DRIVERS[driver][0], table, key, findings, ("driver", "enabled_by"))
        if settings is None:
            continue
        for name, kind in _PORT_KEYS.items():
            unit = getattr(settings, name, None)
            if unit is not None and f"{kind} {unit}" not in known:
                remedy = nearest(f"{kind} {unit}", [port for port in known if port.startswith(kind)] or ["none"])
                findings.add(f"{key}.{name}", f'the board has no port "{kind} {unit}"; {remedy}')
        _check_settings(settings, key, chip, findings)
        sensors.append(Sensor(driver, enabled_by if isinstance(enabled_by, str) else "", settings))
    if not document.get("sensor"):
        findings.add("sensor", "is missing; write a [[sensor]] for each sensor the board can carry")
    return sensors


def _check_settings(settings: Any, key: str, chip: Chip | None, findings: Findings) -> None:
    """What the types cannot say: limits that hang on one another."""
    shunt_mohm = getattr(settings, "shunt_mohm", None)
    if chip and shunt_mohm is not None and _LOOP_TOP_UA * shunt_mohm // 1000 > chip.adc_top_uv:
        best = chip.adc_top_uv * 1000 // _LOOP_TOP_UA
        findings.add(f"{key}.shunt_mohm", f"21 mA would overload the converter; use at most {best}")
    if getattr(settings, "full_na", 1) <= getattr(settings, "zero_na", 0):
        findings.add(f"{key}.full_na", "must be above zero_na; exchange them or measure again")
    if getattr(settings, "max_mm", 1) <= getattr(settings, "min_mm", 0):
        findings.add(f"{key}.max_mm", "must be above min_mm; see the sensor's data sheet")
    points = getattr(settings, "points", ())
    if any(after[0] <= before[0] for before, after in zip(points, points[1:], strict=False)):
        findings.add(f"{key}.points", "the measured values must ascend; sort the pairs and drop repeated ones")


def _partitions(document: dict[str, Any], chip: Chip | None, findings: Findings) -> list[Partition]:
    found: list[Partition] = []
    flash_bytes = document.get("flash_bytes")
    for key, table in tables(document, "partition", findings):
        piece = record(Partition, table, key, findings)
        if not piece:
            continue
        end = piece.offset + piece.size
        if chip and (piece.offset % chip.sector or piece.size % chip.sector):
            findings.add(key, f"does not lie on whole sectors; use multiples of {chip.sector:#x}")
        if isinstance(flash_bytes, int) and end > flash_bytes:
            findings.add(key, f"ends at {end:#x}, behind the flash ({flash_bytes:#x}); make it smaller")
        for other in found:
            if piece.offset < other.offset + other.size and other.offset < end:
                findings.add(key, f'overlaps "{other.name}"; move one of them')
        found.append(piece)
    return found


def _fitted(sensors: list[Sensor], fit: tuple[str, ...], findings: Findings, default: bool) -> tuple[Sensor, ...]:
    key = "default_fit" if default else "fit"
    known = {sensor.enabled_by for sensor in sensors} - {""}
    for name in fit:
        if name not in known and known:
            findings.add(key, f'this board carries no "{name}"; {nearest(str(name), known)}')
    chosen = tuple(sensor for sensor in sensors if not sensor.enabled_by or sensor.enabled_by in fit)
    columns = sum(len(sensor.channels) for sensor in chosen)
    if columns > COLUMNS_MAX:
        findings.add(key, f"{columns} quantities, a row carries {COLUMNS_MAX}; put some sensors on another board")
    quantities = [channel for sensor in chosen for channel in sensor.channels]
    for quantity in sorted({name for name in quantities if quantities.count(name) > 1}):
        findings.add(key, f"{quantity} would be measured twice; fit one of those sensors")
    return chosen


def _settings(board: Board, calibration: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The "sensors" of a board.json: settings with the calibration over them, channels behind."""
    findings = Findings(f"calibration of {board.type}")
    fitted = {sensor.driver for sensor in board.sensors}
    for driver in calibration:
        if driver not in fitted:
            findings.add(driver, f"no such sensor is fitted; {nearest(driver, fitted)}")
    made = []
    for sensor in board.sensors:
        table = {**msgspec.to_builtins(sensor.settings), **calibration.get(sensor.driver, {})}
        settings = record(DRIVERS[sensor.driver][0], table, sensor.driver, findings)
        if settings is not None:
            _check_settings(settings, sensor.driver, CHIPS[board.chip], findings)
            made.append({"driver": sensor.driver, **msgspec.to_builtins(settings), "channels": list(sensor.channels)})
    findings.stop_if_any()
    return made


def _check_point(point: Point, key: str, max_block: int, findings: Findings) -> None:
    if point.quantity not in QUANTITY_CODES:
        findings.add(
            f"{key}.quantity", f'unknown quantity "{point.quantity}"; {nearest(point.quantity, QUANTITY_CODES)}'
        )
    else:
        low, high = QUANTITIES[QUANTITY_CODES[point.quantity]][2:4]
        for name, value in (("valid_low", point.valid_low), ("valid_high", point.valid_high)):
            if not low <= value <= high:
                findings.add(f"{key}.{name}", f"{value} is outside what {point.quantity} can be; use {low} to {high}")
    if point.valid_low >= point.valid_high:
        findings.add(f"{key}.valid_high", "must be above valid_low; see the sensor's data sheet")
    if point.count != _REGISTERS[point.type]:
        findings.add(f"{key}.count", f"{point.type} takes {_REGISTERS[point.type]} register(s); write that count")
    if point.count > max_block:
        findings.add(f"{key}.count", "is more than max_block, and a value must come in one answer; raise max_block")
    if point.scale_num == 0:
        findings.add(f"{key}.scale_num", "0 would make every value 0; write the factor")
