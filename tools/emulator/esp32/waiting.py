"""The modules `time` and `select` as a board of 32 bits has them: ticks that wrap at 2^30, and a poll.

Rules of this file: whoever waits here hears Ctrl-C at once.
"""

import select
import time

from chip import CHIP

PERIOD = 1 << 30
HALF = PERIOD // 2
STEP_MS = 50
HUNG_UP_MS = 5


class Time:
    """In the place of `time`."""

    time = time.time

    def ticks_ms(self):
        return time.ticks_ms() & (PERIOD - 1)

    def ticks_us(self):
        return time.ticks_us() & (PERIOD - 1)

    def ticks_diff(self, later, earlier):
        return ((later - earlier + HALF) & (PERIOD - 1)) - HALF

    def ticks_add(self, ticks, more):
        return (ticks + more) & (PERIOD - 1)

    def sleep_us(self, us):
        time.sleep_us(us)

    def sleep_ms(self, ms):
        end = time.ticks_add(time.ticks_ms(), ms)
        left = ms
        while left > 0:
            CHIP.look(min(left, STEP_MS))
            left = time.ticks_diff(end, time.ticks_ms())

    def sleep(self, seconds):
        self.sleep_ms(int(seconds * 1000))


class Poll:
    """One poll; serial ports stand for what they have received, too."""

    def __init__(self):
        self._real = select.poll()
        CHIP.listen(self._real)
        self._uarts = []

    def register(self, what, events=select.POLLIN | select.POLLOUT):
        if not hasattr(what, "txdone"):
            self._real.register(what, events)
            return
        self._uarts.append(what)
        if what.stream:
            self._real.register(what.stream, select.POLLIN)

    def unregister(self, what):
        if what not in self._uarts:
            self._real.unregister(what)
            return
        self._uarts.remove(what)
        if what.stream:
            self._real.unregister(what.stream)

    def modify(self, what, events):
        self._real.modify(what, events)

    def ipoll(self, ms=-1):
        CHIP.look()
        streams = [uart.stream for uart in self._uarts]
        waits = ms if not any(uart.any() for uart in self._uarts) else 0
        woken = [(what, events) for what, events in self._real.ipoll(waits)]
        CHIP.look()
        heard = [(uart, select.POLLIN) for uart in self._uarts if uart.any()]
        if not heard and any(what in streams and events & ~select.POLLIN for what, events in woken):
            time.sleep_ms(HUNG_UP_MS)  # A line without its other end is always ready and never has a byte.
        return heard + [one for one in woken if one[0] not in streams and not CHIP.is_ours(one[0])]

    poll = ipoll


class Select:
    """In the place of `select`."""

    POLLIN = select.POLLIN
    POLLOUT = select.POLLOUT
    POLLERR = select.POLLERR
    POLLHUP = select.POLLHUP
    poll = Poll
