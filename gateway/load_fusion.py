"""Two level sensors as one channel, and the offsets between datums, as they stand in station.toml.

Rules of this file: only what is over one datum is joined; an offset between datums is surveyed at the station and
written down, never a constant of ours.
"""

from msgspec.structs import replace

from gateway.config import Channel, DatumOffset, Fusion, Level
from gateway.load_buses import read_name
from gateway.load_channels import DATUMS, read_date
from gateway.load_sets import Known
from gateway.load_steps import DAY_MS
from gateway.toml_table import Table
from wire.reading import VALUE_MAX

LEVEL = "level_mm"
OFFSET_MM_MAX = 10_000
HYSTERESIS_MM = 50


def read_fusions(root: Table, known: Known) -> tuple[Fusion, ...]:
    """All [[fusion]]s; the channel of each is `known` from then on."""
    fusions: list[Fusion] = []
    for table in root.tables("fusion"):
        fusion = _fusion(table, known)
        table.close()
        if fusion is None:
            continue
        if any(fusion.name == other.name for other in fusions) or fusion.name in known.scans_ms:
            table.problem("name", f'"{fusion.name}" is the name of a channel or source already; choose another')
            continue
        fusions.append(fusion)
        bare = next((one for one in (fusion.low, fusion.high) if known.channels[one].uncalibrated), None)
        fused = fused_channel(fusion)
        if bare:  # Whoever judges the two judges the one that nobody calibrated.
            fused = replace(fused, source=known.channels[bare].source, uncalibrated=known.channels[bare].uncalibrated)
        known.channels[fusion.name] = fused
        known.scans_ms[fusion.name] = max(known.scans_ms[name] for name in (fusion.low, fusion.high))
    return tuple(fusions)


def fused_channel(fusion: Fusion) -> Channel:
    """The channel that rules judge: an elevation, of no source and in no row."""
    return Channel(fusion.name, "", -1, LEVEL, Level(0, 0, fusion.datum, ""))


def _fusion(table: Table, known: Known) -> Fusion | None:
    name = read_name(table, "river")
    if name is not None:
        known.declared.names.add(name)  # A rule for it is not wrong again.
    names = table.texts("sensors")
    if not table.has("sensors"):
        table.problem("sensors", 'is missing; add sensors = ["river_low", "river_high"], the lower range first')
    overlap = table.amounts("overlap", "length", "183.00 m")
    if overlap is not None and (len(overlap) != 2 or overlap[0] >= overlap[1]):
        table.problem("overlap", 'is where both measure; write it like overlap = ["183.00 m", "186.00 m"], rising')
        overlap = None
    disagreement_mm = table.amount("disagreement", "length", 1, VALUE_MAX, 100, "0.10 m")
    disagreement_ms = table.amount("disagreement_after", "time", 0, DAY_MS, 60_000, "60 s")
    hysteresis_mm = table.amount("hysteresis", "length", 0, VALUE_MAX, HYSTERESIS_MM, "0.05 m")
    datum = _one_datum(table, names, known) if names is not None else None
    if overlap is not None and disagreement_mm is not None and 2 * disagreement_mm >= overlap[1] - overlap[0]:
        table.problem("disagreement", "is not less than half of the overlap; nothing would be left to blend them in")
        return None
    if None in (name, names, overlap, disagreement_mm, disagreement_ms, hysteresis_mm, datum):
        return None
    low, high = names or ("", "")
    return Fusion(
        name or "", low, high, datum or "", *(overlap or (0, 0)), disagreement_mm or 0, disagreement_ms or 0,
        hysteresis_mm or 0,
    )  # fmt: skip


def _one_datum(table: Table, names: list[str], known: Known) -> str | None:
    """The datum of the two channels; None where something is wrong with them."""
    if len(names) != 2 or names[0] == names[1]:
        table.problem("sensors", "are two different channels, the one for low water first")
        return None
    datums = []
    for name in names:
        channel = known.channels.get(name)
        if channel is None:
            if name not in known.declared:
                table.problem("sensors", f'no channel is called "{name[:40]}"; name two level channels')
        elif channel.level is None or not channel.source:
            table.problem("sensors", f'"{name}" is no level sensor with a gauge zero; name two that have one')
        else:
            datums.append(channel.level.datum)
    if len(datums) < 2:
        return None
    if datums[0] != datums[1]:
        reason = f'"{names[0]}" is over "{datums[0]}", "{names[1]}" over "{datums[1]}"'
        table.problem("sensors", f"{reason}; give both gauge zeros over the same datum")
        return None
    return datums[0]


def read_offsets(root: Table) -> tuple[DatumOffset, ...]:
    """All [[datum_offset]]s: `datum` minus `minus` is `is`."""
    offsets: list[DatumOffset] = []
    for table in root.tables("datum_offset"):
        datum = table.choice("datum", DATUMS)
        minus = table.choice("minus", DATUMS)
        is_mm = table.amount("is", "length", -OFFSET_MM_MAX, OFFSET_MM_MAX, example="1.49 m")
        surveyed = read_date(table, "surveyed")
        if surveyed == "":
            table.problem("surveyed", "is missing: an offset holds for one place; add the day of its survey")
        if datum is not None and datum == minus:
            table.problem("minus", f'"{minus}" is the datum itself; name the other one')
        table.close()
        if datum is None or minus is None or is_mm is None or not surveyed or datum == minus:
            continue
        if any({datum, minus} == {other.datum, other.minus} for other in offsets):
            table.problem("minus", f'the offset of "{datum}" and "{minus}" is given twice; keep one')
            continue
        offsets.append(DatumOffset(datum, minus, is_mm, surveyed))
    return tuple(offsets)
