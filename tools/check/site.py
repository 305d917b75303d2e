"""The station under test as a check sees it: the state of its running gateway, orders to it, and the person in front.

Rules of this file: nothing is measured here; what is said comes from the gateway's own state.
"""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gateway.actions import Action
from gateway.config import Channel, Source, Station
from tools.orders import TIER, carry_out
from tools.station_now import StationNow

if TYPE_CHECKING:
    from tools.check.person import Person

STAFF_S = 180.0  # So long a staff reading may be used again: a river moves.


class Site:
    """Everything that a step needs. `began` is the state when the check began: counters are counted from there."""

    def __init__(self, now: StationNow, person: "Person", by: str, wait_s: float, polls: int) -> None:
        self.config: Station = now.config
        self.person = person
        self.by = by
        self.wait_s = wait_s  # So long is waited for what a person does.
        self.polls = polls  # So many of each source are counted, at least.
        self._now = now
        self._lang = person.screen.lang
        self._staff: dict[str, tuple[int, float]] = {}  # by datum: what was read, and when
        self.began = self.latest = now.read()

    def look(self) -> dict[str, Any]:
        """The state now. `Failure` where nobody writes it."""
        self.latest = self._now.read()
        return self.latest

    def channel(self, name: str) -> dict[str, Any]:
        """What the state says of channel `name`; {} where it has none such."""
        return next((one for one in self.latest["channels"] if one["name"] == name), {})

    def order(self, kind: str, **fields: Any) -> str:
        """Have the gateway do something: "" or why not. `Failure` where it does not answer."""
        return carry_out(self._now, Action(kind, self.by, TIER, **fields), self._lang)

    def order_as(self, actor: str, kind: str, **fields: Any) -> str:
        """The same in the name of `actor`."""
        return carry_out(self._now, Action(kind, actor, TIER, **fields), self._lang)

    def source_now(self, name: str) -> dict[str, Any]:
        """What the state says of how source `name` answers: on its bus, or on the station's Wi-Fi."""
        return source_of(self.latest, name)

    def board_now(self, name: str) -> dict[str, Any]:
        """What board `name` has said of itself."""
        return next((one for one in self.latest["boards"] if one["name"] == name), {})

    def staff_mm(self, datum: str) -> int | None:
        """What was read at the staff over this datum a moment ago; None = nothing, or too long ago."""
        value_mm, at_s = self._staff.get(datum, (0, -STAFF_S))
        return value_mm if time.monotonic() - at_s < STAFF_S else None

    def remember_staff(self, datum: str, value_mm: int) -> None:
        """The next channel over this datum may stand at the same staff."""
        self._staff[datum] = (value_mm, time.monotonic())

    def until(self, condition: Callable[[], bool], limit_s: float, said: Callable[[], object]) -> bool:
        """Look until `condition` holds; False if it does not within `limit_s`. `said` is shown meanwhile."""
        from tools.check.person import Live

        def look() -> Live:
            self.look()
            return Live("", over=True) if condition() else Live(said())

        return self.person.wait(look, limit_s)


def source_of(document: dict[str, Any], name: str) -> dict[str, Any]:
    """The part of a state that tells how source `name` answers; {} where there is none."""
    lines = [source for bus in document["buses"] for source in bus["sources"]]
    lines += (document["local"] or {"boards": []})["boards"]
    return next((one for one in lines if one["name"] == name), {})


def channels_of(config: Station) -> list[tuple[Source, Channel]]:
    """Every channel with its source, in the order of station.toml."""
    return [(source, channel) for source in config.sources for channel in source.channels]
