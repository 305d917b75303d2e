"""Who has what: every row that was ever written, and where it is durable now.

Rules of this file: it believes only what boards wrote and what a COMMIT made durable, never what the code under test
says about it. What breaks a promise is a failure at once; at the end, what is nowhere must have been lost to a fault.
"""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from gateway.ranges import Ranges
from tools.soak.simulated.boards import SimBoard
from tools.soak.simulated.disk import Row

FAILURES_MAX = 20
Key = tuple[bytes, int]


class Fact(NamedTuple):
    """A row as it was first written."""

    crc: int
    at_s: float


class Ledger:
    """`failures` are promises broken; `trace` hears of every durable change."""

    def __init__(self, now_s: Callable[[], float], trace: Callable[..., None]) -> None:
        self.failures: list[str] = []
        self.facts: dict[Key, dict[int, Fact]] = {}
        self.board_keys: set[Key] = set()
        self.spool: dict[Key, Ranges] = {}
        self.center: dict[Key, Ranges] = {}
        self.dead: dict[Key, Ranges] = {}  # Rows that no log holds any more, by a fault that may do so.
        self.rolled_back: dict[Key, Ranges] = {}  # What the center had once, and who heard so may still believe.
        self.volatile: dict[Key, dict[int, int]] = {}  # Rows that came to the center from no disk of ours.
        self.deleted = 0
        self.lost = 0
        self.duplicated = 0
        self._now_s = now_s
        self._trace = trace

    def fail(self, text: str) -> None:
        if len(self.failures) < FAILURES_MAX:
            self.failures.append(f"at {self._now_s():.1f} s: {text}")

    # What happens

    def written(self, serial: bytes, epoch: int, seq: int, crc: int, at_s: float) -> None:
        """A board has written a row."""
        key = (serial, epoch)
        self.board_keys.add(key)
        self.facts.setdefault(key, {})[seq] = Fact(crc, at_s)

    def spooled(self, inserted: list[Row], deleted: list[Row]) -> None:
        """A COMMIT of the gateway."""
        self._trace("spool", inserted, deleted)
        for source, epoch, seq, crc in inserted:
            key = (source, epoch)
            fact = self.facts.setdefault(key, {}).get(seq)
            if fact is None:
                if key in self.board_keys:
                    self.fail(f"the spool holds {_name(key)} {seq}, which no board ever wrote")
                self.facts[key][seq] = Fact(crc, self._now_s())
            elif fact.crc != crc:
                self.fail(f"{_name(key)} {seq} was given to two rows")
            early = self.volatile.get(key, {}).get(seq)
            if early is not None and early != crc:
                self.fail(f"{_name(key)} {seq} was sent as another row than it was stored")
            self.spool.setdefault(key, Ranges()).add(seq, seq)
        for source, epoch, seq, _ in deleted:
            key = (source, epoch)
            self.deleted += 1
            self.spool[key].remove(seq, seq)
            if not self._at_center(key, seq):
                self.fail(f"{_name(key)} {seq} was deleted, and the center has it not")

    def stored(self, inserted: list[Row], deleted: list[Row]) -> None:
        """A COMMIT of the center."""
        self._trace("center", inserted, deleted)
        for source, epoch, seq, crc in inserted:
            key = (source, epoch)
            fact = self.facts.get(key, {}).get(seq)
            if fact is None:
                self.volatile.setdefault(key, {})[seq] = crc
            elif fact.crc != crc:
                self.fail(f"the center has another {_name(key)} {seq} than was written")
            here = self.center.setdefault(key, Ranges())
            if seq in here:
                self.duplicated += 1
                self.fail(f"the center has {_name(key)} {seq} twice")
            here.add(seq, seq)
            rolled = self.rolled_back.get(key)
            if rolled:
                rolled.remove(seq, seq)
        if deleted:
            self.fail(f"the center deleted {len(deleted)} rows")

    def acknowledged(self, board: SimBoard, gateway: int, center: int) -> None:
        """A board was told what it may overwrite."""
        key = (board.serial, board.epoch)
        self._trace("ack", key, gateway, center)
        if gateway > board.head or center > board.head:
            self.fail(f"{_name(key)} was acknowledged to {gateway}, {center}, and ends at {board.head}")
        self._hold(key, gateway, "gateway", self.spool)
        self._hold(key, center, "center", {})

    def _hold(self, key: Key, watermark: int, who: str, more: dict[Key, Ranges]) -> None:
        if not watermark:
            return
        holders = (more, self.center, self.dead, self.rolled_back)
        left = Ranges([(1, watermark)]).minus(*(of.get(key, Ranges()) for of in holders))
        if left:
            self.fail(f"{_name(key)} was acknowledged to {watermark} for the {who}, which has not {_text(left)}")

    # Faults that may lose something

    def overwritten(self, key: Key, seq: int) -> None:
        """A board's ring wrapped over a row."""
        if not self._at_center(key, seq) and seq not in self.spool.get(key, ()):
            self.dead.setdefault(key, Ranges()).add(seq, seq)

    def lose_spool(self, boards: Iterable[SimBoard]) -> None:
        """The gateway's card is gone."""
        lost, self.spool = self.spool, {}
        self._bury(lost, boards)

    def lose_board(self, key: Key, held: Ranges) -> None:
        """A board's log is gone."""
        self._bury({key: held}, ())

    def set_center(self, there: dict[Key, Ranges], boards: Iterable[SimBoard]) -> None:
        """The center's database is an older one."""
        before, self.center = self.center, there
        lost = {key: ranges.minus(there.get(key, Ranges())) for key, ranges in before.items()}
        for key, ranges in lost.items():
            self.rolled_back.setdefault(key, Ranges()).update(ranges)
        self._bury(lost, boards)

    def _bury(self, lost: dict[Key, Ranges], boards: Iterable[SimBoard]) -> None:
        rings = {(b.serial, b.epoch): Ranges([(b.tail, b.head)]) for b in boards if b.rows}
        for key, ranges in lost.items():
            holders = [of.get(key, Ranges()) for of in (self.spool, self.center, rings)]
            gone = ranges.minus(*holders)
            if gone:
                self.dead.setdefault(key, Ranges()).update(gone)

    def _at_center(self, key: Key, seq: int) -> bool:
        return seq in self.center.get(key, ()) or seq in self.rolled_back.get(key, ())

    # The end

    def missing(self, before_s: float) -> dict[Key, Ranges]:
        """Rows written before `before_s` that are not at the center, and should be."""
        out = {}
        for key, facts in self.facts.items():
            have = self.center.get(key, Ranges())
            dead = self.dead.get(key, Ranges())
            left = Ranges()
            for first, last in Ranges((seq, seq) for seq in facts).minus(have, dead):
                for seq in range(first, last + 1):
                    if facts[seq].at_s < before_s:
                        left.add(seq, seq)
            if left:
                out[key] = left
        return out

    def lost_count(self) -> int:
        return sum(ranges.count() for ranges in self.dead.values())

    def rows(self) -> int:
        return sum(len(facts) for facts in self.facts.values())


def _name(key: Key) -> str:
    return f"{key[0].hex()} {key[1]:08x}"


def _text(ranges: Ranges) -> str:
    pairs = [f"{first}..{last}" for first, last in ranges]
    return ", ".join(pairs[:5]) + (" and more" if len(pairs) > 5 else "")
