"""The `[[mode]]` tables of station.toml: on which days the station measures and reports more densely.

Rules of this file: a day that no calendar has is refused; 02-29 is one, and means nothing in the other years.
"""

import re
from datetime import date

from gateway.config import OperatingMode
from gateway.toml_table import Table
from wire.telemetry import OPERATING

NAMES = OPERATING[1:]
MODES_MAX = 32
DAYS_MAX = 400
SCAN_MS = (100, 60_000)
ROW_MS = (1_000, 3_600_000)
REPORT_MS = (1_000, 3_600_000)
_MONTH_DAY = re.compile(r"(?:([0-9]{4})-)?([0-9]{2})-([0-9]{2})")
_LEAP_YEAR = 2000


def read_modes(root: Table) -> tuple[OperatingMode, ...]:
    """Every mode that is whole; what is wrong is noted in its table."""
    tables = root.tables("mode")
    if len(tables) > MODES_MAX:
        tables[MODES_MAX].problem("", f"more than {MODES_MAX} modes; put the days of one mode into one table")
    found = []
    for table in tables[:MODES_MAX]:
        mode = _mode(table)
        table.close()
        if mode is not None:
            found.append(mode)
    return tuple(found)


def _mode(table: Table) -> OperatingMode | None:
    name = table.choice("name", NAMES)
    first, last = _month_day(table, "from"), _month_day(table, "to")
    for given, other in (("from", "to"), ("to", "from")):
        if table.has(given) and not table.has(other):
            table.problem(other, f'is missing beside {given}; add {other} = "MM-DD"')
    days = _days(table)
    if not any(table.has(key) for key in ("from", "to", "days")):
        table.problem("from", 'is missing; add from = "05-01" and to = "09-30", or days = ["2026-10-01"]')
    scan_ms = table.amount("scan", "time", *SCAN_MS, 0, "1 s")
    row_ms = table.amount("row", "time", *ROW_MS, 0, "1 min")
    report_ms = table.amount("report", "time", *REPORT_MS, 60_000, "1 min")
    for key, value_ms in (("row", row_ms), ("report", report_ms)):
        if value_ms is not None and value_ms % 1_000:
            table.problem(key, "is not in whole seconds; round it")
    if name is None:
        return None
    return OperatingMode(
        place=OPERATING.index(name),
        ranges=((first, last),) if first and last else (),
        days=days,
        scan_ms=scan_ms or 0,
        row_s=(row_ms or 0) // 1_000,
        report_s=(report_ms or 0) // 1_000,
    )


def _month_day(table: Table, key: str) -> tuple[int, int] | None:
    text = table.text(key, None, "05-01")
    if text is None:
        return None
    day = _day(text)
    if day is None or day[0]:
        table.problem(key, f'"{text[:40]}" is not a month and day; write {key} = "05-01"')
        return None
    return day[1:]


def _days(table: Table) -> tuple[tuple[int, int, int], ...]:
    texts = table.texts("days") or []
    if len(texts) > DAYS_MAX:
        table.problem("days", f"more than {DAYS_MAX} days; use from and to")
    found = []
    for text in texts[:DAYS_MAX]:
        day = _day(text)
        if day is None:
            table.problem("days", f'"{text[:40]}" is not a day; write "2026-10-01", or "10-01" for every year')
        else:
            found.append(day)
    return tuple(found)


def _day(text: str) -> tuple[int, int, int] | None:
    """(year or 0, month, day)."""
    match = _MONTH_DAY.fullmatch(text)
    if match is None:
        return None
    year, month, day = int(match[1] or 0), int(match[2]), int(match[3])
    try:
        date(year or _LEAP_YEAR, month, day)
    except ValueError:
        return None
    return year, month, day
