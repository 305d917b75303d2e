"""The definitions that come with the project, and the board.json that is made of them."""

import hashlib
import json

import msgspec
import pytest
from drivers import pressure_420, scl3300, smoke_photo, supply, tipping_bucket, ultrasonic_uart

import boards
from boards.definition import FOLDER
from boards.records import DRIVERS
from tests.firmware import drivers_world as world
from wire.reading import QUANTITY_CODES

BOARDS = ("esp32-rs485", "esp32-wifi", "rp2040-rs485")
FITS = ("level", "gap", "rain", "tilt", "smoke")
MODULES = {
    "pressure_420": pressure_420,
    "ultrasonic_uart": ultrasonic_uart,
    "tipping_bucket": tipping_bucket,
    "scl3300": scl3300,
    "smoke_photo": smoke_photo,
    "supply": supply,
}

# Said once more, apart from boards/chips.py: pins that a careful person would not give to a sensor.
HANDS_OFF = {"esp32": {0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 15}, "rp2040": {23, 24, 25, 29}}


class Hal:
    """Gives any port that is asked for, and remembers which."""

    ticks_diff = staticmethod(world.ticks_diff)

    def __init__(self):
        self.asked = []

    def __getattr__(self, kind):
        def port(number):
            self.asked.append(f"{kind.replace('pin_in', 'input')} {number}")
            return world.Voltage(400_000)

        return port


def made(board="esp32-rs485", **options):
    return boards.board_json(board, 11, 9600, "8N1", **options)


def test_the_built_in_definitions_are_these():
    assert boards.names("board") == BOARDS
    assert boards.names("profile") == ("level-485", "radar-60ghz")
    assert set(boards.names()) == {*BOARDS, "level-485", "radar-60ghz"}


@pytest.mark.parametrize("name", BOARDS)
def test_no_board_uses_a_pin_that_it_should_leave_alone(name):
    board = boards.load_board(name)
    pins = [pin for port in board.ports for pin in port.pins.values()]
    assert len(pins) == len(set(pins)) >= 11
    assert not HANDS_OFF[board.chip] & set(pins)


@pytest.mark.parametrize("name", BOARDS)
@pytest.mark.parametrize("fit", FITS)
def test_every_fit_of_every_board_starts_its_drivers_on_ports_that_exist(name, fit):
    definition = made(name, fit=(fit,))
    hal = Hal()
    columns = []
    for settings in definition["sensors"]:
        driver = MODULES[settings["driver"]].make(settings, hal)
        assert list(driver.quantities) == settings["channels"]
        columns += settings["channels"]
    assert set(hal.asked) <= set(definition["ports"])
    assert columns == list(boards.load_board(name, (fit,)).columns)
    assert columns[-1] == "supply_mv"
    assert set(columns) <= set(QUANTITY_CODES)


@pytest.mark.parametrize("driver", sorted(DRIVERS))
def test_settings_left_out_mean_the_same_to_the_loader_and_to_the_driver(driver):
    kind, _ = DRIVERS[driver]
    required = {"adc": 0, "uart": 0, "counter": 0, "spi": 0, "contact": "smoke", "shunt_mohm": 100_000}
    required |= {
        "full_scale_mm": 5_000,
        "um_per_tip": 200,
        "clear_uv": 400_000,
        "uv_per_dbm": 10**6,
        "ratio_permil": 11_000,
    }
    least = {field.name: required[field.name] for field in msgspec.structs.fields(kind) if field.required}
    full = msgspec.to_builtins(kind(**least))
    hal = Hal()
    short, long = MODULES[driver].make(least, hal), MODULES[driver].make(full, hal)
    numbers = [
        {name: value for name, value in vars(made_driver).items() if isinstance(value, int | tuple | bytes)}
        for made_driver in (short, long)
    ]
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) >= 2


def test_a_board_json_has_what_the_firmware_reads():
    definition = made(fit=("level", "rain"))
    assert definition["link"] == {"kind": "rs485", "address": 11, "baud": 9600, "framing": "8N1"}
    assert (definition["scan_ms"], definition["row_s"], definition["supply_limit_mv"]) == (1_000, 60, 7_000)
    assert [sensor["driver"] for sensor in definition["sensors"]] == ["pressure_420", "tipping_bucket", "supply"]
    assert definition["sl651"] == {"rain": 1, "level": 0, "level_zero_mm": 0}
    assert definition["ports"]["bus 2"] == {"tx": 25, "rx": 26, "de": 27}
    assert json.loads(json.dumps(definition)) == definition


@pytest.mark.parametrize(
    ("fit", "rain", "level"),
    [
        (("level",), None, 0),
        (("gap",), None, 0),
        (("level", "gap"), None, 0),
        (("rain",), 0, None),
        (("tilt",), None, None),
    ],
)
def test_the_sl651_registers_show_the_columns_that_are_there(fit, rain, level):
    sl651 = made(fit=fit)["sl651"]
    assert (sl651["rain"], sl651["level"]) == (rain, level)


def test_without_a_fit_the_board_has_its_default_one():
    assert boards.load_board("esp32-rs485").columns == ("head_mm", "supply_mv")
    assert made() == made(fit=("level",))


def test_the_definition_is_the_hash_of_all_the_rest():
    definition = made(fit=("tilt",))
    rest = {key: value for key, value in definition.items() if key != "definition"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    assert definition["definition"] == hashlib.sha256(text.encode()).hexdigest()


def test_whatever_changes_a_board_changes_its_definition():
    variants = [
        made(),
        made("rp2040-rs485"),
        made(fit=("rain",)),
        boards.board_json("esp32-rs485", 12, 9600, "8N1"),
        boards.board_json("esp32-rs485", 11, 19200, "8N1"),
        boards.board_json("esp32-rs485", 11, 9600, "8E1"),
        made(calibration={"pressure_420": {"zero_na": 4_001_000}}),
        made(calibration={"sl651": {"level_zero_mm": 5}}),
    ]
    assert len({variant["definition"] for variant in variants}) == len(variants)
    assert made()["definition"] == variants[0]["definition"]


def test_a_board_holds_the_update_key_that_it_is_given_and_else_none():
    assert "update_key" not in boards.board_json("esp32-rs485", 11, 9600, "8N1")
    made = boards.board_json("esp32-rs485", 11, 9600, "8N1", update_key="0F" * 32)
    assert made["update_key"] == "0f" * 32
    assert made == boards.board_json("esp32-rs485", 11, 9600, "8N1", update_key="0f" * 32)
    local = boards.mqtt_board_json("esp32-wifi", "192.168.4.1", 1_883, "CYB01", update_key="0f" * 32)
    assert local["update_key"] == "0f" * 32


@pytest.mark.parametrize("key", ["0f" * 31, "0f" * 33, "zz" * 32, "0f" * 31 + "f\n"])
def test_what_is_no_update_key_is_refused(key):
    with pytest.raises(boards.DefinitionError, match="64 hex digits"):
        boards.board_json("esp32-rs485", 11, 9600, "8N1", update_key=key)


def test_a_calibration_lies_over_the_settings_of_its_sensor_only():
    plain = made(fit=("level", "rain"))
    definition = made(
        fit=("level", "rain"),
        calibration={
            "pressure_420": {"zero_na": 4_010_000, "points": [[0, 3], [9_000, 9_002]]},
            "sl651": {"level_zero_mm": -7},
        },
    )
    assert definition["sensors"][0] == {**plain["sensors"][0], "zero_na": 4_010_000, "points": [[0, 3], [9_000, 9_002]]}
    assert definition["sensors"][1:] == plain["sensors"][1:]
    assert definition["sl651"]["level_zero_mm"] == -7


def test_the_radar_is_read_one_register_at_a_time_with_its_status():
    radar = boards.load_profile("radar-60ghz")
    (point,) = radar.points
    assert (radar.max_block, radar.columns) == (1, ("gap_mm",))
    assert (point.function, point.register, point.count, point.type) == (3, 0x0001, 1, "uint16")
    assert (point.status_register, point.status_ok) == (0x0010, 0)
    assert {0, 0xFFFF} == set(point.invalid_codes)
    assert point.valid_high == 12_000


def test_the_level_sensor_has_the_registers_of_sl651():
    level = boards.load_profile("level-485")
    (point,) = level.points
    assert (point.register, point.count, point.type, point.word_order) == (0x0002, 2, "uint32", "big")
    assert level.max_block >= 2
    assert point.quantity == "head_mm"


def test_a_path_may_stand_for_a_name(tmp_path):
    source = boards.load_board("esp32-rs485")
    path = tmp_path / "esp32-rs485.toml"
    path.write_text((FOLDER / "esp32-rs485.toml").read_text(encoding="utf-8"), encoding="utf-8")
    assert boards.load_board(str(path)) == source
