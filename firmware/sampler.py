"""From drivers to now-values and rows: the scan, aggregate and row clocks.

Rules of this file: integers only; every buffer has its size from the start; a row holds every column, also those that
gave nothing. A row's value comes from its best scans: the good ones if there are any, else those not evaluated,
suspect, failed; its quality is theirs, and suspect where less than half of the scans agree with it.
"""

from array import array

from health import DRIVER, SAMPLER

from wire.reading import (
    FAIL,
    GOOD,
    MISSING,
    NOT_EVALUATED,
    RAIN_UM,
    RAIN_WRAP_UM,
    SMOKE_CONTACT,
    SUPPLY_MV,
    SUSPECT,
    VALUE_MAX,
    VALUE_MIN,
    WITH_STATS,
)
from wire.row_pack import ANCHOR, LENGTH_MAX, TIP_AGE_MAX_S, TIP_COUNT_MAX, TIPS_MAX, Reading, Row

_BEST_FIRST = (GOOD, NOT_EVALUATED, SUSPECT, FAIL)
ROW_BYTES_FIXED = 15 + 1 + 1 + 4
READING_BYTES = 6
STATS_BYTES = 12
TIP_BYTES = 3
SPARE_SCANS = 4  # A row may hold a few scans more than row / scan, when the clock is slewed.


class Column:
    """One column between two rows: `put` each scan, `close` at the row. It can be from `lowest` to `highest` at all."""

    def __init__(self, code: int, lowest: int, highest: int, scans_max: int):
        self.code = code
        self.lowest = lowest
        self.highest = highest
        self.has_stats = code in WITH_STATS
        self._values = array("i", [0] * scans_max)
        self._flags = bytearray(scans_max)
        self._count = 0

    def put(self, value, quality: int) -> None:
        """One scan; further ones than fit are left out of the row."""
        if self._count < len(self._flags):
            self._values[self._count] = 0 if value is None else value
            self._flags[self._count] = quality
            self._count += 1

    def has_room(self, scans: int) -> bool:
        return self._count + scans <= len(self._flags)

    def close(self, index: int) -> Reading:
        """The reading of the row, as column `index`; begins the next row."""
        count, self._count = self._count, 0
        for quality in _BEST_FIRST:
            values = [self._values[i] for i in range(count) if self._flags[i] == quality]
            if values:
                break
        else:
            return Reading(index, None, MISSING)
        if 2 * len(values) < count and quality in (GOOD, NOT_EVALUATED):
            quality = SUSPECT
        if self.code == RAIN_UM:
            return Reading(index, values[-1], quality)
        values.sort()
        if self.code == SMOKE_CONTACT:
            return Reading(index, values[-1], quality)
        middle = len(values) // 2
        median = values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) // 2
        if not self.has_stats:
            return Reading(index, median, quality)
        spread = values[(3 * len(values) - 1) // 4] - values[len(values) // 4]  # Between the quartiles.
        return Reading(index, median, quality, values[0], values[-1], max(0, spread))


class Sampler:
    """Scans all drivers every `scan_ms`, closes a row every `row_s` on the full multiple of the clock's seconds.

    `columns`: (code, lowest, highest) of what the drivers give, in their order.
    """

    def __init__(self, hal, clock, log, bank, kept, guard, drivers: list, columns: list, scan_ms: int, row_s: int):
        self._hal = hal
        self._clock = clock
        self._log = log
        self._bank = bank
        self._kept = kept
        self._guard = guard
        self.drivers = drivers
        self.scan_ms = scan_ms
        self.row_s = row_s
        scans_max = row_s * 1000 // scan_ms + SPARE_SCANS
        codes = [column[0] for column in columns]
        self._columns = [Column(code, low, high, scans_max) for code, low, high in columns]
        self.width = len(columns)
        self._gauges = [driver for driver in drivers if hasattr(driver, "take_tips")]
        for gauge in self._gauges:
            gauge.start_at(self._rain_before(codes))
        stats = sum(column.has_stats for column in self._columns)
        room = LENGTH_MAX - ROW_BYTES_FIXED - len(codes) * READING_BYTES - stats * STATS_BYTES
        self._tips_max = min(TIPS_MAX, room // TIP_BYTES)
        self._tip_s = [0] * TIPS_MAX  # Uptime of the first tip of each pair, seconds and milliseconds.
        self._tip_ms = array("H", [0] * TIPS_MAX)
        self._tip_counts = bytearray(TIPS_MAX)
        self._tips = 0
        self._due = hal.ticks_ms()
        self._row_number = clock.seconds() // row_s
        self.on_row = _nobody
        self.scans = 0
        self.scans_skipped = 0
        self.scan_ms_max = 0
        self.supply_mv = 0
        self.row_errors = 0
        self.rows_withheld = 0
        self.rows_closed = 0  # Also those that were not written.

    def poll(self, now: int) -> bool:
        """Do what is due at ticks `now`; True if a scan was made."""
        if self._clock.anchor_due and self._guard.may_write():
            self._write_anchor()
        number = self._clock.seconds() // self.row_s
        if number != self._row_number:
            self._row_number = number
            self._close_row(number * self.row_s, 0)
        late_ms = self._hal.ticks_diff(now, self._due)
        if late_ms < 0:
            return False
        skipped = late_ms // self.scan_ms
        self.scans_skipped += skipped
        self._due = self._hal.ticks_add(self._due, (1 + skipped) * self.scan_ms)
        self._scan(now)
        return True

    def wait_ms(self, now: int) -> int:
        """Milliseconds until something is due."""
        return max(0, min(self._hal.ticks_diff(self._due, now), self._to_row_ms()))

    def _to_row_ms(self):
        clock = self._clock
        return (self.row_s - clock.seconds() % self.row_s) * 1000 - clock.milliseconds()

    def _scan(self, now):
        index = 0
        place = DRIVER
        for driver in self.drivers:
            self._kept.note(place)
            place += 1
            for value, quality in driver.read(now):
                column = self._columns[index]
                value, quality = _plausible(column, value, quality)
                if column.code == RAIN_UM and value is not None:
                    self._keep_rain(value)
                elif column.code == SUPPLY_MV:
                    self.supply_mv = value or 0
                column.put(value, quality)
                self._bank.set_value(index, value, quality, now)
                index += 1
        self._kept.note(SAMPLER)
        if self._guard.judge(self.supply_mv):
            self._kept.low_mv = 0 if self._guard.may_write() else self.supply_mv
            self._kept.save()
        self.scans += 1  # Before the tips: they may need a row, also after the first scan.
        for gauge in self._gauges:
            for ticks, count in gauge.take_tips():
                ago_ms = self._hal.ticks_diff(now, ticks)
                while count > TIP_COUNT_MAX:
                    self._tip(ago_ms, TIP_COUNT_MAX)
                    count -= TIP_COUNT_MAX
                self._tip(ago_ms, count)
        self.scan_ms_max = max(self.scan_ms_max, self._hal.ticks_diff(self._hal.ticks_ms(), now))

    def _tip(self, ago_ms, count):
        """Add `count` (1..TIP_COUNT_MAX) tips of `ago_ms` ago; a row without room for another second closes early."""
        clock = self._clock
        last = self._tips - 1
        if last >= 0 and self._tip_counts[last] + count <= TIP_COUNT_MAX:
            phase_ms = clock.milliseconds()
            if (phase_ms - self._tip_ago_ms(last)) // 1000 == (phase_ms - ago_ms) // 1000:
                self._tip_counts[last] += count
                return
        if self._tips >= self._tips_max:
            self._close_row(clock.seconds(), clock.milliseconds())
        up_ms = clock.up_ms - ago_ms
        self._tip_s[self._tips] = clock.up_s + up_ms // 1000
        self._tip_ms[self._tips] = up_ms % 1000
        self._tip_counts[self._tips] = count
        self._tips += 1

    def _tip_ago_ms(self, index):
        return (self._clock.up_s - self._tip_s[index]) * 1000 + self._clock.up_ms - self._tip_ms[index]

    def _close_row(self, stamp_s, stamp_ms):
        """Write the row of the scans since the last one; before the first scan there is none."""
        clock = self._clock
        if not self._columns or self.scans == 0:
            return
        readings = [self._columns[i].close(i) for i in range(len(self._columns))]
        tips = []
        for i in range(self._tips):
            age_s = clock.age_s(self._tip_ago_ms(i), stamp_s)
            tips.append((min(age_s, TIP_AGE_MAX_S), self._tip_counts[i]))
        self._tips = 0
        self.rows_closed += 1
        self._append(Row(0, self._kept.boot, clock.quality(), stamp_s, stamp_ms, readings, tips))

    def _write_anchor(self):
        """Say in the log what time it is; a row too long to reach the next full multiple ends here."""
        clock = self._clock
        clock.anchor_due = False
        self._row_number = clock.seconds() // self.row_s
        anchor = (clock.unix_s, clock.unix_ms, clock.quality(), clock.up_s, clock.up_ms)
        self._append(Row(0, self._kept.boot, clock.quality(), clock.unix_s, clock.unix_ms, kind=ANCHOR, anchor=anchor))
        if self._columns and not self._columns[0].has_room(self._to_row_ms() // self.scan_ms + 1):
            self._close_row(clock.seconds(), clock.milliseconds())

    def _append(self, row):
        """A row that flash refuses, or may not be asked for, is counted: the board goes on measuring.

        Its rain is not lost: the sum goes on with the next row.
        """
        if not self._guard.may_write():
            self.rows_withheld += 1
            return
        try:
            packed = self._log.append(row)
        except OSError:
            self.row_errors += 1
            return
        self._bank.set_log(self._log)
        self.on_row(row.seq, packed)

    def _keep_rain(self, rain_um):
        if rain_um != self._kept.rain_um:
            self._kept.rain_um = rain_um
            self._kept.save()

    def _rain_before(self, codes):
        """Cumulative rain to go on from: the kept memory's, else that of the newest row."""
        if self._kept.rain_um is not None:
            return self._kept.rain_um % RAIN_WRAP_UM
        return (self._log.last_value(codes.index(RAIN_UM)) or 0) % RAIN_WRAP_UM


def _nobody(seq: int, packed: bytes) -> None:
    """Nobody wants to hear of rows."""


def _plausible(column, value, quality):
    """A reading with its range checked: outside is fail, no value is missing and nothing else."""
    if value is None or not VALUE_MIN <= value <= VALUE_MAX:
        return None, MISSING
    if quality == MISSING:
        return None, MISSING
    if not column.lowest <= value <= column.highest:
        return value, FAIL
    return value, quality
