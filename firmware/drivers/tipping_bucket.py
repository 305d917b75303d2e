"""Rain: a tipping bucket, one contact closure per tip.

A reed contact bounces: an edge closer than the debounce time to the last counted one is the same tip.
Rain is cumulative and wraps at RAIN_WRAP_UM; `start_at` continues it from the last row of the log.
"""

from wire.reading import GOOD, RAIN_WRAP_UM, SUSPECT

DEBOUNCE_MS = 50
FAST_MS = 250  # 0.2 mm every 250 ms would be 2,880 mm/h: no rain does that, a loose wire does.
FAST_TIPS = 4  # So many short gaps in a row are "sustained".
SUSPECT_HOLD_MS = 60_000  # A row must see it, and rows are a minute apart.
TIPS_PENDING_MAX = 64  # Pairs that wait for take_tips(); beyond, tips are added to the newest pair: none is lost.


class TippingBucket:
    """Cumulative rain in micrometres.

    `counter`: take() -> ticks of the raw edges since the last call. `ticks_diff(a, b)`: a - b across the wrap.
    """

    quantities = ("rain_um",)

    def __init__(self, counter, ticks_diff, um_per_tip: int, debounce_ms: int = DEBOUNCE_MS) -> None:
        if um_per_tip <= 0 or debounce_ms < 0:
            raise ValueError("depth of a tip must be above 0, debounce not below")
        self._counter = counter
        self._ticks_diff = ticks_diff
        self._um_per_tip = um_per_tip
        self._debounce_ms = debounce_ms
        self._rain_um = 0
        self._last_ms: "int | None" = None  # Tick of the last counted edge; None once it is too old to matter.
        self._fast_run = 0
        self._fast_until_ms: "int | None" = None
        self._pending: "list[tuple[int, int]]" = []
        self._result = [(0, GOOD)]
        self.bounces = 0
        self.errors = 0

    def start_at(self, rain_um: int) -> None:
        """Continue from `rain_um`, 0 <= rain_um < RAIN_WRAP_UM. ValueError outside."""
        if not 0 <= rain_um < RAIN_WRAP_UM:
            raise ValueError("rain counter out of range")
        self._rain_um = rain_um

    def take_tips(self) -> list:
        """[(tick in ms, tips)] counted since the last call, oldest first, at most TIPS_PENDING_MAX pairs."""
        tips = self._pending
        self._pending = []
        return tips

    def read(self, now_ms: int) -> list:
        edges = self._counter.take()
        if len(edges) > 1:
            edges = sorted(edges, key=lambda edge_ms: self._ticks_diff(edge_ms, now_ms))
        for edge_ms in edges:
            self._edge(edge_ms)
        self._forget(now_ms)
        self._result[0] = (self._rain_um, GOOD if self._fast_until_ms is None else SUSPECT)
        return self._result

    def _edge(self, edge_ms):
        if self._last_ms is not None:
            gap_ms = self._ticks_diff(edge_ms, self._last_ms)
            if gap_ms < self._debounce_ms:
                self.bounces += 1
                return
            self._fast_run = self._fast_run + 1 if gap_ms < FAST_MS else 0
        self._last_ms = edge_ms
        self._rain_um = (self._rain_um + self._um_per_tip) % RAIN_WRAP_UM
        if self._fast_run >= FAST_TIPS:
            if self._fast_until_ms is None:
                self.errors += 1
            self._fast_until_ms = edge_ms
        if len(self._pending) < TIPS_PENDING_MAX:
            self._pending.append((edge_ms, 1))
        else:
            tick_ms, count = self._pending[-1]
            self._pending[-1] = (tick_ms, count + 1)

    def _forget(self, now_ms):
        # Ticks compare only within half their wrap (6.2 days): a mark that no longer decides anything goes,
        # else the first tip after a dry week would look like a bounce.
        if self._last_ms is not None and self._ticks_diff(now_ms, self._last_ms) >= max(FAST_MS, self._debounce_ms):
            self._last_ms = None
            self._fast_run = 0
        if self._fast_until_ms is not None and self._ticks_diff(now_ms, self._fast_until_ms) >= SUSPECT_HOLD_MS:
            self._fast_until_ms = None


def make(config: dict, hal) -> TippingBucket:
    return TippingBucket(
        hal.counter(config["counter"]), hal.ticks_diff, config["um_per_tip"], config.get("debounce_ms", DEBOUNCE_MS)
    )
