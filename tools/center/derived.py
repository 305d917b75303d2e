"""What is made from a stored row: its readings, the newest value of each channel, the columns of an event.

Rules of this file: all of it can be made again from `rows` and the catalogues; the newest derivation wins, and nothing
old overwrites "latest". Each function runs inside the store's transaction.
"""

import sqlite3
from collections.abc import Sequence

from gateway.air import stored_gap_mm
from gateway.quality import usable
from tools.center.decode import U32, EventMessage, StoredRow
from tools.center.schema import Incoming, Key
from tools.center.times import doubt
from wire.reading import NEVER, NOT_EVALUATED, QUANTITIES
from wire.row import Reading
from wire.telemetry import (
    E_ACTOR,
    E_AT_MS,
    E_CHANNEL,
    E_COMMAND,
    E_DATUM,
    E_DETAIL,
    E_DETECTED_MS,
    E_EPISODE_MS,
    E_EPOCH,
    E_KIND,
    E_LATE,
    E_LEVEL,
    E_MODE,
    E_NUMBER,
    E_OPERATING,
    E_QUANTITY,
    E_RANGE,
    E_RULE,
    E_SIREN_MS,
    E_SOURCE,
    E_SUPPRESSED,
    E_THRESHOLD,
    E_THRESHOLD_SET,
    E_TIER,
    E_UNTIL_MS,
    E_VALUE,
)

_READING = (
    "INSERT INTO readings VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " gateway_quality = excluded.gateway_quality, level_mm = excluded.level_mm, quantity = excluded.quantity,"
    " derivation = excluded.derivation WHERE excluded.derivation > derivation"
)
_NEWEST = (
    "INSERT INTO newest VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " seq = excluded.seq, source_name = excluded.source_name, quantity = excluded.quantity, t_ms = excluded.t_ms,"
    " time_quality = excluded.time_quality, resolved_ms = excluded.resolved_ms, as_of_ms = excluded.as_of_ms,"
    " value = excluded.value, quality = excluded.quality, level_mm = excluded.level_mm, datum = excluded.datum,"
    " received_ms = excluded.received_ms, late = excluded.late, cadence_s = excluded.cadence_s,"
    " derivation = excluded.derivation WHERE excluded.seq > seq"
)
_NEWEST_AGAIN = (
    "UPDATE newest SET quality = ?, level_mm = ?, derivation = ?"
    " WHERE station = ? AND name = ? AND source = ? AND epoch = ? AND seq = ? AND derivation < ?"
)

_EVENT_COLUMNS = (
    ("kind", E_KIND, int), ("at_ms", E_AT_MS, int), ("detected_ms", E_DETECTED_MS, int),
    ("episode_ms", E_EPISODE_MS, int), ("siren_ms", E_SIREN_MS, int), ("rule", E_RULE, str),
    ("channel", E_CHANNEL, str), ("level", E_LEVEL, int), ("value", E_VALUE, int), ("threshold", E_THRESHOLD, int),
    ("threshold_set", E_THRESHOLD_SET, str), ("datum", E_DATUM, str), ("mode", E_MODE, int), ("detail", E_DETAIL, str),
    ("quantity", E_QUANTITY, int), ("concerns", E_SOURCE, bytes), ("concerns_epoch", E_EPOCH, int),
    ("number", E_NUMBER, int), ("until_ms", E_UNTIL_MS, int), ("tier", E_TIER, str), ("actor", E_ACTOR, str),
    ("suppressed", E_SUPPRESSED, int), ("late", E_LATE, int), ("operating", E_OPERATING, int),
    ("command", E_COMMAND, int),
)  # fmt: skip


def put_readings(db: sqlite3.Connection, received: Incoming, rows: Sequence[StoredRow], version: int) -> int:
    """The readings of new rows of one log under catalogue `version`; how many they are."""
    readings = _readings(rows, version)
    db.executemany(_READING, readings)
    tips = [
        (stored.source.serial, stored.source.epoch, stored.row.seq, place, *tip)
        for stored in rows
        for place, tip in enumerate(stored.row.tips)
    ]
    db.executemany("INSERT INTO tips VALUES (?, ?, ?, ?, ?, ?)", tips)
    _put_newest(db, received, rows, version)
    return sum(len(stored.row.readings) for stored in rows)


def derive_again(db: sqlite3.Connection, station: str, rows: Sequence[StoredRow], version: int) -> None:
    """Rows that are here already came under `version`: where it is a newer one, its derivation wins."""
    db.executemany(_READING, _readings(rows, version))
    newest = []
    for stored in rows:
        source = stored.source
        for reading in _named(stored):
            name = source.channels[reading.channel].name
            derived = (_quality(stored, reading), _level(stored, reading), version)
            newest.append((*derived, station, name, source.serial, source.epoch, stored.row.seq, version))
    db.executemany(_NEWEST_AGAIN, newest)


def _readings(rows: Sequence[StoredRow], version: int) -> list[tuple]:
    readings = []
    for stored in rows:
        row, source = stored.row, stored.source
        key = (source.serial, source.epoch, row.seq)
        for reading in _named(stored):
            channel = source.channels[reading.channel]
            readings.append(
                (
                    *key, reading.channel, channel.quantity, reading.value, reading.quality, reading.low, reading.high,
                    reading.spread, _quality(stored, reading), _level(stored, reading), version,
                )
            )  # fmt: skip
    return readings


def _put_newest(db: sqlite3.Connection, received: Incoming, rows: Sequence[StoredRow], version: int) -> None:
    """Within a log the highest seq is the newest, whatever its clock says; a time that cannot be is never shown."""
    possible = [stored for stored in rows if stored.row.readings and not doubt(stored.row, received.received_ms)]
    if not possible:
        return
    stored = max(possible, key=lambda one: one.row.seq)
    row, source = stored.row, stored.source
    t_ms, late = row.t_s * 1000 + row.ms, received.leaf == "late"
    resolved_ms = None if row.time_quality == NEVER else t_ms
    as_of_ms = (0 if late else received.received_ms) if resolved_ms is None else resolved_ms
    newest = []
    for reading in _named(stored):
        channel = source.channels[reading.channel]
        newest.append(
            (
                received.station, channel.name, source.serial, source.epoch, row.seq, source.name, channel.quantity,
                t_ms, row.time_quality, resolved_ms, as_of_ms, reading.value, _quality(stored, reading),
                _level(stored, reading), channel.datum, received.received_ms, late, source.cadence_s, version,
            )
        )  # fmt: skip
    db.executemany(_NEWEST, newest)


def redate_newest(db: sqlite3.Connection, key: Key) -> None:
    """The rows of a log got other times: its newest values too."""
    db.execute(
        "UPDATE newest SET resolved_ms = found.resolved_ms, as_of_ms = coalesce(found.resolved_ms, as_of_ms)"
        " FROM (SELECT source, epoch, seq, resolved_ms FROM rows) AS found"
        " WHERE newest.source = ? AND newest.epoch = ? AND newest.time_quality = 0"
        " AND (found.source, found.epoch, found.seq) = (newest.source, newest.epoch, newest.seq)",
        key,
    )


def put_event(db: sqlite3.Connection, message: Incoming, told: EventMessage) -> None:
    """An event as columns; a value of another kind than its key is for stays only in the stored bytes."""
    given = [(name, told.event.get(code), kind) for name, code, kind in _EVENT_COLUMNS]
    columns = {name: value for name, value, kind in given if isinstance(value, kind)}
    first, last = _range(told.event.get(E_RANGE))
    columns |= {
        "first": first, "last": last,
        "station": message.station, "source": told.serial, "epoch": told.epoch, "seq": told.seq,
        "published_ms": told.published_ms, "received_ms": message.received_ms,
    }  # fmt: skip
    places = ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO events ({', '.join(columns)}) VALUES ({places})", tuple(columns.values()))


def _range(given: object) -> tuple[int | None, int | None]:
    if not isinstance(given, list) or len(given) != 2 or not all(isinstance(seq, int) for seq in given):
        return None, None
    first, last = given
    return (first, last) if 1 <= first <= last <= U32 else (None, None)


def _named(stored: StoredRow) -> list[Reading]:
    """The readings whose column a catalogue names; another stays in `rows`."""
    return [reading for reading in stored.row.readings if reading.channel < len(stored.source.channels)]


def _quality(stored: StoredRow, reading: Reading) -> int:
    return stored.judged.get(reading.channel, reading.quality) or NOT_EVALUATED


def _level(stored: StoredRow, reading: Reading) -> int | None:
    """Elevation of the water in the channel's datum: zero + head, or zero - gap.

    A gap by sound is corrected by the temperature of its row; without one it has no elevation.
    """
    channel = stored.source.channels[reading.channel]
    if channel.zero_mm is None or reading.value is None:
        return None
    if channel.sound_cdeg is not None:
        gap_mm = stored_gap_mm(reading.value, _temperature_cdeg(stored), channel.sound_cdeg)
        return None if gap_mm is None else channel.zero_mm - gap_mm
    return channel.zero_mm + (-reading.value if QUANTITIES[channel.quantity][0] == "gap_mm" else reading.value)


def _temperature_cdeg(stored: StoredRow) -> int | None:
    """The temperature that the row measured, if it is usable."""
    for reading in _named(stored):
        if QUANTITIES[stored.source.channels[reading.channel].quantity][0] == "temp_cdeg":
            return reading.value if usable(reading.quality) else None
    return None
