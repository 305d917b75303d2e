"""What a definition in boards/ holds, as frozen records; a record that exists is valid.

The annotations are the checks, their descriptions the remedies that a person reads (see strict.py).
Settings of a sensor have the names, units and defaults of its driver in firmware/drivers/.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from wire.registers import SLOTS

Text = Annotated[str, Meta(min_length=1, description="a text in quotes, not empty")]
Count = Annotated[int, Meta(ge=1, le=1_000_000_000, description="a whole number, 1 or more")]
Unit = Annotated[int, Meta(ge=0, le=7, description="the number of a port of this board, 0 to 7")]
Millimetre = Annotated[int, Meta(ge=0, le=60_000, description="millimetres as a whole number, 0 to 60000")]
Microvolt = Annotated[int, Meta(ge=0, le=5_000_000, description="microvolts as a whole number, 0 to 5000000")]
Samples = Annotated[int, Meta(ge=1, le=64, description="how many samples make a reading, 1 to 64")]
Register = Annotated[int, Meta(ge=0, le=0xFFFF, description="a register number, 0 to 0xFFFF, counted from 0")]
Address = Annotated[int, Meta(ge=1, le=247, description="a Modbus address, 1 to 247")]
Baud = Annotated[
    Literal[1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200],
    Meta(description="1200, 2400, 4800, 9600, 19200, 38400, 57600 or 115200"),
]
Framing = Annotated[Literal["8N1", "8E1", "8O1", "8N2"], Meta(description='"8N1", "8E1", "8O1" or "8N2"')]
Pins = Annotated[dict[str, Annotated[int, Meta(ge=0, le=48)]], Meta(description="pins as { role = number }")]
Points = Annotated[
    tuple[tuple[int, int], ...], Meta(description="pairs [[measured, true], ...] in the sensor's unit, ascending")
]


class Pressure420(Struct, frozen=True):
    """4-20 mA probe over a shunt (drivers/pressure_420.py)."""

    adc: Unit
    shunt_mohm: Count
    full_scale_mm: Annotated[int, Meta(ge=100, le=60_000, description="the probe's span in mm, 100 to 60000")]
    zero_na: Count = 4_000_000
    full_na: Count = 20_000_000
    points: Points = ()
    samples: Samples = 4


class UltrasonicUart(Struct, frozen=True):
    """Ultrasonic or radar sensor with FF H L SUM frames (drivers/ultrasonic_uart.py)."""

    uart: Unit
    unit_mm: Annotated[Literal[1, 10], Meta(description="1 for a sensor that counts mm, 10 for one that counts cm")] = 1
    min_mm: Millimetre = 30
    max_mm: Millimetre = 7_500
    quiet_scans: Annotated[int, Meta(ge=1, le=60, description="scans without a frame until lost, 1 to 60")] = 3
    points: Points = ()


class TippingBucket(Struct, frozen=True):
    """Rain gauge (drivers/tipping_bucket.py)."""

    counter: Unit
    um_per_tip: Annotated[int, Meta(ge=10, le=10_000, description="micrometres of rain in a tip, 10 to 10000")]
    debounce_ms: Annotated[int, Meta(ge=0, le=1_000, description="milliseconds, 0 to 1000")] = 50


class Scl3300(Struct, frozen=True):
    """Inclinometer (drivers/scl3300.py)."""

    spi: Unit
    mode: Annotated[Literal[1, 2, 3, 4], Meta(description="the chip's measurement mode, 1 to 4 (4 = low noise)")] = 4
    samples: Annotated[int, Meta(ge=1, le=16, description="samples in a scan, 1 to 16")] = 4


class SmokePhoto(Struct, frozen=True):
    """Photoelectric chamber and the alarm contact of a certified detector (drivers/smoke_photo.py)."""

    adc: Unit
    contact: Text
    clear_uv: Microvolt
    uv_per_dbm: Annotated[int, Meta(ge=10_000, le=100_000_000, description="microvolts per dB/m, 10000 or more")]
    contact_active: Annotated[Literal[0, 1], Meta(description="the contact's level in alarm, 0 or 1")] = 1
    drift_max_mdbm: Annotated[int, Meta(ge=0, le=1_000, description="0.001 dB/m, 0 to 1000")] = 100
    samples: Samples = 4


class Supply(Struct, frozen=True):
    """The board's own supply over a divider (drivers/supply.py)."""

    adc: Unit
    ratio_permil: Annotated[int, Meta(ge=1_000, le=100_000, description="thousandths, 1000 to 100000")]
    samples: Samples = 4


# Driver -> (its settings, its quantities in order). The only list of drivers on this side.
DRIVERS: dict[str, tuple[type[Struct], tuple[str, ...]]] = {
    "pressure_420": (Pressure420, ("head_mm",)),
    "ultrasonic_uart": (UltrasonicUart, ("gap_mm",)),
    "tipping_bucket": (TippingBucket, ("rain_um",)),
    "scl3300": (Scl3300, ("tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg")),
    "smoke_photo": (SmokePhoto, ("smoke_mdbm", "smoke_contact")),
    "supply": (Supply, ("supply_mv",)),
}
COLUMNS_MAX = SLOTS  # Now-slots, and readings in a row.


class Port(Struct, frozen=True):
    """A place of the board where something is connected. `terminal` is what is printed beside it."""

    kind: Annotated[
        Literal["bus", "uart", "adc", "counter", "spi", "input"],
        Meta(description='"bus", "uart", "adc", "counter", "spi" or "input"'),
    ]
    pins: Pins
    terminal: Text
    number: Unit = 0
    name: str = ""  # Inputs have a name instead of a number.
    clean: bool = False  # A counter whose source never bounces: the chip itself may count it.
    note: str = ""

    @property
    def key(self) -> str:
        """Name by which a sensor means it: "adc 1", "input smoke"."""
        return f"{self.kind} {self.name or self.number}"


class Sensor(Struct, frozen=True):
    """A sensor of a board: fitted when a station asks for `enabled_by`; always when that is empty."""

    driver: str
    enabled_by: str
    settings: Any  # One of the records above.

    @property
    def channels(self) -> tuple[str, ...]:
        return DRIVERS[self.driver][1]


class Link(Struct, frozen=True):
    """How a board is reached; a board on Wi-Fi keeps these for the console's sake."""

    address: Address
    baud: Baud
    framing: Framing


class MqttLink(Struct, frozen=True):
    """How a board on Wi-Fi finds its gateway: the station's broker. No name: looking one up would halt the board."""

    host: Annotated[
        str, Meta(pattern=r"^(\d{1,3}\.){3}\d{1,3}$", description='an IPv4 address in quotes, e.g. "192.168.4.1"')
    ]
    port: Annotated[int, Meta(ge=1, le=65_535, description="a TCP port, 1 to 65535")]
    station: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}$", description="the station's id in quotes")]


class Sl651(Struct, frozen=True):
    """What is provisioned for the SL 651 registers. `level_zero_mm` is added to the head, or the gap taken from it."""

    level_zero_mm: Annotated[int, Meta(ge=-60_000, le=60_000, description="millimetres, -60000 to 60000")] = 0


class Partition(Struct, frozen=True):
    """A piece of the board's flash. Bytes."""

    name: Text
    offset: Annotated[int, Meta(ge=0, description="bytes from the start of the flash, e.g. 0x10000")]
    size: Annotated[int, Meta(ge=1, description="bytes, e.g. 0x1F0000")]
    what: str = ""


class BoardHead(Struct, frozen=True):
    """The keys of a board file that stand alone."""

    kind: Literal["board"]
    title: Text
    chip: Text
    image: Text  # Name of the official MicroPython image.
    link: Annotated[Literal["rs485", "wifi"], Meta(description='"rs485" or "wifi"')]
    flash_bytes: Count
    default_fit: Annotated[tuple[str, ...], Meta(description='a list of sensors to fit, e.g. ["level"]')]
    scan_ms: Annotated[int, Meta(ge=100, le=60_000, description="milliseconds between scans, 100 to 60000")] = 1_000
    row_s: Annotated[int, Meta(ge=1, le=3_600, description="seconds between rows, 1 to 3600")] = 60
    # Rows may be so far apart where the log would not reach back DAYS_MIN with what is fitted; 0 = row_s holds always.
    row_s_most: Annotated[int, Meta(ge=0, le=3_600, description="seconds between rows at most, 0 to 3600")] = 0
    # Under such a supply nothing is written to flash (firmware/health.py); 0 = no limit.
    supply_limit_mv: Annotated[int, Meta(ge=0, le=60_000, description="millivolts, 0 (no limit) to 60000")] = 0


class Board(Struct, frozen=True):
    """One of our boards, with the sensors that are fitted. `definition` is the SHA-256 of all this, in hex."""

    type: str
    title: str
    chip: str
    image: str
    link: str  # rs485, wifi
    flash_bytes: int
    scan_ms: int
    row_s: int
    supply_limit_mv: int
    ports: tuple[Port, ...]
    sensors: tuple[Sensor, ...]
    partitions: tuple[Partition, ...]
    definition: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Quantities in the order of a row and of the now-slots."""
        return tuple(channel for sensor in self.sensors for channel in sensor.channels)

    @property
    def log_bytes(self) -> int:
        """Size of the flash region that holds the log."""
        return next(piece.size for piece in self.partitions if piece.name == "log")


class Point(Struct, frozen=True):
    """One quantity of a bought sensor: value = register value * scale_num / scale_den, in the quantity's sub-unit."""

    quantity: Text
    register: Register
    type: Annotated[
        Literal["int16", "uint16", "int32", "uint32", "float32"],
        Meta(description='"int16", "uint16", "int32", "uint32" or "float32"'),
    ]
    valid_low: Annotated[int, Meta(description="the lowest value the sensor can mean, in the quantity's unit")]
    valid_high: Annotated[int, Meta(description="the highest value the sensor can mean, in the quantity's unit")]
    function: Annotated[Literal[3, 4], Meta(description="3 (holding registers) or 4 (input registers)")] = 3
    count: Annotated[Literal[1, 2], Meta(description="1 register, or 2 for 32-bit types")] = 1
    word_order: Annotated[Literal["big", "little"], Meta(description='"big" (high word first) or "little"')] = "big"
    scale_num: Annotated[int, Meta(description="a whole number other than 0")] = 1
    scale_den: Count = 1
    invalid_codes: Annotated[tuple[int, ...], Meta(description="a list of register values, e.g. [0xFFFF]")] = ()
    status_register: Register | None = None  # Read before the value, with the same function.
    status_ok: Annotated[int, Meta(ge=0, le=0xFFFF, description="the status word that means good, 0 to 0xFFFF")] = 0


class ProfileHead(Struct, frozen=True):
    """The keys of a profile file that stand alone."""

    kind: Literal["profile"]
    vendor_model: Text
    default_address: Address
    default_baud: Baud
    framing: Framing
    max_block: Annotated[int, Meta(ge=1, le=125, description="registers that one request may read, 1 to 125")]
    settle_ms: Annotated[int, Meta(ge=0, le=60_000, description="milliseconds from power-on, 0 to 60000")] = 0
    min_interval_ms: Annotated[int, Meta(ge=0, le=60_000, description="milliseconds, 0 to 60000")] = 0


class Profile(Struct, frozen=True):
    """How a bought Modbus sensor is read. Milliseconds are the station's."""

    name: str
    vendor_model: str
    default_address: int
    default_baud: int
    framing: str
    max_block: int  # Registers in one request.
    settle_ms: int  # After power-on its answers mean nothing for so long.
    min_interval_ms: int  # Between the end of an answer and the next request to it.
    points: tuple[Point, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return tuple(point.quantity for point in self.points)
