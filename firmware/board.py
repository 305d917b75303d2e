"""The board at work: all its parts, and the one loop that turns for ever.

Rules of this file: one loop, no tasks; every turn first answers the line, then samples; the watchdog is fed at its end.
What the program is at is noted before it begins: a hang leaves no time for last words.
"""

from hal import RESET
from health import IDLE, LINK, LOG, SAMPLER, TASK_LIMIT_MS, UPDATE, Counters, Supervisor
from proof import Proof

from wire import registers
from wire.row_pack import crc_of

LINK_TASK, SAMPLER_TASK = 0, 1
SCANS_LATE_MAX = 3
WAIT_MS_MAX = 1_000  # Every task is seen at least so often.


class Board:
    """All parts of one board, joined. `turn()` is one turn of the loop."""

    def __init__(self, hal, slots, clock, guard, log, kept, bank, sampler, link, update, sleeper=None):
        self.hal = hal
        self._slots = slots
        self._clock = clock
        self._guard = guard
        self._log = log
        self._kept = kept
        self._bank = bank
        self._sampler = sampler
        self._link = link
        self._update = update
        self._sleeper = sleeper
        late_ms = max(TASK_LIMIT_MS, SCANS_LATE_MAX * sampler.scan_ms)
        self._supervisor = Supervisor(hal, kept, (("link", TASK_LIMIT_MS), ("sampler", late_ms)))
        self._counters = Counters(hal, bank, link, sampler.drivers)
        self._proof = Proof(slots, log, sampler.width, sampler.row_s)
        self._row_made = False
        self._acked = False
        self._fill_slot()
        sampler.on_row = self._row_written
        link.on_acknowledge = self._acknowledged
        link.serve_update(update)
        hal.on_stats = self.stats

    def run(self) -> None:
        """Work until the power goes or the watchdog bites."""
        self._counters.each_row()  # What only the start needed does not count.
        self.hal.report({"ready": {"boot": self._kept.boot, "epoch": self._log.epoch}})
        while True:
            self.hal.wait(self.turn())

    def turn(self) -> int:
        """One turn; returns the milliseconds until the next must come, if nothing happens before."""
        hal, note = self.hal, self._kept.note
        now = hal.ticks_ms()
        self._clock.tick(now)
        note(LINK)
        sleeper = self._sleeper
        if sleeper is None or sleeper.linked:
            self._link.poll(now)
        self._supervisor.alive(LINK_TASK, now)
        note(SAMPLER)
        if self._sampler.poll(now):
            self._supervisor.alive(SAMPLER_TASK, now)
            self._link.scanned()
            note(LOG)
            self._after_scan()
            if sleeper is not None:
                sleeper.scanned(now)
        note(UPDATE)
        update_ms = self._update.work()
        if self._update.restart_due:
            self._kept.save()
            hal.reset(RESET)
        note(IDLE)
        # What has to prove itself stays awake until it has, and so does what verifies a package.
        if sleeper is not None and update_ms < 0 and not self._slots.trial:
            sleep_ms = sleeper.poll()
            if sleep_ms:
                self._proof.rest(self._guard.may_write())
                hal.sleep(sleep_ms)
        self._supervisor.feed(now)
        wait_ms = min(self._sampler.wait_ms(hal.ticks_ms()), WAIT_MS_MAX)
        for ms in (update_ms, self._link.wait_ms()):
            if 0 <= ms < wait_ms:
                wait_ms = ms
        return wait_ms

    def stats(self) -> dict:
        """Counters for the rig."""
        sampler, log = self._sampler, self._log
        stats = self._link.stats()
        own = {
            "scans": sampler.scans,
            "scans_skipped": sampler.scans_skipped,
            "scan_ms_max": sampler.scan_ms_max,
            "row_errors": sampler.row_errors,
            "rows_withheld": sampler.rows_withheld,
            "last_words": self._kept.words,
            "slot": self._slots.running,
            "trial": self._slots.trial,
            "sensor_errors": self._counters.sensor_errors(),
            "tail": log.tail,
            "head": log.head,
            "gateway_has": log.gateway_has,
            "center_has": log.center_has,
            "overwritten": log.overwritten,
            "damaged": log.damaged,
            "boot": self._kept.boot,
            "bites": log.bites,
            "clock_steps": self._clock.steps,
            "heap_low": self._counters.heap_low_bytes,
        }
        stats.update(own)
        if self._sleeper is not None:
            stats["reports"] = self._sleeper.reports
            stats["given_up"] = self._sleeper.given_up
        return stats

    def _after_scan(self):
        """What is slow or cheap to put off: erasing ahead, collecting, counters."""
        if self._acked:
            self._acked = False
            self._bank.set_log(self._log)
            self._kept.save()
        if self._row_made:
            self._row_made = False
            self._counters.each_row()
        if self._guard.may_write() and self._log.tend():
            self._bank.set_log(self._log)
        self._counters.each_scan(self._sampler)
        bad = self._bank.without_reading()
        if self._proof.look(bad, self._link.heard(), self._clock.up_s, self._guard.may_write()):
            self.hal.reset(RESET)
        self._fill_slot()

    def _row_written(self, seq: int, packed: bytes) -> None:
        self._row_made = True
        self._proof.row_written(seq, packed)
        self.hal.report({"row": [self._log.epoch, seq, crc_of(packed)]})

    def _acknowledged(self):
        self._acked = True

    def _fill_slot(self):
        self._bank.put(registers.SLOT, self._update.slot_word)
        self._bank.put(registers.FAILED_STARTS, self._slots.failed_starts)
