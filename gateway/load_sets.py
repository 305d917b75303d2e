"""Threshold sets of station.toml: the characteristic levels of a gauge, over one datum.

Rules of this file: a set is over one datum, the one of its channel; heights over two datums are never compared. Marks
rise strictly within each family and no two stand at one height; what stands higher is never the milder alarm.
"""

from typing import NamedTuple

from gateway.config import Channel, ThresholdSet
from gateway.load_buses import Declared
from gateway.load_channels import DATUMS, read_date
from gateway.load_steps import Defaults, ReadStep, read_steps
from gateway.toml_table import Table

CHARACTERISTIC = ("guard", "warning", "guarantee", "record")  # 设防 警戒 保证 历史最高, one alarm level each.
# What a flood of so many years is worth: yellow from the 5-year level on, orange from 20, red from 50 (UX.md 4).
RETURN_LEVELS = {"5-year": 2, "10-year": 2, "20-year": 3, "50-year": 4, "100-year": 4}
MARKS = (*CHARACTERISTIC, *RETURN_LEVELS)
HEIGHTS = ("gap_mm", "head_mm", "level_mm")
VERSION_MAX = 1_000_000


class ReadSet(NamedTuple):
    """The characteristic levels of one gauge, in one datum; `steps` is None where they are wrong."""

    table: Table
    channel: str | None
    datum: str | None
    steps: tuple[ReadStep, ...] | None
    version: int | None = 1
    valid_from: str | None = ""
    source: str | None = ""

    def label(self, name: str) -> str:
        """What an alarm's event calls it."""
        return f"{name}@{self.version}"

    def made(self, name: str) -> ThresholdSet | None:
        """As the catalogue tells it; None where something is wrong."""
        if None in (self.channel, self.datum, self.steps, self.version, self.valid_from, self.source):
            return None
        steps = tuple(step.step(Defaults()) for step in self.steps or ())
        return ThresholdSet(
            name,
            self.version or 1,
            self.channel or "",
            self.datum or "",
            steps,
            self.valid_from or "",
            self.source or "",
        )


class Known(NamedTuple):
    """What rules may refer to."""

    channels: dict[str, Channel]
    scans_ms: dict[str, int]  # of each source, and of each channel
    declared: Declared

    def missing(self, table: Table, name: str, names: dict, what: str, key: str = "channel") -> None:
        """Say that no `what` is called `name`, unless what is wrong with it has been said already."""
        if name not in self.declared:
            shown = ", ".join(list(names)[:12])
            remedy = f"there are {shown}" if shown else "there are none"
            table.problem(key, f'no {what} is called "{name[:40]}"; {remedy}')


def read_sets(root: Table, known: Known) -> dict[str, ReadSet]:
    """All [[threshold_set]]s by their id."""
    sets: dict[str, ReadSet] = {}
    for table in root.tables("threshold_set"):
        name = table.text("id", example="CYB-2020")
        channel = table.text("channel", example="river")
        datum = table.choice("datum", DATUMS)
        steps = _marks(table)
        version = table.integer("version", 1, VERSION_MAX, 1)
        valid_from = read_date(table, "valid_from")
        source = table.text("source", "", "district flood plan, 2022")
        if channel is not None and channel not in known.channels:
            known.missing(table, channel, known.channels, "channel")
        elif channel is not None:
            same_datum(table, known.channels[channel], datum)
        table.close()
        if name in sets:
            first = sets[name].table.line("id")
            table.problem("id", f'"{name}" is the id of the set in line {first} too; choose another')
        elif name is not None:
            sets[name] = ReadSet(table, channel, datum, steps, version, valid_from, source)
    return sets


def _marks(table: Table) -> tuple[ReadStep, ...] | None:
    """The characteristic levels and those of N years in one ascending row; None where they are wrong."""
    years = tuple(RETURN_LEVELS)
    named = read_steps(table, CHARACTERISTIC, "length", named=True) if not _only(table, years) else ()
    rare = read_steps(table, years, "length", named=True) if any(table.has(key) for key in years) else ()
    for key in MARKS:
        table.mark(key)
    if named is None or rare is None:
        return None
    steps: list[ReadStep] = []
    for step in sorted((*named, *(s._replace(level=RETURN_LEVELS[s.name]) for s in rare)), key=lambda s: s.at):
        if steps and steps[-1].at == step.at:
            reason = f"is at the height of {steps[-1].name}: an alarm has one step at a height"
            table.problem(step.name, f"{reason}; leave one of the two out")
            return None
        worst = max(step.level, steps[-1].level if steps else 0)
        steps.append(step._replace(level=worst))
    return tuple(steps)


def _only(table: Table, keys: tuple[str, ...]) -> bool:
    """Are there marks of `keys`, and none else?"""
    given = [key for key in MARKS if table.has(key)]
    return bool(given) and all(key in keys for key in given)


def same_datum(table: Table, channel: Channel, datum: str | None) -> None:
    """Heights over two datums differ by more than a metre: they are never compared."""
    if channel.level is None:
        if channel.quantity in HEIGHTS:
            reason = f'channel "{channel.name}" has no elevation; add gauge_zero and datum to it'
            table.problem("channel", reason)
        else:
            table.problem("channel", f'channel "{channel.name}" is {channel.quantity}, not a water level; name a level')
    elif datum is not None and channel.level.datum and datum != channel.level.datum:
        reason = f'"{datum}", but channel "{channel.name}" is over "{channel.level.datum}"'
        table.problem("datum", f"{reason}; convert the thresholds to that datum, or correct one of the two")
