"""What a replay shows: the page and the terminal."""

import io
import re
from html.parser import HTMLParser

import pytest
from rich.console import Console

from gateway import words
from tests.tools.replay_files import level_call, result_of
from tools.replay.page import page
from tools.replay.phrases import KINDS, PHRASES, kind_word
from tools.replay.screen import show
from tools.replay.svg import ticks

# A flood of 2 h, a gap of 2 h behind it, and one sample faster than the rate.
ROWS = [
    f"2020-06-01T{m // 60:02d}:{m % 60:02d}Z,{0.5 + max(0, 1.4 - abs(m - 180) / 100):.3f}"
    for m in range(0, 720, 5)
    if not 400 < m < 520
]
ROWS[120] = ROWS[120].split(",")[0] + ",1.300"


@pytest.fixture(scope="module")
def flood(tmp_path_factory):
    return result_of(*level_call(tmp_path_factory.mktemp("replay"), ROWS))


class Elements(HTMLParser):
    """Every element with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def of(self, tag: str, **wanted: str) -> list[dict[str, str]]:
        return [got for name, got in self.found if name == tag and wanted.items() <= got.items()]


def test_the_page_needs_no_network_and_no_script(flood):
    text = page(flood, "zh")
    elements = Elements(text)
    assert not re.search(r"https?://|//[a-z]|@import|url\((?!#)", text)
    assert not {tag for tag, _ in elements.found} & {"script", "link", "img", "iframe"}
    assert "预警" not in text.replace(words.word("footer", "zh"), "")


def test_the_page_is_in_both_languages_and_begins_in_the_one_asked_for(flood):
    for lang, other in (("zh", "en"), ("en", "zh")):
        elements = Elements(page(flood, lang))
        assert "checked" in elements.of("input", id=f"lang-{lang}")[0]
        assert "checked" not in elements.of("input", id=f"lang-{other}")[0]
        assert len(elements.of("span", **{"class": "zh"})) == len(elements.of("span", **{"class": "en"}))


def test_a_gap_is_a_band_that_no_line_crosses(flood):
    elements = Elements(page(flood, "en"))
    gaps = elements.of("rect", **{"class": "gap"})
    lines = elements.of("path", **{"class": "line"})
    assert len(gaps) == 2  # One for the desk, one for the phone.
    assert len(lines) >= 4
    for gap in gaps:
        begin, end = float(gap["x"]), float(gap["x"]) + float(gap["width"])
        assert end - begin >= 2
        for line in lines:
            xs = [float(pair.split()[0]) for pair in line["d"][1:].split("L")]
            assert all(left >= end - 1.5 or right <= begin + 1.5 or not (left < begin < end < right)
                       for left, right in zip(xs, xs[1:], strict=False))  # fmt: skip


def test_a_suspect_sample_is_a_circle_and_an_episode_a_band_with_its_word(flood):
    text = page(flood, "en")
    elements = Elements(text)
    assert elements.of("circle", **{"class": "suspect"})
    assert elements.of("rect", **{"class": "band l2"})
    assert "Yellow flood" in text
    assert "黄色 flood" in text
    assert "local datum" in text


def test_what_a_file_says_is_escaped(tmp_path):
    call = [word.replace("stage", "<b>&stage") for word in level_call(tmp_path, ROWS, head="time,<b>&stage")]
    text = page(result_of(*call), "en")
    assert "<b>&stage" not in text
    assert "&lt;b&gt;&amp;stage" in text


@pytest.mark.parametrize("lang", words.LANGUAGES)
@pytest.mark.parametrize("width", [40, 80])
def test_the_terminal_is_never_wider_than_it_is(flood, lang, width):
    out = io.StringIO()
    show(flood, lang, Console(file=out, width=width, highlight=False))
    lines = out.getvalue().splitlines()
    assert "\033" not in out.getvalue()
    assert [line for line in lines if words.columns(line) > width] == []
    assert any("⠀" <= sign <= "⣿" for sign in out.getvalue())
    assert "/" in next(line for line in lines if "─/" in line)
    assert words.mark(2, lang) in out.getvalue()


def test_every_sentence_is_there_in_both_languages():
    for key, (zh, en) in [*PHRASES.items(), *KINDS.items()]:
        facts = [set(re.findall(r"\{(\w+)\}", text.replace("name_en", "name"))) for text in (zh, en)]
        assert facts[0] == facts[1], key
    assert kind_word("gap", "zh") == "缺口 (gap)"
    assert kind_word("gap", "en") == "gap"


@pytest.mark.parametrize(
    ("low", "high", "most"), [(0, 10, 6), (-94, 289, 6), (178_000, 193_300, 5), (5, 5, 4), (0, 1, 6)]
)
def test_ticks_are_few_round_and_inside(low, high, most):
    found = ticks(low, high, most)
    assert 1 <= len(found) <= most
    assert all(low <= value <= high for value in found)
