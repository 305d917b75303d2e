"""From what is physically there to what a board has at its pins: microvolts, frames, edges, levels.

Rules of this file: no clock, no process; written from the data sheets' transfer functions and the board's calibration,
never from the drivers, so that a wrong formula on either side shows. Numbers are integers in the quantities' sub-units.
"""

import random
from collections.abc import Sequence
from typing import Any

FRAME_START = 0xFF  # A02YYUW class: FF, high, low, low byte of the sum.
NO_ECHO_RAW = 0
TIP_GAP_MS = 100  # A bucket does not tip faster; contacts closer than that would be one tip to any debouncing.
TIPS_MAX = 10_000
SPIKE_PERMIL = 350  # of the sensor's span

# Driver -> quantities that it makes of its pins.
DRIVERS = {
    "pressure_420": ("head_mm",),
    "ultrasonic_uart": ("gap_mm",),
    "tipping_bucket": ("rain_um",),
    "scl3300": ("tilt_x_mdeg", "tilt_y_mdeg", "temp_cdeg"),
    "smoke_photo": ("smoke_mdbm", "smoke_contact"),
    "supply": ("supply_mv",),
}
AT_REST = {
    "head_mm": 1_000,
    "gap_mm": 3_000,
    "tilt_x_mdeg": 0,
    "tilt_y_mdeg": 0,
    "temp_cdeg": 2_000,
    "smoke_mdbm": 0,
    "smoke_contact": 0,
    "supply_mv": 12_500,
}
SPANS = {"gap_mm": 7_500, "tilt_x_mdeg": 90_000, "tilt_y_mdeg": 90_000, "temp_cdeg": 10_000, "smoke_mdbm": 1_000}
SPAN_OF_OTHERS = 10_000
SPI_FAULTS = ("crc", "whoami", "status")
FAULTS = ("", "stuck", "spike", "missing", "noise", *SPI_FAULTS)


class Stimulus:
    """The sensors of one board.json (`definition`). Its methods give control messages of a board process.

    Faults, for one quantity or all: stuck (the sensor no longer follows), spike (one excursion, until `settle()`),
    missing (wire off, no echo, chip gone), noise (UART frames among random bytes), crc, whoami, status (SPI chip).
    """

    def __init__(self, definition: dict[str, Any], seed: int = 1, bent: tuple[tuple[int, int], ...] = ()) -> None:
        """`bent`: (there, shown) in uV of the chip's converter; () = it is bent as the calibration says."""
        self._bent = bent
        self._sensors = {s["driver"]: s for s in definition["sensors"]}
        self._random = random.Random(seed)
        self._truth: dict[str, int | None] = {}
        self._shown: dict[str, int | None] = {}
        self._faults: dict[str, str] = {}
        self._last_tip_ms: int | None = None
        for driver in self._sensors:
            if driver not in DRIVERS:
                raise ValueError(f"no stimulus is known for the driver {driver!r}")
            for quantity in DRIVERS[driver]:
                if quantity in AT_REST:
                    self._truth[quantity] = self._shown[quantity] = AT_REST[quantity]

    @property
    def quantities(self) -> tuple[str, ...]:
        return tuple(quantity for driver in self._sensors for quantity in DRIVERS[driver])

    @property
    def spiking(self) -> bool:
        return "spike" in self._faults.values()

    def set(self, quantity: str, value: int | None) -> dict[str, Any]:
        """What is there from now on; None = nothing, or no sensor. KeyError if the board does not measure that."""
        if quantity not in self._truth:
            raise KeyError(f"the board has {', '.join(self._truth)}; not {quantity}")
        self._truth[quantity] = value
        if self._faults.get(quantity) != "stuck":
            self._shown[quantity] = value
        return self.message(quantity)

    def fault(self, kind: str, quantity: str | None = None) -> dict[str, Any]:
        """Switch `quantity` (all without it) to one of FAULTS; "" takes it off. ValueError, KeyError."""
        if kind not in FAULTS:
            raise ValueError(f"a board's sensor has no fault {kind!r}; it has {', '.join(filter(None, FAULTS))}")
        if quantity is not None and quantity not in self.quantities:
            raise KeyError(f"the board has {', '.join(self.quantities)}; not {quantity}")
        for name in [quantity] if quantity else self.quantities:
            self._faults[name] = kind
            if kind != "stuck" and name in self._truth:
                self._shown[name] = self._truth[name]
        return self.everything()

    def settle(self) -> dict[str, Any]:
        """Spikes are over."""
        self._faults = {name: "" if kind == "spike" else kind for name, kind in self._faults.items()}
        return self.everything()

    def everything(self) -> dict[str, Any]:
        """The state of all pins, as one message; a board that starts knows nothing."""
        whole: dict[str, dict[str, Any]] = {}
        for quantity in self._truth:
            for port, state in self.message(quantity).items():
                whole.setdefault(port, {}).update(state)
        return whole

    def message(self, quantity: str) -> dict[str, Any]:
        """The state of the pins that `quantity` shows at; {} where it comes as frames or edges."""
        driver = next(d for d in self._sensors if quantity in DRIVERS[d])
        sensor = self._sensors[driver]
        value = self._seen(quantity)
        if driver == "pressure_420":
            return self._converter(sensor, 0 if value is None else _loop_uv(sensor, value))
        if driver == "supply":
            return self._converter(sensor, None if value is None else value * 1_000_000 // sensor["ratio_permil"])
        if quantity == "smoke_mdbm":
            return self._converter(
                sensor, 0 if value is None else sensor["clear_uv"] + value * sensor["uv_per_dbm"] // 1000
            )
        if quantity == "smoke_contact":
            active = sensor.get("contact_active", 1)
            return {"pin": {sensor["contact"]: active if value else 1 - active}}
        if driver == "scl3300":
            return {"spi": {str(sensor["spi"]): self._chip()}}
        return {}

    def voltage(self, adc: int, there_uv: int) -> dict[str, Any]:
        """A known voltage at the converter's port `adc`, in its sensor's place. KeyError without a sensor there."""
        for sensor in self._sensors.values():
            if sensor.get("adc") == adc:
                return self._converter(sensor, there_uv)
        raise KeyError(f"nothing is wired to the converter's port {adc}")

    def frames(self) -> dict[str, Any]:
        """One frame of the UART sensor, as it sends them by itself; {} without such a sensor or when it is silent."""
        sensor = self._sensors.get("ultrasonic_uart")
        kind = self._faults.get("gap_mm", "")
        if sensor is None or kind == "missing" or self._shown["gap_mm"] is None:
            return {}
        raw = (self._seen("gap_mm") or 0) // sensor.get("unit_mm", 1)
        raw = raw if 0 <= raw <= 0xFFFF else NO_ECHO_RAW
        frame = bytes((FRAME_START, raw >> 8, raw & 0xFF, (FRAME_START + (raw >> 8) + raw) & 0xFF))
        if kind == "noise":
            frame = self._random.randbytes(self._random.randrange(6)) + frame
            frame = frame[self._random.randrange(3) :] if self._random.random() < 0.3 else frame
        return {"uart": {str(sensor["uart"]): frame.hex()}}

    def tips(self, count: int, spread_ms: int, now_ms: int) -> list[int]:
        """Station times of `count` more tips within the last `spread_ms`, in order and never closer than TIP_GAP_MS."""
        if not 0 < count <= TIPS_MAX:
            raise ValueError(f"1 to {TIPS_MAX} tips at once, not {count}")
        times = []
        for number in range(count):
            at_ms = now_ms - spread_ms + (number + 1) * spread_ms // count
            if self._last_tip_ms is not None:
                at_ms = max(at_ms, self._last_tip_ms + TIP_GAP_MS)
            self._last_tip_ms = at_ms
            times.append(at_ms)
        return times if self._faults.get("rain_um", "") not in ("missing", "stuck") else []

    def counter(self) -> str:
        """Number of the pulse input that the rain gauge is on. KeyError without one."""
        return str(self._sensors["tipping_bucket"]["counter"])

    def _seen(self, quantity: str) -> int | None:
        kind = self._faults.get(quantity, "")
        value = self._shown[quantity]
        if kind == "missing" and quantity != "smoke_contact":
            return None
        if kind == "spike" and value is not None and quantity != "smoke_contact":
            span = SPANS.get(quantity, SPAN_OF_OTHERS)
            return value + span * SPIKE_PERMIL // 1000 * (1 if value < span // 2 else -1)
        return value

    def _converter(self, sensor: dict[str, Any], there_uv: int | None) -> dict[str, Any]:
        pairs = [(shown, there) for there, shown in self._bent] or sensor.get("adc_points") or ()
        shown_uv = _backwards(pairs, there_uv) if there_uv is not None and pairs else there_uv
        return {"adc": {str(sensor["adc"]): shown_uv}}

    def _chip(self) -> dict[str, Any]:
        """The inclinometer's state: a chip measures all or is gone."""
        kinds = {self._faults.get(name, "") for name in DRIVERS["scl3300"]}
        seen = {name: self._seen(name) for name in DRIVERS["scl3300"]}
        fault = next((kind for kind in SPI_FAULTS if kind in kinds), "")
        if None in seen.values():
            fault = "silent"
        names = {"tilt_x_mdeg": "x_mdeg", "tilt_y_mdeg": "y_mdeg", "temp_cdeg": "temp_cdeg"}
        return {**{names[name]: value or 0 for name, value in seen.items()}, "fault": fault}


def _loop_uv(sensor: dict[str, Any], head_mm: int) -> int:
    """A 4-20 mA transmitter over the shunt: current linear from no head to full scale (I * R, nA * mOhm = pV)."""
    if sensor.get("points"):
        raise ValueError("a probe with correction points is not emulated")
    zero_na = sensor.get("zero_na", 4_000_000)
    span_na = sensor.get("full_na", 20_000_000) - zero_na
    current_na = zero_na + span_na * head_mm / sensor["full_scale_mm"]
    return round(current_na * sensor["shunt_mohm"] / 1_000_000)


def _backwards(pairs: Sequence[Sequence[int]], there_uv: int) -> int:
    """What a converter shows of `there_uv` whose table of (shown, there) is right."""
    if there_uv <= pairs[0][1]:
        return there_uv - pairs[0][1] + pairs[0][0]
    if there_uv >= pairs[-1][1]:
        return there_uv - pairs[-1][1] + pairs[-1][0]
    low, high = next(two for two in zip(pairs, pairs[1:], strict=False) if two[0][1] <= there_uv <= two[1][1])
    return round(low[0] + (there_uv - low[1]) * (high[0] - low[0]) / (high[1] - low[1]))
