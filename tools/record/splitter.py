"""A stream of bytes from a bus, split to frames as they pass: by length and CRC, garbage kept as garbage.

Rules of this file: pure; no byte is lost or counted twice. A frame ends by its length; a silence ends what never became
one, and a frame of a function that nobody here knows. What can be a request and an answer is what is awaited.
"""

from collections import deque
from typing import NamedTuple

from gateway.line import fits
from tools.decode.modbus_kind import identification_length, lengths
from wire.modbus import (
    ADDRESS_MAX,
    BROADCAST,
    ENCAPSULATED,
    FRAME_MAX,
    UNKNOWN,
    answer_length,
    request_length,
)

REQUEST, ANSWER, GARBAGE = "request", "answer", "garbage"
FRAME_MIN = 4
JUNK_MAX = FRAME_MAX  # Longer garbage is told in pieces.
SILENCE_US = 50_000  # USB adapters hand bytes over every 16 ms; a gateway of ours pauses longer each scan.


class Piece(NamedTuple):
    """`us`: when its last byte had come; `kind`: REQUEST, ANSWER or GARBAGE."""

    us: int
    kind: str
    data: bytes


class Splitter:
    """`feed` bytes as they come, `silent` when nothing came for SILENCE_US; both give what is whole by then."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._marks: deque[tuple[int, int]] = deque()  # (bytes of self._data up to here, when they had come)
        self._junk = bytearray()
        self._junk_us = 0
        self._asked: bytes | None = None  # the request that waits for its answer

    def feed(self, data: bytes, us: int) -> list[Piece]:
        """`data` has come at `us`, which never goes back."""
        self._data += data
        self._marks.append((len(self._data), us))
        return self._take(False)

    def answered(self) -> None:
        """The last request has its answer, which does not come by here."""
        self._asked = None

    def silent(self) -> list[Piece]:
        """Whatever is no frame now will never be one."""
        return self._take(True)

    def _take(self, over: bool) -> list[Piece]:
        pieces: list[Piece] = []
        while self._data:
            found = self._frame(over)
            if found is None:
                break
            kind, length = found
            us = self._time(length)
            data = bytes(self._data[:length])
            self._drop(length)
            if kind == GARBAGE:
                self._junk += data
                self._junk_us = us
                continue
            pieces += self._garbage()
            pieces.append(Piece(us, kind, data))
            self._asked = data if kind == REQUEST and data[0] != BROADCAST else None
        if over or len(self._junk) >= JUNK_MAX:
            pieces += self._garbage()
        return pieces

    def _frame(self, over: bool) -> tuple[str, int] | None:
        """(kind, length) of what begins here; None = it may still become a frame."""
        here = lengths(self._data, 0)
        whole = {side: length for side, length in here.items() if self._is_whole(length)}
        if whole:
            side = ANSWER if ANSWER in whole and (self._is_awaited() or REQUEST not in whole) else REQUEST
            return side, whole[side]
        if not over:
            return None if self._may_grow() else (GARBAGE, 1)
        if not here and not self._junk and (length := self._foreign_length()):
            return (ANSWER if self._is_awaited() else REQUEST), length
        return GARBAGE, 1

    def _foreign_length(self) -> int:
        """Of a frame whose function we do not know, right behind a frame or a silence: where its CRC fits; 0 = nowhere.

        One that we know in the middle of it proves that it is none.
        """
        if self._data[0] > ADDRESS_MAX or len(self._data) < FRAME_MIN or not self._data[1]:
            return 0
        ends = range(FRAME_MIN, min(FRAME_MAX, len(self._data)) + 1)
        length = next((length for length in ends if self._is_whole(length)), 0)
        return 0 if any(self._is_known(at) for at in range(1, length - FRAME_MIN + 1)) else length

    def _is_known(self, at: int) -> bool:
        return any(at + length <= len(self._data) and fits(self._data, at, length) for length in self._lengths(at))

    def _lengths(self, at: int) -> list[int]:
        return [length for length in lengths(self._data, at).values() if FRAME_MIN <= length <= FRAME_MAX]

    def _is_whole(self, length: int) -> bool:
        return FRAME_MIN <= length <= min(FRAME_MAX, len(self._data)) and fits(self._data, 0, length)

    def _may_grow(self) -> bool:
        have = len(self._data)
        if self._data[0] > ADDRESS_MAX or have >= FRAME_MAX:
            return False
        asked, answered = request_length(self._data, 0, have), answer_length(self._data, 0, have)
        if have > 1 and self._data[1] == ENCAPSULATED:
            answered = identification_length(self._data, 0)
        if any(length == 0 or length > have for length in (asked, answered)):
            return True
        return UNKNOWN in (asked, answered) and max(asked, answered) < 0

    def _is_awaited(self) -> bool:
        """Would an answer that begins here be that to the last request?"""
        asked = self._asked
        return asked is not None and self._data[0] == asked[0] and self._data[1] & 0x7F == asked[1]

    def _garbage(self) -> list[Piece]:
        if not self._junk:
            return []
        piece = Piece(self._junk_us, GARBAGE, bytes(self._junk))
        self._junk.clear()
        return [piece]

    def _time(self, length: int) -> int:
        return next(us for end, us in self._marks if end >= length)

    def _drop(self, length: int) -> None:
        del self._data[:length]
        self._marks = deque((end - length, us) for end, us in self._marks if end > length)
