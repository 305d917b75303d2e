"""station.toml: what a good one becomes; no document at all breaks the loader."""

import tomllib
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config import Bus, Channel, ConfigError, Level, Rule, Station, Step
from gateway.load import build
from gateway.toml_table import Problems
from tests.gateway.station_toml import CONVERTER, GOOD, station


def test_a_good_file_becomes_a_station_in_integer_sub_units(tmp_path):
    made = station(tmp_path)

    assert (made.id, made.name_en, made.mode, made.time_zone) == ("CYB01", "Caiyuanba", "exercise", "Asia/Shanghai")
    assert (made.center.mqtt, made.center.port, made.center.live_batch_s) == (311, 1883, 60)
    assert (made.spool.path, made.spool.cap_mib) == (str(tmp_path / "data/spool.db"), 2048)
    assert (made.siren.pin, made.siren.from_level) == ("GPIO17", 3)
    (bus,) = made.buses
    assert (bus.name, bus.port, bus.scan_ms, bus.char_bits) == ("main", "/dev/ttyAMA1", 1000, 11)
    river = made.sources[0].channels[0]
    level = Level(160_000, -250, "wusong", "2020-05-30")
    assert river == Channel("river", "level", 0, "head_mm", level, 150_000, 205_500, 60, 150, flat_tolerance=1)
    assert level.zero_mm == 159_750
    assert [source.row_s for source in made.sources] == [60, 60, 60, 300]
    assert made.sources[0].serial == "0123456789abcdef"


def test_a_station_without_a_gateway_serial_gets_the_same_one_every_time(tmp_path):
    assert station(tmp_path).gateway_serial == station(tmp_path).gateway_serial
    assert len(bytes.fromhex(station(tmp_path).gateway_serial)) == 8
    other = station(tmp_path, GOOD.replace('id = "CYB01"', 'id = "CYB02"'))
    assert other.gateway_serial != station(tmp_path).gateway_serial


def test_channels_without_a_name_are_called_after_their_board_and_quantity(tmp_path):
    names = [channel.name for channel in station(tmp_path).channels]
    assert names == ["river", "level.supply", "rain.rain", "rain.supply",
                     "tilt.tilt_x", "tilt.tilt_y", "tilt.temp", "tilt.supply", "radar.gap"]  # fmt: skip


def test_every_board_carries_the_hash_of_its_board_json(tmp_path):
    from boards import board_json

    made = station(tmp_path)
    calibration = {"adc": {"0": CONVERTER}}
    expected = board_json("esp32-rs485", 11, 9600, "8E1", calibration, ("level",))["definition"]
    assert made.sources[0].definition == expected
    assert made.sources[3].definition == ""


def test_boards_are_expected_to_hold_the_update_key_of_their_station(tmp_path):
    from boards import board_json

    key = "0f" * 32
    made = station(tmp_path, GOOD.replace("[station]\n", f'[station]\nupdate_key = "{key}"\n'))
    calibration = {"adc": {"0": CONVERTER}}
    expected = board_json("esp32-rs485", 11, 9600, "8E1", calibration, ("level",), key)
    assert expected["update_key"] == key
    assert made.sources[0].definition == expected["definition"] != station(tmp_path).sources[0].definition


def test_a_step_may_have_a_deadband_and_delays_of_its_own(tmp_path):
    own = 'guard = { at = "180.00 m", deadband = "0.20 m", off_delay = "5 min" }'
    flood = station(tmp_path, GOOD.replace('guard = "180.00 m"', own)).rules[0]
    assert flood.steps[0] == Step(1, 180_000, "guard", 200, 0, 300_000)
    assert flood.steps[1] == Step(2, 182_000, "warning", 100, 0, 60_000)


def test_rules_take_their_steps_from_a_threshold_set_or_from_colours(tmp_path):
    rules = {rule.name: rule for rule in station(tmp_path).rules}

    flood = rules["flood"]
    assert [(step.level, step.at, step.name) for step in flood.steps] == [
        (1, 180_000, "guard"), (2, 182_000, "warning"), (3, 185_000, "guarantee"), (4, 191_500, "record")]  # fmt: skip
    assert {(step.deadband, step.on_delay_ms, step.off_delay_ms) for step in flood.steps} == {(100, 0, 60_000)}
    assert (flood.datum, flood.threshold_set) == ("wusong", "CYB-2020@1")
    assert rules["rain-1h"].steps == (Step(1, 20_000), Step(4, 80_500))
    assert rules["rain-1h"].window_ms == 3_600_000
    assert (rules["wall"].steps, rules["wall"].baseline) == ((Step(2, 100, "", 50),), (-250,))


def test_every_source_without_a_lost_rule_gets_a_quiet_one(tmp_path):
    lost = {rule.channel: rule for rule in station(tmp_path).rules if rule.kind == "lost"}

    assert lost["river"] == Rule(name="blind", kind="lost", channel="river", steps=(Step(3, 15_000),), siren=False)
    assert set(lost) == {"river", "rain", "tilt", "radar"}
    assert lost["radar"].steps == (Step(2, 10_000),)
    assert not lost["radar"].siren


TEXT = """station center spool siren bus board sensor channel threshold_set rule name id address type fit profile kind
thresholds blue red guard scan level datum deadband window gauge_zero calibration port baud row time_zone quantity
after"""
WORDS = TEXT.split()
VALUES = ["1 s", "182.00 m", "high", "lost", "tilt", "river", "esp32-rs485", "radar-60ghz", "wusong", "head_mm", "main"]
VALUES += ["UTC", "", "1e9 m", "1 m/h", "0.1 deg/d", "\x00", "../x", "esp32-wifi"]
keys = st.sampled_from(WORDS) | st.text(max_size=4)
scalars = (
    st.sampled_from(VALUES)
    | st.text(max_size=8)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.dates()
    | st.times()
)
documents = st.dictionaries(
    keys,
    st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=6),
        max_leaves=30,
    ),
    max_size=6,
)


@settings(max_examples=100, deadline=None)
@given(documents)
def test_no_document_raises_anything_but_a_configuration_error(document):
    try:
        made = build(document, Problems("station.toml", {}), Path("/nowhere"))
    except ConfigError as error:
        told = error.problems
    else:
        told = ["station.toml:1 "] if isinstance(made, Station) else []
    assert told
    assert all(problem.startswith("station.toml:1 ") for problem in told)


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_good_file_with_one_value_changed_is_a_station_or_a_configuration_error(data):
    document = tomllib.loads(GOOD)
    table = document
    for _ in range(6):
        key = data.draw(st.sampled_from(sorted(table)))
        value = table[key]
        if isinstance(value, list) and value and isinstance(value[0], dict):
            value = data.draw(st.sampled_from(value))
        if not isinstance(value, dict):
            table[key] = data.draw(scalars)
            break
        table = value
    try:
        made = build(document, Problems("station.toml", {}), Path("/nowhere"))
    except ConfigError as error:
        good = bool(error.problems)
    else:
        good = all(isinstance(bus, Bus) and bus.sources for bus in made.buses)
    assert good
