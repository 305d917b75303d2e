"""Channels that a person moves: a level, a tilt, a crack; a rain gauge that is tipped; smoke.

Rules of this file: what hands do is seen in the channel's values or it did not happen. A wait has a limit; Enter judges
at once, but not before what was just done can have come through two scans and the gateway's state.
"""

import math
from typing import Any, NamedTuple

from gateway.config import Channel, Source
from tools.check.judges import Motion, Rest, Smoke, Tips
from tools.check.person import DONE, OVER, Live
from tools.check.said import difference, listed, said, shown
from tools.check.site import Site
from tools.check.step import FAIL, OK, Outcome, Reading, Step
from tools.check.still import skipped
from wire.reading import RAIN_WRAP_UM, rain_since

REST_S = 15.0  # So long it may take to know where a channel stands.
COME_THROUGH_S = 3.0  # Two scans, and the period of the gateway's state.
CURVE_MAX = 2_000


class Move(NamedTuple):
    """How a quantity is moved: by how much, within what it must come back, in which direction (0 = either)."""

    prompt: str
    need: int
    back: int
    sign: int


MOVES = {
    "head_mm": Move("do_head", 100, 50, 1),
    "gap_mm": Move("do_gap", 100, 50, 1),  # The level rises when the gap becomes less.
    "tilt_x_mdeg": Move("do_tilt", 200, 50, 0),
    "tilt_y_mdeg": Move("do_tilt", 200, 50, 0),
    "acc_x_ug": Move("do_tilt", 3_500, 900, 0),
    "acc_y_ug": Move("do_tilt", 3_500, 900, 0),
    "crack_um": Move("do_crack", 500, 100, 0),
}
TIPS = 5
SMOKE_NEED_MDBM = 100
SMOKE_BACK_MDBM = 50
FUNNEL_MM = 200  # SL 21: the inner diameter of a gauge's ring.
POUR_PERMIL = 40  # SL 21: 4 % of what was poured.


class Watched:
    """The values of some channels during a step, with the curve of the first."""

    def __init__(self, site: Site, names: list[str]) -> None:
        self.site = site
        self.names = names
        self.curve: list[tuple[int, int | None]] = []
        self._at_ms = 0

    def look(self) -> list[int | None] | None:
        """Their values now; None where the gateway's state is the one of the look before."""
        document = self.site.look()
        if document["unix_ms"] == self._at_ms:
            return None
        self._at_ms = document["unix_ms"]
        values = [self.site.channel(name).get("value") for name in self.names]
        if len(self.curve) < CURVE_MAX:
            self.curve.append((self._at_ms, values[0]))
        return values

    def told(self, what: Any) -> Any:
        """`what` of a step that failed; and that there is no value any more, where that is so."""
        if not self.curve or self.curve[-1][1] is not None:
            return what
        return listed([what, said("no_value", name=self.names[0])])


def asleep(site: Site, source: Source) -> Any:
    """Why nothing of `source` can be moved now; "" if it can."""
    return said("asleep", minutes=f"{source.report_s / 60:.0f}") if source.report_s else ""


def alarms_of(site: Site, names: list[str], seen: dict[str, int]) -> None:
    """Note in `seen` how far the alarms of these channels have got."""
    for one in site.latest["alarms"]:
        if one["channel"] in names and one["level"]:
            seen[one["rule"]] = max(seen.get(one["rule"], 0), one["level"])


class MoveStep(Step):
    """A channel follows what a person does to its sensor, and comes back."""

    person = True

    def __init__(self, source: Source, channel: Channel) -> None:
        self.source, self.channel = source, channel
        self.move = MOVES[channel.quantity]
        sign = self.move.sign
        if channel.level is None and channel.quantity == "gap_mm":
            sign = -sign  # Nothing derives an elevation: the gap itself becomes less.
        self.sign = sign
        self.ask = said(self.move.prompt)
        self.quantity = "level_mm" if channel.level is not None else channel.quantity
        facts = {"need": self._far(self.move.need, sign), "back": self._far(self.move.back, 0)}
        super().__init__(f"{channel.name}/move", channel.name, said("title_move"), said("limit_move", **facts))

    def _far(self, value: int, sign: int) -> str:
        return difference(self.quantity, value * (sign or 1), sign=bool(sign))

    def about(self) -> set[str]:
        return {self.source.name, self.channel.name}

    def run(self, site: Site) -> Outcome:
        if reason := asleep(site, self.source):
            return skipped(reason)
        watched = Watched(site, [self.channel.name])
        rest = Rest()

        def settled() -> bool:
            values = watched.look()
            if values:
                rest.feed(values[0])
            return rest.value is not None

        site.until(settled, REST_S, lambda: said("at_rest"))
        if rest.value is None:
            return Outcome(FAIL, said("no_value", name=self.channel.name), curve=watched.curve)
        motion = Motion(rest.value, self.move.need, self.move.back, self.sign)
        alarms: dict[str, int] = {}

        def look() -> Live:
            values = watched.look()
            if values and values[0] is not None:
                motion.feed(values[0])
                alarms_of(site, [self.channel.name], alarms)
            return Live(self._progress(site, motion), motion.passed)

        ended = site.person.watch(self, self.ask, look, site.wait_s)
        if ended == DONE:
            site.person.wait(look, COME_THROUGH_S)
        return self._outcome(site, motion, watched, ended, alarms)

    def _progress(self, site: Site, motion: Motion) -> Any:
        now = site.channel(self.channel.name)
        value = shown(self.quantity, now.get("value"))
        far = difference(self.quantity, motion.most)
        key = "moved_so_far" if not motion.moved else "coming_back"
        return said(key, value=value, far=far, need=self._far(self.move.need, self.sign))

    def _outcome(self, site: Site, motion: Motion, watched: Watched, ended: str, alarms: dict[str, int]) -> Outcome:
        datum = site.channel(self.channel.name).get("datum") or ""
        readings = [
            Reading(
                said("rest_value"),
                shown(self.quantity, motion.rest, datum or None),
                "",
                self.quantity,
                motion.rest,
                datum,
            ),
            Reading(said("moved_by"), difference(self.quantity, motion.most), self._far(self.move.need, self.sign)),
            Reading(said("ended_off"), difference(self.quantity, motion.now), f"± {self._far(self.move.back, 0)}"),
            *raised(alarms),
        ]
        found = Outcome(FAIL, "", readings, watched.curve, self.quantity)
        found.curve_limits = tuple(
            motion.rest + side * self.move.need for side in ((self.sign,) if self.sign else (1, -1))
        )
        far = {"far": difference(self.quantity, motion.most), "off": difference(self.quantity, motion.now)}
        if motion.passed:
            found.state, found.said = OK, said("moved_ok", **far)
        elif motion.moved:
            found.said = said("not_back", **far)
        elif abs(motion.wrong) >= self.move.need:
            found.said = said("wrong_way", far=difference(self.quantity, motion.wrong))
        else:
            found.said = said("not_moved", need=self._far(self.move.need, self.sign), **far)
        if found.state == FAIL:
            found.said = watched.told(found.said)
        return found


class TipsStep(Step):
    """A rain gauge counts what goes through it: tips by hand, or a measured amount of water."""

    person = True

    def __init__(self, source: Source, channel: Channel, pour_ml: int = 0, funnel_mm: int = FUNNEL_MM) -> None:
        self.source, self.channel = source, channel
        self.tip_um = channel.tip_um
        if pour_ml:
            self.wanted_um = round(pour_ml * 1_000_000 * 4 / (math.pi * funnel_mm**2))  # over the funnel's area
            self.slack_um = max(self.tip_um, self.wanted_um * POUR_PERMIL // 1000)
            title = said("title_pour", ml=pour_ml)
            limit = said("limit_pour", rain=shown("rain_um", self.wanted_um), slack=shown("rain_um", self.slack_um))
            self.ask = said("do_pour", ml=pour_ml)
        elif self.tip_um:
            self.wanted_um, self.slack_um = TIPS * self.tip_um, 0
            title = said("title_tips", count=TIPS)
            limit = said("limit_tips", count=TIPS, rain=shown("rain_um", self.wanted_um))
            self.ask = said("do_tips", count=TIPS)
        else:
            self.wanted_um = self.slack_um = 0
            title, limit, self.ask = said("title_tips", count=TIPS), said("limit_rises"), said("do_tips", count=TIPS)
        super().__init__(f"{channel.name}/tips", channel.name, title, limit)

    def about(self) -> set[str]:
        return {self.source.name, self.channel.name}

    def run(self, site: Site) -> Outcome:
        if reason := asleep(site, self.source):
            return skipped(reason)
        watched = Watched(site, [self.channel.name])
        first: list[int] = []

        def there() -> bool:
            values = watched.look()
            if values and values[0] is not None:
                first.append(values[0])
            return bool(first)

        site.until(there, REST_S, lambda: said("at_rest"))
        if not first:
            return Outcome(FAIL, said("no_value", name=self.channel.name), curve=watched.curve)
        tips = Tips(0, self.wanted_um, self.slack_um)
        alarms: dict[str, int] = {}

        def look() -> Live:
            values = watched.look()
            if values and values[0] is not None:
                tips.feed(rain_since(values[0], first[0]))
                alarms_of(site, [self.channel.name], alarms)
            return Live(self._progress(tips), self.wanted_um > 0 and tips.enough)

        ended = site.person.watch(self, self._prompt(site), look, site.wait_s)
        if ended in (OVER, DONE):  # One tip too many comes a moment later.
            site.person.wait(lambda: Live(look().said), COME_THROUGH_S)
        return self._outcome(tips, watched, alarms)

    def _prompt(self, site: Site) -> Any:
        """What is asked, and the rules that the rain of the test would raise."""
        judged = {one["rule"]: one["value"] or 0 for one in site.latest["rules"]}
        raises = [
            rule.name
            for rule in site.config.rules
            if rule.channel == self.channel.name
            and rule.kind in ("rain_sum", "storm")
            and judged.get(rule.name, 0) + self.wanted_um + self.slack_um >= rule.steps[0].at
        ]
        return said("rain_raises", ask=self.ask, rules=", ".join(raises)) if raises else self.ask

    def _count(self, rain_um: int) -> Any:
        if not self.tip_um:
            return shown("rain_um", rain_um)
        return said("tips", count=f"{rain_um / self.tip_um:g}")

    def _progress(self, tips: Tips) -> Any:
        return said(
            "tips_so_far", done=self._count(tips.risen_um), of=self._count(self.wanted_um) if self.wanted_um else "?"
        )

    def _outcome(self, tips: Tips, watched: Watched, alarms: dict[str, int]) -> Outcome:
        risen = shown("rain_um", tips.risen_um)
        limit = self._count(self.wanted_um) if self.wanted_um else "> 0"
        if self.slack_um:
            limit = said("give_or_take", value=shown("rain_um", self.wanted_um), slack=shown("rain_um", self.slack_um))
        readings = [
            Reading(said("counted_tips"), self._count(tips.risen_um), limit),
            Reading(said("rain_of_test"), risen, "", "rain_um", tips.risen_um),
            *raised(alarms),
        ]
        curve = [(at_ms, None if value is None else value % RAIN_WRAP_UM) for at_ms, value in watched.curve]
        good = tips.passed if self.wanted_um else tips.risen_um > 0
        facts = {"done": self._count(tips.risen_um), "of": limit, "rain": risen}
        if good:
            return Outcome(OK, said("tips_ok", **facts), readings, curve, "rain_um")
        return Outcome(FAIL, watched.told(said("tips_wrong", **facts)), readings, curve, "rain_um")


class SmokeStep(Step):
    """A detector says it when it is tested: its chamber rises, or its contact closes; and it is over again."""

    person = True

    def __init__(self, source: Source, chamber: Channel | None, contact: Channel | None) -> None:
        self.source, self.chamber, self.contact = source, chamber, contact
        self.ask = said("do_smoke" if contact else "do_smoke_chamber")
        self.channels = [channel for channel in (chamber, contact) if channel is not None]
        need = {"need": shown("smoke_mdbm", SMOKE_NEED_MDBM), "back": shown("smoke_mdbm", SMOKE_BACK_MDBM)}
        limit = said("limit_smoke" if chamber else "limit_contact", **need)
        super().__init__(f"{self.channels[0].name}/smoke", self.channels[0].name, said("title_smoke"), limit)

    def about(self) -> set[str]:
        return {self.source.name, *(channel.name for channel in self.channels)}

    def run(self, site: Site) -> Outcome:
        if reason := asleep(site, self.source):
            return skipped(reason)
        watched = Watched(site, [channel.name for channel in self.channels])
        rest = Rest(2)

        def settled() -> bool:
            values = watched.look()
            if values:
                rest.feed(values[0])
            return rest.value is not None

        site.until(settled, REST_S, lambda: said("at_rest"))
        if rest.value is None:
            return Outcome(FAIL, said("no_value", name=self.channels[0].name), curve=watched.curve)
        smoke = Smoke(rest.value if self.chamber else None, SMOKE_NEED_MDBM, SMOKE_BACK_MDBM)
        alarms: dict[str, int] = {}

        def look() -> Live:
            values = watched.look()
            if values:
                smoke.feed(*self._pair(values))
                alarms_of(site, watched.names, alarms)
            return Live(self._progress(smoke), smoke.passed)

        ended = site.person.watch(self, self.ask, look, site.wait_s)
        if ended == DONE:
            site.person.wait(look, COME_THROUGH_S)
        return self._outcome(smoke, watched, alarms)

    def _pair(self, values: list[int | None]) -> tuple[int | None, int | None]:
        if self.chamber is None:
            return None, values[0]
        return values[0], values[1] if self.contact is not None else None

    def _progress(self, smoke: Smoke) -> Any:
        parts: list[Any] = [shown("smoke_mdbm", smoke.now)] if self.chamber else []
        parts += [shown("smoke_contact", int(smoke.now_closed))] if self.contact else []
        return said("smoke_over" if smoke.rose else "smoke_so_far", now=listed(parts))

    def _outcome(self, smoke: Smoke, watched: Watched, alarms: dict[str, int]) -> Outcome:
        readings = []
        if self.chamber:
            rose = f"≥ {shown('smoke_mdbm', SMOKE_NEED_MDBM)}"
            readings.append(Reading(said("rose_by"), shown("smoke_mdbm", smoke.most), rose, "smoke_mdbm", smoke.most))
            readings.append(Reading(said("ended_off"), shown("smoke_mdbm", smoke.now)))
        if self.contact:
            readings.append(Reading(said("contact_was"), shown("smoke_contact", int(smoke.closed))))
        readings += raised(alarms)
        found = Outcome(FAIL, "", readings, watched.curve, self.channels[0].quantity)
        how = listed(
            [said("contact_did")] * smoke.closed
            + [said("chamber_did", rose=shown("smoke_mdbm", smoke.most))] * (smoke.most >= SMOKE_NEED_MDBM)
        )
        if smoke.passed:
            found.state, found.said = OK, said("smoke_ok", how=how)
        else:
            found.said = said("smoke_stays", how=how) if smoke.rose else said("no_smoke")
        return found


def raised(alarms: dict[str, int]) -> list[Reading]:
    """The alarms that a stimulus raised, as lines of the report."""
    from tools.check.rules import LevelWord

    return [Reading(said("raised_rule", rule=rule), LevelWord(level)) for rule, level in alarms.items()]
