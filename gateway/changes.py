"""What happens to alarms, as records: for events of the log, and back from them.

Rules of this file: data only; the kinds are those of wire.telemetry.EVENT_KINDS.
"""

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from gateway.alarms import Alarm

RAISED = "alarm raised"
ESCALATED = "alarm escalated"
LOWERED = "alarm lowered"
CLEARED = "alarm cleared"
ACKED = "alarm acknowledged"
REBASED = "alarm rebased"
LATCHES = "alarm latched"
SHELVES = "alarm shelved"
UNSHELVES = "alarm unshelved"
OUT = "alarm out of service"
IN = "alarm in service"
IS_OVER = " is over"  # Ends the detail of a clearing that an exercise's or test's end caused.


class Change(Struct, frozen=True, gc=False):
    """What happened to an alarm: `kind` as in wire.telemetry.EVENT_KINDS, `level` after it."""

    alarm: "Alarm"
    kind: str
    level: int
    at_ms: int  # unix ms of the crossing
    episode_ms: int  # unix ms of the episode's first crossing
    number: int  # of the episode, counted per rule
    value: int | None
    threshold: int | None  # of the step that was reached or left
    threshold_set: str
    actor: str = ""
    tier: str = ""
    until_ms: int = 0  # unix ms
    detail: str = ""


class Recalled(Struct, frozen=True):
    """An event of the log, as far as an alarm can be put back by it."""

    kind: str
    level: int
    at_ms: int
    episode_ms: int
    number: int
    value: int | None
    threshold: int | None
    threshold_set: str
    actor: str
    tier: str
    until_ms: int
    mode: int
    detail: str
