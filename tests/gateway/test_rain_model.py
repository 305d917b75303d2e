"""Rain windows through anything that happens to a gauge, against a plain list of what really fell.

The world below knows the true second of every tip. A tip that was polled within two seconds, or of which a row of the
log was told, is in exactly the windows that it fell into. Any other may lie anywhere in its silence, and nowhere else.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from gateway.rain import Rain

WRAP_UM = 100_000_000
WINDOWS_S = (1, 2, 10, 60, 300, 600, 1_800, 3_600, 10_800, 86_400)
LOG_ROW_S = 60
EPOCH_S = 1_600_000_000


class World:
    """The truth: seconds since the beginning, tips, the board's counter and log, two clocks that may be wrong."""

    def __init__(self, counter_um, tip_um):
        self.now_s = 0
        self.tip_um = tip_um
        self.counter_um = counter_um
        self.tips = []  # [second, (first second, last second) that the gateway can know, is it counted]
        self.rows = []  # (counter, stamp, tips as the board tells them, the world's own tips, second)
        self.error_s = 0  # of the machine's clock
        self.board_error_s = 0
        self._open = []

    def tip(self):
        if self._open and self._open[-1][0] == self.now_s and len(self._open) > 40:
            return
        self.counter_um = (self.counter_um + self.tip_um) % WRAP_UM
        self.tips.append([self.now_s, None, True])
        self._open.append(self.tips[-1])

    def step(self):
        self.now_s += 1
        if self.now_s % LOG_ROW_S == 0:
            self.close_row()

    def close_row(self):
        told = [(self.now_s - tip[0], self.tip_um) for tip in self._open]
        self.rows.append((self.counter_um, EPOCH_S + self.now_s + self.board_error_s, told, self._open, self.now_s))
        self._open = []


class RainModel(RuleBasedStateMachine):
    @initialize(
        counter_um=st.sampled_from([0, 5_000_000, WRAP_UM - 1_000, WRAP_UM - 200]), tip_um=st.sampled_from([100, 200])
    )
    def begin(self, counter_um, tip_um):
        self.world = World(counter_um, tip_um)
        self.rain = Rain()
        self.origin_s = 7  # the world's second at which the monotonic clock was 0
        self.seen_s = 0
        self.waiting = []  # tips that no poll has seen yet
        self.steps = 0
        self.stepped_s = []
        self.poll()

    def poll(self):
        """One sample; what it is the first to see is known as well as the silence was short."""
        world = self.world
        mono_s = world.now_s - self.origin_s
        offset_s = EPOCH_S + world.now_s + world.error_s - mono_s
        self.rain.feed(world.counter_um, mono_s, offset_s)
        world.board_error_s = world.error_s  # The gateway sets the board's clock.
        short = world.now_s - self.seen_s <= 2
        for tip in self.waiting:
            tip[1] = (world.now_s, world.now_s) if short else (self.seen_s, world.now_s)
            if short:
                tip[0] = world.now_s  # The resolution of tips is the scan.
        self.seen_s = world.now_s
        self.waiting = []

    def fall(self, tips):
        for _ in range(tips):
            before = len(self.world.tips)
            self.world.tip()
            self.waiting += self.world.tips[before:]

    @rule(seconds=st.integers(1, 70), tips=st.lists(st.integers(0, 69), max_size=8))
    def watch(self, seconds, tips):
        """Polled every second."""
        for second in range(seconds):
            self.world.step()
            self.fall(tips.count(second))
            self.poll()

    @rule(
        seconds=st.sampled_from([3, 30, 119, 120, 121, 500, 4_000]),
        tips=st.lists(st.integers(0, 3_999), max_size=12),
    )
    def silence(self, seconds, tips):
        """Nobody asks the board; it counts and writes its log."""
        self.hush(seconds, tips)
        self.poll()

    def hush(self, seconds, tips):
        for second in range(seconds):
            self.world.step()
            self.fall(tips.count(second))

    @rule(data=st.data())
    def tell_rows(self, data):
        """Some rows of the log, in any order, some of them twice."""
        rows = self.world.rows
        picked = data.draw(st.lists(st.integers(0, max(0, len(rows) - 1)), max_size=6)) if rows else []
        for index in picked:
            self.tell(rows[index])

    @rule()
    def tell_all_rows(self):
        for row in reversed(self.world.rows):
            self.tell(row)

    def tell(self, row):
        counter_um, stamp_s, told, tips, ended_s = row
        if self.rain.refill(counter_um, stamp_s, told):
            for tip in tips:
                if tip[1] is not None and self.one_clock(tip[1], ended_s, tips):
                    tip[1] = (tip[0], tip[0])

    def one_clock(self, silence, ended_s, tips):
        """Can only one clock be meant by a row? Not where it stepped before the row's end; nor where it stepped at all,
        and the row may have ended after the silence.
        """
        first_s, last_s = silence
        inside = any(tip[1] == silence and tip[0] > tips[-1][0] for tip in self.world.tips)
        return not any(first_s < at_s <= (ended_s if inside else max(ended_s, last_s)) for at_s in self.stepped_s)

    @rule(seconds=st.sampled_from([0, 1, 5, 60, 3_000]), tips=st.lists(st.integers(0, 2_999), max_size=6))
    def restart(self, seconds, tips):
        """The gateway ends and comes back; the machine ran on, so it knows how long it was away."""
        self.restore(self.rain.save(self.world.now_s - self.origin_s), seconds, tips, seconds)
        self.poll()

    def restore(self, saved, seconds, tips, believed_s):
        self.hush(seconds, tips)
        self.origin_s = self.world.now_s - 5_000_000 - self.steps
        self.rain = Rain()
        self.rain.restore(saved, self.world.now_s - self.origin_s, believed_s)

    @rule(believed_s=st.sampled_from([0, 40, 9_000]), tips=st.lists(st.integers(0, 599), max_size=6))
    def restart_of_the_machine(self, believed_s, tips):
        """Its clock was wrong afterwards; a board that ran on says how long it was."""
        self.restore(self.rain.save(self.world.now_s - self.origin_s), 600, tips, believed_s)
        self.world.error_s += believed_s - 600
        self.stepped_s.append(self.world.now_s)
        self.rain.correct(self.world.now_s - self.origin_s, believed_s - 600)
        self.poll()

    @rule(by_s=st.sampled_from([-7_200, -60, -5, 5, 60, 7_200]))
    def step_the_clock(self, by_s):
        """And the board's with it."""
        self.steps += 1
        self.world.step()
        self.world.error_s += by_s
        self.stepped_s.append(self.world.now_s)
        self.poll()

    @rule()
    def replace_the_board(self):
        """Another counter, another log; what fell before the second sample of the new one is lost."""
        world = self.world
        for tip in self.waiting:
            tip[2] = False
        self.waiting, world.rows, world._open = [], [], []
        world.counter_um = (world.counter_um + 40_000_000) % WRAP_UM
        for _ in range(2):
            world.step()
            self.poll()

    @rule()
    def read_a_wild_value(self):
        self.rain.feed((self.world.counter_um + 33_000_000) % WRAP_UM, self.seen_s - self.origin_s, self._offset_s())
        self.poll()

    def _offset_s(self):
        return EPOCH_S + self.origin_s + self.world.error_s

    @invariant()
    def every_window_holds_what_fell_into_it(self):
        if not hasattr(self, "world"):
            return
        now_s = self.seen_s
        for window_s in WINDOWS_S:
            edge_s = now_s - window_s
            surely = possibly = 0
            for _, known, counted in self.world.tips:
                if known is None or not counted:
                    continue
                first_s, last_s = known
                surely += self.world.tip_um if first_s > edge_s else 0
                possibly += self.world.tip_um if last_s > edge_s else 0
            found_um = self.rain.sum_um(window_s)
            assert surely <= found_um <= possibly, (window_s, found_um, surely, possibly)


RainModel.TestCase.settings = settings(max_examples=100, stateful_step_count=14, deadline=None)
test_no_history_gives_a_window_anything_but_what_fell_into_it = RainModel.TestCase
