"""[local] of station.toml: the station's own broker and its boards on Wi-Fi."""

import pytest

import boards
from gateway.load_local import BOARDS_MAX
from tests.gateway.station_toml import GOOD, line_of, problems, station

LOCAL = """
[local]
host = "127.0.0.1"
port = 1884
username = "gateway"
board_host = "192.168.4.1"

[[local.board]]
name = "gauge"
type = "esp32-wifi"
fit = ["level"]
serial = "00112233445566aa"

[[local.board.channel]]
name = "river2"
quantity = "head_mm"
gauge_zero = "160.00 m"
datum = "wusong"

[[local.board]]
name = "slope"
type = "esp32-wifi"
fit = ["tilt"]
serial = "00112233445566ab"
"""
RULE = """
[[rule]]
name = "slope"
kind = "tilt"
channel = "slope.tilt_x"
yellow = "0.2 deg"
"""


def test_boards_on_wifi_are_sources_like_any_other(tmp_path):
    loaded = station(tmp_path, GOOD + LOCAL + RULE)
    assert loaded.local is not None
    assert (loaded.local.host, loaded.local.port, loaded.local.username) == ("127.0.0.1", 1_884, "gateway")
    gauge, slope = loaded.local.sources
    assert (gauge.name, gauge.serial, gauge.bus, gauge.row_s) == ("gauge", "00112233445566aa", "local", 60)
    assert [channel.name for channel in gauge.channels] == ["river2", "gauge.supply"]
    assert gauge.channels[0].level is not None
    assert slope in loaded.sources
    assert {rule.channel for rule in loaded.rules} >= {"slope.tilt_x", "gauge", "slope"}


def test_a_board_is_expected_to_run_the_board_json_that_names_this_broker(tmp_path):
    loaded = station(tmp_path, GOOD + LOCAL)
    made = boards.mqtt_board_json("esp32-wifi", "192.168.4.1", 1_884, "CYB01", fit=("level",))
    assert made["link"] == {"kind": "mqtt", "host": "192.168.4.1", "port": 1_884, "station": "CYB01"}
    assert loaded.local is not None
    assert loaded.local.sources[0].definition == made["definition"]


def test_a_station_may_have_boards_on_wifi_alone(tmp_path):
    head = GOOD[: GOOD.index("[[bus]]")]
    loaded = station(tmp_path, head + LOCAL + RULE)
    assert loaded.buses == ()
    assert [source.name for source in loaded.sources] == ["gauge", "slope"]


def test_a_station_without_local_has_none(tmp_path):
    assert station(tmp_path).local is None


def test_a_password_file_is_meant_relative_to_the_station(tmp_path):
    (tmp_path / "secret").write_text("x")
    loaded = station(tmp_path, GOOD + LOCAL.replace("port =", 'password_file = "secret"\nport ='))
    assert loaded.local is not None
    assert loaded.local.password_file == str(tmp_path / "secret")


ERRORS = [
    ('board_host = "192.168.4.1"', 'board_host = "gateway.local"', "board_host", 'write it like "192.168.4.1"'),
    ("port = 1884", "port = 0", "port = 0", "1 to 65535"),
    ("port = 1884", "prot = 1884", "prot", 'did you mean "port"?'),
    ("port = 1884", 'password_file = "nowhere"', "password_file", "make the file"),
    ('serial = "00112233445566aa"', "", '[[local.board]]\nname = "gauge"', 'add serial = "0123456789abcdef"'),
    ('serial = "00112233445566aa"', 'serial = "x"', 'serial = "x"', "16 hex digits"),
    ("66ab", "66aa", 'serial = "00112233445566aa"\n', "copy each from its label"),
    (
        '"esp32-wifi"\nfit = ["tilt"]',
        '"esp32-rs485"\nfit = ["tilt"]',
        'esp32-rs485"\nfit = ["tilt"]\ns',
        "has no Wi-Fi",
    ),
    ('name = "slope"', 'name = "rain"', 'name = "rain"', "choose another"),
    ('name = "slope"', 'name = "slope"\naddress = 3', "address = 3", "is not a key of board"),
    ('fit = ["tilt"]\ns', 'fit = ["tlit"]\ns', 'fit = ["tlit"]', "tilt"),
]


@pytest.mark.parametrize(("old", "new", "where", "remedy"), ERRORS)
def test_each_error_is_told_with_its_line_and_what_to_do(tmp_path, old, new, where, remedy):
    assert LOCAL.count(old) == 1
    wrong = GOOD + LOCAL.replace(old, new)
    found = problems(tmp_path, wrong)
    assert len(found) == 1, found
    assert remedy in found[0]
    assert found[0].startswith(f"station.toml:{wrong[: wrong.rindex(where)].count(chr(10)) + 1} "), found


def test_a_name_as_host_needs_an_address_for_the_boards(tmp_path):
    text = LOCAL.replace('board_host = "192.168.4.1"\n', "").replace('host = "127.0.0.1"', 'host = "broker.local"')
    (found,) = problems(tmp_path, GOOD + text)
    assert found.startswith(f"station.toml:{line_of(GOOD + text, 'broker.local')} local.host: ")
    assert 'add board_host = "192.168.4.1"' in found


def test_local_without_boards_is_an_error(tmp_path):
    (found,) = problems(tmp_path, GOOD + "[local]\n")
    assert "add one, or take [local] out" in found


def test_more_boards_than_a_gateway_hears_are_an_error(tmp_path):
    board = '[[local.board]]\nname = "b{0}"\ntype = "esp32-wifi"\nfit = ["tilt"]\nserial = "{0:016x}"\n'
    text = GOOD + "[local]\n" + "".join(board.format(n) for n in range(BOARDS_MAX + 1))
    (found,) = problems(tmp_path, text)
    assert f"has {BOARDS_MAX + 1} boards" in found


def test_a_rule_may_not_name_a_channel_of_no_board(tmp_path):
    (found,) = problems(tmp_path, GOOD + LOCAL + RULE.replace("slope.tilt_x", "slope.tilt_z"))
    assert 'no channel is called "slope.tilt_z"' in found


SLEEP = """
[local.board.sleep]
wake = "5 min"
report_every = 6
at_once = [{ quantity = "head_mm", above = "2.50 m" }, { quantity = "supply_mv", below = "11.5 V" }]
"""
TABLE = [[0, 0], [2_450_000, 2_450_000]]
SERIAL = 'serial = "00112233445566aa"\n'
ASLEEP = LOCAL.replace(SERIAL, f"{SERIAL}calibration.adc.0 = {TABLE}\n{SLEEP}")
FLOOD = """
[[rule]]
name = "high"
kind = "high"
channel = "river2"
datum = "wusong"
yellow = "165 m"
siren = false
"""


def test_a_board_may_sleep_and_is_then_expected_at_its_reports(tmp_path):
    loaded = station(tmp_path, GOOD + ASLEEP + FLOOD)
    assert loaded.local is not None
    gauge, slope = loaded.local.sources
    assert (gauge.report_s, gauge.cadence_ms, slope.report_s) == (1_800, 1_800_000, 0)
    plan = {
        "wake_s": 300,
        "report_every": 6,
        "at_once": [{"quantity": "head_mm", "above": 2_500}, {"quantity": "supply_mv", "below": 11_500}],
    }
    link = ("192.168.4.1", 1_884, "CYB01")
    made = boards.mqtt_board_json("esp32-wifi", *link, {"adc": {"0": TABLE}}, ("level",), sleep=plan)
    assert gauge.definition == made["definition"]
    lost = {rule.channel: rule.steps[0].at for rule in loaded.rules if rule.kind == "lost"}
    assert lost["gauge"] == 2 * 1_800_000 + 120_000
    assert lost["slope"] == 10_000


WRONG_SLEEP = [
    ('wake = "5 min"', 'wake = "90 s"', "wake_s: 90 is not a multiple of row_s = 60"),
    ('wake = "5 min"', 'wake = "1 s"', "is out of range"),
    ('wake = "5 min"', "", "wake: is missing"),
    ('wake = "5 min"', 'wake = "61.5 s"', "is not in whole seconds"),
    ("report_every = 6", "report_every = 0", "1 to 1000"),
    ("report_every = 6", "report_every = 1000", "86400 is the most"),
    ("report_every", "reports", 'did you mean "report_every"'),
    ('"head_mm", above = "2.50 m"', '"gap_mm", above = "2.50 m"', 'the board measures no "gap_mm"'),
    ('"head_mm", above = "2.50 m"', '"head_mm"', "has no limit"),
    ('above = "2.50 m"', 'above = "2.50 V"', "a length"),
]


@pytest.mark.parametrize(("old", "new", "told"), WRONG_SLEEP)
def test_a_plan_to_sleep_that_cannot_be_is_told(tmp_path, old, new, told):
    assert ASLEEP.count(old) == 1
    assert any(told in line for line in problems(tmp_path, GOOD + ASLEEP.replace(old, new)))


@pytest.mark.parametrize("fit", ["rain", "smoke"])
def test_what_would_miss_events_asleep_is_not_put_to_sleep(tmp_path, fit):
    text = ASLEEP.replace('fit = ["level"]', f'fit = ["level", "{fit}"]')
    (found,) = problems(tmp_path, GOOD + text)
    assert f"and a board that sleeps misses it; take {fit} out of fit" in found


def test_no_siren_and_no_short_window_hangs_on_a_board_that_sleeps(tmp_path):
    (found,) = problems(tmp_path, GOOD + ASLEEP + FLOOD.replace("siren = false\n", ""))
    assert "a siren must not wait for that: write siren = false" in found
    assert '"river2" is of a board that sleeps and is seen every 1800 s' in found
    (found,) = problems(tmp_path, GOOD + ASLEEP + FLOOD + 'window = "60 s"\n')
    assert 'a window holds two reports at least: use "3600 s" or more' in found
    assert station(tmp_path, GOOD + ASLEEP + FLOOD + 'window = "1 h"\n').rules


def test_a_lost_rule_of_a_board_that_sleeps_waits_for_two_reports(tmp_path):
    rule = '\n[[rule]]\nname = "gone"\nkind = "lost"\nchannel = "gauge"\nafter = "30 min"\n'
    (found,) = problems(tmp_path, GOOD + ASLEEP + rule)
    assert "is less than two scans, or reports" in found


def test_a_sensor_that_sleeps_is_no_part_of_a_fused_channel(tmp_path):
    fusion = '\n[[fusion]]\nname = "stage"\nsensors = ["river", "river2"]\noverlap = ["183.00 m", "186.00 m"]\n'
    assert any("only sensors that are always awake" in one for one in problems(tmp_path, GOOD + ASLEEP + fusion))
