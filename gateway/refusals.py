"""What a broker refuses, and how long it is left alone with that: by topic, longer each time, never for ever.

Rules of this file: no clock, disk or network; time comes in as real seconds. A refusal is never taken for stored.
"""

import random

from gateway.link import REFUSED

QUOTA = 0x97  # "Quota exceeded" (MQTT 5, 2.4): about the station, not about a topic.
NAMES = {
    0x10: "nobody subscribes",
    0x80: "unspecified error",
    0x83: "refused by the broker",
    0x87: "not authorised",
    0x90: "topic not valid",
    0x95: "packet too large",
    0x97: "quota exceeded",
    0x99: "payload not valid",
}
FIRST_S = 5.0
MOST_S = 300.0
PLAY = 0.25  # Stations that were refused together do not come back together.


class Refusals:
    """`told`: what is refused now, in words, by topic; for health."""

    def __init__(self) -> None:
        self.told: dict[str, str] = {}
        self._until_s: dict[str, float] = {}
        self._pause_s: dict[str, float] = {}

    def refuse(self, leaf: str, code: int, now_s: float) -> None:
        """The broker refused a message on `leaf` with `code`."""
        name = "" if code == QUOTA else leaf
        if now_s < self._until_s.get(name, 0.0):
            return  # One of several that were under way together.
        pause_s = min(self._pause_s.get(name, FIRST_S / 2) * 2, MOST_S)
        self._pause_s[name] = pause_s
        self._until_s[name] = now_s + pause_s * random.uniform(1 - PLAY, 1 + PLAY)
        self._tell(name or "all", code)

    def take(self, leaf: str) -> None:
        """The broker took a message on `leaf`: neither that nor the station as a whole is refused any more."""
        for name, word in ((leaf, leaf), ("", "all")):
            self._until_s.pop(name, None)
            self._pause_s.pop(name, None)
            self.told.pop(word, None)

    def hear(self, leaf: str, code: int) -> None:
        """The broker answered the wish to hear `leaf` with `code`."""
        self.told.pop(leaf, None)
        if code >= REFUSED:
            self._tell(leaf, code)

    def free_s(self, leaf: str, now_s: float) -> float:
        """Seconds until `leaf` may be tried again; 0 = now."""
        return max(self._until_s.get(leaf, 0.0) - now_s, self._until_s.get("", 0.0) - now_s, 0.0)

    def next_s(self, now_s: float) -> float | None:
        """Seconds until something that is refused now may be tried; None if nothing is."""
        return min((until_s - now_s for until_s in self._until_s.values() if until_s > now_s), default=None)

    def _tell(self, what: str, code: int) -> None:
        self.told[what] = f"{NAMES.get(code, 'refused')} (0x{code:02x})"
