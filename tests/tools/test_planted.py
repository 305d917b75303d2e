"""The planted bugs fit the present files, and a proof is only a proof if it fails with its bug and passes without."""

import pytest

from tools.soak import planted
from tools.soak.crash.plant import PLANTS, Plant
from tools.soak.planted import BUGS, TOP, verdict

PLANTED = [(bug.name, bug.plant) for bug in BUGS] + list(PLANTS.items())
GOOD = ("this", "is fine")
JUDGE = """\
import pathlib, sys
sys.exit("FAIL  seen" if "wrong" in pathlib.Path("book.txt").read_text() else 0)
"""


@pytest.mark.parametrize(("name", "plant"), PLANTED)
def test_a_bug_has_its_place_once_in_the_present_file_and_leaves_it_a_program(name, plant):
    text = (TOP / plant.file).read_text(encoding="utf-8")
    changed = plant.in_text(text)
    assert changed != text
    compile(changed, plant.file, "exec")


def test_the_bugs_that_the_issue_names_are_planted():
    names = " ".join(name for name, _ in PLANTED)
    for word in ("flushed", "before the commit", "deleted before", "sequence", "contiguous", "old generation"):
        assert word in names


def test_a_bug_whose_place_is_gone_or_there_twice_is_refused():
    for text in ("nothing", "this and this"):
        with pytest.raises(ValueError, match="out of date"):
            Plant("book.txt", *GOOD).in_text(text)


def test_a_proof_is_judged_with_the_bug_in_place_and_the_file_is_put_back(tmp_path):
    (tmp_path / "book.txt").write_text("this")
    (tmp_path / "judge.py").write_text(JUDGE)
    assert verdict(tmp_path, ("judge",), None) == ""
    assert verdict(tmp_path, ("judge",), Plant("book.txt", "this", "wrong")) == "FAIL  seen"
    assert (tmp_path / "book.txt").read_text() == "this"


def test_what_nobody_catches_and_what_fails_without_a_bug_are_failures(tmp_path, monkeypatch):
    said = {"seen": ("", "FAIL  it"), "not seen": ("", ""), "always": ("FAIL  it", "FAIL  it")}
    bugs = tuple(planted.Bug(name, Plant("a", "b", "c"), (name,)) for name in said)
    monkeypatch.setattr(planted, "BUGS", bugs)
    monkeypatch.setattr(planted, "PLANTS", {"nothing is flushed": None})
    monkeypatch.setattr(planted, "copy_tree", lambda root, place: None)
    monkeypatch.setattr(planted, "verdict", lambda place, proof, plant: said[proof[0]][plant is not None])
    monkeypatch.setattr(planted.crash_points, "with_plant", lambda *_: {"crash_plants_found": 1, "failures": []})
    figures = planted.run(0.0, 1, lambda text: None, tmp_path)
    assert (figures["planted"], figures["caught"]) == (4, 3)
    assert figures["failures"] == [
        "the proof fails without any bug: python -m always: FAIL  it",
        "nobody caught: not seen; python -m not seen",
    ]
