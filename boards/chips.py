"""Which pins of a chip may be used for what, and why not: data, and one check.

Sources: Espressif, "ESP32 Series Datasheet" (pin list, strapping pins) and "ESP32-WROOM-32E Datasheet" (pins led out);
Raspberry Pi, "RP2040 Datasheet" 1.4.3 (function select table) and "Raspberry Pi Pico Datasheet" (pins used on board).
"""

from msgspec import Struct

_STRAP = "a strapping pin: its level at power-on decides how the chip starts"
_FLASH = "wired to the flash inside the module"
_CONSOLE = "the console, by which a board is provisioned"
_PSRAM = "wired to the extra memory of some modules (WROVER)"
_ABSENT = "not led out"


class Chip(Struct, frozen=True):
    """A chip: pins that exist, that must not be used (with the reason), and what the others can do."""

    name: str
    pins: frozenset[int]
    refused: dict[int, str]
    input_only: frozenset[int]  # Cannot drive and has no pull-up.
    adc: frozenset[int]
    adc_top_uv: int  # Above it the converter no longer measures.
    counts: bool  # Can it count pulses by itself?
    adc_straight: bool  # Does it show what is there, without a table of the board's own?
    sector: int  # Least erasable piece of flash.
    # (kind of port, number, role) -> pins that can be routed there; a key that is not there: any pin.
    routes: dict[tuple[str, int, str], frozenset[int]] = {}


CHIPS = {
    "esp32": Chip(
        name="esp32",
        pins=frozenset(range(40)),
        refused={
            **dict.fromkeys((0, 2, 5, 12, 15), _STRAP),
            **dict.fromkeys(range(6, 12), _FLASH),
            **dict.fromkeys((1, 3), _CONSOLE),
            **dict.fromkeys((16, 17), _PSRAM),
            **dict.fromkeys((20, 24, 28, 29, 30, 31, 37, 38), _ABSENT),
        },
        input_only=frozenset((34, 35, 36, 39)),
        adc=frozenset((32, 33, 34, 35, 36, 39)),  # ADC1 only: the radio takes ADC2 away.
        adc_top_uv=2_450_000,  # 11 dB attenuation.
        counts=True,
        adc_straight=False,
        sector=4096,
    ),
    "rp2040": Chip(
        name="rp2040",
        pins=frozenset(range(30)),
        refused={
            23: "the power mode of the Pico's regulator",
            24: "the Pico's USB power sense",
            25: "the Pico's lamp",
            29: "the Pico's own supply measurement",
        },
        input_only=frozenset(),
        adc=frozenset((26, 27, 28)),
        adc_top_uv=3_300_000,
        counts=False,
        adc_straight=True,
        sector=4096,
        routes={
            ("uart", 0, "tx"): frozenset((0, 12, 16, 28)),
            ("uart", 0, "rx"): frozenset((1, 13, 17, 29)),
            ("uart", 1, "tx"): frozenset((4, 8, 20, 24)),
            ("uart", 1, "rx"): frozenset((5, 9, 21, 25)),
            ("spi", 0, "miso"): frozenset((0, 4, 16, 20)),
            ("spi", 0, "sck"): frozenset((2, 6, 18, 22)),
            ("spi", 0, "mosi"): frozenset((3, 7, 19, 23)),
            ("spi", 1, "miso"): frozenset((8, 12, 24, 28)),
            ("spi", 1, "sck"): frozenset((10, 14, 26)),
            ("spi", 1, "mosi"): frozenset((11, 15, 27)),
        },
    ),
}

# Kind of port -> (roles it needs, roles it may have).
ROLES = {
    "bus": (("tx", "rx"), ("de",)),  # No "de": the transceiver finds the direction itself.
    "uart": (("tx", "rx"), ()),
    "adc": (("in",), ()),
    "counter": (("in",), ()),
    "spi": (("sck", "mosi", "miso", "cs"), ()),
    "input": (("in",), ()),
}
_DRIVEN = ("tx", "de", "sck", "mosi", "cs")
_PULLED_UP = ("counter", "input")  # A bare contact to ground.


def why_not(chip: Chip, kind: str, number: int, role: str, pin: int) -> str:
    """The reason why `pin` cannot be `role` of a port, with what to do; "" when it can."""
    if pin not in chip.pins:
        return f"{chip.name} has no pin {pin}; use another"
    if pin in chip.refused:
        return f"pin {pin} is {chip.refused[pin]}; use another"
    if pin in chip.input_only and role in _DRIVEN:
        return f"pin {pin} can only be read; put an input there"
    if pin in chip.input_only and kind in _PULLED_UP:
        return f"pin {pin} has no pull-up for a contact; use one that has"
    if kind == "adc" and pin not in chip.adc:
        return f"pin {pin} has no usable converter; use one of {sorted(chip.adc)}"
    routed = chip.routes.get(("uart" if kind == "bus" else kind, number, role))
    if routed is not None and pin not in routed:
        return f"pin {pin} cannot be {role} of unit {number}; use one of {sorted(routed - chip.refused.keys())}"
    return ""
