"""The expectations of recordings are whole and say nothing that cannot be: plain TOML, no engine."""

import hashlib
import tomllib
from datetime import datetime
from pathlib import Path

import pytest

from tools.scenario import data_folder

FOLDER = Path(__file__).parents[2] / "tools" / "replay" / "expected"
COLOURS = ("blue", "yellow", "orange", "red")
MARKS = ("guard", "warning", "guarantee", "record")
ROW_KINDS = ("missing", "text", "unit", "doubled", "back-dated", "conflict")
KINDS = (*ROW_KINDS, "invalid", "range", "span", "rate", "spike", "flat", "gap", "companion", "double-count")
QUANTITIES = ("level", "rain", "rain-tips", "tilt", "smoke", "pressure", "temperature")

# Every recording of a sensor that the data's README lists: how many files expect something of it.
RECORDINGS = {
    "river_usgs_dead_run/01589330_2018-06-01_2018-06-15.csv": 1,
    "river_usgs_plumtree_run/01581752_2017-08-15_2017-09-08.csv": 1,
    "river_usgs_plumtree_run/01581752_2018-08-25_2018-09-12.csv": 1,
    "river_ea_calder/level_Hebden-Bridge_2025-08-16_2025-09-13.csv": 1,
    "river_ea_calder/level_Mytholmroyd_2025-08-16_2025-09-13.csv": 1,
    "river_ea_calder/rain_Gorple_2025-08-16_2025-09-13.csv": 1,
    "river_ea_calder/rain_Walshaw-Dean-Lodge_2025-08-16_2025-09-13.csv": 1,
    "level_ea_tidal_2021-05-07/readings.csv": 16,
    "rain_tharandt_tips/gauge01_2018-08_2018-10.csv": 1,
    "rain_tharandt_tips/gauge05_2018-08_2018-10.csv": 1,
    "rain_tharandt_tips/gauge09_2018-08_2018-10.csv": 1,
    "rain_tharandt_tips/gauge14_2018-08_2018-10.csv": 1,
    "rain_tharandt_tips/reference_young_10min_2018-08_2018-10.csv": 1,
    "rain_usgs_mukilteo/waMVD116_rain15min_2015.csv": 1,
    "rain_usgs_mukilteo/waMWWD_rain15min_2015.csv": 1,
    "slope_usgs_mukilteo/waMVD116_2015-12-18_2015-12-31.csv": 1,
    "tilt_tour_perret/ems_b1c1_2023-01-04_2023-03-20.csv": 1,
    "tilt_tour_perret/ems_b1c1_2023-08-10_2023-10-01.csv": 1,
    "tilt_munich_bridge/load_test_2022-04-11_10hz.csv": 1,
    "pressure_bowdoin/transducer_073303_2017-01-20_2017-07-10.csv": 1,
    "smoke_iot_kaggle/rows_26000_30000.csv": 1,
    "smoke_iot_kaggle/rows_49500_51600.csv": 1,
}
EXPECTED = {path.parent.name: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*/expected.toml"))}


@pytest.fixture(params=list(EXPECTED))
def expected(request):
    return EXPECTED[request.param]


def when(text):
    at = datetime.fromisoformat(text)
    assert at.tzinfo is not None, f"{text} names no zone"
    return at


def levels(rule, expected):
    """The levels that a rule can reach."""
    if "thresholds" in rule:
        found = next(item for item in expected["threshold_set"] if item["id"] == rule["thresholds"])
        return [colour for mark, colour in zip(MARKS, COLOURS, strict=True) if mark in found]
    return [rule["level"]] if "level" in rule else [colour for colour in COLOURS if colour in rule]


def test_every_recording_has_its_expectations():
    found = {}
    for one in EXPECTED.values():
        found[one["recording"]["file"]] = found.get(one["recording"]["file"], 0) + 1
    assert found == RECORDINGS


def test_the_recordings_are_those_of_the_data_folder():
    sums = data_folder() / "SHA256SUMS"
    if not sums.is_file():
        pytest.skip("the shared recordings are not here")
    listed = {line.split()[1].removeprefix("./") for line in sums.read_text().splitlines()}
    others = ("modbus/", "cbor/", "senml/")
    assert {name for name in listed if name.endswith(".csv") and not name.startswith(others)} == set(RECORDINGS)


def test_a_recording_is_the_one_that_was_looked_at(expected):
    recording = expected["recording"]
    path = data_folder() / recording["file"]
    if not path.is_file():
        pytest.skip(f"{recording['file']} is not here")
    assert hashlib.sha256(path.read_bytes()).hexdigest() == recording["sha256"]
    columns = path.read_text("utf-8-sig").splitlines()[0].split(",")
    named = [recording["time"], *recording["values"], recording.get("temperature"), recording.get("unit_column")]
    named.append(recording.get("where", "").partition("=")[0] or None)
    assert [name for name in named if name is not None and name not in columns] == []
    assert all((data_folder() / other).is_file() for other in recording.get("neighbours", []))


def test_a_recording_says_what_its_values_are(expected):
    recording = expected["recording"]
    assert recording["quantity"] in QUANTITIES
    assert recording["unit"]
    assert recording["zone"]
    assert len(expected["channel"]) == len(recording["values"])
    assert {"name", "name_en", "time_zone"} <= expected["station"].keys()


def test_the_head_says_where_the_numbers_come_from():
    for path in FOLDER.glob("*/expected.toml"):
        head = path.read_text("utf-8").split("[recording]")[0]
        assert "found" in head, f"{path.parent.name} does not say how its numbers were found"


def test_every_rule_that_is_named_exists_and_has_its_level(expected):
    rules = {rule["name"]: rule for rule in expected.get("rule", [])}
    assert len(rules) == len(expected.get("rule", []))
    channels = {channel["name"] for channel in expected["channel"]}
    assert {rule["channel"] for rule in rules.values()} <= channels
    for episode in expected.get("episode", []):
        assert episode["level"] in levels(rules[episode["rule"]], expected)


def test_times_are_in_order(expected):
    last_end = {}
    for episode in expected.get("episode", []):
        rule, start = episode["rule"], when(episode["start"])
        assert rule not in last_end or (last_end[rule] is not None and last_end[rule] < start)
        last_end[rule] = when(episode["end"]) if "end" in episode else None
        assert ("peak" in episode) == ("peak_at" in episode)
        times = [start, *(when(episode[key]) for key in ("peak_at", "end") if key in episode)]
        assert times == sorted(times)


def test_flags_are_known_kinds_that_occur(expected):
    seen = set()
    for flag in expected.get("flags", []):
        assert flag["kind"] in KINDS
        assert flag["count"] > 0
        assert flag["value"] in expected["recording"]["values"]
        when(flag["first"])
        assert (flag["kind"], flag["value"]) not in seen
        seen.add((flag["kind"], flag["value"]))


def test_no_episode_reaches_into_a_quiet_stretch(expected):
    for quiet in expected.get("quiet", []):
        since, until = when(quiet["since"]), when(quiet["until"])
        assert since < until
        assert quiet["why"]
        for episode in expected.get("episode", []):
            over = "end" in episode and when(episode["end"]) < since
            assert over or when(episode["start"]) >= until, f"{episode} stands in {quiet}"
