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
    """All parts of one board, joined; stats.py looks at them. `turn()` is one turn of the loop."""

    def __init__(self, hal, slots, clock, guard, log, kept, bank, sampler, link, update, sleeper=None):
        self.hal = hal
        self.slots = slots
        self.clock = clock
        self.guard = guard
        self.log = log
        self.kept = kept
        self.bank = bank
        self.sampler = sampler
        self.link = link
        self.update = update
        self.sleeper = sleeper
        late_ms = max(TASK_LIMIT_MS, SCANS_LATE_MAX * sampler.scan_ms)
        self._supervisor = Supervisor(hal, kept, (("link", TASK_LIMIT_MS), ("sampler", late_ms)))
        self.counters = Counters(hal, bank, link, sampler.drivers)
        self._proof = Proof(slots, log, sampler.width, sampler.row_s)
        self._row_made = False
        self._acked = False
        self._fill_slot()
        sampler.on_row = self._row_written
        link.on_acknowledge = self._acknowledged
        link.serve_update(update)
        hal.board = self

    def run(self) -> None:
        """Work until the power goes or the watchdog bites."""
        self.counters.each_row()  # What only the start needed does not count.
        self.hal.report({"ready": {"boot": self.kept.boot, "epoch": self.log.epoch}})
        while True:
            self.hal.wait(self.turn())

    def turn(self) -> int:
        """One turn; returns the milliseconds until the next must come, if nothing happens before."""
        hal, note = self.hal, self.kept.note
        now = hal.ticks_ms()
        self.clock.tick(now)
        note(LINK)
        sleeper = self.sleeper
        if sleeper is None or sleeper.linked:
            self.link.poll(now)
        self._supervisor.alive(LINK_TASK, now)
        note(SAMPLER)
        if self.sampler.poll(now):
            self._supervisor.alive(SAMPLER_TASK, now)
            self.link.scanned()
            note(LOG)
            self._after_scan()
            if sleeper is not None:
                sleeper.scanned(now)
        note(UPDATE)
        update_ms = self.update.work()
        if self.update.restart_due:
            self.kept.save()
            hal.reset(RESET)
        note(IDLE)
        # What has to prove itself stays awake until it has, and so does what verifies a package.
        if sleeper is not None and update_ms < 0 and not self.slots.trial:
            sleep_ms = sleeper.poll()
            if sleep_ms:
                self._proof.rest(self.guard.may_write())
                hal.sleep(sleep_ms)
        self._supervisor.feed(now)
        wait_ms = min(self.sampler.wait_ms(hal.ticks_ms()), WAIT_MS_MAX)
        for ms in (update_ms, self.link.wait_ms()):
            if 0 <= ms < wait_ms:
                wait_ms = ms
        return wait_ms

    def _after_scan(self):
        """What is slow or cheap to put off: erasing ahead, collecting, counters."""
        if self._acked:
            self._acked = False
            self.bank.set_log(self.log)
            self.kept.save()
        if self._row_made:
            self._row_made = False
            self.counters.each_row()
        if self.guard.may_write() and self.log.tend():
            self.bank.set_log(self.log)
        self.counters.each_scan(self.sampler)
        bad = self.bank.without_reading()
        if self._proof.look(bad, self.link.heard(), self.clock.up_s, self.guard.may_write()):
            self.hal.reset(RESET)
        self._fill_slot()

    def _row_written(self, seq: int, packed: bytes) -> None:
        self._row_made = True
        self._proof.row_written(seq, packed)
        self.hal.report({"row": [self.log.epoch, seq, crc_of(packed)]})

    def _acknowledged(self):
        self._acked = True

    def _fill_slot(self):
        self.bank.put(registers.SLOT, self.update.slot_word)
        self.bank.put(registers.FAILED_STARTS, self.slots.failed_starts)
