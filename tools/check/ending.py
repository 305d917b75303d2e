"""What only the end of a check can tell: how the lines did all the time, and what stands when everything is over.

Rules of this file: counters are differences to the check's beginning, so that what a person touched meanwhile counts.
"""

from typing import Any

from gateway import words
from gateway.config import Bus, Local
from tools.check.said import listed, said
from tools.check.site import Site, source_of
from tools.check.step import FAIL, LOOK, OK, Outcome, Reading, Step, worst

ERRORS_FEW = 2  # One disturbance, an answer lost and one late, proves nothing of a line.
ERRORS_PERMIL_MAX = 10  # Of a source's polls: a line that loses more is not right.
SKIPPED_PERMIL_MAX = 10
USE_PERMIL_MAX = 800  # Beyond it there is no room for a flood of rows.
POLLS_SLACK_S = 30.0
LINE_KINDS = ("late", "duplicate", "row", "port")  # Counted for the line, not for one source.
SETTLE_MS = 3_000  # Until what the test raised is over, and what is actual is judged.
CALM_S = 15.0  # A median over ten seconds still has in it what a person has just done.
BY_SIGHT = ("lost", "fault")


class CountStep(Step):
    """Errors of a line over many polls, by source and kind; scans skipped; how full the line is."""

    def __init__(self, bus: Bus, polls: int) -> None:
        self.bus = bus
        title, limit = said("title_polls", count=polls), said("limit_polls", percent=ERRORS_PERMIL_MAX // 10)
        super().__init__(f"{bus.name}/polls", bus.name, title, limit)

    def about(self) -> set[str]:
        return {source.name for source in self.bus.sources}

    def run(self, site: Site) -> Outcome:
        began = self._of(site.began)

        def scans() -> int:
            return self._of(site.latest)["scans"] - began["scans"]

        def told() -> Any:
            left_s = (site.polls - scans()) * self.bus.scan_ms / 1000
            return said("polls_so_far", done=max(0, scans()), of=site.polls, seconds=f"{max(0.0, left_s):.0f}")

        limit_s = site.polls * self.bus.scan_ms / 1000 + POLLS_SLACK_S
        enough = site.until(lambda: scans() >= site.polls, limit_s, told)
        if site.latest["pid"] != site.began["pid"]:
            return Outcome(FAIL, said("gateway_anew"))
        if not enough:
            return Outcome(FAIL, said("polls_too_few", done=max(0, scans()), of=site.polls))
        now = self._of(site.latest)
        skipped = now["scans_skipped"] - began["scans_skipped"]
        states, wrong, readings = self._sources(site, scans())
        readings += [
            Reading(said("scans_skipped"), skipped, f"≤ {SKIPPED_PERMIL_MAX / 10:.0f} %"),
            Reading(said("line_use"), f"{now['use_permil'] / 10:.0f} %", f"≤ {USE_PERMIL_MAX / 10:.0f} %"),
        ]
        for kind in LINE_KINDS:
            count = now["counters"].get(kind, 0) - began["counters"].get(kind, 0)
            if count:
                states.append(FAIL if kind == "port" else LOOK)
                wrong.append(said("counted", what=said(f"error_{kind}"), count=count))
        if skipped:
            states.append(FAIL if skipped * 1000 > SKIPPED_PERMIL_MAX * scans() else LOOK)
            wrong.append(said("counted", what=said("scans_skipped"), count=skipped))
        if now["use_permil"] > USE_PERMIL_MAX:
            states.append(LOOK)
            wrong.append(said("line_full", percent=f"{now['use_permil'] / 10:.0f}"))
        summary = said("polls_ok", of=len(self.bus.sources), polls=scans(), use=f"{now['use_permil'] / 10:.0f}")
        return Outcome(worst([OK, *states]), listed(wrong) if wrong else summary, readings)

    def _sources(self, site: Site, scans: int) -> tuple[list[str], list[Any], list[Reading]]:
        states, wrong, readings = [], [], []
        for source in self.bus.sources:
            before, now = source_of(site.began, source.name), source_of(site.latest, source.name)
            looks = now["looks"] - before["looks"]
            kinds = {kind: count - before["errors"].get(kind, 0) for kind, count in now["errors"].items()}
            kinds = {kind: count for kind, count in kinds.items() if count}
            count = sum(kinds.values())
            told = listed(said("counted", what=said(f"error_{kind}"), count=n) for kind, n in kinds.items())
            shown = said("polled", looks=looks, errors=told if kinds else "0")
            readings.append(Reading(said("source_at", name=source.name, address=source.address), shown))
            if looks * 2 < scans:
                states.append(FAIL)
                wrong.append(said("seldom", name=source.name, looks=looks, scans=scans))
            elif count:
                few = count <= ERRORS_FEW or count * 1000 <= ERRORS_PERMIL_MAX * looks
                states.append(LOOK if few else FAIL)
                wrong.append(said("errors_of", name=source.name, kinds=told, looks=looks))
        return states, wrong, readings

    def _of(self, document: dict[str, Any]) -> dict[str, Any]:
        return next(bus for bus in document["buses"] if bus["name"] == self.bus.name)


class HeardStep(Step):
    """The boards on the station's Wi-Fi, at the end: all heard, clocks right."""

    def __init__(self, local: Local) -> None:
        self.local = local
        super().__init__(f"{local.name}/heard", local.name, said("title_heard"), said("limit_heard"))

    def about(self) -> set[str]:
        return {source.name for source in self.local.sources}

    def run(self, site: Site) -> Outcome:
        site.look()
        readings, lost = [], []
        for source in self.local.sources:
            board = source_of(site.latest, source.name)
            key = "silent" if board["lost"] else "asleep_now" if board["asleep"] else "answers"
            readings.append(Reading(source.name, said(key)))
            if board["lost"]:
                lost.append(source.name)
        if lost:
            return Outcome(FAIL, said("not_all_answer", names=", ".join(lost), of=len(readings)), readings)
        return Outcome(OK, said("all_answer", of=len(readings)), readings)


class EndStep(Step):
    """Alarms that stand when the check is over, and rows that wait: told, so that nobody leaves them unseen."""

    def __init__(self) -> None:
        super().__init__("end", said("at_the_end"), said("title_end"), said("limit_end"))

    def run(self, site: Site) -> Outcome:
        over_ms = site.look()["unix_ms"] + SETTLE_MS

        def calm() -> bool:
            return site.latest["unix_ms"] >= over_ms and not _standing(site)

        site.until(calm, CALM_S, lambda: said("looking"))
        now, standing = site.latest, _standing(site)
        readings = [Reading(one["rule"], _Alarm(one)) for one in standing]
        readings.append(Reading(said("mode"), now["mode"]))
        readings.append(Reading(said("to_send"), f"{now['store']['to_send']:,}"))
        state = worst([OK, *(FAIL if one["kind"] in BY_SIGHT else LOOK for one in standing)])
        if not standing:
            return Outcome(OK, said("end_ok", rows=f"{now['store']['to_send']:,}"), readings)
        told = listed(said("alarm_of", rule=one["rule"], alarm=_Alarm(one)) for one in standing)
        return Outcome(state, said("end_alarms", alarms=told), readings)


def _standing(site: Site) -> list[dict[str, Any]]:
    return [one for one in site.latest["alarms"] if one["level"]]


class _Alarm:
    """Level and state of an alarm, in each language."""

    def __init__(self, alarm: dict[str, Any]) -> None:
        self._alarm = alarm

    def text(self, lang: str) -> str:
        level = words.LEVEL_NAMES.index(self._alarm["word"])
        return f"{words.mark(level, lang)} {words.level_word(level, lang)}, {words.word(self._alarm['state'], lang)}"
