"""What the center asks for is carried out at the station, told as an event with the actor, or refused with a reason."""

import cbor2
import pytest

from gateway.actions import NEEDS, Action
from gateway.config import OperatingMode
from gateway.duty import Duty
from gateway.mode_log import ModeLog
from tests.gateway.alarm_station import Rig
from wire.reading import QUANTITY_CODES
from wire.telemetry import (
    E_ACTOR,
    E_AT_MS,
    E_CHANNEL,
    E_COMMAND,
    E_DATUM,
    E_EPISODE_MS,
    E_KIND,
    E_MODE,
    E_OPERATING,
    E_QUANTITY,
    E_RULE,
    E_TIER,
    E_VALUE,
    EVENT_KINDS,
    MODES,
    OPERATING,
)

DAY_MS = 86_400_000
START_MS = 1_800_000_000_000
LEVEL = QUANTITY_CODES["level_mm"]


class Post:
    """A station in its rig, and whoever is on duty there."""

    def __init__(self, modes=()):
        from msgspec.structs import replace

        self.rig = Rig()
        self.rig.clock.unix = START_MS
        self.rig.config = replace(self.rig.config, modes=modes)
        self.kept = {}
        self.changes = 0
        self.number = 0
        self.rig.sink.event = self.event
        self.start()

    def start(self):
        """A fresh process with what was kept."""
        self.log = ModeLog()
        self.duty = Duty(self.rig.config, self.rig.clock, self.rig.station, self.log, self.event, self.keep, self.keep)
        assert self.duty.restore(self.kept.get("modes"))
        self.duty.on_modes = self.on_modes
        self.duty.tick()

    def event(self, event):
        self.rig.sink.events.append(self.duty.mark(event))

    def keep(self, name, data):
        self.kept[name] = data

    def on_modes(self):
        self.changes += 1

    def do(self, kind, actor="07", **fields):
        self.number += 1
        return self.duty.act(self.number, Action(kind, actor, **fields))

    def events(self, kind):
        return [event for event in self.rig.sink.events if EVENT_KINDS[event[E_KIND]] == kind]


@pytest.fixture
def post():
    return Post()


def flood(post, mm):
    post.rig.level(mm)


def test_a_manual_observation_is_an_event_of_the_channel_and_moves_nothing(post):
    now_ms = post.rig.clock.unix_ms()
    before = post.rig.station.channels(), post.rig.station.alarms()
    done = post.do("observe", channel="river", quantity=LEVEL, value=193_020, at_ms=now_ms - 60_000, reason="staff wet")
    assert done == ("done", "")
    (event,) = post.events("manual observation")
    assert (event[E_CHANNEL], event[E_VALUE], event[E_QUANTITY], event[E_DATUM]) == ("river", 193_020, LEVEL, "wusong")
    assert (event[E_ACTOR], event[E_AT_MS], event[E_COMMAND]) == ("07", now_ms - 60_000, 1)
    assert (post.rig.station.channels(), post.rig.station.alarms()) == before, "far above every stage, and no alarm"


def test_an_observation_of_what_no_sensor_measures_needs_no_channel(post):
    done = post.do("observe", quantity=QUANTITY_CODES["crack_um"], value=1_200, at_ms=0)
    assert done == ("done", "")
    (event,) = post.events("manual observation")
    assert E_CHANNEL not in event


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"channel": "lake", "quantity": LEVEL}, "there is no channel lake"),
        ({"channel": "river", "quantity": QUANTITY_CODES["rain_um"]}, "river is level_mm, not rain_um"),
    ],
)
def test_an_observation_that_cannot_be_is_refused_and_leaves_no_event(post, fields, why):
    status, reason = post.do("observe", **({"value": 1, "at_ms": 0} | fields))
    assert status == "refused"
    assert why in reason
    assert post.events("manual observation") == []


def test_an_operating_mode_by_command_is_told_with_who_and_until_and_ends_by_itself(post):
    now_ms = post.rig.clock.unix_ms()
    assert post.do("operating", operating=OPERATING.index("emergency"), until_ms=now_ms + 60_000) == ("done", "")
    (event,) = post.events("operating mode changed")
    assert (event[E_ACTOR], event[E_OPERATING], event[E_COMMAND]) == ("07", 4, 1)
    document = post.duty.document()
    assert (document["operating"], document["operating_by"]) == ("emergency", "07")
    assert document["operating_until_s"] == (now_ms + 60_000) // 1000
    assert post.duty.modes.now.report_s == 60
    post.rig.clock.advance(60_000)
    post.duty.tick()
    assert post.duty.document()["operating"] == "normal"
    _, ended = post.events("operating mode changed")
    assert E_COMMAND not in ended


def test_a_mode_by_command_survives_a_restart_and_ends_at_its_time(post):
    now_ms = post.rig.clock.unix_ms()
    post.do("operating", operating=2, until_ms=now_ms + 60_000)
    post.rig.clock.advance(59_000)
    post.start()
    assert post.duty.document()["operating"] == "flood season"
    assert post.log.at(now_ms // 1000 + 30).operating == 2, "rows of before keep their mode"
    post.rig.clock.advance(1_000)
    post.start()
    assert post.duty.document()["operating"] == "normal"


@pytest.mark.parametrize("until_ms", [None, 1, 1 << 45])
def test_a_mode_without_a_sensible_end_is_refused(post, until_ms):
    status, reason = post.do("operating", operating=4, until_ms=until_ms)
    assert (status, bool(reason)) == ("refused", True)
    assert post.duty.document()["operating"] == "normal"


def test_a_clock_that_was_never_set_is_the_most_intensive_mode_and_back(post):
    post = Post((OperatingMode(3, (((1, 1), (1, 2)),), (), 0, 10, 20),))
    post.rig.clock.unix = 1_000
    post.duty.tick()
    assert (post.duty.document()["operating"], post.duty.document()["operating_by"]) == ("fire danger", "clock")
    assert post.duty.document()["clock_known"] is False
    post.rig.clock.unix = START_MS
    post.duty.tick(stepped=True)
    assert post.duty.document()["operating"] == "normal"


def test_whoever_sends_and_measures_hears_of_each_change_once(post):
    heard = post.changes
    post.do("operating", operating=2, until_ms=post.rig.clock.unix_ms() + DAY_MS)
    post.duty.tick()
    post.duty.tick()
    assert post.changes == heard + 1


def test_the_kept_state_is_refused_where_it_is_none():
    post = Post()
    for data in (b"", b"\xff", cbor2.dumps(5), cbor2.dumps([[None, 0], []]), cbor2.dumps([[[9, "x", 0], 0], [[0]]])):
        assert not post.duty.restore(data)


def test_an_exercise_is_told_and_stands_in_what_is_sent(post):
    assert post.do("mode", mode=MODES.index("exercise"), until_ms=post.rig.clock.unix_ms() + DAY_MS)[0] == "done"
    (event,) = post.events("mode changed")
    assert event[E_COMMAND] == 1
    assert post.log.now.mode == 1
    document = post.duty.document()
    assert (document["mode"], document["mode_siren"]) == ("exercise", False)


def test_a_smoke_detector_is_muted_and_tested_by_command_but_no_test_covers_an_alarm(post):
    assert post.do("mute", rule="smoke") == ("done", "")
    assert post.events("smoke muted")[0][E_COMMAND] == post.number
    assert post.do("test-detector", rule="smoke") == ("done", "")
    post.rig.tick(600_000)
    assert len(post.events("smoke test")) == 2
    post.rig.now("smoke", 500, 0, 12_000)
    assert post.do("test-detector", rule="smoke")[0] == "refused"
    for kind in ("mute", "test-detector"):
        assert post.do(kind, rule="flood") == ("refused", "there is no smoke rule flood")


def test_an_exercise_ends_by_itself_at_its_time_also_when_the_gateway_was_down_then(post):
    now_ms = post.rig.clock.unix_ms()
    post.do("mode", mode=MODES.index("exercise"), duration_ms=60_000)
    assert (post.log.now.mode, post.log.now.mode_by, post.log.now.mode_until_s) == (1, "07", now_ms // 1000 + 60)
    post.rig.restart(down_ms=59_000)
    post.start()
    post.rig.tick()
    post.duty.tick()
    assert post.duty.document()["mode"] == "exercise"
    post.rig.restart(down_ms=1_000)
    post.start()
    post.rig.tick()
    post.duty.tick()
    assert post.duty.document()["mode"] == "actual"
    assert [event[E_MODE] for event in post.events("mode changed")] == [1, 0]


def test_a_flood_of_an_exercise_ends_with_it_and_the_actual_one_is_another_episode(post):
    post.do("mode", mode=MODES.index("exercise"), duration_ms=60_000)
    for _ in range(3):
        post.rig.now("level", 23_000)
    post.rig.tick(60_000)
    for _ in range(3):
        post.rig.now("level", 23_000)
    told = [event for event in post.rig.sink.events if event.get(E_RULE) == "flood"]
    kinds = [(EVENT_KINDS[event[E_KIND]], MODES[event[E_MODE]]) for event in told]
    assert kinds == [("alarm raised", "exercise"), ("alarm cleared", "exercise"), ("alarm raised", "actual")]
    assert told[0][E_EPISODE_MS] == told[1][E_EPISODE_MS] != told[2][E_EPISODE_MS]


def test_a_flood_that_stood_when_an_exercise_began_stays_actual_to_its_end(post):
    for _ in range(3):
        post.rig.now("level", 23_000)
    post.do("mode", mode=MODES.index("exercise"), duration_ms=3_600_000)
    for head in (23_000, 32_000, 32_000, 32_000):
        post.rig.now("level", head)
    told = [event for event in post.rig.sink.events if event.get(E_RULE) == "flood"]
    assert [EVENT_KINDS[event[E_KIND]] for event in told] == ["alarm raised", "alarm escalated"]
    assert {MODES[event[E_MODE]] for event in told} == {"actual"}
    assert post.rig.driver.level == 4, "and it sounds, in a silent exercise too"


def test_an_acknowledgement_of_a_lower_level_than_it_is_by_now_is_refused_with_the_new_one(post):
    for head in (23_000, 23_000, 32_000, 32_000, 32_000):
        post.rig.now("level", head)
    status, reason = post.do("acknowledge", rule="flood", tier="center", level=2)
    assert status == "refused"
    assert "red" in reason
    assert post.do("acknowledge", rule="flood", tier="center", level=4) == ("done", "")
    (seen,) = post.events("alarm acknowledged")
    assert (seen[E_ACTOR], seen[E_TIER], seen[E_COMMAND]) == ("07", "center", 2)
    assert post.do("acknowledge", rule="lake", tier="center", level=4)[0] == "refused"


@pytest.mark.parametrize("kind", sorted(NEEDS))
def test_whatever_is_asked_is_answered_and_nothing_crashes(post, kind):
    fields = {"rule": "flood", "channel": "river", "level": 1, "reason": "works", "mode": 0, "operating": 0}
    fields |= {"quantity": LEVEL, "value": 1, "at_ms": 0, "duration_ms": 60_000, "tier": "center"}
    needed, allowed = NEEDS[kind]
    status, reason = post.do(kind, **{name: fields[name] for name in (*needed, *allowed) if name in fields})
    assert status == "done" or reason


def test_a_staff_reading_is_compared_and_told_with_the_command_that_asked(post):
    post.rig.now("level", 23_000)
    now_ms = post.rig.clock.unix_ms()
    assert post.do("staff", channel="river", value=183_050, at_ms=now_ms) == ("done", "")
    assert [event[E_COMMAND] for event in post.events("staff reading")] == [1]
    assert post.do("staff", channel="lake", value=1, at_ms=now_ms)[0] == "refused"
    assert post.do("staff", channel="rain", value=1, at_ms=now_ms)[0] == "refused"
