"""The siren as people and the clock use it: silenced, sounded again, tested, failed and back, each with its event.

Rules of this file: no clock of its own. A siren that fails stops no alarm; that it does is told once.
"""

from zoneinfo import ZoneInfo

from gateway.config import Station
from gateway.self_test import SelfTest
from gateway.siren import Siren
from gateway.telling import Telling
from gateway.words import LEVEL_NAMES, refusal


class Sounding:
    """`siren` sounds for what the station judges; everything else about it is told here."""

    def __init__(self, config: Station, siren: Siren, telling: Telling) -> None:
        self.siren = siren
        self._telling = telling
        self._self_test = SelfTest(config.siren.self_test, ZoneInfo(config.time_zone))
        self._failed = ""

    def tick(self, mono_ms: int, unix_ms: int) -> None:
        """Let its own times pass."""
        was_silenced = self.siren.silenced
        self.siren.tick(mono_ms)
        if was_silenced and self.siren.sounding:
            self._telling.act("siren sounds again", "", "its time is over")
        if self._self_test.due(unix_ms):
            refused = self.test("")
            if refused:
                self._telling.act("siren tested", "", f"not done: {refused}")
        self.look()

    def now(self) -> dict[str, object]:
        """The siren as it is; `failed` is its driver's error."""
        siren = self.siren
        return {
            "level": LEVEL_NAMES[siren.level],
            "sounding": siren.sounding,
            "silenced": siren.silenced,
            "failed": siren.failed,
        }

    def look(self) -> None:
        """Tell that it failed, or works again."""
        failed = self.siren.failed
        if failed and not self._failed:
            self._telling.plain("siren failed", "", failed)
        elif self._failed and not failed:
            self._telling.plain("siren back", "", "")
        self._failed = failed

    def silence(self, duration_ms: int, actor: str, unix_ms: int) -> str:
        """Quiet for a while; "" or why not."""
        duration_ms = self.siren.silence(duration_ms)
        if not duration_ms:
            return refusal("quiet")
        self._telling.act("siren silenced", actor, "", unix_ms + duration_ms)
        self.look()
        return ""

    def sound(self, actor: str) -> str:
        """End a silence; "" or why not."""
        if not self.siren.sound():
            return refusal("not silenced")
        self._telling.act("siren sounds again", actor)
        self.look()
        return ""

    def test(self, actor: str) -> str:
        """One short blast, and an event with what came of it; "" or why not."""
        if self.siren.absent:
            return refusal("no siren")
        if not self.siren.test():
            return refusal("loud")
        failed = self.siren.failed
        self._telling.act("siren tested", actor, f"failed: {failed}" if failed else "ok")
        self.look()
        return ""
