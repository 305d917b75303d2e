"""The soak's own bookkeeping: what its parts count, and what it takes for wrong."""

import argparse
import json

import pytest

from tools import soak, test
from tools.failure import Failure
from tools.soak import ALONE, Part, Run, collect, verdict

KILLS = Part("kills", "a part", 0.5, 1, {"kills": 100})
PLANTED = Part("planted", "a part", 0.5, 2, {"planted": 6})
GOOD = {"kills": 100, "lost": 0, "duplicated": 0, "failures": []}


def ended(part, figures, tmp_path):
    run = Run(part, 0.1, 1, tmp_path)
    run.figures = figures
    run.code = 0
    return run


def judged(tmp_path, *pairs):
    runs = [ended(part, figures, tmp_path) for part, figures in pairs]
    return verdict(runs, collect(runs))


def test_figures_at_their_floors_are_right(tmp_path):
    assert judged(tmp_path, (KILLS, GOOD), (PLANTED, {"planted": 6, "caught": 6})) == []


def test_what_several_parts_lost_is_added_up_and_wrong(tmp_path):
    wrong = judged(tmp_path, (KILLS, GOOD | {"lost": 2}), (PLANTED, {"planted": 6, "caught": 6, "lost": 1}))
    assert wrong == ["3 rows lost"]


def test_a_figure_below_its_floor_is_wrong(tmp_path):
    (text,) = judged(tmp_path, (KILLS, GOOD | {"kills": 99}))
    assert "kills 99" in text
    assert "at least 100" in text


def test_a_planted_bug_that_nobody_caught_is_wrong(tmp_path):
    (text,) = judged(tmp_path, (PLANTED, {"planted": 6, "caught": 5}))
    assert "5 of 6" in text


def test_a_failure_is_told_with_its_part(tmp_path):
    assert judged(tmp_path, (KILLS, GOOD | {"failures": ["seed 7: a row"]})) == ["kills: seed 7: a row"]


def test_a_part_that_ended_without_figures_is_wrong_and_its_last_word_is_told(tmp_path):
    run = Run(KILLS, 0.1, 1, tmp_path)
    (tmp_path / "kills.log").write_text("something\nImportError: no such thing\n\n")
    (text,) = verdict([run], collect([run]))
    assert "ImportError: no such thing" in text


def test_a_part_that_cannot_start_fails_the_soak_and_its_json_says_so(tmp_path, capsys):
    unknown = Part("no_such_part", "a part that is none", 0.1, ALONE)
    assert soak.soak(1.0, 5, tmp_path / "o.json", [unknown]) == 1
    written = json.loads((tmp_path / "o.json").read_text())
    assert written["seed"] == 5
    assert "no_such_part ended without figures" in written["wrong"][0]
    assert "--seed 5" in capsys.readouterr().out


def test_a_soak_of_no_time_is_a_wrong_call():
    with pytest.raises(Failure, match="takes 1 to"):
        soak.soak(0.0, 1, None)


def test_the_soaks_options_without_the_soak_are_a_wrong_call():
    parser = argparse.ArgumentParser()
    test.add_arguments(parser)
    with pytest.raises(Failure, match="--seed belongs to the soak"):
        test.run(parser.parse_args(["--seed", "4"]))
