"""The module `network`: a radio that joins only with the name and the key that the rig's access point knows."""

from chip import CHIP


class WLAN:
    IF_STA = 0

    def __init__(self, interface):
        if interface != WLAN.IF_STA:
            raise ValueError("interface")
        self._joined = False

    def active(self, on):
        return on

    def config(self, reconnects):
        return reconnects

    def connect(self, ssid, password):
        known = CHIP.setup["wifi"].get(ssid, {})
        self._joined = password in (known.get(CHIP.setup["mac"]), known.get("*"))

    def isconnected(self):
        return self._joined
