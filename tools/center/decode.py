"""From the bytes of a station's message to records, or TelemetryError: what arrives was sent by anybody.

Rules of this file: no database, clock or network. Limits of size, depth and range stand before everything else; a
message that is not the deterministic form of what it says is refused, so nothing hides behind its end.
"""

import base64
import binascii
import zlib
from binascii import crc32
from typing import NamedTuple

import cbor2

from wire.reading import QUANTITIES
from wire.row import CHANNELS_MAX, Row, crc_of
from wire.short import lengthen
from wire.telemetry import (
    C_SOUND_CDEG,
    DEFLATE_WBITS,
    E_AT_MS,
    E_DETAIL,
    E_DETECTED_MS,
    E_KIND,
    K_ALIVE,
    K_BASE_S,
    K_CATALOGUE,
    K_CONFIG,
    K_EPOCH,
    K_EVENT,
    K_ID,
    K_LOGS,
    K_MAJOR,
    K_MODE,
    K_MODE_BY,
    K_OPERATING,
    K_PUBLISHED_MS,
    K_REASON,
    K_SEGMENTS,
    K_SEQ,
    K_SERIAL,
    K_SOURCES,
    K_STATUS,
    MAJOR,
    MESSAGE_BYTES_MAX,
    MODES,
    OPERATING,
    ROWS_MAX,
    SEGMENTS_MAX,
    STATUSES,
    TelemetryError,
    gateway_qualities,
    packed_rows_of,
)

DEPTH_MAX = 10
BATCH_ROWS_MAX = 20_000  # A few bytes can claim 256 segments of 1,500 rows; 8 sources' day of minutes is 11,520.
SOURCES_MAX = 1_024
TEXT_MAX = 200
U32 = 0xFFFFFFFF
MS_MAX = 1 << 48  # The year 10889.


class Channel(NamedTuple):
    name: str
    quantity: int
    zero_mm: int | None  # elevation of the sensor's zero, where the channel is a level
    datum: str
    sound_cdeg: int | None = None  # of a gap by sound: the temperature that the sensor assumes


class Source(NamedTuple):
    serial: bytes
    epoch: int
    name: str
    kind: int
    cadence_s: int
    channels: tuple[Channel, ...]


class CatalogueMessage(NamedTuple):
    version: int
    sources: tuple[Source, ...]
    content: bytes


class BatchMessage(NamedTuple):
    catalogue: int
    base_s: int
    segments: list
    mode: int


class EventMessage(NamedTuple):
    catalogue: int
    serial: bytes
    epoch: int
    seq: int
    event: dict
    content: bytes
    crc: int
    published_ms: int


class StateMessage(NamedTuple):
    alive: bool
    catalogue: int
    logs: list[tuple[bytes, int, int, int]]
    modes: tuple[int, str, int, int, str, int]  # mode, who set it, until (unix s); the same of the operating mode
    config: int | None


class ReplyMessage(NamedTuple):
    command: int
    status: int  # place in STATUSES
    reason: str


class StoredRow(NamedTuple):
    """One row of a batch. `judged`: {column: flag} where the gateway judges otherwise than the board."""

    source: Source
    row: Row
    packed: bytes
    crc: int
    judged: dict[int, int]


Message = CatalogueMessage | BatchMessage | EventMessage | StateMessage | ReplyMessage


def read(leaf: str, payload: bytes) -> Message:
    """The record of a message on topic …/`leaf`. TelemetryError."""
    message = _map(load(inflate(payload) if leaf == "late" else payload))
    _need(message.get(K_MAJOR) == MAJOR, "not our major version")
    if leaf in ("live", "late"):
        return _batch(message)
    if leaf == "event":
        return _event(message)
    if leaf == "catalogue":
        return _catalogue(message, payload)
    if leaf == "state":
        return _state(message)
    if leaf == "reply":
        return _reply(message)
    raise TelemetryError(f"nothing is expected on {leaf}")


def inflate(payload: bytes) -> bytes:
    """What a payload on /late says, MESSAGE_BYTES_MAX at most: a few bytes can claim gigabytes. TelemetryError."""
    _need(len(payload) <= MESSAGE_BYTES_MAX, f"more than {MESSAGE_BYTES_MAX} bytes")
    unpacker = zlib.decompressobj(DEFLATE_WBITS)
    try:
        content = unpacker.decompress(payload, MESSAGE_BYTES_MAX + 1)
    except zlib.error as error:
        raise TelemetryError(f"no raw deflate: {error}") from error
    _need(len(content) <= MESSAGE_BYTES_MAX, f"inflates to more than {MESSAGE_BYTES_MAX} bytes")
    _need(unpacker.eof and not unpacker.unused_data, "deflate without end, or bytes behind it")
    return content


def load(payload: bytes) -> object:
    """The value of one CBOR item that fills `payload` and is deterministic. TelemetryError."""
    _need(len(payload) <= MESSAGE_BYTES_MAX, f"more than {MESSAGE_BYTES_MAX} bytes")
    try:
        value = cbor2.loads(payload, max_depth=DEPTH_MAX, allow_indefinite=False, allow_duplicate_keys=False)
        again = cbor2.dumps(value, canonical=True)
    except (cbor2.CBORError, ValueError, OverflowError, TypeError) as error:
        raise TelemetryError(f"no CBOR of ours: {error}") from error
    _need(again == payload, "not deterministic, or bytes behind the end")
    return value


def rows_in(segment: object, base_s: int, catalogue: CatalogueMessage) -> list[StoredRow]:
    """The rows of one segment of a batch. TelemetryError."""
    if not isinstance(segment, list) or len(segment) < 3:
        raise TelemetryError("segment is not an array of 3 or more")
    place = _uint(segment[0], "source index", len(catalogue.sources) - 1)
    source = catalogue.sources[place]
    rows = packed_rows_of(segment, source.cadence_s, source.epoch, base_s, len(source.channels))
    judged = gateway_qualities(segment, len(rows)) if len(segment) > 3 else {}
    found = []
    for i, (row, packed) in enumerate(rows):
        flags = {column: run[i] for column, run in judged.items() if column < len(row.readings)}
        found.append(StoredRow(source, row, packed, crc_of(packed), flags))
    return found


def catalogue_in(event: dict) -> CatalogueMessage | None:
    """The catalogue whose copy a catalogue event carries; None if it was too long for one. TelemetryError."""
    try:
        packed = base64.b64decode(event.get(E_DETAIL, ""), validate=True)
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(packed, MESSAGE_BYTES_MAX)
    except (binascii.Error, zlib.error, ValueError):
        return None
    message = _map(load(content))
    _need(message.get(K_MAJOR) == MAJOR, "not our major version")
    return _catalogue(message, content)


def _batch(message: dict) -> BatchMessage:
    segments = message.get(K_SEGMENTS)
    if not isinstance(segments, list) or not 1 <= len(segments) <= SEGMENTS_MAX:
        raise TelemetryError(f"1 to {SEGMENTS_MAX} segments")
    segments = lengthen(segments)
    _need(sum(map(_claimed, segments)) <= BATCH_ROWS_MAX, f"more than {BATCH_ROWS_MAX:,} rows in one message")
    return BatchMessage(
        _uint(message.get(K_CATALOGUE), "catalogue"),
        _uint(message.get(K_BASE_S), "base time"),
        segments,
        _uint(message.get(K_MODE, 0), "mode", len(MODES) - 1),
    )


def _claimed(segment: object) -> int:
    """How many rows `rows_in` may make of `segment`: 0 where it refuses it."""
    if not isinstance(segment, list) or len(segment) < 3:
        return 0
    if len(segment) == 3:
        return 1
    count = segment[4] if len(segment) > 4 else 0
    return count if isinstance(count, int) and 1 <= count <= ROWS_MAX else 0


def _event(message: dict) -> EventMessage:
    content = message.get(K_EVENT)
    if not isinstance(content, bytes):
        raise TelemetryError("an event is bytes")
    event = _map(load(content))
    _uint(event.get(E_KIND), "kind of event")
    for key in (E_AT_MS, E_DETECTED_MS):
        _int(event.get(key), "time of an event", MS_MAX)
    for key, value in event.items():
        _need(isinstance(key, int) and -24 <= key <= 23, "keys are small integers")
        if isinstance(value, int):
            _int(value, "number of an event", 1 << 62)
    epoch = _uint(message.get(K_EPOCH), "epoch")
    return EventMessage(
        _uint(message.get(K_CATALOGUE), "catalogue"),
        _serial(message.get(K_SERIAL)),
        epoch,
        _seq(message.get(K_SEQ)),
        event,
        content,
        crc32(content, epoch),
        _uint(message.get(K_PUBLISHED_MS), "time of publishing", MS_MAX),
    )


def _catalogue(message: dict, payload: bytes) -> CatalogueMessage:
    sources = message.get(K_SOURCES)
    if not isinstance(sources, list) or len(sources) > SOURCES_MAX:
        raise TelemetryError("a catalogue lists its sources")
    return CatalogueMessage(
        _uint(message.get(K_CATALOGUE), "version"), tuple(_source(source) for source in sources), payload
    )


def _source(source: object) -> Source:
    if not isinstance(source, list) or len(source) < 6 or not isinstance(source[5], list):
        raise TelemetryError("a source has six parts")
    serial, epoch, name, kind, cadence_s, channels = source[:6]
    _need(len(channels) <= CHANNELS_MAX, "too many channels")
    return Source(
        _serial(serial),
        _uint(epoch, "epoch"),
        _text(name),
        _uint(kind, "kind of source", 23),
        _uint(cadence_s, "cadence", 1_000_000),
        tuple(_channel(channel) for channel in channels),
    )


def _channel(channel: object) -> Channel:
    if not isinstance(channel, list) or len(channel) < 2 or len(channel) == 3:
        raise TelemetryError("a channel has two parts, or four and more")
    quantity = _uint(channel[1], "quantity")
    _need(quantity in QUANTITIES, f"no quantity {quantity}")
    if len(channel) == 2:
        return Channel(_text(channel[0]), quantity, None, "")
    more = channel[4] if len(channel) > 4 else {}
    _need(isinstance(more, dict), "a channel ends with a map")
    sound_cdeg = more.get(C_SOUND_CDEG)
    if sound_cdeg is not None:
        sound_cdeg = _int(sound_cdeg, "temperature", 27_314)
    return Channel(_text(channel[0]), quantity, _int(channel[2], "zero", 100_000_000), _text(channel[3]), sound_cdeg)


def _state(message: dict) -> StateMessage:
    alive = message.get(K_ALIVE)
    logs = message.get(K_LOGS, [])
    if not isinstance(alive, bool) or not isinstance(logs, list) or len(logs) > SOURCES_MAX:
        raise TelemetryError("a state says alive or not, and lists logs")
    found = []
    for log in logs:
        if not isinstance(log, list) or len(log) != 4:
            raise TelemetryError("a log has four parts")
        found.append((_serial(log[0]), _uint(log[1], "epoch"), _uint(log[2], "tail"), _uint(log[3], "head")))
    return StateMessage(
        alive,
        _uint(message.get(K_CATALOGUE, 0), "catalogue"),
        found,
        _modes(message),
        _uint(message[K_CONFIG], "version of station.toml") if K_CONFIG in message else None,
    )


def _modes(message: dict) -> tuple[int, str, int, int, str, int]:
    by = message.get(K_MODE_BY, ["", 0])
    operating = message.get(K_OPERATING, [0, "", 0])
    if not isinstance(by, list) or len(by) != 2 or not isinstance(operating, list) or len(operating) != 3:
        raise TelemetryError("a mode has its place, who set it and until when")
    return (
        _uint(message.get(K_MODE, 0), "mode", len(MODES) - 1),
        _text(by[0]),
        _uint(by[1], "end of a mode"),
        _uint(operating[0], "operating mode", len(OPERATING) - 1),
        _text(operating[1]),
        _uint(operating[2], "end of an operating mode"),
    )


def _reply(message: dict) -> ReplyMessage:
    return ReplyMessage(
        _uint(message.get(K_ID), "id of a command"),
        _uint(message.get(K_STATUS), "status", len(STATUSES) - 1),
        _text(message.get(K_REASON, "")),
    )


def _map(value: object) -> dict:
    if not isinstance(value, dict):
        raise TelemetryError("not a map")
    return value


def _serial(value: object) -> bytes:
    if not isinstance(value, bytes) or len(value) != 8:
        raise TelemetryError("a serial is 8 bytes")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > TEXT_MAX:
        raise TelemetryError(f"a name is text of at most {TEXT_MAX} characters")
    return value


def _seq(value: object) -> int:
    seq = _uint(value, "seq")
    _need(seq >= 1, "seq begins at 1")
    return seq


def _uint(value: object, what: str, most: int = U32) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise TelemetryError(f"{what} out of range")
    return value


def _int(value: object, what: str, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > most:
        raise TelemetryError(f"{what} out of range")
    return value


def _need(condition: bool, reason: str) -> None:
    if not condition:
        raise TelemetryError(reason)
