"""A spool's file with logs of five sources in it, what is wanted of them, and messages read back as a center would."""

import zlib
from functools import partial

import cbor2

from gateway.batches import Ages, Want, live_batches
from gateway.catalogue import Layout
from gateway.mode_log import ModeLog
from gateway.ranges import Ranges
from gateway.spool_reader import Reader
from gateway.spool_schema import Changes, LogInfo, connect
from gateway.spool_tables import append_rows, begin_log, made_log
from tests.gateway.small_station import START_S
from wire.reading import QUANTITY_CODES, SYNCED
from wire.row import Reading, Row, crc_of, pack
from wire.short import lengthen
from wire.telemetry import DEFLATE_WBITS, MESSAGE_BYTES_MAX, rows_of

EPOCH = 0x12345678
ALL_LIVE, ALL_LATE = Ages(0, 1 << 33), Ages(1 << 32, 1 << 33)
VERSION = 0x09A1_2B3C
GATEWAY = b"gateway."
STATION = {  # name: channels, as four boards and a bought radar have them
    "level": ("head_mm", "supply_mv"),
    "rain": ("rain_um", "supply_mv"),
    "tilt": ("tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg", "supply_mv"),
    "smoke": ("smoke_mdbm", "smoke_contact", "supply_mv"),
    "radar": ("gap_mm",),
}
NOISE = {"head_mm": 8, "gap_mm": 8, "tilt_x_mdeg": 2, "tilt_y_mdeg": 2, "temp_cdeg": 8, "supply_mv": 6, "smoke_mdbm": 2}
START = {
    "head_mm": 3_214,
    "gap_mm": 8_790,
    "tilt_x_mdeg": 412,
    "tilt_y_mdeg": -123,
    "temp_cdeg": 2_145,
    "rain_um": 182_400,
}


class Shelf:
    """A spool's file with logs in it, and what is wanted of them."""

    def __init__(self, folder):
        self.db = connect(folder / "spool.db", 16_384)
        self.keys = {}
        changes = Changes()
        self.db.execute("BEGIN")
        made_log(self.db, changes, LogInfo(GATEWAY, 0, 0, "events", 2, ()), GATEWAY, 0)
        for place, name in enumerate(STATION):
            key = (name.encode().ljust(8), EPOCH + place)
            begin_log(self.db, changes, LogInfo(*key, 0, name, 0, STATION[name]), GATEWAY, 0)
            self.keys[name] = key
        self.db.execute("COMMIT")

    def put(self, name, rows):
        key = self.keys[name]
        packed = [pack(row, key[1]) for row in rows]
        stored = [(row.seq, row.kind, row.t_s, 0, crc_of(p), p) for row, p in zip(rows, packed, strict=True)]
        self.db.execute("BEGIN")
        append_rows(self.db, Changes(), key, stored, 0)
        self.db.execute("COMMIT")

    async def read(self, function):
        return function(Reader(self.db, {}))

    def live(self, wants, ages=ALL_LIVE, modes=None, bytes_max=MESSAGE_BYTES_MAX):
        return live_batches(Reader(self.db, {}), wants, ages, (modes or ModeLog()).at, bytes_max)

    def layout(self, name, key, stamped):
        codes = tuple(QUANTITY_CODES[quantity] for quantity in STATION[name])
        return Layout(VERSION, list(STATION).index(name), 60, codes, name)

    def want(self, name, *pairs):
        return Want(self.keys[name], Ranges(pairs), partial(self.layout, name), None)

    def message(self, batch):
        try:
            return cbor2.loads(zlib.decompress(batch.payload, DEFLATE_WBITS))
        except zlib.error:
            return cbor2.loads(batch.payload)

    def back(self, batches):
        """{name: rows} as a center would read them, with the keys that the batches say they carry."""
        found = {name: [] for name in STATION}
        parts = {name: Ranges() for name in STATION}
        for batch in batches:
            message = self.message(batch)
            for segment in lengthen(message[3]):
                name = list(STATION)[segment[0]]
                epoch = self.keys[name][1]
                found[name] += rows_of(segment, 60, epoch, message[2], len(STATION[name]))
            for key, ranges in batch.parts:
                parts[key[0].decode().strip()].update(ranges)
        return found, parts


def minutes(name, count, dice, first=1, begin_s=START_S):
    """Rows of a source, one a minute, with the noise that such sensors have."""
    rows = []
    for seq in range(first, first + count):
        readings = []
        for column, quantity in enumerate(STATION[name]):
            value = START.get(quantity, 12_000 if quantity == "supply_mv" else 0)
            value += round(dice.gauss(0, NOISE.get(quantity, 0)))
            if quantity == "rain_um":
                value += 200 * (seq // 3)
            stats = (value - 9 - seq % 4, value + 8 + seq % 5, 7) if quantity in ("head_mm", "gap_mm") else ()
            readings.append(Reading(column, value, 1, *(stats if name == "level" else ())))
        tips = [(dice.randrange(60), 1)] if name == "rain" and seq % 3 == 0 else []
        rows.append(Row(seq, 3, SYNCED, begin_s + 60 * seq, 0, readings, tips))
    return rows
