"""One step of a check: what is looked at, how, and what came of it.

Rules of this file: data. A step that needs a person says so; what came of it never depends on how it is shown.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.check.said import Speaks, tell

if TYPE_CHECKING:
    from tools.check.site import Site

OK, LOOK, FAIL, SKIP, STOP = "ok", "look", "FAIL", "skip", "stop"
STATES = (OK, LOOK, FAIL, SKIP, STOP)
_WORSE = (SKIP, OK, LOOK, FAIL)

Text = Speaks | str
Curve = list[tuple[int, int | None]]  # unix ms, value as the station judges it


class Reading(NamedTuple):
    """One thing that was read: `value` in the sub-unit of `quantity`, or a `text`; `limit` it is held against."""

    what: Text
    shown: Text
    limit: Text = ""
    quantity: str = ""
    value: int | None = None
    datum: str = ""

    def document(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"what": both(self.what), "shown": both(self.shown), "limit": both(self.limit)}
        if self.quantity:
            found |= {"quantity": self.quantity, "value": self.value, "datum": self.datum or None}
        return found


@dataclass
class Outcome:
    """What came of a step: one of STATES, a sentence, what was read, and the curve of what moved."""

    state: str
    said: Text
    readings: list[Reading] = field(default_factory=list)
    curve: Curve = field(default_factory=list)
    curve_quantity: str = ""
    curve_limits: tuple[int, ...] = ()


class Step:
    """`id` is what a script calls it, `name` what a person reads first; `title` what is done, `limit` when it is ok."""

    person = False  # Does it need somebody at the station?
    ask: Text = ""  # What that person is asked.

    def __init__(self, id_: str, name: Text, title: Text, limit: Text = "") -> None:
        self.id = id_
        self.name = name
        self.title = title
        self.limit = limit

    def about(self) -> set[str]:
        """Channels and sources that it is about; nothing = the whole station."""
        return set()

    def run(self, site: "Site") -> Outcome:
        """Do it. `Failure` where the gateway is gone, Skipped and Stopped where a person wants it."""
        raise NotImplementedError


class Skipped(Exception):
    """A person leaves a step out, and says why."""

    def __init__(self, reason: Text) -> None:
        super().__init__(tell(reason, "en"))
        self.reason = reason


class Stopped(Exception):
    """A person ends the check."""


def both(text: Text) -> dict[str, str]:
    """A text in each language."""
    return {lang: tell(text, lang) for lang in ("zh", "en")}


def worst(states: list[str]) -> str:
    """The worst of some states; nothing looked at is SKIP."""
    return max(states, key=_WORSE.index, default=SKIP)
