"""What a person at the center wants done at the station, read as what anybody may have sent.

Rules of this file: an action that exists has every field that its kind needs, each in its range; nothing is guessed.
Keys that its kind does not use are ignored, as unknown ones are. No clock, disk or network.
"""

from collections.abc import Callable
from typing import NamedTuple

from wire.actions import (
    A_ACTOR,
    A_AT_MS,
    A_CHANNEL,
    A_DURATION_MS,
    A_KIND,
    A_LEVEL,
    A_MODE,
    A_OPERATING,
    A_QUANTITY,
    A_REASON,
    A_RULE,
    A_SIREN,
    A_TIER,
    A_UNTIL_MS,
    A_VALUE,
    ACTIONS,
)
from wire.reading import QUANTITIES
from wire.telemetry import MODES, OPERATING

TEXT_MAX = 100
_MS_MAX = 1 << 48
_VALUE_MAX = 1 << 40
_DURATION_MS_MAX = 100 * 86_400_000


class ActionError(ValueError):
    """Not an action that the contract allows; the text says why."""


class Action(NamedTuple):
    """One action. Texts are "" and numbers None where its kind does not need them."""

    kind: str
    actor: str
    tier: str = ""
    rule: str = ""
    channel: str = ""
    level: int | None = None
    reason: str = ""
    until_ms: int | None = None
    mode: int | None = None  # place in MODES
    siren: bool = False
    operating: int | None = None  # place in OPERATING; None = as the calendar says
    quantity: int | None = None  # code
    value: int | None = None
    at_ms: int | None = None
    duration_ms: int | None = None


def _text(value: object) -> bool:
    return isinstance(value, str) and 1 <= len(value) <= TEXT_MAX and value.isprintable() and bool(value.strip())


def _number(lowest: int, highest: int) -> Callable[[object], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


# Field -> (its key, may this stand there).
_FIELDS: dict[str, tuple[int, Callable[[object], bool]]] = {
    "actor": (A_ACTOR, _text),
    "tier": (A_TIER, _text),
    "rule": (A_RULE, _text),
    "channel": (A_CHANNEL, _text),
    "level": (A_LEVEL, _number(0, 4)),
    "reason": (A_REASON, _text),
    "until_ms": (A_UNTIL_MS, _number(0, _MS_MAX)),
    "mode": (A_MODE, _number(0, len(MODES) - 1)),
    "siren": (A_SIREN, lambda value: isinstance(value, bool)),
    "operating": (A_OPERATING, _number(0, len(OPERATING) - 1)),
    "quantity": (A_QUANTITY, lambda value: isinstance(value, int) and value in QUANTITIES),
    "value": (A_VALUE, _number(-_VALUE_MAX, _VALUE_MAX)),
    "at_ms": (A_AT_MS, _number(0, _MS_MAX)),
    "duration_ms": (A_DURATION_MS, _number(1, _DURATION_MS_MAX)),
}

# Kind -> (fields that it needs beside actor, fields that it may have beside tier).
NEEDS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "acknowledge": (("rule", "level"), ()),
    "silence": ((), ("duration_ms",)),
    "sound": ((), ()),
    "shelve": (("rule", "reason"), ("until_ms", "duration_ms")),
    "unshelve": (("rule",), ()),
    "out-of-service": (("rule", "reason"), ()),
    "in-service": (("rule",), ()),
    "reset": (("rule",), ()),
    "mode": (("mode",), ("until_ms", "duration_ms", "siren")),
    "operating": ((), ("operating", "until_ms", "duration_ms")),
    "observe": (("quantity", "value", "at_ms"), ("channel", "reason")),
    "staff": (("channel", "value", "at_ms"), ("reason",)),
    "re-zero": (("channel", "reason"), ()),
    "undo-re-zero": (("channel", "reason"), ()),
    "self-test": ((), ()),
    "mute": (("rule",), ()),
    "test-detector": (("rule",), ()),
}


def until_of(action: Action, unix_ms: int) -> int | None:
    """Until when it is to hold: a duration counts from now, when it is carried out; None where nobody said."""
    return action.until_ms if action.duration_ms is None else unix_ms + action.duration_ms


def read_action(message: object) -> Action:
    """The action below K_ACTION. ActionError."""
    if not isinstance(message, dict):
        raise ActionError("an action is a map")
    place = message.get(A_KIND)
    if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < len(ACTIONS):
        raise ActionError("no action that this station knows")
    kind = ACTIONS[place]
    needed, allowed = NEEDS[kind]
    fields: dict[str, object] = {}
    for field in ("actor", *needed):
        fields[field] = _field(message, kind, field)
    for field in ("tier", *allowed):
        if _FIELDS[field][0] in message:
            fields[field] = _field(message, kind, field)
    return Action(kind, **fields)  # pyright: ignore[reportArgumentType] - each was checked by its row of _FIELDS


def action_map(action: Action) -> dict[int, object]:
    """The map below K_ACTION: what `read_action` reads."""
    needed, allowed = NEEDS[action.kind]
    message: dict[int, object] = {A_KIND: ACTIONS.index(action.kind)}
    for field in ("actor", "tier", *needed, *allowed):
        value = getattr(action, field)
        if value is not None and value != "":
            message[_FIELDS[field][0]] = value
    return message


def _field(message: dict, kind: str, field: str) -> object:
    key, fits = _FIELDS[field]
    value = message.get(key)
    if not fits(value):
        what = "is missing" if value is None else "is out of range"
        raise ActionError(f"{kind}: {field.removesuffix('_ms').replace('_', ' ')} {what}")
    return value
