"""Which lines must not be wrong unseen, and which tests have to see it.

`EQUIVALENT` names the mutants that no test can fail, each with the reason.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Region:
    """Functions of one file, and the tests that a mistake in them must fail; the quickest test first."""

    file: str
    functions: tuple[str, ...]
    tests: tuple[str, ...]


DRIVER_TESTS = "tests/firmware/test_drivers_"
EXACT = "tests/firmware/test_drivers_exact.py"

REGIONS = (
    # CRC: of frames, of rows, of the inclinometer.
    Region(
        "firmware/lib/wire/modbus.py",
        ("_crc_table", "crc16", "seal"),
        ("tests/wire/test_modbus.py",),
    ),
    Region("firmware/lib/wire/modbus.py", ("Receiver._fits",), ("tests/wire/test_modbus_receiver.py",)),
    Region("firmware/lib/wire/row_pack.py", ("pack", "crc_of"), ("tests/wire/test_row.py",)),
    Region("firmware/lib/wire/row.py", ("unpack",), ("tests/wire/test_row.py",)),
    Region("firmware/drivers/scl3300.py", ("crc8", "Scl3300._ask", "_signed"), (EXACT, DRIVER_TESTS + "tilt.py")),
    # Invalid codes: what a sensor says when it has no value.
    Region(
        "firmware/lib/wire/row_pack.py",
        ("Reading.__init__", "_check_reading", "_within"),
        ("tests/wire/test_row.py",),
    ),
    Region("firmware/lib/wire/row.py", ("_unpack_data", "_byte", "_take"), ("tests/wire/test_row.py",)),
    Region("firmware/lib/wire/registers.py", ("slot",), ("tests/wire/test_registers.py",)),
    Region(
        "firmware/drivers/pressure_420.py",
        ("Pressure420.read", "Pressure420._judge"),
        (EXACT, DRIVER_TESTS + "level.py"),
    ),
    Region(
        "firmware/drivers/ultrasonic_uart.py",
        ("UltrasonicUart._take", "UltrasonicUart._judge"),
        (EXACT, DRIVER_TESTS + "level.py"),
    ),
    Region("firmware/drivers/scl3300.py", ("Scl3300.read", "Scl3300._measure"), (EXACT, DRIVER_TESTS + "tilt.py")),
    Region("firmware/drivers/smoke_photo.py", ("SmokePhoto.read",), (EXACT, DRIVER_TESTS + "smoke.py")),
    Region("firmware/drivers/integers.py", ("MeanVoltage.read_uv",), (EXACT, DRIVER_TESTS + "level.py")),
    Region("firmware/drivers/supply.py", ("Supply.read",), (EXACT, DRIVER_TESTS + "smoke.py")),
    Region(
        "gateway/bought.py",
        ("reading", "_registers", "_rounded"),
        ("tests/gateway/test_bought_edges.py", "tests/gateway/test_bought.py"),
    ),
    Region(
        "gateway/quality.py",
        ("Watch.judge", "Watch.stored", "Watch.companion", "impossible", "usable"),
        ("tests/gateway/test_quality.py", "tests/gateway/test_companions.py"),
    ),
    Region("gateway/row_order.py", ("Order.judge",), ("tests/gateway/test_row_order.py",)),
    Region(
        "gateway/double_count.py",
        ("above_neighbours", "Chatter.fast", "Tipping.step", "Neighbours.step"),
        ("tests/gateway/test_double_count.py",),
    ),
    # What may be doubted, and for how long.
    Region(
        "gateway/checks.py",
        ("Rate.fast", "Rate._beyond", "Spike.before", "Flat.still"),
        ("tests/gateway/test_quality.py",),
    ),
    # Deadband: an alarm ends only below its margin.
    Region(
        "gateway/alarms.py",
        ("Alarm.__init__", "Alarm.step", "Alarm.move", "Alarm._lower", "Alarm.hold"),
        ("tests/gateway/test_alarms.py",),
    ),
    Region(
        "gateway/smoke.py",
        ("Smoke.step", "Smoke.touch", "Smoke.hold", "Smoke.hold_contact"),
        ("tests/gateway/test_smoke.py", "tests/gateway/test_smoke_delays.py"),
    ),
)


@dataclass(frozen=True)
class Excused:
    """Mutants of one line that change nothing that anyone could see: `code` is the line, `why` the reason."""

    file: str
    function: str
    code: str
    changes: tuple[str, ...]
    why: str


EQUIVALENT = (
    Excused(
        "firmware/lib/wire/modbus.py",
        "_crc_table",
        "for byte in range(256):",
        ("256 -> 257",),
        "the table is read with eight bits: a 257th entry is never looked at",
    ),
    Excused(
        "firmware/drivers/scl3300.py",
        "Scl3300.read",
        "self._faults = 0",
        ("self._faults = 0 -> pass", "0 -> 1", "0 -> -1"),
        "the first good scan sets it to 0 as well, and until then the state alone decides",
    ),
    Excused(
        "gateway/bought.py",
        "_rounded",
        "return quotient if numerator >= 0 else -quotient",
        ("numerator >= 0 -> numerator > 0", "0 -> 1"),
        "the quotient 0 is 0 with either sign",
    ),
    Excused(
        "gateway/checks.py",
        "Rate._beyond",
        "if span_ms < RATE_SPAN_MS:",
        ("span_ms < RATE_SPAN_MS -> span_ms <= RATE_SPAN_MS",),
        "at the limit the span is what it is set to",
    ),
    Excused(
        "gateway/checks.py",
        "Spike.before",
        "low, high = (value, first[1]) if value < first[1] else (first[1], value)",
        ("value < first[1] -> value <= first[1]",),
        "of two equal numbers either is the lower one",
    ),
    Excused(
        "gateway/checks.py",
        "Flat.still",
        "low = value if value < self._low else self._low",
        ("value < self._low -> value <= self._low",),
        "of two equal numbers either is the lower one",
    ),
    Excused(
        "gateway/checks.py",
        "Flat.still",
        "high = value if value > self._high else self._high",
        ("value > self._high -> value >= self._high",),
        "of two equal numbers either is the higher one",
    ),
    Excused(
        "gateway/alarms.py",
        "Alarm.__init__",
        "self.episode_ms = 0",
        ("0 -> 1", "0 -> -1"),
        "nobody reads the time of an episode before a crossing has set it",
    ),
)
