"""The module `network`: a radio that joins when world.WORLD says so, and never sooner."""

from world import WORLD


class WLAN:
    IF_STA = 0

    def __init__(self, interface):
        if interface != WLAN.IF_STA:
            raise ValueError("interface")

    def active(self, on):
        WORLD.radio.append(("active", on))

    def config(self, reconnects):
        WORLD.radio.append(("reconnects", reconnects))

    def connect(self, ssid, password):
        WORLD.radio.append(("connect", ssid, password))

    def isconnected(self):
        return WORLD.joins_at_us is not None and WORLD.now_us >= WORLD.joins_at_us
