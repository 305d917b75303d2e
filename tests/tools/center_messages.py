"""Messages of a station for tests of the center: made with cbor2 and wire only, as a gateway would."""

import base64
import zlib

import cbor2

from tools.center.schema import Incoming
from wire.reading import GOOD, QUANTITY_CODES, SYNCED
from wire.row import Reading, Row
from wire.telemetry import DEFLATE_WBITS, segments_of

STATION = "CYB01"
BOARD, GATEWAY = b"board..1", b"gateway1"
EPOCH, EPOCH_2 = 0xABCD, 0xABCE  # The second log has the same channels: the board began anew.
KEY = (BOARD, EPOCH)
START_S = 1_591_063_500
NOW_MS = START_S * 1000 + 600_000
LEVEL = ["river", QUANTITY_CODES["head_mm"], 160_000, "wusong"]


def incoming(leaf: str, message: object, at_ms: int = NOW_MS) -> Incoming:
    payload = message if isinstance(message, bytes) else cbor2.dumps(message, canonical=True)
    return Incoming(STATION, leaf, payload, at_ms)


def rows(first: int, count: int, value: int = 20_000) -> list[Row]:
    return [
        Row(seq, 1, SYNCED, START_S + 60 * seq, 0, [Reading(0, value + seq, GOOD), Reading(1, 12_000, GOOD)], [(5, 1)])
        for seq in range(first, first + count)
    ]


def catalogue_content(version: int = 7, level: list | None = None, other: str = "supply_mv") -> bytes:
    channels = [level or LEVEL, [f"level.{other.rpartition('_')[0]}", QUANTITY_CODES[other]]]
    sources = [[GATEWAY, 1, "events", 2, 0, []], [BOARD, EPOCH, "level", 0, 60, channels]]
    sources.append([BOARD, EPOCH_2, "level", 0, 60, channels])
    return cbor2.dumps({0: 1, 1: version, 10: STATION, 11: sources}, canonical=True)


def catalogue(version: int = 7, level: list | None = None, other: str = "supply_mv") -> Incoming:
    return incoming("catalogue", catalogue_content(version, level, other))


def batch(
    of_rows: list[Row], version: int = 7, leaf: str = "live", more: list | None = None, *, place: int = 1,
    epoch: int = EPOCH, at_ms: int = NOW_MS,
) -> Incoming:  # fmt: skip
    segments = segments_of(place, 60, epoch, of_rows, START_S, 2) + (more or [])
    message = cbor2.dumps({0: 1, 1: version, 2: START_S, 3: segments}, canonical=True)
    return incoming(leaf, deflated(message) if leaf == "late" else message, at_ms)


def deflated(message: bytes) -> bytes:
    packer = zlib.compressobj(wbits=DEFLATE_WBITS)
    return packer.compress(message) + packer.flush()


CODES = {"rule": 3, "channel": 4, "level": 5, "value": 6, "threshold": 7, "datum": 9, "detail": 11, "quantity": 12,
         "source": 14, "range": 15, "epoch_of": 17}  # fmt: skip


def event(seq: int, kind: int, epoch: int = 1, **columns) -> Incoming:
    told = {0: kind, 1: NOW_MS + seq, 2: NOW_MS + seq} | {CODES[name]: value for name, value in columns.items()}
    content = cbor2.dumps(told, canonical=True)
    return incoming("event", {0: 1, 1: 7, 5: GATEWAY, 6: epoch, 7: seq, 8: content, 9: NOW_MS + seq})


def catalogue_event(seq: int, version: int) -> Incoming:
    copy = base64.b64encode(zlib.compress(catalogue_content(version))).decode()
    return event(seq, 32, detail=copy)


def birth(logs: list | None = None, at_ms: int = NOW_MS) -> Incoming:
    return incoming("state", {0: 1, 14: True, 1: 7, 15: logs or []}, at_ms)
