"""The master's end of the line: its adapter, how its port is set, how it is wired.

Rules of this file: no clock and no files. What an adapter hears after its own bytes, and what it hears while nobody
drives the pair, is what makes exchanged wires visible; sources in uart_model.py.

Exchanged wires on a biased pair: the receiver is off while we send and shows mark; when it is on again it sees the
bias inverted, space for as long as nobody talks. A UART takes that for one break, which arrives as a single 0x00. On a
pair without bias a receiver with a fail-safe threshold shows mark, exchanged or not: then there is nothing to see.
"""

from tools.emulator.uart_model import MARK, SPACE, Setting, taken

BREAK = b"\0"


class MasterEnd:
    """`own`: the setting of the line and of everybody else on it. `setting`: that of the master's port."""

    def __init__(self, own: Setting) -> None:
        self.own = own
        self.setting = own
        self.swapped = False
        self.biased = True

    def line_is(self, baud: int) -> None:
        """The line has another rate from now on; a port that was set as it goes with it."""
        same = self.setting == self.own
        self.own = self.own._replace(baud=baud)
        self.setting = self.own if same else self.setting

    @property
    def is_plain(self) -> bool:
        """Does everybody hear what was said?"""
        return self.setting == self.own and not self.swapped

    def said(self, data: bytes) -> bytes:
        """What the others hear of `data` from the master."""
        return taken(data, self.setting, self.own, inverted=self.swapped).data

    def hears(self, data: bytes) -> bytes:
        """What the master hears of `data` from the others."""
        return taken(data, self.own, self.setting, inverted=self.swapped, rest=self._rest).data

    def after_own(self) -> bytes:
        """What its receiver makes of the end of its own sending."""
        return BREAK if self._rest == SPACE else b""

    @property
    def _rest(self) -> int:
        return SPACE if self.swapped and self.biased else MARK
