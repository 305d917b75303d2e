"""What passed on a bus, counted: requests, answers, what went wrong by kind, how much of the time it was in use.

Rules of this file: pure; times are the recording's, in microseconds.
"""

from collections import Counter

from tools.record.splitter import GARBAGE, REQUEST, Piece
from tools.scan.settings import Setting
from wire.modbus import BROADCAST

KINDS = ("requests", "answers", "exceptions", "no_answer", "unasked", "garbage")
WRONG = KINDS[2:]


class Tally:
    """`take` each piece in order; `counts` by KINDS, `by_address` the same for each."""

    def __init__(self, setting: Setting) -> None:
        self.counts: Counter[str] = Counter()
        self.by_address: dict[int, Counter[str]] = {}
        self.bytes = 0
        self.first_us: int | None = None
        self.last_us = 0
        self._setting = setting
        self._asked: Piece | None = None

    def take(self, piece: Piece) -> None:
        self.bytes += len(piece.data)
        self.first_us = piece.us if self.first_us is None else self.first_us
        self.last_us = piece.us
        if piece.kind == GARBAGE:
            self.counts["garbage"] += 1
            return
        address = piece.data[0]
        if piece.kind == REQUEST:
            self._unanswered()
            self._count(address, "requests")
            self._asked = piece if address != BROADCAST else None
            return
        answered = self._asked is not None and is_answer(piece.data, self._asked.data)
        self._count(address, "answers" if answered else "unasked")
        if piece.data[1] & 0x80:
            self._count(address, "exceptions")
        if answered:
            self._asked = None

    def end(self) -> None:
        """Nothing more will come."""
        self._unanswered()

    @property
    def wrong(self) -> int:
        return sum(self.counts[kind] for kind in WRONG)

    def use_permil(self) -> int:
        """Of the time, as far as bytes have come; without the silences between frames."""
        elapsed_us = self.last_us - (self.first_us or 0)
        return min(1_000, round(self._setting.chars_s(self.bytes) * 1e9 / elapsed_us)) if elapsed_us > 0 else 0

    def _unanswered(self) -> None:
        if self._asked is not None:
            self._count(self._asked.data[0], "no_answer")
            self._asked = None

    def _count(self, address: int, kind: str) -> None:
        self.counts[kind] += 1
        self.by_address.setdefault(address, Counter())[kind] += 1


def is_answer(answer: bytes, request: bytes) -> bool:
    """By address and function."""
    return answer[0] == request[0] and answer[1] & 0x7F == request[1] & 0x7F
