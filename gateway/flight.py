"""What is on its way to the center: sent, and not yet acknowledged by it.

Rules of this file: no clock, disk or network; time comes in as real seconds. A row is in at most one flight.
"""

from collections.abc import Iterable

from gateway.ranges import Ranges
from gateway.spool_schema import Key

EVENT, LIVE, LATE = "event", "live", "late"
UNCONFIRMED_MAX = {EVENT: 8, LIVE: 4, LATE: 4}  # Without PUBACK; together below what brokers allow (20 by default).
FLIGHTS_MAX = {EVENT: 64, LIVE: 64, LATE: 32}  # Without the center's acknowledgement.
NOBODY_PATIENCE = 20  # A broker that says "nobody listens" is not told the same every half minute.


class Flight:
    """One message. `confirmed` = the broker took it; `unheard` = it may have reached nobody; `patience` = how many
    times the usual time-out it is waited for."""

    __slots__ = ("confirmed", "leaf", "parts", "patience", "sent_s", "unheard")

    def __init__(self, leaf: str, parts: list[tuple[Key, Ranges]], sent_s: float) -> None:
        self.leaf = leaf
        self.parts = parts
        self.sent_s = sent_s
        self.confirmed = False
        self.unheard = False
        self.patience = 1

    def nobody_listens(self) -> None:
        """The broker knows nobody who would have got it: wait for somebody's first word."""
        self.unheard = True
        self.patience = NOBODY_PATIENCE


class Flights:
    """The messages under way, and which rows they carry."""

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

    def carried(self, key: Key) -> Ranges:
        """What of a log is under way."""
        carried = Ranges()
        for flight in self._flights:
            for own, ranges in flight.parts:
                if own == key:
                    carried.update(ranges)
        return carried

    def land(self, acked: dict[Key, Ranges]) -> int:
        """Take out the flights whose rows are all acknowledged; how many."""
        landed = [
            flight
            for flight in self._flights
            if all(not ranges.minus(acked.get(key, Ranges())) for key, ranges in flight.parts)
        ]
        self._drop(landed)
        return len(landed)

    def give_up(self, now_s: float, timeout_s: float) -> list[Flight]:
        """Take out the flights that waited too long: their rows are to be sent again."""
        return self._drop([f for f in self._flights if now_s - f.sent_s >= timeout_s * f.patience])

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
        return min((f.sent_s + timeout_s * f.patience for f in self._flights), default=None)

    def _drop(self, gone: Iterable[Flight]) -> list[Flight]:
        gone = list(gone)
        self._flights = [flight for flight in self._flights if flight not in gone]
        return gone
