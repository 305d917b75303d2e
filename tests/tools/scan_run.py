"""A scan of a line of tests/tools/scan_line.py, and what it said."""

import io
import json

from boards import board_json
from gateway.config import Bus, Source
from tools.scan import course, show
from tools.scan.call import Call
from tools.scan.settings import Setting

BUS = Setting(9_600, "8N1")
PLAIN = board_json("esp32-rs485", 11, 9_600, "8N1", fit=("level",))["definition"]
LEVEL = Source("level", "main", 11, board_type="esp32-rs485", definition=PLAIN)
RADAR_SOURCE = Source("radar", "main", 21, profile="radar-60ghz")


def bus_of(*sources):
    return Bus("main", "/dev/rs485", 9_600, "8N1", 1_000, sources)


def call(*sources, station=True, whom=tuple(range(1, 31)), settings=(BUS,)):
    bus = bus_of(*sources) if station else None
    return Call("/dev/rs485", BUS, tuple(settings), whom, 0.1, bus, None)


def scan(line, asked):
    """(rows by address, hints by key, the scan) of what `line` gives."""
    found = course.look(asked, "en", line)
    rows, hints = course.judged(asked, found)
    for lang in ("zh", "en"):
        printed(rows, hints, lang)
    json.dumps(show.document(found, rows, hints))
    return {row.address: row for row in rows}, {hint.key: hint for hint in hints}, found


def printed(rows, hints, lang):
    out = io.StringIO()
    show.table(rows, lang, out)
    show.line_hints(hints, lang, out)
    show.result(rows, hints, course.following(call(), rows, hints, lang), lang, out)
    return out.getvalue()


def keys(row):
    return [key for key, _ in row.notes]
