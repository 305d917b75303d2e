"""A whole station that is killed between any two of its steps, against what must come of it outside.

Outside is a center that takes events for one episode by (rule, channel, t_event of the first crossing), and a siren.
What is durable at a kill is any beginning of what was handed over since the last flush, in its order; nothing of it
while the disk is down. A kill comes before or after every call of the siren's driver, of the event log and of the kept
state, also in the midst of a restart.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from msgspec.structs import replace

from gateway import config
from gateway.siren import PATTERNS, Siren
from gateway.station import Station
from tests.gateway.alarm_station import RULES, HandClock, RecordingDriver, Rig, station_config, steps
from wire.telemetry import (
    E_CHANNEL,
    E_EPISODE_MS,
    E_KIND,
    E_LEVEL,
    E_MODE,
    E_NUMBER,
    E_RULE,
    EVENT_KINDS,
    MODES,
)

pytestmark = pytest.mark.long

HEADS_MM = (15_000, 19_950, 20_000, 22_500, 26_000, 32_000)
LEVEL_KINDS = ("alarm raised", "alarm escalated", "alarm lowered", "alarm cleared", "alarm rebased")
OTHER_FLOOD_MM = ((180_000, 182_000, 185_000, 191_500), (181_000, 184_000), (179_000, 180_000, 190_000))
FRESH = ((0, 0, 0, 0), (False, False), 0)  # an alarm whose rule is new


class Killed(BaseException):
    """The process is gone; no handler of errors sees it."""


class World:
    """What survives the process: the disk, the siren's relay. `steps_left` counts down to the kill."""

    def __init__(self, clock):
        self.clock = clock
        self.log = []  # durable events
        self.state = None  # (kept state, how many events were durable before it)
        self.queue = []  # handed over, not durable yet
        self.up = True
        self.steps_left = None
        self.driver = RecordingDriver([])
        self.seen = lambda: None  # called when an event is handed over

    def step(self):
        if self.steps_left is not None:
            self.steps_left -= 1
            if self.steps_left < 0:
                raise Killed

    def event(self, event):
        self.seen()
        self.step()
        self.queue.append(dict(event))
        self.step()

    def keep_state(self, name, data):
        self.step()
        self.queue.append(data)
        self.step()

    note_state = keep_state

    def show(self, level, pattern, unix_ms):
        self.step()
        self.driver.show(level, pattern, unix_ms)
        self.step()

    def close(self):
        self.driver.close()

    def flush(self, count=None):
        for item in self.queue[:count]:
            if isinstance(item, dict):
                self.log.append(item)
            else:
                self.state = (item, len(self.log))
        self.queue.clear()


def seen_by_center(log):
    """{(rule, channel): level now} after checking what a center must be able to rely on."""
    levels, open_episodes, numbers, modes, raised = {}, {}, {}, {}, set()
    for event in log:
        kind = EVENT_KINDS[event[E_KIND]]
        if not kind.startswith("alarm "):
            continue
        who = (event[E_RULE], event[E_CHANNEL])
        identity = (*who, event[E_EPISODE_MS])
        if kind == "alarm raised":
            assert identity not in raised, "one episode, announced twice"
            assert who not in open_episodes, "a second episode in the midst of one"
            # A rule that was taken out and configured again is a new one.
            assert event[E_NUMBER] == numbers.get(who, 0) + 1 or (who[0] == "rise" and event[E_NUMBER] == 1)
            raised.add(identity)
            open_episodes[who] = identity
            numbers[who], modes[identity] = event[E_NUMBER], event[E_MODE]
        if kind in LEVEL_KINDS:
            assert open_episodes.get(who) == identity, f"{kind} of no open episode"
            assert (event[E_NUMBER], event[E_MODE]) == (numbers[who], modes[identity])
            levels[who] = event[E_LEVEL]
            if not event[E_LEVEL]:
                del open_episodes[who]
    return {who: level for who, level in levels.items() if level}


class StationMachine(RuleBasedStateMachine):
    @initialize(on_ms=st.sampled_from([0, 0, 3_000]), off_ms=st.sampled_from([0, 0, 3_000]))
    def begin(self, on_ms, off_ms):
        self.delays = {"on_ms": on_ms, "off_ms": off_ms, "deadband": 100}
        self.flood_mm = self.file_mm = OTHER_FLOOD_MM[0]  # what the station runs with; what stands in the file
        self.with_rise = True
        self.clock = HandClock()
        self.world = World(self.clock)
        self.heads = 15_000
        self.start()
        self.settle()

    def configured(self):
        flood = replace(RULES[0], steps=steps(*self.flood_mm, **self.delays))
        wall = config.Rule("wall", "high", "tilt_x", steps(500, 900, first=2), latch=True)
        return (flood, *([RULES[1]] if self.with_rise else []), wall, *RULES[5:7])

    def start(self):
        """A fresh process: nothing is known but the configuration and what is on the disk. It may be killed, too."""
        self.config = station_config(self.configured())
        self.world.driver.level = self.world.driver.pattern = 0
        self.siren = Siren(self.config.siren, self.clock, self.world)
        self.station = Station(self.config, self.clock, self.siren, self.world)
        data, place = self.world.state or (None, 0)
        assert self.station.restore(data, self.world.log[place:])

    def do(self, call, kill):
        """Do it, and be killed after `kill` steps if it takes so many."""
        self.world.steps_left = kill
        try:
            call()
        except Killed:
            return False
        finally:
            self.world.steps_left = None
        self.settle()
        return True

    def now(self, source, *values):
        rig = Rig.__new__(Rig)
        rig.clock, rig.station = self.clock, self.station
        rig.now(source, *values)

    def run_or_die(self, call, kill, durable, down_s, again):
        within = []  # A call may raise an alarm and end it: what it was in between counts, too.
        self.world.seen = lambda: within.append(self.shot())
        if self.do(call, kill):
            self.shots += within
            return
        self.world.seen = lambda: None
        before = [*self.shots, *within, self.shot()]
        self.world.flush(durable if self.world.up else 0)
        self.world.up = True
        self.flood_mm = self.file_mm
        self.clock.advance(down_s * 1_000)
        self.clock.mono = 12_345 + down_s
        self.start_again(again)
        self.check_taken_over(before)
        self.world.flush()
        self.shots = []
        self.settle()

    def start_again(self, kill):
        """Start; where `kill` is a number, killed once more after so many steps of the start."""
        for steps_more in (kill, None):
            try:
                self.world.steps_left = steps_more
                self.start()
                break
            except Killed:
                self.world.flush()
        self.world.steps_left = None

    def check_taken_over(self, before):
        """Each alarm is as it was at some moment since the last flush, and the center knows it so."""
        for name, now in self.shot().items():
            shots = [shot[name] for shot in before if name in shot] or [FRESH]
            # What was raised in an exercise may have ended with it.
            shots += [((0, 0, *episode[2:]), aside, mode) for episode, aside, mode in shots if mode]
            for part in range(len(now)):
                assert now[part] in [shot[part] for shot in shots], (name, part)

    def shot(self):
        """{rule: (episode, suppressed, mode)} of every alarm."""
        out = {}
        for name, alarm in self.station._points.alarms.items():
            episode = (alarm.level, alarm.state, alarm.number, alarm.episode_ms)
            out[name] = (episode, (alarm.shelf is not None, alarm.out is not None), alarm.mode)
        return out

    def settle(self):
        """After a call that went through: the siren is as it must be; now and then the disk has all."""
        self.shots = [*getattr(self, "shots", []), self.shot()]
        rules = {rule.name: rule for rule in self.config.rules}
        quiet = self.station.standing_mode.name != "actual" and not self.station.standing_mode.siren
        wanted = 0
        for alarm in self.station.alarms():
            suppressed = alarm["state"] in ("shelved", "out of service")
            if rules[str(alarm["rule"])].siren and not suppressed and not (quiet and alarm["mode"] != "actual"):
                wanted = max(wanted, int(str(alarm["level"])))
        wanted = wanted if wanted >= 2 else 0
        assert self.world.driver.level == wanted
        assert self.world.driver.pattern == (0 if self.siren.silenced else PATTERNS[wanted][0])

    kills = st.none() | st.integers(0, 9)
    durables = st.integers(0, 12)
    downs = st.sampled_from([0, 1, 7, 40])
    again = st.none() | st.integers(0, 6)

    @rule(head=st.sampled_from(HEADS_MM), kill=kills, durable=durables, down_s=downs, again=again)
    def river(self, head, kill, durable, down_s, again):
        self.run_or_die(lambda: self.now("level", head), None, durable, down_s, again)
        self.run_or_die(lambda: self.now("level", head), kill, durable, down_s, again)

    @rule(turned=st.sampled_from([0, 600, 1_000]), kill=kills, durable=durables, down_s=downs, again=again)
    def wall(self, turned, kill, durable, down_s, again):
        self.run_or_die(lambda: self.now("tilt", turned), kill, durable, down_s, again)

    @rule(closed=st.integers(0, 1), kill=kills, durable=durables, down_s=downs, again=again)
    def smoke(self, closed, kill, durable, down_s, again):
        self.run_or_die(lambda: self.now("smoke", 5, closed, 12_000), kill, durable, down_s, again)

    @rule(ms=st.sampled_from([200, 4_000, 11_000]), kill=kills, durable=durables, down_s=downs, again=again)
    def pass_time(self, ms, kill, durable, down_s, again):
        self.clock.advance(ms)
        self.run_or_die(lambda: self.station.tick(self.clock.mono), kill, durable, down_s, again)

    @rule(
        act=st.sampled_from(["ack", "shelve", "unshelve", "out", "in", "reset", "silence", "sound", "drill", "over"]),
        name=st.sampled_from(["flood", "rise", "wall", "smoke", "lost-river"]),
        quiet=st.booleans(),
        kill=kills,
        durable=durables,
        down_s=downs,
        again=again,
    )
    def person(self, act, name, quiet, kill, durable, down_s, again):
        station, unix_ms = self.station, self.clock.unix
        acts = {
            "ack": lambda: station.acknowledge(name, "07", "station", 4),
            "shelve": lambda: station.shelve(name, "07", "works", unix_ms + 20_000),
            "unshelve": lambda: station.unshelve(name, "07"),
            "out": lambda: station.out_of_service(name, "07", "works", True),
            "in": lambda: station.out_of_service(name, "07", "", False),
            "reset": lambda: station.reset(name, "07"),
            "silence": lambda: station.silence(5_000, "07"),
            "sound": lambda: station.sound("07"),
            "drill": lambda: station.set_mode("exercise", "07", unix_ms + 30_000, not quiet),
            "over": lambda: station.set_mode(MODES[0], "07"),
        }
        self.run_or_die(acts[act], kill, durable, down_s, again)

    @rule()
    def flush(self):
        if self.world.up:
            self.world.flush()
            self.shots = [self.shot()]

    @rule()
    def disk_fails(self):
        self.flush()
        self.world.up = False

    @rule()
    def disk_is_back(self):
        self.world.up = True
        self.flush()

    @rule(which=st.integers(0, 2))
    def edit_the_file(self, which):
        """Whatever starts the station next, a kill too, starts it with other thresholds."""
        self.file_mm = OTHER_FLOOD_MM[which]

    @rule(which=st.integers(0, 2), with_rise=st.booleans(), kill=again, down_s=downs)
    def other_thresholds(self, which, with_rise, kill, down_s):
        """Stopped in order, and started with another file."""
        self.world.up = True
        self.station.close()
        self.world.flush()
        before = self.shot()
        self.flood_mm = self.file_mm = OTHER_FLOOD_MM[which]
        self.with_rise = with_rise
        self.clock.advance(down_s * 1_000)
        self.shots = []
        self.start_again(kill)
        self.check_taken_over([before])
        self.world.flush()
        self.settle()

    @invariant()
    def the_center_knows_what_the_station_knows(self):
        if hasattr(self, "world"):
            known = seen_by_center(self.world.log)
            if not self.world.queue:
                levels = {(alarm["rule"], alarm["channel"]): alarm["level"] for alarm in self.station.alarms()}
                assert known == {who: level for who, level in levels.items() if level}


StationMachine.TestCase.settings = settings(
    max_examples=150, stateful_step_count=30, suppress_health_check=[HealthCheck.too_slow], deadline=None
)
TestStationMachine = StationMachine.TestCase
