"""What an RP2040 board has at its pins beside what all have. `pins`: the roles of one port of board.json.

Rules of this file: nothing blocks; interrupt handlers allocate nothing.
"""

from machine import ADC, SPI, Pin

from hal.chip import SPI_BAUD, Edges, Spi

ADC_TOP_UV = 3_300_000  # The converter's reference is the board's 3.3 V supply.
ADC_STEPS = 4_096


class Adc:
    """One input of the converter."""

    def __init__(self, pins: dict):
        self._adc = ADC(Pin(pins["in"]))

    def read_uv(self) -> int:
        """Microvolt at the input; a step of the converter (12 bits) is 806 of them."""
        step = self._adc.read_u16() >> 4
        return step * ADC_TOP_UV // ADC_STEPS


class Counter(Edges):
    """Every falling edge with its time, taken by the interrupt itself."""

    def _listen(self):
        self._pin.irq(self._edge, Pin.IRQ_FALLING, hard=True)


def spi_of(number: int, pins: dict) -> Spi:
    """The bus of SPI unit `number`."""
    unit = SPI(number, baudrate=SPI_BAUD, sck=Pin(pins["sck"]), mosi=Pin(pins["mosi"]), miso=Pin(pins["miso"]))
    return Spi(unit, pins)
