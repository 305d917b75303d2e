"""`riverpost calibrate` as a person drives it: questions, slips, Ctrl-C, narrow terminals."""

import contextlib

import pytest

from gateway.load import load
from gateway.words import columns
from tests.tools.played_station import PlayedStation, told
from tools.emulator.terminal import CTRL_C, Terminal

ASKED = {"en": "m: ", "zh": "m： "}  # The end of the question.


@pytest.fixture
def station(tmp_path):
    station = PlayedStation(tmp_path)
    station.channels = lambda n: [told("river", 177_140)]
    yield from station.run()


@contextlib.contextmanager
def calibrating(station, *words, **how):
    words = station.command("level", "river", "--by", "07", "--readings", 5, *words)
    terminal = Terminal(*words, **how)
    try:
        yield terminal
    finally:
        terminal.close()


def offset_mm(station):
    level = next(channel for channel in load(station.file).channels if channel.name == "river").level
    assert level is not None
    return level.offset_mm


@pytest.mark.parametrize("wide", [80, 40])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_level_is_calibrated_by_two_answers_within_the_terminals_width(station, lang, wide):
    with calibrating(station, "--lang", lang, columns=wide) as terminal:
        terminal.expect(ASKED[lang])
        terminal.type("177,2\r")  # A slip is told, and asked for again.
        terminal.expect(ASKED[lang], times=2)
        terminal.type("177.2\r")
        terminal.expect("[y/N]")
        terminal.type("y\r")
        assert terminal.finish() == 0
    assert offset_mm(station) == -190
    copied = ("--status", "--verify", "--undo")
    wrong = [line for line in terminal.lines() if columns(line) > wide and not any(word in line for word in copied)]
    assert [line for line in wrong if str(station.file.parent) not in line] == []


def test_enter_is_no(station):
    before = station.file.read_bytes()
    with calibrating(station, "--staff", "177.2") as terminal:
        terminal.expect("[y/N]")
        terminal.type("\r")
        assert terminal.finish() == 0
    assert "Nothing was written." in terminal.seen
    assert station.file.read_bytes() == before


def test_a_slip_is_not_asked_for_without_an_end(station):
    with calibrating(station) as terminal:
        for number in range(1, 4):
            terminal.expect(ASKED["en"], times=number)
            terminal.type("one metre\r")
        assert terminal.finish() == 2
    assert "--staff is no amount" in terminal.seen
    assert "Traceback" not in terminal.seen


@pytest.mark.parametrize("at", ["readings", "Staff gauge", "[y/N]"])
def test_ctrl_c_at_every_step_leaves_the_old_file_and_says_so(station, at):
    before = station.file.read_bytes()
    if at == "readings":
        station.channels = lambda n: [told("river", None, 9)]
    words = ["--staff", "177.2"] if at == "[y/N]" else []
    with calibrating(station, *words) as terminal:
        terminal.expect(at)
        terminal.type(CTRL_C)
        assert terminal.finish() == 130
    assert "Stopped. station.toml is as it was." in terminal.seen
    assert station.file.read_bytes() == before
    assert "Traceback" not in terminal.seen
