"""Rain: from a cumulative counter to sums over sliding windows, the rain day, the intensity.

Rules of this file: no clock; times are whole monotonic seconds (a tip's resolution is the scan, 1 s). A window of w at
t holds the rain of (t - w, t]. The counter says how much fell, and logs say when: the counter wraps (wire.reading); one
that goes back, or jumps further than any rain, is another counter: it is confirmed by a second sample and then
continued from, and the jump itself is no rain. Unix time only names log rows and the rain day.
"""

from datetime import datetime, timedelta
from functools import lru_cache
from math import isqrt
from zoneinfo import ZoneInfo

from gateway.alarms import Alarm, Change
from gateway.fall import Fall
from wire.reading import RAIN_WRAP_UM, rain_since

BURST_UM = 50_000  # At once: a bucket and its board that answer after a short silence.
ROOT_UM = 10_000  # 600 mm times the root of the hours: above every rain on record (envelope near 420 mm).
WINDOWS_S = (60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 259_200)  # 1 min to 72 h: told of every gauge.
INTENSITY_S_MAX = 3_600  # One tip in an hour is 0.2 mm/h: beyond that it does not rain.
STORM_PAUSE_S = 21_600  # So long without a tip ends a storm.
DAY_HOUR = 8  # The rain day begins at 08:00 of the station's zone (SL 651).
OFFSETS_MAX = 8  # Steps of the clock that are remembered, to place rows that were stamped before them.
OFFSET_S = 1
_AHEAD_UM = 1_000_000  # A row may be newer than the newest sample, by less than a metre.


class Rain:
    """One gauge: `sum_um(window)` is what fell in the window that ends with the newest sample."""

    __slots__ = ("_before", "_fall", "_fed", "_keep_s", "_now_s", "_offsets", "_origin_um", "_other")

    def __init__(self, window_s_max: int = WINDOWS_S[-1]) -> None:
        self._keep_s = max(window_s_max, WINDOWS_S[-1])
        self._now_s = 0
        self._fed = False  # since it was made or restored
        self._fall: Fall | None = None
        self._before: tuple[int, int] | None = None  # (second, counter) up to which rain is counted
        self._other: tuple[int, int] | None = None  # a counter that does not follow, waiting for its confirmation
        self._origin_um: int | None = None  # Depth at which this counter took over from another one.
        self._offsets: list[tuple[int, int]] = []  # (since when, unix less monotonic seconds), newest first

    @property
    def since_s(self) -> int | None:
        """Second from which on rain is known; None before the first sample."""
        return None if self._fall is None else self._fall.first_s

    @property
    def seen(self) -> bool:
        """Has there been a sample? Before it no row of a log can be placed."""
        return self._fall is not None

    def feed(self, counter_um: int, now_s: int, offset_s: int) -> int:
        """Take a sample of the counter, not older than the last one; the rain since then in micrometres. `offset_s` is
        unix less monotonic time.
        """
        self._now_s = now_s
        self._fed = True
        offsets = self._offsets
        if not offsets or abs(offset_s - offsets[0][1]) > OFFSET_S:
            offsets.insert(0, (now_s, offset_s))
            del offsets[OFFSETS_MAX:]
        before = self._before
        if before is not None and counter_um == before[1]:
            self._before = (now_s, counter_um)
            self._other = None
            return 0
        return self._moved(counter_um, now_s)

    def slide(self, now_s: int) -> None:
        """Let the windows end at `now_s`, not before the newest sample."""
        self._now_s = max(now_s, self._now_s)

    def sum_um(self, window_s: int) -> int:
        """What fell in the last `window_s` (1 up to what the gauge was made for)."""
        fall = self._fall
        return 0 if fall is None else fall.depth_um - fall.depth_by(self._now_s - window_s)

    def between_um(self, since_s: int, until_s: int) -> int:
        """What fell in (`since_s`, `until_s`]."""
        return 0 if self._fall is None else self._fall.depth_by(until_s) - self._fall.depth_by(since_s)

    def refill(self, counter_um: int, unix_s: int, tips: list[tuple[int, int]]) -> bool:
        """A row of the gauge's log: its counter at its end `unix_s`, and its `tips` (s before that, micrometres; oldest
        first). They take the place of what was guessed. False where the row is of no use: older than any window, or of
        another counter.
        """
        fall, before = self._fall, self._before
        if fall is None or before is None:
            return False
        behind_um = rain_since(before[1], counter_um)
        if behind_um > RAIN_WRAP_UM - _AHEAD_UM:
            behind_um -= RAIN_WRAP_UM
        depth_um = fall.depth_um - behind_um
        start_um = depth_um - sum(fell_um for _, fell_um in tips)
        ends_s = [(since_s, unix_s - offset_s) for since_s, offset_s in self._offsets]
        if max(end_s for _, end_s in ends_s) <= self._now_s - self._keep_s:
            return False
        if self._origin_um is not None and start_um < self._origin_um:
            return False
        if fall.first_um - depth_um > _most_um(self._now_s - ends_s[0][1]):
            return False
        fall.fill(depth_um, ends_s, tips)
        return True

    def intensity_um_h(self) -> int:
        """Micrometres an hour: the newest tip, spread over the time since the one before it; when the next one stays
        away longer than that, over the time since it came; 0 after an hour.
        """
        tip = None if self._fall is None else self._fall.last_tip()
        if tip is None:
            return 0
        second, fell_um, gap_s = tip
        passed_s = self._now_s - second
        if passed_s >= INTENSITY_S_MAX:
            return 0
        spread_s = INTENSITY_S_MAX if gap_s is None else min(gap_s, INTENSITY_S_MAX)
        return fell_um * 3_600 // max(spread_s, passed_s, 1)

    def days_um(self, unix_s: int, zone: ZoneInfo) -> tuple[int, int]:
        """What fell since the rain day began, and in the day before it; `unix_s` is the end of the windows."""
        begin_s, before_s = rain_day(unix_s, zone)
        begin_s -= unix_s - self._now_s
        before_s -= unix_s - self._now_s
        return self.between_um(begin_s, self._now_s), self.between_um(before_s, begin_s)

    def storm_um(self, unix_s: int, zone: ZoneInfo) -> int:
        """What fell since the last pause of STORM_PAUSE_S, never from before this rain day; 0 in such a pause."""
        fall = self._fall
        tip = None if fall is None else fall.last_tip()
        if fall is None or tip is None or self._now_s - tip[0] >= STORM_PAUSE_S:
            return 0
        edge_s = rain_day(unix_s, zone)[0] - (unix_s - self._now_s)
        return fall.depth_um - fall.began(STORM_PAUSE_S, edge_s)

    def correct(self, until_s: int, by_s: int) -> None:
        """What was restored at `until_s` was `by_s` later than it was taken for (earlier if negative)."""
        if self._fed:
            until_s -= 1  # In that second there were samples since.
        if self._fall is not None:
            self._fall.shift(until_s, by_s)
        if self._before is not None and self._before[0] <= until_s:
            self._before = (min(self._before[0] + by_s, until_s), self._before[1])
        past = [(since_s + by_s, offset_s - by_s) for since_s, offset_s in self._offsets if since_s <= until_s]
        present = [(since_s, offset_s) for since_s, offset_s in self._offsets if since_s > until_s]
        if past and not present:
            present = [(until_s, self._offsets[0][1])]
        self._offsets = [*present, *past][:OFFSETS_MAX]

    def save(self, now_s: int) -> list[object]:
        """Plain integers; what is a time becomes an age."""
        before = None if self._before is None else [now_s - self._before[0], self._before[1]]
        offsets = [[now_s - since_s, offset_s + now_s] for since_s, offset_s in self._offsets]
        return [before, offsets, self._origin_um, None if self._fall is None else self._fall.save(now_s)]

    def restore(self, saved: list, now_s: int, down_s: int) -> None:
        """Take over what `save` gave `down_s` ago, also for other windows than it was saved with."""
        before, offsets, origin_um, fall = saved
        then_s = now_s - down_s
        restored = None if fall is None else Fall.restore(fall, then_s)
        if (before is None) != (restored is None):
            raise ValueError("rain without its counter")
        self._fall = restored
        self._before = None if before is None else (then_s - before[0], before[1])
        self._offsets = [(then_s - age_s, offset_s - then_s) for age_s, offset_s in offsets[:OFFSETS_MAX]]
        self._origin_um = origin_um
        self._now_s = now_s
        self._fed = False

    def _moved(self, counter_um: int, now_s: int) -> int:
        """A counter that is another one than at the last sample, or the first."""
        before = self._before
        if before is None or self._fall is None:
            self._before = (now_s, counter_um)
            self._fall = Fall(now_s)
            return 0
        fell_um = rain_since(counter_um, before[1])
        if fell_um > _most_um(now_s - before[0]):
            other = self._other
            if other is None or rain_since(counter_um, other[1]) > _most_um(now_s - other[0]):
                self._other = (now_s, counter_um)
                return 0
            before, fell_um = other, rain_since(counter_um, other[1])
            self._origin_um = self._fall.depth_um
        self._other = None
        self._before = (now_s, counter_um)
        if fell_um:
            self._fall.add(fell_um, before[0], now_s)
            self._fall.drop(now_s - self._keep_s)
        return fell_um


class RainSum:
    """One window of a gauge, for a rule: the sum after the newest sample."""

    __slots__ = ("_rain", "_window_s")

    def __init__(self, rain: Rain, window_s: int) -> None:
        self._rain = rain
        self._window_s = window_s

    def feed(self, value: int, mono_ms: int, doubt: bool = False) -> int:
        return self._rain.sum_um(self._window_s)


class Storm:
    """One alarm whose steps each look at a window of their own; the worst one that is reached counts."""

    __slots__ = ("_rain", "_windows_s", "alarm")

    def __init__(self, rain: Rain, windows_s: tuple[int, ...], alarm: Alarm) -> None:
        self._rain = rain
        self._windows_s = windows_s
        self.alarm = alarm

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> Change | None:
        """Judge the windows as the newest sample left them; the alarm's value is the sum of the step in question."""
        alarm, rain = self.alarm, self._rain
        ats, downs = alarm.ats, alarm.downs
        up = held = 0
        sums = [rain.sum_um(window_s) for window_s in self._windows_s]
        for at, sum_um in enumerate(sums):
            if sum_um >= downs[at]:
                held = at + 1
                if sum_um >= ats[at]:
                    up = at + 1
        alarm.value = sums[max(up, alarm.index, 1) - 1]
        return alarm.move(up, held, mono_ms, unix_ms, doubt)

    def hold(self) -> None:
        self.alarm.hold()


def rain_day(unix_s: int, zone: ZoneInfo) -> tuple[int, int]:
    """Unix seconds at which the rain day of `unix_s` began, and the one before it; 08:00:00 itself ends a day."""
    return _day_of((unix_s - 1) // 60, zone)


@lru_cache(maxsize=16)
def _day_of(minute: int, zone: ZoneInfo) -> tuple[int, int]:
    local = datetime.fromtimestamp(minute * 60, zone)
    begin = local.replace(hour=DAY_HOUR, minute=0, second=0, microsecond=0, fold=0)
    if local.hour < DAY_HOUR:
        begin -= timedelta(days=1)
    return int(begin.timestamp()), int((begin - timedelta(days=1)).timestamp())


def _most_um(gap_s: int) -> int:
    """More than any rain in `gap_s`: the envelope of records grows with the root of the time."""
    return BURST_UM + ROOT_UM * isqrt(max(0, gap_s))
