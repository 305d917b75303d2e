"""What a channel of station.toml says about the quality of its samples: what it becomes, and what is wrong with it."""

import pytest

from boards.definition import FOLDER
from gateway.config import Companion, DoubleCount
from tests.gateway.station_toml import GOOD, line_of, problems, station

RATE = 'rate = "0.3 m/5min"\n'
SPAN_OF_SUPPLY = (0, 60_000)


def channels(tmp_path, keys=""):
    return {c.name: c for c in station(tmp_path, GOOD.replace(RATE, RATE + keys)).channels}


def test_a_level_is_tested_for_rate_and_spikes_by_default_and_nothing_else_is(tmp_path):
    found = channels(tmp_path)
    assert {name: (c.rate_per_min, c.spike) for name, c in found.items() if c.rate_per_min or c.spike} == {
        "river": (60, 150),
        "radar.gap": (60, 150),
    }
    assert not any(c.flat_after_ms or c.gap_after_ms or c.invalid for c in found.values())


def test_every_key_is_an_amount_in_the_channels_sub_unit(tmp_path):
    keys = """spike = "0.3 m"
flat_after = "6 h"
flat_tolerance = "2 mm"
flat_below = "160.4 m"
gap_after = "90 s"
invalid = ["9.999 m", "-1 cm"]
"""
    river = channels(tmp_path, keys)["river"]
    assert (river.rate_per_min, river.spike) == (60, 300)
    assert (river.flat_after_ms, river.flat_tolerance, river.flat_below) == (21_600_000, 2, 160_400)
    assert (river.gap_after_ms, river.invalid) == (90_000, (9_999, -10))


def test_temperature_and_supply_of_the_same_instrument_are_companions_by_default(tmp_path):
    found = channels(tmp_path)
    assert [c.quantity for c in found["tilt.tilt_x"].companions] == ["temp_cdeg"]
    assert found["tilt.temp"].companions == found["tilt.supply"].companions == ()
    assert found["river"].companions == ()  # The board's supply is another instrument.


def test_a_companion_may_be_named_and_has_a_span_of_its_own(tmp_path):
    keys = 'companion = [{ quantity = "supply_mv", low = "9 V" }]\n'
    assert channels(tmp_path, keys)["river"].companions == (Companion("supply_mv", 9_000, SPAN_OF_SUPPLY[1]),)
    assert channels(tmp_path, "companion = []\n")["river"].companions == ()


def test_a_sensor_that_may_be_asked_less_often_than_the_bus_is_scanned_has_a_cadence(tmp_path):
    profile = (FOLDER / "radar-60ghz.toml").read_text()
    (tmp_path / "slow.toml").write_text(profile.replace("min_interval_ms = 100", "min_interval_ms = 20_000"))
    made = station(tmp_path, GOOD.replace('"radar-60ghz"', '"slow.toml"'))
    assert [source.cadence_ms for source in made.sources] == [0, 0, 0, 40_000]  # status and value are two reads


# (key and value, what must be said)
WRONG = [
    ('spike = "0.15"', 'river.spike: "0.15" has no unit; write "0.15 m"'),
    ("spike = 150", 'river.spike: 150 has no unit; write "150 m"'),
    ('spike = "-1 mm"', 'river.spike: "-1 mm" is out of range; write it like "0.15 m"'),
    ('spkie = "1 mm"', 'did you mean "spike"?'),
    ('flat_after = "6"', 'river.flat_after: "6" has no unit; write "6 s"'),
    ('flat_after = "0 s"', 'river.flat_after: "0 s" is out of range; write it like "6 h"'),
    ('flat_tolerance = "1 mm"', 'river.flat_tolerance: says nothing without flat_after; add flat_after = "6 h"'),
    ('flat_below = "1 m"', "river.flat_below: says nothing without flat_after"),
    ('gap_after = "5 m"', 'river.gap_after: "5 m": "m" is no unit of a time'),
    ('invalid = "9.999 m"', 'river.invalid: "9.999 m" is not a list; write invalid = ["9.999 m"]'),
    ('invalid = ["9999"]', 'river.invalid: "9999" has no unit; write "9999 m"'),
    ("invalid = [9999]", 'river.invalid: 9999 has no unit; write "9999 m"'),
    ('companion = "supply_mv"', "river.companion: there may be several; write [[companion]]"),
    ("companion = [1]", "river.companion: 1 is not a table"),
    ('companion = [{ low = "9 V" }]', "companion.quantity: is missing; add quantity ="),
    ('companion = [{ quantity = "head_mm" }]', '"head_mm" is not a quantity; use "temp_cdeg" or "supply_mv"'),
    ('companion = [{ quantity = "temp_cdeg" }]', "this source measures no other temp_cdeg; there is supply_mv"),
    ('companion = [{ quantity = "supply_mv", low = "9 m" }]', 'companion.low: "9 m": "m" is no unit of a voltage'),
    ('companion = [{ quantity = "supply_mv", low = "61 V" }]', 'companion.low: "61 V" is out of range'),
    ('companion = [{ quantity = "supply_mv", low = "9 V", high = "8 V" }]', 'companion.high: "8 V" is not above low'),
    ('companion = [{ quantity = "supply_mv", hihg = "8 V" }]', 'did you mean "high"?'),
]


@pytest.mark.parametrize(("line", "said"), WRONG)
def test_a_wrong_key_is_told_with_line_key_and_remedy(tmp_path, line, said):
    text = GOOD.replace(RATE, RATE + line + "\n", 1)
    found = problems(tmp_path, text)
    assert len(found) == 1, found
    assert said in found[0], found
    assert found[0].startswith(f"station.toml:{line_of(text, line)} ")


RAIN = 'type = "esp32-rs485"\nfit = ["rain"]\n'


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('flat_after = "6 h"', "rain.flat_after: a rain counter stands still while it is dry; take flat_after out"),
        ('spike = "1 mm"', "rain.spike: a rain counter only counts up and has no spikes; take spike out"),
    ],
)
def test_a_rain_counter_has_neither_flat_line_nor_spike(tmp_path, line, said):
    channel = f'[[bus.board.channel]]\nname = "rain"\nquantity = "rain_um"\n{line}\n'
    text = GOOD.replace(RAIN, RAIN + channel, 1).replace("rain.rain", "rain").replace('name = "rain"', 'name = "r"', 1)
    assert [problem.partition(" ")[2] for problem in problems(tmp_path, text)] == [said]


TWO_GAUGES = GOOD.replace(
    "[[bus.sensor]]",
    '[[bus.board]]\nname = "rain2"\naddress = 14\ntype = "esp32-rs485"\nfit = ["rain"]\n\n[[bus.sensor]]',
    1,
)
GAUGE = '[[bus.board.channel]]\nname = "gauge"\nquantity = "rain_um"\n'
NEIGHBOURS = 'neighbours = ["rain2.rain"]\n'


def gauge(keys):
    return TWO_GAUGES.replace(RAIN, RAIN + GAUGE + keys, 1).replace('"rain.rain"', '"gauge"')


def test_a_rain_gauge_is_held_against_its_neighbours(tmp_path):
    keys = 'double_count = "116 %"\ndouble_count_window = "12 h"\ndouble_count_least = "4.5 mm"\n'
    made = {channel.name: channel for channel in station(tmp_path, gauge(NEIGHBOURS + keys)).channels}["gauge"]
    assert (made.neighbours, made.double_count) == (("rain2.rain",), DoubleCount(1_160, 43_200_000, 4_500))
    made = {c.name: c for c in station(tmp_path, gauge(NEIGHBOURS + 'double_count = "150 %"\n')).channels}["gauge"]
    assert made.double_count == DoubleCount(1_500, 86_400_000, 6_000)


WRONG_NEIGHBOURS = [
    (NEIGHBOURS, "neighbours", 'says nothing without double_count; add double_count = "150 %"'),
    ('double_count = "150 %"\n', "double_count", "says nothing without neighbours; there are rain2.rain"),
    ('double_count_least = "6 mm"\n', "double_count_least", "says nothing without double_count"),
    (NEIGHBOURS + 'double_count = "100 %"\n', "double_count", '"100 %" is out of range; write it like "150 %"'),
    (NEIGHBOURS + "double_count = 150\n", "double_count", '150 has no unit; write "150 %"'),
    ('neighbours = ["rian"]\ndouble_count = "150 %"\n', "neighbours", 'no other rain gauge is called "rian"; there'),
    ('neighbours = ["gauge"]\ndouble_count = "150 %"\n', "neighbours", 'no other rain gauge is called "gauge"; there'),
    (
        'neighbours = ["river"]\ndouble_count = "150 %"\n',
        "neighbours",
        'no other rain gauge is called "river"; there',
    ),
    ('neighbours = "rain2.rain"\ndouble_count = "150 %"\n', "neighbours", "is not a list of texts"),
]


@pytest.mark.parametrize(("keys", "key", "said"), WRONG_NEIGHBOURS)
def test_a_wrong_neighbour_is_told_with_line_key_and_remedy(tmp_path, keys, key, said):
    text = gauge(keys)
    found = problems(tmp_path, text)
    assert any(f"gauge.{key}: " in one and said in one for one in found), found
    assert found[0].startswith(f"station.toml:{line_of(text, key)} ")


def test_only_rain_gauges_have_neighbours(tmp_path):
    (found,) = problems(tmp_path, GOOD.replace(RATE, RATE + NEIGHBOURS + 'double_count = "150 %"\n', 1))
    assert "river.neighbours: only rain gauges have neighbours; take neighbours, double_count out" in found
