"""A board that sleeps between its rows: when it wakes, when it connects, what it carries over.

Rules of this file: rows are made as on every board, on the full multiple; it only begins to scan a little before. What
fails in a connection ends it for this wake, the log is the queue; and nothing keeps it awake without a limit.
"""

from wire.reading import GOOD, NEVER, NOT_EVALUATED, SYNCED

START_MS = 4_000  # From the wake to the first scan: a start takes up to so long.
SCANS = 6  # Before the row.
SLEEP_MS_MIN = 2_000  # A shorter sleep is none: the wake behind it is taken.
REPORT_MS = 30_000  # Time of the network, as all link time-outs: connecting, handing over, and being told the time.
UPDATE_MS = 900_000  # So much while a package comes: it is not cut off at each wake.
LEARN_S = 600  # Of sleep, before it is worth while.
PPM_MAX = 30_000  # An ESP32's own oscillator, when it is hot or cold.
TIME_MS = 3_000  # So much of it for a time that the gateway, which has all, may not have.


class Sleeper:
    """`plan` = {"wake_s", "report_every", "at_once": [{"column", "above", "below"}]} of board.json.

    `linked`: the link may work now. Counters for the rig: `reports`, `given_up`.
    """

    def __init__(self, hal, plan: dict, clock, kept, sampler, bank, link, scan_ms: int):
        self._net = hal.net()
        self._diff = hal.ticks_diff
        self._wake_s = plan["wake_s"]
        self._limits = [(one["column"], one.get("above"), one.get("below")) for one in plan.get("at_once", ())]
        self._lead_ms = START_MS + SCANS * scan_ms
        self._every = plan["report_every"]
        self._clock = clock
        self._kept = kept
        self._sampler = sampler
        self._bank = bank
        self._link = link
        self._slept = kept.slept is not None
        # Wakes since it was connected last; seconds asleep since its clock was set, and how its sleep errs: both kept.
        self._wakes, self._asleep_s, self._ppm = kept.slept[4:] if kept.slept else (-1, 0, 0)
        self._wakes += 1
        self._crossed = False
        self._since = None  # When the report began: the row is made.
        self._shown = False
        self._said = False
        self.reports = 0
        self.given_up = 0
        self.linked = not self._slept or clock.quality() == NEVER

    def scanned(self, now: int) -> None:
        """A scan is in the bank: does a value ask to be told at once?"""
        for column, above, below in self._limits:
            _, quality, value, _ = self._bank.slots(now)[column]
            if value is None or quality not in (GOOD, NOT_EVALUATED):
                continue
            if (above is not None and value >= above) or (below is not None and value <= below):
                self._crossed = self.linked = True

    def poll(self) -> int:
        """Milliseconds for which to sleep from now on; 0 = stay awake."""
        link = self._link
        if self.linked and link.born and not self._shown:
            self._shown = True
            link.scanned()  # What was seen before the connection stood, with its age.
        if not self._sampler.rows_closed:
            return 0
        if self._wakes >= self._every:
            self.linked = True
        if not self.linked:
            return self._ms_to_wake()
        now = self._net.ticks_ms()
        if self._since is None:
            self._since = now
            self._failures = link.failures
        spent_ms = self._diff(now, self._since)
        failed = link.failures > self._failures
        if link.is_updated() and spent_ms <= UPDATE_MS:
            return 0
        if spent_ms > REPORT_MS or (failed and not self._crossed):
            return self._give_up()
        if self._said:
            if not link.settled():
                return 0
            self.reports += 1
            self._wakes = 0
            return self._leave()
        told = self._clock.quality() == SYNCED
        if told and self._asleep_s:
            self._learn()
        told = told or spent_ms > TIME_MS
        if self._shown and told and link.handed_over():
            self._said = link.say_asleep(self._ms_to_report())
        return 0

    def _give_up(self):
        """Where something came through, the next wake goes on; where nobody is, at the next time that was planned."""
        self.given_up += 1
        self._wakes = self._every if self._shown else 0
        return self._leave()

    def _leave(self):
        self._link.leave()
        return self._ms_to_wake()

    def _ms_to_wake(self):
        clock = self._clock
        into_ms = clock.seconds() % self._wake_s * 1000 + clock.milliseconds()
        ms = self._wake_s * 1000 - into_ms - self._lead_ms
        while ms < SLEEP_MS_MIN:
            ms += self._wake_s * 1000
        self._kept.lie_down(clock.after(ms), (self._wakes, self._asleep_s + ms // 1000, self._ppm))
        return ms - ms * self._ppm // 1_000_000

    def _learn(self):
        """The clock was set: what it was off came while it slept, by a clock that no crystal keeps."""
        if self._asleep_s >= LEARN_S:
            ppm = self._ppm + self._clock.off_ms * 1000 // self._asleep_s
            self._ppm = max(-PPM_MAX, min(ppm, PPM_MAX))
        self._asleep_s = 0

    def _ms_to_report(self):
        """Until a gateway hears of it again, if all goes well."""
        return self._ms_to_wake() + (self._every - 1) * self._wake_s * 1000 + self._lead_ms
