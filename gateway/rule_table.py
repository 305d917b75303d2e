"""One [[rule]] of station.toml: what every kind of rule has, and how kinds read what is theirs.

Rules of this file: every key is read once, by whoever knows what it means; a rule is made only where nothing is wrong.
"""

from typing import Any

from gateway.amounts import DIMENSION_OF
from gateway.config import Channel, Rule
from gateway.load_channels import DATUMS
from gateway.load_sets import HEIGHTS, Known, ReadSet, same_datum
from gateway.load_steps import DAY_MS, LEVELS, Defaults, ReadStep, read_steps, resolve
from gateway.toml_table import Table
from wire.reading import QUANTITIES, VALUE_MAX

ANY = tuple(row[0] for row in QUANTITIES.values())
# Default deadband of a judged quantity in its sub-unit: one wave must not clear an alarm.
DEADBANDS = {
    "level_mm": 50, "supply_mv": 200, "tilt_x_mdeg": 50, "tilt_y_mdeg": 50, "turn_mdeg": 50, "turn_mdeg_per_day": 10,
    "smoke_mdbm": 20,
}  # fmt: skip


class RuleTable:
    """A rule while it is read. `name`, `target` and the delays are None where they are wrong."""

    def __init__(
        self, table: Table, kind: str, known: Known, sets: dict[str, ReadSet], channel: str | None = None
    ) -> None:
        """`channel`: what the kind's rules are about where they name no channel."""
        self.table = table
        self.kind = kind
        self.known = known
        self._sets = sets
        self.name = table.text("name", example="flood")
        self.target = channel or table.text("channel", example="river")
        self._latch = table.flag("latch", False)
        self._delays = (
            table.amount("on_delay", "time", 0, DAY_MS, 0, "0 s"),
            table.amount("off_delay", "time", 0, DAY_MS, 0, "60 s"),
        )
        self._deadband: int | None = 0
        self._refused = False  # What is wrong with the channel has been said.

    def channel(self, quantities: tuple[str, ...] = ANY, *, by_value: bool = True) -> Channel | None:
        """The channel that the rule names, if it measures one of `quantities`; `by_value`: the rule judges its number,
        so its board's converter must have been calibrated.
        """
        target = self.target
        if target is None:
            return None
        channel = self.known.channels.get(target)
        if channel is None:
            self.known.missing(self.table, target, self.known.channels, "channel")
        elif channel.quantity not in quantities:
            judges = f"a rule of kind {self.kind} judges {' or '.join(quantities)}"
            self.table.problem("channel", f'"{target}" is {channel.quantity}; {judges}')
            return None
        elif by_value and channel.uncalibrated:
            self.table.problem("channel", uncalibrated(channel))
            self._refused = True
        return channel

    def dimension(self, channel: Channel | None, quantities: tuple[str, ...] = ANY) -> str:
        """What the rule's amounts are; where the channel is not known, that of the kind's first quantity."""
        return DIMENSION_OF[_judged(channel, quantities)]

    def deadband(self, channel: Channel | None, quantities: tuple[str, ...] = ANY) -> None:
        """Read the rule's own deadband; without one it is the quantity's."""
        quantity = _judged(channel, quantities)
        default = DEADBANDS.get(quantity, 0)
        self._deadband = self.table.amount("deadband", DIMENSION_OF[quantity], 0, VALUE_MAX, default, "0.10 m")

    def steps(self, dimension: str, *, falling: bool = False, or_level: bool = False) -> tuple[ReadStep, ...] | None:
        """Thresholds by the names of the levels, as `read_steps` has them."""
        return read_steps(self.table, LEVELS, dimension, falling=falling, or_level=or_level)

    def heights(self, channel: Channel | None) -> tuple[tuple[ReadStep, ...] | None, str, str]:
        """Thresholds of the rule itself, or of the set that it names, with their datum and the set's label."""
        used = self.table.text("thresholds", None)
        if used is None:
            return self.steps(self.dimension(channel)), self.datum(channel), ""
        steps, datum = self._from_set(used, self.table.choice("datum", DATUMS, None), channel)
        return steps, datum or "", self._sets[used].label(used) if used in self._sets else ""

    def datum(self, channel: Channel | None) -> str:
        """The datum that the rule's own heights are over; "" where it judges no height."""
        datum = self.table.choice("datum", DATUMS, None)
        if channel is not None:
            self._direct_datum(channel, datum)
            if channel.level is not None:
                return datum or channel.level.datum
        return datum or ""

    def window_ms(self, lowest_ms: int = 0, highest_ms: int = DAY_MS) -> int | None:
        """The window; one that may be 0 may be left out."""
        if lowest_ms:
            return self.table.amount("window", "time", lowest_ms, highest_ms, example="1 h")
        return self.table.amount("window", "time", 0, highest_ms, 0, "60 s")

    def rule(
        self,
        steps: tuple[ReadStep, ...] | None,
        *,
        siren: bool = True,
        datum: str = "",
        window_ms: int | None = 0,
        rising: bool = True,
        deadband: int | None = None,
        **more: Any,
    ) -> Rule | None:
        """The rule, if all of it is right; `siren` is the kind's default, `more` are fields of the kind's own. Steps
        that are not `rising` are not of one value: each is judged by itself.
        """
        siren = self.table.flag("siren", siren)
        on_delay_ms, off_delay_ms = self._delays
        if self._refused or self.name is None or self.target is None or self._deadband is None or not steps:
            return None
        if on_delay_ms is None or off_delay_ms is None or window_ms is None:
            return None
        if deadband is None:
            deadband = self._deadband
        made = resolve(self.table, steps, Defaults(deadband, on_delay_ms, off_delay_ms), rising=rising)
        if made is None:
            return None
        return Rule(
            name=self.name, kind=self.kind, channel=self.target, steps=made, siren=siren, datum=datum,
            window_ms=window_ms, latch=self._latch, **more,
        )  # fmt: skip

    def level_step(self, default: str, at: int = 1) -> tuple[ReadStep, ...] | None:
        """The one step of a rule that has a `level` in place of thresholds."""
        level = self.table.choice("level", LEVELS, default)
        return None if level is None else (ReadStep(LEVELS.index(level) + 1, at, "", None, None, None),)

    def _from_set(
        self, used: str, datum: str | None, channel: Channel | None
    ) -> tuple[tuple[ReadStep, ...] | None, str | None]:
        table = self.table
        for key in LEVELS:
            table.mark(key)
            if table.has(key):
                table.problem(key, "there is a threshold set too; keep thresholds, or the colours, not both")
        if used not in self._sets:
            known = f"there are {', '.join(self._sets)}" if self._sets else "add a [[threshold_set]] with that id"
            table.problem("thresholds", f'no threshold set has the id "{used}"; {known}')
            return None, datum
        found = self._sets[used]
        if channel and found.channel and found.channel != channel.name:
            reason = f'"{used}" is for channel "{found.channel}", this rule is for "{channel.name}"'
            table.problem("thresholds", f"{reason}; name the set of this channel")
        if datum is not None and found.datum is not None and datum != found.datum:
            table.problem(
                "datum", f'"{datum}", but threshold set "{used}" is over "{found.datum}"; leave datum out here'
            )
        if channel and found.datum is not None and found.channel != channel.name:
            same_datum(found.table, channel, found.datum)
        return found.steps, found.datum

    def _direct_datum(self, channel: Channel, datum: str | None) -> None:
        if channel.level is None:
            if channel.quantity in HEIGHTS:
                same_datum(self.table, channel, datum)
        elif not self.table.has("datum"):
            self.table.problem("datum", f'is missing: heights need their datum; add datum = "{channel.level.datum}"')
        else:
            same_datum(self.table, channel, datum)


def uncalibrated(channel: Channel) -> str:
    """Why no rule may judge this channel, and what to do."""
    port = channel.uncalibrated
    return (
        f'"{channel.name}" comes over a converter that is not straight and has no table (port "{port}" of '
        f'"{channel.source}"); measure it and add calibration.{port.replace(" ", ".")} = [[shown uV, there uV], …] to '
        "that board, or take the rule out"
    )


def _judged(channel: Channel | None, quantities: tuple[str, ...]) -> str:
    """The quantity that a rule sees: the elevation where one can be derived."""
    if channel is not None:
        return "level_mm" if channel.level else channel.quantity
    return quantities[0] if quantities is not ANY else "level_mm"
