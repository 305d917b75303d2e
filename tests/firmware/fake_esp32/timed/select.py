"""The module `select` of MicroPython, for serial ports of world.WORLD alone: waits by its clock."""

from world import WORLD

POLLIN = 1
POLLOUT = 4


class poll:
    def __init__(self):
        self._ports = []

    def register(self, port, events):
        self._ports.append(port)

    def ipoll(self, ms):
        end_us = WORLD.now_us + ms * 1_000
        while not any(port.any() for port in self._ports) and WORLD.now_us < end_us:
            next_us = WORLD.events[0][0] if WORLD.events else end_us
            WORLD.pass_us(max(0, min(next_us, end_us) - WORLD.now_us))
            WORLD.between_instructions()
        return [(port, POLLIN) for port in self._ports if port.any()]
