"""Rain gauges that count more than fell: held against their neighbours, and against how fast a bucket can tip.

Rules of this file: no clock. A gauge is judged at the samples in which it has tipped, its own rain included; one that
counts too little, or not at all, is not told by this. A flag changes no sum and no alarm.
"""

from wire.reading import rain_since

TIP_MS_MIN = 250  # A bucket needs longer to tip and come back: 0.1 mm at a time would be 1,440 mm/h.
CHATTER_MS = 5_000  # So long at that pace is a contact that bounces. The scan is too slow to see two tips apart.
COUNTED_MS_MIN = 50  # Boards count no faster (debounce): what grew faster is another counter, not rain.


def above_neighbours(own_um: int, neighbours_um: list[int], permil: int, least_um: int) -> bool:
    """Is `own_um` more than `permil` of the median of the neighbours' sums over the same window?

    Only where that median is at least `least_um`, and there is a neighbour. Of an even number it is the mean of the two
    in the middle.
    """
    ordered = sorted(neighbours_um)
    count = len(ordered)
    if not count:
        return False
    twice_um = ordered[(count - 1) // 2] + ordered[count // 2]
    return twice_um >= 2 * least_um and own_um * 2_000 > permil * twice_um


class Chatter:
    """Sees a counter that grows faster than a bucket of `tip_um` can tip, for CHATTER_MS at least."""

    __slots__ = ("_since", "_tip_um")

    def __init__(self, tip_um: int) -> None:
        self._tip_um = tip_um
        self._since: tuple[int, int] | None = None  # (monotonic ms, counter)

    def fast(self, counter_um: int, mono_ms: int) -> bool:
        """Take the next sample: have the tips since CHATTER_MS or more been too many?"""
        since = self._since
        if since is None:
            self._since = (mono_ms, counter_um)
            return False
        span_ms = mono_ms - since[0]
        if span_ms < CHATTER_MS:
            return False
        self._since = (mono_ms, counter_um)
        tips = rain_since(counter_um, since[1]) // self._tip_um
        return tips * TIP_MS_MIN > span_ms >= tips * COUNTED_MS_MIN
