"""A recording for a person: a line for each frame, with its time, decoded, answers read by their requests.

Rules of this file: pure; a frame that does not keep its own lengths is shown as bytes.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from gateway import words
from tools.decode import modbus_kind
from tools.decode.found import Ask, Line
from tools.record.file import Head
from tools.record.phrases import phrase
from tools.record.splitter import ANSWER, GARBAGE, REQUEST, Piece
from tools.record.tally import KINDS, Tally, is_answer
from wire.modbus import EXCEPTION_NAMES

HEX_MAX = 24  # bytes of what is shown as bytes


def with_requests(pieces: Iterable[Piece]) -> Iterator[tuple[Piece, bytes | None]]:
    """Each piece, with the request that it answers, where it is an answer to the one before."""
    asked: bytes | None = None
    for piece in pieces:
        answers = piece.kind == ANSWER and asked is not None and is_answer(piece.data, asked)
        yield piece, asked if answers else None
        if piece.kind != GARBAGE:
            asked = piece.data if piece.kind == REQUEST else None


def line(piece: Piece, asked: bytes | None, ask: Ask) -> Line:
    """One line of a table, and the same for a machine."""
    when = f"{piece.us / 1e6:>11.3f}"
    document = {"us": piece.us, "kind": piece.kind, "bytes": piece.data.hex()}
    if piece.kind == GARBAGE:
        return Line(f"{when}    - {phrase(GARBAGE, ask.lang)}  {_hex(piece.data, ask)}", document)
    side = phrase(piece.kind, ask.lang)
    text, told = _decoded(piece, asked, ask)
    return Line(f"{when}  {piece.data[0]:>3} {side}  {text}", {**told, **document})


def _decoded(piece: Piece, asked: bytes | None, ask: Ask) -> tuple[str, dict]:
    data = piece.data
    if modbus_kind.lengths(data, 0).get(piece.kind) != len(data):
        return _hex(data, ask), {}
    if data[1] & 0x80:
        code = data[2]
        name = ask.say(f"exception_{code}") if code in EXCEPTION_NAMES else ask.say("no_such", number=code)
        return phrase("exception", ask.lang, code=code, name=name), {"exception": code}
    before = modbus_kind.Frame(asked, ("request",)) if asked else None
    found = modbus_kind.told(data, piece.kind, before, ask)
    facts = [f"{name} {text}" for name, text in found.facts if name != "CRC"]
    if found.wrong:
        facts.append(found.wrong)
    return f"{data[1]}  " + "; ".join(facts), found.document


def _hex(data: bytes, ask: Ask) -> str:
    shown = data[:HEX_MAX].hex(" ") + (" …" if len(data) > HEX_MAX else "")
    return phrase("bytes", ask.lang, count=len(data), hex=shown)


def facts(head: Head, tally: Tally, cut: bool, ask: Ask) -> list[tuple[str, str]]:
    """What there is to say of it as a whole."""
    lang = ask.lang
    counts = {kind: f"{tally.counts[kind]:,}" for kind in KINDS}
    began = datetime.fromtimestamp(head.began_unix_ms / 1000, UTC) if head.began_unix_ms < 1 << 47 else None
    found = [(phrase("Began", lang), f"{began:%Y-%m-%d %H:%M:%S} UTC" if began else str(head.began_unix_ms))]
    found.append((phrase("Counts", lang), phrase("counts", lang, **counts)))
    found.append((phrase("Bus", lang), f"{tally.use_permil() / 10:.1f} %"))
    return [*found, *([(phrase("Cut", lang), phrase("cut", lang))] if cut else [])]


def title(head: Head, took_us: int, lang: str) -> str:
    age = words.age(took_us // 1000, lang)
    return phrase("recording", lang, port=head.port, setting=head.setting, age=age)
