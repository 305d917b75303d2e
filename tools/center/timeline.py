"""`riverpost center timeline`: what sensors and people said of one channel, in one order of time.

Rules of this file: reading only. Each line says who: a sensor's row, an observer, the judgement. What belongs to an
exercise is another timeline than the actual one. An observation that no station has confirmed yet is shown as such.
"""

import argparse
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway import words
from tools.center import orders
from tools.center.store import now_ms
from tools.failure import EXIT_DONE, EXIT_NOTHING_FOUND, Failure
from wire.reading import QUALITY_NAMES, QUANTITIES
from wire.telemetry import EVENT_CODES, EVENT_KINDS, MODES

LINES_MAX = 10_000
_OBSERVED = EVENT_CODES["manual observation"]
_READINGS = (
    "SELECT rows.resolved_ms AS at_ms, readings.*, newest.source_name FROM newest JOIN readings USING (source, epoch)"
    " JOIN rows ON (rows.source, rows.epoch, rows.seq) = (readings.source, readings.epoch, readings.seq)"
    " WHERE newest.station = ? AND newest.name = ? AND readings.quantity = newest.quantity"
    " AND rows.mode = ? AND rows.resolved_ms IS NOT NULL AND rows.doubt = 0 ORDER BY rows.resolved_ms DESC LIMIT ?"
)
_EVENTS = "SELECT * FROM events WHERE station = ? AND channel = ? AND coalesce(mode, 0) = ? ORDER BY at_ms DESC LIMIT ?"
_WORDS = {
    "reading": ("测值", "reading"),
    "manual": ("人工置数", "manual"),
    "event": ("事件", "event"),
    "late": ("补判", "late"),
    "none": ("没有记录。", "Nothing is stored of it."),
}


def timeline(path: Path, station: str, channel: str, mode: str, limit: int) -> list[dict[str, Any]]:
    """The newest lines of a channel, oldest first. sqlite3.Error where the database cannot be read."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")
        place = MODES.index(mode)
        found = [_reading(row) for row in db.execute(_READINGS, (station, channel, place, limit))]
        found += [_event(row) for row in db.execute(_EVENTS, (station, channel, place, limit))]
        if mode == "actual":
            db.row_factory = None
            found += _waiting(db, station, channel)
    found.sort(key=lambda line: (line["at_ms"], line["what"]))
    return found[-limit:]


def show(args: argparse.Namespace) -> int:
    """Print it. Exit codes: 0 done, 3 nothing of that channel."""
    try:
        lines = timeline(args.db, args.station, args.channel, args.mode, min(max(args.last, 1), LINES_MAX))
    except sqlite3.Error as error:
        raise Failure(
            f"the database {args.db} cannot be read",
            seen=str(error),
            likely="it is not a center's database of this version",
            do=["give the --db that `riverpost center run` was given"],
        ) from error
    if args.json:
        print(json.dumps(lines, ensure_ascii=False, indent=1))
    else:
        lang = words.language(args.lang)
        for line in lines:
            print(_text(line, lang))
        if not lines:
            print(_word("none", lang))
    return EXIT_DONE if lines else EXIT_NOTHING_FOUND


def _reading(row: sqlite3.Row) -> dict[str, Any]:
    is_level = row["level_mm"] is not None
    return {
        "at_ms": row["at_ms"],
        "what": "reading",
        "who": row["source_name"],
        "quantity": "level_mm" if is_level else QUANTITIES[row["quantity"]][0],
        "value": row["level_mm"] if is_level else row["value"],
        "text": QUALITY_NAMES[row["gateway_quality"]],
    }


def _event(row: sqlite3.Row) -> dict[str, Any]:
    quantity = QUANTITIES.get(row["quantity"] or 0)
    observed = row["kind"] == _OBSERVED
    detail = row["detail"] or ""
    if not observed:
        level = "" if row["level"] is None else words.LEVEL_NAMES[row["level"]]
        parts = (EVENT_KINDS.get(row["kind"], str(row["kind"])), row["rule"], level, detail)
        detail = " ".join(part for part in parts if part)
    return {
        "at_ms": row["at_ms"],
        "what": "manual" if observed else "late" if row["late"] else "event",
        "who": row["actor"] or "",
        "quantity": quantity[0] if quantity else "",
        "value": row["value"],
        "text": detail,
    }


def _waiting(db: sqlite3.Connection, station: str, channel: str) -> list[dict[str, Any]]:
    """Observations that were entered here, and of which no event has come (yet)."""
    found = []
    for order in orders.progress(db, station, now_ms(), LINES_MAX):
        action = order.action
        if action.kind == "observe" and action.channel == channel and order.state != "done":
            assert action.quantity is not None
            line = {"at_ms": action.at_ms, "what": "manual", "who": action.actor}
            line |= {"quantity": QUANTITIES[action.quantity][0], "value": action.value}
            found.append(line | {"text": " ".join(filter(None, (action.reason, order.state, order.reason)))})
    return found


def _text(line: dict[str, Any], lang: str) -> str:
    at = datetime.fromtimestamp(line["at_ms"] // 1000, UTC)
    word = _word(line["what"], lang)
    value = words.shown(line["quantity"], line["value"]) if line["quantity"] else ""
    cells = (f"{at:%m-%d %H:%M:%S}", _pad(word, 9), _pad(line["who"], 8), _pad(value, 12), line["text"])
    return " ".join(cells).rstrip()


def _pad(text: str, width: int) -> str:
    return text + " " * max(width - words.columns(text), 0)


def _word(key: str, lang: str) -> str:
    return _WORDS[key][words.LANGUAGES.index(lang)]
