"""What an alarm must do, worked out the slow way: from the whole history at every sample. Imports nothing of ours.

A sample is (mono_ms, unix_ms, value or None, doubtful). A doubtful sample may begin a crossing, and neither completes
nor ends one. None is "not seen": what was about to be lowered starts anew, what was about to be raised does not.
"""


class Oracle:
    """One alarm with ascending `ats`; `told` collects (kind, steps reached, unix ms of the crossing, episode)."""

    def __init__(self, ats, deadband, on_delay_ms, off_delay_ms):
        self.ats, self.deadband = ats, deadband
        self.on_delay_ms, self.off_delay_ms = on_delay_ms, off_delay_ms
        self.history = []
        self.lowered_at = 0  # place in the history from which a fall may count
        self.reached = 0
        self.acknowledged = False
        self.returned = False
        self.episode = None
        self.told = []

    def sample(self, mono_ms, unix_ms, value, doubtful):
        self.history.append((mono_ms, unix_ms, value, doubtful))
        if value is None or doubtful:
            return
        done = [step for step in range(self.reached, len(self.ats)) if self._long_enough_above(step)]
        if done:
            self._raise(max(done), self._above_since(0), self._above_since(max(done)))
        elif self.reached:
            fall = self._fall()
            if fall is not None and mono_ms - fall[0] >= self.off_delay_ms:
                self._lower(fall[1])

    def acknowledge(self):
        """True if there was something to acknowledge."""
        if self.reached and not self.acknowledged:
            self.acknowledged = True
            return True
        if self.returned:
            self.returned = False
            return True
        return False

    @property
    def state(self):
        if self.reached:
            return "acknowledged" if self.acknowledged else "unacknowledged"
        return "returned" if self.returned else "normal"

    def _above_since(self, step):
        """The first sample of the unbroken run at or above a step that ends now."""
        first = None
        for mono_ms, unix_ms, value, doubtful in reversed(self.history):
            if value is None or (doubtful and value < self.ats[step]):
                continue
            if value < self.ats[step]:
                break
            first = (mono_ms, unix_ms)
        return first

    def _long_enough_above(self, step):
        first = self._above_since(step)
        return first is not None and self.history[-1][0] - first[0] >= self.on_delay_ms

    def _fall(self):
        """The first sample of the unbroken run below the present step less its deadband that ends now."""
        limit = self.ats[self.reached - 1] - self.deadband
        first = None
        for mono_ms, unix_ms, value, doubtful in reversed(self.history[self.lowered_at :]):
            if value is None:
                break
            if value >= limit:
                if doubtful:
                    continue
                break
            first = (mono_ms, unix_ms)
        return first

    def _raise(self, step, first, crossed):
        kind = "alarm escalated"
        if not self.reached:
            kind = "alarm raised"
            self.episode = first[1]
        self.reached = step + 1
        self.acknowledged = self.returned = False
        self.lowered_at = len(self.history)
        self.told.append((kind, self.reached, crossed[1], self.episode))

    def _lower(self, fell_unix_ms):
        self.reached -= 1
        self.lowered_at = len(self.history) - 1
        kind = "alarm lowered"
        if not self.reached:
            kind = "alarm cleared"
            self.returned = not self.acknowledged
            self.acknowledged = False
        self.told.append((kind, self.reached, fell_unix_ms, self.episode))


class RainOracle:
    """Sums over (t - window, t] by adding up every tip ever."""

    def __init__(self):
        self.tips = []

    def tip(self, second, amount_um):
        self.tips.append((second, amount_um))

    def sum(self, now_s, window_s):
        return sum(amount for second, amount in self.tips if now_s - window_s < second <= now_s)
