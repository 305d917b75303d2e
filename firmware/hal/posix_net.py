"""The board's way to the network on the unix port.

Rules of this file: those of hal.tcp; times are the machine's, whatever the station's clock does, unless a rig lets them
run faster.
"""

from hal.tcp import TICKS_MASK
from hal.tcp import Net as TcpNet


class Net(TcpNet):
    """`clock_us`: a clock that never steps and never wraps."""

    def __init__(self, poller, clock_us):
        super().__init__(poller, self._scaled_ms)
        self._clock_us = clock_us
        self._base_us = clock_us()
        self._base_ms = self._base_us // 1000
        self._rate_milli = 1000

    def set_rate(self, rate_milli: int) -> None:
        """Let the network's time run `rate_milli` thousandths as fast as the machine's: a rig's wait for time-outs."""
        if rate_milli <= 0:
            raise ValueError("rate must be above 0")
        self._base_ms = self.ticks_ms()
        self._base_us = self._clock_us()
        self._rate_milli = rate_milli

    def _scaled_ms(self):
        return self._base_ms + (self._clock_us() - self._base_us) * self._rate_milli // 1_000_000 & TICKS_MASK
