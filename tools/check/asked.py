"""What a person reads or hears: the staff gauge against a channel, and the siren.

Rules of this file: a reading that a person gives goes to the gateway too, in their name; it changes no offset.
"""

from typing import Any

from gateway.config import Channel, Siren
from tools.check.moving import Watched
from tools.check.person import Live
from tools.check.said import Word, difference, exact_height, said
from tools.check.site import Site
from tools.check.step import FAIL, LOOK, OK, SKIP, Outcome, Reading, Step
from tools.check.still import skipped

AGREES_MM = 10
VALUES = 20  # The newest values whose median is compared: ten seconds.
REST_S = 15.0


class StaffStep(Step):
    """The staff gauge is read, and compared with the channel."""

    person = True

    def __init__(self, channel: Channel, report_s: int = 0) -> None:
        assert channel.level is not None
        self.channel = channel
        self.datum = channel.level.datum
        self.report_s = report_s
        self.ask = said("do_staff", datum=Word(self.datum))
        limit = said("limit_staff", agrees=AGREES_MM, most=channel.staff_limit_mm)
        super().__init__(f"{channel.name}/staff", channel.name, said("title_staff", datum=Word(self.datum)), limit)

    def about(self) -> set[str]:
        return {self.channel.name, self.channel.source} - {""}

    def run(self, site: Site) -> Outcome:
        if self.report_s:
            return skipped(said("asleep", minutes=f"{self.report_s / 60:.0f}"))
        watched = Watched(site, [self.channel.name])
        newest: list[int] = []

        def look() -> Live:
            values = watched.look()
            if values and values[0] is not None:
                newest.append(values[0])
                del newest[:-VALUES]
            return Live(self._now(newest))

        site.person.wait(lambda: Live(look().said, over=len(newest) >= 2), REST_S)
        if not newest:
            return Outcome(FAIL, said("no_value", name=self.channel.name), curve=watched.curve)
        usual_mm = site.staff_mm(self.datum)
        prompt = self.ask
        if usual_mm is not None:
            prompt = said("do_staff_again", datum=Word(self.datum), usual=f"{usual_mm / 1000:.3f}")
        staff_mm = site.person.number(self, prompt, look, usual_mm)
        off_mm = _median(newest) - staff_mm
        if site.person.asks and abs(off_mm) > self.channel.staff_limit_mm:
            sure = said("do_staff_sure", off=difference("level_mm", off_mm), read=f"{staff_mm / 1000:.3f}")
            staff_mm = site.person.number(self, sure, look, staff_mm)
            off_mm = _median(newest) - staff_mm
        site.remember_staff(self.datum, staff_mm)
        at_ms = site.latest["unix_ms"]
        refused = site.order("staff", channel=self.channel.name, value=staff_mm, at_ms=at_ms)
        return self._outcome(newest, staff_mm, refused, watched)

    def _now(self, newest: list[int]) -> Any:
        return said("now_is", value=f"{newest[-1] / 1000:.3f} m" if newest else "—")

    def _outcome(self, newest: list[int], staff_mm: int, refused: str, watched: Watched) -> Outcome:
        sensor_mm = _median(newest)
        off_mm = sensor_mm - staff_mm
        most_mm = self.channel.staff_limit_mm
        readings = [
            Reading(said("staff_reads"), exact_height(staff_mm, self.datum), "", "level_mm", staff_mm, self.datum),
            Reading(said("channel_says"), exact_height(sensor_mm, self.datum), "", "level_mm", sensor_mm, self.datum),
            Reading(said("sensor_minus_staff"), difference("level_mm", off_mm), f"± {AGREES_MM} mm (± {most_mm} mm)"),
        ]
        found = Outcome(OK, "", readings, watched.curve, "level_mm", (staff_mm,))
        facts = {"off": difference("level_mm", off_mm), "most": most_mm, "agrees": AGREES_MM}
        if abs(off_mm) <= min(AGREES_MM, most_mm):
            found.said = said("staff_ok", **facts)
        elif abs(off_mm) <= most_mm:
            found.state, found.said = LOOK, said("staff_near", **facts)
        else:
            zero_mm = self.channel.level.gauge_zero_mm if self.channel.level else 0
            above = zero_mm and abs(off_mm - zero_mm) <= most_mm
            key = "staff_from_zero" if above else "staff_off"
            found.state, found.said = FAIL, said(key, zero=f"{zero_mm / 1000:.2f}", **facts)
        if refused:
            found.state, found.said = FAIL, said("staff_refused", why=refused, off=facts["off"])
        return found


class SirenStep(Step):
    """The siren sounds by order, and somebody hears it."""

    person = True

    def __init__(self, siren: Siren, wanted: bool) -> None:
        self.absent = not siren.pin and not siren.file
        self.wanted = wanted
        self.ask = said("do_hear")
        super().__init__("siren", said("siren"), said("title_siren"), said("limit_siren"))

    def run(self, site: Site) -> Outcome:
        if self.absent:
            return Outcome(LOOK if self.wanted else SKIP, said("siren_absent" if self.wanted else "siren_none"))
        siren = site.look()["siren"]
        if siren["silenced"]:
            return Outcome(FAIL, said("siren_silenced"))
        prompt = said("do_hear_now") if siren["sounding"] else self.ask
        if not siren["sounding"]:
            refused = site.order("self-test")
            if refused:
                return Outcome(FAIL, said("siren_refused", why=refused))
        heard = site.person.yes(self, prompt, lambda: None if siren["sounding"] else self._again(site))
        failed = site.look()["siren"]["failed"]
        readings = [Reading(said("heard"), said("yes" if heard else "no"), said("yes"))]
        if failed:
            return Outcome(FAIL, said("siren_failed", why=failed), readings)
        return Outcome(OK if heard else FAIL, said("siren_heard" if heard else "siren_unheard"), readings)

    def _again(self, site: Site) -> None:
        site.order("self-test")


def _median(values: list[int]) -> int:
    return sorted(values)[(len(values) - 1) // 2]
