"""How densely the station measures and reports: the calendar's operating mode, or the one that a person set.

Rules of this file: no clock, no disk, no network. A day of the calendar is a day of the station's own zone. A command
goes before the calendar until its time; where the time of day is not known, the most intensive mode holds, whatever
either says: too much is measured rather than too little.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from gateway.clock_steps import is_known
from gateway.config import OperatingMode
from wire.telemetry import OPERATING

CALENDAR, CLOCK = "calendar", "clock"  # Who set a mode, where no person did.
NORMAL = OPERATING.index("normal")
EMERGENCY = OPERATING.index("emergency")
REPORT_S = 60  # A live batch closes after so long in every mode but normal (DESIGN 5), if station.toml says no other.
COMMAND_MS_MAX = 92 * 86_400_000  # A mode by command holds no longer; a season belongs into the calendar.
BACK_MS = 3_600_000  # A clock that starts so far behind what was kept last is not believed.
_DAYS_LOOKED = 400  # So far ahead the end of a mode is looked for: every range of a year ends within.


class Operating(NamedTuple):
    """The mode that holds. `until_ms` 0 = no end known; intervals 0 = as station.toml says elsewhere."""

    place: int  # in OPERATING
    by: str
    until_ms: int = 0
    scan_ms: int = 0
    row_s: int = 0
    report_s: int = 0


class Modes:
    """`look` regularly; `now` is the mode that holds, `known` whether the time of day is."""

    def __init__(self, settings: tuple[OperatingMode, ...], zone: ZoneInfo) -> None:
        self.now = Operating(NORMAL, CALENDAR)
        self.known = True
        self._settings = settings
        self._zone = zone
        self._command: tuple[int, str, int] | None = None  # place, by whom, until
        self._kept_ms = 0  # the time that was kept before this start; 0 = nothing to compare with
        self._planned: tuple[int, int, frozenset[int]] = (0, 0, frozenset())  # from, until (unix ms), active places

    def look(self, unix_ms: int, *, stepped: bool = False) -> bool:
        """Decide which mode holds at `unix_ms`; True if another one than before. `stepped`: the clock was just set."""
        if stepped or unix_ms >= self._kept_ms - BACK_MS:
            self._kept_ms = 0
        self.known = is_known(unix_ms) and not self._kept_ms
        before = self.now
        self.now = self._decide(unix_ms) if self.known else self._most_intensive()
        return self.now != before

    def set(self, place: int | None, by: str, until_ms: int) -> None:
        """`by` sets a mode until then; None = as the calendar says, from now on."""
        self._command = None if place is None else (place, by, until_ms)

    def save(self, unix_ms: int) -> list[object]:
        """Plain CBOR data: the command, and the time of day as far as it is known."""
        return [list(self._command) if self._command else None, unix_ms if self.known else self._kept_ms]

    def restore(self, saved: list) -> None:
        """Take over what `save` gave. ValueError, TypeError for anything else."""
        command, kept_ms = saved
        if command is not None:
            place, by, until_ms = command
            if not isinstance(until_ms, int) or not isinstance(by, str) or place not in range(len(OPERATING)):
                raise ValueError("no mode by command")
            command = place, by, until_ms
        if not isinstance(kept_ms, int):
            raise ValueError("no time")
        self._command, self._kept_ms = command, kept_ms

    def _decide(self, unix_ms: int) -> Operating:
        if self._command is not None:
            place, by, until_ms = self._command
            if unix_ms < until_ms:
                return self._operating([place], place, by, until_ms)
            self._command = None
        begin_ms, end_ms, places = self._planned
        if not begin_ms <= unix_ms < (end_ms or unix_ms + 1) or not begin_ms:
            self._planned = begin_ms, end_ms, places = self._plan(unix_ms)
        return self._operating(places, max(places, default=NORMAL), CALENDAR, end_ms)

    def _most_intensive(self) -> Operating:
        places = [setting.place for setting in self._settings] or [EMERGENCY]
        return self._operating(places, max(places), CLOCK, 0)

    def _operating(self, places: Iterable[int], place: int, by: str, until_ms: int) -> Operating:
        """`place` with the shortest intervals that the settings of `places` have."""
        if place == NORMAL:
            return Operating(NORMAL, by, until_ms)
        meant = [setting for setting in self._settings if setting.place in places]
        scan_ms = min((setting.scan_ms for setting in meant if setting.scan_ms), default=0)
        row_s = min((setting.row_s for setting in meant if setting.row_s), default=0)
        report_s = min((setting.report_s for setting in meant if setting.report_s), default=REPORT_S)
        return Operating(place, by, until_ms, scan_ms, row_s, report_s)

    def _plan(self, unix_ms: int) -> tuple[int, int, frozenset[int]]:
        """What the calendar has now: since when today, until when it stays so (0 = for ever), which modes."""
        today = datetime.fromtimestamp(unix_ms / 1000, UTC).astimezone(self._zone).date()
        places = self._on(today)
        for ahead in range(1, _DAYS_LOOKED + 1):
            day = today + timedelta(days=ahead)
            if self._on(day) != places:
                return min(self._midnight_ms(today), unix_ms), self._midnight_ms(day), places
        if places or self._settings:  # A year without an end, or days of another year: look again tomorrow.
            return min(self._midnight_ms(today), unix_ms), self._midnight_ms(today + timedelta(days=1)), places
        return 1, 0, places

    def _on(self, day: date) -> frozenset[int]:
        return frozenset(setting.place for setting in self._settings if is_on(setting, day))

    def _midnight_ms(self, day: date) -> int:
        """The first moment of `day` in the station's zone; where a clock change skips midnight, the change."""
        return int(datetime(day.year, day.month, day.day, tzinfo=self._zone).timestamp()) * 1000


def is_on(setting: OperatingMode, day: date) -> bool:
    """Is `day` one of the setting's? Ranges are of months and days, ends included, and may go over a year's end."""
    month_day = (day.month, day.day)
    for first, last in setting.ranges:
        inside = first <= month_day <= last if first <= last else month_day >= first or month_day <= last
        if inside:
            return True
    return any(year in (0, day.year) and (month, of_month) == month_day for year, month, of_month in setting.days)
