"""Water level: a 4-20 mA pressure probe, read as the voltage over a shunt.

Head in mm = (I - I_zero) / (I_full - I_zero) * full scale; ideal probes have 4 and 20 mA.
NAMUR NE 43 decides what a current means: below 3.6 or above 21 mA the loop is broken or the probe says "failed";
3.8 to 20.5 mA is measurement; what lies between is measurement beyond the probe's promise.
A dry probe gives a small negative head: that is data, and stays.
"""

from drivers.integers import MeanVoltage, checked_points, corrected, rounded
from wire.reading import MISSING, SUSPECT

FAULT_BELOW_UA = 3_600
FAULT_ABOVE_UA = 21_000
VALID_FROM_UA = 3_800
VALID_TO_UA = 20_500
IDEAL_ZERO_NA = 4_000_000
IDEAL_FULL_NA = 20_000_000

_NOTHING: "tuple[int | None, int]" = (None, MISSING)


class Pressure420:
    """Pressure head in mm above the probe.

    `adc`: read_uv() over the shunt. `zero_na`, `full_na`: current at no head and at `full_scale_mm`, from calibration.
    `points`: [(head as computed, true head)] in mm, from staff readings. `adc_points`: of the converter (MeanVoltage).
    ValueError for settings that cannot be.
    """

    quantities = ("head_mm",)

    def __init__(
        self,
        adc,
        shunt_mohm: int,
        full_scale_mm: int,
        zero_na=IDEAL_ZERO_NA,
        full_na=IDEAL_FULL_NA,
        points=(),
        samples=4,
        adc_points=None,
    ) -> None:
        if shunt_mohm <= 0 or full_scale_mm <= 0 or full_na <= zero_na:
            raise ValueError("shunt, full scale and span must be above 0")
        self._adc = MeanVoltage(adc, samples, adc_points)
        self._shunt_mohm = shunt_mohm
        self._full_scale_mm = full_scale_mm
        # Microvolt over milliohm is milliampere; picovolts keep the products exact: uV * 1e6 == nA * mohm.
        self._zero_pv = zero_na * shunt_mohm
        self._span_pv = (full_na - zero_na) * shunt_mohm
        self._points = checked_points(points)
        self._result = [_NOTHING]
        self.errors = 0

    def read(self, now_ms: int) -> list:
        shunt_uv = self._adc.read_uv()
        self._result[0] = _NOTHING if shunt_uv is None else self._judge(shunt_uv)
        if self._result[0] is _NOTHING:
            self.errors += 1
        return self._result

    def _judge(self, shunt_uv):
        loop = shunt_uv * 1_000  # Against microampere * milliohm, so that no limit is rounded.
        if loop < FAULT_BELOW_UA * self._shunt_mohm or loop > FAULT_ABOVE_UA * self._shunt_mohm:
            return _NOTHING
        head_mm = rounded((shunt_uv * 1_000_000 - self._zero_pv) * self._full_scale_mm, self._span_pv)
        valid = VALID_FROM_UA * self._shunt_mohm <= loop <= VALID_TO_UA * self._shunt_mohm
        return corrected(self._points, head_mm), self._adc.quality if valid else SUSPECT


def make(config: dict, hal) -> Pressure420:
    return Pressure420(
        hal.adc(config["adc"]),
        config["shunt_mohm"],
        config["full_scale_mm"],
        config.get("zero_na", IDEAL_ZERO_NA),
        config.get("full_na", IDEAL_FULL_NA),
        config.get("points", ()),
        config.get("samples", 4),
        config.get("adc_points"),
    )
