"""station.toml to `config.Station`: strict, and every error at once with its line and what to do.

Rules of this file: `load()` gives a valid station or raises ConfigError with all problems; nothing is guessed, nothing
that a person wrote is ignored. Files that it names are meant relative to station.toml's own folder.
"""

import re
import tomllib
import zoneinfo
from binascii import crc32
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec.structs import replace

import boards
from gateway.config import Bus, Center, ConfigError, Spool, Station
from gateway.load_buses import SCAN_MS_MAX, Reader, read_buses
from gateway.load_calibration import read_calibrations, with_due
from gateway.load_fusion import read_offsets
from gateway.load_local import read_local
from gateway.load_modes import read_modes
from gateway.load_rules import Judging, read_rules
from gateway.load_siren import read_siren
from gateway.toml_lines import lines_of
from gateway.toml_table import Problems, Table
from wire.telemetry import MODES

FILE_BYTES_MAX = 1_000_000
_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_SERIAL = re.compile(r"[0-9a-f]{16}")
_KEY = re.compile(r"[0-9A-Fa-f]{64}")


def load(path: Path | str) -> Station:
    """The station that the file describes. ConfigError names everything that is wrong with it."""
    path = Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError([f"{path.name}: cannot be read ({error.strerror}); check the path and its rights"]) from error
    if len(raw) > FILE_BYTES_MAX:
        raise ConfigError([f"{path.name}: larger than {FILE_BYTES_MAX} bytes; this is no station.toml"])
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError([f"{path.name}:{line}: not UTF-8; save the file as UTF-8"]) from error
    try:
        document = tomllib.loads(text)
        lines = lines_of(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError([_syntax(path.name, error)]) from error
    made = build(document, Problems(path.name, lines), path.absolute().parent)
    return replace(made, version=crc32(raw))


def build(document: dict[str, Any], problems: Problems, folder: Path) -> Station:
    """The station in a parsed document. ConfigError with all that `problems` has gathered."""
    root = Table(document, (), "station.toml", problems)
    station = root.table("station")
    station_id = _station_id(station)
    name = station.text("name", example="菜园坝")
    name_en = station.text("name_en", name or "")
    time_zone = read_zone(station)
    mode = station.choice("mode", MODES, "actual")
    serial = station.text("gateway_serial", _serial_of(station_id or ""))
    if serial is not None and not _SERIAL.fullmatch(serial):
        station.problem("gateway_serial", f'"{serial}" is not 16 hex digits; leave it out or copy it from the gateway')
    update_key = station.text("update_key", "")
    if update_key and not _KEY.fullmatch(update_key):
        station.problem("update_key", "is not 64 hex digits; copy what riverpost release --new-key says")
        update_key = ""
    station.close()
    center = _center(root, folder)
    spool = _spool(root, folder)
    siren = read_siren(root, folder)
    modes = read_modes(root)
    reader = Reader(
        boards, folder, min((mode.scan_ms for mode in modes if mode.scan_ms), default=SCAN_MS_MAX), update_key or ""
    )
    buses = read_buses(root, reader)
    local = read_local(root, reader, station_id or "", folder)
    places = buses if local is None else (*buses, local)
    reader.check_neighbours(tuple(channel for place in places for s in place.sources for channel in s.channels))
    calibrations = read_calibrations(root, places, reader.names(), time_zone)
    judging = read_rules(root, places, reader.names())
    offsets = read_offsets(root)
    root.close()
    texts = problems.texts()
    if texts:
        raise ConfigError(texts)
    if station_id is None or name is None or time_zone is None or serial is None:
        raise AssertionError("a missing value without a problem is our mistake")
    buses = with_due(_alarmed(buses, judging), calibrations, time_zone)
    if local is not None:
        (local,) = with_due((local,), calibrations, time_zone)
    return Station(
        id=station_id,
        name=name,
        name_en=name_en or name,
        time_zone=time_zone,
        gateway_serial=serial,
        mode=mode,
        buses=buses,
        rules=judging.rules,
        siren=siren,
        spool=spool,
        center=center,
        local=local,
        modes=modes,
        threshold_sets=judging.sets,
        fusions=judging.fusions,
        datum_offsets=offsets,
        update_key=(update_key or "").lower(),
        calibrations=calibrations,
    )


def _alarmed(buses: tuple[Bus, ...], judging: Judging) -> tuple[Bus, ...]:
    """The buses with their sources marked that rules judge, alone or as one of two."""
    judged = {rule.channel for rule in judging.rules if rule.kind != "lost"}
    for fusion in judging.fusions:
        if fusion.name in judged:
            judged |= {fusion.low, fusion.high}
    marked = []
    for bus in buses:
        sources = [replace(s, alarmed=any(c.name in judged for c in s.channels)) for s in bus.sources]
        marked.append(replace(bus, sources=tuple(sources)))
    return tuple(marked)


def _syntax(name: str, error: Exception) -> str:
    """tomllib's own message ends with its place: "(at line 3, column 7)"."""
    match = re.search(r"(.*) \(at line (\d+), column (\d+)\)", str(error), re.DOTALL)
    if match:
        return f"{name}:{match[2]} column {match[3]}: {match[1]}; put this line right first, the rest was not read"
    what = "nested too deeply" if isinstance(error, RecursionError) else str(error)
    return f"{name}: is not TOML ({what}); put this right first, the rest was not read"


def _station_id(table: Table) -> str | None:
    value = table.text("id", example="CYB01")
    if value is not None and not _ID.fullmatch(value):
        table.problem("id", f'"{value[:40]}" cannot be part of a topic; use 1 to 32 letters A-Z, digits, "_" or "-"')
        return None
    return value


def _serial_of(station_id: str) -> str:
    """The name of the gateway's own logs when none is given: the same on every card of this station."""
    return sha256(b"riverpost gateway " + station_id.encode()).hexdigest()[:16]


def read_zone(table: Table) -> str | None:
    """The station's time zone; None where it is missing or wrong."""
    name = table.text("time_zone", example="Asia/Shanghai")
    if name is None:
        return None
    if _is_zone(name):
        return name
    if _is_zone("Asia/Shanghai"):
        table.problem("time_zone", f'"{name[:40]}" is not a time zone; use a name like "Asia/Shanghai"')
    else:
        table.problem("time_zone", "this machine knows no time zones; install the package tzdata")
    return None


def _is_zone(name: str) -> bool:
    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _center(root: Table, folder: Path) -> Center:
    """The center's broker; without the section everything is kept and nothing sent."""
    table = root.table("center")
    if not root.has("center"):
        return Center()
    ours = Center()
    password_file = table.text("password_file", "")
    center = Center(
        host=table.text("host", example="center.example.org") or "",
        port=table.integer("port", 1, 65_535, ours.port) or ours.port,
        mqtt=table.choice("mqtt", (5, 311), ours.mqtt) or ours.mqtt,
        ack=table.choice("ack", ("center", "broker"), ours.ack) or ours.ack,
        username=table.text("username", "") or "",
        password_file=str(folder / password_file) if password_file else "",
        keepalive_s=_seconds(table, "keepalive", ours.keepalive_s),
        live_batch_s=_seconds(table, "live_batch", ours.live_batch_s),
        ack_timeout_s=_seconds(table, "ack_timeout", ours.ack_timeout_s),
    )
    if password_file and not Path(center.password_file).is_file():
        table.problem("password_file", f'"{password_file}" is not there; make the file, or leave the key out')
    table.close()
    return center


def _seconds(table: Table, key: str, default_s: int) -> int:
    value_ms = table.amount(key, "time", 1_000, 3_600_000, default_s * 1_000, f"{default_s} s")
    if value_ms is not None and value_ms % 1_000:
        table.problem(key, "is not in whole seconds; round it")
    return (value_ms or 0) // 1_000


def _spool(root: Table, folder: Path) -> Spool:
    table = root.table("spool")
    path = table.text("path", "spool.db")
    cap_mib = table.amount("cap", "size", 16, 1_048_576, 1_024, "1 GiB")
    window_ms = table.amount("commit_window", "time", 1, 10_000, 250, "250 ms")
    table.close()
    return Spool(path=str(folder / (path or "spool.db")), cap_mib=cap_mib or 1_024, commit_window_ms=window_ms or 250)
