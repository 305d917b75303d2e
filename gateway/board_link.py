"""A board of ours on the line: its now-values, who it is, its log, its clock.

Rules of this file: a value is used only in the slot and of the quantity that the configuration expects; log rows are
handed to the store with the CRC of this log's epoch checked, and acknowledged to the board only after their COMMIT.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

from pymodbus.pdu.file_message import FileRecord, ReadFileRecordRequest, ReadFileRecordResponse
from pymodbus.pdu.register_message import WriteMultipleRegistersRequest

from gateway.board_status import STATUS_COUNT, Identity, identity_of, read_status, serial_of, tell_health
from gateway.bus_link import Judge, Link, Work
from gateway.clock import Clock
from gateway.config import Source
from gateway.line import Answer, BusError, Line
from gateway.points import NowValue
from gateway.update_bus import UpdateSender
from gateway.update_desk import Desk
from gateway.wire_time import CURSOR_EXCHANGE, FILE_REQUEST, file_answer_chars, file_registers, row_registers
from wire.modbus import FILE_REGISTERS_MAX, READ_HOLDING
from wire.reading import FAIL, MISSING, NEVER, QUALITIES, QUANTITY_CODES, in_range
from wire.registers import (
    LOG_FILE_SHORT,
    LOG_HEADER_BYTES,
    LOG_RECORD_MAX,
    NOW,
    RUNS_SAFE,
    STATUS,
    field,
    find,
    now_count,
    slot,
)
from wire.row import LENGTH_MAX, RowError, unpack
from wire.short_rows import split_short

STATUS_EVERY_US = 60_000_000
ACK_EVERY_US = 5_000_000
ACK_LATE_US = 60_000_000  # From then on it goes before the log.
ACK_EXCHANGE = 9 + 12 + 8
UNDERWAY_MAX = 64  # Pieces of a log that the store has not committed yet.
SHORT_SPARE = 4  # Bytes by which a difference may be longer than those before it.
STORE_PAUSE_US = 5_000_000
CLOCK_OFF_MS = 250  # A read-back further off is not the time that was sent.
CLOCK_OFF_REAL_MS = 20  # As much again for a busy machine, in real time.
CLOCK_MISSES = 3
CHECK_LENGTHS = 4


class LogStore(Protocol):
    """What the poller needs of gateway.spool.Spool."""

    def watermark(self, serial: bytes, epoch: int) -> int: ...

    def center_has(self, serial: bytes, epoch: int) -> int: ...

    def wanted(self, serial: bytes, epoch: int, tail: int, head: int) -> tuple[int, int] | None: ...

    def seen(
        self, source_name: str, serial: bytes, epoch: int, columns: tuple[str, ...], tail: int, head: int
    ) -> None: ...

    async def append_rows(self, serial: bytes, epoch: int, source_name: str, packed_rows: list[bytes]) -> None: ...

    async def gone(self, serial: bytes, epoch: int, first: int, last: int) -> None: ...


class Piece(NamedTuple):
    """Rows read from a board: `gone` is how many before them the board holds no more."""

    who: Identity
    first: int
    gone: int
    rows: list[bytes]


class BoardLink(Link):
    """`hand_over` takes a Piece for the store; `stored()` or `refused()` is called when that has ended."""

    def __init__(
        self, source: Source, line: Line, clock: Clock, judge: Judge, store: LogStore, hand_over: Callable[..., None],
        desk: Desk,
    ) -> None:  # fmt: skip
        super().__init__(source, line, clock, judge)
        self.desk = desk
        self._update = UpdateSender(self, desk)
        self.who: Identity | None = None
        self.clock_due = True  # The clock was broadcast: read it back.
        self.clock_wrong = False
        self.clock_off_ms = 0
        self._clock_misses = 0
        self._checks = 0
        self._store = store
        self._hand_over = hand_over
        self._codes = [QUANTITY_CODES[channel.quantity] for channel in source.channels]
        self._columns = tuple(channel.quantity for channel in source.channels)
        self._before: set[bytes] = set()  # Serials seen here.
        self._head = 0
        self._tail = 0
        self._scans = 0
        self._next, self._last = 1, 0  # What is to be read of the range that the store wants.
        self._cursor = 0  # What stands in the board's register; 0 = not known.
        self._underway = 0
        self._paused_us = 0
        self._row_bytes = 2 * row_registers(len(self._codes), "rain_um" in self._columns) - LOG_HEADER_BYTES
        self._short_bytes = self._row_bytes  # What a row takes that is told as a difference.
        self._acked = (0, 0)
        self._ack_us = 0
        self._status_us = 0
        self._twins_heard: int | None = None

    async def step(self) -> bool:
        if self.presence.doubt:
            await self._check_serial()
        if self.source.serial and self.who is None:
            await self.identify()
        self._refuse_stranger()
        words, answer = await self.read(READ_HOLDING, NOW, now_count(len(self._codes)))
        self._take_now(words, answer)
        return True

    async def probe(self) -> None:
        await self._check_serial()

    async def ask_shortly(self) -> None:
        words, _ = await self.read(READ_HOLDING, find("bus_twins")[0], 1)
        if self.who is not None:
            self._count_twins(self.who, words[0])

    def work(self, now_us: int, gap_us: int) -> Work | None:
        if self.who is None or now_us >= self._status_us or self.desk.wants_status(now_us // 1_000):
            return Work(self.cost_us(8, 5 + 2 * STATUS_COUNT), self.identify)
        if self.clock_due:
            return Work(self.cost_us(8, 5 + 2 * 4), self._read_clock)
        acknowledge = self._acknowledge_work(now_us)
        if acknowledge and now_us >= self._ack_us + ACK_LATE_US:
            return acknowledge
        drain = self._drain_work(now_us, gap_us)
        if drain and drain.cost_us <= gap_us:
            return drain
        return acknowledge or drain

    def update_work(self, now_us: int) -> Work | None:
        able = self.who is not None and self._is_welcome(self.who) and not self.twins.named
        return self._update.work(now_us) if able else None

    # Now-values

    def _take_now(self, words: list[int], answer: Answer) -> None:
        mono_ms = answer.end_us // 1_000
        unix_ms = self._clock.unix_ms() - (self._clock.mono_us() - answer.end_us) // 1_000
        said_ms = (
            self._line.chars_us(5 + 2 * len(words)) // 1_000
        )  # The answer was put together so long before its end.
        told = []
        expected = field(words, NOW, "channels", now=True) == len(self._codes)
        for column, wanted in enumerate(self._codes):
            code, quality, value, age_ms = slot(words, NOW, column)
            if not expected or code != wanted or quality not in QUALITIES:
                expected, value, quality = False, None, MISSING
            elif value is None or quality == MISSING:
                value, quality = None, MISSING
            elif not in_range(code, value):
                quality = FAIL
            quality = self.flag(value, quality)
            told.append(NowValue(column, value, quality, age_ms + said_ms, mono_ms, unix_ms))
        scans = field(words, NOW, "scans", now=True)
        head = field(words, NOW, "log_head", now=True)
        if scans < self._scans or head < self._head:
            self._status_us = 0  # It has started anew: another boot, perhaps another log or its safe application.
        if not expected and self._status_us and not (self.desk.status and self.desk.status.slot == RUNS_SAFE):
            detail = f"its now-values are not {', '.join(self._columns)}; write its board.json again"
            self._judge.on_fault("sensor fault", self.source.name, detail)
        self._judge.on_now(self.source.name, told)
        self._scans, self._head = scans, head
        if field(words, NOW, "time_quality", now=True) == NEVER:
            self.clock_wrong = True

    # Who is there

    async def _check_serial(self) -> None:
        """A short read, each time of another length: no answer to an earlier request passes for its answer."""
        self._checks += 1
        register, count = find("serial")
        words, _ = await self.read(READ_HOLDING, register, count + self._checks % CHECK_LENGTHS)
        self.presence.doubt = False
        serial = serial_of(words)
        if self.who is not None and serial != self.who.serial:
            self._status_us = 0
            self._met(serial)

    def _is_welcome(self, who: Identity) -> bool:
        """Is it the board that station.toml means, if it means one?"""
        return self.source.serial in ("", who.serial.hex())

    def _refuse_stranger(self) -> None:
        if self.who is not None and not self._is_welcome(self.who):
            reason = f"board {self.who.serial.hex()} answers instead of {self.source.serial}"
            raise BusError(self.source.address, "wrong_id", reason)

    async def identify(self) -> None:
        """Read the status block: serial, epoch, boot, definition, and what the board has heard. BusError."""
        words, answer = await self.read(READ_HOLDING, STATUS, STATUS_COUNT)
        self._status_us = answer.end_us + STATUS_EVERY_US
        who = identity_of(words)
        serial = who.serial
        self._count_twins(who, field(words, STATUS, "bus_twins"))
        up_s = field(words, STATUS, "uptime_s")
        self._judge.on_uptime(self.source.name, serial, who.boot, up_s, answer.end_us // 1_000)
        self._tail = field(words, STATUS, "log_tail")
        if self._is_welcome(who):
            before, status = self.desk.status, read_status(words)
            self.desk.heard(status, answer.end_us // 1_000)
            tell_health(self._judge, self.source.name, before, status)
        if who == self.who:
            self._tell_reach(who, field(words, STATUS, "log_head"))
            return
        if self.who is None or serial != self.who.serial:
            self._met(serial)
        if self.who is None or who.definition != self.who.definition:
            self._compare(who.definition)
        self._read_anew()
        self._cursor = 0
        self._acked = (0, 0)
        self.who = who
        self._refuse_stranger()
        self._tell_reach(who, field(words, STATUS, "log_head"))

    def _tell_reach(self, who: Identity, head: int) -> None:
        """What the board's log holds, for the store: from `_tail` to `head`."""
        self._head = head
        self._store.seen(self.source.name, who.serial, who.epoch, self._columns, self._tail, head)

    def _met(self, serial: bytes) -> None:
        """Another board than before: a change, or two that answer in turn."""
        name = self.source.name
        if self.who is not None:
            self._judge.on_fault("source changed", name, f"{self.who.serial.hex()} -> {serial.hex()}")
            if serial in self._before:
                self.twins.sign(2)
        self._before = {*list(self._before)[-7:], serial}
        self._judge.identify(name, serial)

    def _compare(self, definition: str) -> None:
        wanted = self.source.definition[:16]
        if wanted and definition != wanted:
            detail = f"runs board.json {definition}, station.toml means {wanted}; provision it again"
            self._judge.on_fault("sensor fault", self.source.name, detail)

    def _count_twins(self, who: Identity, heard: int) -> None:
        same = self.who is not None and (self.who.serial, self.who.boot) == (who.serial, who.boot)
        if same and self._twins_heard is not None and heard != self._twins_heard:
            self.twins.sign((heard - self._twins_heard) & 0xFFFF)
        self._twins_heard = heard

    # Clock

    async def _read_clock(self) -> None:
        self.clock_due = False
        words, answer = await self.read(READ_HOLDING, find("unix_s")[0], 4)
        said_us = self._line.chars_us(5 + 2 * 4) + self._clock.mono_us() - answer.end_us
        ours_ms = self._clock.unix_ms() - said_us // 1_000
        theirs_ms = (words[0] << 16 | words[1]) * 1_000 + words[2]
        allowed_ms = CLOCK_OFF_MS + int(CLOCK_OFF_REAL_MS * self._clock.rate())
        self.clock_off_ms = theirs_ms - ours_ms
        self.clock_wrong = words[3] == NEVER or abs(self.clock_off_ms) > allowed_ms
        self._clock_misses = self._clock_misses + 1 if self.clock_wrong else 0
        if self._clock_misses == CLOCK_MISSES:
            self._judge.on_fault("sensor fault", self.source.name, "its clock does not take the time that is sent")

    # Log

    def _drain_work(self, now_us: int, gap_us: int) -> Work | None:
        """Read on in the log: whole rows, no more than there are, and than the gap takes."""
        who = self.who
        if who is None or self._underway >= UNDERWAY_MAX or now_us < self._paused_us or not self._find_next(who):
            return None
        bus = self._line.bus
        fresh = not (self._cursor and 0 <= self._next - self._cursor <= LOG_RECORD_MAX)
        cursor_us = self.cost_us(CURSOR_EXCHANGE - 8, 8) if fresh else 0
        fits = file_registers(gap_us - cursor_us - self._excess_us, bus.baud, bus.char_bits)
        least = LOG_HEADER_BYTES + self._row_bytes
        wanted = least + (self._last - self._next) * self._short_bytes
        registers = min(max(fits, (least + 1) // 2), (wanted + 1) // 2, FILE_REGISTERS_MAX)
        cost_us = cursor_us + self.cost_us(FILE_REQUEST, file_answer_chars(registers))
        return Work(cost_us, lambda: self._drain(who, registers, fresh))

    def _find_next(self, who: Identity) -> bool:
        """Is there something to read from `_next` on? On in the range that is being read, else what the store wants."""
        if self._next <= self._last:
            return True
        floor = self._next if self._underway else 1  # What lies below is on its way into the store.
        wanted = self._store.wanted(who.serial, who.epoch, floor, self._head) if self._head else None
        if wanted is None:
            return False
        first, last = wanted
        if first < self._tail:
            self._next, self._last = self._tail, self._tail - 1
            self._keep(Piece(who, self._tail, self._tail - first, []))
            return False
        self._next, self._last = first, last
        return True

    async def _drain(self, who: Identity, registers: int, fresh: bool) -> None:
        """Read `registers` registers from `_next` on; `fresh`: write the cursor before. BusError."""
        wanted = self._next
        if fresh:
            self._cursor = 0
            await self._write(find("log_cursor")[0], [wanted >> 16, wanted & 0xFFFF], CURSOR_EXCHANGE - 8)
            self._cursor = wanted
        record = FileRecord(
            file_number=LOG_FILE_SHORT, record_number=wanted - self._cursor, record_length=2 * registers
        )
        request = ReadFileRecordRequest([record], dev_id=self.source.address)
        answer = await self.exchange(request, FILE_REQUEST, file_answer_chars(registers))
        if not isinstance(answer.pdu, ReadFileRecordResponse):
            raise BusError(self.source.address, "wrong_id", "it answers something else than its log")
        data = answer.pdu.records[0].record_data
        epoch, first = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:8], "big")
        if epoch != who.epoch:
            self._status_us = 0
            return
        if first != wanted and (not fresh or first < wanted):
            self._cursor = 0  # It started anew, or somebody else has moved its cursor.
            return
        rows = self._checked(data[LOG_HEADER_BYTES:], epoch, first)
        if not rows:
            if registers < FILE_REGISTERS_MAX:
                self._row_bytes = min(2 * self._row_bytes, LENGTH_MAX)  # The next row is longer.
            else:
                self._paused_us = answer.end_us + STORE_PAUSE_US
            return
        self._row_bytes = len(rows[-1])
        if len(rows) > 1:
            told = len(data.rstrip(b"\0")) - LOG_HEADER_BYTES - len(rows[0])
            self._short_bytes = min(told // (len(rows) - 1) + SHORT_SPARE, LENGTH_MAX)
        self._next = first + len(rows)
        self._keep(Piece(who, first, first - wanted, rows))

    def _keep(self, piece: Piece) -> None:
        self._underway += 1
        self._hand_over(self, piece)

    def _checked(self, data: bytes, epoch: int, first: int) -> list[bytes]:
        """The rows in `data` up to the first that is not the one it should be."""
        good = []
        try:
            for packed in split_short(data):
                if unpack(packed, epoch).seq != first + len(good):
                    raise RowError("seq out of order")
                good.append(packed)
        except RowError:
            self._line.counters["row"] += 1
        return good

    def stored(self) -> None:
        """A piece is committed."""
        self._underway -= 1

    def refused(self) -> None:
        """The store could not take a piece: read it again later."""
        self._underway -= 1
        self._read_anew()
        self._paused_us = self._clock.mono_us() + STORE_PAUSE_US

    def _read_anew(self) -> None:
        """Ask the store again what it wants, from the log's beginning on."""
        self._next, self._last = 1, 0

    def _acknowledge_work(self, now_us: int) -> Work | None:
        who = self.who
        if who is None or now_us < self._ack_us:
            return None
        has = (self._store.watermark(who.serial, who.epoch), self._store.center_has(who.serial, who.epoch))
        if has == self._acked or has == (0, 0):
            return None
        return Work(self.cost_us(ACK_EXCHANGE - 8, 8), lambda: self._acknowledge(who, has))

    async def _acknowledge(self, who: Identity, has: tuple[int, int]) -> None:
        """Tell the board which rows it may overwrite. Another epoch by now is refused (exception 3)."""
        words = []
        for number in (who.epoch, *has):
            words += [number >> 16, number & 0xFFFF]
        self._ack_us = self._clock.mono_us() + ACK_EVERY_US
        try:
            await self._write(find("ack_epoch")[0], words, ACK_EXCHANGE - 8)
        except BusError as error:
            if error.kind == "exception":
                self._status_us = 0
            raise
        self._acked = has

    async def _write(self, register: int, words: list[int], request_chars: int) -> None:
        request = WriteMultipleRegistersRequest(address=register, registers=words, dev_id=self.source.address)
        answer = await self.exchange(request, request_chars, 8)
        if answer.pdu.address != register or answer.pdu.count != len(words):
            raise BusError(self.source.address, "wrong_id", "it confirms another write than ours")
