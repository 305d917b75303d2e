"""`riverpost site enable`: rules that waited for a converter's table go on when it is there, and no sooner."""

import json

import pytest
import tomlkit

from gateway.load import load
from tests.tools.site_answers import SMALL
from tools.__main__ import main

TABLE = "[[142_000, 150_000], [1_098_000, 1_100_000], [2_377_000, 2_400_000]]"
SITE = {
    **SMALL,
    "board": [
        {"fit": "level", "type": "esp32-rs485", "name": "level"},
        {"fit": "smoke", "type": "esp32-rs485", "name": "smoke"},
    ],
}


@pytest.fixture
def station(tmp_path, monkeypatch):
    """The station.toml of a site whose rules wait, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "answers.toml").write_text(tomlkit.dumps(SITE))
    assert main(["site", "new", "--answers", "answers.toml", "--lang", "en"]) == 0
    return tmp_path / "station.toml"


@pytest.fixture
def call(station, capsys):
    """Return a function that runs `riverpost site enable`: (exit code, output, errors)."""

    def run(*words, lang="en"):
        capsys.readouterr()
        code = main(["site", "enable", str(station), "--lang", lang, *words])
        return code, *capsys.readouterr()

    return run


def calibrate(file, board, *ports):
    """What somebody does who measured the ports of a board: the commented line becomes one with its table."""
    before, after = file.read_text().split(f'name = "{board}"  ', 1)
    for port in ports:
        after = after.replace(f"# calibration.adc.{port} = [[shown, there], …]", f"calibration.adc.{port} = {TABLE}", 1)
    file.write_text(f'{before}name = "{board}"  {after}')
    load(file)


def rules(file):
    return {rule.name: rule.kind for rule in load(file).rules if rule.kind != "lost"}


def test_without_a_table_all_wait_and_the_file_stays_as_it_is(station, call):
    before = station.read_bytes()
    code, out, err = call()
    assert code == 1
    assert out.splitlines() == [
        "look    flood  river: board level has no calibration.adc.0 yet",
        "look    smoke  smoke.smoke: board smoke has no calibration.adc.1 yet",
        "look    supply-level  level.supply: board level has no calibration.adc.2 yet",
        "look    supply-smoke  smoke.supply: board smoke has no calibration.adc.2 yet",
    ]
    assert "0 on, 4 still wait." in err
    assert station.read_bytes() == before


def test_what_waits_is_no_rule_and_what_can_judge_is_one(station):
    assert rules(station) == {
        "fault": "fault", "flood-river2": "high", "fault-river2": "fault", "fault-smoke": "fault", "contact": "high",
        "storage": "storage",
    }  # fmt: skip


def test_a_rule_goes_on_when_its_port_has_a_table_and_the_others_wait(station, call):
    calibrate(station, "level", 0)
    code, out, err = call()
    assert code == 1
    assert out.splitlines()[0] == "ok      flood  on"
    assert "1 on, 3 still wait. It takes effect when the gateway starts anew." in err
    assert rules(station)["flood"] == "high"
    assert call()[1].splitlines()[0].startswith("look    smoke")


def test_the_contact_alone_makes_way_for_the_rule_that_judges_both(station, call):
    calibrate(station, "smoke", 1)
    call()
    assert "contact" not in rules(station)
    assert rules(station)["smoke"] == "smoke"
    assert "# red = 1" in station.read_text()


def test_when_all_are_on_it_is_done(station, call):
    calibrate(station, "level", 0, 2)
    calibrate(station, "smoke", 1, 2)
    assert call()[0] == 0
    assert {"flood", "smoke", "supply-level", "supply-smoke"} <= rules(station).keys()
    code, out, err = call()
    assert (code, out) == (0, "")
    assert "No rule waits" in err


def test_dry_run_shows_and_changes_nothing(station, call):
    calibrate(station, "level", 0)
    before = station.read_bytes()
    code, out, err = call("--dry-run")
    assert out.splitlines()[0] == "ok      flood  on"
    assert "No file was written" in err
    assert station.read_bytes() == before


def test_what_somebody_wrote_beside_them_stays(station, call):
    calibrate(station, "level", 0)
    text = station.read_text().replace("# Short", "# Short") + "\n# somebody's own remark\n"
    station.write_text(text)
    call()
    after = station.read_text()
    assert after.endswith("# somebody's own remark\n")
    changed = [line for line in text.splitlines() if line not in after.splitlines()]
    assert changed
    assert all(line.startswith("#| ") for line in changed)


def test_a_rule_that_was_edited_into_nonsense_stays_off_with_what_the_gateway_says(station, call):
    calibrate(station, "level", 0)
    station.write_text(station.read_text().replace('#| thresholds = "CYB01-river"', '#| thresholds = "CYB02"'))
    code, out, _ = call()
    assert code == 1
    assert 'no threshold set has the id "CYB02"' in out
    station.write_text(station.read_text().replace('#| name = "flood"', "#| name = flood"))
    assert call()[0] == 1
    assert "flood" not in rules(station)


def test_a_station_that_is_wrong_already_is_told_first(station, call):
    station.write_text(station.read_text().replace('datum = "wusong"', 'datum = "wu"', 1))
    code, _, err = call()
    assert code == 2
    assert '"wu" is not a datum' in err


def test_the_same_comes_as_json(station, call):
    calibrate(station, "level", 0)
    _, out, _ = call("--json", "-", lang="zh")
    found = json.loads(out)
    assert found["written"] is True
    assert found["rules"][0] == {"name": "flood", "on": True, "reason": ""}
    assert found["rules"][1]["reason"] == "smoke.smoke：采集板 smoke 还没有 calibration.adc.1"
