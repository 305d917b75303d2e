"""Stamps of a recording, as unix milliseconds: the form is taken from the first one and then holds for the whole file.

Rules of this file: nothing is guessed in silence. A form that can be read in two ways, or a local time without a zone,
is an error that says how to state it. In the hour that a clock shows twice the order of the rows decides, and the count
of such rows is told; a time that the clock never showed is no time, and is counted.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DATES = ("day-first", "month-first")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall time, before its zone is known
_MS = timedelta(milliseconds=1)
_DAY = timedelta(days=1)
_CLOCK = r"[T ,]+(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,6})\d*)?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.年](\d{{1,2}})[-/.月](\d{{1,2}})日?(?:{_CLOCK})?")
_YEAR_LAST = re.compile(rf"(\d{{1,2}})([-/.])(\d{{1,2}})[-/.](\d{{4}})(?:{_CLOCK})?")
_MONTH_NAMED = re.compile(rf"(\d{{1,2}})[- ]([A-Za-z]{{3}})[a-z]*[- ](\d{{4}})(?:{_CLOCK})?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?(\d{2}))?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


class UnclearStamp(ValueError):
    """The form cannot be decided; `remedy` says how to state it."""

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


def zone_of(name: str) -> tzinfo | None:
    """A zone by its name ("Asia/Shanghai", "UTC") or its fixed offset ("+08:00", "UTC-5"); None for no such zone."""
    match = _OFFSET.fullmatch(name.strip())
    if match:
        minutes = int(match[2]) * 60 + int(match[3] or 0)
        return timezone(timedelta(minutes=-minutes if match[1] == "-" else minutes)) if minutes <= 14 * 60 else None
    try:
        return UTC if name.strip().upper() in ("UTC", "Z", "GMT") else ZoneInfo(name.strip())
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


class Stamps:
    """Reads the time cells of one file. `newest_ms` is set by who takes the rows: order decides in a doubled hour."""

    def __init__(self, first: str, zone: tzinfo | None, dates: str = "", start_ms: int | None = None) -> None:
        """`first`: the first cell that is not blank; `start_ms`: what mere seconds are counted from. UnclearStamp."""
        self._zone = zone
        self._fixed_ms = zone.utcoffset(None) // _MS if isinstance(zone, timezone) else None
        self._start_ms = start_ms
        self._day = 0
        self._day_ms: int | None = None  # the zone's offset on that day; None = it changes on it
        self.newest_ms: int | None = None
        self.repeated = [0, 0]  # rows of a doubled hour taken as its first, and as its second passing
        self.repeated_first = ""
        self.never = 0  # rows whose time the clock never showed
        self.never_first = ""
        self._read = self._form(first.strip(), dates)

    def ms(self, cell: str) -> int | None:
        """Unix ms of a cell; None for a local time that never was. ValueError for what is no stamp of this form."""
        return self._read(cell.strip())

    def _form(self, first: str, dates: str) -> Callable[[str], int | None]:
        if _NUMBER.fullmatch(first):
            return self._number(first)
        try:
            datetime.fromisoformat(first)
        except ValueError:
            pass
        else:
            return self._iso_form(first)
        for form, read in ((_YEAR_FIRST, _year_first), (_MONTH_NAMED, _month_named)):
            if form.fullmatch(first):
                return self._by(form, read)
        match = _YEAR_LAST.fullmatch(first)
        if match is None:
            remedy = "write times like 2020-08-20T08:15Z, or name another column"
            raise UnclearStamp(f'"{first[:40]}" is not a time', remedy)
        order = _order(match, dates)
        return self._by(_YEAR_LAST, _day_first if order == "day-first" else _month_first)

    def _number(self, first: str) -> Callable[[str], int | None]:
        if len(first) in (8, 12, 14) and first.isdigit():
            return self._by(_COMPACT, lambda found: [int(part or 0) for part in found.groups()])
        if len(first) == 13 and first.isdigit():
            return int
        if len(first.partition(".")[0]) == 10:
            return lambda cell: round(float(cell) * 1000)
        if self._start_ms is None:
            remedy = "--start 2020-08-20T08:00Z says when it began"
            raise UnclearStamp(f'"{first[:40]}" is a count of seconds, not a time', remedy)
        start_ms = self._start_ms
        return lambda cell: start_ms + round(float(cell) * 1000)

    def _iso_form(self, first: str) -> Callable[[str], int | None]:
        self._need_zone(datetime.fromisoformat(first), first)
        read = datetime.fromisoformat

        def ms(cell: str) -> int | None:
            at = read(cell)
            if at.tzinfo is not None:
                return (at - _EPOCH) // _MS
            return self._local(at)

        return ms

    def _by(self, form: re.Pattern[str], parts: Callable[[re.Match[str]], list[int]]) -> Callable[[str], int | None]:
        self._need_zone(None, "they name none")

        def ms(cell: str) -> int | None:
            match = form.fullmatch(cell)
            if match is None:
                raise ValueError(cell)
            year, month, day, hour, minute, second, part_us = (*parts(match), 0)[:7]
            at = datetime(year, month, day, hour, minute, second, part_us)  # noqa: DTZ001 - wall time
            return self._local(at)

        return ms

    def _need_zone(self, at: datetime | None, first: str) -> None:
        if (at is None or at.tzinfo is None) and self._zone is None:
            reason = f"the stamps name no zone ({first[:40]})"
            raise UnclearStamp(reason, "--zone UTC, or where the clock stood: --zone Asia/Shanghai, --zone +08:00")

    def _local(self, at: datetime) -> int | None:
        wall_ms = (at - _NAIVE_EPOCH) // _MS
        if self._fixed_ms is not None:
            return wall_ms - self._fixed_ms
        if at.toordinal() != self._day:
            self._enter(at)
        if self._day_ms is not None:
            return wall_ms - self._day_ms
        return self._changing(at, wall_ms)

    def _enter(self, at: datetime) -> None:
        """Find out whether the zone's offset is one and the same on all of this day."""
        self._day = at.toordinal()
        midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
        offsets = {self._offset_ms(midnight + _DAY * part / 24, fold) for part in range(25) for fold in (0, 1)}
        self._day_ms = offsets.pop() if len(offsets) == 1 else None

    def _changing(self, at: datetime, wall_ms: int) -> int | None:
        first_ms, second_ms = (wall_ms - self._offset_ms(at, fold) for fold in (0, 1))
        if first_ms == second_ms:
            return first_ms
        if first_ms > second_ms:  # The clock was put forward over this time.
            self.never += 1
            self.never_first = self.never_first or f"{at:%Y-%m-%d %H:%M}"
            return None
        newest_ms = self.newest_ms
        second = newest_ms is not None and first_ms <= newest_ms < second_ms
        self.repeated[second] += 1
        self.repeated_first = self.repeated_first or f"{at:%Y-%m-%d %H:%M}"
        return second_ms if second else first_ms

    def _offset_ms(self, at: datetime, fold: int) -> int:
        assert self._zone is not None
        offset = self._zone.utcoffset(at.replace(tzinfo=self._zone, fold=fold))
        assert offset is not None
        return offset // _MS


def _order(match: re.Match[str], dates: str) -> str:
    """Does the day or the month stand first? Dots are day first by custom; a slash is said, or 13 and more decides."""
    if dates:
        return dates
    if match[2] == "." or int(match[1]) > 12:
        return "day-first"
    if int(match[3]) > 12:
        return "month-first"
    reason = f'"{match[0]}" may be the {match[1]}th of month {match[3]}, or the {match[3]}th of month {match[1]}'
    raise UnclearStamp(reason, "--dates day-first, or --dates month-first")


def _clock(match: re.Match[str], at: int) -> list[int]:
    hour, minute, second, part = (match[at + i] for i in range(4))
    return [int(hour or 0), int(minute or 0), int(second or 0), int((part or "0").ljust(6, "0"))]


def _year_first(match: re.Match[str]) -> list[int]:
    return [int(match[1]), int(match[2]), int(match[3]), *_clock(match, 4)]


def _day_first(match: re.Match[str]) -> list[int]:
    return [int(match[4]), int(match[3]), int(match[1]), *_clock(match, 5)]


def _month_first(match: re.Match[str]) -> list[int]:
    return [int(match[4]), int(match[1]), int(match[3]), *_clock(match, 5)]


def _month_named(match: re.Match[str]) -> list[int]:
    month = match[2].lower()
    if month not in _MONTHS:
        raise ValueError(match[0])
    return [int(match[3]), _MONTHS.index(month) + 1, int(match[1]), *_clock(match, 4)]
