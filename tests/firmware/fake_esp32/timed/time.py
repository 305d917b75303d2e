"""The module `time` of MicroPython, on the clock of world.WORLD: looking at it is work of the interpreter."""

from world import TICKS_PERIOD, WORLD


def ticks_ms():
    WORLD.between_instructions()
    return WORLD.now_us // 1_000 % TICKS_PERIOD


def ticks_us():
    WORLD.between_instructions()
    return WORLD.now_us % TICKS_PERIOD


def ticks_diff(later, earlier):
    half = TICKS_PERIOD // 2
    return (later - earlier + half) % TICKS_PERIOD - half


def ticks_add(ticks, ms):
    return (ticks + ms) % TICKS_PERIOD


def sleep_us(us):
    WORLD.pass_us(us)


def sleep_ms(ms):
    WORLD.pass_us(ms * 1_000)
