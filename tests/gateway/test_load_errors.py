"""A wrong station.toml: everything is said at once, with line, key and remedy."""

import pytest

from gateway.config import ConfigError
from gateway.load import load
from tests.gateway.station_toml import GOOD, line_of, problems, station

# (text to find, what takes its place, marker of the line that must be named, what must be said)
WRONG = [
    ('id = "CYB01"', 'id = "CYB 01"', 'id = "CYB 01"', 'station.id: "CYB 01" cannot be part of a topic; use'),
    ('id = "CYB01"\n', "", "[station]", "station.id: is missing; add id ="),
    ('name = "菜园坝"\n', "", "[station]", "station.name: is missing; add"),
    ("Asia/Shanghai", "Asia/Shangai", "Asia/Shangai", '"Asia/Shangai" is not a time zone; use a name like'),
    ("Asia/Shanghai", "Asia", '"Asia"', '"Asia" is not a time zone'),
    ("Asia/Shanghai", "../../etc/passwd", "passwd", "is not a time zone"),
    ('mode = "exercise"', 'mode = "life"', '"life"', 'station.mode: "life" is not a mode; use "actual", "exercise"'),
    ('mode = "exercise"', 'gateway_serial = "12"', '"12"', "is not 16 hex digits"),
    ('mode = "exercise"', 'update_key = "12"', "update_key", "is not 64 hex digits"),
    ("mqtt = 311", "mqtt = 4", "mqtt = 4", "center.mqtt: 4 is not a value of mqtt; use 5 or 311"),
    ("mqtt = 311", "mqtt = true", "mqtt = true", "use 5 or 311"),
    ("mqtt = 311", 'ack = "maybe"', "maybe", 'use "center" or "broker"'),
    ("mqtt = 311", "port = 70000", "port = 70000", "70000 is not a whole number from 1 to 65535; use one"),
    ("mqtt = 311", 'password_file = "pw"', 'file = "pw"', '"pw" is not there; make the file'),
    ("mqtt = 311", 'keepalive = "1500 ms"', "keepalive", "not in whole seconds; round it"),
    ('host = "127.0.0.1"\n', "", "[center]", "center.host: is missing"),
    ('cap = "2 GiB"', 'cap = "2"', 'cap = "2"', 'spool.cap: "2" has no unit; write "2 GiB"'),
    ('cap = "2 GiB"', "cap = 2", "cap = 2", 'spool.cap: 2 has no unit; write "2 GiB"'),
    ('cap = "2 GiB"', 'cap = "1 MiB"', "1 MiB", "spool.cap: \"1 MiB\" is out of range; write it like"),
    ('from = "orange"', 'file = "s.txt"', "s.txt", "siren.file: there is a pin too"),
    ('pin = "GPIO17"\n', "", "[siren]", "siren: has neither pin nor file; add pin"),
    ('from = "orange"', 'from = "purple"', "purple", '"purple" is not a value of from; use "blue", "yellow"'),
    ('scan = "1 s"', 'scan = "1"', 'scan = "1"', 'main.scan: "1" has no unit; write "1 s"'),
    ('scan = "1 s"', 'scan = "1 m"', 'scan = "1 m"', '"1 m": "m" is no unit of a time; use ms, s, min, h or d'),
    ('scan = "1 s"', 'scam = "1 s"', "scam", '"scam" is not a key of bus; did you mean "scan"?'),
    ("baud = 9600", "baud = 9601", "9601", "9601 is not a value of baud; use 1200, 2400"),
    ('framing = "8E1"', 'framing = "7E1"', "7E1", 'main.framing: "7E1" is not a framing; use "8N1"'),
    ('port = "/dev/ttyAMA1"\n', "", "[[bus]]", "main.port: is missing; add port ="),
    ('name = "main"', 'name = "ma in"', "ma in", '"ma in" cannot be a name; use up to 32'),
    ("address = 12", "address = 11", "address = 11\ntype = \"esp32-rs485\"\nfit = [\"rain\"]",
     'rain.address: 11 belongs to "level" in line 30 too; give each device on a bus its own'),
    ("address = 21", "address = 13", "address = 13\nprofile", 'radar.address: 13 belongs to "tilt"'),
    ("address = 12", "address = 0", "address = 0", "0 is not a whole number from 1 to 247"),
    ("address = 12", "address = 248", "address = 248", "248 is not a whole number from 1 to 247"),
    ("address = 12", 'address = "12"', 'address = "12"', "is not a whole number"),
    ("address = 12", "adress = 12", "adress", '"adress" is not a key of board; did you mean "address"?'),
    ('name = "rain"', 'name = "level"', 'name = "level"\naddress = 12', "the name of the source in line 29 too"),
    ('fit = ["rain"]', 'fit = ["rian"]', '["rian"]', 'carries no "rian"; did you mean "rain"?'),
    ('fit = ["rain"]', 'fit = "rain"', 'fit = "rain"', "is not a list of texts"),
    ('type = "esp32-rs485"\nfit = ["rain"]', 'type = "esp32-rs48"', 'rs48"', 'did you mean "esp32-rs485"?'),
    ('type = "esp32-rs485"\nfit = ["rain"]', 'type = "esp32-wifi"', "wifi", "has no RS-485 port"),
    ('fit = ["rain"]', 'fit = ["rain"]\n[bus.board.calibration.tipping_bucket]\num_per_tip = 1', "[bus.board.calib",
     "rain.calibration"),
    ('"0123456789abcdef"', '"xyz"', '"xyz"', '"xyz" is not 16 hex digits; copy it from the label'),
    ('profile = "radar-60ghz"', 'profile = "radar-60gh"', 'radar-60gh"', 'did you mean "radar-60ghz"?'),
    ('row = "5 min"', 'row = "7 min"', "7 min", '"7 min" does not divide an hour; use'),
    ('quantity = "head_mm"', 'quantity = "gap_mm"', '"gap_mm"', 'use "head_mm" or "supply_mv"'),
    ('name = "river"\n', "", "[[bus.board.channel]]", "channel.name: is missing"),
    ('"160.00 m"', '"160.00"', '"160.00"', 'river.gauge_zero: "160.00" has no unit; write "160.00 m"'),
    ('"160.00 m"', "160.0", "160.0", 'river.gauge_zero: 160.0 has no unit; write "160.0 m"'),
    ('"160.00 m"', '"160.0001 m"', "160.0001", '"160.0001 m" is finer than mm; leave out'),
    ('gauge_zero = "160.00 m"\n', "", "[[bus.board.channel]]", "river: gauge_zero is missing, an elevation needs it"),
    ('datum = "wusong"\nsurveyed', "surveyed", "[[bus.board.channel]]",
     'datum is missing, an elevation needs it; add'),
    ('datum = "wusong"\nsurveyed', 'datum = "wusong1"\nsurveyed', "wusong1",
     'river.datum: "wusong1" is not a datum; use "wusong", "cn1985", "huanghai" or "local"'),
    ('"2020-05-30"', '"30.5.2020"', "30.5.2020", '"30.5.2020" is not a date; write it like "2020-05-30"'),
    ('"205.5 m"', '"150 m"', 'high = "150 m"', 'river.high: "150 m" is not above low ("150 m"); exchange them'),
    ('"0.3 m/5min"', '"0.3 m"', '"0.3 m"', '"0.3 m" is not a length per time; write it like "1 m/h"'),
    ('"0.3 m/5min"', '"0.3 m/0min"', "0min", "is a change in no time"),
    ('"0.3 m/5min"', '"1 m/7min"', "7min", "is no whole number of mm per min; choose a rounder one"),
    ("[[threshold_set]]", "[threshold_set]", "[threshold_set]", "write [[threshold_set]] instead of [threshold_set]"),
    ('"182.00 m"', '"179.00 m"', '"179.00 m"',
     'CYB-2020.warning: "179.00 m" is not above guard ("180.00 m"); thresholds must rise from guard to record'),
    ('"182.00 m"', '"180.00 m"', 'warning = "180.00 m"', "is not above guard"),
    ('warning = "182.00 m"', 'warming = "182.00 m"', "warming", 'did you mean "warning"?'),
    ('id = "CYB-2020"\nchannel = "river"\ndatum = "wusong"', 'id = "CYB-2020"\nchannel = "river"\ndatum = "cn1985"',
     'datum = "cn1985"', '"cn1985", but channel "river" is over "wusong"; convert the thresholds'),
    ('id = "CYB-2020"\nchannel = "river"', 'id = "CYB-2020"\nchannel = "rain.rain"', 'channel = "rain.rain"\ndatum',
     'channel "rain.rain" is rain_um, not a water level'),
    ('id = "CYB-2020"\nchannel = "river"', 'id = "CYB-2020"\nchannel = "radar.gap"', 'channel = "radar.gap"',
     'channel "radar.gap" has no elevation; add gauge_zero and datum to it'),
    ('thresholds = "CYB-2020"', 'thresholds = "CYB-2021"', "CYB-2021",
     "no threshold set has the id \"CYB-2021\"; there"),
    ('thresholds = "CYB-2020"', 'thresholds = "CYB-2020"\nred = "1 m"', 'red = "1 m"',
     "there is a threshold set too"),
    ('thresholds = "CYB-2020"', 'thresholds = "CYB-2020"\ndatum = "cn1985"', 'datum = "cn1985"',
     '"cn1985", but threshold set "CYB-2020" is over "wusong"; leave datum out here'),
    ('thresholds = "CYB-2020"', 'red = "190 m"\ndatum = "cn1985"', 'datum = "cn1985"',
     'channel "river" is over "wusong"'),
    ('thresholds = "CYB-2020"', 'red = "190 m"', '[[rule]]\nname = "flood"',
     "flood.datum: is missing: heights need their datum"),
    ('kind = "high"\nchannel = "river"', 'kind = "high"\nchannel = "rivr"', '"rivr"',
     'no channel is called "rivr"; there'),
    ('kind = "rain_sum"', 'kind = "rainsum"', '"rainsum"', '"rainsum" is not a kind; did you mean "rain_sum"?'),
    ('window = "1 h"\n', "", '[[rule]]\nname = "rain-1h"', "rain-1h.window: is missing; add window ="),
    ('blue = "20 mm"', 'blue = "90 mm"', 'red = "80.5 mm"',
     '"80.5 mm" is not above blue ("90 mm"); thresholds must rise'),
    ('blue = "20 mm"\nred = "80.5 mm"\n', "", '[[rule]]\nname = "rain-1h"',
     "has no threshold; add at least one of blue"),
    ('channel = "rain.rain"', 'channel = "river"', 'channel = "river"\nwindow', "of kind rain_sum judges rain_um"),
    ('yellow = "0.1 deg"', 'yellow = "0.1 deg/d"', '"0.1 deg/d"', 'is no unit of an angle; use mdeg or deg'),
    ('name = "wall"', 'name = "flood"', 'name = "flood"\nkind = "tilt', "is the name of the rule in line"),
    ('guard = "180.00 m"', 'guard = { at = "180.00 m", dedband = "0.2 m" }', "dedband", 'did you mean "deadband"?'),
    ('guard = "180.00 m"', 'guard = { deadband = "0.2 m" }', "guard = ", "guard.at: is missing"),
    ('warning = "182.00 m"', 'warning = { at = "182.00 m", deadband = "3 m" }', '[[rule]]\nname = "flood"',
     "the deadband of warning reaches beyond that of guard"),
    ('after = "15 s"', 'after = "1 s"', 'after = "1 s"', "is less than two scans, or reports; use at least"),
    ('level = "orange"', 'level = "orang"', '"orang"', 'blind.level: "orang" is not a level; use'),
    ('level = "orange"', 'level = "orange"\nsiren = "no"', "siren = ", "is neither true nor false"),
    ("[spool]", "[spol]", "[spol]", '"spol" is not a key of station.toml; did you mean "spool"?'),
    ("[[bus]]\n", "[[bus]]\n=", "=name", "put this line right first"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "marker", "said"), WRONG)
def test_a_wrong_file_is_told_with_line_key_and_remedy(tmp_path, old, new, marker, said):
    assert GOOD.count(old) >= 1
    text = GOOD.replace(old, new, 1)
    found = problems(tmp_path, text)

    matching = [problem for problem in found if said in problem]
    assert matching, found
    assert matching[0].split(" ")[0] == f"station.toml:{line_of(text, marker)}", matching[0]


def test_one_mistake_is_one_problem(tmp_path):
    """A wrong board, port or elevation must not make every rule that hangs on it wrong too."""
    for old, new in (
        ('type = "esp32-rs485"\nfit = ["level"]', 'type = "esp"'),
        ('port = "/dev/ttyAMA1"\n', ""),
        ('"160.00 m"', '"160.00"'),
        ('kind = "high"', 'kind = "hgh"'),
        ('warning = "182.00 m"', 'warning = "182.00"'),
    ):
        text = GOOD.replace(old, new, 1).replace('serial = "0123456789abcdef"\n', "")
        found = [problem for problem in problems(tmp_path, text) if ".quantity: " not in problem]
        assert len(found) == 1, found


def test_all_mistakes_come_at_once_in_the_order_of_their_lines(tmp_path):
    text = (
        GOOD.replace("mqtt = 311", "mqtt = 3")
        .replace('"182.00 m"', '"182.00"')
        .replace("address = 12", "address = 300")
        .replace('kind = "high"', 'kind = "hi"')
        .replace('id = "CYB01"', "id = 5")
    )
    lines = [int(problem.split(":")[1].split(" ")[0]) for problem in problems(tmp_path, text)]
    assert len(lines) >= 5
    assert lines == sorted(lines)


def test_more_boards_than_the_wire_can_scan_are_refused_with_the_arithmetic(tmp_path):
    board = '[[bus.board]]\nname = "b{0}"\naddress = {0}\ntype = "esp32-rs485"\nfit = ["level"]\n'
    head = '[station]\nid = "A"\nname = "A"\ntime_zone = "UTC"\n[[bus]]\nname = "main"\nport = "/dev/x"\nscan = "1 s"\n'
    # By hand: 14 registers are (13 + 28) characters = 42.709 ms and two silences of 3.646 ms: 50.0 ms a board; a row of
    # 57 bytes is 33 registers: 21 + 12 + 73 characters and four silences = 125 ms. 17 boards take 975 ms, 18 too much.
    station(tmp_path, head + "".join(board.format(n) for n in range(1, 18)))
    (problem,) = problems(tmp_path, head + "".join(board.format(n) for n in range(1, 19)))

    assert problem.startswith("station.toml:8 main.scan: 18 sources need 901 ms for 18 reads + 126 ms for the logs = ")
    assert 'on the wire at 9600 baud 8N1, but a scan is 1000 ms; use scan = "1.1 s" or baud = 19200 (' in problem


def test_files_that_cannot_be_read_are_told_as_plainly(tmp_path):
    path = tmp_path / "station.toml"
    with pytest.raises(ConfigError, match=r"station.toml: cannot be read \(No such file or directory\); check"):
        load(path)
    path.write_bytes(b'[station]\nname = "\xff"\n')
    with pytest.raises(ConfigError, match="station.toml:2: not UTF-8; save the file as UTF-8"):
        load(path)
    path.write_text("x = " + "[" * 5000 + "]" * 5000)
    with pytest.raises(ConfigError, match="nested too deeply"):
        load(path)
    path.write_text("[station]\nid = 0x" + "f" * 5000)
    with pytest.raises(ConfigError, match="a huge number is not a text"):
        load(path)


def test_a_file_full_of_mistakes_ends_with_how_many_more(tmp_path):
    found = problems(tmp_path, "\n".join(f"k{n} = 1" for n in range(500)))
    assert len(found) == 201
    assert found[-1].endswith("more errors; put the first ones right")
