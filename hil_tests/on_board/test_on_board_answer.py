"""The answer to functions 3 and 4 is made without a byte of memory: under MicroPython the heap is locked meanwhile."""

from bank import Bank
from clock import Clock
from contract import SkipTest, TestCase
from links.rs485 import Rs485

from wire.modbus import seal
from wire.reading import GOOD, QUANTITY_CODES

try:
    from micropython import heap_lock, heap_unlock  # pyright: ignore[reportMissingImports]
except ImportError:  # CPython.
    heap_lock = heap_unlock = None

ADDRESS = 11
# Function, register, registers: now-values, status, control, SL 651, an address that is none.
QUESTIONS = ((3, 0x0004, 38), (4, 0x0100, 43), (3, 0x0200, 3), (3, 0x0000, 4), (3, 0x0300, 1))


class FixedHal:
    """Time stands still."""

    def ticks_ms(self):
        return 0

    def ticks_diff(self, later, earlier):
        return later - earlier


class Line:
    """Gives the question once; keeps the last answer."""

    def __init__(self):
        self.question = bytearray(8)
        self.left = 0
        self.answers = 0
        self.answer = bytearray(256)
        self.size = 0

    def readinto(self, buffer):
        i = 0
        while i < self.left:
            buffer[i] = self.question[i]
            i += 1
        self.left = 0
        return i

    def write(self, buffer, count):
        i = 0
        while i < count:
            self.answer[i] = buffer[i]
            i += 1
        self.size = count
        self.answers += 1
        return count

    def await_silence(self, silence_us):
        """The line is silent."""

    def silent_us(self):
        return 0


class Answer(TestCase):
    def setUp(self):
        hal = FixedHal()
        self.clock = Clock(hal)
        self.clock.set(1_800_000_000, 500)
        columns = [QUANTITY_CODES["head_mm"], QUANTITY_CODES["rain_um"]]
        bank = Bank(columns, {"level": 0, "rain": 1}, 1000, self.clock, hal.ticks_diff)
        bank.set_value(0, 1234, GOOD, 0)
        bank.set_value(1, 400, GOOD, 0)
        self.line = Line()
        self.link = Rs485(self.line, {"address": ADDRESS}, bank, None, self.clock)

    def test_the_lock_works_where_there_is_one(self):
        if heap_lock is None or heap_unlock is None:
            raise SkipTest("no heap to lock")
        heap_lock()
        try:
            locked = self.allocate()
        finally:
            heap_unlock()
        self.assertTrue(locked)

    def test_functions_3_and_4_take_no_memory(self):
        for question in QUESTIONS:
            self.ask(*question, False)  # What is made once is made now.
        self.line.answers = 0
        for question in QUESTIONS:
            self.ask(*question, True)
        self.assertEqual(self.line.answers, len(QUESTIONS))

    def test_what_they_answer_is_what_was_put_there(self):
        self.ask(3, 0x0000, 4, False)
        self.assertEqual(
            bytes(self.line.answer[: self.line.size - 2]), bytes((ADDRESS, 3, 8, 0, 0, 0, 4, 0, 0, 4, 210))
        )
        self.ask(3, 0x0300, 1, False)
        self.assertEqual(bytes(self.line.answer[: self.line.size - 2]), bytes((ADDRESS, 0x83, 2)))

    def ask(self, function, register, count, locked):
        question = self.line.question
        question[:6] = bytes((ADDRESS, function, register >> 8, register & 0xFF, count >> 8, count & 0xFF))
        self.line.left = seal(question, 6)
        if locked and heap_lock is not None:
            heap_lock()
        try:
            self.clock.tick(20)
            self.link.poll(20)
        finally:
            if locked and heap_unlock is not None:
                heap_unlock()

    def allocate(self):
        try:
            bytearray(100)
        except MemoryError:
            return True
        return False
