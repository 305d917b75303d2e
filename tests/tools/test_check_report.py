"""The report of a check: one file that needs nothing, in both languages, for a phone and for paper."""

import re
from html.parser import HTMLParser

import pytest

from tests.tools.check_station import HANDS, played_in
from tools.__main__ import main

ANSWERS = '[staff]\nriver = "177.15 m"\n[heard]\nsiren = true\n'
SKIPS = "".join(f'"{name}" = "<script>x</script> & 雨大"\n' for name in HANDS if name not in ("river/staff", "siren"))
VOID = {"meta", "path"}


class Page(HTMLParser):
    """Tags, attributes and text of a page; unclosed tags."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.words = [], set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "action") or name.startswith("on")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.words.append(data)


@pytest.fixture
def made(tmp_path, monkeypatch, request):
    """Text of the report of a check in which all hands but one are left out."""
    for played in played_in(tmp_path, monkeypatch):
        (tmp_path / "answers.toml").write_text(ANSWERS + "[skip]\n" + SKIPS, encoding="utf-8")
        words = [
            *played.arguments,
            "--answers",
            "answers.toml",
            "--polls",
            "5",
            "--report",
            "r.html",
            "--by",
            "王 <07>",
        ]
        assert main([*words, "--lang", "zh"]) == 0
        yield (tmp_path / "r.html").read_text(encoding="utf-8")


def test_the_report_needs_nothing_from_anywhere_and_runs_nothing(made):
    page = Page(made)
    assert page.open == []
    assert page.links == []
    assert not page.tags & {"script", "link", "img", "iframe", "input", "form"}
    assert "default-src 'none'" in made
    assert "url(" not in made
    assert len(made.encode()) < 60_000


def test_what_comes_from_outside_is_escaped(made):
    assert "<script>x" not in made
    assert "&lt;script&gt;x&lt;/script&gt; &amp; 雨大" in made
    assert "王 &lt;07&gt;" in made


def test_both_languages_stand_beside_each_other(made):
    words = " ".join(Page(made).words)
    for text in (
        "现场验收报告",
        "Site acceptance report",
        "菜园坝",
        "Caiyuanba",
        "验收通过",
        "accepted",
        "与水尺相差",
        "签字",
        "signature",
    ):
        assert text in words
    assert words.count("预警") == 1, "in the sentence that says that it is none"
    spans = re.findall(r'<span class="(zh|en)" lang="(zh-Hans|en)">', made)
    assert spans.count(("zh", "zh-Hans")) == spans.count(("en", "en")) > 40


def test_who_where_what_and_every_step_can_be_read_in_it(made):
    words = " ".join(" ".join(Page(made).words).split())
    for text in ("00000000a1100001", "6c6576656c000000", "0.1.0", "2024-06-01 08:00", "UTC+8"):
        assert text in words
    for text in ("177.150 m", "177.140 m", "−10 mm", "± 10 mm", "吴淞高程", "Wusong datum", "≥ 7.0 V"):
        assert text in words
    for name in ("station", "main/answers", "level/board", "river/staff", "main/polls", "end"):
        assert name in words


def test_states_are_words_with_marks_and_no_colour_is_needed(made):
    assert "✓ 通过 ok" in made
    assert "– 跳过 skip" in made
    style = made[made.index("<style>") : made.index("</style>")]
    assert {colour.lower() for colour in re.findall(r"#[0-9a-fA-F]{3,6}\b", style)} <= {
        "#fff", "#000", "#333", "#ccc", "#555", "#999",
    }  # fmt: skip
    assert "@page{size:A4" in style
