"""Packed rows: one, or several one behind the other, whose CRC-32 is seeded with the epoch of their log.

Rules of this file: rows are read by `wire.row`, this file only finds the epoch. CRC-32 can be run backwards, so each
row fits exactly one epoch: one row alone proves nothing, two that fit the same one do.
"""

from collections.abc import Sequence

from tools.decode import values
from tools.decode.found import Ask, Found, Line, NotThis
from wire.reading import NEVER
from wire.row import ANCHOR, Row, RowError, crc_of, split, unpack

KIND = "row"
ROWS_MAX = 4_096  # Of one call; a log dump has its own reader.
_POLYNOMIAL = 0xEDB88320


def _table() -> tuple[list[int], list[int]]:
    forward = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
        forward.append(crc)
    back = [0] * 256
    for byte, crc in enumerate(forward):
        back[crc >> 24] = byte
    return forward, back


_FORWARD, _BACK = _table()


def epoch_of(packed: bytes) -> int:
    """The one epoch under which the CRC of `packed` is right."""
    state = ~crc_of(packed) & 0xFFFFFFFF
    for byte in reversed(packed[:-4]):
        place = _BACK[state >> 24]
        state = ((state ^ _FORWARD[place]) << 8 | place ^ byte) & 0xFFFFFFFF
    return ~state & 0xFFFFFFFF


def read(data: bytes, ask: Ask) -> Found:
    """Bytes that are rows from the first to the last. NotThis."""
    try:
        packed = split(data)
    except RowError as error:
        raise NotThis(error.reason) from None
    if not packed or len(packed) > ROWS_MAX or sum(map(len, packed)) != len(data):
        raise NotThis(ask.say("not_rows"))
    epochs = [epoch_of(one) for one in packed]
    try:
        rows = [unpack(one, epoch) for one, epoch in zip(packed, epochs, strict=True)]
    except RowError as error:
        raise NotThis(error.reason) from None
    wanted = epochs[0] if ask.epoch is None else ask.epoch
    other = sorted({epoch for epoch in epochs if epoch != wanted})
    wrong, proof = "", ask.say("crc_one", epoch=wanted)
    if other and ask.epoch is not None:
        wrong = proof = ask.say("crc_other", epoch=wanted, other=", ".join(map(str, other[:4])))
    elif other:
        wrong = proof = ask.say("crc_mixed", epochs=", ".join(map(str, [wanted, *other[:4]])))
    elif ask.epoch is not None:
        proof = ask.say("crc_right", epoch=wanted)
    elif len(rows) > 1:
        proof = ask.say("crc_same", epoch=wanted)
    document = {"rows": len(rows), "epoch": wanted if not other else None, "proved": proof_of(rows, ask, wrong)}
    facts = [("CRC", proof)]
    if len(rows) == 1:
        facts = [*row_facts(rows[0], epochs[0], ask), *facts]
        document |= row_document(rows[0], epochs[0], crc_of(packed[0]), ask)
        return Found(KIND, ask.say("one_row", bytes=len(data)), facts, document, wrong)
    facts.append((ask.say("Time"), "UTC"))
    lines = [line(*one, ask) for one in zip(rows, epochs, map(crc_of, packed), strict=True)]
    return Found(KIND, ask.say("some_rows", count=f"{len(rows):,}", bytes=len(data)), facts, document, wrong, lines)


def proof_of(rows: Sequence[Row], ask: Ask, wrong: str) -> bool:
    """Is it sure that the rows are of that epoch?"""
    return not wrong and (ask.epoch is not None or len(rows) > 1)


def when(row: Row, ask: Ask, utc: bool = False) -> str:
    """The row's time; without a clock the start and the uptime."""
    if row.time_quality == NEVER:
        return ask.say("uptime", boot=row.boot, seconds=f"{row.t_s:,}.{row.ms:03d}")
    return values.time(row.t_s, row.ms) + (" UTC" if utc else "")


def row_facts(row: Row, epoch: int, ask: Ask) -> list[tuple[str, str]]:
    """All of one row, for a person."""
    facts = [
        (ask.say("Number"), ask.say("seq_boot", seq=f"{row.seq:,}", boot=row.boot)),
        (ask.say("Time"), f"{when(row, ask, utc=True)}, {values.time_quality(row.time_quality, ask)}"),
    ]
    if row.kind == ANCHOR:
        return [*facts, (ask.say("Anchor"), anchor(row, ask))]
    for reading in row.readings:
        name, code = channel(reading.channel, epoch, ask)
        text = values.value(code, reading.value) + values.quality(reading.quality, ask)
        if reading.low is not None:
            low, high, spread = (values.value(code, one) for one in (reading.low, reading.high, reading.spread))
            text += "; " + ask.say("stats", low=low, high=high, spread=spread)
        facts.append((name, text))
    if row.tips:
        facts.append((ask.say("Tips"), ", ".join(ask.say("tip", count=count, age=age) for age, count in row.tips)))
    if ask.source(epoch) is None:
        facts.append((ask.say("Names"), ask.say("no_names")))
    return facts


def anchor(row: Row, ask: Ask) -> str:
    unix_s, ms, flag, uptime_s, uptime_ms = row.anchor or (0, 0, 0, 0, 0)
    seconds = f"{uptime_s:,}.{uptime_ms:03d}"
    return ask.say("anchor", uptime=seconds, time=values.time(unix_s, ms), quality=values.time_quality(flag, ask))


def channel(number: int, epoch: int, ask: Ask) -> tuple[str, int]:
    """(name, quantity code) of a channel; a number and 0 where no catalogue names it."""
    source = ask.source(epoch)
    if source and number < len(source.channels):
        return source.channels[number].name, source.channels[number].quantity
    return ask.say("channel", number=number), 0


def line(row: Row, epoch: int, crc: int, ask: Ask) -> Line:
    """One row of a table."""
    parts = [f"{row.seq:>9,}  {when(row, ask)}"]
    if row.kind == ANCHOR:
        parts.append(anchor(row, ask))
    for reading in row.readings:
        name, code = channel(reading.channel, epoch, ask)
        parts.append(f"{name} {values.value(code, reading.value)}{values.quality(reading.quality, ask)}")
    if row.tips:
        parts.append(ask.say("tips", count=sum(count for _, count in row.tips)))
    return Line("  ".join(parts), row_document(row, epoch, crc, ask))


def row_document(row: Row, epoch: int, crc: int, ask: Ask) -> dict:
    """All of one row, for a machine; a value is the integer of its sub-unit."""
    document = {
        "epoch": epoch,
        "seq": row.seq,
        "boot": row.boot,
        "time_quality": row.time_quality,
        "uptime_s" if row.time_quality == NEVER else "unix_s": row.t_s,
        "ms": row.ms,
        "crc": f"{crc:08x}",
    }
    if row.kind == ANCHOR:
        names = ("unix_s", "ms", "time_quality", "uptime_s", "uptime_ms")
        return document | {"anchor": dict(zip(names, row.anchor or (), strict=True))}
    source = ask.source(epoch)
    readings = []
    for reading in row.readings:
        one = {"channel": reading.channel, "value": reading.value, "quality": reading.quality}
        if reading.low is not None:
            one |= {"low": reading.low, "high": reading.high, "spread": reading.spread}
        if source and reading.channel < len(source.channels):
            one |= {
                "name": source.channels[reading.channel].name,
                "quantity": source.channels[reading.channel].quantity,
            }
        readings.append(one)
    return document | {"readings": readings, "tips": [list(tip) for tip in row.tips]}
