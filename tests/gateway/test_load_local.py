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
