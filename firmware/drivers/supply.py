"""The board's own supply, over a voltage divider at the converter."""

from drivers.integers import MeanVoltage, rounded
from wire.reading import MISSING

_NOTHING: "tuple[int | None, int]" = (None, MISSING)


class Supply:
    """Supply in mV. `ratio_permil`: supply over converter voltage in thousandths, 11000 for 100 k over 10 k.

    `adc_points`: of the converter (MeanVoltage).
    """

    quantities = ("supply_mv",)

    def __init__(self, adc, ratio_permil: int, samples: int = 4, adc_points=None) -> None:
        if ratio_permil < 1_000:
            raise ValueError("a divider cannot raise the voltage")
        self._adc = MeanVoltage(adc, samples, adc_points)
        self._ratio_permil = ratio_permil
        self._result = [_NOTHING]
        self.errors = 0

    def read(self, now_ms: int) -> list:
        pin_uv = self._adc.read_uv()
        if pin_uv is None:
            self.errors += 1
            self._result[0] = _NOTHING
        else:
            self._result[0] = (rounded(pin_uv * self._ratio_permil, 1_000_000), self._adc.quality)
        return self._result


def make(config: dict, hal) -> Supply:
    return Supply(hal.adc(config["adc"]), config["ratio_permil"], config.get("samples", 4), config.get("adc_points"))
