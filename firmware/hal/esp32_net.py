"""The way to the network of an ESP32 board: the station's Wi-Fi, and one TCP connection over it; neither ever waits.

Rules of this file: OSError is the only way in which it fails; no name is looked up, that could halt the board for
seconds. The radio is switched on by the first `connect`: a board that never connects never pays for it.

The chip's library looks for the access point and takes it up again by itself once it has been told of it; what is
asked here is only whether it has. `link` = {"ssid", "wifi_key", ...} of board.json.
"""

import network

from hal.tcp import Net


class WifiNet(Net):
    """`Net` behind the Wi-Fi: `connect` remembers where to, and the connection begins when the radio has an address."""

    def __init__(self, poller, ticks_ms, link: dict):
        super().__init__(poller, ticks_ms)
        self._ssid = link.get("ssid", "")
        self._key = link.get("wifi_key", "")
        self._wlan = None
        self._aim = None  # (host, port) until the Wi-Fi is there.

    def connect(self, host: str, port: int) -> None:
        """Begin to connect to an IPv4 address; see `connected`. OSError where there is no way there, or no address."""
        self.close()
        if not self._ssid:
            raise OSError("board.json names no Wi-Fi")
        if self._join().isconnected():
            super().connect(host, port)
        else:
            self._aim = (host, port)

    def connected(self) -> bool:
        """Has it connected? OSError if it never will."""
        if self._aim is None:
            return super().connected()
        if self._wlan is not None and self._wlan.isconnected():
            host, port = self._aim
            self._aim = None
            super().connect(host, port)
        return False

    def close(self) -> None:
        self._aim = None
        super().close()

    def _join(self):
        """The radio, told once where it belongs."""
        if self._wlan is not None:
            return self._wlan
        wlan = network.WLAN(network.WLAN.IF_STA)
        wlan.active(True)
        wlan.config(reconnects=-1)  # For ever.
        wlan.connect(self._ssid, self._key)
        self._wlan = wlan
        return wlan
