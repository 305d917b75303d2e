"""A bought Modbus sensor on the line: looked at by its profile, its rows made here.

Rules of this file: an answer that may belong to an earlier request is thrown away; a row is the median of the good
values since the last one, stamped with the full interval; no good value in it = what was there, flagged, or missing.
"""

from collections import deque
from typing import Protocol

from boards import Profile
from gateway.bought import Read, median, plan, reading, spread
from gateway.bus_link import Judge, Link
from gateway.clock import Clock
from gateway.clock_steps import Anchor, StepWatch, is_known
from gateway.commit import StoreError
from gateway.config import Source
from gateway.line import BusError, Line
from gateway.points import NowValue
from wire.reading import FAIL, GOOD, MISSING, NEVER, QUANTITY_CODES, SUSPECT, SYNCED, WITH_STATS
from wire.row import Reading

VALUES_MAX = 4_000  # Kept for one row: an hour of looks at the shortest useful scan, and room.
ROWS_MAX = 1_440  # Made while the store refuses them; a day of minutes.
FLAGS = (GOOD, SUSPECT, FAIL)  # The best that an interval has makes its row.

MadeRow = tuple[int, int, int, list[Reading] | Anchor]


class MadeStore(Protocol):
    async def append_made(self, source_name: str, rows: list[MadeRow]) -> None: ...


class SensorLink(Link):
    """Asks in the order of its plan, `min_interval_ms` apart; what it says while it settles is missing."""

    def __init__(self, source: Source, profile: Profile, line: Line, clock: Clock, judge: Judge) -> None:
        super().__init__(source, line, clock, judge)
        self.profile = profile
        self.row_s = source.row_s  # shorter in an intensified mode
        self.rows: deque[MadeRow] = deque(maxlen=ROWS_MAX)
        self.storing = False
        self._plan = plan(profile)
        self._answers: dict[Read, list[int]] = {}
        self._step = 0
        self._settled_us = 0
        self._met = False
        self._values = [{flag: deque[int](maxlen=VALUES_MAX) for flag in FLAGS} for _ in profile.points]
        self._boundary_s = 0
        self._watch = StepWatch()
        self._unknown = False  # Rows are stamped with uptime.

    def begin(self) -> None:
        self._step = 0
        self._answers = {}

    async def step(self) -> bool:
        read = self._plan[self._step]
        if self.presence.doubt:
            # What comes first may be the answer to a request that we gave up.
            self.presence.doubt = False
            await self._ask(read)
            return False
        words = await self._ask(read)
        if words is not None:
            self._answers[read] = words
        self._step += 1
        if self._step < len(self._plan):
            return False
        self._tell()
        return True

    async def probe(self) -> None:
        await self._ask(self._plan[0])
        self.presence.doubt = False  # This answer is thrown away, the next one counts.

    async def ask_shortly(self) -> None:
        await self._ask(min(self._plan, key=lambda read: read[2]))

    async def _ask(self, read: Read) -> list[int] | None:
        """The registers, or None where the sensor answers that it has no value. BusError."""
        try:
            words, answer = await self.read(*read)
            end_us = answer.end_us
        except BusError as error:
            self.ready_us = self._clock.mono_us() + self.profile.min_interval_ms * 1_000
            if error.kind != "exception":
                raise
            words, end_us = None, self._clock.mono_us()
        self.ready_us = end_us + self.profile.min_interval_ms * 1_000
        if not self._met:
            self._met = True
            self._settled_us = end_us + self.profile.settle_ms * 1_000
        return words

    def failed_look(self, error: BusError) -> None:
        if self.presence.silent:
            self._met = False  # It may have lost its power: it settles again.

    def _tell(self) -> None:
        now_us = self._clock.mono_us()
        mono_ms, unix_ms = now_us // 1_000, self._clock.unix_ms()
        told = []
        for column, point in enumerate(self.profile.points):
            value, quality = reading(point, self._answers)
            if now_us < self._settled_us:
                value, quality = None, MISSING
            quality = self.flag(value, quality)
            if value is not None:
                self._values[column][quality].append(value)
            told.append(NowValue(column, value, quality, 0, mono_ms, unix_ms))
        self._judge.on_now(self.source.name, told)

    def close_row(self, unix_ms: int, mono_ms: int) -> None:
        """Make the row of the interval that has ended by now, if one has; before it say what time it is, if it
        stepped or is known for the first time. A step ends the interval early, one that is slewed ends on its time.
        """
        row_s = self.row_s
        known = is_known(unix_ms)
        stepped = self._watch.look(unix_ms, mono_ms)
        if known and (stepped or self._unknown):
            anchor = Anchor(unix_ms // 1_000, unix_ms % 1_000, SYNCED, mono_ms // 1_000, mono_ms % 1_000)
            self.rows.append((anchor.unix_s, anchor.ms, SYNCED, anchor))
        self._unknown = not known
        now_s = unix_ms // 1_000 if known else mono_ms // 1_000
        boundary_s = now_s - now_s % row_s
        if boundary_s == self._boundary_s:
            return
        first = self._boundary_s == 0
        self._boundary_s = boundary_s
        if not first:  # The interval in which we began is not whole.
            readings = [self._reading(column) for column in range(len(self.profile.points))]
            self.rows.append((boundary_s, 0, SYNCED if known else NEVER, readings))
        for by_flag in self._values:
            for values in by_flag.values():
                values.clear()

    def _reading(self, column: int) -> Reading:
        quantity = self.profile.points[column].quantity
        for flag, values in self._values[column].items():
            if not values:
                continue
            if quantity == "rain_um":
                return Reading(column, values[-1], flag)  # A counter's middle value means nothing.
            if QUANTITY_CODES[quantity] in WITH_STATS:  # Ship wakes, or a rising river?
                return Reading(column, median(values), flag, min(values), max(values), spread(values))
            return Reading(column, median(values), flag)
        return Reading(column, None, MISSING)

    async def store(self, store: MadeStore) -> None:
        """Hand the made rows to the store; those that it refuses are kept for the next time."""
        rows = list(self.rows)
        try:
            await store.append_made(self.source.name, rows)
        except StoreError:
            return
        finally:
            self.storing = False
        for row in rows:
            if self.rows and self.rows[0] is row:
                self.rows.popleft()
