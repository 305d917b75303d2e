"""A hal for tests of the pure parts in CPython: ticks that wrap, a clock that a test turns."""

TICKS_PERIOD = 1 << 30


class FakeHal:
    """`now` in ms from the start; its ticks wrap soon after."""

    def __init__(self, lead_ms: int = 5_000) -> None:
        self.now = 0
        self._lead_ms = lead_ms
        self.fed = 0
        self.reports: list[dict] = []

    def ticks_ms(self) -> int:
        return (TICKS_PERIOD - self._lead_ms + self.now) % TICKS_PERIOD

    def ticks_diff(self, later: int, earlier: int) -> int:
        half = TICKS_PERIOD // 2
        return (later - earlier + half) % TICKS_PERIOD - half

    def ticks_add(self, ticks: int, ms: int) -> int:
        return (ticks + ms) % TICKS_PERIOD

    def wdt_feed(self) -> None:
        self.fed += 1

    def free_heap(self) -> int:
        return 100_000


class FakeKeep:
    """Kept memory that a test can lose or damage."""

    def __init__(self, data: bytes = b"", noted: int = 0) -> None:
        self.data = data
        self.noted = noted
        self.place = 0

    def note(self, place: int) -> None:
        self.place = place

    def get(self) -> bytes:
        return self.data

    def put(self, data: bytes) -> None:
        self.data = data
