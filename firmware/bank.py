"""The register bank: what functions 3 and 4 give, as words that are ready before anybody asks.

Rules of this file: reading allocates nothing; values and counters are put in at the scan, only ages and the time are
worked out when they are read. A number that is not known is never given (wire.registers).
"""

from array import array

from wire import registers
from wire.modbus import DEVICE_FAILURE, ILLEGAL_ADDRESS
from wire.reading import FAIL, GAP_MM, GOOD, MISSING, NOT_EVALUATED, RAIN_WRAP_UM
from wire.registers import (
    AGE_MAX_MS,
    CONTROL,
    CONTROL_BLOCK,
    LOG_CURSOR,
    NOW,
    NOW_SLOTS,
    SL651_LEVEL,
    SL651_RAIN,
    SLOT_NONE,
    SLOT_REGISTERS,
    SLOTS,
    STATUS,
    STATUS_BLOCK,
)

VERSION = (0, 1, 0)
SCANS_STALE = 3  # A value older than so many scans is no longer given at 0x0000 and 0x0002.
DEPTH_TOLERANCE_MM = 20  # So little below zero is the sensor's noise at a dry gauge, and reads 0.
RAIN_UNIT_UM = 100  # SL 651 counts 0.1 mm.

NOW_END = NOW_SLOTS + SLOTS * SLOT_REGISTERS
STATUS_END = STATUS_BLOCK[-1][0] + STATUS_BLOCK[-1][1]
CONTROL_END = CONTROL_BLOCK[-1][0] + CONTROL_BLOCK[-1][1]
CLOCK_END = registers.CLOCK_UNIX_MS + 1
UNIX_S = registers.UNIX_S - STATUS
UPTIME_S = registers.UPTIME_S - STATUS
SLOT_AGE = 3


class Bank:
    """Registers of one board.

    `columns`: quantity codes in row order. `sl651`: {"rain": column or None, "level": column or None, "level_zero_mm"}.
    """

    def __init__(self, columns: list, sl651: dict, scan_ms: int, clock, ticks_diff):
        self._columns = columns
        self._clock = clock
        self._diff = ticks_diff
        self._stale_ms = SCANS_STALE * scan_ms
        self._rain = sl651.get("rain")
        self._level = sl651.get("level")
        self._level_zero_mm = sl651.get("level_zero_mm", 0)
        self._level_is_gap = self._level is not None and columns[self._level] == GAP_MM
        self._now = array("H", [0] * NOW_END)
        self._status = array("H", [0] * (STATUS_END - STATUS))
        self._control = array("H", [0] * (CONTROL_END - CONTROL))
        self._ticks = [0] * SLOTS
        self._known = bytearray(SLOTS)
        self._rain_ok = False
        self._level_ok = False
        self.cursor = 0
        self.put(registers.CHANNELS, len(columns))
        for slot in range(SLOTS):
            code = columns[slot] if slot < len(columns) else 0
            self._put_slot(slot, SLOT_NONE, MISSING << 8 | code)

    def put(self, register: int, value: int) -> None:
        """Set a register of the now-values or the status block to `value`, modulo its width."""
        if register < STATUS:
            self._now[register] = value & 0xFFFF
        else:
            self._status[register - STATUS] = value & 0xFFFF

    def put_long(self, register: int, value: int) -> None:
        """The same with `register` and the one behind it, high word first."""
        self.put(register, value >> 16)
        self.put(register + 1, value)

    def put_text(self, register: int, count: int, data: bytes) -> None:
        """Set `count` registers of the status block from bytes, left-padded with zeros."""
        data = b"\0" * (2 * count - len(data)) + data
        for i in range(count):
            self._status[register - STATUS + i] = data[2 * i] << 8 | data[2 * i + 1]

    def set_value(self, column: int, value, quality: int, now: int) -> None:
        """The now-value of a column, measured at ticks `now`; `value` None = missing."""
        self._put_slot(column, SLOT_NONE if value is None else value, quality << 8 | self._columns[column])
        self._ticks[column] = now
        self._known[column] = 1
        if value is not None and quality not in (GOOD, NOT_EVALUATED):
            value = None  # A stock RTU sees no flag, so it gets no number that needs one.
        if column == self._rain:
            self._rain_ok = value is not None
            if value is not None:
                _store(self._now, SL651_RAIN, 2, value % RAIN_WRAP_UM // RAIN_UNIT_UM)
        if column == self._level:
            depth_mm = -DEPTH_TOLERANCE_MM - 1 if value is None else self._depth_mm(value)
            self._level_ok = depth_mm >= -DEPTH_TOLERANCE_MM
            _store(self._now, SL651_LEVEL, 2, max(0, depth_mm))

    def set_log(self, log) -> None:
        """What the status block says about the log."""
        self.put_long(registers.LOG_EPOCH, log.epoch)
        self.put_long(registers.LOG_TAIL, log.tail)
        self.put_long(registers.LOG_HEAD, log.head)
        self.put_long(registers.NOW_LOG_HEAD, log.head)
        self.put_long(registers.LOG_GATEWAY_HAS, log.gateway_has)
        self.put_long(registers.LOG_CENTER_HAS, log.center_has)
        self.put_long(registers.LOG_OVERWRITTEN, log.overwritten)
        _store(self._control, registers.ACK_EPOCH - CONTROL, 2, log.epoch)
        _store(self._control, registers.ACK_GATEWAY - CONTROL, 2, log.gateway_has)
        _store(self._control, registers.ACK_CENTER - CONTROL, 2, log.center_has)

    def set_cursor(self, seq: int) -> None:
        self.cursor = seq
        _store(self._control, LOG_CURSOR - CONTROL, 2, seq)

    def read(self, register: int, count: int, out, at: int, now: int) -> int:
        """Copy `count` registers, high byte first, to out[at:]; returns 0 or the exception code. Allocates nothing."""
        end = register + count
        if end <= NOW_END:
            code = self._ask_now(register, end, now)
            if code:
                return code
            words = self._now
            first = 0
        elif register >= STATUS and end <= STATUS_END:
            self._refresh_time()
            words = self._status
            first = STATUS
        elif register >= CONTROL and end <= CONTROL_END and not (register < LOG_CURSOR and end > CLOCK_END):
            clock = self._clock
            words = self._control
            words[0] = clock.unix_high
            words[1] = clock.unix_low
            words[2] = clock.unix_ms
            first = CONTROL
        else:
            return ILLEGAL_ADDRESS
        for i in range(register - first, end - first):
            word = words[i]
            out[at] = word >> 8
            out[at + 1] = word & 0xFF
            at += 2
        return 0

    def slots(self, now: int) -> list:
        """[[quantity code, quality, value or None, age in ms at ticks `now`], ...] of every column."""
        found = []
        for column in range(len(self._columns)):
            at = NOW_SLOTS + column * SLOT_REGISTERS
            value = self._now[at] << 16 | self._now[at + 1]
            if value & 0x80000000:
                value -= 0x100000000
            flags = self._now[at + 2]
            known = None if value == SLOT_NONE else value
            found.append([flags & 0xFF, flags >> 8, known, self._age_ms(column, now)])
        return found

    def without_reading(self) -> int:
        """Mask of the columns that give nothing: their newest reading failed or is missing."""
        mask = 0
        for column in range(len(self._columns)):
            if self._now[NOW_SLOTS + column * SLOT_REGISTERS + 2] >> 8 in (FAIL, MISSING):
                mask |= 1 << column
        return mask

    def _ask_now(self, register, end, now):
        """Refresh the ages; exception code if a SL 651 register is asked for that has no value now."""
        if register < SL651_LEVEL:
            if self._rain is None:
                return ILLEGAL_ADDRESS
            if not self._rain_ok or self._age_ms(self._rain, now) > self._stale_ms:
                return DEVICE_FAILURE
        if register < NOW and end > SL651_LEVEL:
            if self._level is None:
                return ILLEGAL_ADDRESS
            if not self._level_ok or self._age_ms(self._level, now) > self._stale_ms:
                return DEVICE_FAILURE
        if end > NOW:
            self._now[NOW + 1] = self._clock.quality()
            words = self._now
            at = NOW_SLOTS + SLOT_AGE
            for slot in range(SLOTS):
                words[at] = self._age_ms(slot, now)
                at += SLOT_REGISTERS
        return 0

    def _age_ms(self, slot, now):
        if not self._known[slot]:
            return AGE_MAX_MS
        age_ms = self._diff(now, self._ticks[slot])
        return age_ms if 0 <= age_ms < AGE_MAX_MS else AGE_MAX_MS if age_ms > 0 else 0

    def _refresh_time(self):
        clock = self._clock
        status = self._status
        status[UNIX_S] = clock.unix_high
        status[UNIX_S + 1] = clock.unix_low
        status[UNIX_S + 2] = clock.unix_ms
        status[UNIX_S + 3] = clock.quality()
        status[UPTIME_S] = clock.up_s >> 16
        status[UPTIME_S + 1] = clock.up_s & 0xFFFF

    def _depth_mm(self, value):
        if self._level_is_gap:
            return self._level_zero_mm - value
        return value + self._level_zero_mm

    def _put_slot(self, slot, value, flags):
        at = NOW_SLOTS + slot * SLOT_REGISTERS
        _store(self._now, at, 2, value)
        self._now[at + 2] = flags
        self._now[at + SLOT_AGE] = AGE_MAX_MS


def _store(words, at, count, value):
    """`value` into `count` words, high word first; what does not fit wraps."""
    for i in range(count - 1, -1, -1):
        words[at + i] = value & 0xFFFF
        value >>= 16
