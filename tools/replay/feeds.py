"""How the rows of a recording become now-values: as they are, as a rain counter, as tips.

Rules of this file: what a board would have measured at that moment, and nothing else. An amount of rain fell evenly in
the interval that ends at its stamp; a tip fell at its stamp; what no row covers was not seen.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from gateway.points import NowValue
from tools.replay.lanes import Lane
from tools.replay.recording import Row
from wire.reading import GOOD, RAIN_WRAP_UM

MINUTE_MS = 60_000
GAP_CADENCES = 2

Before = Callable[[int], None]  # Called before each look at a counter: its neighbours come first.
Give = Callable[[str, list[NowValue], int], None]  # source, now-values, unix ms: the station judges them


def alone(unix_ms: int) -> None:
    """A gauge without neighbours waits for nobody."""


class Feed(Protocol):
    """Takes the rows for one source of the station."""

    lanes: list[Lane]

    def take(self, row: Row) -> None: ...

    def flush(self) -> None: ...

    def end(self) -> None: ...


class Plain:
    """Samples as they stand; a source may have several columns, and the temperature of the instrument."""

    def __init__(self, source: str, lanes: list[Lane], first: int, temperature: bool, give: Give) -> None:
        """`first`: place of the first lane's cell in a row. The temperature is the column behind the lanes."""
        self.lanes = lanes
        self._source = source
        self._first = first
        self._temperature = len(lanes) if temperature else None
        self._give = give

    def take(self, row: Row) -> None:
        unix_ms = row.unix_ms
        words: list[NowValue] = []
        if self._temperature is not None and row.temp_cdeg is not None:
            words.append(NowValue(self._temperature, row.temp_cdeg, GOOD, 0, unix_ms, unix_ms))
        taken: list[tuple[Lane, int]] = []
        for column, lane in enumerate(self.lanes):
            cell = row.cells[self._first + column]
            if lane.admit(unix_ms, cell):
                assert isinstance(cell, int)
                words.append(NowValue(column, cell, GOOD, 0, unix_ms, unix_ms))
                taken.append((lane, cell))
        if not taken:
            return
        self._give(self._source, words, unix_ms)
        for lane, value in taken:
            lane.keep(unix_ms, value, lane.point.watch.kinds)

    def flush(self) -> None:
        """Nothing waits."""

    def end(self) -> None:
        """Every row has been judged."""


class Counter:
    """A rain counter as it would have stood at any moment that is looked at."""

    def __init__(self, source: str, lane: Lane, give: Give, before: Before) -> None:
        self._source = source
        self._lane = lane
        self._give = give
        self._before = before
        self._um = 0
        self.seen_ms: int | None = None
        self.kinds = 0  # of all looks since the last `done`

    def grow(self, until_ms: int, amount_um: int) -> None:
        """Rain evenly from the last look to `until_ms`, looked at each minute where that may change an alarm."""
        seen_ms = self.seen_ms
        assert seen_ms is not None
        before_um = self._um
        parts = max(1, (until_ms - seen_ms) // MINUTE_MS) if amount_um or self.standing else 1
        for part in range(1, parts + 1):
            self._um = before_um + amount_um * part // parts
            self.look(seen_ms + (until_ms - seen_ms) * part // parts)

    def slide(self, until_ms: int) -> None:
        """While an alarm stands, look each minute before `until_ms`: without rain the sums only fall."""
        while self.seen_ms is not None and self.standing and self.seen_ms + MINUTE_MS < until_ms:
            self.look(self.seen_ms + MINUTE_MS)

    def tip(self, unix_ms: int, amount_um: int) -> None:
        self._um += amount_um
        self.look(unix_ms)

    def look(self, unix_ms: int) -> None:
        self._before(unix_ms)
        self._give(self._source, [NowValue(0, self._um % RAIN_WRAP_UM, GOOD, 0, unix_ms, unix_ms)], unix_ms)
        self.kinds |= self._lane.point.watch.kinds
        self.seen_ms = unix_ms

    def fail(self, unix_ms: int, raw: int) -> None:
        """The sensor gave something below zero: a code, or a fault."""
        self._give(self._source, [NowValue(0, raw, GOOD, 0, unix_ms, unix_ms)], unix_ms)
        self.kinds |= self._lane.point.watch.kinds
        self.seen_ms = unix_ms

    def done(self) -> int:
        kinds, self.kinds = self.kinds, 0
        return kinds

    @property
    def standing(self) -> bool:
        return any(alarm.index for alarm in self._lane.point.alarms)


class Amounts:
    """Rain of each interval of one cadence, which ends at the stamp."""

    def __init__(
        self, source: str, lane: Lane, place: int, cadence_ms: int, give: Give, before: Before = alone
    ) -> None:
        self.lanes = [lane]
        self._lane = lane
        self._place = place
        self._cadence_ms = cadence_ms
        self._gap_ms = lane.point.channel.gap_after_ms or GAP_CADENCES * cadence_ms
        self._counter = Counter(source, lane, give, before)

    def take(self, row: Row) -> None:
        unix_ms, cell = row.unix_ms, row.cells[self._place]
        lane, counter = self._lane, self._counter
        if not lane.admit(unix_ms, cell):
            return
        assert isinstance(cell, int)
        begin_ms = unix_ms - self._cadence_ms
        if counter.seen_ms is None:
            counter.look(begin_ms)
        elif counter.seen_ms < begin_ms and unix_ms - counter.seen_ms <= self._gap_ms:
            counter.slide(begin_ms)  # Not yet a gap: what the rows leave out was dry.
            counter.look(begin_ms)
        if cell < 0:
            counter.fail(unix_ms, cell)
        else:
            counter.grow(unix_ms, cell)
        lane.keep(unix_ms, cell, counter.done())

    def flush(self) -> None:
        """Nothing waits."""

    def end(self) -> None:
        """Every row has been judged."""


class Tips:
    """One row a tip: equal rows are as many tips, and dry weeks have no rows."""

    def __init__(
        self, source: str, lane: Lane, place: int, run_out_ms: int, give: Give, before: Before = alone
    ) -> None:
        self.lanes = [lane]
        self._lane = lane
        self._place = place
        self._run_out_ms = run_out_ms
        self._counter = Counter(source, lane, give, before)
        self._at_ms: int | None = None
        self._um: int | None = None  # tips of `_at_ms` that wait for the last one of that moment

    def take(self, row: Row) -> None:
        unix_ms, cell = row.unix_ms, row.cells[self._place]
        if isinstance(cell, str):
            self._lane.flag(cell, unix_ms)
        elif self._at_ms is not None and unix_ms < self._at_ms:
            self._lane.flag("back-dated", unix_ms)
        elif cell < 0:
            self._lane.flag("range", unix_ms)
        else:
            if unix_ms != self._at_ms:
                self.flush()
                self._at_ms = unix_ms
            self._um = cell + (self._um or 0)

    def flush(self) -> None:
        """Count the tips of one moment together: no more of them follow."""
        at_ms, amount_um = self._at_ms, self._um
        if at_ms is None or amount_um is None:
            return
        self._um = None
        self._counter.slide(at_ms)
        if self._counter.seen_ms is None or self._counter.seen_ms < at_ms - MINUTE_MS:
            self._counter.look(at_ms - MINUTE_MS)  # It was seen all the time: nothing fell since the tip before.
        self._counter.tip(at_ms, amount_um)
        self._lane.keep(at_ms, amount_um, self._counter.done())

    def end(self) -> None:
        """Let the windows run out behind the last tip."""
        self.flush()
        if self._at_ms is not None:
            self._counter.slide(self._at_ms + self._run_out_ms)


class Neighbour:
    """Another gauge's recording, fed up to each moment at which the judged gauge is looked at."""

    def __init__(self, rows: Iterator[Row], feed: Feed) -> None:
        self._rows = rows
        self._feed = feed
        self._next = next(rows, None)

    def advance(self, until_ms: int) -> None:
        """Take every row up to `until_ms`."""
        taken = False
        while self._next is not None and self._next.unix_ms <= until_ms:
            self._feed.take(self._next)
            self._next = next(self._rows, None)
            taken = True
        if taken:
            self._feed.flush()
