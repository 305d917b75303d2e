"""How much rain had fallen by when: one rising line of points, exact where it was seen, cautious where it was not.

Rules of this file: no clock. Seconds are whole monotonic ones, depths whole micrometres since any beginning. A point
(second, depth) says that so much had fallen by the end of that second. Rain that was seen fell in its second. Rain of
a silence is a guess: evenly over it, or all of it at its end where it was short; `fill` puts what a log says in its
place. The line is cut by depth, so the same rain never counts twice, in whatever order a log is told.
"""

from array import array
from bisect import bisect_left, bisect_right

GAP_S = 120  # Rain of a longer silence is spread evenly over it: when it fell is not known.
SEEN_S = 2  # Samples no further apart say when it fell, at a scan of 1 s.
POINTS_MAX = 40_960  # 72 h of record rain (3.9 m) at 0.1 mm a tip are 39,000; 17 bytes a point.
ROW_S_MAX = 900  # A row may end so long after the silence of which it tells.
SLEW_S = 5  # Clocks that are no further apart are one (DESIGN 1).
DROPPED_AT_ONCE = 512  # Points leave in such lots: one by one, each would move all the others.


class Fall:
    """Points in order of second and of depth. The first is only where knowledge begins: nothing fell at it."""

    __slots__ = ("_depths", "_guesses", "_seconds")

    def __init__(self, second: int, depth_um: int = 0) -> None:
        self._seconds = array("q", [second])
        self._depths = array("q", [depth_um])
        self._guesses = bytearray(1)  # 1 = when it fell between the point before and this one is not known

    def __len__(self) -> int:
        return len(self._seconds)

    @property
    def depth_um(self) -> int:
        """Of the newest point."""
        return self._depths[-1]

    @property
    def first_s(self) -> int:
        """Second of the first point."""
        return self._seconds[0]

    @property
    def first_um(self) -> int:
        """Of the first point: what fell before it is not known."""
        return self._depths[0]

    def depth_by(self, second: int) -> int:
        """Depth at the end of `second`. Where that is a guess, it is the smaller one: a sum since is never too small
        by more than the guess.
        """
        at = bisect_right(self._seconds, second)
        if at == 0:
            return self._depths[0]
        depth_um = self._depths[at - 1]
        if at < len(self._seconds) and self._guesses[at]:
            begin_s = self._seconds[at - 1]
            span_s = self._seconds[at] - begin_s
            if span_s > GAP_S:
                return depth_um + (self._depths[at] - depth_um) * (second - begin_s) // span_s
        return depth_um

    def add(self, fell_um: int, since_s: int, now_s: int) -> None:
        """`fell_um` (> 0) fell between the samples at `since_s` and `now_s`, neither before the newest point."""
        seconds, depths = self._seconds, self._depths
        depth_um = depths[-1] + fell_um
        guess = now_s - since_s > SEEN_S
        if guess:
            if since_s > seconds[-1]:
                self._append(since_s, depths[-1], 0)
        elif now_s == seconds[-1] and len(seconds) > 1 and not self._guesses[-1]:
            depths[-1] = depth_um
            return
        self._append(now_s, depth_um, int(guess))

    def fill(self, depth_um: int, ends_s: list[tuple[int, int]], tips: list[tuple[int, int]]) -> None:
        """A log says: the depth was `depth_um` at the end of its row, and `tips` (s before that, micrometres; oldest
        first) had led there. `ends_s`: (since when, second): what second that was by the clock that was in force since
        then, newest first.
        """
        start_um = depth_um - sum(fell_um for _, fell_um in tips)
        if depth_um <= self._depths[0]:
            self._extend(depth_um, ends_s[0][1])
        at = max(1, bisect_left(self._depths, start_um))
        while at < len(self._depths) and self._depths[at - 1] <= depth_um:
            at += self._cut(at, start_um, depth_um, ends_s, tips) if self._guesses[at] else 1

    def drop(self, edge_s: int) -> None:
        """Forget what nobody asks for before `edge_s`."""
        count = bisect_right(self._seconds, edge_s) - 1
        if count >= DROPPED_AT_ONCE or (count > 0 and count >= len(self._seconds) - 1):
            del self._seconds[:count], self._depths[:count], self._guesses[:count]
            self._guesses[0] = 0

    def last_tip(self) -> tuple[int, int, int | None] | None:
        """(second, micrometres, seconds since the tip before or None) of the newest rain; None if there is none."""
        at = self._tip_before(len(self._depths))
        if at == 0:
            return None
        before = self._tip_before(at)
        gap_s = self._seconds[at] - self._seconds[before] if before else None
        return self._seconds[at], self._depths[at] - self._depths[at - 1], gap_s

    def began(self, pause_s: int, edge_s: int) -> int:
        """Depth at which the newest run of rain without a pause of `pause_s` began, looked for back to `edge_s`."""
        at = self._tip_before(len(self._depths))
        while at and self._seconds[at] > edge_s:
            before = self._tip_before(at)
            since_s = self._seconds[at - 1] if self._guesses[at] else self._seconds[at]
            if before == 0 or since_s - self._seconds[before] >= pause_s:
                return max(self._depths[at - 1], self.depth_by(edge_s))
            at = before
        return self.depth_by(edge_s)

    def shift(self, until_s: int, by_s: int) -> None:
        """All points of `until_s` and before were `by_s` later than said (earlier if negative), but not later than
        `until_s`.
        """
        for at in range(bisect_right(self._seconds, until_s)):
            self._seconds[at] = min(self._seconds[at] + by_s, until_s)

    def save(self, now_s: int) -> list[int]:
        """Age of the first point and its depth, then for each further one seconds and micrometres since the one before
        (-1 - micrometres where it is a guess).
        """
        seconds, depths = self._seconds, self._depths
        out = [now_s - seconds[0], depths[0]]
        for at in range(1, len(seconds)):
            fell_um = depths[at] - depths[at - 1]
            out += (seconds[at] - seconds[at - 1], -1 - fell_um if self._guesses[at] else fell_um)
        return out

    @classmethod
    def restore(cls, saved: list[int], now_s: int) -> "Fall":
        """What `save` gave at `now_s`. ValueError where it is no rising line."""
        fall = cls(now_s - saved[0], saved[1])
        second, depth_um = fall._seconds[0], saved[1]
        for passed_s, fell_um in zip(saved[2::2], saved[3::2], strict=True):
            if passed_s < 0:
                raise ValueError("points of rain are not in order")
            second += passed_s
            depth_um += fell_um if fell_um >= 0 else -1 - fell_um
            fall._append(second, depth_um, int(fell_um < 0))
        return fall

    def _append(self, second: int, depth_um: int, guess: int) -> None:
        self._seconds.append(second)
        self._depths.append(depth_um)
        self._guesses.append(guess)
        self._limit()

    def _limit(self) -> None:
        """At the limit the oldest rain moves to the point behind it: a sum is never too small."""
        over = len(self._seconds) - POINTS_MAX
        if over > 0:
            del self._seconds[1 : 1 + over], self._depths[1 : 1 + over], self._guesses[1 : 1 + over]
            self._guesses[1] = 0

    def _tip_before(self, at: int) -> int:
        """Index of the newest rain below `at`; 0 if there is none."""
        depths = self._depths
        at -= 1
        while at > 0 and depths[at] == depths[at - 1]:
            at -= 1
        return max(at, 0)

    def _put(self, at: int, end: int, points: list[tuple[int, int, int]]) -> None:
        """`points` (second, depth, guess) instead of those from `at` to before `end`."""
        self._seconds[at:end] = array("q", [point[0] for point in points])
        self._depths[at:end] = array("q", [point[1] for point in points])
        self._guesses[at:end] = bytes(point[2] for point in points)

    def _cut(
        self, at: int, start_um: int, depth_um: int, ends_s: list[tuple[int, int]], tips: list[tuple[int, int]]
    ) -> int:
        """Put what a row says into the guess at `at`; how many points stand there now."""
        since_s, low_um = self._seconds[at - 1], self._depths[at - 1]
        until_s, high_um = self._seconds[at], self._depths[at]
        row_s = _end_of_row(ends_s, (since_s, until_s), (low_um, high_um), (start_um, depth_um), tips)
        if row_s is None:
            return 1
        points: list[tuple[int, int, int]] = []
        second, reached_um, tip_um = since_s, low_um, start_um
        for age_s, fell_um in tips:
            if tip_um + fell_um > low_um and tip_um < high_um:
                second = min(max(row_s - age_s, second), until_s)
                if tip_um > reached_um:
                    points.append((second, tip_um, 1))
                reached_um = min(tip_um + fell_um, high_um)
                points.append((second, reached_um, 0))
            tip_um += fell_um
        if low_um <= depth_um <= high_um:
            row_s = min(max(row_s, second), until_s)
            if depth_um > reached_um:
                points.append((row_s, depth_um, 1))
            elif row_s > second:
                points.append((row_s, depth_um, 0))
            reached_um = depth_um
        if not points:
            return 1
        if reached_um < high_um:
            points.append((until_s, high_um, 1))
        elif points[-1][0] < until_s and at + 1 < len(self) and self._guesses[at + 1]:
            points.append((until_s, high_um, 0))  # The next guess begins where it did.
        self._put(at, at + 1, points)
        self._limit()
        return len(points)

    def _extend(self, depth_um: int, row_s: int) -> None:
        """Let knowledge begin earlier, at the end of a row. Only its counter counts: its tips may lead to more."""
        first_s, first_um = self._seconds[0], self._depths[0]
        row_s = min(row_s, first_s)
        if depth_um < first_um:
            self._guesses[0] = 1
        elif len(self) == 1 or not self._guesses[1]:
            self._seconds[0] = row_s
            return
        self._put(0, 0, [(row_s, depth_um, 0)])  # A guess begins where it did.
        self._limit()


def _end_of_row(
    ends_s: list[tuple[int, int]],
    times_s: tuple[int, int],
    guess_um: tuple[int, int],
    row_um: tuple[int, int],
    tips: list[tuple[int, int]],
) -> int | None:
    """When a row ended that touches a guess, where clocks disagree; None where that cannot be told.

    In the silence its board had the clock of the silence's begin, after it that of its end. A row without rain of the
    guess may be of any time: it says what it says by every clock.
    """
    (since_s, until_s), (low_um, high_um), (start_um, depth_um) = times_s, guess_um, row_um
    if depth_um == low_um:
        return min(end_s for _, end_s in ends_s)
    if start_um >= high_um:
        return max(end_s for _, end_s in ends_s)
    begun_s, ended_s = (_in_force(ends_s, at_s) for at_s in times_s)
    if abs(begun_s - ended_s) <= SLEW_S or depth_um < high_um:
        return begun_s
    if depth_um > high_um:
        return ended_s
    ages_s = [age_s for age_s, _ in tips] or [0]
    may_be = [end_s for end_s in (begun_s, ended_s) if since_s <= end_s - ages_s[-1] <= until_s]
    return may_be[0] if len(may_be) == 1 else None


def _in_force(ends_s: list[tuple[int, int]], at_s: int) -> int:
    return next((end_s for from_s, end_s in ends_s if from_s <= at_s), ends_s[-1][1])
