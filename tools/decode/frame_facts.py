"""What one Modbus frame says: function by function, for a person and for a machine.

Rules of this file: the frame has the length that its function asks for; everything else in it may be anything.
"""

from collections.abc import Sequence
from typing import NamedTuple

from tools.decode import registers_view, row_kind
from tools.decode.found import Ask, Line
from wire.modbus import (
    BROADCAST,
    ENCAPSULATED,
    EXCEPTION_NAMES,
    FILE_REFERENCE,
    MEI_IDENTIFICATION,
    READ_FILE,
    READ_HOLDING,
    READ_INPUT,
    READ_REGISTERS_MAX,
    WRITE_FILE,
    WRITE_MULTIPLE,
    WRITE_SINGLE,
)
from wire.registers import (
    ID_PRODUCT,
    ID_REVISION,
    ID_SERIAL,
    ID_VENDOR,
    LOG_FILE,
    LOG_FILE_SHORT,
    LOG_HEADER_BYTES,
    UPDATE_CHUNK,
    UPDATE_FILE,
)
from wire.row import RowError, crc_of, unpack
from wire.short_rows import split_short

_OBJECTS = {ID_VENDOR: "id_vendor", ID_PRODUCT: "id_product", ID_REVISION: "id_revision", ID_SERIAL: "id_serial"}


class Told(NamedTuple):
    """As in `found.Found`."""

    title: str
    facts: list[tuple[str, str]]
    document: dict
    wrong: str = ""
    lines: Sequence[Line] = ()


def facts(frame: bytes, side: str, before: bytes | None, ask: Ask) -> Told:
    """`before`: the request that this answers, where it is known."""
    function = frame[1] & 0x7F
    body = frame[2:-2]
    who = ask.say("everybody") if frame[0] == BROADCAST else ask.say("board_at", address=frame[0])
    title = ask.say(f"frame_{side}", who=who, function=function)
    if frame[1] & 0x80:
        return _exception(title, body, ask)
    if function in (READ_HOLDING, READ_INPUT):
        return _read_request(title, body, ask) if side == "request" else _read_answer(title, body, before, ask)
    if function == WRITE_SINGLE:
        return _registers(title, _word(body, 0), [_word(body, 2)], ask)
    if function == WRITE_MULTIPLE:
        return _write(title, body, side, ask)
    if function == READ_FILE:
        return _file_request(title, body, ask) if side == "request" else _file_answer(title, body, ask)
    if function == WRITE_FILE:
        return _write_file(title, body, ask)
    if function == ENCAPSULATED and body[:1] == bytes([MEI_IDENTIFICATION]):
        return _identify_request(title, body, ask) if side == "request" else _identification(title, body, ask)
    return _plain(title, body, ask)


def _word(data: bytes, at: int) -> int:
    return data[at] << 8 | data[at + 1]


def _words(data: bytes) -> list[int]:
    return [_word(data, at) for at in range(0, len(data) - 1, 2)]


def _long(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "big")


def _plain(title: str, body: bytes, ask: Ask, wrong: str = "") -> Told:
    return Told(title, [(ask.say("Data"), body.hex(" ") or "—")], {"data": body.hex()}, wrong)


def _exception(title: str, body: bytes, ask: Ask) -> Told:
    code = body[0]
    known = code in EXCEPTION_NAMES
    name = ask.say(f"exception_{code}") if known else ask.say("no_such", number=code)
    return Told(title, [(ask.say("Exception"), f"{code}, {name}")], {"exception": code})


def _range(first: int, count: int, ask: Ask) -> str:
    return ask.say("registers", first=f"0x{first:04x}", last=f"0x{first + max(count, 1) - 1:04x}", count=count)


def _names(first: int, count: int, ask: Ask) -> str:
    return ", ".join(registers_view.names(first, count)) or ask.say("not_in_map")


def _read_request(title: str, body: bytes, ask: Ask) -> Told:
    first, count = _word(body, 0), _word(body, 2)
    facts = [(ask.say("Reads"), _range(first, count, ask)), (ask.say("Names"), _names(first, count, ask))]
    wrong = "" if 1 <= count <= READ_REGISTERS_MAX else ask.say("count_wrong", count=count, most=READ_REGISTERS_MAX)
    return Told(title, facts, {"register": first, "count": count}, wrong)


def _read_answer(title: str, body: bytes, before: bytes | None, ask: Ask) -> Told:
    words = _words(body[1:])
    first, asked = (_word(before, 2), _word(before, 4)) if before else (ask.register, len(words))
    if first is None:
        text = " ".join(f"{word:04x}" for word in words)
        facts = [(ask.say("Words"), text), (ask.say("Names"), ask.say("register_unknown"))]
        return Told(title, facts, {"words": words})
    told = _registers(title, first, words, ask)
    wrong = "" if asked == len(words) else ask.say("count_differs", asked=asked, got=len(words))
    return told._replace(wrong=wrong)


def _registers(title: str, first: int, words: list[int], ask: Ask) -> Told:
    named = registers_view.named(first, words, ask)
    facts = [(ask.say("From"), _range(first, len(words), ask)), *((name, text) for name, text, _ in named)]
    return Told(title, facts, {"register": first, "words": words, "values": {name: plain for name, _, plain in named}})


def _write(title: str, body: bytes, side: str, ask: Ask) -> Told:
    first, count = _word(body, 0), _word(body, 2)
    if side == "answer":
        facts = [(ask.say("Written"), _range(first, count, ask)), (ask.say("Names"), _names(first, count, ask))]
        return Told(title, facts, {"register": first, "count": count})
    told = _registers(title, first, _words(body[5:]), ask)
    bytes_right = body[4] == 2 * count
    return told._replace(wrong="" if bytes_right else ask.say("count_differs", asked=count, got=body[4] // 2))


def _file_request(title: str, body: bytes, ask: Ask) -> Told:
    if body[0] != 7 or body[1] != FILE_REFERENCE:
        return _plain(title, body, ask, ask.say("not_our_file"))
    file, record, count = _word(body, 2), _word(body, 4), _word(body, 6)
    known = {LOG_FILE: "log_file", LOG_FILE_SHORT: "log_file_short"}.get(file)
    said = ask.say(known, record=f"{record:,}") if known else ask.say("not_our_file")
    room = ask.say("room", bytes=2 * count - LOG_HEADER_BYTES)
    document = {"file": file, "record": record, "count": count}
    facts = [(ask.say("Reads"), said), (ask.say("Room"), room)]
    return Told(title, facts, document, "" if known else said)


def _file_answer(title: str, body: bytes, ask: Ask) -> Told:
    data = body[3:]
    if len(data) < LOG_HEADER_BYTES:
        return _plain(title, body, ask, ask.say("not_our_file"))
    epoch, first = _long(data, 0), _long(data, 4)
    lines, wrong = [], ""
    try:
        for packed in split_short(data[LOG_HEADER_BYTES:]):
            lines.append(row_kind.line(unpack(packed, epoch), epoch, crc_of(packed), ask))
    except RowError as error:
        wrong = ask.say("row_wrong", place=len(lines) + 1, reason=error.reason)
    log = (
        ask.say("from_log", epoch=epoch, first=f"{first:,}", count=len(lines))
        if first
        else ask.say("from_empty", epoch=epoch)
    )
    document = {"epoch": epoch, "first": first, "rows": [one.document for one in lines]}
    return Told(title, [(ask.say("Log"), log), (ask.say("Time"), "UTC")], document, wrong, lines)


def _write_file(title: str, body: bytes, ask: Ask) -> Told:
    if len(body) < 8 or body[1] != FILE_REFERENCE:
        return _plain(title, body, ask, ask.say("not_our_file"))
    file, record, count = _word(body, 2), _word(body, 4), _word(body, 6)
    data = body[8:]
    at = record * UPDATE_CHUNK
    facts = [(ask.say("Writes"), ask.say("chunk", first=f"{at:,}", bytes=len(data)))]
    document = {"file": file, "record": record, "offset": at, "data": data.hex()}
    wrong = ""
    if file != UPDATE_FILE:
        wrong = ask.say("not_our_file")
    elif 2 * count != len(data):
        wrong = ask.say("count_differs", asked=count, got=len(data) // 2)
    return Told(title, [*facts, (ask.say("Data"), _short(data))], document, wrong)


def _short(data: bytes, most: int = 16) -> str:
    return data[:most].hex(" ") + (" …" if len(data) > most else "")


def _identify_request(title: str, body: bytes, ask: Ask) -> Told:
    facts = [(ask.say("Reads"), ask.say("identification", code=body[1], object=f"0x{body[2]:02x}"))]
    return Told(title, facts, {"code": body[1], "object": body[2]})


def _identification(title: str, body: bytes, ask: Ask) -> Told:
    at, told, objects = 6, [], {}
    for _ in range(body[5]):
        number, size = body[at], body[at + 1]
        value = body[at + 2 : at + 2 + size]
        text = "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in value)
        name = ask.say(_OBJECTS[number]) if number in _OBJECTS else f"0x{number:02x}"
        told.append((name, text or "—"))
        objects[f"{number:02x}"] = text
        at += 2 + size
    return Told(title, told, {"objects": objects})
