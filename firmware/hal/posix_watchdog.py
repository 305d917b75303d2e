"""What bites a board process that hangs where no hal looks at the time: the kernel's alarm clock, which ends it.

Rules of this file: it runs from the start script on and needs nothing of the program; real time only. Whoever started
the process sees SIGALRM, and writes WATCHDOG into its kept memory: a process that is ended so cannot.
"""

ffi = __import__("ffi")  # Of the unix port alone: no stubs know it.

LIMIT_S = 10  # Longer than the hal's own, which leaves better words.


class Watchdog:
    """The one of this process. `limit_s`: what a rig that has no time to lose makes shorter."""

    def __init__(self):
        self.limit_s = LIMIT_S
        self._armed = False
        self._ring_in = ffi.open(None).func("I", "alarm", "I")

    def arm(self) -> None:
        self._armed = True
        self.feed()

    def feed(self) -> None:
        """It begins anew, if it runs at all."""
        if self._armed:
            self._ring_in(self.limit_s)


WATCHDOG = Watchdog()
