"""board.json: what this board is, kept in two copies; and what it is where none of them can be obeyed.

Rules of this file: every text is either a definition that the other parts can take for granted or a DefinitionError
that names its key. The safe application only needs link, ports and the size of the log, so nothing else keeps it from
starting; where the copies give not even that, it takes those of FACTORY, the copy that the board was flashed with, at
FACTORY_ADDRESS: no board of a station has this one, so it disturbs no neighbour that works.
"""

import json

import twin
from unfit import DefinitionError
from update import key_of

from wire.registers import SLOTS

NAME = "/board"
FACTORY = "/safe/board.json"
FACTORY_ADDRESS = 247
SCAN_MS_LEAST = 100
SCAN_MS_MOST = 60_000
ROW_S_MOST = 3_600
LOG_BLOCKS_MOST = 65_536
BAUD_MOST = 1_000_000
FRAMINGS = ("8N1", "8E1", "8O1", "8N2")
SUPPLY_LIMIT_MV_MOST = 60_000
WAKE_S_MAX = 86_400
WAKES_MAX = 1_000


def copies(root: str) -> list:
    """The whole copies of board.json, newest first."""
    return twin.newest_first(root + NAME)


def parse(content: bytes, safe: bool) -> dict:
    """The definition in `content`; `safe`: as the safe application needs it. DefinitionError."""
    try:
        definition = json.loads(content)
    except (ValueError, UnicodeError) as error:
        raise DefinitionError("board.json", str(error))
    if not isinstance(definition, dict):
        raise DefinitionError("board.json", "no object")
    if safe:
        definition.update(
            {"sensors": [], "sl651": {}, "supply_limit_mv": 0, "scan_ms": 1_000, "row_s": 60, "sleep": None}
        )
    _check(definition)
    return definition


def factory(root: str) -> dict:
    """What the board was flashed with, for the safe application. DefinitionError."""
    try:
        with open(root + FACTORY, "rb") as file:
            content = file.read()
    except OSError:
        raise DefinitionError(FACTORY, "missing")
    definition = parse(content, True)
    definition["definition"] = "0" * 64  # It is nothing that a station means.
    if definition["link"]["kind"] == "rs485":
        definition["link"]["address"] = FACTORY_ADDRESS
    return definition


def _check(definition):
    for key in ("type", "definition", "link", "scan_ms", "row_s", "log_blocks", "sensors"):
        if key not in definition:
            raise DefinitionError(key, "missing")
    _is("type", definition["type"], str)
    _is("sensors", definition["sensors"], list)
    for sensor in definition["sensors"]:
        _is("sensors", sensor, dict)
        _is("sensors.driver", sensor.get("driver", ""), str)
    try:
        whole = len(bytes.fromhex(_is("definition", definition["definition"], str))) == 32
    except ValueError:
        whole = False
    if not whole:
        raise DefinitionError("definition", "64 hex digits")
    check_link(_is("link", definition["link"], dict))
    _check_ports(_is("ports", definition.get("ports", {}), dict))
    _check_sl651(_is("sl651", definition.get("sl651") or {}, dict))
    scan_ms = _number(definition, "scan_ms", SCAN_MS_LEAST, SCAN_MS_MOST)
    if _number(definition, "row_s", 1, ROW_S_MOST) * 1000 < scan_ms:
        raise DefinitionError("row_s", "a scan or longer")
    if definition.get("sleep"):
        _check_sleep(definition)
    try:
        key_of(definition.get("update_key"))
    except ValueError as error:
        raise DefinitionError("update_key", str(error))
    _number(definition, "log_blocks", 1, LOG_BLOCKS_MOST)
    limit_mv = _number(definition, "supply_limit_mv", 0, SUPPLY_LIMIT_MV_MOST) if "supply_limit_mv" in definition else 0
    if limit_mv and not any(sensor.get("driver") == "supply" for sensor in definition["sensors"]):
        raise DefinitionError("supply_limit_mv", "nothing measures the supply")


def _check_sleep(definition):
    """A board on a line is asked at any time, so only one on Wi-Fi sleeps; and it wakes for whole rows."""
    plan = _is("sleep", definition["sleep"], dict)
    if definition["link"]["kind"] != "mqtt":
        raise DefinitionError("sleep", "only with link.kind mqtt")
    if _number(plan, "wake_s", 1, WAKE_S_MAX, "sleep.") % definition["row_s"]:
        raise DefinitionError("sleep.wake_s", "a multiple of row_s, up to %d" % WAKE_S_MAX)
    _number(plan, "report_every", 1, WAKES_MAX, "sleep.")


def check_link(link: dict) -> None:
    """DefinitionError for a link that cannot be opened."""
    kind = link.get("kind")
    if kind == "mqtt":
        for key in ("host", "station"):
            if not _is("link." + key, link.get(key, ""), str):
                raise DefinitionError("link." + key, "missing")
        if "port" not in link:
            raise DefinitionError("link.port", "missing")
        _number(link, "port", 1, 65_535, "link.")
        parts = link["host"].split(".")
        if len(parts) != 4 or not all(part.isdigit() for part in parts):
            raise DefinitionError("link.host", "an IPv4 address: a board looks up no names")
    elif kind == "rs485":
        _number(link, "address", 1, 247, "link.")
        if "baud" in link:
            _number(link, "baud", 300, BAUD_MOST, "link.")
        if link.get("framing", "8N1") not in FRAMINGS:
            raise DefinitionError("link.framing", ", ".join(FRAMINGS))
    else:
        raise DefinitionError("link.kind", "rs485 or mqtt")


def _check_ports(ports):
    for key in ports:
        for role, pin in _is("ports." + key, ports[key], dict).items():
            _is("ports.%s.%s" % (key, role), pin, int)


def _check_sl651(sl651):
    for key in ("rain", "level"):
        if sl651.get(key) is not None:
            _number(sl651, key, 0, SLOTS - 1, "sl651.")
    _is("sl651.level_zero_mm", sl651.get("level_zero_mm", 0), int)


def _number(table, key, least, most, before=""):
    """The whole number at `key`, if it lies within its limits."""
    number = table.get(key)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise DefinitionError(before + key, "%d..%d" % (least, most))
    return number


def _is(key, value, kind):
    """`value`, if it is a `kind`."""
    if not isinstance(value, kind) or isinstance(value, bool):
        raise DefinitionError(key, "no %s" % kind.__name__)
    return value
