"""Events that the disk would not take: kept in memory, sent from a log of their own, marked as what they are.

Rules of this file: no disk, no network; bounded, the oldest goes first. The epoch is drawn at each start, so no seq of
it is ever given twice.
"""

import secrets
from collections import OrderedDict
from collections.abc import Mapping

import cbor2

from gateway.ranges import Ranges
from gateway.spool_index import Statement
from gateway.spool_schema import Key
from wire.telemetry import E_DETAIL

EVENTS_MAX = 256
MARK = "volatile: the station could not store this event"


class Volatile:
    """`acked` = what the center has of it. `dropped` counts events that went before the center had them."""

    def __init__(self, gateway: bytes) -> None:
        self.key: Key = (gateway, secrets.randbits(32) or 1)
        self.acked = Ranges()
        self.dropped = 0
        self._last = 0
        self._events: OrderedDict[int, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._events)

    def append(self, event: Mapping[int, object]) -> None:
        detail = event.get(E_DETAIL)
        marked = dict(event) | {E_DETAIL: f"{MARK}; {detail}" if detail else MARK}
        self._last += 1
        self._events[self._last] = cbor2.dumps(marked, canonical=True)
        if len(self._events) > EVENTS_MAX:
            self._events.popitem(last=False)
            self.dropped += 1

    def unsent(self, carried: Ranges) -> list[tuple[int, bytes]]:
        """(seq, content) of the events that are not under way, oldest first."""
        return [(seq, content) for seq, content in self._events.items() if seq not in carried]

    def acknowledge(self, statements: list[Statement]) -> None:
        """Forget what the center says that it has stored."""
        for serial, epoch, watermark, flat in statements:
            if (serial, epoch) == self.key:
                stored = Ranges.from_flat(flat)
                if watermark:
                    stored.add(1, watermark)
                self.drop(stored)

    def drop(self, stored: Ranges) -> None:
        self.acked.update(stored)
        for seq in [seq for seq in self._events if seq in stored]:
            del self._events[seq]
