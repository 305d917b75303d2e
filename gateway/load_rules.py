"""Threshold sets and rules of station.toml.

Rules of this file: a rule is taken only if its channel, its unit, its datum and the order of its steps are right. Every
source that no rule of kind "lost" names gets one.
"""

from typing import NamedTuple

from gateway.amounts import DIMENSION_OF
from gateway.config import Bus, Channel, Local, Rule, Step
from gateway.load_buses import Declared
from gateway.load_channels import DATUMS
from gateway.toml_table import Table
from gateway.words import LEVEL_NAMES
from wire.reading import QUANTITIES, VALUE_MAX, VALUE_MIN

LEVELS = LEVEL_NAMES[1:]
CHARACTERISTIC = ("guard", "warning", "guarantee", "record")  # 设防 警戒 保证 历史最高, one alarm level each.
LOST_SCANS = 10
LOST_MS_MIN = 10_000
DAY_MS = 86_400_000

# kind: (quantities that it judges, default deadband in their sub-unit, needs a window).
EXAMPLES = {"length": "182.00 m", "fine_length": "30 mm", "angle": "0.5 deg", "smoke": "0.10 dB/m"}
_LEVELS = ("gap_mm", "head_mm")
_ANY = tuple(row[0] for row in QUANTITIES.values())
KINDS: dict[str, tuple[tuple[str, ...], dict[str, int], bool]] = {
    "high": (_ANY, {"level_mm": 50}, False),  # One wave must not clear an alarm.
    "rise": (_ANY, {"level_mm": 50}, True),
    "rain_sum": (("rain_um",), {}, True),
    "tilt": (("tilt_x_mdeg", "tilt_y_mdeg"), {"tilt_x_mdeg": 50, "tilt_y_mdeg": 50}, False),
    "smoke": (("smoke_mdbm",), {"smoke_mdbm": 20}, False),
    "lost": (_ANY, {}, False),
}


class ThresholdSet(NamedTuple):
    """The characteristic levels of one gauge, in one datum; `steps` is None where they are wrong."""

    table: Table
    channel: str | None
    datum: str | None
    steps: tuple[Step, ...] | None


def judged(channel: Channel) -> str:
    """The quantity that rules see: the elevation where one can be derived."""
    return "level_mm" if channel.level else channel.quantity


Common = tuple[bool, bool, int | None, int | None]  # siren, latch, on_delay_ms, off_delay_ms


class Known(NamedTuple):
    """What rules may refer to."""

    channels: dict[str, Channel]
    scans_ms: dict[str, int]  # of each source, and of each channel
    declared: Declared

    def missing(self, table: Table, name: str, names: dict, what: str) -> None:
        """Say that no `what` is called `name`, unless what is wrong with it has been said already."""
        if name not in self.declared:
            shown = ", ".join(list(names)[:12])
            remedy = f"there are {shown}" if shown else "there are none"
            table.problem("channel", f'no {what} is called "{name[:40]}"; {remedy}')


def read_rules(root: Table, places: tuple[Bus | Local, ...], declared: Declared) -> tuple[Rule, ...]:
    """All rules, the default ones for lost sources included."""
    sources = {source.name: place for place in places for source in place.sources}
    channels = {channel.name: channel for place in places for source in place.sources for channel in source.channels}
    scans_ms = {name: sources[channel.source].scan_ms for name, channel in channels.items()}
    scans_ms |= {name: place.scan_ms for name, place in sources.items()}
    known = Known(channels, scans_ms, declared)
    sets = _read_sets(root, known)
    rules: list[Rule] = []
    names: dict[str, int] = {}
    for table in root.tables("rule"):
        rule = _read_rule(table, known, sets)
        table.close()
        name = table.values.get("name")
        if isinstance(name, str):
            if name in names:
                table.problem("name", f'"{name}" is the name of the rule in line {names[name]} too; choose another')
            names.setdefault(name, table.line("name"))
        if rule:
            rules.append(rule)
    watched = {rule.channel for rule in rules if rule.kind == "lost"}
    watched |= {channels[name].source for name in watched if name in channels}
    for source, place in sources.items():
        if source not in watched:
            after_ms = max(LOST_SCANS * place.scan_ms, LOST_MS_MIN)
            name = _free(f"lost-{source}", names)
            rules.append(Rule(name=name, kind="lost", channel=source, steps=(Step(2, after_ms),), siren=False))
    return tuple(rules)


def _free(name: str, taken: dict[str, int]) -> str:
    while name in taken:
        name += "-source"
    return name


def _read_sets(root: Table, known: Known) -> dict[str, ThresholdSet]:
    sets: dict[str, ThresholdSet] = {}
    for table in root.tables("threshold_set"):
        name = table.text("id", example="CYB-2020")
        channel = table.text("channel", example="river")
        datum = table.choice("datum", DATUMS)
        steps = _steps(table, CHARACTERISTIC, "length")
        if channel is not None and channel not in known.channels:
            known.missing(table, channel, known.channels, "channel")
        elif channel is not None:
            _same_datum(table, known.channels[channel], datum)
        table.close()
        if name in sets:
            first = sets[name].table.line("id")
            table.problem("id", f'"{name}" is the id of the set in line {first} too; choose another')
        elif name is not None:
            sets[name] = ThresholdSet(table, channel, datum, steps)
    return sets


def _same_datum(table: Table, channel: Channel, datum: str | None) -> None:
    """Heights over two datums differ by more than a metre: they are never compared."""
    if channel.level is None:
        if channel.quantity in _LEVELS:
            reason = f'channel "{channel.name}" has no elevation; add gauge_zero and datum to it'
            table.problem("channel", reason)
        else:
            table.problem("channel", f'channel "{channel.name}" is {channel.quantity}, not a water level; name a level')
    elif datum is not None and channel.level.datum and datum != channel.level.datum:
        reason = f'"{datum}", but channel "{channel.name}" is over "{channel.level.datum}"'
        table.problem("datum", f"{reason}; convert the thresholds to that datum, or correct one of the two")


def _steps(table: Table, keys: tuple[str, ...], dimension: str) -> tuple[Step, ...] | None:
    """The steps that stand in the table under `keys`, level 1 first."""
    steps: list[Step] = []
    good = True
    example = EXAMPLES.get(dimension, "")
    before = ""
    for level, key in enumerate(keys, start=1):
        if not table.has(key):
            table.amount(key, dimension, 0, 0, None)
            continue
        at = table.amount(key, dimension, VALUE_MIN, VALUE_MAX, example=example)
        if at is None:
            good = False
            continue
        if steps and at <= steps[-1].at:
            reason = f'"{table.values[key]}" is not above {before} ("{table.values[before]}")'
            table.problem(key, f"{reason}; thresholds must rise from {keys[0]} to {keys[-1]}")
            good = False
        steps.append(Step(level, at, key if keys == CHARACTERISTIC else ""))
        before = key
    if not steps and good:
        table.problem("", f"has no threshold; add at least one of {', '.join(keys)}")
        good = False
    return tuple(steps) if good else None


def _read_rule(table: Table, known: Known, sets: dict[str, ThresholdSet]) -> Rule | None:
    name = table.text("name", example="flood")
    kind = table.choice("kind", KINDS)
    target = table.text("channel", example="river")
    siren = table.flag("siren", kind != "lost")
    latch = table.flag("latch", False)
    on_delay_ms = table.amount("on_delay", "time", 0, DAY_MS, 0, "0 s")
    off_delay_ms = table.amount("off_delay", "time", 0, DAY_MS, 0, "60 s")
    if kind is None:
        for key in (*LEVELS, "thresholds", "datum", "deadband", "window", "after", "level", "baseline"):
            table.mark(key)  # What they mean hangs on the kind: one error is enough.
        return None
    if kind == "lost":
        return _lost(table, name, target, known, (siren, latch, on_delay_ms, off_delay_ms))
    channel = known.channels.get(target) if target is not None else None
    if target is not None and channel is None:
        known.missing(table, target, known.channels, "channel")
    quantities, deadbands, needs_window = KINDS[kind]
    if channel and channel.quantity not in quantities:
        judges = f"a rule of kind {kind} judges {' or '.join(quantities)}"
        table.problem("channel", f'"{target}" is {channel.quantity}; {judges}')
        channel = None
    quantity = judged(channel) if channel else quantities[0] if len(quantities) < len(_ANY) else "level_mm"
    dimension = DIMENSION_OF[quantity]
    used = table.text("thresholds", None) if kind == "high" else None
    datum = table.choice("datum", DATUMS, None)
    if used is not None:
        steps, datum = _from_set(table, used, datum, channel, sets)
    else:
        steps = _steps(table, LEVELS, dimension)
        if kind == "high" and channel:
            _direct_datum(table, channel, datum)
    deadband = table.amount("deadband", dimension, 0, VALUE_MAX, deadbands.get(quantity, 0), "0.10 m")
    if needs_window:
        window_ms = table.amount("window", "time", 1_000, 30 * DAY_MS, example="1 h")
    else:
        window_ms = table.amount("window", "time", 0, DAY_MS, 0, "60 s")
    baseline = table.amount("baseline", dimension, VALUE_MIN, VALUE_MAX, None, "0.10 deg") if kind == "tilt" else None
    if name is None or channel is None or not steps or None in (deadband, window_ms, on_delay_ms, off_delay_ms):
        return None
    return Rule(
        name=name,
        kind=kind,
        channel=channel.name,
        steps=steps,
        deadband=deadband or 0,
        on_delay_ms=on_delay_ms or 0,
        off_delay_ms=off_delay_ms or 0,
        window_ms=window_ms or 0,
        baseline=baseline,
        siren=siren,
        datum=datum or (channel.level.datum if channel.level else ""),
        threshold_set=used or "",
        latch=latch,
    )


def _from_set(
    table: Table, used: str, datum: str | None, channel: Channel | None, sets: dict[str, ThresholdSet]
) -> tuple[tuple[Step, ...] | None, str | None]:
    for key in LEVELS:
        table.mark(key)
        if table.has(key):
            table.problem(key, "there is a threshold set too; keep thresholds, or the colours, not both")
    if used not in sets:
        known = f"there are {', '.join(sets)}" if sets else "add a [[threshold_set]] with that id"
        table.problem("thresholds", f'no threshold set has the id "{used}"; {known}')
        return None, datum
    found = sets[used]
    if channel and found.channel and found.channel != channel.name:
        reason = f'"{used}" is for channel "{found.channel}", this rule is for "{channel.name}"'
        table.problem("thresholds", f"{reason}; name the set of this channel")
    if datum is not None and found.datum is not None and datum != found.datum:
        table.problem("datum", f'"{datum}", but threshold set "{used}" is over "{found.datum}"; leave datum out here')
    if channel and found.datum is not None and found.channel != channel.name:
        _same_datum(found.table, channel, found.datum)
    return found.steps, found.datum


def _direct_datum(table: Table, channel: Channel, datum: str | None) -> None:
    if channel.level is None:
        if channel.quantity in _LEVELS:
            _same_datum(table, channel, datum)
    elif not table.has("datum"):
        table.problem("datum", f'is missing: heights need their datum; add datum = "{channel.level.datum}"')
    else:
        _same_datum(table, channel, datum)


def _lost(table: Table, name: str | None, target: str | None, known: Known, common: Common) -> Rule | None:
    default_ms = max(LOST_SCANS * known.scans_ms.get(target or "", 0), LOST_MS_MIN)
    after_ms = table.amount("after", "time", 1, DAY_MS, default_ms, "10 s")
    level = table.choice("level", LEVELS, "yellow")
    if target is not None and target not in known.scans_ms:
        known.missing(table, target, known.scans_ms, "channel or source")
        return None
    if name is None or target is None or after_ms is None or level is None or None in common[2:]:
        return None
    if after_ms < 2 * known.scans_ms[target]:
        least = f'use at least "{2 * known.scans_ms[target]} ms"'
        table.problem("after", f'"{table.values["after"]}" is less than two scans; {least}')
        return None
    siren, latch, on_delay_ms, off_delay_ms = common
    return Rule(
        name=name,
        kind="lost",
        channel=target,
        steps=(Step(LEVELS.index(level) + 1, after_ms),),
        siren=siren,
        latch=latch,
        on_delay_ms=on_delay_ms or 0,
        off_delay_ms=off_delay_ms or 0,
    )
