"""What is looked at without anybody touching anything: gateway, store, center, and who answers on the lines.

Rules of this file: it reads the gateway's state and nothing else; what is not known is said as that, never as good.
"""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.config import Bus, Local
from tools.check.said import listed, said
from tools.check.site import Site, source_of
from tools.check.step import FAIL, LOOK, OK, SKIP, Outcome, Reading, Step

ANSWER_S = 12.0  # So long a source may take to answer after a start: two probes, and what a radar needs to settle.


def local_time(unix_ms: int, zone: str) -> str:
    """A time of the station: "2024-06-01 14:20:05 UTC+8"."""
    at = datetime.fromtimestamp(unix_ms / 1000, ZoneInfo(zone))
    hours, minutes = divmod(abs(int((at.utcoffset() or at - at).total_seconds())) // 60, 60)
    sign = "−" if at.strftime("%z").startswith("-") else "+"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC{sign}{hours}" + (f":{minutes:02}" if minutes else "")


class GatewayStep(Step):
    """The gateway itself: what runs, by which station.toml, whether it knows what time it is."""

    def __init__(self) -> None:
        super().__init__("station", said("gateway"), said("title_gateway"), said("limit_gateway"))

    def run(self, site: Site) -> Outcome:
        now, config = site.look(), site.config
        readings = [
            Reading(said("gateway_serial"), config.gateway_serial),
            Reading(said("version"), now["version"]),
            Reading("station.toml", f"{config.version:08x}", said("limit_same_file")),
            Reading(said("running"), said("seconds", seconds=f"{now['up_s']:,.0f}")),
            Reading(said("clock_shows"), local_time(now["unix_ms"], config.time_zone), said("limit_clock")),
        ]
        if not now["clock_known"]:
            return Outcome(FAIL, said("gateway_no_clock"), readings)
        return Outcome(OK, said("gateway_ok", version=now["version"], file=f"{config.version:08x}"), readings)


class StoreStep(Step):
    """Where rows are kept until the center has them."""

    def __init__(self) -> None:
        super().__init__("store", said("store"), said("title_store"), said("limit_store"))

    def run(self, site: Site) -> Outcome:
        store = site.look()["store"]
        room = said("unknown") if store["days_of_room"] is None else said("days", days=f"{store['days_of_room']:,}")
        readings = [
            Reading(said("store_used"), f"{store['used_percent']} %", "< 80 %"),
            Reading(said("store_room"), room),
            Reading(said("store_cap"), f"{store['cap_mib']:,} MiB"),
            Reading(said("to_send"), f"{store['to_send']:,}"),
        ]
        if store["failed"]:
            return Outcome(FAIL, said("store_failed", why=store["failed"]), readings)
        if store["in_memory"] or store["salvaging"] or store["bad_rows"]:
            damage = said("store_damage", memory=store["in_memory"], aside=store["salvaging"], bad=store["bad_rows"])
            return Outcome(LOOK, damage, readings)
        state = LOOK if store["nearly_full"] else OK
        return Outcome(state, said("store_ok", percent=store["used_percent"], room=room), readings)


class CenterStep(Step):
    """The way to the center. A site may be accepted before its center is there."""

    def __init__(self) -> None:
        super().__init__("center", said("center"), said("title_center"), said("limit_center"))

    def run(self, site: Site) -> Outcome:
        now, center = site.look(), site.config.center
        readings = [
            Reading(said("center_host"), f"{center.host}:{center.port}" if center.host else "—"),
            Reading(said("to_send"), f"{now['store']['to_send']:,}"),
        ]
        if not center.host:
            return Outcome(LOOK, said("no_center"), readings)
        if now["refused"]:
            return Outcome(LOOK, said("center_refuses", what=", ".join(now["refused"])), readings)
        if not now["connected"]:
            return Outcome(LOOK, said("center_away"), readings)
        return Outcome(OK, said("center_ok"), readings)


class AnswersStep(Step):
    """Does everything on a line, or on the station's Wi-Fi, answer now?"""

    def __init__(self, place: Bus | Local) -> None:
        self.place = place
        title = said("title_line", port=place.port, baud=place.baud, framing=place.framing, scan=place.scan_ms) if (
            isinstance(place, Bus)
        ) else said("title_wifi", host=place.host)  # fmt: skip
        super().__init__(f"{place.name}/answers", place.name, title, said("limit_answers"))

    def about(self) -> set[str]:
        return {source.name for source in self.place.sources}

    def run(self, site: Site) -> Outcome:
        names = [source.name for source in self.place.sources]

        def missing() -> list[str]:
            return [name for name in names if not answers(site.latest, name)]

        site.until(lambda: not missing(), ANSWER_S, lambda: said("waiting_for", names=", ".join(missing())))
        gone = missing()
        readings = [
            Reading(
                said("source_at", name=source.name, address=source.address) if source.address else source.name,
                said("answers" if source.name not in gone else "silent"),
                quantity="",
            )
            for source in self.place.sources
        ]
        if isinstance(self.place, Local) and not (site.latest["local"] or {}).get("connected"):
            return Outcome(FAIL, said("no_broker"), readings)
        if gone:
            which = listed(self._called(name) for name in gone)
            return Outcome(FAIL, said("not_all_answer", names=which, of=len(names)), readings)
        return Outcome(OK, said("all_answer", of=len(names)), readings)

    def _called(self, name: str) -> Any:
        address = next(source.address for source in self.place.sources if source.name == name)
        return said("source_at", name=name, address=address) if address else name


def answers(document: dict[str, Any], name: str) -> bool:
    """Does source `name` answer, as its last look says? One that sleeps does, until it is lost."""
    found = source_of(document, name)
    if not found or found["lost"]:
        return False
    if "asleep" in found:
        values = [one["value"] for one in document["channels"] if one["source"] == name]
        return found["asleep"] or any(value is not None for value in values)
    return found["looks"] > sum(found["errors"].values()) or _all_exceptions(found)


def _all_exceptions(found: dict[str, Any]) -> bool:
    """A device that refuses what it is asked is there all the same."""
    return found["looks"] > 0 and set(found["errors"]) == {"exception"}


def skipped(reason: Any) -> Outcome:
    """What a step leaves that was not done."""
    return Outcome(SKIP, said("skipped", reason=reason))
