"""What a stimulus must look like, judged from values alone; curves, heights that are typed, and words."""

import ast
import string
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.words import columns
from tools.check.curve import POINTS_MAX, svg
from tools.check.judges import Motion, Rest, Smoke, Tips
from tools.check.keys import millimetres
from tools.check.phrases import PHRASES
from tools.check.screen import cut
from tools.check.step import Curve

CHECK = Path(__file__).resolve().parents[2] / "tools/check"


def fed(judge, *values):
    for value in values:
        judge.feed(*value) if isinstance(value, tuple) else judge.feed(value)
    return judge


def test_rest_is_the_median_of_the_first_values_and_not_known_before():
    assert fed(Rest(4), 5, None, 900, 6).value is None
    assert fed(Rest(4), 5, None, 900, 6, 7, 3).value == 6


MOTIONS = [
    ((100, 50, 1), [1_000, 1_100, 1_049], (True, True)),
    ((100, 50, 1), [1_000, 1_099, 1_000], (False, True)),
    ((100, 50, 1), [1_000, 1_300, 1_051], (True, False)),
    ((100, 50, 1), [1_000, 700, 1_000], (False, True)),
    ((100, 50, -1), [1_000, 700, 1_000], (True, True)),
    ((200, 50, 0), [0, -200, -50], (True, True)),
    ((200, 50, 0), [0, 200, 51], (True, False)),
]


@pytest.mark.parametrize(("limits", "values", "expected"), MOTIONS)
def test_a_motion_goes_far_enough_in_its_direction_and_comes_back(limits, values, expected):
    motion = fed(Motion(values[0], *limits), *values)
    assert (motion.moved, motion.is_back) == expected
    assert motion.passed == all(expected)


def test_a_motion_the_wrong_way_is_known_as_that():
    motion = fed(Motion(1_000, 100, 50, 1), 990, 600, 1_000)
    assert (motion.wrong, motion.most) == (-400, 0)


@pytest.mark.parametrize(
    ("risen", "enough", "passed"), [(800, False, False), (1_000, True, True), (1_200, True, False)]
)
def test_tips_are_exactly_as_many(risen, enough, passed):
    tips = fed(Tips(0, 1_000), 200, risen)
    assert (tips.enough, tips.passed) == (enough, passed)


@pytest.mark.parametrize(("risen", "passed"), [(2_979, False), (2_980, True), (3_380, True), (3_381, False)])
def test_poured_water_may_differ_by_its_tolerance(risen, passed):
    assert fed(Tips(0, 3_180, 200), risen).passed == passed


SMOKES = [
    ([(5, 0), (5, 1), (5, 0)], True, True),  # a button: only the contact
    ([(5, 0), (105, 0), (50, 0)], True, True),  # test smoke
    ([(5, 0), (104, 0), (5, 0)], False, True),
    ([(5, 0), (105, 0), (90, 0)], True, False),  # smoke that stays
    ([(5, 0), (5, 1)], True, False),  # a contact that stays
    ([(5, 0), (None, None), (5, 0)], False, True),
]


@pytest.mark.parametrize(("values", "rose", "over"), SMOKES)
def test_a_detector_is_heard_by_either_and_must_be_over_again(values, rose, over):
    smoke = fed(Smoke(5, 100, 50), *values)
    assert (smoke.rose, smoke.is_back, smoke.passed) == (rose, over, rose and over)


def test_a_contact_alone_is_a_detector():
    assert fed(Smoke(None, 100, 50), (None, 1), (None, 0)).passed


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("177.20", 177_200), ("177,2 m", 177_200), ("−0.05", -50), ("177.2米", 177_200), (" 9000 ", 9_000_000),
        ("9000.001", None), ("", None), ("m", None), ("1e9", None), ("nan", None), ("12a", None),
    ],
)  # fmt: skip
def test_a_height_is_read_as_people_type_it(text, expected):
    assert millimetres(text) == expected


@given(st.text(max_size=30))
def test_nothing_that_is_typed_raises(text):
    value = millimetres(text)
    assert value is None or abs(value) <= 9_000_000


@given(st.text("ab 水位", max_size=60), st.integers(1, 40))
def test_a_line_that_is_drawn_anew_fits_its_terminal(text, room):
    assert columns(cut(text, room)) <= room
    assert text.startswith(cut(text, room))


def test_a_curve_keeps_its_peak_breaks_at_what_is_missing_and_names_its_ends():
    curve: Curve = [(at, 1_000) for at in range(5_000)]
    curve[777] = (777, 1_300)
    curve[3_000:3_100] = [(at, None) for at in range(3_000, 3_100)]
    drawn = ElementTree.fromstring(svg(curve, "level_mm", (1_100,), "river/move"))
    lines = [one.get("d", "") for one in drawn.iter("path") if one.get("class") == "line"]
    assert len(lines) == 2
    assert sum(line.count("L") for line in lines) <= POINTS_MAX
    assert any(" 10.0" in line for line in lines), "the peak stands at the upper edge"
    assert [text.text for text in drawn.iter("text")] == ["1.30 m", "1.00 m", "0 s", "5 s"]


@pytest.mark.parametrize("curve", [[], [(0, None), (1, None)], [(0, 5)]])
def test_nothing_is_drawn_of_nothing(curve):
    assert svg(curve, "level_mm", (), "x") == ""


def facts_of(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", sorted(PHRASES))
def test_both_languages_tell_the_same_facts(key):
    zh, en = PHRASES[key]
    assert facts_of(zh) == facts_of(en)
    assert "预警" not in zh


def said_keys(node):
    """The keys that a call of `said` may mean; of one that is put together, its beginning and "*"."""
    match node:
        case ast.Constant(value=str(key)):
            return {key}
        case ast.IfExp(body=body, orelse=other):
            return said_keys(body) | said_keys(other)
        case ast.JoinedStr(values=[ast.Constant(value=str(begin)), *_]):
            return {begin + "*"}
    return set()


def test_every_sentence_that_is_said_is_one_that_there_is():
    keys = set()
    for file in CHECK.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "said" and node.args:
                keys |= said_keys(node.args[0])
    assert len(keys) > 150
    begun = {key for key in keys if key.endswith("*")}
    assert keys - begun <= set(PHRASES)
    assert all(any(phrase.startswith(key[:-1]) for phrase in PHRASES) for key in begun)
