"""A board of ours on the station's Wi-Fi: its now-values, whether it is there, which log it writes, its clock.

Rules of this file: no socket and no waiting. A message that was long under way is judged by when it was sent: the
board's own uptime in it says so, and nothing that lay in a buffer passes for the present. A board that sleeps is lost
when it has missed two reports; what it said is the present only while it is awake.
"""

from gateway.bus_link import Judge
from gateway.clock import Clock
from gateway.clock_steps import is_known
from gateway.config import Source
from gateway.local_messages import Rows, Slot, State
from gateway.points import NowValue
from wire.reading import FAIL, MISSING, NEVER, QUANTITY_CODES, in_range
from wire.registers import AGE_MAX_MS

LOST_SCANS = 5
LOST_MS_MIN = 5_000
LOST_REAL_MS = 1_000  # Link time is real: so long may a busy machine or a slow Wi-Fi take.
DRIFT_PART = 5_000  # 200 ppm: more than two crystals differ.
UPTIME_EVERY_MS = 60_000
CLOCK_EVERY_MS = 600_000
CLOCK_AGAIN_MS = 30_000
CLOCK_FIRST_MS = 2_000  # While it has no time at all.
CLOCK_OFF_MS = 250
CLOCK_OFF_REAL_MS = 20  # As much again for a busy machine, in real time.
CLOCK_STEP_MS = 5_000  # What it does not slew (firmware/clock.py) but steps at once.
CLOCK_MISSES = 5
REPORTS_MISSED = 2
LATE_MS = 60_000  # A report takes a start, a row and a connection; and its clock is no better than its sleep.


class Transit:
    """How long messages were under way: later than the quickest one so far, by the sender's clock."""

    def __init__(self) -> None:
        self._least_ms: int | None = None
        self._at_ms = 0

    def delay_ms(self, sent_ms: int, now_ms: int) -> int:
        """Of the message sent at `sent_ms` of the sender's uptime, taken at `now_ms` of ours."""
        apart_ms = now_ms - sent_ms
        drift_ms = (now_ms - self._at_ms) // DRIFT_PART
        if self._least_ms is None or apart_ms <= self._least_ms + drift_ms:
            self._least_ms, self._at_ms = apart_ms, now_ms
            return 0
        return apart_ms - self._least_ms - drift_ms


class WifiBoard:
    """What the gateway knows of the board `source`. `epoch` is None until it has spoken."""

    def __init__(self, source: Source, scan_ms: int, clock: Clock, judge: Judge) -> None:
        self.source = source
        self.serial = bytes.fromhex(source.serial)
        self.columns = tuple(channel.quantity for channel in source.channels)
        self.epoch: int | None = None
        self.lost = False
        self.clock_off_ms = 0
        self.definition: str | None = None  # that it runs, once it has said so
        self._codes = [QUANTITY_CODES[column] for column in self.columns]
        self._clock = clock
        self._judge = judge
        self._lost_ms = max(LOST_SCANS * scan_ms, LOST_MS_MIN)
        self._heard_ms = clock.mono_ms()
        self._report_ms = source.report_s * 1_000
        self._due_ms = self._heard_ms + self._report_ms  # When a board that sleeps reports next.
        self.asleep = False
        self._up_ms = 0
        self._boot = 0
        self._uptime_ms: int | None = None  # When its uptime was told last.
        self._transit = Transit()
        self._clock_ms: int | None = None  # When it was told the time last.
        self._clock_misses = 0
        judge.identify(source.name, self.serial)

    def birth(self, state: State) -> None:
        """It has come, or says again that it is there."""
        self._boot = state.boot
        self.definition = state.definition
        if self._report_ms:
            now_ms = self._clock.mono_ms()
            self._due_ms = now_ms + (state.next_ms or self._report_ms)
            self._transit = Transit()  # Its uptime went on by the clock of its sleep.
            if state.next_ms:
                self._rest()
            else:
                self._clock_ms = None  # It is told the time with each report.
        wanted = self.source.definition[:16]
        if wanted and state.definition != wanted:
            detail = f"runs board.json {state.definition}, station.toml means {wanted}; provision it again"
            self._judge.on_fault("sensor fault", self.source.name, detail)

    def death(self, why: str) -> None:
        """Its broker says that it is gone."""
        if self._report_ms:
            self._rest()  # Its connection broke while it was awake; it tries again at another wake.
        else:
            self._lose(why)

    def look(self, why: str) -> None:
        """Is it too long since it was heard?"""
        now_ms = self._clock.mono_ms()
        real_ms = int(LOST_REAL_MS * self._clock.rate())
        silent = now_ms - self._heard_ms > max(self._lost_ms, real_ms)
        if not self._report_ms:
            if silent:
                self._lose(why)
            return
        if silent:
            self._rest()
        missed_ms = (REPORTS_MISSED - 1) * self._report_ms
        if now_ms > max(self._due_ms, self._heard_ms) + missed_ms + LATE_MS + real_ms:
            self._lose(f"{why}: it has missed {REPORTS_MISSED} reports")

    def hear(self, message: Rows) -> bool:
        """Take the now-values; True if it writes another log than before, or was never heard."""
        name = self.source.name
        now_ms = self._clock.mono_ms()
        if message.up_ms < self._up_ms:
            self._transit = Transit()  # Started anew: its uptime counts from another moment.
        self._up_ms = message.up_ms
        delay_ms = self._transit.delay_ms(message.up_ms, now_ms)
        self._heard_ms = now_ms
        self.asleep = False
        if self._uptime_ms is None or now_ms - self._uptime_ms >= UPTIME_EVERY_MS:
            self._uptime_ms = now_ms
            self._judge.on_uptime(name, self.serial, self._boot, message.up_ms // 1_000, now_ms - delay_ms)
        self.clock_off_ms = 0 if message.unix_ms is None else message.unix_ms + delay_ms - self._clock.unix_ms()
        if message.now is not None:
            self._take_now(message.now, delay_ms)
        if self.lost:
            self.lost = False
            self._judge.on_back(name, now_ms)
        new = message.epoch != self.epoch
        self.epoch = message.epoch
        return new

    def needs_time(self, message: Rows) -> bool:
        """Should the answer to `message` tell it what time it is? Once True, then not again for a while."""
        now_ms = self._clock.mono_ms()
        if not is_known(self._clock.unix_ms()):
            return False
        never = message.time_quality == NEVER or message.unix_ms is None
        allowed_ms = CLOCK_OFF_MS + int(CLOCK_OFF_REAL_MS * self._clock.rate())
        wrong = never or abs(self.clock_off_ms) > allowed_ms
        wait_ms = CLOCK_FIRST_MS if never else CLOCK_AGAIN_MS if wrong else CLOCK_EVERY_MS
        if self._clock_ms is not None and now_ms - self._clock_ms < wait_ms:
            return False
        drifted = abs(self.clock_off_ms) > CLOCK_STEP_MS and not self._report_ms  # A sleep drifts as far, now and then.
        self._count_misses(never or drifted)
        self._clock_ms = now_ms
        return True

    def _count_misses(self, unset: bool) -> None:
        self._clock_misses = self._clock_misses + 1 if unset else 0
        if self._clock_misses == CLOCK_MISSES:
            self._judge.on_fault("sensor fault", self.source.name, "its clock does not take the time that is sent")

    def _rest(self) -> None:
        """It sleeps, or is about to: what it said is not the present any more."""
        if not self.asleep:
            self.asleep = True
            self._judge.on_asleep(self.source.name)

    def _lose(self, why: str) -> None:
        if not self.lost:
            self.lost = True
            self._judge.on_lost(self.source.name, why, self._clock.mono_ms())

    def _take_now(self, slots: list[Slot], delay_ms: int) -> None:
        mono_ms, unix_ms = self._clock.mono_ms(), self._clock.unix_ms()
        expected = [slot.code for slot in slots] == self._codes
        told = []
        for column, code in enumerate(self._codes):
            value, quality, age_ms = None, MISSING, 0
            if expected and slots[column].value is not None and slots[column].quality != MISSING:
                value, quality = slots[column].value, slots[column].quality
                age_ms = slots[column].age_ms
                if value is not None and not in_range(code, value):
                    quality = FAIL
            told.append(NowValue(column, value, quality, min(age_ms + delay_ms, AGE_MAX_MS), mono_ms, unix_ms))
        if not expected:
            detail = f"its now-values are not {', '.join(self.columns)}; write its board.json again"
            self._judge.on_fault("sensor fault", self.source.name, detail)
        self._judge.on_now(self.source.name, told)
