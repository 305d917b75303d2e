"""Smoke: a photoelectric (scattered light) chamber through a converter, and the contact of a certified detector.

Obscuration in 0.001 dB/m = (voltage - baseline) * 1000 / uv_per_dbm. The baseline begins at `clear_uv`, the chamber's
clean-air voltage of its calibration, and follows dust: slowly, only while the air is clear, and only so far.
- Slowly: DRIFT_MDBM_PER_H. EN 54-7 lets compensation delay the alarm of a fire that grows by a quarter of the
  threshold an hour by at most 60 %; at a threshold of 0.1 dB/m that allows 9 mdB/m an hour.
- So far: `drift_max_mdbm`; a chamber that wants more is dirty: its readings are suspect, and still raise alarms.
Below half the clear-air voltage the light source is dead or the wire is off: the chamber is blind, no number.
The detector's contact is passed on as it stands, at once, whatever the chamber says.
"""

from drivers.integers import MeanVoltage, rounded
from wire.reading import GOOD, MISSING, SMOKE_HIGHEST_MDBM, SMOKE_LOWEST_MDBM, SUSPECT

DRIFT_MDBM_PER_H = 2
CLEAR_MDBM = 50  # Nearer than this to the baseline the air counts as clear.
HOUR_MS = 3_600_000
STEP_MAX_MS = 60_000  # A pause longer than this between scans teaches the baseline no more than this.

_NOTHING: "tuple[int | None, int]" = (None, MISSING)


class SmokePhoto:
    """Obscuration in 0.001 dB/m, and the contact (1 = alarm).

    `adc`: read_uv(). `contact`: value() -> 0 or 1, `contact_active` is its level in alarm. `uv_per_dbm`: microvolts
    for 1 dB/m, from calibration. `ticks_diff(a, b)`: a - b across the wrap. `adc_points`: of the converter
    (MeanVoltage). ValueError for settings that cannot be.
    """

    quantities = ("smoke_mdbm", "smoke_contact")

    def __init__(
        self,
        adc,
        contact,
        ticks_diff,
        clear_uv: int,
        uv_per_dbm: int,
        contact_active=1,
        drift_max_mdbm=100,
        samples=4,
        adc_points=None,
    ) -> None:
        if clear_uv <= 0 or uv_per_dbm <= 0 or drift_max_mdbm < 0:
            raise ValueError("clear-air voltage and slope must be above 0")
        self._adc = MeanVoltage(adc, samples, adc_points)
        self._contact = contact
        self._contact_active = contact_active
        self._ticks_diff = ticks_diff
        self._uv_per_dbm = uv_per_dbm
        self._blind_uv = clear_uv // 2
        self._clear_uv = clear_uv
        self._clear_span_uv = CLEAR_MDBM * uv_per_dbm // 1000
        self._drift_max_uv = drift_max_mdbm * uv_per_dbm // 1000
        self._drift_uv_per_h = DRIFT_MDBM_PER_H * uv_per_dbm // 1000
        self._credit = 0  # Clear time that the baseline has not used yet, in ms * uV/h.
        self._last_ms: "int | None" = None
        self._result = [_NOTHING, _NOTHING]
        self.baseline_uv = clear_uv
        self.dirty = False
        self.errors = 0

    def read(self, now_ms: int) -> list:
        state = self._contact.value()
        self._result[1] = _NOTHING if state is None else (1 if state == self._contact_active else 0, GOOD)
        chamber_uv = self._adc.read_uv()
        if chamber_uv is None or chamber_uv < self._blind_uv:
            self._result[0] = _NOTHING
            self._last_ms = None
            self.errors += 1
            return self._result
        self._follow(chamber_uv, now_ms)
        smoke_mdbm = rounded((chamber_uv - self.baseline_uv) * 1000, self._uv_per_dbm)
        # Dense smoke beyond the scale is smoke: it stays at the scale's end, where it alarms.
        smoke_mdbm = max(SMOKE_LOWEST_MDBM, min(SMOKE_HIGHEST_MDBM, smoke_mdbm))
        self._result[0] = (smoke_mdbm, SUSPECT if self.dirty else self._adc.quality)
        return self._result

    def _follow(self, chamber_uv, now_ms):
        """Let the baseline creep towards clear air."""
        elapsed_ms = 0
        if self._last_ms is not None:
            elapsed_ms = max(0, min(STEP_MAX_MS, self._ticks_diff(now_ms, self._last_ms)))
        self._last_ms = now_ms
        above_uv = chamber_uv - self.baseline_uv
        if abs(above_uv) > self._clear_span_uv:
            self._credit = 0
            return
        self._credit += elapsed_ms * self._drift_uv_per_h
        step_uv = self._credit // HOUR_MS
        self._credit -= step_uv * HOUR_MS
        wanted_uv = self.baseline_uv + max(-step_uv, min(step_uv, above_uv))
        self.baseline_uv = max(self._clear_uv - self._drift_max_uv, min(self._clear_uv + self._drift_max_uv, wanted_uv))
        if self.baseline_uv != wanted_uv and not self.dirty:
            self.dirty = True
            self.errors += 1
        elif self.dirty and abs(self.baseline_uv - self._clear_uv) < self._drift_max_uv * 9 // 10:
            self.dirty = False  # Cleaned, or the damp is gone.


def make(config: dict, hal) -> SmokePhoto:
    return SmokePhoto(
        hal.adc(config["adc"]),
        hal.pin_in(config["contact"]),
        hal.ticks_diff,
        config["clear_uv"],
        config["uv_per_dbm"],
        config.get("contact_active", 1),
        config.get("drift_max_mdbm", 100),
        config.get("samples", 4),
        config.get("adc_points"),
    )
