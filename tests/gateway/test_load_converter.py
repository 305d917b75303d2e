"""A rule over a converter that nobody calibrated is refused, with the table that is missing."""

import pytest

from tests.gateway.station_toml import GOOD, line_of, problems, station

TABLE = "calibration.adc.0 = [[142_000, 150_000], [1_100_000, 1_100_000], [2_420_000, 2_450_000]]\n"
BARE = GOOD.replace(TABLE, "")
SMOKE = '[[bus.board]]\nname = "smoke"\naddress = 14\ntype = "esp32-rs485"\nfit = ["smoke"]\n\n[[bus.sensor]]'
PORT_1 = "calibration.adc.1 = [[0, 0], [2_450_000, 2_450_000]]\n"
DIRECT = 'red = "170.00 m"\ndatum = "wusong"'
LOW = '\n[[rule]]\nname = "weak"\nkind = "low"\nchannel = "level.supply"\nyellow = "11.50 V"\n'
RISE = '\n[[rule]]\nname = "swell"\nkind = "rise"\nchannel = "river"\nwindow = "1 h"\nyellow = "0.50 m"\n'
CHAMBER = '\n[[rule]]\nname = "fire"\nkind = "smoke"\nchannel = "smoke.smoke"\nyellow = "0.10 dB/m"\n'


def test_the_error_names_file_line_key_channel_port_and_remedy(tmp_path):
    (said,) = problems(tmp_path, BARE)
    line = line_of(BARE, 'channel = "river"\nthresholds')
    assert said.startswith(f"station.toml:{line} ")
    assert "flood.channel" in said
    for part in ('"river" comes over a converter', 'port "adc 0" of "level"', "add calibration.adc.0 = [["):
        assert part in said


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (GOOD + LOW, "weak"),
        (BARE.replace('thresholds = "CYB-2020"', DIRECT), "flood"),
        (BARE.replace('"high"', '"low"').replace('thresholds = "CYB-2020"', DIRECT), "flood"),
        (GOOD.replace("[[bus.sensor]]", SMOKE) + CHAMBER, "fire"),
    ],
)  # fmt: skip
def test_every_kind_that_judges_a_number_is_refused(tmp_path, text, rule):
    (said,) = problems(tmp_path, text)
    assert f"{rule}.channel" in said
    assert "has no table" in said


def test_a_rise_is_refused_too(tmp_path):
    said = problems(tmp_path, BARE + RISE)
    assert len([one for one in said if "has no table" in one]) == 2


def test_with_its_table_each_of_them_is_taken(tmp_path):
    smoke = SMOKE.replace('fit = ["smoke"]\n', 'fit = ["smoke"]\n' + PORT_1)
    text = GOOD.replace(TABLE, TABLE + PORT_1.replace("adc.1", "adc.2")).replace("[[bus.sensor]]", smoke)
    made = station(tmp_path, text + LOW + RISE + CHAMBER)
    assert {"flood", "weak", "swell", "fire"} <= {rule.name for rule in made.rules}
    assert {one.name for one in made.channels if one.uncalibrated} == {"rain.supply", "tilt.supply", "smoke.supply"}


def test_a_battery_that_a_smoke_rule_watches_needs_a_table(tmp_path):
    smoke = SMOKE.replace('fit = ["smoke"]\n', 'fit = ["smoke"]\n' + PORT_1)
    (said,) = problems(tmp_path, GOOD.replace("[[bus.sensor]]", smoke) + CHAMBER + 'battery = "10.8 V"\n')
    assert "fire.battery" in said
    assert 'port "adc 2" of "smoke"' in said


def test_rules_that_judge_only_whether_there_is_a_number_need_no_table(tmp_path):
    fault = '\n[[rule]]\nname = "broken"\nkind = "fault"\nchannel = "level.supply"\n'
    assert "broken" in {rule.name for rule in station(tmp_path, GOOD + fault).rules}


def test_an_rp2040_needs_no_table(tmp_path):
    made = station(
        tmp_path, BARE.replace('type = "esp32-rs485"\nfit = ["level"]', 'type = "rp2040-rs485"\nfit = ["level"]')
    )
    assert not any(one.uncalibrated for one in made.channels if one.source == "level")


def test_two_sensors_as_one_channel_are_as_calibrated_as_the_worse(tmp_path):
    radar = 'profile = "radar-60ghz"\nrow = "5 min"\n'
    channel = (
        '\n[[bus.sensor.channel]]\nname = "above"\nquantity = "gap_mm"\ngauge_zero = "180.00 m"\ndatum = "wusong"\n'
    )
    fusion = '\n[[fusion]]\nname = "both"\nsensors = ["river", "above"]\noverlap = ["183.00 m", "186.00 m"]\n'
    rule = '\n[[rule]]\nname = "joined"\nkind = "high"\nchannel = "both"\ndatum = "wusong"\nred = "185.00 m"\n'
    text = GOOD.replace(radar, radar + channel) + fusion + rule
    assert "joined" in {made.name for made in station(tmp_path, text).rules}
    said = problems(tmp_path, text.replace(TABLE, ""))
    assert any("joined.channel" in one and 'port "adc 0" of "level"' in one for one in said)
