"""Our boards: from a TOML file to a board, and to the board.json that it starts from.

Rules of this file: every problem of a file is found before any is raised; the same definition gives the same bytes of
canonical JSON, so its SHA-256 says whether a board runs what the station means.
"""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from boards.chips import CHIPS, Chip
from boards.converters import check_reach, read_tables, settings_of
from boards.definition import canonical, digest, open_definition
from boards.log_ring import BLOCK_BYTES, stretched, too_short
from boards.ports import read_partitions, read_ports
from boards.records import COLUMNS_MAX, DRIVERS, Board, BoardHead, Link, MqttLink, Partition, Port, Sensor, Sl651
from boards.strict import DefinitionError, Findings, nearest, record, tables
from boards.wifi import credentials_for, sleep_of

_PORT_KEYS = {"adc": "adc", "uart": "uart", "counter": "counter", "spi": "spi", "contact": "input"}
_KEY = re.compile(r"[0-9A-Fa-f]{64}")
_LOOP_TOP_UA = 21_000  # NE 43: up to here a current still has to be told from a broken loop.


def load_board(name: str, fit: Iterable[str] | None = None) -> Board:
    """The board `name` with the sensors that `fit` asks for; None = as the file's default_fit. DefinitionError."""
    path, document, findings = open_definition(name, "board")
    head = record(BoardHead, document, "", findings, ("port", "sensor", "partition"))
    chip_name = document.get("chip")
    chip = CHIPS.get(chip_name) if isinstance(chip_name, str) else None
    if chip_name and isinstance(chip_name, str) and not chip:
        findings.add("chip", f'unknown chip "{chip_name}"; {nearest(chip_name, CHIPS)}')
    ports = read_ports(document, chip, findings)
    sensors = _sensors(document, ports, chip, findings)
    partitions = read_partitions(document, chip, findings)
    if document.get("link") == "rs485" and not any(port.kind == "bus" for port in ports):
        findings.add("port", 'the link is rs485 and no port is kind = "bus"; add that port')
    if head and head.row_s * 1000 < head.scan_ms:
        findings.add("row_s", "is shorter than a scan; write at least scan_ms / 1000")
    if fit is not None:
        sensors = _fitted(sensors, tuple(fit), "fit", findings)
    elif head:
        sensors = _fitted(sensors, head.default_fit, "default_fit", findings)
    if head and head.supply_limit_mv and not any("supply_mv" in sensor.channels for sensor in sensors):
        findings.add("supply_limit_mv", "nothing measures the supply; add its sensor, or write 0")
    row_s = _fit_log(partitions, sensors, head, findings) if head and not findings.problems else 0
    findings.stop_if_any()
    if not head:
        raise DefinitionError(findings.problems)
    board = Board(
        type=path.stem,
        title=head.title,
        chip=head.chip,
        image=head.image,
        link=head.link,
        flash_bytes=head.flash_bytes,
        scan_ms=head.scan_ms,
        row_s=row_s,
        supply_limit_mv=head.supply_limit_mv,
        ports=tuple(ports),
        sensors=tuple(sensors),
        partitions=tuple(partitions),
        definition="",
    )
    return msgspec.structs.replace(board, definition=digest(msgspec.to_builtins(board)))


def board_json(
    board_type: str,
    address: int,
    baud: int,
    framing: str,
    calibration: Mapping[str, Mapping[str, Any]] | None = None,
    fit: Iterable[str] | None = None,
    update_key: str = "",
) -> dict[str, Any]:
    """The board.json of one board: what firmware/main.py reads. DefinitionError.

    `calibration`: {driver: {setting: value}}, laid over the settings of the fitted sensor. In the place of a driver,
    "sl651": what is provisioned for the SL 651 registers; "adc": {port: [[shown, there], ...]} of the converter.
    `update_key`: public key of updates, 64 hex digits; "": none is taken.
    """
    board = load_board(board_type, fit)
    link = {"address": address, "baud": baud, "framing": framing}
    return _board_json(board, Link, board.link, link, calibration, update_key)


def mqtt_board_json(
    board_type: str,
    host: str,
    port: int,
    station: str,
    calibration: Mapping[str, Mapping[str, Any]] | None = None,
    fit: Iterable[str] | None = None,
    credentials: Mapping[str, Any] | None = None,
    update_key: str = "",
    sleep: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The same of a board on Wi-Fi, whose `station` has its broker at `host` (IPv4), `port`. DefinitionError.

    `credentials` (boards/wifi.py) go into its link, and not into its hash; without them it is what the station means.
    `sleep` (boards/wifi.py): when it wakes and connects; without it, it is always awake.
    """
    board = load_board(board_type, fit)
    link = {"host": host, "port": port, "station": station}
    more = {} if sleep is None else {"sleep": sleep_of(sleep, board)}
    made = _board_json(board, MqttLink, "mqtt", link, calibration, update_key, more)
    if credentials is not None:
        made["link"] |= credentials_for(credentials)
    return made


def _board_json(
    board: Board,
    kind: type[Struct],
    name: str,
    link: dict[str, Any],
    calibration: Mapping[str, Any] | None,
    update_key: str,
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The board.json with the link `name`, whose settings are a `kind`, and with `more`."""
    findings = Findings(f"board.json of {board.type}")
    record(kind, link, "link", findings)
    if update_key and not _KEY.fullmatch(update_key):
        findings.add("update_key", f'"{update_key}" is not 64 hex digits; copy what riverpost release --new-key says')
    findings.stop_if_any()
    sensors, sl651 = _calibrated(board, calibration or {})
    columns = board.columns
    level = next((columns.index(name) for name in ("head_mm", "gap_mm") if name in columns), None)
    made = {
        "type": board.type,
        "link": {"kind": name, **link},
        "scan_ms": board.scan_ms,
        "row_s": board.row_s,
        "supply_limit_mv": board.supply_limit_mv,
        "log_blocks": board.log_bytes // BLOCK_BYTES,
        "ports": {port.key: {**port.pins, "clean": 1} if port.clean else dict(port.pins) for port in board.ports},
        "sensors": sensors,
        "sl651": {
            "rain": columns.index("rain_um") if "rain_um" in columns else None,
            "level": level,
            "level_zero_mm": sl651.level_zero_mm,
        },
        **(more or {}),
    }
    if update_key:
        made["update_key"] = update_key.lower()
    made = json.loads(canonical(made))  # As the board will read it: lists, no tuples.
    return {**made, "definition": digest(made)}


def _sensors(document: dict[str, Any], ports: list[Port], chip: Chip | None, findings: Findings) -> list[Sensor]:
    sensors = []
    known = {port.key for port in ports}
    for key, table in tables(document, "sensor", findings):
        driver = table.get("driver")
        enabled_by = table.get("enabled_by", "")
        if not isinstance(enabled_by, str):
            findings.add(f"{key}.enabled_by", 'must be a text; write what a station fits, e.g. "level"')
        if not isinstance(driver, str) or driver not in DRIVERS:
            reason = "is missing" if driver is None else f"unknown driver {driver!r}"
            findings.add(f"{key}.driver", f"{reason}; {nearest(str(driver), DRIVERS)}")
            continue
        settings = record(DRIVERS[driver][0], table, key, findings, ("driver", "enabled_by"))
        if settings is None:
            continue
        for name, kind in _PORT_KEYS.items():
            unit = getattr(settings, name, None)
            if unit is not None and f"{kind} {unit}" not in known:
                remedy = nearest(f"{kind} {unit}", [port for port in known if port.startswith(kind)])
                findings.add(f"{key}.{name}", f'the board has no port "{kind} {unit}"; {remedy}')
        _check_settings(settings, key, chip, findings)
        _check_clean(settings, key, ports, findings)
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


def _check_clean(settings: Any, key: str, ports: Iterable[Port], findings: Findings) -> None:
    """Pulses that the chip counts have no times of their own: a debounce would take them for bounces."""
    clean = {port.number for port in ports if port.clean}
    if getattr(settings, "counter", None) in clean and settings.debounce_ms:
        findings.add(f"{key}.debounce_ms", "a clean source does not bounce; write 0, or leave clean out of the port")


def _fit_log(partitions: list[Partition], sensors: list[Sensor], head: BoardHead, findings: Findings) -> int:
    """Seconds between rows, with which the log reaches back far enough with the sensors that are fitted."""
    logs = [(f"partition[{i}].size", piece) for i, piece in enumerate(partitions) if piece.name == "log"]
    if len(logs) != 1:
        findings.add("partition", f'has {len(logs)} named "log"; write one, it holds the rows')
        return head.row_s
    key, log = logs[0]
    columns = [channel for sensor in sensors for channel in sensor.channels]
    row_s = stretched(log.size, columns, head.row_s, head.row_s_most)
    reason = too_short(log.size, columns, row_s)
    if reason:
        findings.add(key, reason)
    return row_s


def _fitted(sensors: list[Sensor], fit: tuple[str, ...], key: str, findings: Findings) -> list[Sensor]:
    """The sensors that `fit` asks for and those that are always there, if a row can carry them."""
    known = {sensor.enabled_by for sensor in sensors} - {""}
    for name in fit:
        if name not in known:
            findings.add(key, f'this board carries no "{name}"; {nearest(str(name), known)}')
    chosen = [sensor for sensor in sensors if not sensor.enabled_by or sensor.enabled_by in fit]
    columns = sum(len(sensor.channels) for sensor in chosen)
    if columns > COLUMNS_MAX:
        findings.add(key, f"{columns} quantities, a row carries {COLUMNS_MAX}; put some sensors on another board")
    quantities = [channel for sensor in chosen for channel in sensor.channels]
    for quantity in sorted({name for name in quantities if quantities.count(name) > 1}):
        findings.add(key, f"{quantity} would be measured twice; fit one of those sensors")
    return chosen


def _calibrated(board: Board, calibration: Mapping[str, Any]) -> tuple[list[dict[str, Any]], Sl651]:
    """The "sensors" of a board.json, calibration laid over the settings, channels behind; and the SL 651 settings."""
    findings = Findings(f"calibration of {board.type}")
    fitted = {sensor.driver for sensor in board.sensors}
    tables_of: dict[str, dict[str, Any]] = {}
    for driver, table in calibration.items():
        if driver not in fitted | {"sl651", "adc"}:
            findings.add(driver, f"no such sensor is fitted; {nearest(driver, fitted)}")
        elif not isinstance(table, Mapping):
            findings.add(driver, "is not a table; write the settings of the sensor in it")
        else:
            tables_of[driver] = dict(table)
    chip = CHIPS[board.chip]
    converters = read_tables(tables_of.get("adc", {}), board.ports, findings)
    made = []
    for sensor in board.sensors:
        table = {**msgspec.to_builtins(sensor.settings), **tables_of.get(sensor.driver, {})}
        settings = record(DRIVERS[sensor.driver][0], table, sensor.driver, findings)
        if settings is not None:
            _check_settings(settings, sensor.driver, chip, findings)
            _check_clean(settings, sensor.driver, board.ports, findings)
            check_reach(settings, converters, sensor.driver, findings)
            entry = {"driver": sensor.driver, **msgspec.to_builtins(settings), "channels": list(sensor.channels)}
            made.append({**entry, **settings_of(sensor.driver, settings, chip, converters)})
    sl651 = record(Sl651, tables_of.get("sl651", {}), "sl651", findings)
    findings.stop_if_any()
    if sl651 is None:
        raise DefinitionError(findings.problems)
    return made, sl651
