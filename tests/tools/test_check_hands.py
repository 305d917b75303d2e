"""The steps with hands, answers given before: what moves is seen in the values, or the step fails and says why."""

import json
import os
import signal
from collections.abc import Callable

import pytest

from tests.tools.check_station import HANDS, Played, alarm, played_in, step_of
from tools.__main__ import main
from tools.check.screen import Screen

pytestmark = pytest.mark.long  # Hands take their time.

ANSWERS = """
[staff]
river = "177.14 m"
[heard]
siren = true
"""
MOVES = {  # What hands do: step -> channel and the values that it takes, one after the other.
    "river/move": ("river", [177_440, 177_440, 177_140]),
    "rain.rain/tips": ("rain.rain", [4_200, 4_400, 4_600, 4_800, 5_000]),
    "smoke.smoke/smoke": ("smoke.smoke_contact", [1, 1, 0]),
}


class Hands:
    """Whoever moves the sensors when they are asked to: looks at the prompts that the check prints."""

    def __init__(self, station: Played, monkeypatch) -> None:
        self.moves = dict(MOVES)
        self.at: dict[str, Callable[[], None]] = {}  # And what else happens when a step asks for them.
        prompt = Screen.prompt

        def asked(screen, step, text):
            prompt(screen, step, text)
            if step.id in self.moves:
                channel, values = self.moves[step.id]
                station.coming[channel] = list(values)
                self.at.get(step.id, lambda: None)()

        monkeypatch.setattr(Screen, "prompt", asked)


@pytest.fixture
def played(tmp_path, monkeypatch):
    yield from played_in(tmp_path, monkeypatch)


@pytest.fixture
def hands(played, monkeypatch):
    return Hands(played, monkeypatch)


def check(station, answers=ANSWERS, *more):
    """(exit code, what --json says) of a check whose answers were given before."""
    (station.folder / "answers.toml").write_text(answers, encoding="utf-8")
    words = [*station.arguments, "--answers", "answers.toml", "--lang", "en", "--by", "07", "--wait", "2"]
    code = main([*words, "--polls", "5", "--json", "out.json", *more])
    return code, json.loads((station.folder / "out.json").read_text(encoding="utf-8"))


def modes(station):
    return [(order.mode, order.siren) for order in station.orders if order.kind == "mode"]


def test_a_station_that_follows_every_hand_is_accepted_and_its_mode_is_as_before(played, hands):
    code, found = check(played)
    assert {one["id"]: one["state"] for one in found["steps"] if one["person"]} == dict.fromkeys(HANDS, "ok")
    assert (code, found["result"], found["accepted"], found["failed"]) == (0, "accepted", True, [])
    kinds = [order.kind for order in played.orders]
    assert kinds == ["mode", "staff", "self-test", "mode"]
    assert {order.actor for order in played.orders} == {"07"}
    assert modes(played) == [(2, False), (0, True)], "test and quiet, then actual"
    assert played.orders[0].duration_ms == 1_800_000, "it would end by itself"
    assert played.mode == "actual"
    assert played.orders[1].value == 177_140
    moved = step_of(found, "river/move")
    assert moved["said"]["en"] == "moved +300 mm, came back to +0 mm"
    assert max(value for _, value in moved["curve"]["points"]) == 177_440


FAILS = {
    "a tip that is lost": ("rain.rain/tips", ("rain.rain", [4_200, 4_400, 4_600, 4_800]), "counted 4 tips (0.8 mm)"),
    "a tip too many": ("rain.rain/tips", ("rain.rain", [4_200, 4_400, 4_800, 5_000, 5_200]), "counted 6 tips"),
    "a level that stands still": ("river/move", ("river", [177_200]), "moved by +60 mm only, not +100 mm"),
    "a level the wrong way": ("river/move", ("river", [176_840, 177_140]), "moved the wrong way: −300 mm"),
    "a level that does not come back": ("river/move", ("river", [177_440]), "did not come back: +300 mm"),
    "a detector that says nothing": ("smoke.smoke/smoke", ("smoke.smoke", [60, 3]), "nothing came"),
    "a contact that stays": ("smoke.smoke/smoke", ("smoke.smoke_contact", [1]), "it is not over"),
}


@pytest.mark.parametrize("name", FAILS)
def test_what_does_not_follow_is_not_accepted_and_named(played, hands, name, capsys):
    where, move, words = FAILS[name]
    hands.moves[where] = move
    code, found = check(played)
    assert (code, found["result"], found["failed"][0]) == (1, "not accepted", where)
    assert words in step_of(found, where)["said"]["en"]
    assert step_of(found, where)["curve"]["points"]
    assert played.mode == "actual"
    again = f"riverpost {' '.join(played.arguments)} --only {where}"
    assert again in capsys.readouterr().out, "the command to look again is this very one"


def test_rain_that_would_raise_a_rule_is_told_before_it_is_made(played, hands, capsys):
    with played.lock:
        played.state["rules"][1]["value"] = 29_500
    check(played)
    asked = capsys.readouterr().err
    assert "It raises rain-1h" in asked


def test_water_is_poured_where_that_is_wanted_and_under_nohup_a_line_that_breaks_ends_nothing(played, hands):
    hands.moves["rain.rain/tips"] = ("rain.rain", [5_000, 6_000, 7_200])
    hands.at["rain.rain/tips"] = lambda: os.kill(os.getpid(), signal.SIGHUP)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        code, found = check(played, ANSWERS, "--pour", "100")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert code == 0
    assert step_of(found, "rain.rain/tips")["said"]["en"] == "16 tips, 3.2 mm"


STAFF = [
    ("177.14 m", "ok", "agrees with the staff: +0 mm"),
    ("177.15 m", "ok", "−10 mm"),
    ("177.11 m", "look", "differs by +30 mm from the staff: calibrate it"),
    ("177.20 m", "FAIL", "differs by −60 mm from the staff, limit 50 mm"),
    ("17.14 m", "FAIL", "above gauge zero 160.00 m"),
]


@pytest.mark.parametrize(("read", "state", "words"), STAFF)
def test_the_staff_is_compared_with_the_channel_and_told_to_the_gateway(played, hands, read, state, words):
    code, found = check(played, ANSWERS.replace("177.14 m", read))
    staff = step_of(found, "river/staff")
    assert staff["state"] == state
    assert words in staff["said"]["en"]
    assert code == (state == "FAIL")
    assert [order.value for order in played.orders if order.kind == "staff"] == [staff["readings"][0]["value"]]


def test_a_staff_reading_that_the_gateway_does_not_take_is_not_a_good_one(played, hands):
    played.refuse["staff"] = "river has no gauge zero"
    _, found = check(played)
    assert "river has no gauge zero" in step_of(found, "river/staff")["said"]["en"]
    assert found["failed"] == ["river/staff"]


SIRENS = {
    "nobody heard it": ({}, {}, "false", "nobody heard it"),
    "an alarm stands": ({}, {"self-test": "an alarm stands"}, "true", "did not sound: an alarm stands"),
    "its driver failed": ({"failed": "OSError: no pin"}, {}, "true", "OSError: no pin"),
    "it is silenced": ({"silenced": True}, {}, "true", "silenced"),
}


@pytest.mark.parametrize("name", SIRENS)
def test_a_siren_that_was_not_heard_is_not_accepted(played, hands, name):
    siren, refuse, heard, words = SIRENS[name]
    played.refuse |= refuse
    with played.lock:
        played.state["siren"] |= siren
    code, found = check(played, ANSWERS.replace("true", heard))
    assert (code, found["failed"]) == (1, ["siren"])
    assert words in step_of(found, "siren")["said"]["en"]


def test_a_siren_that_sounds_already_is_only_listened_to(played, hands, capsys):
    with played.lock:
        played.state["siren"]["sounding"] = True
    code, _ = check(played)
    assert code == 0
    assert "self-test" not in [order.kind for order in played.orders]
    assert "sounds for an alarm" in capsys.readouterr().err


def test_a_step_is_left_out_with_its_reason(played, hands):
    code, found = check(played, ANSWERS + '[skip]\n"river/move" = "nobody reaches it"\n')
    moved = step_of(found, "river/move")
    assert (code, found["result"], moved["state"], moved["said"]["zh"]) == (0, "accepted", "skip", "nobody reaches it")
    (report,) = played.folder.glob("check-*.html")
    assert "nobody reaches it" in report.read_text(encoding="utf-8")


def test_answers_that_are_wrong_or_missing_are_named_all_at_once_before_anything_is_done(played, capsys):
    answers = """
[staff]
rivr = "177.14 m"
river = 177.14
[heard]
horn = true
[skip]
"river/nothing" = "x"
"river/move" = ""
[stuff]
"""
    with pytest.raises(FileNotFoundError):
        check(played, answers)
    told = capsys.readouterr().err
    for words in (
        "staff.rivr",
        "staff.river",
        "heard.horn",
        "heard.siren",
        "skip.river/nothing",
        "skip.river/move",
        "stuff",
    ):
        assert words in told
    assert "RP-A04" in told
    assert played.orders == []


@pytest.mark.parametrize("answers", ["[staff", "staff = 1", "\x00"])
def test_what_is_no_answers_file_is_refused(played, capsys, answers):
    with pytest.raises(FileNotFoundError):
        check(played, answers)
    assert "RP-A04" in capsys.readouterr().err


# The mode


def test_an_exercise_that_stood_before_stands_again_in_the_name_of_who_began_it(played, hands):
    until_s = played.state["unix_ms"] // 1000 + 7_200
    with played.lock:
        played.state |= {"mode": "exercise", "mode_by": "05", "mode_until_s": until_s, "mode_siren": True}
    check(played)
    back = played.orders[-1]
    assert (back.mode, back.actor, back.until_ms, back.siren) == (1, "05", until_s * 1_000, True)
    assert (played.mode, played.state["mode_until_s"]) == ("exercise", until_s)


def test_an_exercise_that_would_be_over_by_now_does_not_begin_anew(played, hands):
    with played.lock:
        soon_s = played.state["unix_ms"] // 1000 + 5
        played.state |= {"mode": "exercise", "mode_by": "05", "mode_until_s": soon_s, "mode_siren": False}
    check(played)
    assert (played.orders[-1].mode, played.orders[-1].until_ms) == (0, None)
    assert played.mode == "actual"


def test_a_mode_that_somebody_ended_meanwhile_is_left_as_it_is(played, hands, monkeypatch, capsys):
    def end_it(*_):
        with played.lock:
            played.state |= {"mode": "exercise", "mode_by": "05", "mode_until_s": None}
            played.write()

    monkeypatch.setattr("tools.check.asked.SirenStep._again", end_it)
    monkeypatch.setattr("tools.check.person.Prepared.yes", lambda person, step, prompt, again: (again(), True)[1])
    _, found = check(played)
    assert modes(played) == [(2, False)]
    assert "Mode is exercise again" in capsys.readouterr().out
    assert step_of(found, "end")["readings"][-2]["shown"]["en"] == "exercise"


def test_a_gateway_that_refuses_mode_test_gets_no_other_order(played, hands, capsys):
    played.refuse["mode"] = "not now"
    code, found = check(played)
    assert (code, found["result"]) == (4, "stopped")
    assert {order.kind for order in played.orders} == {"mode"}
    told = capsys.readouterr().err
    assert "RP-A05" in told
    assert "not now" in told


def test_a_gateway_that_goes_away_leaves_a_mode_that_ends_by_itself_and_the_report_says_so(
    played, hands, capsys, monkeypatch
):
    monkeypatch.setattr("tools.station_now.STALE_S", 0.5)
    monkeypatch.setattr(
        "tools.check.asked.SirenStep.run", lambda step, site: (played.stop(), site.until(bool, 9.0, str))[1]
    )
    code, found = check(played)
    assert (code, found["result"], found["mode_left"]) == (4, "stopped", True)
    assert step_of(found, "smoke.smoke/smoke")["state"] == "ok"
    assert step_of(found, "siren")["state"] == "stop"
    told = capsys.readouterr()
    assert "ends by itself at 08:3" in told.out
    assert "RP-G03" in told.err


def test_a_long_check_prolongs_its_mode(played, hands, monkeypatch):
    monkeypatch.setattr("tools.check.mode.LASTS_MS", 500_000)
    check(played)
    assert len(modes(played)) > 3
    assert set(modes(played)[:-1]) == {(2, False)}
    assert played.mode == "actual"


def test_the_siren_sounds_for_the_test_only_where_that_is_wanted(played, hands):
    check(played, ANSWERS, "--siren")
    assert modes(played) == [(2, True), (0, True)]


@pytest.mark.parametrize(("level", "more"), [(4, {}), (3, {"state": "acknowledged"})])
def test_while_a_real_alarm_stands_nobody_plays_with_the_sensors(played, level, more, capsys):
    with played.lock:
        played.state["alarms"].append(alarm("flood", level, **more))
    with pytest.raises(FileNotFoundError):
        check(played)
    told = capsys.readouterr().err
    assert "RP-A02" in told
    assert "flood" in told
    assert played.orders == []


@pytest.mark.parametrize(
    "more", [{"level": 2, "word": "yellow"}, {"mode": "exercise"}, {"kind": "lost"}, {"state": "out of service"}]
)
def test_what_is_no_real_alarm_keeps_nobody_from_a_check(played, hands, more):
    with played.lock:
        played.state["alarms"].append(alarm("flood", 4) | more)
    _, found = check(played)
    assert found["result"] in ("accepted", "not accepted")
    assert modes(played) == [(2, False), (0, True)]
