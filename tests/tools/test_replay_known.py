"""The engine against the recordings that the project knows: by `--all`, and by the raw file as a person gives it."""

import json

import pytest

from tests.tools.replay_files import result_of
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT
from tools.replay import every, expected
from tools.replay.compare import differences
from tools.scenario import CARRIED

pytestmark = pytest.mark.long

KNOWN = {one.name: one for one in expected.load_all()}
NEVER_COPIED = ("level_ea_tidal", "pressure_bowdoin", "rain_tharandt", "smoke_iot_kaggle", "tilt_tour_perret")


def call_of(one):
    """The shortest call for the raw file: what a person must state, and nothing that the project knows."""
    path = one.path()
    if path is None:
        pytest.skip(f"{one.file} is not on this machine")
    values = [word for value in one.ask.values for word in ("--value", value)]
    where = ["--where", one.ask.where] if one.ask.where else []
    unit_column = ["--unit-column", one.ask.unit_column] if one.ask.unit_column else []
    stated = ["--quantity", one.ask.quantity, "--unit", one.ask.unit]
    return ["--csv", str(path), "--time", one.ask.time, *values, *stated, *where, *unit_column]


@pytest.mark.parametrize("name", sorted(KNOWN))
def test_the_raw_file_gives_what_was_worked_out_by_hand(name):
    assert differences(KNOWN[name], result_of(*call_of(KNOWN[name]))) == []


def test_all_agrees_on_a_machine_that_has_only_what_the_project_carries(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("RIVERPOST_DATA", str(CARRIED))
    out = tmp_path / "out.json"
    assert every.run_all(out, "en") == EXIT_DONE, capsys.readouterr().out
    found = json.loads(out.read_text(encoding="utf-8"))
    verdicts = {entry["name"]: entry["verdict"] for entry in found["recordings"]}
    assert found["agree"]
    assert found["differs"] == 0
    assert {name for name, verdict in verdicts.items() if verdict == "skipped"} == {
        name for name in KNOWN if name.startswith(NEVER_COPIED)
    }
    assert found["agrees"] >= 11
    assert "is not on this machine" in capsys.readouterr().out.replace("\n", " ")


def test_all_says_every_difference_and_ends_with_1(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "expected" / "river_usgs_dead_run"
    folder.mkdir(parents=True)
    text = (expected.FOLDER / "river_usgs_dead_run" / "expected.toml").read_text(encoding="utf-8")
    (folder / "expected.toml").write_text(text.replace("1.881 m", "1.900 m"), encoding="utf-8")
    monkeypatch.setattr(expected, "FOLDER", tmp_path / "expected")
    expected.load_all.cache_clear()
    try:
        assert every.run_all(None, "en") == EXIT_NOT_RIGHT
    finally:
        expected.load_all.cache_clear()
    said = " ".join(capsys.readouterr().out.split())
    assert "peak expected 1.900 m, found 1.881 m" in said
    assert "0 agree, 1 differ, 0 skipped" in said


def test_a_recording_that_is_another_one_is_a_difference(tmp_path, monkeypatch):
    one = KNOWN["river_usgs_dead_run"]
    place = tmp_path / one.file
    place.parent.mkdir()
    place.write_text("datetime_utc,gage_height_m\n", encoding="utf-8")
    monkeypatch.setenv("RIVERPOST_DATA", str(tmp_path))
    entry = every.check(one)
    assert entry["verdict"] == "differs"
    assert "not the recording that was looked at" in entry["differences"][0]
