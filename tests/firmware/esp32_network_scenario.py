"""What hal/esp32 does by the real clock: Wi-Fi and a connection that never wait, a line that allocates nothing.

Runs under MicroPython (see fake_esp32/bench.py). Arguments more: a port that echoes, one that closes at once, one where
nobody is.
"""

import select
import sys
import time

import micropython
from bench import expect, hal_of, raises, run
from hal.esp32 import SoftBus
from hal.esp32_net import WifiNet
from world import WORLD

ECHO, CLOSING, NOBODY = [int(port) for port in sys.argv[3:6]]
HERE = "127.0.0.1"
LIMIT_MS = 5_000
LINK = {"ssid": "station", "wifi_key": "its key"}
JOINING = [("active", True), ("reconnects", -1), ("connect", "station", "its key")]


def net_of(link=LINK):
    return WifiNet(select.poll(), time.ticks_ms, link)


def wait_for(call):
    """The first answer of `call` that is something; AssertionError when there is none in LIMIT_MS."""
    begin = time.ticks_ms()
    while time.ticks_diff(time.ticks_ms(), begin) < LIMIT_MS:
        answer = call()
        if answer:
            return answer
    raise AssertionError("nothing came")


def a_connection_begins_when_the_radio_has_joined_and_not_before():
    net = net_of()
    net.connect(HERE, ECHO)
    for _ in range(100):
        expect(net.connected(), False)
    expect(WORLD.radio, JOINING)
    expect(raises(OSError, net.write, b"too early"), True)
    WORLD.joins_at_us = 0
    expect(wait_for(net.connected), True)
    expect(net.write(b"level"), 5)
    buffer = bytearray(8)
    expect(wait_for(lambda: net.readinto(buffer)), 5)
    expect((bytes(buffer[:5]), net.readinto(buffer)), (b"level", 0))
    net.close()
    expect(raises(OSError, net.readinto, buffer), True)


def the_radio_is_told_once_where_it_belongs():
    net = net_of()
    for _ in range(3):
        net.connect(HERE, ECHO)
        net.close()
    WORLD.joins_at_us = 0
    net.connect(HERE, ECHO)
    expect(wait_for(net.connected), True)
    net.close()
    expect(WORLD.radio, JOINING)


def a_connection_that_was_given_up_does_not_begin_later():
    net = net_of()
    net.connect(HERE, ECHO)
    net.close()
    WORLD.joins_at_us = 0
    for _ in range(10):
        expect(net.connected(), False)


def what_fails_is_an_oserror():
    WORLD.joins_at_us = 0
    net = net_of()
    expect(raises(OSError, net.connect, "broker.local", ECHO), True)
    expect(raises(OSError, net_of({}).connect, HERE, ECHO), True)

    def refused():
        net.connect(HERE, NOBODY)
        wait_for(net.connected)

    expect(raises(OSError, refused), True)
    net.connect(HERE, CLOSING)
    wait_for(net.connected)
    expect(raises(OSError, wait_for, lambda: net.readinto(bytearray(8))), True)


def a_board_without_wifi_in_its_board_json_leaves_the_radio_off():
    net = hal_of(without=("bus 2",)).net()  # The line that stands in for one cannot be waited for by the real clock.
    expect(raises(OSError, net.connect, HERE, ECHO), True)
    expect(WORLD.radio, [])


class Uart:
    """The chip's calls without anything of Python behind them: three looks until the last bit has left."""

    def __init__(self):
        self.looks = 0

    def any(self):
        return 8

    def readinto(self, buffer, count):
        return count

    def write(self, buffer, count):
        self.looks = 3
        return count

    def txdone(self):
        self.looks -= 1
        return self.looks == 0


class Pin:
    def on(self):
        pass

    def off(self):
        pass


def reading_and_answering_allocate_nothing():
    bus = SoftBus(Uart, Pin(), 9_600)
    buffer = bytearray(256)
    seen = [0, 0]
    for _ in range(2):  # What is made at the first call is there at the second.
        micropython.heap_lock()
        try:
            seen[0] = bus.readinto(buffer)
            bus.await_silence(3_646)
            seen[1] = bus.write(buffer, 255)
        finally:
            micropython.heap_unlock()
        expect((seen, bus.errors), ([8, 255], 0))


if __name__ == "__main__":
    run(
        [
            a_connection_begins_when_the_radio_has_joined_and_not_before,
            the_radio_is_told_once_where_it_belongs,
            a_connection_that_was_given_up_does_not_begin_later,
            what_fails_is_an_oserror,
            a_board_without_wifi_in_its_board_json_leaves_the_radio_off,
            reading_and_answering_allocate_nothing,
        ]
    )
