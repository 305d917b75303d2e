"""The board's own health: what survives a reset, the watchdog's supervisor, and the counters of the status block.

Rules of this file: the watchdog is fed only while every task has been alive lately; kept memory carries its CRC, and
what does not fit its CRC or the log's epoch counts as lost.
"""

import gc
import struct
from binascii import crc32

from hal import WATCHDOG

TASK_LIMIT_MS = 5_000  # Below every port's watchdog (hal): a task that is quieter than this is dead.
_KEPT = ">IHHIIIi"
NO_RAIN = -1
LAST_WORDS_MAX = 40


class Kept:
    """What lives in memory that survives a reset: epoch, boot, bites, watermarks, cumulative rain; and the last words.

    `fits` says whether the memory held it for the log's epoch; `rain_um` is None if no rain was kept.
    """

    def __init__(self, keep, log, cause: int):
        self._keep = keep
        self._log = log
        self.rain_um = None
        self.last_words = ""
        self.boot = log.boot
        self.fits = self._load()
        self.boot = self.boot % 0xFFFF + 1
        if cause == WATCHDOG:
            log.bites += 1
        self.save()

    def save(self) -> None:
        """Write through; cheap, it is no flash."""
        log = self._log
        rain_um = NO_RAIN if self.rain_um is None else self.rain_um
        words = self.last_words.encode()[:LAST_WORDS_MAX]
        data = struct.pack(
            _KEPT, log.epoch, self.boot, log.bites, log.gateway_has, log.center_has, log.overwritten, rain_um
        )
        data += words
        self._keep.put(data + struct.pack(">I", crc32(data) & 0xFFFFFFFF))

    def _load(self):
        data = self._keep.get()
        size = struct.calcsize(_KEPT)
        if len(data) < size + 4 or crc32(data[:-4]) & 0xFFFFFFFF != struct.unpack(">I", data[-4:])[0]:
            return False
        epoch, boot, bites, gateway, center, overwritten, rain_um = struct.unpack(_KEPT, data[:size])
        log = self._log
        if epoch != log.epoch or not log.acknowledge(epoch, gateway, center):
            return False
        self.boot = max(boot, self.boot)
        self.last_words = data[size:-4].decode()
        log.bites = max(log.bites, bites)
        log.overwritten = max(log.overwritten, overwritten)
        self.rain_um = None if rain_um == NO_RAIN else rain_um
        return True


class Supervisor:
    """Feeds the watchdog while every task reported within TASK_LIMIT_MS; leaves the dead task's name as last words."""

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
            if self._hal.ticks_diff(now, self._seen[i]) > TASK_LIMIT_MS:
                self._bury(self._tasks[i])
                return False
            i += 1
        self._hal.wdt_feed()
        return True

    def _bury(self, task):
        if self.dead:
            return
        self.dead = task
        self._kept.last_words = task
        self._kept.save()


class Counters:
    """Puts counters into the bank: once a scan those that are cheap, once a row the heap."""

    def __init__(self, hal, bank, link, drivers: list):
        self._hal = hal
        self._bank = bank
        self._link = link
        self._drivers = drivers
        gc.collect()  # What only the start needed does not count.
        self.heap_low_bytes = hal.free_heap()

    def each_scan(self, sampler) -> None:
        bank = self._bank
        bank.put_now("scans", sampler.scans)
        bank.put("scan_ms_max", min(sampler.scan_ms_max, 0xFFFF))
        bank.put("scans_skipped", sampler.scans_skipped)
        bank.put("supply_mv", max(0, min(sampler.supply_mv, 0xFFFF)))
        self._link.fill(bank)
        bank.put("sensor_errors", self.sensor_errors())
        bank.put("heap_low_bytes", self.heap_low_bytes)

    def each_row(self) -> None:
        """Free heap after a collection: what is really in use."""
        gc.collect()
        self.heap_low_bytes = min(self.heap_low_bytes, self._hal.free_heap())

    def sensor_errors(self) -> int:
        return sum(driver.errors for driver in self._drivers)
