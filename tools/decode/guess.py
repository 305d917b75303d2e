"""Which kind the bytes are: all are tried, strictly, and what fits counts.

Rules of this file: a kind that fits without a fault goes before one that fits with one; two without a fault are told as
two. A reason against a kind is kept, so that one can see why.
"""

from collections.abc import Callable
from typing import NamedTuple

from tools.decode import bus_kind, dump_kind, local_kind, modbus_kind, package_kind, row_kind, telemetry_kind
from tools.decode.found import Ask, Found, NotThis

Reader = Callable[[bytes, Ask], Found]
READERS: dict[str, Reader] = {
    one.KIND: one.read for one in (modbus_kind, row_kind, telemetry_kind, local_kind, dump_kind, package_kind, bus_kind)
}


class Guess(NamedTuple):
    """What fits (one, several, none), and for each kind that does not: why."""

    fits: list[Found]
    reasons: dict[str, NotThis]


def guess(data: bytes, ask: Ask, kind: str | None = None) -> Guess:
    """Try all kinds, or the one that was named."""
    found: list[Found] = []
    reasons: dict[str, NotThis] = {}
    for name, read in READERS.items():
        if kind not in (None, name):
            continue
        try:
            found.append(read(data, ask))
        except NotThis as reason:
            reasons[name] = reason
    right = [one for one in found if not one.wrong]
    return Guess(right or found, reasons)
