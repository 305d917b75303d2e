"""`riverpost site new` with a person in front of it: questions, help, back, wrong answers, Ctrl-C, and going on."""

import os
import tomllib

import pytest

from gateway.load import load
from gateway.words import columns
from tools.emulator.terminal import CTRL_C, Terminal
from tools.site import answers as kept

# What is typed where Enter is not enough, by a piece of the question.
ANSWERS = {
    "en": [
        ("Id of the station", "CYB01"), ("Name of the station", "菜园坝"), ("height of the gauge's zero", "160"),
        ("warning level", "168 m"), ("Length of the line", "120"), ("Capacity of the battery", "100"),
    ],
    "zh": [
        ("站点编号", "CYB01"), ("站名（中文）", "菜园坝"), ("水尺零点高程", "１６０"),
        ("警戒水位", "168 m"), ("总线电缆全长", "120"), ("电池容量", "100"),
    ],
}  # fmt: skip
LANGS = {"zh": "zh_CN.UTF-8", "en": "en_US.UTF-8"}


def flat(text):
    """`text` without its spaces and line ends, wherever they fell."""
    return "".join(text.split())


class Raw(Terminal):
    """A terminal in which somebody may press anything."""

    def type_bytes(self, data):
        os.write(self._master, data)


class Person:
    """Answers one question after the other."""

    def __init__(self, terminal):
        self.terminal = terminal
        self._prompts = 0

    def see(self):
        """Until the next question waits; what it showed since the one before."""
        before = len(self.terminal.seen)
        self._prompts += 1
        self.terminal.expect("> ", self._prompts)
        return flat(self.terminal.seen[before:])

    def say(self, text):
        """Type a line and see what comes of it."""
        self.terminal.type(f"{text}\n")
        return self.see()

    def until(self, text, enough=100):
        """Enter until the question `text` waits."""
        for _ in range(enough):
            if flat(text) in self.shown():
                return
            self.say("")
        raise AssertionError(f"{text} never came; there was:\n{self.terminal.seen}")

    def shown(self):
        """What stands between the prompt before and this one."""
        return flat(self.terminal.seen.split("> ")[-2])


@pytest.fixture
def start(tmp_path):
    """Return a function that starts the wizard for the folder `site`, at its first question."""
    begun = []

    def run(*words, **how):
        begun.append(Raw("site", "new", tmp_path / "site", *words, **how))
        person = Person(begun[-1])
        person.see()
        return person

    yield run
    for terminal in begun:
        terminal.close()


def through(person, answers):
    """Every question; at the last one Enter, so that it asks whether to write."""
    for text, answer in answers[:-1]:
        person.until(text)
        person.say(answer)
    person.until(answers[-1][0])
    person.say(answers[-1][1])
    for _ in range(3):  # Kind of battery, gateway, what else is fed.
        person.say("")
    person.terminal.type("\n")


@pytest.mark.parametrize("wide", [40, 80])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_person_comes_from_the_first_question_to_a_station_that_a_gateway_takes(start, tmp_path, lang, wide):
    person = start(lang=LANGS[lang], columns=wide)
    through(person, ANSWERS[lang])
    person.terminal.expect("[Y/n")
    person.terminal.type("\n")
    assert person.terminal.finish() == 0
    station = load(tmp_path / "site" / "station.toml")
    assert (station.id, station.name) == ("CYB01", "菜园坝")
    assert [step.at for rule in station.rules for step in rule.steps if rule.name == "flood"] == [168_000]
    lines = [line for line in person.terminal.lines() if not any(word in line for word in ("riverpost ", "sudo "))]
    assert [line for line in lines if columns(line) > wide] == []
    assert "Traceback" not in person.terminal.seen


def test_a_question_mark_explains_and_asks_again(start):
    person = start()
    assert flat("The center gives it out") in person.say("?")
    assert flat("Name of the station") in person.say("CYB01")


def test_the_question_mark_of_a_chinese_keyboard_explains_too(start):
    person = start(lang=LANGS["zh"])
    assert flat("由中心分配") in person.say("？")


def test_a_wrong_answer_is_told_at_once_with_its_reason(start):
    person = start()
    assert flat("an answer is needed here, such as CYB01") in person.say("")
    assert flat("use 1 to 32 letters") in person.say("CYB 01")
    person.say("CYB01")
    person.say("菜园坝")
    person.until("How many of our boards")
    assert flat("write a whole number from 0 to 16") in person.say("17")
    assert flat("write a whole number from 0 to 16") in person.say("two")


def test_back_goes_to_the_question_before_with_what_was_said(start):
    person = start()
    person.say("CYB01")
    person.say("菜园坝")
    assert flat("Name of the station in Chinese") in person.say("<")
    assert person.terminal.seen.endswith("[菜园坝] > ")
    assert flat("Id of the station") in person.say("<")
    assert flat("Id of the station") in person.say("<")  # There is nothing before it.
    assert flat("Name of the station in Chinese") in person.say("CYB02")
    person.say("")
    assert kept_now(person) == {"station.id": "CYB02", "station.name": "菜园坝"}


def kept_now(person):
    """What Ctrl-C keeps."""
    person.terminal.type(CTRL_C)
    assert person.terminal.finish() == 130
    file = flat(person.terminal.seen).split("answersarekeptin")[1].split(";go")[0]
    with open(file, "rb") as stored:
        return kept.flat(tomllib.load(stored))


def test_an_answer_that_changes_the_questions_behind_it_leaves_none_of_the_old_ones(start, tmp_path):
    person = start()
    person.say("CYB01")
    person.say("菜园坝")
    person.until("How many of our boards")
    person.say("2")
    person.say("rain")
    person.until("Board 2: what is fitted")
    for _ in range(20):
        if flat("How many of our boards") in person.say("<"):
            break
    person.say("1")
    person.until("How many bought RS-485 sensors")
    assert "Board2" not in person.say("0")
    assert "board.2.fit" not in kept_now(person)


def test_ctrl_c_keeps_the_answers_and_the_same_command_goes_on(start, tmp_path):
    person = start()
    person.say("CYB01")
    person.say("菜园坝")
    person.terminal.type(CTRL_C)
    assert person.terminal.finish() == 130
    told = flat(person.terminal.seen)
    assert flat("station.toml was not written. 2 answers are kept in") in told
    assert "Traceback" not in told
    assert sorted(file.name for file in (tmp_path / "site").iterdir()) == ["site-answers.toml"]
    again = start()
    assert flat("Its name in English") in again.shown()
    assert flat("2 answers are there") in flat(again.terminal.seen)
    assert flat("Name of the station in Chinese") in again.say("<")
    assert again.terminal.seen.endswith("[菜园坝] > ")


def test_ctrl_c_before_the_first_answer_writes_nothing(start, tmp_path):
    person = start()
    person.terminal.type(CTRL_C)
    assert person.terminal.finish() == 130
    assert "Stopped, nothing was written." in person.terminal.seen
    assert not (tmp_path / "site").exists()


def test_a_terminal_that_goes_away_is_a_person_who_stopped(start, tmp_path):
    person = start()
    person.say("CYB01")
    person.terminal.type("\x04")
    assert person.terminal.finish() == 130
    assert (tmp_path / "site" / "site-answers.toml").exists()


def test_dry_run_asks_and_keeps_nothing(start, tmp_path):
    person = start("--dry-run")
    person.say("CYB01")
    person.terminal.type(CTRL_C)
    assert person.terminal.finish() == 130
    assert not (tmp_path / "site").exists()


def test_no_to_the_last_question_writes_no_station_and_keeps_the_answers(start, tmp_path):
    person = start()
    through(person, ANSWERS["en"])
    person.terminal.expect("[Y/n")
    person.terminal.type("perhaps\n")
    person.terminal.expect("[Y/n", 2)
    person.terminal.type("n\n")
    assert person.terminal.finish() == 130
    assert sorted(file.name for file in (tmp_path / "site").iterdir()) == ["site-answers.toml"]


def test_kept_answers_that_are_none_are_told(tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "site-answers.toml").write_text("half a li")
    terminal = Terminal("site", "new", tmp_path / "site")
    assert terminal.finish() == 2
    assert "holds no answers" in terminal.seen
    terminal.close()


def test_letters_that_are_none_are_no_answer(start):
    person = start()
    person.say("CYB01")
    person.terminal.type_bytes(b"\xff\xfe\n")
    assert flat("characters that cannot be shown") in person.see()
