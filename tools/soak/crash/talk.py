"""What the recorded process said and heard: acknowledgements to boards, rows and events to the center, its answers.

Rules of this file: a thing is promised from the moment in which the call began that sent its last byte; the center has
a row from the moment in which its word had arrived. What cannot be read is told, never guessed.
"""

import struct
from binascii import crc32
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.acks import read_ack
from gateway.ranges import Ranges
from tools.center import decode
from tools.soak.crash.recording import IN, OUT, Piece
from wire.registers import find
from wire.telemetry import TelemetryError

Key = tuple[bytes, int]  # serial, epoch
RowKey = tuple[bytes, int, int]  # and seq

_CONNECT, _PUBLISH = 1, 3
_MQTT5 = 5
_WRITE_MULTIPLE = 16
_ACK_WORDS = struct.Struct(">III")  # epoch, gateway has, center has
NEVER = 1 << 62  # a moment that does not come


class Promise(NamedTuple):
    """A row or event that must be there from `moment` on. `crc` None = only its key was named."""

    moment: int
    crc: int | None
    why: str


@dataclass
class Talk:
    """`stated`: (moment, log, ranges) of the center; `boards`: (moment, log, gateway has, center has)."""

    promises: dict[RowKey, Promise] = field(default_factory=dict)
    stated: list[tuple[int, Key, Ranges]] = field(default_factory=list)
    boards: list[tuple[int, Key, int, int]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # messages by way and topic
    unclear: list[str] = field(default_factory=list)  # what could not be read: then this proof has a hole
    twice: list[str] = field(default_factory=list)  # keys under which two contents were published

    def center_has_since(self) -> dict[RowKey, int]:
        """The moment from which the center had each row that it stated."""
        since: dict[RowKey, int] = {}
        known: dict[Key, Ranges] = {}
        for moment, key, ranges in self.stated:
            fresh = ranges.minus(known.setdefault(key, Ranges()))
            known[key].update(fresh)
            since |= {(*key, seq): moment for first, last in fresh for seq in range(first, last + 1)}
        return since


def listen(pieces: Iterable[Piece], ledgers: Mapping[Key, Mapping[int, int]]) -> Talk:
    """What was said. `ledgers`: {seq: CRC} of the rows that each board's log holds, by (serial, epoch)."""
    talk = Talk()
    by_epoch = {key[1]: key for key in ledgers}
    streams: dict[int, _Mqtt] = {}
    messages: list[tuple[int, str, str, bytes]] = []
    for piece in pieces:
        if not piece.terminal:
            stream = streams.setdefault(piece.stream, _Mqtt())
            messages += [(piece.moment, piece.way, *message) for message in stream.take(piece.way, piece.data)]
        elif piece.way == OUT:
            _hear_line(talk, piece, by_epoch, ledgers)
    catalogues = _catalogues(messages)  # First: a batch may be sent before the catalogue that it names.
    for moment, way, leaf, payload in messages:
        talk.counts[f"{way} {leaf}"] += 1
        try:
            _hear(talk, moment, way, leaf, payload, catalogues)
        except (TelemetryError, ValueError, KeyError) as error:
            talk.unclear.append(f"{leaf}: {error!r}")
    return talk


def _catalogues(messages: Iterable[tuple[int, str, str, bytes]]) -> dict[int, decode.CatalogueMessage]:
    read = [decode.read(leaf, payload) for _, way, leaf, payload in messages if (way, leaf) == (OUT, "catalogue")]
    return {message.version: message for message in read if isinstance(message, decode.CatalogueMessage)}


def _hear_line(talk: Talk, piece: Piece, by_epoch: dict[int, Key], ledgers: Mapping[Key, Mapping[int, int]]) -> None:
    """An acknowledgement to a board is one write of six registers."""
    frame = piece.data
    if len(frame) != 9 + _ACK_WORDS.size or frame[1] != _WRITE_MULTIPLE:
        return
    register, _, _ = struct.unpack(">HHB", frame[2:7])
    if register != find("ack_epoch")[0]:
        return
    epoch, gateway_has, center_has = _ACK_WORDS.unpack(frame[7:-2])
    key = by_epoch.get(epoch)
    if key is None:
        talk.unclear.append(f"an acknowledgement for epoch {epoch:08x}, which is no board's")
        return
    talk.boards.append((piece.moment, key, gateway_has, center_has))
    for seq in range(1, gateway_has + 1):
        crc = ledgers[key].get(seq)
        if crc is not None:
            promise = Promise(piece.moment, crc, "acknowledged to its board")
            talk.promises.setdefault((*key, seq), promise)


def _hear(
    talk: Talk, moment: int, way: str, leaf: str, payload: bytes, catalogues: dict[int, decode.CatalogueMessage]
) -> None:
    if way == IN:
        if leaf == "ack":
            _, statements = read_ack(payload)
            for serial, epoch, watermark, flat in statements:
                ranges = Ranges.from_flat(flat)
                if watermark:
                    ranges.add(1, watermark)
                talk.stated.append((moment, (serial, epoch), ranges))
        return
    if leaf == "event":
        message = decode.read(leaf, payload)
        assert isinstance(message, decode.EventMessage)
        key = (message.serial, message.epoch, message.seq)
        _promise(talk, key, Promise(moment, crc32(message.content, message.epoch), "published as an event"))
    elif leaf in ("live", "late"):
        batch = decode.read(leaf, payload)
        assert isinstance(batch, decode.BatchMessage)
        for segment in batch.segments:
            for row in decode.rows_in(segment, batch.base_s, catalogues[batch.catalogue]):
                key = (row.source.serial, row.source.epoch, row.row.seq)
                _promise(talk, key, Promise(moment, row.crc, f"published on {leaf}"))


def _promise(talk: Talk, key: RowKey, promise: Promise) -> None:
    """The first promise counts; another content under the same key is the worst there is."""
    first = talk.promises.setdefault(key, promise)
    if first.crc is not None and first.crc != promise.crc:
        talk.twice.append(f"seq {key[2]} of log {key[0].hex()} {key[1]:08x} was published with two contents")


class _Mqtt:
    """One connection's packets, both ways; silent for a stream that does not begin with CONNECT."""

    def __init__(self) -> None:
        self._waiting = {OUT: b"", IN: b""}
        self._level = 0  # 0 = not known yet; -1 = not MQTT

    def take(self, way: str, data: bytes) -> Iterator[tuple[str, bytes]]:
        """(last part of the topic, payload) of every message that is whole now."""
        if self._level < 0 or (not self._level and way == IN):
            return
        rest = self._waiting[way] + data
        if not self._level and rest[0] >> 4 != _CONNECT:
            self._level = -1
            return
        while found := _packet(rest):
            kind, body, rest = found
            if kind >> 4 == _CONNECT:
                self._level = body[6]
            elif kind >> 4 == _PUBLISH:
                yield self._message(kind, body)
        self._waiting[way] = rest

    def _message(self, kind: int, body: bytes) -> tuple[str, bytes]:
        (length,) = struct.unpack_from(">H", body)
        at = 2 + length + (2 if kind & 0b110 else 0)
        if self._level == _MQTT5:
            properties, at = _varint(body, at)
            at += properties
        return body[2 : 2 + length].decode().rpartition("/")[2], body[at:]


def _packet(data: bytes) -> tuple[int, bytes, bytes] | None:
    """(first byte, body, what follows), or None while it is not whole."""
    try:
        length, at = _varint(data, 1)
    except IndexError:
        return None
    if len(data) < at + length:
        return None
    return data[0], data[at : at + length], data[at + length :]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """MQTT's variable byte integer at `at`: (value, where it ends). IndexError where it is cut off."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if not byte & 0x80:
            return value, at
        shift += 7
