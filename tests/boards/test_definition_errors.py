"""A wrong definition: every problem at once, each with the file, the key and what to do."""

import re
from pathlib import Path

import pytest

import boards

FOLDER = Path(boards.__file__).parent


def problems_of(path: Path, load=boards.load_board, *arguments) -> dict[str, str]:
    """{key: reason} of everything that is wrong in `path`."""
    with pytest.raises(boards.DefinitionError) as caught:
        load(str(path), *arguments)
    error = caught.value
    assert all(found.file == str(path) for found in error.found)
    assert error.problems == [str(found) for found in error.found]
    assert str(error).splitlines() == error.problems
    return {found.key: found.reason for found in error.found}


def edited(tmp_path: Path, name: str, *edits: tuple[str, str]) -> Path:
    """A copy of a built-in definition where each first text is replaced by its second, once."""
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


SUPPLY = '[[sensor]]\ndriver = "supply"\nadc = 2\nratio_permil = 11_000\n'

# (what stands there, what is written instead, key, what is said about it). Ports: 0 bus, 1 uart, 2-4 adc, 5 counter,
# 6 spi, 7 input. Sensors: 0 pressure, 1 ultrasonic, 2 rain, 3 tilt, 4 smoke, 5 supply. Partitions: app, slots, log.
BOARD_ERRORS = [
    ('title = "ESP32', 'titel = "ESP32', "titel", 'unknown key; did you mean "title"?'),
    ('title = "ESP32', 'titel = "ESP32', "title", "is missing; write a text in quotes"),
    ('title = "ESP32 board, RS-485"', 'title = ""', "title", "write a text in quotes, not empty"),
    ("scan_ms = 1000", 'scan_ms = "1 s"', "scan_ms", "write milliseconds between scans, 100 to 60000"),
    ("scan_ms = 1000", "scan_ms = 99", "scan_ms", "write milliseconds between scans, 100 to 60000"),
    ("row_s = 60", "row_s = 3601", "row_s", "write seconds between rows"),
    ("row_s = 60", "row_s = 60\nrow_s_most = 3601", "row_s_most", "write seconds between rows at most, 0 to 3600"),
    ("supply_limit_mv = 7_000", "supply_limit_mv = 60_001", "supply_limit_mv", "write millivolts, 0 (no limit) to"),
    (SUPPLY, "", "supply_limit_mv", "nothing measures the supply; add its sensor, or write 0"),
    ("scan_ms = 1000\nrow_s = 60", "scan_ms = 2000\nrow_s = 1", "row_s", "shorter than a scan; write at least"),
    ('chip = "esp32"', 'chip = "esp23"', "chip", 'unknown chip "esp23"; did you mean "esp32"?'),
    ('link = "rs485"', 'link = "rs232"', "link", 'write "rs485" or "wifi"'),
    ('kind = "bus"', 'kind = "uart"', "port", 'add that port'),
    ('default_fit = ["level"]', 'default_fit = ["lvel"]', "default_fit", 'did you mean "level"?'),
    ('default_fit = ["level"]', 'default_fit = "level"', "default_fit", "write a list of sensors"),
    ('kind = "bus"', 'kind = "can"', "port[0].kind", 'write "bus", "uart"'),
    ("tx = 25", "tx = 12", "port[0].pins.tx", "its level at power-on decides how the chip starts; use another"),
    ("tx = 25", "tx = 6", "port[0].pins.tx", "the flash inside the module; use another"),
    ("tx = 25", "tx = 1", "port[0].pins.tx", "the console, by which a board is provisioned; use another"),
    ("tx = 25", "tx = 17", "port[0].pins.tx", "extra memory of some modules (WROVER); use another"),
    ("tx = 25", "tx = 24", "port[0].pins.tx", "not led out; use another"),
    ("tx = 25", "tx = 40", "port[0].pins.tx", "esp32 has no pin 40; use another"),
    ("tx = 25", "tx = 36", "port[0].pins.tx", "can only be read; put an input there"),
    ("tx = 25", "tx = 26", "port[0].pins.rx", "pin 26 is port[0].pins.tx already; use another"),
    ("rx = 26", "rxd = 26", "port[0].pins.rxd", 'unknown role; did you mean "rx"?'),
    ("rx = 26", "rxd = 26", "port[0].pins.rx", 'is missing; a port of kind "bus" needs this pin'),
    ("pins = { tx = 25, rx = 26, de = 27 }", "pins = [25, 26]", "port[0].pins", "write pins as { role = number }"),
    ("pins = { in = 34 }", "pins = { in = 13 }", "port[2].pins.in", "no usable converter; use one of [32, 33, 34"),
    ("pins = { in = 33 }", "pins = { in = 36 }", "port[5].pins.in", "no pull-up for a contact; use one that has"),
    ('name = "smoke"', 'name = ""', "port[7].name", "is missing; an input has a name"),
    ("number = 1", "number = 8", "port[1].number", "write the number of a port of this board, 0 to 7"),
    ('kind = "adc"\nnumber = 1', 'kind = "adc"\nnumber = 0', "port[3]", 'a second port "adc 0"; give it another'),
    ('driver = "pressure_420"', 'driver = "presure_420"', "sensor[0].driver", 'did you mean "pressure_420"?'),
    ('driver = "pressure_420"', "driver = [1]", "sensor[0].driver", "use one of: pressure_420, scl3300"),
    ('driver = "supply"', "", "sensor[5].driver", "is missing; use one of"),
    ('enabled_by = "level"', "enabled_by = 1", "sensor[0].enabled_by", "must be a text; write what a station fits"),
    ("shunt_mohm = 100_000", "shunt_ohm = 100", "sensor[0].shunt_ohm", 'unknown key; did you mean "shunt_mohm"?'),
    ("shunt_mohm = 100_000", "shunt_mohm = 250_000", "sensor[0].shunt_mohm", "the converter; use at most 116666"),
    ("full_scale_mm = 10_000", "full_scale_mm = 99", "sensor[0].full_scale_mm", "write the probe's span in mm"),
    ("full_scale_mm = 10_000", "full_scale_mm = 10_000\nzero_na = 30_000_000", "sensor[0].full_na", "exchange them"),
    (
        "full_scale_mm = 10_000",
        "full_scale_mm = 10_000\npoints = [[5, 5], [5, 6]]",
        "sensor[0].points",
        "must ascend; sort the pairs",
    ),
    ("adc = 0", "adc = 5", "sensor[0].adc", 'the board has no port "adc 5"; did you mean "adc'),
    ("counter = 0", "counter = 1", "sensor[2].counter", 'did you mean "counter 0"?'),
    ('contact = "smoke"', 'contact = "fire"', "sensor[4].contact", 'no port "input fire"; did you mean "input smoke"?'),
    ("max_mm = 7_500", "max_mm = 30", "sensor[1].max_mm", "must be above min_mm; see the sensor's data sheet"),
    ('terminal = "VIN"', 'terminal = "VIN"\nclean = true', "port[4].clean", "counts no pulses; leave clean out"),
    ('terminal = "RAIN"', 'terminal = "RAIN"\nclean = true', "sensor[2].debounce_ms", "does not bounce; write 0"),
    ("unit_mm = 1", "unit_mm = 2", "sensor[1].unit_mm", "write 1 for a sensor that counts mm, 10 for"),
    ("um_per_tip = 200", "um_per_tip = 0", "sensor[2].um_per_tip", "write micrometres of rain in a tip"),
    ("mode = 4", "mode = 5", "sensor[3].mode", "write the chip's measurement mode, 1 to 4"),
    ("uv_per_dbm = 2_000_000", "", "sensor[4].uv_per_dbm", "is missing; write microvolts per dB/m"),
    ("ratio_permil = 11_000", "ratio_permil = 11", "sensor[5].ratio_permil", "write thousandths, 1000 to 100000"),
    ("offset = 0x10000", "offset = 0x10001", "partition[0]", "whole sectors; use multiples of 0x1000"),
    ("size = 0x1F0000", "size = 0x200000", "partition[1]", 'overlaps "app"; move one of them'),
    ("size = 0x400000", "size = 0x600000", "partition[2]", "behind the flash (0x800000); make it smaller"),
    ("size = 0x400000", "size = 0x100000", "partition[2].size", "make it 0x1e9000 bytes, or write row_s = 120"),
    ('name = "log"', 'name = "logs"', "partition", 'has 0 named "log"; write one'),
    ('name = "app"', "", "partition[0].name", "is missing; write a text in quotes"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "key", "said"), BOARD_ERRORS)
def test_an_error_in_a_board_names_its_key_and_the_remedy(tmp_path, old, new, key, said):
    problems = problems_of(edited(tmp_path, "esp32-rs485", (old, new)))
    assert key in problems, problems
    assert said in problems[key]


REMEDY = "; (did you mean|use |write |leave |put |give |add |move |make |see |exchange|sort|a port of|an input has)"


@pytest.mark.parametrize(("old", "new", "key", "said"), BOARD_ERRORS)
def test_every_error_says_what_to_do(tmp_path, old, new, key, said):
    for reason in problems_of(edited(tmp_path, "esp32-rs485", (old, new))).values():
        assert re.search(REMEDY, reason), reason


PROFILE_ERRORS = [
    ('vendor_model = "XMS', 'vendor = "XMS', "vendor", 'unknown key; did you mean "vendor_model"?'),
    ("default_baud = 9600", "default_baud = 9601", "default_baud", "write 1200, 2400"),
    ("default_address = 1", "default_address = 248", "default_address", "write a Modbus address, 1 to 247"),
    ('framing = "8N1"', 'framing = "7E1"', "framing", 'write "8N1", "8E1"'),
    ("max_block = 1\n", "max_block = 126\n", "max_block", "write registers that one request may read, 1 to 125"),
    ('quantity = "gap_mm"', 'quantity = "gap"', "point[0].quantity", 'did you mean "gap_mm"?'),
    ("function = 3", "function = 6", "point[0].function", "write 3 (holding registers) or 4"),
    ("register = 0x0001", "register = 0x10000", "point[0].register", "write a register number, 0 to 0xFFFF"),
    ('type = "uint16"', 'type = "uint64"', "point[0].type", 'write "int16", "uint16"'),
    ('type = "uint16"', 'type = "uint32"', "point[0].count", "uint32 takes 2 register(s); write that count"),
    ("count = 1", "count = 2", "point[0].count", "more than max_block"),
    ("valid_high = 12_000", "valid_high = 100", "point[0].valid_high", "must be above valid_low"),
    ("valid_high = 12_000", "valid_high = 60_001", "point[0].valid_high", "outside what gap_mm can be; use 0 to 60000"),
    ("valid_low = 100", "valid_low = -1", "point[0].valid_low", "outside what gap_mm can be"),
    ("invalid_codes = [0x0000, 0xFFFF]", 'invalid_codes = ["x"]', "point[0].invalid_codes", "write a list of register"),
    ("status_ok = 0", "status_ok = 0\nscale_num = 0", "point[0].scale_num", "0 would make every value 0; write the"),
    ("status_ok = 0", "status_ok = 0\nscale_den = 0", "point[0].scale_den", "write a whole number, 1 or more"),
    ("status_register = 0x0010", "status_register = -1", "point[0].status_register", "write a register number"),
    ("[[point]]", "[[points]]", "point", "is missing; write a [[point]] for each quantity"),
    ("[[point]]", "[point]", "point", "must be an array of tables; write [[point]]"),
]


@pytest.mark.parametrize(("old", "new", "key", "said"), PROFILE_ERRORS)
def test_an_error_in_a_profile_names_its_key_and_the_remedy(tmp_path, old, new, key, said):
    problems = problems_of(edited(tmp_path, "radar-60ghz", (old, new)), boards.load_profile)
    assert key in problems, problems
    assert said in problems[key]
    assert all(";" in reason or "max_block" in reason for reason in problems.values()), problems


def test_a_quantity_that_stands_twice_in_a_profile_is_named(tmp_path):
    text = (FOLDER / "radar-60ghz.toml").read_text(encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(text + text[text.index("[[point]]") :], encoding="utf-8")
    assert problems_of(path, boards.load_profile) == {"point": 'quantity "gap_mm" stands twice; keep one'}


def test_a_clean_source_is_counted_by_the_chip_where_it_can(tmp_path):
    clean = ('terminal = "RAIN"', 'terminal = "RAIN"\nclean = true')
    path = edited(tmp_path, "esp32-rs485", clean, ("debounce_ms = 50", "debounce_ms = 0"))
    made = boards.board_json(str(path), 11, 9600, "8N1", fit=("rain",))
    assert made["ports"]["counter 0"] == {"in": 33, "clean": 1}
    with pytest.raises(boards.DefinitionError, match="does not bounce; write 0"):
        boards.board_json(str(path), 11, 9600, "8N1", {"tipping_bucket": {"debounce_ms": 20}}, ("rain",))
    problems = problems_of(edited(tmp_path, "rp2040-rs485", clean, ("debounce_ms = 50", "debounce_ms = 0")))
    assert problems == {"port[5].clean": "rp2040 counts each edge by its program; leave clean out"}


def test_all_errors_of_a_file_come_at_once(tmp_path):
    edits = [
        ('chip = "esp32"', 'chip = "esp32"\ncolour = "green"'),
        ("scan_ms = 1000", "scan_ms = 0"),
        ("tx = 25", "tx = 0"),
        ("shunt_mohm = 100_000", 'shunt_mohm = "100"'),
        ("debounce_ms = 50", "debounce_ms = -1"),
        ("offset = 0x10000", "offset = 0x8000000"),
    ]
    problems = problems_of(edited(tmp_path, "esp32-rs485", *edits))
    assert set(problems) == {
        "colour",
        "scan_ms",
        "port[0].pins.tx",
        "sensor[0].shunt_mohm",
        "sensor[2].debounce_ms",
        "partition[0]",
    }


def test_an_unknown_chip_does_not_hide_the_rest(tmp_path):
    problems = problems_of(
        edited(tmp_path, "esp32-rs485", ('chip = "esp32"', 'chip = "z80"'), ("mode = 4", "mode = 9"))
    )
    assert set(problems) == {"chip", "sensor[3].mode"}


def test_a_fit_that_a_row_cannot_carry_is_refused():
    with pytest.raises(
        boards.DefinitionError, match="9 quantities, a row carries 8; put some sensors on another board"
    ):
        boards.load_board("esp32-rs485", ("level", "gap", "rain", "tilt", "smoke"))
    with pytest.raises(boards.DefinitionError, match='no "smoek"; did you mean "smoke"'):
        boards.load_board("esp32-rs485", ("smoek",))


def test_a_quantity_measured_twice_is_refused(tmp_path):
    path = edited(tmp_path, "esp32-rs485", ('enabled_by = "gap"', 'enabled_by = "level"'), ("[[sensor]]", EXTRA_PROBE))
    assert problems_of(path)["default_fit"] == "head_mm would be measured twice; fit one of those sensors"


EXTRA_PROBE = """[[sensor]]
driver = "pressure_420"
enabled_by = "level"
adc = 1
shunt_mohm = 100_000
full_scale_mm = 10_000

[[sensor]]"""


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"kind = ", "is not TOML: Invalid value"),
        (b'kind = "board"\ntitle = "\xff"\n', "is not UTF-8 at byte 24; save it as UTF-8"),
        (b"title = 1\n", "where a board is wanted; write kind = "),
        (b'kind = "profile"\n', "where a board is wanted; write kind = "),
    ],
)
def test_a_file_that_is_no_board_is_refused_with_a_remedy(tmp_path, content, said):
    path = tmp_path / "mine.toml"
    path.write_bytes(content)
    assert said in "".join(problems_of(path).values())


def test_an_empty_board_misses_everything_that_it_needs(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('kind = "board"\n', encoding="utf-8")
    needed = {"title", "chip", "image", "link", "flash_bytes", "default_fit", "sensor"}
    assert set(problems_of(path)) == needed


def test_a_missing_file_and_an_unknown_name_are_told_apart(tmp_path):
    assert "cannot be read (No such file or directory)" in problems_of(tmp_path / "none.toml")[""]
    with pytest.raises(boards.DefinitionError, match='no board has this name; did you mean "esp32-rs485"?'):
        boards.load_board("esp32-rs48")
    with pytest.raises(boards.DefinitionError, match="no profile has this name; use one of: level-485, radar-60ghz"):
        boards.load_profile("sonar")


@pytest.mark.parametrize(
    ("calibration", "key", "said"),
    [
        ({"pressure_420": {"zero": 4_000_000}}, "pressure_420.zero", 'unknown key; did you mean "zero_na"?'),
        ({"pressure_420": {"zero_na": "4 mA"}}, "pressure_420.zero_na", "write a whole number"),
        ({"pressure_420": {"full_na": 4_000_000}}, "pressure_420.full_na", "must be above zero_na"),
        ({"pressure_420": {"points": [[2, 2], [1, 1]]}}, "pressure_420.points", "must ascend"),
        ({"pressure_420": 5}, "pressure_420", "is not a table; write the settings"),
        ({"scl3300": {}}, "scl3300", "no such sensor is fitted; use one of: pressure_420, supply"),
        ({"sl651": {"level_zero_mm": 1.5}}, "sl651.level_zero_mm", "write millimetres"),
        ({"adc": []}, "adc", "is not a table"),
        ({"adc": {"7": [[0, 0], [2_400_000, 2_400_000]]}}, "adc.7", "no such converter port; use one of: 0, 1, 2"),
        ({"adc": {"0": [[0, 0]]}}, "adc.0", "write pairs [[shown, there], ...] in microvolts"),
        ({"adc": {"0": [[0, 0], [1, 2]] * 17}}, "adc.0", "write pairs"),
        ({"adc": {"0": 1.01}}, "adc.0", "write pairs"),
        ({"adc": {"0": [[0, 0], [1_200_000.5, 1]]}}, "adc.0", "write pairs"),
        ({"adc": {"0": [[0, 0, 0], [1, 1, 1]]}}, "adc.0", "write pairs"),
        ({"adc": {"0": [[-1, 0], [2_400_000, 2_400_000]]}}, "adc.0", "write pairs"),
        ({"adc": {"0": [[0, 0], [0, 2_400_000]]}}, "adc.0", "both columns must ascend"),
        ({"adc": {"0": [[0, 5], [2_400_000, 5]]}}, "adc.0", "both columns must ascend"),
        ({"adc": {"0": [[0, 0], [1_900_000, 1_999_999]]}}, "adc.0", "400000 to 2000000 uV; measure at both ends too"),
        ({"adc": {"0": [[400_000, 400_001], [2_400_000, 2_400_000]]}}, "adc.0", "over the loop of pressure_420"),
    ],
)
def test_an_error_in_a_calibration_names_its_key_and_the_remedy(calibration, key, said):
    with pytest.raises(boards.DefinitionError) as caught:
        boards.board_json("esp32-rs485", 11, 9600, "8N1", calibration)
    (found,) = caught.value.found
    assert (found.file, found.key) == ("calibration of esp32-rs485", key)
    assert said in found.reason


@pytest.mark.parametrize(
    ("address", "baud", "framing", "key"),
    [
        (0, 9600, "8N1", "link.address"),
        (248, 9600, "8N1", "link.address"),
        (1, 9000, "8N1", "link.baud"),
        (1, 9600, "9N1", "link.framing"),
    ],
)
def test_a_board_is_not_made_for_a_link_that_cannot_be(address, baud, framing, key):
    with pytest.raises(boards.DefinitionError) as caught:
        boards.board_json("esp32-rs485", address, baud, framing)
    assert [found.key for found in caught.value.found] == [key]
