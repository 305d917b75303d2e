"""`riverpost check` in a real terminal: what is asked, typed, drawn, and what Ctrl-C leaves at any moment."""

import json
import signal

import pytest

from gateway.words import columns
from tests.tools.check_station import Played, step_of
from tests.tools.plain_terminal import PlainTerminal

pytestmark = pytest.mark.long  # A person's pace.


@pytest.fixture
def played(tmp_path):
    with Played(tmp_path) as played:
        yield played


def start(played, *more, columns=80, lang="en", **environment):
    words = [*played.arguments, "--lang", lang, "--by", "07", "--polls", "5", "--report", played.folder / "check.html"]
    with played.lock:
        return PlainTerminal(*words, "--json", played.folder / "out.json", *more, columns=columns, **environment)


def found(played):
    return json.loads((played.folder / "out.json").read_text(encoding="utf-8"))


def move(played, channel, *values):
    with played.lock:
        played.coming[channel] = list(values)


def hands(played, terminal, lang="en"):
    """Everything that a person does at this station, as the terminal asks for it."""
    said = {"en": ("Read the staff", "Lower the probe", "Tip the bucket", "test button", "Did you hear"),
            "zh": ("读水尺", "探头放低", "翻斗", "测试按钮", "刚才短鸣")}[lang]  # fmt: skip
    terminal.wait_for(said[0])
    terminal.type("177.14\r")
    terminal.wait_for(said[1])
    terminal.wait_for("120 s", said[1])
    move(played, "river", *[177_440] * 40, 177_140)
    terminal.wait_for(said[2])
    terminal.wait_for("120 s", said[2])
    move(played, "rain.rain", 4_200, 4_400, 4_600, 4_800, 5_000)
    terminal.wait_for(said[3])
    terminal.wait_for("120 s", said[3])
    move(played, "smoke.smoke_contact", *[1] * 40, 0)
    terminal.wait_for(said[4])
    terminal.type("y")


@pytest.mark.parametrize(("width", "lang"), [(80, "en"), (80, "zh"), (40, "en"), (40, "zh")])
def test_a_person_goes_through_it_and_every_line_fits(played, width, lang):
    with start(played, columns=width, lang=lang) as terminal:
        hands(played, terminal, lang)
        assert terminal.end() == 0
        assert terminal.attributes == terminal.before
        screen = terminal.screen()
    assert found(played)["result"] == "accepted"
    assert b"\033" not in terminal.raw
    assert [line for line in screen if columns(line) > width] == []
    assert "\ufffd" not in terminal.text
    step_lines = [line for line in screen if line.startswith(" ") and line[:3].strip().isdigit()]
    assert len(step_lines) == 18
    word = {"en": "ok", "zh": "通过"}[lang]
    assert all(line.endswith(word) for line in step_lines), "each step has its state at the end of its first line"
    assert len({columns(line) for line in step_lines}) == 1


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_plain_terminal_is_asked_too(played, environment):
    with start(played, "--only", "river", **environment) as terminal:
        terminal.wait_for("> _")
        terminal.type("177.2")
        terminal.wait_for("> 177.2_")
        terminal.type("\x7f14\r")
        terminal.wait_for("agrees with the staff: +0 mm")
        terminal.wait_for("120 s")
        terminal.type("q")
        assert terminal.end() == 130
    assert b"\033" not in terminal.raw


def test_what_is_no_height_is_asked_again_and_arrows_write_nothing(played):
    with start(played, "--only", "river/staff") as terminal:
        terminal.wait_for("> _")
        terminal.type("\x1b[A")
        terminal.type("12x")
        terminal.wait_for("> 12x_")
        terminal.type("\r")
        terminal.wait_for("type metres, such as 177.20")
        terminal.type("177,14 m\r")
        terminal.wait_for("agrees with the staff: +0 mm")
        assert terminal.end() == 0


def test_a_reading_that_is_far_off_is_asked_twice_and_the_second_one_counts(played):
    with start(played, "--only", "river") as terminal:
        terminal.wait_for("> _")
        terminal.type("178.14\r")
        terminal.wait_for("They differ by −1,000 mm")
        terminal.type("177.15\r")
        terminal.wait_for("agrees with the staff: −10 mm")
        terminal.type("\x03")
        terminal.end()
    assert [order.value for order in played.orders if order.kind == "staff"] == [177_150]


def test_a_step_that_failed_may_be_done_again(played):
    with start(played, "--only", "rain.rain", "--wait", "60") as terminal:
        terminal.wait_for("60 s")
        move(played, "rain.rain", 4_200)
        terminal.wait_for("1 tips of 5 tips")
        terminal.type("\r")
        terminal.wait_for("should be 5 tips")
        terminal.wait_for("r again")
        terminal.type("r")
        terminal.wait_for("60 s", "r again")
        move(played, "rain.rain", 4_400, 4_600, 4_800, 5_000, 5_200)
        assert terminal.end() == 0
    tips = step_of(found(played), "rain.rain/tips")
    assert (tips["state"], tips["attempts"]) == ("ok", 2)


def test_a_step_is_skipped_with_a_reason_only(played):
    with start(played, "--only", "rain.rain") as terminal:
        terminal.wait_for("120 s")
        terminal.type("s")
        terminal.wait_for("Why")
        terminal.type("\r")
        terminal.wait_for("Enter done", "Why")
        terminal.type("s")
        terminal.type("雨太大x\x7f\r")
        assert terminal.end() == 0
    tips = step_of(found(played), "rain.rain/tips")
    assert (tips["state"], tips["said"]["zh"]) == ("skip", "雨太大")


def test_the_siren_sounds_again_where_somebody_wants_it(played):
    with start(played, "--only", "siren") as terminal:
        terminal.wait_for("Did you hear")
        terminal.type("r")
        terminal.until(lambda: [one.kind for one in played.orders].count("self-test") == 2, "a second blast")
        terminal.type("n")
        terminal.wait_for("nobody heard it")
        terminal.wait_for("r again  Enter go on")
        terminal.type("\r")
        assert terminal.end() == 1
    assert found(played)["failed"] == ["siren"]


PHASES = {  # Where it is stopped: the words that are on the screen then, and how it gets there.
    "before the hands": ("waiting for rain", lambda played, terminal: None),
    "a height is typed": ("> 17_", lambda played, terminal: terminal.type("17")),
    "a level is moved": ("Lower the probe", lambda played, terminal: terminal.type("177.14\r")),
    "a reason is typed": ("Why", lambda played, terminal: terminal.type("s")),
    "the polls are counted": ("polls, ", lambda played, terminal: None),
}


STOPS = ["\x03", "q", signal.SIGTERM, signal.SIGHUP]
NO_Q = ("a reason is typed", "the polls are counted")  # There it is a letter of the reason, and nobody is asked.


@pytest.mark.parametrize(
    ("phase", "stop"), [(phase, stop) for phase in PHASES for stop in STOPS if stop != "q" or phase not in NO_Q]
)
def test_wherever_it_is_stopped_the_mode_is_as_before_and_the_report_says_so(played, phase, stop):
    with played.lock:
        until_s = played.state["unix_ms"] // 1000 + 7_200
        played.state |= {"mode": "exercise", "mode_by": "05", "mode_until_s": until_s, "mode_siren": True}
        if phase == "before the hands":
            played.source("rain")["lost"] = True
        if phase == "the polls are counted":
            played.scanning = False
    words, way = PHASES[phase]
    more = ["--unattended"] if phase == "the polls are counted" else []
    with start(played, *more) as terminal:
        if phase in ("a height is typed", "a level is moved", "a reason is typed"):
            terminal.wait_for("> _")
        way(played, terminal)
        terminal.wait_for(words)
        if stop == "q" and phase == "a height is typed":
            terminal.type("\x7f\x7f")
        terminal.signal(stop) if isinstance(stop, signal.Signals) else terminal.type(stop)
        assert terminal.end() == 130
        assert terminal.attributes == terminal.before
    state = {key: played.state[key] for key in ("mode", "mode_by", "mode_until_s", "mode_siren")}
    assert state == {"mode": "exercise", "mode_by": "05", "mode_until_s": until_s, "mode_siren": True}
    assert (found(played)["result"], found(played)["accepted"]) == ("stopped", False)
    assert "stopped, not accepted" in terminal.text
    assert "Traceback" not in terminal.text
    report = played.folder / "check.html"
    assert "中途停止，未验收" in report.read_text(encoding="utf-8")


def test_a_second_ctrl_c_does_not_keep_the_mode_from_being_put_back(played):
    with start(played) as terminal:
        terminal.wait_for("> _")
        played.deaf = True
        terminal.type("\x03")
        terminal.type("\x03")
        terminal.type("\x03")
        played.deaf = False
        assert terminal.end() == 130
    assert played.mode == "actual"


@pytest.mark.parametrize("words", ["> _", "Lower the probe"])
def test_a_line_to_the_terminal_that_breaks_leaves_the_mode_as_before_and_a_report(played, words):
    with start(played) as terminal:
        terminal.wait_for("> _")
        if words != "> _":
            terminal.type("177.14\r")
        terminal.wait_for(words)
        terminal.hang_up()
        assert terminal.end() == 130
    assert played.mode == "actual"
    assert found(played)["result"] == "stopped"
    assert (played.folder / "check.html").exists()


def test_long_names_fit_a_narrow_terminal_too(played):
    toml = played.station_file.read_text(encoding="utf-8")
    played.stop()
    played.station_file.write_text(
        toml.replace('"river"', '"a-river-with-a-name-of-32-letters"'[:33] + '"'), encoding="utf-8"
    )
    with start(played, "--dry-run", columns=40) as terminal:
        assert terminal.end() == 0
        assert [line for line in terminal.screen() if columns(line) > 40 and "called:" not in line] == []
