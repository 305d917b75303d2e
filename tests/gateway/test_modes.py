"""The calendar of operating modes on a clock that a test sets: year ends, zones, leap days, clock changes, no clock."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock_steps import CLOCK_SET_S
from gateway.config import OperatingMode
from gateway.modes import COMMAND_MS_MAX, Modes, is_on
from wire.telemetry import OPERATING

HOLIDAY, FLOOD, FIRE, EMERGENCY = range(1, 5)
SHANGHAI = ZoneInfo("Asia/Shanghai")
SEASON = OperatingMode(FLOOD, (((5, 1), (9, 30)),), (), 0, 60, 60)
WINTER = OperatingMode(FIRE, (((11, 15), (2, 28)),), (), 500, 30, 30)
FEAST = OperatingMode(HOLIDAY, (), ((2026, 10, 1), (0, 1, 1)), 0, 0, 120)


def ms(*when, zone=SHANGHAI):
    return int(datetime(*when, tzinfo=zone).timestamp()) * 1000


def at(modes, unix_ms, **more):
    """(name, who, until) of the mode at that time."""
    modes.look(unix_ms, **more)
    now = modes.now
    return OPERATING[now.place], now.by, now.until_ms


def test_a_season_begins_and_ends_at_midnight_of_the_stations_zone():
    modes = Modes((SEASON,), SHANGHAI)
    end_ms = ms(2026, 10, 1)
    assert at(modes, ms(2026, 5, 1) - 1)[0] == "normal"
    assert at(modes, ms(2026, 5, 1)) == ("flood season", "calendar", end_ms)
    assert at(modes, end_ms - 1) == ("flood season", "calendar", end_ms)
    assert at(modes, end_ms) == ("normal", "calendar", ms(2027, 5, 1))


def test_a_season_over_the_end_of_a_year_is_one():
    modes = Modes((WINTER,), SHANGHAI)
    for day in ((2026, 11, 15), (2026, 12, 31, 23, 59, 59), (2027, 1, 1), (2027, 2, 28, 23, 59)):
        assert at(modes, ms(*day)) == ("fire danger", "calendar", ms(2027, 3, 1))
    assert at(modes, ms(2027, 3, 1))[0] == "normal"


def test_the_28th_of_february_ends_before_a_leap_day_and_the_29th_is_one_only_in_leap_years():
    modes = Modes((WINTER,), SHANGHAI)
    assert at(modes, ms(2028, 2, 28)) == ("fire danger", "calendar", ms(2028, 2, 29))
    leap = OperatingMode(HOLIDAY, (), ((0, 2, 29),))
    assert at(Modes((leap,), SHANGHAI), ms(2028, 2, 29, 12)) == ("holiday", "calendar", ms(2028, 3, 1))
    assert at(Modes((leap,), SHANGHAI), ms(2027, 3, 1))[0] == "normal"
    to_the_29th = OperatingMode(HOLIDAY, (((2, 1), (2, 29)),))
    assert is_on(to_the_29th, date(2027, 2, 28))
    assert not is_on(to_the_29th, date(2027, 3, 1))


def test_of_several_modes_the_highest_is_named_and_the_shortest_intervals_hold():
    modes = Modes((SEASON, FEAST, OperatingMode(HOLIDAY, (((9, 30), (10, 2)),), (), 400, 0, 10)), SHANGHAI)
    assert at(modes, ms(2026, 9, 30, 8)) == ("flood season", "calendar", ms(2026, 10, 1))
    assert modes.now[3:] == (400, 60, 10)
    assert at(modes, ms(2026, 10, 1)) == ("holiday", "calendar", ms(2026, 10, 3))


def test_days_of_one_year_are_not_days_of_the_next():
    modes = Modes((FEAST,), SHANGHAI)
    assert at(modes, ms(2026, 10, 1, 8)) == ("holiday", "calendar", ms(2026, 10, 2))
    assert at(modes, ms(2027, 10, 1, 8))[0] == "normal"
    assert at(modes, ms(2027, 1, 1))[0] == "holiday"


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("America/New_York", (2026, 3, 8), 23),  # the clock is put on
        ("America/New_York", (2026, 11, 1), 25),  # and back
        ("Asia/Beirut", (2026, 3, 29), 23),  # at midnight itself: the day begins at one
        ("Australia/Lord_Howe", (2026, 4, 5), 24.5),
        ("Pacific/Apia", (2026, 6, 1), 24),
    ],
)
def test_a_day_is_as_long_as_the_zones_clock_makes_it(zone, day, hours):
    zone = ZoneInfo(zone)
    modes = Modes((OperatingMode(FLOOD, (), (day,)),), zone)
    noon_ms = ms(*day, 12, zone=zone)
    _, _, until_ms = at(modes, noon_ms)
    begin_ms = until_ms - int(hours * 3_600_000)
    assert at(modes, begin_ms)[0] == "flood season"
    assert at(modes, begin_ms - 1)[0] == "normal"
    assert at(modes, until_ms - 1)[0] == "flood season"
    assert at(modes, until_ms)[0] == "normal"


zones = st.sampled_from(["Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "America/St_Johns", "Pacific/Auckland"])
month_days = st.dates(date(2000, 1, 1), date(2000, 12, 31)).map(lambda day: (day.month, day.day))
settings_of = st.builds(
    OperatingMode,
    st.integers(1, 4),
    st.tuples(st.tuples(month_days, month_days)),
    st.lists(month_days.map(lambda day: (0, *day)), max_size=3).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(settings_of, max_size=3), zones, st.integers(1_704_067_200, 1_956_528_000))
def test_the_calendar_is_that_of_a_plain_look_at_each_local_day(all_settings, zone, unix_s):
    zone = ZoneInfo(zone)
    modes = Modes(tuple(all_settings), zone)
    unix_ms = unix_s * 1000

    def plain(at_ms):
        local = datetime.fromtimestamp(at_ms // 1000, zone)
        text = f"{local:%m-%d}"
        found = [0]
        for setting in all_settings:
            ((first, last),) = setting.ranges
            first, last = (f"{month:02d}-{day:02d}" for month, day in (first, last))
            inside = first <= text <= last if first <= last else text >= first or text <= last
            if inside or text in [f"{month:02d}-{day:02d}" for _, month, day in setting.days]:
                found.append(setting.place)
        return max(found)

    for step in range(6):
        modes.look(unix_ms)
        assert modes.now.place == plain(unix_ms)
        until_ms = modes.now.until_ms
        if until_ms:
            assert until_ms > unix_ms
            assert plain(until_ms - 1) == modes.now.place
        unix_ms = until_ms or unix_ms + int(timedelta(days=40 + step).total_seconds()) * 1000


def test_a_command_goes_before_the_calendar_until_its_time_and_can_be_taken_back():
    modes = Modes((SEASON, WINTER), SHANGHAI)
    now_ms = ms(2026, 6, 1, 12)
    modes.set(EMERGENCY, "07", now_ms + 3_600_000)
    assert at(modes, now_ms) == ("emergency", "07", now_ms + 3_600_000)
    assert modes.now.report_s == 60
    assert at(modes, now_ms + 3_600_000)[:2] == ("flood season", "calendar")
    modes.set(0, "07", now_ms + 7_200_000)
    assert at(modes, now_ms + 3_600_001)[:2] == ("normal", "07")
    modes.set(None, "07", 0)
    assert at(modes, now_ms + 3_600_002)[:2] == ("flood season", "calendar")
    modes.set(FIRE, "08", now_ms + COMMAND_MS_MAX)
    at(modes, now_ms)
    assert modes.now[3:] == (500, 30, 30), "a mode by command is as dense as station.toml makes it"


@pytest.mark.parametrize("unix_ms", [0, CLOCK_SET_S * 1000 - 1])
def test_without_a_clock_the_most_intensive_mode_holds_whatever_anybody_said(unix_ms):
    modes = Modes((SEASON, WINTER), SHANGHAI)
    modes.set(0, "07", 1 << 44)
    assert at(modes, unix_ms) == ("fire danger", "clock", 0)
    assert modes.now[3:] == (500, 30, 30)
    assert not modes.known
    assert at(Modes((), SHANGHAI), unix_ms) == ("emergency", "clock", 0)
    assert at(modes, ms(2026, 12, 1))[:2] == ("normal", "07")


def test_a_clock_that_starts_in_the_past_is_not_believed_until_it_is_set_or_has_caught_up():
    before = Modes((SEASON,), SHANGHAI)
    before.look(ms(2026, 12, 1))
    saved = cbor2.loads(cbor2.dumps(before.save(ms(2026, 12, 1))))
    for how in ("set", "caught up"):
        modes = Modes((SEASON,), SHANGHAI)
        modes.restore(saved)
        assert at(modes, ms(2026, 11, 30)) == ("flood season", "clock", 0)
        assert cbor2.loads(cbor2.dumps(modes.save(0)))[1] == ms(2026, 12, 1), "another start still compares"
        if how == "set":
            assert at(modes, ms(2026, 11, 30), stepped=True)[:2] == ("normal", "calendar")
        else:
            assert at(modes, ms(2026, 12, 1))[:2] == ("normal", "calendar")


def test_a_command_survives_a_restart_and_ends_at_its_time_all_the_same():
    modes = Modes((SEASON,), SHANGHAI)
    now_ms = ms(2026, 12, 1)
    modes.set(EMERGENCY, "07", now_ms + 60_000)
    modes.look(now_ms)
    again = Modes((SEASON,), SHANGHAI)
    again.restore(cbor2.loads(cbor2.dumps(modes.save(now_ms))))
    assert at(again, now_ms + 59_999) == ("emergency", "07", now_ms + 60_000)
    assert at(again, now_ms + 60_000)[0] == "normal"


def test_only_a_change_is_told():
    modes = Modes((SEASON,), SHANGHAI)
    told = [modes.look(ms(2026, month, 15)) for month in range(1, 13)]
    assert [month for month, changed in enumerate(told, 1) if changed] == [1, 5, 10]
