"""Devices out of a recording of a bus: what each answered, asked again.

Rules of this file: pure; times are microseconds since the first question. The same question gets the recorded answer,
garbage and silence included. A read that was never recorded like this is answered from the registers that were; a write
is confirmed; a log is read only where its cursor stood. What the recording does not say is an exception, and an address
that is not in it is silent.
"""

import bisect
from collections.abc import Iterable
from typing import NamedTuple

from tools.record.file import Recording
from tools.record.splitter import ANSWER, GARBAGE, REQUEST, Piece
from tools.record.tally import is_answer
from tools.scan.ask import sealed
from wire.modbus import (
    BROADCAST,
    ENCAPSULATED,
    ILLEGAL_ADDRESS,
    ILLEGAL_FUNCTION,
    READ_FILE,
    READ_HOLDING,
    READ_INPUT,
    WRITE_MULTIPLE,
    WRITE_SINGLE,
)
from wire.registers import find

RECORDED, NEXT = "recorded", "next"
READS = (READ_HOLDING, READ_INPUT)
CURSOR = find("log_cursor")[0]
DELAY_MAX_US = 1_000_000
EXACT, MADE, REFUSED, SILENT = "exact", "made", "refused", "silent"
EXCEPTIONS = {ENCAPSULATED: ILLEGAL_FUNCTION}

Key = tuple[bytes, bytes]  # request, cursor of its log: b"" where that means nothing


class Said(NamedTuple):
    """What came behind a request at `us`: `data`, b"" for nothing, `delay_us` later."""

    us: int
    delay_us: int
    data: bytes


class Devices:
    """`answer(request, us)` as the devices of `recording` would; only `addresses`, if any are named.

    `pace`: RECORDED takes what was answered at that time of the recording, NEXT one answer after the other. `counts`
    are by EXACT, MADE, REFUSED, SILENT.
    """

    def __init__(self, recording: Recording, addresses: Iterable[int] = (), pace: str = RECORDED) -> None:
        self.counts = dict.fromkeys((EXACT, MADE, REFUSED, SILENT), 0)
        self._wanted = set(addresses)
        self.pace = pace
        self._said: dict[Key, list[Said]] = {}
        self._registers: dict[tuple[int, int, int], list[tuple[int, int]]] = {}  # address, function, register
        self._turns: dict[Key, int] = {}
        self._cursors: dict[int, bytes] = {}
        self._answering: set[int] = set()
        self._learn(recording.pieces)
        self._cursors.clear()

    @property
    def addresses(self) -> list[int]:
        """Those that answered in the recording."""
        return sorted(self._answering & self._wanted if self._wanted else self._answering)

    def answer(self, request: bytes, us: int) -> Said | None:
        """What to say, and how much later; None = nothing."""
        address = request[0]
        if address == BROADCAST:
            return None
        if address not in self.addresses:
            self.counts[SILENT] += 1
            return None
        key = self._key(request)
        self._note_cursor(request)
        said = self._recorded(key, us)
        if said is not None:
            self.counts[EXACT if said.data else SILENT] += 1
            return said if said.data else None
        made = self._made(request, us)
        self.counts[MADE if made else REFUSED] += 1
        return Said(us, 0, made or _refusal(request))

    def _learn(self, pieces: list[Piece]) -> None:
        asked: Piece | None = None
        for piece in pieces:
            if piece.kind == REQUEST:
                self._keep(asked, None)
                self._note_cursor(piece.data)
                asked = piece
            elif asked is not None and (piece.kind == GARBAGE or is_answer(piece.data, asked.data)):
                self._keep(asked, piece)
                asked = None
        self._keep(asked, None)

    def _keep(self, asked: Piece | None, piece: Piece | None) -> None:
        """`piece` came behind the request `asked`, or nothing did."""
        if asked is None or asked.data[0] == BROADCAST:
            return
        delay_us = min(piece.us - asked.us, DELAY_MAX_US) if piece else 0
        self._said.setdefault(self._key(asked.data), []).append(Said(asked.us, delay_us, piece.data if piece else b""))
        if piece is None or piece.kind != ANSWER:
            return
        self._answering.add(asked.data[0])
        address, function = piece.data[:2]
        if function in READS and len(asked.data) == 8 and len(piece.data) == 5 + piece.data[2]:
            first = int.from_bytes(asked.data[2:4], "big")
            for at in range(3, len(piece.data) - 2, 2):
                word = int.from_bytes(piece.data[at : at + 2], "big")
                self._registers.setdefault((address, function, first + at // 2 - 1), []).append((asked.us, word))

    def _key(self, request: bytes) -> Key:
        return request, self._cursors.get(request[0], b"") if request[1] == READ_FILE else b""

    def _note_cursor(self, request: bytes) -> None:
        if request[1] == WRITE_MULTIPLE and int.from_bytes(request[2:4], "big") == CURSOR:
            self._cursors[request[0]] = request[7:-2]

    def _recorded(self, key: Key, us: int) -> Said | None:
        said = self._said.get(key)
        if not said:
            return None
        if self.pace == NEXT:
            turn = self._turns.get(key, 0)
            self._turns[key] = turn + 1
            return said[min(turn, len(said) - 1)]
        return said[max(0, bisect.bisect_right(said, us, key=lambda one: one.us) - 1)]

    def _made(self, request: bytes, us: int) -> bytes:
        """From registers, or the confirmation of a write; b"" = the recording does not say."""
        address, function = request[:2]
        if function == WRITE_SINGLE:
            return request
        if function == WRITE_MULTIPLE:
            return sealed(request[:6])
        if function not in READS or len(request) != 8:
            return b""
        first, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        words = bytearray()
        for register in range(first, first + count):
            known = self._registers.get((address, function, register))
            if known is None:
                return b""
            place = len(known) - 1 if self.pace == NEXT else bisect.bisect_right(known, us, key=lambda one: one[0]) - 1
            words += known[max(0, place)][1].to_bytes(2, "big")
        return sealed(bytes((address, function, len(words))) + words) if words and len(words) <= 250 else b""


def _refusal(request: bytes) -> bytes:
    code = EXCEPTIONS.get(request[1], ILLEGAL_ADDRESS)
    return sealed(bytes((request[0], request[1] | 0x80, code)))
