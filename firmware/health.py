"""The board's own health: what survives a reset, when the flash may be written, the watchdog's supervisor, and the
counters of the status block.

Rules of this file: the watchdog is fed only while every task has done its work lately; kept memory carries its CRC, and
what does not fit its CRC or the log's epoch counts as lost; whoever writes flash asks FlashGuard before.
"""

import gc
import io
import struct
import sys
from binascii import crc32

from hal import BROWN_OUT, DEEP_SLEEP, POWER, WATCHDOG

from wire import registers

TASK_LIMIT_MS = 5_000  # Below every port's watchdog (hal): a task that is quieter than this is dead.
_KEPT = ">IHHIIIiHIHIHHIh"
NO_RAIN = -1
_NO_WAKE = (0, 0, 0, 0, 0, 0, 0)
WORDS_BYTES = 16  # Of the register last_words.

# What the program is at, noted in kept memory: the last words of a program that hangs. Drivers follow from DRIVER on.
IDLE, START, LINK, SAMPLER, LOG, UPDATE = range(6)
_PLACES = ("", "start", "link", "sampler", "log", "update")
DRIVER = 16

BACK_PERCENT = 5  # So far above its limit the supply must come before the flash is written again.
FED_MV_MIN = 2_500  # A chip that runs is not fed by less than this: what measures less is not connected.
HEAP_BYTES_MAX = 0x3FFFFFFF  # No board has so much.
UNKNOWN_SCANS = 5  # A supply that was not measured for so long forbids nothing.


class Kept:
    """What lives in memory that survives a reset: epoch, boot, bites, watermarks, cumulative rain; and the last words.

    `fits` says whether the memory held it for the log's epoch; `rain_um` is None if no rain was kept. `words`: what
    the reset before this start was due to. `drivers`: their names, as their numbers are noted. `slept`: what the clock
    was to show at the wake from which this start comes, and what the sleeper kept; None if it comes from no sleep.
    """

    def __init__(self, keep, log, cause: int, drivers: tuple = ()):
        self._keep = keep
        self._log = log
        self.rain_um = None
        self.low_mv = 0  # The supply when it fell below its limit; 0 = it did not, or has come back.
        self.words = ""
        self.last_words = ""  # Of this run, for the next.
        self.boot = log.boot
        self.slept = None
        self._wake = _NO_WAKE
        self.fits = self._load()
        if cause == DEEP_SLEEP and self.fits and self._wake[0]:
            self.slept = self._wake  # Boot and uptime go on: the time of a row that never knew it can still be found.
        else:
            self.boot = self.boot % 0xFFFF + 1
        self._wake = _NO_WAKE
        if cause == WATCHDOG:
            log.bites += 1
            if not self.words or keep.noted == START:  # Words of a run before the one that came no further.
                self.words = ("hang " + _place(keep.noted, drivers)).strip()
        elif cause == BROWN_OUT and self.low_mv:
            self.words = "supply %d mV" % self.low_mv
        self.low_mv = 0
        self.save()

    def note(self, place: int) -> None:
        """The program is at `place` now. Allocates nothing."""
        self._keep.note(place)

    def lie_down(self, shown: tuple, kept: tuple) -> None:
        """The board is to sleep until the clock shows `shown` (Clock.after). `kept`: three numbers of the sleeper."""
        self._wake = shown + kept
        self.save()

    def save(self) -> None:
        """Write through; cheap, it is no flash."""
        log = self._log
        rain_um = NO_RAIN if self.rain_um is None else self.rain_um
        marks = (log.epoch, self.boot, log.bites, log.gateway_has, log.center_has, log.overwritten)
        _put(self._keep, self.last_words, struct.pack(_KEPT, *marks, rain_um, self.low_mv, *self._wake))

    def _load(self):
        self.words, body = _get(self._keep)
        if len(body) != struct.calcsize(_KEPT):
            return False
        fields = struct.unpack(_KEPT, body)
        epoch, boot, bites, gateway, center, overwritten, rain_um, self.low_mv = fields[:8]
        self._wake = fields[8:]
        log = self._log
        if epoch != log.epoch or not log.acknowledge(epoch, gateway, center):
            return False
        self.boot = max(boot, self.boot)
        log.bites = max(log.bites, bites)
        log.overwritten = max(log.overwritten, overwritten)
        self.rain_um = None if rain_um == NO_RAIN else rain_um
        return True


def leave_words(keep, words: str) -> None:
    """`words` are what the next start says of this run's end; what else is kept stays."""
    _put(keep, words, _get(keep)[1])


def words_of(error: Exception) -> str:
    """Where `error` was raised and what it is, as far as the register carries it: "sampler:130 OSEr".

    One that brings its own `words` is told by them.
    """
    if hasattr(error, "words"):
        return error.words  # pyright: ignore[reportAttributeAccessIssue]
    place = ""
    if hasattr(sys, "print_exception"):
        trace = io.StringIO()
        sys.print_exception(error, trace)  # pyright: ignore[reportAttributeAccessIssue, reportArgumentType]
        place = place_of(trace.getvalue())  # pyright: ignore[reportAttributeAccessIssue]
    return (place + type(error).__name__)[:WORDS_BYTES]


def place_of(trace: str) -> str:
    """Return "module:line " of the innermost place that a traceback names, "" if it names none."""
    place = ""
    for line in trace.split("\n"):
        parts = line.split('"')
        if len(parts) == 3 and parts[2].startswith(", line "):
            number = parts[2][len(", line ") :].split(",")[0].strip()
            file = parts[1].split("/")[-1]  # "sampler" or "wire.row" where it was compiled, else a path.
            place = "%s:%s " % (file[:-3] if file.endswith(".py") else file.split(".")[-1], number)
    return place


def _place(noted, drivers):
    if noted >= DRIVER:
        return drivers[noted - DRIVER] if noted - DRIVER < len(drivers) else "driver"
    return _PLACES[noted] if noted < len(_PLACES) else "?"


def _get(keep):
    """(last words, what else is kept); ("", b"") where the CRC does not fit."""
    data = keep.get()
    if len(data) < WORDS_BYTES + 4 or crc32(data[:-4]) & 0xFFFFFFFF != struct.unpack(">I", data[-4:])[0]:
        return "", b""
    return data[:WORDS_BYTES].rstrip(b"\0").decode(), data[WORDS_BYTES:-4]


def _put(keep, words, body):
    data = padded(words) + body
    keep.put(data + struct.pack(">I", crc32(data) & 0xFFFFFFFF))


def padded(words: str) -> bytes:
    """`words` as the register holds them: WORDS_BYTES ASCII bytes, zeros behind."""
    known = bytes(code if 32 <= code < 127 else 63 for code in words.encode())[:WORDS_BYTES]
    return known + b"\0" * (WORDS_BYTES - len(known))


class FlashGuard:
    """May the flash be written? Not while the supply is below `limit_mv` (0 = no limit) until it is BACK_PERCENT above.

    After power-on (`cause`) nothing is written before the supply was measured and stands so high.
    """

    def __init__(self, limit_mv: int, cause: int):
        self._limit_mv = limit_mv
        self._back_mv = limit_mv + limit_mv * BACK_PERCENT // 100
        self._enough_mv = self._back_mv if cause in (POWER, BROWN_OUT) else limit_mv
        self._unknown = 0
        self._open = limit_mv == 0

    def may_write(self) -> bool:
        return self._open

    def judge(self, supply_mv: int) -> bool:
        """The supply was `supply_mv` at this scan, 0 = not measured; True if the answer of may_write() changes."""
        before = self._open
        if not self._limit_mv:
            return False
        if supply_mv < FED_MV_MIN:
            self._unknown = min(self._unknown + 1, UNKNOWN_SCANS)
            self._open = self._open or self._unknown == UNKNOWN_SCANS
        else:
            self._unknown = 0
            if supply_mv < self._limit_mv:
                self._open = False
                self._enough_mv = self._back_mv
            elif supply_mv >= self._enough_mv:
                self._open = True
        return self._open != before


class Supervisor:
    """Feeds the watchdog while every task reported within its limit; leaves the dead task's name as last words.

    `tasks`: (name, limit in ms) each.
    """

    def __init__(self, hal, kept, tasks: tuple):
        self._hal = hal
        self._kept = kept
        self._tasks = tasks
        self._seen = [hal.ticks_ms()] * len(tasks)
        self.dead = ""

    def alive(self, task: int, now: int) -> None:
        """Task number `task` did its work at ticks `now`."""
        self._seen[task] = now

    def feed(self, now: int) -> bool:
        """Feed the watchdog if nobody is dead; False if not fed."""
        i = 0
        while i < len(self._tasks):
            name, limit_ms = self._tasks[i]
            if self._hal.ticks_diff(now, self._seen[i]) > limit_ms:
                self._bury(name)
                return False
            i += 1
        self._hal.wdt_feed()
        return True

    def _bury(self, task):
        if self.dead:
            return
        self.dead = task
        self._kept.last_words = "idle " + task
        self._kept.save()


class Counters:
    """Puts counters into the bank: once a scan those that are cheap, once a row the heap."""

    def __init__(self, hal, bank, link, drivers: list):
        self._hal = hal
        self._bank = bank
        self._link = link
        self._drivers = drivers
        self.heap_low_bytes = HEAP_BYTES_MAX

    def each_scan(self, sampler) -> None:
        bank = self._bank
        bank.put_long(registers.SCANS, sampler.scans)
        bank.put(registers.SCAN_MS_MAX, min(sampler.scan_ms_max, 0xFFFF))
        bank.put_long(registers.SCANS_SKIPPED, sampler.scans_skipped)
        bank.put(registers.SUPPLY_MV, max(0, min(sampler.supply_mv, 0xFFFF)))
        bank.put(registers.ROW_ERRORS, sampler.row_errors)
        bank.put(registers.ROWS_WITHHELD, sampler.rows_withheld)
        self._link.fill(bank)
        bank.put(registers.SENSOR_ERRORS, self.sensor_errors())
        bank.put_long(registers.HEAP_LOW_BYTES, self.heap_low_bytes)

    def each_row(self) -> None:
        """Free heap after a collection: what is really in use."""
        gc.collect()
        self.heap_low_bytes = min(self.heap_low_bytes, self._hal.free_heap())

    def sensor_errors(self) -> int:
        return sum(driver.errors for driver in self._drivers)
