"""Every driver through a few hundred scans of changing weather; prints one line a scan.

Run by test_drivers_micropython.py under both interpreters, so it uses only what MicroPython has.
"""

import drivers_world as world
from drivers import pressure_420, scl3300, smoke_photo, supply, tipping_bucket, ultrasonic_uart
from hal.posix_chips import Scl3300

SCANS = 300
FAULTS = ("silent", "crc", "whoami", "status")


class Hal:
    """One object of each kind, whatever number is asked for."""

    ticks_diff = staticmethod(world.ticks_diff)

    def __init__(self):
        self.voltage = world.Voltage()
        self.wire = world.Wire()
        self.edges = world.Edges()
        self.contact = world.Contact()
        self.state = {"x_mdeg": 0, "y_mdeg": 0, "z_mdeg": 90_000, "temp_cdeg": 2_000, "fault": ""}
        self.chip = Scl3300(self.state)

    def adc(self, number):
        return self.voltage

    def uart(self, number):
        return self.wire

    def counter(self, number):
        return self.edges

    def spi(self, number):
        return self.chip

    def pin_in(self, name):
        return self.contact


class Dice:
    """Numbers that look random and are the same everywhere."""

    def __init__(self):
        self.state = 12_345

    def below(self, limit):
        self.state = (self.state * 1_103_515_245 + 12_345) & 0x7FFFFFFF
        return (self.state >> 8) % limit


def weather(hal, dice, now_ms):
    hal.voltage.uv = None if dice.below(20) == 0 else dice.below(2_450_000)
    gap_mm = dice.below(8_000)
    frame = bytes((0xFF, gap_mm >> 8, gap_mm & 0xFF, (0xFF + (gap_mm >> 8) + gap_mm) & 0xFF))
    cut = dice.below(5)
    hal.wire.data += bytes(dice.below(256) for _ in range(dice.below(4))) + frame[: 4 if cut == 4 else 3 - cut]
    hal.edges.ticks = [(now_ms - dice.below(1_000)) % world.TICKS_WRAP for _ in range(dice.below(5))]
    hal.contact.level = dice.below(2)
    hal.state["x_mdeg"] = dice.below(180_001) - 90_000
    hal.state["y_mdeg"] = dice.below(180_001) - 90_000
    hal.state["temp_cdeg"] = dice.below(16_500) - 4_000
    hal.state["fault"] = FAULTS[dice.below(4)] if dice.below(10) == 0 else ""


def play():
    hal = Hal()
    dice = Dice()
    drivers = (
        pressure_420.make(
            {"adc": 0, "shunt_mohm": 100_000, "full_scale_mm": 10_000, "points": [[0, 5], [9_000, 9_010]]}, hal
        ),
        ultrasonic_uart.make({"uart": 1, "unit_mm": 1, "min_mm": 30, "max_mm": 7_500}, hal),
        tipping_bucket.make({"counter": 0, "um_per_tip": 200, "debounce_ms": 50}, hal),
        scl3300.make({"spi": 0, "mode": 4}, hal),
        smoke_photo.make({"adc": 1, "contact": "smoke", "clear_uv": 400_000, "uv_per_dbm": 2_000_000}, hal),
        supply.make({"adc": 2, "ratio_permil": 11_000}, hal),
    )
    drivers[2].start_at(99_990_000)
    now_ms = world.TICKS_WRAP - 60_000
    for scan in range(SCANS):
        now_ms = (now_ms + 1_000) % world.TICKS_WRAP
        weather(hal, dice, now_ms)
        print(scan, [list(driver.read(now_ms)) for driver in drivers], drivers[2].take_tips())
    print("errors", [driver.errors for driver in drivers])


play()
