"""What the messages between a station and the center say, for a person and for a machine.

Rules of this file: it gets what the strict readers made of the bytes, so everything has its type and range.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from gateway import words
from gateway.commands import Command
from tools.center.decode import CatalogueMessage, rows_in
from tools.decode import row_kind, values
from tools.decode.found import Ask, Line
from tools.decode.phrases import ACTIONS_ZH, EVENTS_ZH
from wire.reading import QUANTITIES
from wire.telemetry import (
    E_AT_MS,
    E_CHANNEL,
    E_DETECTED_MS,
    E_KIND,
    E_LEVEL,
    E_QUANTITY,
    E_RULE,
    E_THRESHOLD,
    E_VALUE,
    EVENT_KINDS,
    MODES,
    OPERATING,
    STATUSES,
    TelemetryError,
)

SOURCE_KINDS = ("source_board", "source_sensor", "source_events")
_OTHER_KEYS = {
    8: "threshold_set", 9: "datum", 10: "mode", 11: "detail", 13: "siren_ms", 14: "source", 15: "range",
    16: "episode_ms", 17: "epoch", 18: "number", 19: "until_ms", 20: "tier", 21: "late", 22: "operating",
    23: "actor", -1: "command", -2: "suppressed", -3: "difference_mm", -20: "baseline", -21: "baseline_before",
}  # fmt: skip


class Told(NamedTuple):
    """As in `found.Found`."""

    facts: list[tuple[str, str]]
    document: dict[str, Any]
    wrong: str = ""
    lines: Sequence[Line] = ()


def event(message: Any, ask: Ask) -> Told:
    """One row of the gateway's event log."""
    content = message.event
    kind = content[E_KIND]
    name = EVENT_KINDS.get(kind, ask.say("no_such", number=kind))
    shown = EVENTS_ZH.get(kind, name) if ask.lang == "zh" else name
    facts = [
        (ask.say("Event"), shown),
        (ask.say("Happened"), values.time_ms(content[E_AT_MS]) + " UTC"),
        (ask.say("Detected"), values.time_ms(content[E_DETECTED_MS]) + " UTC"),
        (ask.say("Log"), _log(message.serial, message.epoch, ask) + ask.say("seq", seq=f"{message.seq:,}")),
    ]
    code = content.get(E_QUANTITY, 0)
    code = code if isinstance(code, int) else 0
    for key, label in ((E_RULE, "Rule"), (E_CHANNEL, "Channel")):
        if key in content:
            facts.append((ask.say(label), str(content[key])))
    if content.get(E_LEVEL) in words.LEVEL_MARKS:
        level = content[E_LEVEL]
        facts.append((ask.say("Level"), f"{words.mark(level, ask.lang)} {words.level_word(level, ask.lang)}"))
    for key, label in ((E_VALUE, "Value"), (E_THRESHOLD, "Limit")):
        if isinstance(content.get(key), int):
            facts.append((ask.say(label), values.value(code, content[key])))
    document: dict[str, Any] = {str(key): _plain(value) for key, value in content.items()}
    for key, value in content.items():
        if key in _OTHER_KEYS:
            facts.append((_OTHER_KEYS[key], _other(_OTHER_KEYS[key], value)))
    crc = f"{message.crc:08x}"
    facts.append(("CRC", ask.say("event_crc", crc=crc)))
    head = {"serial": message.serial.hex(), "epoch": message.epoch, "seq": message.seq, "crc": crc, "kind": name}
    return Told(facts, head | {"event": document})


def _other(name: str, value: Any) -> str:
    if name == "mode" and isinstance(value, int) and 0 <= value < len(MODES):
        return MODES[value]
    if name == "operating" and isinstance(value, int) and 0 <= value < len(OPERATING):
        return OPERATING[value]
    if name.endswith("_ms") and isinstance(value, int):
        return values.time_ms(value) + " UTC"
    return value.hex() if isinstance(value, bytes) else str(value)


def _plain(value: Any) -> Any:
    """What JSON has no form for, as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def _log(serial: bytes, epoch: int, ask: Ask) -> str:
    source = ask.source(epoch)
    named = f"{source.name} " if source and source.serial == serial else ""
    return ask.say("log_of", name=named, serial=serial.hex(), epoch=epoch)


def catalogue(message: Any, ask: Ask) -> Told:
    """What the positional messages mean."""
    lines = []
    for source in message.sources:
        kind = ask.say(SOURCE_KINDS[source.kind]) if source.kind < len(SOURCE_KINDS) else str(source.kind)
        head = ask.say("source", name=source.name, kind=kind, serial=source.serial.hex(), epoch=source.epoch)
        lines.append(Line(head, {"name": source.name, "serial": source.serial.hex(), "epoch": source.epoch}))
        for number, one in enumerate(source.channels):
            zero = ""
            if one.zero_mm is not None:
                zero = ask.say("zero", at=values.scaled(one.zero_mm, 3), datum=one.datum)
            text = f"  {number:>2} {one.name}: {values.quantity(one.quantity, ask.lang)}{zero}"
            known = QUANTITIES[one.quantity][0]
            lines.append(Line(text, {"source": source.name, "channel": number, "name": one.name, "quantity": known}))
    facts = [(ask.say("Version"), str(message.version)), (ask.say("Sources"), str(len(message.sources)))]
    return Told(facts, {"version": message.version, "sources": len(message.sources)}, "", lines)


def batch(message: Any, ask: Ask) -> Told:
    """Rows of several sources: with the catalogue each row, without it where the segments begin."""
    facts = [
        (ask.say("Catalogue"), ask.say("catalogue_version", version=message.catalogue)),
        (ask.say("Base"), values.time(message.base_s) + " UTC"),
        (ask.say("Mode"), MODES[message.mode]),
    ]
    document = {"catalogue": message.catalogue, "base_s": message.base_s, "mode": MODES[message.mode]}
    document |= {"segments": len(message.segments)}
    if ask.catalogue is None:
        lines = [_segment(one, message.base_s, ask) for one in message.segments]
        return Told([*facts, (ask.say("Names"), ask.say("give_catalogue"))], document, "", lines)
    lines, wrong = [], ""
    if ask.catalogue.version != message.catalogue:
        wrong = ask.say("other_catalogue", wanted=message.catalogue, given=ask.catalogue.version)
        return Told(facts, document, wrong, [_segment(one, message.base_s, ask) for one in message.segments])
    for number, segment in enumerate(message.segments):
        try:
            lines += _rows(segment, message.base_s, ask.catalogue, ask)
        except TelemetryError as error:
            wrong = ask.say("segment_wrong", number=number + 1, reason=error.reason)
    facts += [(ask.say("Rows"), f"{len(lines):,}"), (ask.say("Time"), "UTC")]
    return Told(facts, document | {"rows": len(lines)}, wrong, lines)


def _rows(segment: Any, base_s: int, known: CatalogueMessage, ask: Ask) -> list[Line]:
    found = []
    for one in rows_in(segment, base_s, known):
        line = row_kind.line(one.row, one.source.epoch, one.crc, ask)
        document = {"source": one.source.name, **line.document}
        if one.judged:
            document["judged"] = {str(column): flag for column, flag in one.judged.items()}
        found.append(Line(f"{one.source.name} {line.text}", document))
    return found


def _segment(segment: Any, base_s: int, ask: Ask) -> Line:
    """What a segment says without the catalogue. Nothing of it was checked yet."""
    if not isinstance(segment, list) or len(segment) < 3 or not all(isinstance(one, int) for one in segment[:2]):
        return Line(ask.say("segment_odd"), {"segment": _plain(segment)})
    if len(segment) == 3:
        return Line(ask.say("segment_packed", source=segment[0], seq=segment[1]), {"segment": _plain(segment)})
    whole = len(segment) > 5 and all(isinstance(one, int) for one in segment[:5]) and isinstance(segment[5], list)
    if not whole:
        return Line(ask.say("segment_odd"), {"segment": _plain(segment)})
    source, seq, start_s, boot, count, columns = segment[:6]
    text = ask.say(
        "segment", source=source, first=f"{seq:,}", last=f"{seq + count - 1:,}", boot=boot, columns=len(columns),
        time=values.time(base_s + start_s),
    )  # fmt: skip
    return Line(text, {"source": source, "seq": seq, "unix_s": base_s + start_s, "boot": boot, "rows": count})


def state(message: Any, ask: Ask) -> Told:
    """Alive or not, and what its logs reach."""
    facts = [(ask.say("Station"), ask.say("alive" if message.alive else "dead"))]
    lines = []
    for serial, epoch, tail, head in message.logs:
        text = _log(serial, epoch, ask) + ask.say("reach", tail=f"{tail:,}", head=f"{head:,}")
        lines.append(Line(text, {"serial": serial.hex(), "epoch": epoch, "tail": tail, "head": head}))
    mode, by, until, operating, operating_by, operating_until = message.modes
    if message.alive:
        facts.append((ask.say("Mode"), _mode(MODES[mode], by, until)))
        facts.append((ask.say("Operating"), _mode(OPERATING[operating], operating_by, operating_until)))
        facts.append((ask.say("Catalogue"), str(message.catalogue)))
    if message.config is not None:
        facts.append(("station.toml", f"CRC-32 {message.config:08x}"))
    document = {"alive": message.alive, "catalogue": message.catalogue, "mode": MODES[mode]}
    return Told(facts, document | {"operating": OPERATING[operating], "logs": len(lines)}, "", lines)


def _mode(name: str, by: str, until: int) -> str:
    return name + (f", {by}" if by else "") + (f", → {values.time(until)} UTC" if until else "")


def ack(message: tuple[int, list], ask: Ask) -> Told:
    """What the center has stored."""
    generation, statements = message
    lines = []
    for serial, epoch, watermark, flat in statements:
        ranges = ", ".join(f"{first:,}–{last:,}" for first, last in zip(flat[::2], flat[1::2], strict=True))
        text = (
            _log(serial, epoch, ask) + ask.say("stored", watermark=f"{watermark:,}") + (f", {ranges}" if ranges else "")
        )
        lines.append(Line(text, {"serial": serial.hex(), "epoch": epoch, "watermark": watermark, "ranges": flat}))
    return Told([(ask.say("Generation"), str(generation))], {"generation": generation, "logs": len(lines)}, "", lines)


def command(message: Command, ask: Ask) -> Told:
    """What the center wants of a station."""
    facts = [("id", str(message.number)), (ask.say("Expires"), values.time_ms(message.expires_ms) + " UTC")]
    document: dict[str, Any] = {"id": message.number, "expires_ms": message.expires_ms}
    if message.action:
        kind = message.action.kind
        facts.append((ask.say("Action"), ACTIONS_ZH.get(kind, kind) if ask.lang == "zh" else kind))
        said = {key: value for key, value in message.action._asdict().items() if value not in (None, "", False)}
        document["action"] = said
        facts += [(key, _other(key, value)) for key, value in said.items() if key != "kind"]
    lines = []
    for serial, epoch, flat in message.again:
        ranges = ", ".join(f"{first:,}–{last:,}" for first, last in zip(flat[::2], flat[1::2], strict=True))
        lines.append(Line(_log(serial, epoch, ask) + ask.say("again", ranges=ranges), {"epoch": epoch, "ranges": flat}))
    return Told(facts, document, "", lines)


def reply(message: Any, ask: Ask) -> Told:
    """What became of a command."""
    status = STATUSES[message.status]
    facts = [("id", str(message.command)), (ask.say("Status"), ask.say(f"status_{status}"))]
    if message.reason:
        facts.append((ask.say("Reason"), message.reason))
    return Told(facts, {"id": message.command, "status": status, "reason": message.reason})
