"""What the center's database holds, as plain data: for `center show`, its JSON, and whoever looks from outside.

Rules of this file: reading only; a value comes with unit, datum, quality and age, and a missing one is None.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

from gateway.ranges import Ranges
from tools.center import episodes, gaps, orders
from tools.center.decode import CatalogueMessage, read
from tools.center.schema import DOUBTS, Key
from tools.center.store import now_ms
from tools.failure import EXIT_NOTHING_FOUND, Failure
from wire.reading import MISSING, QUALITY_NAMES, QUANTITIES, TIME_QUALITY_NAMES
from wire.telemetry import MODES, OPERATING, SOURCE_EVENTS, TelemetryError

_CLOCKS_DIFFER_MS = (
    3_600_000  # A live row so far from our clock was stamped by another clock: its age is since receipt.
)
EPISODES_MAX = 20  # Late episodes of a station that are listed,
ORDERS_MAX = 20  # and orders to it; the newest.
_SOURCE_KINDS = ("board", "sensor", "events")


def need_database(path: Path) -> None:
    """Failure where there is none at `path`."""
    if not path.exists():
        raise Failure(
            f"there is no database {path}",
            seen="no such file",
            likely="no center has run here yet, or it wrote elsewhere",
            do=[f"riverpost center run --db {path}"],
            exit_code=EXIT_NOTHING_FOUND,
        )


def overview(path: Path, at_ms: int | None = None) -> dict[str, Any]:
    """The database at `path` as of `at_ms` (unix ms; now). sqlite3.Error where it cannot be read."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5.0)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")
        at_ms = now_ms() if at_ms is None else at_ms
        counters = {row["name"]: row["value"] for row in db.execute("SELECT * FROM counters")}
        return {
            "generation": db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()[0],
            "at_ms": at_ms,
            "stations": [_station(db, row, at_ms) for row in db.execute("SELECT * FROM stations ORDER BY station")],
            "rows": _count(db, "rows"),
            "readings": _count(db, "readings"),
            "events": _count(db, "events"),
            "duplicates": counters.get("duplicates", 0),
            "conflicts": counters.get("conflicts", 0),
            "quarantined": _count(db, "quarantine"),
            "doubted": _count(db, "rows WHERE doubt > 0"),
            "waiting": _count(db, "raw"),
        }


def _station(db: sqlite3.Connection, row: sqlite3.Row, at_ms: int) -> dict[str, Any]:
    station = row["station"]
    catalogue = _newest_catalogue(db, station)
    return {
        "station": station,
        "alive": bool(row["alive"]),
        "mode": MODES[row["mode"]],
        "mode_by": row["mode_by"],
        "mode_until_ms": row["mode_until_s"] * 1000 or None,
        "operating": OPERATING[row["operating"]],
        "operating_by": row["operating_by"],
        "operating_until_ms": row["operating_until_s"] * 1000 or None,
        "config": None if row["config"] is None else f"{row['config']:08x}",
        "seen_ms": row["seen_ms"],
        "channels": _channels(db, station, catalogue, at_ms),
        "alarms": (alarms := episodes.standing(db, station, at_ms)),
        "counts": episodes.counts(alarms),
        "late_episodes": episodes.late(db, station, EPISODES_MAX),
        "orders": [_order(order) for order in orders.progress(db, station, at_ms, ORDERS_MAX)],
        "sources": _sources(db, station, catalogue, at_ms),
    }


def _newest_catalogue(db: sqlite3.Connection, station: str) -> CatalogueMessage | None:
    found = db.execute(
        "SELECT content FROM catalogues WHERE station = ? ORDER BY version DESC LIMIT 1", (station,)
    ).fetchone()
    try:
        record = read("catalogue", found["content"]) if found else None
    except TelemetryError:
        return None
    return record if isinstance(record, CatalogueMessage) else None


def _channels(
    db: sqlite3.Connection, station: str, catalogue: CatalogueMessage | None, at_ms: int
) -> list[dict[str, Any]]:
    """Every channel that has a value, and those of the catalogue that never had one."""
    found = [
        _channel(row, at_ms) for row in db.execute("SELECT * FROM latest WHERE station = ? ORDER BY name", (station,))
    ]
    known = {channel["name"] for channel in found}
    for source in catalogue.sources if catalogue else ():
        for channel in source.channels:
            if channel.name not in known:
                known.add(channel.name)
                quantity = QUANTITIES[channel.quantity][0]
                found.append({"name": channel.name, "source": source.name, "quantity": quantity, "value": None})
    return found


def _channel(row: sqlite3.Row, at_ms: int) -> dict[str, Any]:
    level = row["level_mm"] is not None or bool(row["datum"])
    since_ms = row["resolved_ms"]
    live = not row["late"]
    if since_ms is None or (live and abs(row["received_ms"] - since_ms) > _CLOCKS_DIFFER_MS):
        since_ms = row["received_ms"]
    return {
        "name": row["name"],
        "source": row["source_name"],
        "quantity": "level_mm" if level else QUANTITIES[row["quantity"]][0],
        "value": None if row["quality"] == MISSING else row["level_mm"] if level else row["value"],
        "raw": row["value"],
        "raw_quantity": QUANTITIES[row["quantity"]][0],
        "datum": row["datum"],
        "quality": QUALITY_NAMES[row["quality"]],
        "t_ms": row["resolved_ms"],
        "time_quality": TIME_QUALITY_NAMES[row["time_quality"]],
        "age_ms": max(at_ms - since_ms, 0),
        "cadence_s": row["cadence_s"],
    }


def _order(order: orders.Progress) -> dict[str, Any]:
    """An order with the fields that its kind has."""
    asked = {name: value for name, value in order.action._asdict().items() if value not in (None, "")}
    facts = {"id": order.id, "state": order.state, "answer": order.reason, "made_ms": order.made_ms}
    return facts | {"sent_ms": order.sent_ms, "replied_ms": order.replied_ms} | asked


def _sources(
    db: sqlite3.Connection, station: str, catalogue: CatalogueMessage | None, at_ms: int
) -> list[dict[str, Any]]:
    """Each log: what the station says it has, what of it is here, and what is not."""
    named = {(s.serial, s.epoch): s for s in (catalogue.sources if catalogue else ())}
    stored: dict[Key, Ranges] = {}
    for row in db.execute("SELECT source, epoch, first, last FROM ranges WHERE station = ?", (station,)):
        stored.setdefault((row["source"], row["epoch"]), Ranges()).add(row["first"], row["last"])
    told = {log.key: log for log in gaps.logs_of(db, station)}
    found = []
    for key in sorted(stored.keys() | told.keys(), key=lambda k: (named[k].name if k in named else "~", k)):
        ranges = stored.get(key, Ranges())
        log = told.get(key) or gaps.Log(key, ranges.first, ranges.last, None)
        source = named.get(key)
        kind = source.kind if source else SOURCE_EVENTS + 1
        missing = gaps.gaps(db, log, ranges, at_ms)
        found.append(
            {
                "name": source.name if source else _old_name(db, key),
                "serial": key[0].hex(),
                "epoch": key[1],
                "kind": _SOURCE_KINDS[kind] if kind < len(_SOURCE_KINDS) else "",
                "rows": ranges.count(),
                "up_to": ranges.contiguous(max((log.tail or 1) - 1, 0)),
                "not_here": [[gap.first, gap.last] for gap in missing if gap.state != "final"],
                "gaps": [_gap(db, key, gap) for gap in missing],
                "conflicts": _count(db, "quarantine WHERE source = ? AND epoch = ?", *key),
                "doubts": _doubts(db, key),
            }
        )
    return found


def _old_name(db: sqlite3.Connection, key: Key) -> str:
    """The name of a source that the newest catalogue lists no more."""
    found = db.execute("SELECT source_name FROM newest WHERE source = ? AND epoch = ? LIMIT 1", key).fetchone()
    return found["source_name"] if found else ""


def _gap(db: sqlite3.Connection, key: Key, gap: gaps.Gap) -> dict[str, Any]:
    """A gap with the times of the rows around it, where there are such and their time is known."""
    sql = "SELECT resolved_ms FROM rows WHERE source = ? AND epoch = ? AND seq {} ? ORDER BY seq {} LIMIT 1"
    before = db.execute(sql.format("<", "DESC"), (*key, gap.first)).fetchone()
    after = db.execute(sql.format(">", "ASC"), (*key, gap.last)).fetchone()
    return {
        "first": gap.first,
        "last": gap.last,
        "count": gap.last - gap.first + 1,
        "state": gap.state,
        "why": gap.why,
        "asked_ms": gap.asked_ms or None,
        "after_ms": before["resolved_ms"] if before else None,
        "before_ms": after["resolved_ms"] if after else None,
    }


def _doubts(db: sqlite3.Connection, key: Key) -> list[dict[str, Any]]:
    """Rows of a log whose time cannot be: the range of their seqs, how many, and why."""
    found = db.execute(
        "SELECT doubt, min(seq) AS first, max(seq) AS last, count(*) AS count FROM rows"
        " WHERE doubt > 0 AND source = ? AND epoch = ? GROUP BY doubt",
        key,
    )
    return [{"why": DOUBTS[row["doubt"]], **{name: row[name] for name in ("first", "last", "count")}} for row in found]


def _count(db: sqlite3.Connection, what: str, *values: object) -> int:
    return db.execute(f"SELECT count(*) FROM {what}", values).fetchone()[0]
