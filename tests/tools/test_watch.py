"""What a person sees of a station: every value with unit, datum and age, every gap with its reason, in any width."""

import string
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Step
from gateway.words import columns
from tests.tools.watch_state import NOW_MS, alarm, board, changed, channel, source, state
from tools.watch import screen
from tools.watch.history import CELL_MS, History
from tools.watch.phrases import PHRASES
from tools.watch.rows import Errors, rows
from tools.watch.screen import Look, painted, picture, plain
from wire.reading import FAIL, MISSING, NOT_EVALUATED, SUSPECT

ZONE = ZoneInfo("Asia/Shanghai")
STEPS = {"river": [(Step(4, 191_500, "record"), "flood")]}


def lines(status, width=80, height=60, lang="en", history=None, **more):
    errors = Errors()
    errors.take(status)
    if history is None:
        history = History()
        history.take(status)
    return [line for line, _ in picture(status, history, errors, Look(lang, ZONE, **more), width, height, STEPS)]


def row_of(status, name, lang="en", errors=None):
    errors = errors or Errors()
    errors.take(status)
    return next(row for row in rows(status, errors, lang) if row.name == name)


def line_of(status, name, **more):
    return next(line for line in lines(status, **more) if f" {name} " in line)


def test_a_value_has_its_unit_datum_age_and_a_word():
    assert line_of(state(), "river").split() == [
        "11",
        "river",
        "193.02",
        "m",
        "Wusong",
        "datum",
        "1",
        "s",
        "▅",
        "0",
        "ok",
    ]
    assert "吴淞高程" in line_of(state(), "river", lang="zh")


def test_rain_is_the_sum_of_an_hour_and_not_the_counter():
    row = row_of(state(), "rain.rain")
    assert (row.value, row.datum) == ("12.4 mm", "in 1 h")


@pytest.mark.parametrize(
    ("change", "value", "why", "word"),
    [
        ({"value": None, "quality": MISSING}, "—", "Missing", "FAIL"),
        ({"quality": FAIL, "flags": ["span"]}, "—", "Failed (span)", "FAIL"),
        ({"quality": SUSPECT, "flags": ["spike"]}, "193.02 m", "Suspect (spike)", "look"),
        ({"quality": NOT_EVALUATED}, "193.02 m", "not evaluated", "look"),
        ({"late": True, "age_ms": 4_000}, "193.02 m", "Late", "look"),
        ({"value": None, "age_ms": None, "late": True}, "—", "never received", "FAIL"),
    ],
)
def test_a_value_that_is_not_good_says_why(change, value, why, word):
    row = row_of(changed("river", **change), "river")
    assert (row.value, row.why, row.state) == (value, why, word)
    assert why in line_of(changed("river", **change), "river")


def test_a_source_that_is_lost_shows_no_value_but_for_how_long():
    status = changed("radar", age_ms=372_000)
    status["buses"][0]["sources"][2]["lost"] = True
    row = row_of(status, "radar")
    assert (row.value, row.age, row.why, row.state) == ("—", "", "no answer 6 min", "FAIL")
    assert "无应答 6 分" in line_of(status, "radar", lang="zh")


def test_a_board_that_sleeps_is_skipped_and_has_no_value_of_the_present():
    status = state(local={"connected": True, "boards": [{"name": "slope", "lost": False, "asleep": True}]})
    status["channels"].append(channel("slope.x", "slope", "tilt_x_mdeg", 410))
    row = row_of(status, "slope.x")
    assert (row.address, row.value, row.why, row.state) == ("Wi-Fi", "—", "asleep", "skip")
    assert "Station's broker  connected" in lines(status)


def test_errors_are_counted_and_to_be_looked_at_while_they_come():
    errors = Errors()
    assert row_of(state(), "river", errors=errors).state == "ok"
    worse = state(unix_ms=NOW_MS + 1_000)
    worse["buses"][0]["sources"][0] = source("level", 11, errors={"crc": 2, "no_answer": 1})
    row = row_of(worse, "river", errors=errors)
    assert (row.errors, row.state) == ("3", "look")
    assert row_of(worse, "level.supply", errors=errors).state == "ok"
    later = worse | {"unix_ms": NOW_MS + 90_000}
    assert row_of(later, "river", errors=errors).state == "ok"


def test_a_gateway_that_began_anew_has_no_new_errors():
    errors = Errors()
    worse = state()
    worse["buses"][0]["sources"][0] = source("level", 11, errors={"crc": 9})
    errors.take(worse)
    assert row_of(state(unix_ms=NOW_MS + 2_000), "river", errors=errors).state == "ok"


def test_alarms_stand_on_top_the_worst_first_with_mark_word_and_time():
    status = state(
        alarms=[
            alarm("rain-1h", "rain.rain", 2, value=31_000, threshold=30_000, step=""),
            alarm("flood", "river", 4, held=True),
            alarm("lost-radar", "radar", 2, kind="lost", value=None, threshold=None, step=""),
        ]
    )
    shown = lines(status, width=120)
    worst = "⯃R flood · river 1.52 m above Record · Not acknowledged · since 15:28, 58 min"
    assert shown[1] == f"{worst} · held, losing sight never clears"
    assert shown[2] == "▲Y rain-1h · rain.rain 1.0 mm above 30.0 mm · Not acknowledged · since 15:28, 58 min"
    assert shown[3].startswith("▲Y lost-radar · radar Lost")
    assert lines(state())[1] == "○ No alarm"
    assert "⯃红 flood · river 超历史最高 1.52 m · 未确认" in lines(status, width=120, lang="zh")[1]


def test_a_turn_per_day_is_told_in_its_own_unit():
    status = state(alarms=[alarm("creep", "river", 3, kind="tilt_rate", value=260, threshold=250, step="")])
    assert "0.01 °/d above 0.25 °/d" in lines(status, width=120)[1]


def test_of_many_alarms_the_worst_are_shown_and_the_others_counted():
    status = state(alarms=[alarm(f"rule{n}", "river", 1 + n % 4) for n in range(9)])
    shown = lines(status)
    assert "4 more" in shown
    assert sum("rule" in line for line in shown) == 5


def test_a_board_of_which_something_is_to_be_said_has_a_line():
    status = state(
        boards=[
            board("level", slot="safe", last_words="watchdog rs485"),
            board("rain", trial=True, failed_starts=2, rows_withheld=7,
                  update={"state": "sending", "bytes": 1_000, "offset": 340}),
            board("quiet", update={"state": "confirmed"}),
            board("next", update={"state": "waiting", "bytes": 1_000, "offset": None}),
        ]
    )  # fmt: skip
    shown = lines(status, width=200)
    assert "level  runs its safe application: watchdog rs485" in shown
    assert (
        "rain  a new version is on trial · 2 failed starts · 7 rows not written, supply too low · update: Sending 34 %"
        in shown
    )
    assert "next  update: Waits for the board" in shown
    assert not any(line.startswith("quiet") for line in shown)


def test_bus_delivery_and_siren_have_their_lines():
    status = state(connected=False)
    status["buses"][0]["counters"] |= {"no_answer": 12, "overrun": 3}
    status["siren"] |= {"sounding": True, "failed": "pin"}
    status["store"]["failed"] = "no space left"
    shown = lines(status, width=120)
    assert "Bus main  29.6% in use  3,600 scans, 0 skipped  14,400 answers  no answer 12" in shown
    assert "Delivery  no contact with the center  3,482 to send  store 14% full, room for about 41 days" in shown
    assert "the store fails: no space left" in shown
    assert "Siren  fails: pin · sounding" in shown


def test_a_station_without_a_center_does_not_say_that_it_has_lost_it():
    for lang, said in (("en", "Delivery  no center is configured"), ("zh", "没有配置中心")):
        shown = "\n".join(lines(state(center=False, connected=False), lang=lang, width=120))
        assert said in shown
        assert "no contact" not in shown
        assert "断开" not in shown


def test_exercise_and_an_unset_clock_are_told_beside_the_name():
    head = lines(state(mode="exercise", clock_known=False), width=140)[0]
    assert "Clock not set" in head
    assert "EXERCISE · NOT A REAL EVENT" in head
    assert "UTC+8" in head


def test_a_gateway_that_stands_still_leaves_no_value_on_the_screen():
    status = state()
    shown = lines(status, frozen_ms=12_000, file="cyb.json", width=100)
    assert "Screen not updating for 12 s: this is not the present." in shown[1]
    text = "\n".join(shown)
    assert "193.02" not in text
    assert text.count("gateway stands still") == 4


def test_a_small_curve_shows_the_last_of_each_two_seconds_and_leaves_gaps():
    history = History()
    values = [1_000, 1_000, 2_000, 3_000, None, None, 4_000, 5_000]
    for second, value in enumerate(values):
        more = {"value": value, "age_ms": 0} if value is not None else {"value": None, "quality": MISSING}
        history.take(changed("river", **more) | {"unix_ms": NOW_MS + second * 1_000})
    assert history.curve("river", 4, 10) == "▁▅ █"
    assert history.curve("river", 8, 10) == "    ▁▅ █"
    assert history.curve("nobody", 8, 10) == ""


def test_a_curve_of_less_than_the_digits_show_is_flat():
    history = History()
    for second in range(6):
        history.take(changed("river", value=193_020 + second % 2, age_ms=0) | {"unix_ms": NOW_MS + second * 1_000})
    assert set(history.curve("river", 3, 10)) <= {"▄", "▅"}


def test_one_sample_read_twice_is_kept_once():
    history = History()
    for late_ms in (0, 500, 900):
        history.take(changed("river", age_ms=100 + late_ms) | {"unix_ms": NOW_MS + late_ms})
    assert len(history.samples("river")) == 1


def test_a_clock_that_is_set_back_begins_the_curve_anew():
    history = History()
    history.take(state())
    history.take(state(unix_ms=NOW_MS - 3_600_000))
    assert len(history.samples("river")) == 1


def test_the_plot_has_the_channels_thresholds_where_there_is_room():
    history = History()
    for second in range(60):
        history.take(changed("river", value=191_000 + 20 * second, age_ms=0) | {"unix_ms": NOW_MS + second * 1_000})
    status = state(unix_ms=NOW_MS + 59_000)
    shown = lines(status, history=history, plot="river")
    assert any(line.startswith("Water level river · Wusong datum") for line in shown)
    assert any("Record 191.50" in line for line in shown)
    assert "Record 191.50" not in "\n".join(lines(status, history=history, plot="river", height=20))
    assert any("Air gap" in line or "no values yet" in line for line in lines(state(), plot="radar"))


@pytest.mark.parametrize("width", [40, 79, 80, 132])
@pytest.mark.parametrize("height", [1, 5, 24, 60])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_no_line_is_wider_than_its_terminal_and_none_too_many(width, height, lang):
    status = state(
        mode="exercise",
        alarms=[alarm("a-rule-with-a-long-name", "river", 4, held=True), alarm("lost", "radar", 2, kind="lost")],
        boards=[board("level", slot="safe", last_words="x" * 16)],
    )
    status["channels"].append(channel("a.very.long.name.of.a.channel", "radar", "temp_cdeg", -4_012, quality=SUSPECT))
    for more in ({}, {"paused": True}, {"frozen_ms": 9_000, "file": "/run/riverpost/CYB01.json"}):
        shown = lines(status, width=width, height=height, lang=lang, plot="river", **more)
        assert len(shown) <= height
        assert [line for line in shown if columns(line) > width] == []
        assert "预警" not in "".join(shown)


def test_rows_that_do_not_fit_are_counted():
    shown = lines(state(), height=6)
    assert any("more rows" in line for line in shown)


def test_colour_only_repeats_the_mark():
    line = "⯃R flood · river"
    assert painted(line, 4) == "\033[97;41m⯃R\033[0m flood · river"
    assert painted(line, 0) == line
    assert painted("no mark here", 3) == "no mark here"


def test_a_pipe_gets_a_line_for_each_channel():
    errors = Errors()
    status = changed("radar", value=None, quality=MISSING)
    errors.take(status)
    assert plain(status, errors, Look("en", ZONE)) == [
        "06-01 16:26:40 UTC+8  river  193.02 m  Wusong datum  1 s  ok",
        "06-01 16:26:40 UTC+8  level.supply  12.5 V  1 s  ok",
        "06-01 16:26:40 UTC+8  rain.rain  12.4 mm  in 1 h  1 s  ok",
        "06-01 16:26:40 UTC+8  radar  —  Missing  FAIL",
    ]


def test_every_phrase_has_the_same_facts_in_both_languages():
    for zh, en in PHRASES.values():
        names = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (zh, en)]
        assert names[0] == names[1]


CHANNELS = st.fixed_dictionaries(
    {
        "value": st.none() | st.integers(-(2**31), 2**31),
        "quality": st.sampled_from([1, 2, 3, 4, 9]),
        "age_ms": st.none() | st.integers(0, 10**9),
        "late": st.booleans(),
        "level": st.integers(0, 4),
        "flags": st.lists(st.sampled_from(["spike", "rate", "missing"]), max_size=2),
    }
)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(CHANNELS, min_size=1, max_size=6), st.integers(20, 100), st.integers(3, 40), st.sampled_from(["zh", "en"])
)
def test_whatever_the_gateway_says_it_can_be_shown(told, width, height, lang):
    history, errors = History(), Errors()
    for turn, more in enumerate(told):
        status = changed("river", **more) | {"unix_ms": NOW_MS + turn * CELL_MS}
        history.take(status)
        errors.take(status)
        shown = picture(status, history, errors, Look(lang, ZONE, plot="river"), width, height, STEPS)
        assert all(columns(line) <= width for line, _ in shown)
        screen.document(status, errors, Look(lang, ZONE))
