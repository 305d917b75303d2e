"""Boards and a bought sensor as they look from the line: registers and a log that wraps.

Rules of this file: a board's log gives a seq once and keeps the newest `ring` rows, whoever has them or not; the truth
about each row is told when it is written. Rows are made when somebody looks, for the times that have passed since.
"""

import random
import struct
from collections import deque
from collections.abc import Callable

from wire.reading import GOOD, MISSING, NEVER, QUANTITY_CODES, SYNCED
from wire.registers import LOG_HEADER_BYTES, NOW, STATUS, find
from wire.row import ANCHOR, LENGTH_MAX, Reading, Row, crc_of, pack
from wire.short_rows import shorten

ILLEGAL_ADDRESS, ILLEGAL_VALUE = 2, 3
ANCHOR_STEP_MS = 5_000
_UP_MS_MAX = 1 << 40


class Refused(Exception):
    """A Modbus exception instead of an answer."""

    def __init__(self, code: int) -> None:
        super().__init__(str(code))
        self.code = code


Written = Callable[[bytes, int, int, int, float], None]  # serial, epoch, seq, crc, when
Acked = Callable[["SimBoard", int, int], None]  # the board, gateway's and center's watermark


class SimBoard:
    """One of our boards with two columns. `now_s` gives the world's time, `value(t_s)` the first column's truth."""

    def __init__(
        self,
        quantities: tuple[str, str],
        chance: random.Random,
        now_s: Callable[[], float],
        value: Callable[[float], int],
        written: Written,
        acked: Acked,
        lost: Callable[[tuple[bytes, int], int], None],
        *,
        cadence_s: int,
        ring: int,
    ) -> None:
        self._codes = [QUANTITY_CODES[name] for name in quantities]
        self._chance = chance
        self._now_s = now_s
        self._value = value
        self._written = written
        self._acked = acked
        self._lost = lost
        self._cadence_s = cadence_s
        self._ring = ring
        self.silent = False  # No power, or its wire is loose.
        self.frozen = False  # Writes no more rows: the run is over.
        self.replace()

    # What happens to it

    def replace(self) -> None:
        """Another board in its place: another serial, another log."""
        self.serial = self._chance.randbytes(8)
        self._boot = 0
        self.format()

    def format(self) -> None:
        """A new log on the same board."""
        self.epoch = self._chance.getrandbits(32) or 1
        self.rows: deque[tuple[int, bytes]] = deque()
        self.head = 0
        self.gateway_has = 0
        self.center_has = 0
        self.overwritten = 0
        self.restart()

    def restart(self) -> None:
        """A reset: the log stays, the clock is lost."""
        self._boot = self._boot + 1 & 0xFFFF
        self._started_s = self._now_s()
        self._row_s = self._started_s + self._cadence_s
        self._offset_ms: int | None = None  # Its unix time less the world's.
        self._scans = 0
        self._cursor = 0

    @property
    def tail(self) -> int:
        return self.rows[0][0] if self.rows else 0

    def advance(self) -> None:
        """Write the rows that are due by now."""
        now_s = self._now_s()
        while self._row_s <= now_s and not self.frozen:
            at_s = self._row_s
            self._row_s += self._cadence_s
            value = self._value(at_s)
            readings = [Reading(0, value, GOOD, value - 3, value + 2, 2), Reading(1, 12_000 + self.head % 50)]
            if self.head % 97 == 96:
                readings[1] = Reading(1, None, MISSING)
            t_ms, quality = self._clock_ms(at_s)
            self._append(Row(0, self._boot, quality, t_ms // 1_000, t_ms % 1_000, readings), at_s)

    def _append(self, row: Row, at_s: float) -> None:
        self.head += 1
        row.seq = self.head
        packed = pack(row, self.epoch)
        self.rows.append((self.head, packed))
        if len(self.rows) > self._ring:
            gone, _ = self.rows.popleft()
            self.overwritten += gone > self.gateway_has
            self._lost((self.serial, self.epoch), gone)
        self._written(self.serial, self.epoch, self.head, crc_of(packed), at_s)

    def _clock_ms(self, at_s: float) -> tuple[int, int]:
        """(unix ms, or the time since start, and its quality)"""
        if self._offset_ms is None:
            return int((at_s - self._started_s) * 1_000) % _UP_MS_MAX, NEVER
        return max(int(at_s * 1_000) + self._offset_ms, 0), SYNCED

    # What the gateway asks

    def read(self, register: int, count: int) -> list[int]:
        """Registers of function 3. Refused."""
        self.advance()
        if register == find("log_cursor")[0]:
            return [self._cursor >> 16, self._cursor & 0xFFFF][:count]
        words = self._now_words() if register < STATUS else self._status_words()
        at = register - (NOW if register < STATUS else STATUS)
        if at < 0 or at + count > len(words):
            raise Refused(ILLEGAL_ADDRESS)
        return list(words[at : at + count])

    def write(self, register: int, words: list[int]) -> None:
        """Function 16. Refused."""
        self.advance()
        if register == find("clock_unix_s")[0]:
            self._set_clock((words[0] << 16 | words[1]) * 1_000 + words[2])
        elif register == find("log_cursor")[0]:
            self._cursor = words[0] << 16 | words[1]
        elif register == find("ack_epoch")[0]:
            epoch, gateway, center = (words[n] << 16 | words[n + 1] for n in (0, 2, 4))
            if epoch != self.epoch:
                raise Refused(ILLEGAL_VALUE)
            self.gateway_has, self.center_has = gateway, center
            self._acked(self, gateway, center)
        else:
            raise Refused(ILLEGAL_ADDRESS)

    def read_log(self, record: int, registers: int, short: bool) -> bytes:
        """Function 20 of the log: rows from the cursor and `record` on, as many as fit; `short`: as differences."""
        self.advance()
        first = max(self._cursor + record, self.tail, 1)
        data = bytearray(struct.pack(">II", self.epoch, first))
        assert len(data) == LOG_HEADER_BYTES
        if self.rows:
            out = bytearray(LENGTH_MAX)
            before = b""
            for n in range(first - self.tail, len(self.rows)):
                packed = self.rows[n][1]
                room = 2 * registers - len(data)
                size = shorten(packed, before, out, 0, room) if short and before else 0
                if not size and len(packed) > room:
                    break
                data += out[:size] if size else packed
                before = packed
        return bytes(data.ljust(2 * registers, b"\0"))

    def _set_clock(self, unix_ms: int) -> None:
        now_s = self._now_s()
        offset_ms = unix_ms - int(now_s * 1_000)
        before_ms, self._offset_ms = self._offset_ms, offset_ms
        if before_ms is not None and abs(offset_ms - before_ms) < ANCHOR_STEP_MS:
            return
        up_ms = int((now_s - self._started_s) * 1_000)
        anchor = (unix_ms // 1_000, unix_ms % 1_000, SYNCED, up_ms // 1_000, up_ms % 1_000)
        row = Row(0, self._boot, SYNCED, unix_ms // 1_000, unix_ms % 1_000, kind=ANCHOR, anchor=anchor)
        if not self.frozen:
            self._append(row, now_s)

    def _now_words(self) -> tuple[int, ...]:
        self._scans += 1
        now_s = self._now_s()
        quality = NEVER if self._offset_ms is None else SYNCED
        packed = struct.pack(
            ">HHIIiHHiHH",
            *(2, quality, self._scans, self.head),
            *(self._value(now_s), GOOD << 8 | self._codes[0], 200),
            *(12_000, GOOD << 8 | self._codes[1], 200),
        )
        return struct.unpack(f">{len(packed) // 2}H", packed)

    def _status_words(self) -> tuple[int, ...]:
        up_s = int(self._now_s() - self._started_s)
        t_ms, quality = self._clock_ms(self._now_s())
        if quality == NEVER:
            t_ms = 0
        packed = self.serial + bytes((0, 1, 0, 0)) + bytes(8) + struct.pack(">IHHHH", up_s, self._boot, 0, 0, 5)
        packed += struct.pack(
            ">8I", 0, self.epoch, self.tail, self.head, self.gateway_has, self.center_has, self.overwritten, 50_000
        )
        packed += struct.pack(">IHH7H", t_ms // 1_000, t_ms % 1_000, quality, 0, 0, 0, 0, 0, 0, 0)
        packed += struct.pack(">HIHHH16sIHH", 1, 7, 0, 0, 0, b"", 0, 0, 0)  # Slot a, package 7, in health.
        return struct.unpack(f">{len(packed) // 2}H", packed)


class SimRadar:
    """A bought sensor of the profile radar-60ghz: no log, no memory; a status word and a gap in mm."""

    def __init__(self, gap_mm: Callable[[], int]) -> None:
        self._gap_mm = gap_mm
        self.silent = False

    def read(self, register: int, count: int) -> list[int]:
        """Refused."""
        if count != 1 or register not in (0x0001, 0x0010):
            raise Refused(ILLEGAL_ADDRESS)
        return [0 if register == 0x0010 else self._gap_mm()]
