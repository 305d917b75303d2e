"""Does this application work? What is on trial must show it, and is given up if it does not.

Rules of this file: it only looks, once a scan, and writes through Slots; never while the supply is low. Proved is an
application whose link had a valid exchange, whose fitted sensors all gave a reading (or were as dead before the
update), and whose log took a row and gave it back. One that proved itself before is healthy when it has run for
HEALTHY_S. The safe application gives the others another start after RETRY_S, if there is one to try.
"""

from slots import SAFE

CONFIRM_LIMIT_S = 600  # And as long as a row takes: before that there may be none.
HEALTHY_S = 300  # A crash that comes later leaves most of the time to the station.
RETRY_S = 3_600


class Proof:
    """Of one run. `columns`: how many; `row_s`: seconds between rows."""

    def __init__(self, slots, log, columns: int, row_s: int):
        self._slots = slots
        self._log = log
        self._all = (1 << columns) - 1
        self._limit_s = CONFIRM_LIMIT_S + row_s
        self._gave = slots.bad & self._all if slots.trial else 0  # Columns that ever gave a reading, or need not.
        self._row_read = False
        self._refused = False

    def row_written(self, seq: int, packed: bytes) -> None:
        """Read the row back, once."""
        if self._row_read or not self._slots.trial:
            return
        out = bytearray(len(packed))
        self._row_read = self._log.read(seq, out, 0, len(out)) == (seq, len(packed)) and out == packed

    def look(self, bad: int, heard: bool, up_s: int, may_write: bool) -> bool:
        """After a scan; True if the board should restart now.

        `bad`: mask of the columns that give nothing; `heard`: has the link had a valid exchange since the start?
        """
        self._gave |= self._all & ~bad
        self._slots.bad = bad
        if not may_write or self._refused:
            return False
        try:
            return self._act(heard, up_s)
        except OSError:
            self._refused = True  # A flash that takes no state takes none at the next scan either.
            return False

    def rest(self, may_write: bool) -> None:
        """Before the board sleeps: one that comes to that works, and is seldom awake for HEALTHY_S."""
        if not may_write or self._refused:
            return
        try:
            self._slots.healthy()
        except OSError:
            self._refused = True

    def _act(self, heard, up_s):
        slots = self._slots
        if slots.running == SAFE:
            return up_s >= RETRY_S and slots.another_start()
        if slots.trial:
            if heard and self._row_read and self._gave == self._all:
                slots.confirm()
            elif up_s >= self._limit_s:
                slots.give_up()
                return True
        elif up_s >= HEALTHY_S:
            slots.healthy()
        return False
