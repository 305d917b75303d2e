"""What the rules of a tilt have in common in station.toml: which channels are the axes of one direction.

Rules of this file: the axes of a direction are measured by one instrument at one time; there is one of each.
"""

from gateway.amounts import DIMENSION_OF
from gateway.config import Channel
from gateway.rule_table import RuleTable
from wire.reading import QUANTITIES, QUANTITY_CODES

PAIR = ("tilt_x_mdeg", "tilt_y_mdeg")
GRAVITY = ("acc_x_ug", "acc_y_ug", "acc_z_ug")
ANGLES = ("turn_mdeg",)
RATES = ("turn_mdeg_per_day",)
_WHOLE = (PAIR, GRAVITY)


def read_axes(table: RuleTable) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(names, quantities) of the rule's axes; () where they are wrong. Without `axes` it is the one channel."""
    first = table.channel((*PAIR, *GRAVITY))
    names = table.table.texts("axes")
    if first is None or table.table.has("axes") and names is None:
        return (), ()
    if names is None:
        if first.quantity in GRAVITY:
            table.table.problem("channel", _three(f'"{first.name}" is one part of gravity'))
            return (), ()
        _check_drift(table, first)
        return (first.name,), (first.quantity,)
    channels = table.known.channels
    for name in names:
        if name not in channels:
            table.known.missing(table.table, name, channels, "channel", "axes")
            return (), ()
    found = [channels[name] for name in names]
    quantities = tuple(sorted(channel.quantity for channel in found))
    for channel in found:
        _check_drift(table, channel)
    if first.name not in names:
        table.table.problem("axes", f'"{first.name}" is the channel of this rule; name it in axes too')
    elif len({channel.source for channel in found}) > 1:
        table.table.problem("axes", "they are of several sources; one direction is measured by one instrument")
    elif len(found) == 1 and first.quantity in PAIR:
        return (first.name,), quantities
    elif quantities not in _WHOLE:
        table.table.problem("axes", _three(f"{' and '.join(quantities)} are no direction"))
    else:
        return tuple(names), tuple(channel.quantity for channel in found)
    return (), ()


def read_baseline(table: RuleTable, quantities: tuple[str, ...]) -> tuple[int, ...] | None:
    """A value for each axis, in their order; () = the station takes it itself, None = wrong."""
    inner = table.table
    if not inner.has("baseline"):
        inner.mark("baseline")
        return ()
    dimension = DIMENSION_OF[quantities[0]] if quantities else "angle"
    lowest, highest = QUANTITIES[QUANTITY_CODES[quantities[0] if quantities else PAIR[0]]][2:4]
    if not isinstance(inner.values["baseline"], list):
        one = inner.amount("baseline", dimension, lowest, highest, None, "0.10 deg")
        if one is None:
            return None
        values = (one,)
    else:
        listed = inner.amounts("baseline", dimension, "0.10 deg")
        if listed is None:
            return None
        values = listed
    if not quantities:
        return None
    if len(values) != len(quantities):
        inner.problem("baseline", f"has {len(values)} of {len(quantities)} values; give one for each of axes")
        return None
    if not all(lowest <= value <= highest for value in values):
        inner.problem("baseline", "is more than such a sensor can show; give what it shows at rest")
        return None
    if len(values) == len(GRAVITY) and not any(values):
        inner.problem("baseline", "has no direction; give what the sensor shows at rest")
        return None
    return values


def read_one_g(table: RuleTable, quantities: tuple[str, ...]) -> int | None:
    """The length of gravity at rest; None where it is not known, or nothing of the kind is measured."""
    if table.table.has("one_g") and quantities and not set(quantities) <= set(GRAVITY):
        table.table.mark("one_g")
        table.table.problem("one_g", "is for three accelerations; take it out")
        return None
    return table.table.amount("one_g", "acceleration", 1, 1 << 30, None, "1 g")


def _check_drift(table: RuleTable, channel: Channel) -> None:
    warmth = table.known.channels.get(channel.drift.channel) if channel.drift else None
    if channel.drift and (warmth is None or warmth.quantity != "temp_cdeg"):
        reason = f'the drift of "{channel.name}" hangs on "{channel.drift.channel}"'
        table.table.problem("channel", f"{reason}, which is no temperature of this station; name one")


def _three(reason: str) -> str:
    return f"{reason}; name tilt x and y, or accelerations x, y and z, of one instrument"
