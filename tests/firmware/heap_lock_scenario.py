"""Runs under MicroPython: functions 3 and 4 are answered with the heap locked, where any allocation raises."""

import micropython  # pyright: ignore[reportMissingImports]
from bank import Bank
from clock import Clock
from links.rs485 import Rs485

from wire.modbus import seal
from wire.reading import GOOD, QUANTITY_CODES

QUESTIONS = ((3, 0x0004, 38), (4, 0x0100, 43), (3, 0x0200, 3), (3, 0x0000, 4), (3, 0x0300, 1))


class Hal:
    def ticks_ms(self):
        return 0

    def ticks_diff(self, later, earlier):
        return later - earlier


class Bus:
    """Gives the question once; counts answers."""

    def __init__(self):
        self.question = bytearray(8)
        self.left = 0
        self.answers = 0

    def readinto(self, buffer):
        i = 0
        while i < self.left:
            buffer[i] = self.question[i]
            i += 1
        self.left = 0
        return i

    def write(self, buffer, count):
        self.answers += 1
        return count

    def await_silence(self, silence_us):
        pass

    def silent_us(self):
        return 0


hal = Hal()
clock = Clock(hal)
clock.set(1_800_000_000, 500)
columns = [QUANTITY_CODES["head_mm"], QUANTITY_CODES["rain_um"]]
bank = Bank(columns, {"level": 0, "rain": 1}, 1000, clock, hal.ticks_diff)
bank.set_value(0, 1234, GOOD, 0)
bank.set_value(1, 400, GOOD, 0)
bus = Bus()
link = Rs485(bus, {"address": 11}, bank, None, clock, None)


def ask(function, register, count, locked):
    question = bus.question
    question[:6] = bytes((11, function, register >> 8, register & 0xFF, count >> 8, count & 0xFF))
    bus.left = seal(question, 6)
    if locked:
        micropython.heap_lock()
    try:
        clock.tick(20)
        link.poll(20)
    finally:
        if locked:
            micropython.heap_unlock()


for question in QUESTIONS:
    ask(*question, False)
bus.answers = 0
micropython.heap_lock()
try:
    bytearray(100)
    print("the lock does not work")
except MemoryError:
    print("the lock works")
finally:
    micropython.heap_unlock()
for question in QUESTIONS:
    ask(*question, True)
print("answered", bus.answers, "under lock")
