"""Threshold sets of station.toml: the characteristic levels of a gauge, over one datum.

Rules of this file: a set is over one datum, the one of its channel; heights over two datums are never compared.
"""

from typing import NamedTuple

from gateway.config import Channel
from gateway.load_buses import Declared
from gateway.load_channels import DATUMS
from gateway.load_steps import ReadStep, read_steps
from gateway.toml_table import Table

CHARACTERISTIC = ("guard", "warning", "guarantee", "record")  # 设防 警戒 保证 历史最高, one alarm level each.
HEIGHTS = ("gap_mm", "head_mm")


class ThresholdSet(NamedTuple):
    """The characteristic levels of one gauge, in one datum; `steps` is None where they are wrong."""

    table: Table
    channel: str | None
    datum: str | None
    steps: tuple[ReadStep, ...] | None


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


def read_sets(root: Table, known: Known) -> dict[str, ThresholdSet]:
    """All [[threshold_set]]s by their id."""
    sets: dict[str, ThresholdSet] = {}
    for table in root.tables("threshold_set"):
        name = table.text("id", example="CYB-2020")
        channel = table.text("channel", example="river")
        datum = table.choice("datum", DATUMS)
        steps = read_steps(table, CHARACTERISTIC, "length", named=True)
        if channel is not None and channel not in known.channels:
            known.missing(table, channel, known.channels, "channel")
        elif channel is not None:
            same_datum(table, known.channels[channel], datum)
        table.close()
        if name in sets:
            first = sets[name].table.line("id")
            table.problem("id", f'"{name}" is the id of the set in line {first} too; choose another')
        elif name is not None:
            sets[name] = ThresholdSet(table, channel, datum, steps)
    return sets


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
