"""A sensor board: reads board.json, builds its parts, and turns one loop for ever.

Rules of this file: one loop, no tasks; every turn first answers the line, then samples; the watchdog is fed at its end.
What the program is at is noted before it begins: a hang leaves no time for last words.
A board.json that is wrong stops the start with the name of its key.
"""

import json
import sys

from bank import VERSION, Bank
from board_log import BoardLog
from clock import Clock
from hal import RESET, open_hal
from health import (
    IDLE,
    LINK,
    LOG,
    SAMPLER,
    START,
    TASK_LIMIT_MS,
    Counters,
    FlashGuard,
    Kept,
    Supervisor,
    leave_words,
    padded,
    words_of,
)
from sampler import Sampler, codes_of

from wire.registers import SLOTS
from wire.row import crc_of

LINK_TASK, SAMPLER_TASK = 0, 1
SCANS_LATE_MAX = 3
SUPPLY_LIMIT_MV_MOST = 60_000
WAIT_MS_MAX = 1_000  # Every task is seen at least so often.
SCAN_MS_LEAST = 100
SCAN_MS_MOST = 60_000
ROW_S_MOST = 3_600
WAKE_S_MAX = 86_400
WAKES_MAX = 1_000


class DefinitionError(ValueError):
    """A board.json that cannot be obeyed: `key` and why."""

    def __init__(self, key, reason):
        super().__init__("board.json: %s: %s" % (key, reason))
        self.key = key
        self.reason = reason


class Board:
    """All parts of one board, joined. `turn()` is one turn of the loop."""

    def __init__(self, hal, definition: dict):
        _check(definition)
        self.hal = hal
        self._clock = clock = Clock(hal)
        cause = hal.reset_cause()
        self._guard = FlashGuard(definition.get("supply_limit_mv", 0), cause)
        flash = hal.blocks("log", definition["log_blocks"])
        self._log = BoardLog(flash, _fresh_epoch(hal), self._guard.may_write(), hal.wdt_feed)
        names = tuple(sensor.get("driver", "") for sensor in definition["sensors"])
        self._kept = Kept(hal.keep, self._log, cause, names)
        self._kept.note(START)
        if self._kept.slept:
            clock.resume(self._kept.slept, hal.awake_ms())
        self._drivers = [_driver(sensor, hal) for sensor in definition["sensors"]]
        names = [name for driver in self._drivers for name in driver.quantities]
        if len(names) > SLOTS:
            raise DefinitionError("sensors", "%d channels, a board has %d" % (len(names), SLOTS))
        self._bank = Bank(
            codes_of(names), definition.get("sl651") or {}, definition["scan_ms"], self._clock, hal.ticks_diff
        )
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
        late_ms = max(TASK_LIMIT_MS, SCANS_LATE_MAX * definition["scan_ms"])
        self._supervisor = Supervisor(hal, self._kept, (("link", TASK_LIMIT_MS), ("sampler", late_ms)))
        self._counters = Counters(hal, self._bank, self._link, self._drivers)
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
        note(IDLE)
        if sleeper is not None:
            sleep_ms = sleeper.poll()
            if sleep_ms:
                hal.sleep(sleep_ms)
        self._supervisor.feed(now)
        wait_ms = min(self._sampler.wait_ms(hal.ticks_ms()), WAIT_MS_MAX)
        link_ms = self._link.wait_ms()
        return wait_ms if link_ms < 0 else min(wait_ms, link_ms)

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


def _check(definition):
    """DefinitionError for what the other parts take for granted."""
    for key in ("type", "definition", "link", "scan_ms", "row_s", "log_blocks", "sensors"):
        if key not in definition:
            raise DefinitionError(key, "missing")
    _check_link(definition["link"])
    if not SCAN_MS_LEAST <= definition["scan_ms"] <= SCAN_MS_MOST:
        raise DefinitionError("scan_ms", "%d..%d" % (SCAN_MS_LEAST, SCAN_MS_MOST))
    if not 1 <= definition["row_s"] <= ROW_S_MOST or definition["row_s"] * 1000 < definition["scan_ms"]:
        raise DefinitionError("row_s", "1..%d, and a scan or longer" % ROW_S_MOST)
    if definition.get("sleep"):
        _check_sleep(definition)
    limit_mv = definition.get("supply_limit_mv", 0)
    if not 0 <= limit_mv <= SUPPLY_LIMIT_MV_MOST:
        raise DefinitionError("supply_limit_mv", "0..%d" % SUPPLY_LIMIT_MV_MOST)
    if limit_mv and not any(sensor.get("driver") == "supply" for sensor in definition["sensors"]):
        raise DefinitionError("supply_limit_mv", "nothing measures the supply")


def _check_sleep(definition):
    """A board on a line is asked at any time, so only one on Wi-Fi sleeps; and it wakes for whole rows."""
    plan = definition["sleep"]
    if definition["link"].get("kind") != "mqtt":
        raise DefinitionError("sleep", "only with link.kind mqtt")
    if not 0 < plan.get("wake_s", 0) <= WAKE_S_MAX or plan["wake_s"] % definition["row_s"]:
        raise DefinitionError("sleep.wake_s", "a multiple of row_s, up to %d" % WAKE_S_MAX)
    if not 0 < plan.get("report_every", 0) <= WAKES_MAX:
        raise DefinitionError("sleep.report_every", "1..%d" % WAKES_MAX)


def _check_link(link):
    if link.get("kind") == "mqtt":
        for key in ("host", "port", "station"):
            if not link.get(key):
                raise DefinitionError("link." + key, "missing")
        parts = link["host"].split(".")
        if len(parts) != 4 or not all(part.isdigit() for part in parts):
            raise DefinitionError("link.host", "an IPv4 address: a board looks up no names")
    elif link.get("kind") != "rs485":
        raise DefinitionError("link.kind", "rs485 or mqtt")
    elif not 1 <= link.get("address", 0) <= 247:
        raise DefinitionError("link.address", "1..247")


def _driver(sensor, hal):
    """The driver that `sensor` names, with its pins. DefinitionError if there is none."""
    name = sensor.get("driver", "")
    try:
        module = __import__("drivers." + name, None, None, ("make",))
    except ImportError:
        raise DefinitionError("sensors.driver", "no driver %r" % name)
    driver = module.make(sensor, hal)
    if list(driver.quantities) != list(sensor.get("channels", driver.quantities)):
        raise DefinitionError("sensors.channels", "%s gives %s" % (name, list(driver.quantities)))
    return driver


def _fresh_epoch(hal):
    """A random epoch, used if the log has to be formatted; 0 and all ones are what an empty flash looks like."""
    epoch = int.from_bytes(hal.random(4), "big")
    return epoch if 0 < epoch < 0xFFFFFFFF else 1


def main(argv: list) -> None:
    """Start the board that `argv` describes (hal.posix: Hal.from_arguments)."""
    hal = open_hal(argv)
    try:
        hal.keep.note(START)
        with open(hal.board_path) as file:
            definition = json.load(file)
        Board(hal, definition).run()
    except Exception as error:
        leave_words(hal.keep, words_of(error))
        hal.keep.end(RESET)
        raise


if __name__ == "__main__":
    main(sys.argv)
