"""What is on its way to the center: sent, and not yet acknowledged by it.

Rules of this file: no clock, disk or network; time comes in as real seconds. A row is in at most one flight. Link and
center work off what they get in its order, so a flight's time-out runs only once nothing sent before it is waited for.
"""

from collections.abc import Iterable

from gateway.ranges import Ranges
from gateway.spool_schema import Key

EVENT, LIVE, LATE = "event", "live", "late"
UNCONFIRMED_MAX = {EVENT: 8, LIVE: 4, LATE: 4}  # Without PUBACK; together below what brokers allow (20 by default).
FLIGHTS_MAX = {EVENT: 64, LIVE: 64, LATE: 32}  # Without the center's acknowledgement.
NOBODY_PATIENCE = 20  # A broker that says "nobody listens" is not told the same every half minute.


class Flight:
    """One message of `size` bytes and `rows` rows. `confirmed` = the broker took it; `unheard` = it may have reached
    nobody; `patience` = how many times the usual time-out it is waited for, `allowance_s` longer while the link carries
    it. `taken_s`: when the broker took it. `since_s`: when its turn came to be confirmed, then to be acknowledged."""

    __slots__ = (
        "allowance_s", "confirmed", "leaf", "parts", "patience", "rows", "sent_s", "since_s", "size", "taken_s",
        "unheard",
    )  # fmt: skip

    def __init__(
        self, leaf: str, parts: list[tuple[Key, Ranges]], sent_s: float, size: int = 0, allowance_s: float = 0.0
    ) -> None:
        self.leaf = leaf
        self.parts = parts
        self.size = size
        self.rows = sum(ranges.count() for _, ranges in parts)
        self.sent_s = sent_s
        self.since_s = self.taken_s = sent_s
        self.allowance_s = allowance_s
        self.confirmed = False
        self.unheard = False
        self.patience = 1

    def nobody_listens(self) -> None:
        """The broker knows nobody who would have got it: wait for somebody's first word."""
        self.unheard = True
        self.patience = NOBODY_PATIENCE

    def due_s(self, timeout_s: float) -> float:
        """When it will have been waited for too long."""
        return self.since_s + timeout_s * self.patience + (0.0 if self.confirmed else self.allowance_s)


class Flights:
    """The messages under way, in the order in which they were sent, and which rows they carry."""

    def __init__(self) -> None:
        self._flights: list[Flight] = []

    def __len__(self) -> int:
        return len(self._flights)

    def __contains__(self, flight: Flight) -> bool:
        return flight in self._flights

    def add(self, flight: Flight) -> None:
        self._flights.append(flight)

    def remove(self, flight: Flight) -> None:
        self._flights.remove(flight)

    def has_room(self, leaf: str) -> bool:
        """May one more of this kind be sent?"""
        same = [flight for flight in self._flights if flight.leaf == leaf]
        waiting = sum(not flight.confirmed for flight in same)
        return len(same) < FLIGHTS_MAX[leaf] and waiting < UNCONFIRMED_MAX[leaf]

    def unconfirmed_bytes(self) -> int:
        """What the link still carries of the backlog."""
        return sum(flight.size for flight in self._flights if flight.leaf == LATE and not flight.confirmed)

    def waiting_rows(self) -> int:
        """What the center has not acknowledged of the backlog."""
        return sum(flight.rows for flight in self._flights if flight.leaf == LATE)

    def carried(self, key: Key) -> Ranges:
        """What of a log is under way."""
        carried = Ranges()
        for flight in self._flights:
            for own, ranges in flight.parts:
                if own == key:
                    carried.update(ranges)
        return carried

    def confirm(self, flight: Flight, now_s: float) -> None:
        """The broker took it: now the center is waited for, and the link carries what was sent after it."""
        flight.confirmed = True
        flight.since_s = flight.taken_s = now_s

    def carry_on(self, sent_s: float, now_s: float) -> None:
        """The broker took something that was sent at `sent_s`: it is the turn of what was sent after it."""
        for other in self._flights:
            if other.sent_s >= sent_s and not other.confirmed:
                other.since_s = now_s

    def land(self, acked: dict[Key, Ranges], now_s: float) -> list[Flight]:
        """Take out the flights whose rows are all acknowledged."""
        landed = [
            flight
            for flight in self._flights
            if all(not ranges.minus(acked.get(key, Ranges())) for key, ranges in flight.parts)
        ]
        if landed:
            for other in self._flights[self._flights.index(landed[-1]) + 1 :]:
                if other.confirmed and not other.unheard:
                    other.since_s = now_s
        return self._drop(landed)

    def give_up(self, now_s: float, timeout_s: float) -> list[Flight]:
        """Take out the flights that waited too long: their rows are to be sent again."""
        return self._drop([flight for flight in self._flights if now_s >= flight.due_s(timeout_s)])

    def give_up_unheard(self) -> list[Flight]:
        """Take out the flights that may have reached nobody: somebody listens again."""
        return self._drop([flight for flight in self._flights if flight.unheard])

    def lose_link(self) -> None:
        """The connection ended: whatever is under way may have reached nobody."""
        for flight in self._flights:
            flight.confirmed = True
            flight.unheard = True
            flight.patience = 1

    def next_s(self, timeout_s: float) -> float | None:
        """When the next flight will have waited too long; None if none is under way."""
        return min((flight.due_s(timeout_s) for flight in self._flights), default=None)

    def _drop(self, gone: Iterable[Flight]) -> list[Flight]:
        gone = list(gone)
        self._flights = [flight for flight in self._flights if flight not in gone]
        return gone
