"""How a command's steps look: on a terminal with a bar, else one plain line a step; what they wait for is told."""

import io
import threading
from types import SimpleNamespace

import pytest

from tools.failure import columns
from tools.steps import Steps


class Terminal(io.StringIO):
    """A terminal; `shown` is set once it holds `awaited`."""

    def __init__(self, awaited: str) -> None:
        super().__init__()
        self.awaited = awaited
        self.shown = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        if self.awaited in self.getvalue():
            self.shown.set()
        return count


@pytest.fixture
def drawn(monkeypatch):
    """Return a function: what a terminal of so many columns shows, ten seconds after a step began, until `awaited`."""

    def draw(wide: int, awaited: str, change, lang: str = "en") -> list[str]:
        monkeypatch.setenv("COLUMNS", str(wide))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        monkeypatch.setattr("tools.steps.TICK_S", 0.01)
        now_s = [0.0]
        monkeypatch.setattr("tools.steps.time", SimpleNamespace(monotonic=lambda: now_s[0]))
        terminal = Terminal(awaited)
        steps = Steps(4, lang, terminal)
        with steps.step("write"):
            change(steps)
            now_s[0] = 10.0
            assert terminal.shown.wait(10), terminal.getvalue()
        return [line for line in terminal.getvalue().replace("\033[K", "").replace("\n", "\r").split("\r") if line]

    return draw


def test_the_time_left_is_that_of_what_came_since_the_step_began(drawn):
    lines = drawn(80, "s left", lambda steps: steps.show(60_000, 100_000, base=50_000))
    assert any(line.endswith("60 %     1.0 kB/s  40 s left") for line in lines)


@pytest.mark.parametrize(("lang", "left"), [("en", "119 s left"), ("zh", "还需 119 秒")])
def test_a_narrow_terminal_shows_the_whole_time_left(drawn, lang, left):
    lines = drawn(40, left, lambda steps: steps.show(10_000, 129_000), lang)
    assert max(map(columns, lines)) < 40


def test_for_what_a_step_waits_stands_in_its_line(drawn):
    lines = drawn(80, "for rain", lambda steps: steps.say("for rain"))
    assert any(line.endswith("10 s  for rain") for line in lines)


def test_where_a_line_has_no_room_for_it_it_is_told_once_on_its_own(drawn):
    def wait(steps: Steps) -> None:
        steps.show(1, 2)
        for _ in range(3):
            steps.say("until the rain over the whole long valley is over")

    lines = drawn(40, "50 %", wait)
    assert [line for line in lines if "rain" in line or "over" in line] == [
        "  until the rain over the whole long", "  valley is over",
    ]  # fmt: skip


def test_without_a_terminal_there_is_a_line_a_step_and_one_for_what_it_waits():
    stream = io.StringIO()
    steps = Steps(2, "en", stream)
    with steps.step("write"):
        steps.show(1, 2)
        steps.say("for rain")
        steps.say("for rain")
        steps.say("")
    first, second = stream.getvalue().splitlines()
    assert first == "  for rain"
    assert second.startswith("  1/2 write   ok ")
