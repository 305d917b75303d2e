"""A smoke detector as a whole: faults beside alarms, mute, test, drift, damp; by curves that are made up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway import config
from gateway.detector import CLEAR_MDBM, DRIFT_MDBM_PER_H, Drift
from gateway.station import NowValue
from tests.gateway import smoke_curves as curves
from tests.gateway.alarm_station import Rig, station_config
from tests.gateway.station_toml import GOOD, problems, station
from wire.reading import GOOD as GOOD_QUALITY
from wire.reading import MISSING, SUSPECT
from wire.telemetry import E_DETAIL, E_KIND, E_MODE, EVENT_KINDS, MODES

AT = 200
SMOKE = config.Rule(
    "smoke", "smoke", "smoke", (config.Step(2, 100, deadband=20), config.Step(4, AT, deadband=20)), battery_mv=10_800,
    test="button",
)  # fmt: skip
HOUR_MS = 3_600_000
DAMP = 970


class Home(Rig):
    """A chamber with contact, supply, humidity and, on a board of its own, a test button."""

    def __init__(self, rule: config.Rule = SMOKE) -> None:
        self.supply, self.humidity, self.button = 12_000, 400, 0
        super().__init__((rule,))

    def start(self) -> None:
        names = (("smoke", "smoke_mdbm"), ("contact", "smoke_contact"), ("supply", "supply_mv"),
                 ("humidity", "humidity_permil"))  # fmt: skip
        made = [config.Channel(name, "home", i, quantity) for i, (name, quantity) in enumerate(names)]
        sources = (
            config.Source("home", "main", 11, channels=tuple(made)),
            config.Source("door", "main", 12, channels=(config.Channel("button", "door", 0, "smoke_contact"),)),
        )
        plain = station_config(self.config.rules)
        self.config = config.Station(
            id=plain.id, name="", name_en="", time_zone=plain.time_zone, gateway_serial=plain.gateway_serial,
            mode="actual", buses=(config.Bus("main", "/dev/null", 9600, "8N1", 1_000, sources),),
            rules=plain.rules, siren=plain.siren, spool=plain.spool, center=plain.center,
        )  # fmt: skip
        super().start()

    def air(self, *values: int | None, contact: int | None = 0, quality: int = GOOD_QUALITY) -> None:
        """One sample a second, and what else stands on the boards; five ticks before each."""
        for value in values:
            for _ in range(5):
                self.tick(200)
            self.hear("home", quality, value, contact, self.supply, self.humidity)
            self.hear("door", GOOD_QUALITY, self.button)
            self.tick()

    def hear(self, source: str, quality: int, *values: int | None) -> None:
        now = (self.clock.mono, self.clock.unix)
        words = [NowValue(i, value, MISSING if value is None else quality, 0, *now) for i, value in enumerate(values)]
        self.station.on_now(source, words)

    def pass_time(self, ms: int) -> None:
        """Nothing is sampled; ticks go on."""
        self.clock.advance(ms)
        self.station.tick(self.clock.mono)

    @property
    def smoke(self) -> dict:
        (found,) = [one["smoke"] for one in self.station.channels() if "smoke" in one]
        assert isinstance(found, dict)
        return found

    @property
    def level(self) -> int:
        return self.levels().get("smoke", 0)

    def told_smoke(self) -> list[str]:
        kinds = [(EVENT_KINDS[event[E_KIND]], str(event.get(E_DETAIL, ""))) for event in self.sink.events]
        return [f"{kind}: {detail}".removesuffix(": ") for kind, detail in kinds if kind.startswith("smoke")]


def test_each_state_has_its_word_and_an_alarm_goes_before_all():
    home = Home()
    home.air(5, 5)
    assert home.smoke["state"] == "normal"
    home.air(150, 150)
    assert home.smoke["state"] == "pre-alarm"
    home.air(250, 250, 250)
    assert home.smoke["state"] == "alarm"
    home.air(*[None] * 20)
    assert (home.smoke["state"], home.smoke["faults"]) == ("alarm", ["chamber blind"])
    home.air(*[5] * 5)
    assert (home.smoke["state"], home.smoke["faults"]) == ("normal", [])
    home.supply = 10_500
    home.air(*[5] * 70)
    assert home.smoke["state"] == "low battery"
    home.air(*[None] * 12)
    assert home.smoke["state"] == "fault"
    home.air(*[None] * 12, contact=None)
    assert home.smoke["state"] == "removed"


def test_a_fault_hides_no_alarm_and_is_told_when_it_begins_and_ends():
    home = Home()
    home.air(*[5] * 3)
    home.air(*[5] * 70, quality=SUSPECT)
    assert home.told_smoke() == ["smoke fault: home: chamber dirty"]
    home.air(401, quality=SUSPECT)
    assert home.level == 4
    home.air(5)
    assert home.told_smoke()[1:] == ["smoke back: home: chamber dirty"]


def test_a_detector_that_is_not_heard_is_a_fault_after_ten_samples():
    home = Home()
    home.air(5)
    home.pass_time(8_000)
    assert home.smoke["state"] == "normal"
    home.pass_time(2_000)
    assert home.smoke["faults"] == ["not heard"]
    home.air(5)
    assert home.told_smoke() == ["smoke fault: home: not heard", "smoke back: home: not heard"]


def test_a_fault_that_lasts_is_told_once_a_day_and_not_while_it_is_muted():
    home = Home()
    home.supply = 10_000
    home.air(*[5] * 62)
    assert home.told_smoke() == ["smoke fault: home: low battery"]
    for _ in range(24):
        home.pass_time(HOUR_MS - 1_000)
        home.air(5)
    home.air(5, 5)
    assert home.told_smoke().count("smoke fault: home: low battery") == 2
    for _ in range(18):
        home.pass_time(HOUR_MS - 1_000)
        home.air(5)
    home.station.mute("smoke", "Li")
    for _ in range(6):
        home.pass_time(HOUR_MS)
        home.air(5)
    assert home.told_smoke().count("smoke fault: home: low battery") == 2


def test_a_battery_that_dips_is_not_low_and_one_that_was_low_must_rise_above_its_limit():
    home = Home()
    for _ in range(5):
        home.supply = 10_000
        home.air(*[5] * 50)
        home.supply = 12_000
        home.air(5)
    assert home.smoke["state"] == "normal"
    home.supply = 10_000
    home.air(*[5] * 62)
    home.supply = 10_900
    home.air(*[5] * 5)
    assert home.smoke["state"] == "low battery"
    home.supply = 11_100
    home.air(5)
    assert home.smoke["state"] == "normal"


def test_a_mute_lasts_seven_hours_through_a_restart_and_smoke_alarms_all_the_same():
    home = Home()
    home.air(5)
    home.station.mute("smoke", "Li")
    begun_ms = home.clock.unix
    assert home.smoke["state"] == "muted"
    assert home.restart(down_ms=HOUR_MS)
    home.air(5, 401)
    assert (home.level, home.driver.level) == (4, 4)
    home.air(*[5] * 5)
    home.pass_time(begun_ms + 7 * HOUR_MS - 1 - home.clock.unix)
    assert home.smoke["muted_left_ms"] == 1
    home.pass_time(1)
    assert home.smoke["muted_left_ms"] is None
    muted = [told for told in home.told_smoke() if "muted" in told]
    assert muted == ["smoke muted: home: by Li", "smoke muted: home: ended"]


def test_a_test_is_no_alarm_and_says_whether_the_detector_was_heard():
    home = Home()
    home.air(5)
    home.button = 1
    home.air(5)
    home.air(900, 900, 5, 5, contact=1)
    assert (home.level, home.smoke["state"]) == (0, "test")
    home.button = 0
    home.air(5, 5, 5)
    assert (home.level, home.smoke["state"]) == (0, "normal")
    assert home.told_smoke() == ["smoke test: home: begun", "smoke test: home: ended, it was heard"]
    modes = [event[E_MODE] for event in home.sink.events if EVENT_KINDS[event[E_KIND]] == "smoke test"]
    assert modes == [MODES.index("test")] * 2


def test_a_button_that_sticks_ends_the_test_after_ten_minutes_and_is_a_fault():
    home = Home()
    home.button = 1
    home.air(5)
    for _ in range(10):
        home.pass_time(59_000)
        home.air(5)
    home.air(5, 401)
    assert home.level == 4
    assert home.smoke["faults"] == ["test contact stuck"]
    assert [told for told in home.told_smoke() if "test" in told] == [
        "smoke test: home: begun",
        "smoke test: home: ended, it was not heard",
        "smoke fault: home: test contact stuck",
    ]


def test_smoke_that_stays_behind_a_test_is_an_alarm_and_a_test_never_covers_one():
    home = Home()
    home.air(5)
    assert home.station.test_detector("smoke", "Li") == ""
    home.air(*[300] * 8)
    assert home.level == 0
    home.pass_time(600_000)
    home.air(300)
    assert home.level == 4
    assert "cannot be tested" in home.station.test_detector("smoke", "Li")
    home.air(300)
    assert home.level == 4


def test_an_alarm_that_latches_stays_in_clear_air_until_somebody_resets_it():
    home = Home(config.Rule("smoke", "smoke", "smoke", SMOKE.steps, latch=True))
    home.air(401, *[5] * 30)
    assert home.level == 4
    assert home.station.reset("smoke", "Li") == ""
    assert home.level == 0


@settings(max_examples=50, deadline=None)
@given(
    before=st.lists(st.integers(0, 450), max_size=12),
    above=st.lists(st.integers(AT, 900), min_size=40, max_size=40),
    humidity=st.sampled_from([400, DAMP]),
    doubtful=st.booleans(),
)
def test_what_stays_above_the_alarm_threshold_is_an_alarm_in_time(before, above, humidity, doubtful):
    home = Home()
    home.humidity = humidity
    home.air(*before, quality=SUSPECT if doubtful else GOOD_QUALITY)
    begun_ms = home.clock.mono
    for value in above:
        home.air(value)
        if home.level == 4:
            break
    # Three of four: the third sample at the latest; damp may cost 30 s more, and not a look longer.
    assert home.level == 4
    assert home.clock.mono - begun_ms <= 3_000 + (30_000 if humidity == DAMP else 0)


@pytest.mark.parametrize(
    ("curve", "seconds"),
    [
        (curves.smouldering(60, 5), {0: 45, DAMP: 75}),
        (curves.flaming(30, 2), {0: 16, DAMP: 16}),  # Twice the threshold is at once, however damp.
    ],
)
def test_a_fire_is_found_in_its_time_also_in_damp_air(curve, seconds):
    for humidity, most_s in seconds.items():
        home = Home()
        home.humidity = humidity
        held = [*curves.noisy(curve, seed=1), *[max(curve[-1], AT)] * 40]
        home.air(*held[: most_s + 1])
        assert home.level == 4


def test_steam_in_damp_air_is_no_alarm_where_it_would_be_one_in_dry_air():
    puff = curves.steam(60, 380, 40, 30)
    levels = {}
    for humidity in (400, DAMP):
        home = Home()
        home.humidity = humidity
        highest = 0
        for value in curves.noisy(puff, seed=2):
            home.air(value)
            highest = max(highest, home.level)
        levels[humidity] = highest
    assert levels == {400: 4, DAMP: 0}


def test_the_guard_ends_also_where_no_sample_comes():
    home = Home()
    home.humidity = DAMP
    home.air(*[250] * 6)
    for _ in range(24 * 5):
        home.pass_time(200)
    assert home.level == 0  # It was there for six seconds before.
    for _ in range(5 * 5):
        home.pass_time(200)
    assert home.level == 4


def hourly(values, drift):
    """Feed one value an hour, a minute at a time."""
    out = []
    for hour, value in enumerate(values):
        judged = [drift.feed(value, (hour * 60 + minute) * 60_000) for minute in range(60)]
        out.append(judged[-1])
    return out


def test_dust_of_months_is_taken_off_until_the_chamber_is_dirty():
    drift = Drift(100)
    judged = hourly(curves.dust(24 * 60, 1), drift)
    assert max(abs(value) for value in judged[48 : 44 * 24]) <= 3
    assert drift.stopped
    assert drift.offset == 50
    assert judged[-1] > 5


@settings(max_examples=60)
@given(st.integers(1, 60), st.integers(60, 400))
def test_no_fire_is_taken_away_however_slowly_it_grows(mdbm_per_h, first_at):
    drift = Drift(first_at)
    hours = 3 * first_at // mdbm_per_h + 2
    judged = hourly(curves.smouldering(hours, mdbm_per_h), drift)
    found = next(hour for hour, value in enumerate(judged) if value >= first_at)
    # At worst what it may take off at all; while it follows, what it may take off in that time.
    needed = first_at // mdbm_per_h + 1
    assert found <= (first_at + min(100, first_at // 2)) // mdbm_per_h + 1
    assert found <= needed + (CLEAR_MDBM // max(1, mdbm_per_h - DRIFT_MDBM_PER_H) + needed) * DRIFT_MDBM_PER_H


def test_smoke_is_never_taken_for_dust():
    drift = Drift(100)
    assert set(hourly([CLEAR_MDBM + 1] * 200, drift)) == {CLEAR_MDBM + 1}


def test_the_state_of_a_detector_survives_a_restart():
    home = Home(config.Rule("smoke", "smoke", "smoke", SMOKE.steps, drift=True, battery_mv=10_800))
    home.supply = 10_000
    for _ in range(40):
        home.pass_time(59_000)
        home.air(15)
    assert home.smoke["drift_mdbm"] == 1
    home.station.close()
    told = len(home.told_smoke())
    assert home.restart(down_ms=5_000)
    home.air(15)
    assert (home.smoke["drift_mdbm"], home.smoke["faults"]) == (1, ["low battery"])
    assert home.told_smoke()[told:] == []


def test_the_keys_of_a_smoke_rule_are_read_and_what_is_wrong_is_named(tmp_path):
    tables = "".join(f"calibration.adc.{port} = [[0, 0], [2_450_000, 2_450_000]]\n" for port in (1, 2))
    text = GOOD.replace('fit = ["tilt"]\n', f'fit = ["smoke"]\n{tables}').replace(
        GOOD[GOOD.index('[[rule]]\nname = "wall"') : GOOD.index('[[rule]]\nname = "blind"')],
        '[[rule]]\nname = "smoke"\nkind = "smoke"\nchannel = "tilt.smoke"\nyellow = "0.1 dB/m"\nred = "0.2 dB/m"\n'
        'battery = "10.8 V"\ndrift = true\ntest = "tilt.smoke_contact"\n',
    )
    rule = next(rule for rule in station(tmp_path, text).rules if rule.kind == "smoke")
    assert (rule.battery_mv, rule.drift, rule.test) == (10_800, True, "tilt.smoke_contact")
    (problem,) = problems(tmp_path, text.replace('test = "tilt.smoke_contact"', 'test = "river"'))
    assert "a test button is a smoke_contact" in problem
    (problem,) = problems(tmp_path, text.replace('test = "tilt.smoke_contact"', 'test = "nowhere"'))
    assert 'no channel is called "nowhere"' in problem
