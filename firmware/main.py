"""A sensor board: reads board.json, builds its parts, and turns one loop for ever.

Rules of this file: one loop, no tasks; every turn first answers the line, then samples; the watchdog is fed at its end.
What the program is at is noted before it begins: a hang leaves no time for last words.
A board.json that cannot be obeyed stops no board: the copy before it is taken, or the safe application comes, which is
this program without sensors. It has the line or broker, the log, acknowledgements, status and updates.
"""

import sys

from bank import VERSION, Bank
from board_json import DefinitionError, copies, factory, parse
from board_log import BoardLog
from clock import Clock
from hal import CRASH, DEEP_SLEEP, RESET, UNFIT, family, open_hal
from health import (
    IDLE,
    LINK,
    LOG,
    SAMPLER,
    START,
    TASK_LIMIT_MS,
    UPDATE,
    Counters,
    FlashGuard,
    Kept,
    Supervisor,
    leave_words,
    padded,
    words_of,
)
from proof import Proof
from sampler import Sampler, codes_of
from slots import SAFE, Slots
from update import Update, key_of

from wire.registers import SLOTS
from wire.row import crc_of

LINK_TASK, SAMPLER_TASK = 0, 1
SCANS_LATE_MAX = 3
WAIT_MS_MAX = 1_000  # Every task is seen at least so often.


class Board:
    """All parts of one board, joined. `turn()` is one turn of the loop.

    `wrong`: the key for which a newer board.json was not obeyed. DefinitionError where this one cannot be.
    """

    def __init__(self, hal, definition: dict, slots, wrong: str = ""):
        self.hal = hal
        self._slots = slots
        self._clock = Clock(hal)
        cause = hal.reset_cause()
        awake_ms = hal.awake_ms() if cause == DEEP_SLEEP else 0  # Now: the clock counts what passes from here on.
        self._guard = FlashGuard(definition.get("supply_limit_mv", 0), cause)
        self._log = _open_log(hal, definition["log_blocks"], self._guard.may_write())
        hal.keep.note(START)
        self._drivers = [_driver(sensor, hal) for sensor in definition["sensors"]]
        names = [name for driver in self._drivers for name in driver.quantities]
        sl651 = definition.get("sl651") or {}
        _check_columns(names, sl651)
        drivers = tuple(sensor["driver"] for sensor in definition["sensors"])
        self._kept = Kept(hal.keep, self._log, cause, drivers)  # Counts the start: nothing behind it is refused.
        self._kept.words = ("board " + wrong) if wrong else self._kept.words
        if self._kept.slept:
            self._clock.resume(self._kept.slept, awake_ms)
        self._bank = Bank(codes_of(names), sl651, definition["scan_ms"], self._clock, hal.ticks_diff)
        self._sampler = Sampler(
            hal,
            self._clock,
            self._log,
            self._bank,
            self._kept,
            self._guard,
            self._drivers,
            definition["scan_ms"],
            definition["row_s"],
        )
        self._sampler.on_row = self._row_written
        self._link = self._open_link(definition)
        self._sleeper = self._open_sleeper(definition)
        key = key_of(definition.get("update_key"))
        self._update = Update(hal, slots, self._bank, key, family(), self._guard.may_write)
        self._link.serve_update(self._update)
        late_ms = max(TASK_LIMIT_MS, SCANS_LATE_MAX * definition["scan_ms"])
        self._supervisor = Supervisor(hal, self._kept, (("link", TASK_LIMIT_MS), ("sampler", late_ms)))
        self._counters = Counters(hal, self._bank, self._link, self._drivers)
        self._proof = Proof(slots, self._log, len(names), definition["row_s"])
        self._row_made = False
        self._acked = False
        self._fill_bank(definition)
        hal.on_stats = self.stats

    def run(self) -> None:
        """Work until the power goes or the watchdog bites."""
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

    def _open_link(self, definition):
        """The board's only way out; what the other kind needs is not loaded."""
        hal, link = self.hal, definition["link"]
        if link["kind"] == "mqtt":
            from links.mqtt import Mqtt

            mqtt = Mqtt(hal, link, self._bank, self._log, self._clock, self._acknowledged)
            mqtt.identify_as(bytes.fromhex(definition["definition"])[:8], self._kept.boot)
            return mqtt
        from links.rs485 import Rs485

        rs485 = Rs485(hal.bus(), link, self._bank, self._log, self._clock, self._acknowledged)
        rs485.identify_as(definition["type"], hal.unique_id())
        return rs485

    def _open_sleeper(self, definition):
        """What lets the board sleep, where its definition has such a plan."""
        plan = definition.get("sleep")
        if not plan:
            return None
        from sleeper import Sleeper

        parts = (self._clock, self._kept, self._sampler, self._bank, self._link)
        return Sleeper(self.hal, plan, *parts, definition["scan_ms"])

    def _row_written(self, seq: int, packed: bytes) -> None:
        self._row_made = True
        self._proof.row_written(seq, packed)
        self.hal.report({"row": [self._log.epoch, seq, crc_of(packed)]})

    def _acknowledged(self):
        self._acked = True

    def _fill_bank(self, definition):
        bank = self._bank
        bank.put_text("serial", self.hal.unique_id())
        bank.put("version_major_minor", VERSION[0] << 8 | VERSION[1])
        bank.put("version_patch", VERSION[2])
        bank.put_text("definition", bytes.fromhex(definition["definition"])[:8])
        bank.put("boot", self._kept.boot)
        bank.put("reset_cause", self.hal.reset_cause())
        bank.put("watchdog_bites", self._log.bites)
        bank.put_text("last_words", padded(self._kept.words))
        bank.set_log(self._log)
        self._fill_slot()

    def _fill_slot(self):
        self._bank.put("slot", self._update.slot_word)
        self._bank.put("failed_starts", self._slots.failed_starts)


def _driver(sensor, hal):
    """The driver that `sensor` names, with its pins. DefinitionError if there is none."""
    name = sensor.get("driver", "")
    try:
        module = __import__("drivers." + name, None, None, ("make",))
    except ImportError:
        raise DefinitionError("sensors.driver", "no driver %r" % name)
    try:
        driver = module.make(sensor, hal)
        channels = list(sensor.get("channels", driver.quantities))
    except (ArithmeticError, AttributeError, LookupError, OSError, TypeError, ValueError) as error:
        raise DefinitionError("sensors." + name, repr(error))
    if list(driver.quantities) != channels:
        raise DefinitionError("sensors.channels", "%s gives %s" % (name, list(driver.quantities)))
    return driver


def _check_columns(names, sl651):
    if len(names) > SLOTS:
        raise DefinitionError("sensors", "%d channels, a board has %d" % (len(names), SLOTS))
    for key in ("rain", "level"):
        if sl651.get(key) is not None and sl651[key] >= len(names):
            raise DefinitionError("sl651." + key, "there is no column %d" % sl651[key])


def _open_log(hal, blocks, may_write):
    """The board's log. DefinitionError for a size that the flash cannot have."""
    try:
        flash = hal.blocks("log", blocks)
    except OSError as error:
        raise DefinitionError("log_blocks", str(error))
    try:
        return BoardLog(flash, _fresh_epoch(hal), may_write, hal.wdt_feed)
    except ValueError as error:
        raise DefinitionError("log_blocks", str(error))


def _fresh_epoch(hal):
    """A random epoch, used if the log has to be formatted; 0 and all ones are what an empty flash looks like."""
    epoch = int.from_bytes(hal.random(4), "big")
    return epoch if 0 < epoch < 0xFFFFFFFF else 1


def open_board(hal, slots) -> Board:
    """The board as its newest board.json that can be obeyed wants it. DefinitionError where none can be.

    An application on trial obeys the newest or fails: the one before it may know how.
    """
    first = None
    for content in copies(hal.root):
        try:
            definition = parse(content, slots.running == SAFE)
            _use(hal, definition)
            return Board(hal, definition, slots, first.key if first else "")
        except DefinitionError as error:
            print(error)
            first = first or error
            if slots.trial:
                break
    first = first or DefinitionError("board.json", "missing")
    if slots.running != SAFE:
        raise first
    definition = factory(hal.root)
    _use(hal, definition)
    return Board(hal, definition, slots, first.key)


def _use(hal, definition):
    try:
        hal.use(definition)
    except (LookupError, OSError, TypeError, ValueError) as error:
        raise DefinitionError("ports", repr(error))


def main(argv: list, slot: str = "a", cause: "int | None" = None) -> None:
    """Start the board that `argv` describes (hal.posix: Hal.from_arguments) as the application `slot`, SAFE among them.

    `cause` of this start, if whoever calls was told it already.
    """
    hal = open_hal(argv, cause)
    try:
        hal.keep.note(START)
        slots = Slots(hal.root, slot)
        try:
            board = open_board(hal, slots)
        except DefinitionError as error:
            if slots.running == SAFE or slots.trial:
                raise
            leave_words(hal.keep, "board " + error.key)
            hal.reset(UNFIT)
            return
        board.run()
    except Exception as error:
        leave_words(hal.keep, "board " + error.key if isinstance(error, DefinitionError) else words_of(error))
        hal.keep.end(CRASH)
        raise


if __name__ == "__main__":
    main(sys.argv)
