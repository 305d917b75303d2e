"""Memory of an ESP32 that survives a reset and deep sleep, not a power cut or the EN button: its RTC memory.

Rules of this file: whoever uses it adds a CRC (health.Kept); nobody else uses `RTC.memory`, nor `machine.mem_backup`,
which is the same memory under another order.

Layout: magic, cause, note, bytes. The interpreter keeps the length and knows by a magic of its own whether there is
anything; what it writes is one copy in RAM, so that noting allocates nothing.
"""

from machine import RTC

RTC_BYTES = 2048
_MAGIC = b"RPK1"
_CAUSE = len(_MAGIC)
_NOTE = _CAUSE + 1
_DATA = _NOTE + 1
KEEP_BYTES_MAX = RTC_BYTES - _DATA


class Keep:
    """`cause`: what the reset before this start was named, 0 = nothing named it. `survived`: was it no power cut?

    `noted`: what the run before noted last, 0 = nothing.
    """

    def __init__(self, survived: bool):
        self._rtc = RTC()
        memory = self._rtc.memory() if survived else b""
        whole = len(memory) >= _DATA and memory[:_CAUSE] == _MAGIC
        self.cause = memory[_CAUSE] if whole else 0
        self.noted = memory[_NOTE] if whole else 0
        self._memory = bytearray(_DATA)
        self._memory[_NOTE] = self.noted  # Whoever opens it again finds it too.
        self.put(memory[_DATA:] if whole else b"")

    def get(self) -> bytes:
        return bytes(self._memory[_DATA:])

    def put(self, data: bytes) -> None:
        """Keep `data`. ValueError beyond KEEP_BYTES_MAX."""
        if len(data) > KEEP_BYTES_MAX:
            raise ValueError("kept memory holds %d bytes" % KEEP_BYTES_MAX)
        self._memory = bytearray(_MAGIC + bytes((0, self._memory[_NOTE])) + data)
        self._rtc.memory(self._memory)

    def note(self, place: int) -> None:
        """Note where the program is, 0..255. Allocates nothing."""
        self._memory[_NOTE] = place
        self._rtc.memory(self._memory)

    def end(self, cause: int) -> None:
        """Name the cause of the reset that follows."""
        self._memory[_CAUSE] = cause
        self._rtc.memory(self._memory)
