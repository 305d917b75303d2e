"""Manual observations (人工置数): what a person read at the river, an event of the same timeline as the rows.

Rules of this file: an observation raises, clears and changes nothing. It is a person's word beside the sensors', in the
quantity in which the channel is judged, with its observer; a slip of the pen at night must neither sound a siren nor
hide a flood. Whoever wants the siren raises it by hand. No clock, disk or network.
"""

from gateway.actions import Action
from wire.reading import QUANTITIES, QUANTITY_CODES
from wire.telemetry import (
    E_ACTOR,
    E_AT_MS,
    E_CHANNEL,
    E_DATUM,
    E_DETAIL,
    E_KIND,
    E_QUANTITY,
    E_VALUE,
    EVENT_CODES,
)

Channels = list[dict[str, object]]  # as Station.channels() gives them


def observation(action: Action, channels: Channels) -> dict[int, object] | str:
    """The event without its time of detection; or why it cannot be one of this station."""
    assert action.quantity is not None
    event: dict[int, object] = {
        E_KIND: EVENT_CODES["manual observation"],
        E_AT_MS: action.at_ms,
        E_ACTOR: action.actor,
        E_QUANTITY: action.quantity,
        E_VALUE: action.value,
    }
    if action.reason:
        event[E_DETAIL] = action.reason
    if not action.channel:
        return event
    channel = next((channel for channel in channels if channel["name"] == action.channel), None)
    if channel is None:
        return f"there is no channel {action.channel}"
    judged = str(channel["quantity"])
    if QUANTITY_CODES[judged] != action.quantity:
        return f"{action.channel} is {judged}, not {QUANTITIES[action.quantity][0]}"
    event[E_CHANNEL] = action.channel
    return event | ({E_DATUM: channel["datum"]} if channel["datum"] else {})
