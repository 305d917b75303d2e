"""What is made from a stored row: its readings, the newest value of each channel, the columns of an event.

Rules of this file: all of it can be made again from `rows` and the catalogues; the newest derivation wins, and nothing
old overwrites "latest". Each function runs inside the store's transaction.
"""

import sqlite3
from collections import Counter

from tools.center.decode import EventMessage, Source, StoredRow
from tools.center.schema import Incoming
from wire.reading import NEVER, NOT_EVALUATED, QUANTITIES
from wire.row import Reading
from wire.telemetry import (
    E_AT_MS,
    E_CHANNEL,
    E_DATUM,
    E_DETAIL,
    E_DETECTED_MS,
    E_EPISODE_MS,
    E_KIND,
    E_LEVEL,
    E_MODE,
    E_QUANTITY,
    E_RULE,
    E_SIREN_MS,
    E_SOURCE,
    E_THRESHOLD,
    E_THRESHOLD_SET,
    E_VALUE,
)

FUTURE_MS = 24 * 3_600_000  # A row so far ahead of our clock is kept, and is nobody's latest.

_EVENT_COLUMNS = (
    ("kind", E_KIND, int), ("at_ms", E_AT_MS, int), ("detected_ms", E_DETECTED_MS, int),
    ("episode_ms", E_EPISODE_MS, int), ("siren_ms", E_SIREN_MS, int), ("rule", E_RULE, str),
    ("channel", E_CHANNEL, str), ("level", E_LEVEL, int), ("value", E_VALUE, int), ("threshold", E_THRESHOLD, int),
    ("threshold_set", E_THRESHOLD_SET, str), ("datum", E_DATUM, str), ("mode", E_MODE, int), ("detail", E_DETAIL, str),
    ("quantity", E_QUANTITY, int), ("concerns", E_SOURCE, bytes),
)  # fmt: skip


def put_readings(
    db: sqlite3.Connection, counts: Counter[str], message: Incoming, stored: StoredRow, version: int, new: bool
) -> None:
    """The readings of a row under catalogue `version`; `new` = the row was not here before."""
    row, source = stored.row, stored.source
    key = (source.serial, source.epoch, row.seq)
    ahead = row.time_quality != NEVER and row.t_s * 1000 > message.received_ms + FUTURE_MS
    counts["future"] += ahead and new
    for reading in row.readings:
        if reading.channel >= len(source.channels):
            continue  # A column that no catalogue names: it stays in `rows`.
        channel = source.channels[reading.channel]
        quality = stored.judged.get(reading.channel, reading.quality) or NOT_EVALUATED
        level_mm = _level(source, reading)
        db.execute(
            "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " gateway_quality = excluded.gateway_quality, level_mm = excluded.level_mm, quantity = excluded.quantity,"
            " derivation = excluded.derivation WHERE excluded.derivation > derivation",
            (
                *key, reading.channel, channel.quantity, reading.value, reading.quality, reading.low, reading.high,
                reading.spread, quality, level_mm, version,
            ),
        )  # fmt: skip
        if not ahead:
            _put_latest(db, message, stored, reading, quality, level_mm)
    if new:
        tips = [(*key, place, *tip) for place, tip in enumerate(row.tips)]
        db.executemany("INSERT OR IGNORE INTO tips VALUES (?, ?, ?, ?, ?, ?)", tips)
        counts["readings"] += len(row.readings)


def _put_latest(
    db: sqlite3.Connection, message: Incoming, stored: StoredRow, reading: Reading, quality: int, level_mm: int | None
) -> None:
    row, source = stored.row, stored.source
    channel = source.channels[reading.channel]
    db.execute(
        "INSERT INTO latest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " source = excluded.source, epoch = excluded.epoch, seq = excluded.seq, source_name = excluded.source_name,"
        " quantity = excluded.quantity, t_ms = excluded.t_ms, time_quality = excluded.time_quality,"
        " value = excluded.value, quality = excluded.quality, level_mm = excluded.level_mm, datum = excluded.datum,"
        " received_ms = excluded.received_ms, late = excluded.late, cadence_s = excluded.cadence_s"
        " WHERE excluded.t_ms > t_ms",
        (
            message.station, channel.name, source.serial, source.epoch, row.seq, source.name, channel.quantity,
            row.t_s * 1000 + row.ms, row.time_quality, reading.value, quality, level_mm, channel.datum,
            message.received_ms, message.leaf == "late", source.cadence_s,
        ),
    )  # fmt: skip


def put_event(db: sqlite3.Connection, message: Incoming, told: EventMessage) -> None:
    """An event as columns; a value of another kind than its key is for stays only in the stored bytes."""
    given = [(name, told.event.get(code), kind) for name, code, kind in _EVENT_COLUMNS]
    columns = {name: value for name, value, kind in given if isinstance(value, kind)}
    columns |= {
        "station": message.station, "source": told.serial, "epoch": told.epoch, "seq": told.seq,
        "published_ms": told.published_ms, "received_ms": message.received_ms,
    }  # fmt: skip
    places = ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO events ({', '.join(columns)}) VALUES ({places})", tuple(columns.values()))


def _level(source: Source, reading: Reading) -> int | None:
    """Elevation of the water in the channel's datum: zero + head, or zero - gap."""
    channel = source.channels[reading.channel]
    if channel.zero_mm is None or reading.value is None:
        return None
    return channel.zero_mm + (-reading.value if QUANTITIES[channel.quantity][0] == "gap_mm" else reading.value)
