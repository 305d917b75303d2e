"""Threshold sets, fused channels and datum offsets of station.toml: what is taken, what is refused, and how."""

import pytest

from gateway import words
from gateway.config import DatumOffset, Fusion
from gateway.load_sets import MARKS
from tests.gateway.station_toml import GOOD, line_of, problems, station

YEARS = """"5-year" = "183.00 m"
"20-year" = "186.00 m"
"50-year" = "190.00 m"
"100-year" = "195.00 m"
"""
SET = GOOD.replace('record = "191.50 m"\n', 'record = "191.50 m"\n' + YEARS)
RADAR = GOOD.replace(
    'row = "5 min"\n',
    'row = "5 min"\n\n[[bus.sensor.channel]]\nname = "bridge"\nquantity = "gap_mm"\ngauge_zero = "0.00 m"\n'
    'offset = "195.00 m"\ndatum = "wusong"\n',
)
FUSED = (
    RADAR.replace('channel = "river"\ndatum = "wusong"', 'channel = "stage"\ndatum = "wusong"').replace(
        'channel = "river"\nthresholds', 'channel = "stage"\nthresholds'
    )
    + """
[[fusion]]
name = "stage"
sensors = ["river", "bridge"]
overlap = ["183.00 m", "186.00 m"]
"""
)


def test_marks_of_n_years_stand_among_the_characteristic_levels_and_are_never_the_milder_alarm(tmp_path):
    made = station(tmp_path, SET)
    flood = next(rule for rule in made.rules if rule.name == "flood")
    assert [(step.name, step.at, step.level) for step in flood.steps] == [
        ("guard", 180_000, 1),
        ("warning", 182_000, 2),
        ("5-year", 183_000, 2),
        ("guarantee", 185_000, 3),
        ("20-year", 186_000, 3),
        ("50-year", 190_000, 4),
        ("record", 191_500, 4),
        ("100-year", 195_000, 4),
    ]


def test_a_mark_above_a_worse_one_takes_its_level(tmp_path):
    made = station(tmp_path, SET.replace('"5-year" = "183.00 m"', '"5-year" = "185.50 m"'))
    assert [step.level for step in made.threshold_sets[0].steps] == [1, 2, 3, 3, 3, 4, 4, 4]


def test_a_set_has_a_version_a_day_and_a_source_and_rules_carry_its_label(tmp_path):
    text = SET.replace(
        'id = "CYB-2020"', 'id = "CYB-2020"\nversion = 3\nvalid_from = 2022-05-01\nsource = "plan of 2022"'
    )
    made = station(tmp_path, text)
    found = made.threshold_sets[0]
    assert (found.label, found.channel, found.datum) == ("CYB-2020@3", "river", "wusong")
    assert (found.valid_from, found.source, len(found.steps)) == ("2022-05-01", "plan of 2022", 8)
    assert next(rule for rule in made.rules if rule.name == "flood").threshold_set == "CYB-2020@3"


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('"20-year" = "186.00 m"', '"20-year" = "183.00 m"', "20-year", 'is not above 5-year ("183.00 m")'),
        ('"20-year" = "186.00 m"', '"20-year" = "185.00 m"', "20-year", "leave one of the two out"),
        ('warning = "182.00 m"', 'warning = "179.00 m"', "warning", 'is not above guard ("180.00 m")'),
        ('id = "CYB-2020"', 'id = "CYB-2020"\nversion = 0', "version", "from 1 to 1000000"),
        ('id = "CYB-2020"', 'id = "CYB-2020"\nvalid_from = "May"', "valid_from", 'write it like "2020-05-30"'),
    ],
)
def test_a_wrong_set_is_refused_with_line_key_and_remedy(tmp_path, old, new, key, said):
    text = SET.replace(old, new)
    found = problems(tmp_path, text)
    assert len(found) == 1
    assert said in found[0]
    line = next(i for i, row in enumerate(text.splitlines(), 1) if row.strip('"').startswith(key))
    assert found[0].startswith(f"station.toml:{line} CYB-2020.{key}:")


def test_a_set_of_years_alone_is_a_set(tmp_path):
    characteristic = 'guard = "180.00 m"\nwarning = "182.00 m"\nguarantee = "185.00 m"\nrecord = "191.50 m"\n'
    made = station(tmp_path, SET.replace(characteristic, ""))
    assert [step.level for step in made.threshold_sets[0].steps] == [2, 3, 4, 4]


def test_a_set_without_a_mark_is_refused(tmp_path):
    characteristic = 'guard = "180.00 m"\nwarning = "182.00 m"\nguarantee = "185.00 m"\nrecord = "191.50 m"\n'
    assert any("has no threshold" in text for text in problems(tmp_path, GOOD.replace(characteristic, "")))


def test_two_sensors_become_one_channel_that_rules_judge(tmp_path):
    made = station(tmp_path, FUSED)
    assert made.fusions == (Fusion("stage", "river", "bridge", "wusong", 183_000, 186_000, 100, 60_000, 50),)
    assert next(rule for rule in made.rules if rule.name == "flood").channel == "stage"
    assert {source.name for source in made.sources if source.alarmed} >= {"level", "radar"}
    assert [rule.name for rule in made.rules if rule.kind == "lost" and rule.channel == "stage"] == ["lost-stage"]


@pytest.mark.parametrize(
    ("old", "new", "key", "said"),
    [
        ('sensors = ["river", "bridge"]', 'sensors = ["river"]', "sensors", "two different channels"),
        ('sensors = ["river", "bridge"]', 'sensors = ["river", "brigde"]', "sensors", 'no channel is called "brigde"'),
        ('sensors = ["river", "bridge"]', 'sensors = ["river", "rain.rain"]', "sensors", "no level sensor"),
        ('overlap = ["183.00 m", "186.00 m"]', 'overlap = ["186.00 m", "183.00 m"]', "overlap", "rising"),
        (
            'overlap = ["183.00 m", "186.00 m"]',
            'overlap = ["183.00 m", "183.20 m"]',
            "disagreement",
            "half of the overlap",
        ),
        (
            'offset = "195.00 m"\ndatum = "wusong"',
            'offset = "195.00 m"\ndatum = "huanghai"',
            "sensors",
            "over the same datum",
        ),
    ],
)
def test_a_wrong_fusion_is_refused_with_its_remedy(tmp_path, old, new, key, said):
    found = problems(tmp_path, FUSED.replace(old, new))
    assert len(found) == 1
    assert f".{key}: " in found[0]
    assert said in found[0]


def test_a_fusion_cannot_be_called_like_a_channel(tmp_path):
    found = problems(tmp_path, FUSED.replace('name = "stage"\nsensors', 'name = "river"\nsensors'))
    assert "is the name of a channel or source already; choose another" in found[-1]


OFFSET = '\n[[datum_offset]]\ndatum = "wusong"\nminus = "huanghai"\nis = "1.49 m"\nsurveyed = 2019-11-02\n'


def test_an_offset_between_datums_is_surveyed_at_the_station(tmp_path):
    made = station(tmp_path, GOOD + OFFSET)
    assert made.datum_offsets == (DatumOffset("wusong", "huanghai", 1_490, "2019-11-02"),)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("surveyed = 2019-11-02\n", "", "add the day of its survey"),
        ('minus = "huanghai"', 'minus = "wusong"', "name the other one"),
        ('minus = "huanghai"', 'minus = "sea"', "minus"),
    ],
)
def test_a_wrong_offset_is_refused(tmp_path, old, new, said):
    found = problems(tmp_path, GOOD + OFFSET.replace(old, new))
    assert len(found) == 1
    assert said in found[0]
    assert found[0].startswith(f"station.toml:{line_of(GOOD + OFFSET, '[[datum_offset]]')}"[:14])


def test_the_same_offset_twice_is_refused(tmp_path):
    other_way = OFFSET.replace("wusong", "x").replace("huanghai", "wusong").replace("x", "huanghai")
    assert "is given twice" in problems(tmp_path, GOOD + OFFSET + other_way)[0]


def test_every_mark_of_a_set_has_its_words_in_both_languages():
    assert [words.word(mark, "zh") for mark in MARKS][:4] == ["设防", "警戒", "保证", "历史最高"]
    assert [words.word(mark, "en") for mark in MARKS][4:] == ["5-year", "10-year", "20-year", "50-year", "100-year"]
