"""Runs under MicroPython: prints the bytes of heap that the receiver takes in few and in many requests."""

import gc

from wire.modbus import Receiver, crc16, seal


def requests(receiver, noise, frame, count):
    for _ in range(count):
        receiver.put(noise, 60)
        while receiver.take():
            receiver.consume(1)
        while receiver.idle():
            receiver.consume(1)
        receiver.put(frame, 8)
        if receiver.take() != 8:
            raise ValueError("request not found")
        seal(receiver.buffer, crc16(receiver.buffer, 6) & 3)
        receiver.consume(8)


def heap_taken(count):
    gc.collect()
    before = gc.mem_alloc()  # pyright: ignore[reportAttributeAccessIssue] - only MicroPython has it
    requests(receiver, noise, frame, count)
    return gc.mem_alloc() - before  # pyright: ignore[reportAttributeAccessIssue]


receiver = Receiver(11)
noise = b"\x0b\x10\x01\x14\x2b\x0e\x0c\x03\x03\x04\xff\x00" * 5
frame = bytearray(b"\x0b\x03\x00\x04\x00\x0a\x00\x00")
seal(frame, 6)
requests(receiver, noise, frame, 2)
gc.disable()
print(heap_taken(1), heap_taken(100))
