"""Known recordings and scenarios against what was worked out by hand; and that a difference is seen and said."""

import copy

import pytest

from tests.tools.replay_files import FLOOD_EXPECTED, level_call, result_of, write
from tools import flood
from tools.failure import Failure
from tools.replay import expected
from tools.replay.compare import differences
from tools.replay.progress import Progress
from tools.replay.rehearsed import compare, play, run_scenario

ROWS = [f"2020-06-01T00:{m:02d}Z,{level}" for m, level in zip(range(0, 50, 5), (
    "0.50", "0.70", "0.95", "1.00", "1.25", "1.35", "1.25", "0.95", "0.89", "0.70",
), strict=True)]  # fmt: skip


@pytest.fixture
def known(tmp_path):
    return expected.load(write_expected(tmp_path, FLOOD_EXPECTED))


def write_expected(tmp_path, text):
    folder = tmp_path / "one"
    folder.mkdir(exist_ok=True)
    return expected.Path(write(folder, text, "expected.toml"))


@pytest.fixture
def result(tmp_path):
    return result_of(*level_call(tmp_path, ROWS))


def test_what_agrees_has_no_differences(known, result):
    assert differences(known, result) == []


@pytest.mark.parametrize(
    ("was", "now", "said"),
    [
        ('level = "yellow"', 'level = "red"', "reached yellow"),
        ("00:15:00Z", "00:25:00Z", "start expected 2020-06-01T00:25:00Z, found 2020-06-01T00:15:00Z"),
        ("00:40:00Z", "01:00:00Z", "end expected"),
        ('end = "2020-06-01T00:40:00Z"\n', "", "expected to stand at the end"),
        ('peak = "1.35 m"', 'peak = "1.36 m"', "peak expected 1.36 m, found 1.350 m"),
        ('rule = "flood"', 'rule = "other"', "no such episode"),
        ("[[quiet]]", '[[flags]]\nkind = "gap"\ncount = 2\n[[quiet]]', "gap expected 2, found 0"),
        ("00:14:00Z", "00:20:00Z", "quiet from"),
    ],
)
def test_every_difference_is_spelled_out(tmp_path, result, was, now, said):
    assert was in FLOOD_EXPECTED
    known = expected.load(write_expected(tmp_path, FLOOD_EXPECTED.replace(was, now)))
    assert any(said in text for text in differences(known, result)), differences(known, result)


def test_an_episode_and_a_flag_that_nobody_expected_are_differences(tmp_path, known):
    rows = [
        *ROWS,
        "2020-06-01T00:50Z,0.70",
        "2020-06-01T00:50Z,0.70",
        "2020-06-01T00:55Z,0.95",
        "2020-06-01T01:00Z,1.20",
    ]
    found = differences(known, result_of(*level_call(tmp_path, rows)))
    assert [text.split(":")[0] for text in found] == ["not expected", "stage"]
    assert "doubled not expected" in found[1]


def test_within_one_cadence_a_time_agrees(tmp_path, result):
    text = FLOOD_EXPECTED.replace("00:15:00Z", "00:20:00Z").replace("00:14:00Z", "00:14:59Z")
    assert differences(expected.load(write_expected(tmp_path, text)), result) == []


@pytest.mark.parametrize(
    ("was", "now"), [('kind = "high"', 'kind = "hihg"'), ("sha256", "sha255"), ('level = "y', 'level = "z')]
)
def test_a_wrong_expectation_is_a_failure_and_no_agreement(tmp_path, was, now):
    text = FLOOD_EXPECTED.replace(was, now)
    assert text != FLOOD_EXPECTED
    with pytest.raises(Failure):
        judged_by(tmp_path, text)


def judged_by(tmp_path, text):
    path = write_expected(tmp_path, text)
    expected.load(path)
    return result_of(*level_call(tmp_path, ROWS)[:-1], str(path))


def test_the_flood_of_2020_passes_every_stage_at_the_time_of_its_table_and_raises_nothing_else():
    it = flood.read("cuntan-2020")
    stages, others = compare(it, play(it, 60_000, Progress("cuntan-2020", "en")), 60_000)
    assert len(stages) == 8
    assert [stage for stage in stages if not stage["agrees"]] == []
    assert others == []


def test_a_stage_that_comes_late_is_seen():
    it = flood.read("cuntan-2020")
    late = it.stages[0]._replace(up_unix_s=it.stages[0].up_unix_s + 121)
    wrong = it._replace(stages=(late, *it.stages[2:]))
    stages, others = compare(wrong, play(wrong, 60_000, Progress("cuntan-2020", "en")), 60_000)
    assert [stage["stage"] for stage in stages if not stage["agrees"]] == ["guard"]
    assert len(others) == 2  # The stage that was taken out of the table was raised and left all the same.


def test_a_scenario_without_a_table_is_a_wrong_call():
    with pytest.raises(Failure) as caught:
        run_scenario("demo", 1_000, None, "en")
    assert caught.value.exit_code == 2
    assert "cuntan-2020" in caught.value.seen


def test_every_expectation_of_the_project_can_be_read():
    found = expected.load_all()
    assert len({one.name for one in found}) == len(found) > 0
    for one in found:
        assert len(one.sha256) == 64
        assert copy.copy(one.ask).values
