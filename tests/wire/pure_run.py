"""Runs under MicroPython and CPython alike and prints what `wire` makes of a seeded set: the same lines, or one errs.

argv: seed. The random numbers are made here, so that both interpreters draw the same.
"""

import sys

from wire.cbor import Encoder
from wire.modbus import Receiver, crc16, seal
from wire.package import Manifest, PackageError, head_of, manifest_of, signed_message
from wire.reading import FAIL, GOOD, MISSING, SUSPECT, VALUE_MAX, VALUE_MIN, rain_since, worst
from wire.registers import slot
from wire.resolve import resolve
from wire.row import ANCHOR, Reading, Row, RowError, pack, split, unpack
from wire.short import lengthen, shorten
from wire.telemetry import TelemetryError, rows_of, segments_of


class Numbers:
    """Linear congruential generator of Numerical Recipes (2^32, 1664525, 1013904223): the same everywhere."""

    def __init__(self, seed):
        self.state = seed & 0xFFFFFFFF

    def below(self, limit):
        self.state = (self.state * 1664525 + 1013904223) & 0xFFFFFFFF
        return (self.state >> 8) % limit

    def value(self):
        return (0, -1, VALUE_MIN, VALUE_MAX, self.below(1 << 24), -self.below(1 << 24))[self.below(6)]

    def raw(self, length):
        return bytes([self.below(256) for _ in range(length)])


def reading(numbers, channel):
    stats = (numbers.value(), numbers.value(), numbers.below(1 << 24)) if numbers.below(2) else (None, None, None)
    if numbers.below(4) == 0:
        return Reading(channel, None, MISSING, *stats)
    return Reading(channel, numbers.value(), (GOOD, SUSPECT, FAIL)[numbers.below(3)], *stats)


def log(numbers, channels):
    rows = []
    t_s = 1528063500
    for i in range(12):
        if numbers.below(8) == 0:
            rows.append(Row(9 + i, 3, 0, 5, 7, kind=ANCHOR, anchor=(t_s, numbers.below(1000), 2, 5, 7)))
            continue
        tips = [(numbers.below(60), 1 + numbers.below(9)) for _ in range(numbers.below(3))]
        late_ms = (0, 0, 0, numbers.below(1000))[numbers.below(4)]
        readings = [reading(numbers, c) for c in range(channels)]
        rows.append(Row(9 + i, 3, numbers.below(3), t_s + 60 * i, late_ms, readings, tips))
    return rows


def show(name, data):
    print(name, "".join([hex(0x100 + byte)[3:] for byte in bytes(data)]))


def show_log(numbers):
    channels = 1 + numbers.below(5)
    epoch = numbers.state
    rows = log(numbers, channels)
    packed = [pack(row, epoch) for row in rows]
    show("rows", b"".join(packed))
    if [unpack(data, epoch) for data in split(b"".join(packed))] != rows:
        print("rows do not come back")
    segments = segments_of(2, 60, epoch, rows, 1528063000, channels)
    short = shorten(segments * 2)
    if lengthen(short) != segments * 2:
        print("short segments do not come back")
    show("cbor", Encoder(32768).encode({0: 1, 1: 5, 2: 1528063000, 3: short, -1: "水", -24: None, 23: True}))
    print("times", resolve(rows + [Row(99 + i, 3, 0, numbers.below(1 << 24), i, [Reading(0, 1)]) for i in range(3)]))
    if [row for s in segments for row in rows_of(s, 60, epoch, 1528063000, channels)] != rows:
        print("segments do not come back")


def show_frames(numbers):
    frame = bytearray(numbers.raw(6) + bytes(2))
    frame[0] = 11
    frame[1] = (3, 4, 6)[numbers.below(3)]
    seal(frame, 6)
    noise = numbers.raw(40)
    receiver = Receiver(11)
    receiver.put(noise, 40)
    receiver.idle()
    receiver.clear()
    receiver.put(frame, 8)
    length = receiver.take()
    print("crc", crc16(noise, 40), "taken", length, receiver.dropped, receiver.crc_errors, receiver.twins)
    words = [numbers.below(65536) for _ in range(10)]
    print("slot", slot(words, 4, 0), rain_since(numbers.below(1000), 99999000), worst(GOOD, SUSPECT))


def show_refused(numbers):
    try:
        unpack(numbers.raw(19 + numbers.below(40)), 1)
        print("row of noise")
    except RowError:
        print("refused")
    try:
        rows_of([0, 1, numbers.value(), 0, 2, [[numbers.value(), numbers.value()]], {0: numbers.below(4)}], 60, 1, 0, 1)
        print("taken")
    except TelemetryError:
        print("refused")
    for number in (1 << 31, -(1 << 31), 1 << 40):
        try:
            pack(Row(1, 0, 2, 0, 0, [Reading(0, number)]), 1)
            print("packed", number)
        except RowError:
            print("refused", number)


def show_package(numbers):
    files = [(f"hal/a{i}.mpy", 1 + numbers.below(9999), numbers.raw(32)) for i in range(1 + numbers.below(9))]
    files.append(("main.mpy", 1, numbers.raw(32)))
    manifest = Manifest("esp32", 1 + numbers.below(1 << 24), (0, 1, numbers.below(256)), files)
    head = bytearray(head_of(manifest))
    show("package", signed_message(head))
    if manifest_of(head) != manifest:
        print("manifests do not come back")
    head[numbers.below(len(head))] ^= 1 << numbers.below(8)
    try:
        show("package", head_of(manifest_of(head))[:40])
    except PackageError:
        print("refused")


numbers = Numbers(int(sys.argv[1]))
for _ in range(25):
    show_log(numbers)
    show_frames(numbers)
    show_refused(numbers)
    show_package(numbers)
