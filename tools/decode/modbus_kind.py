"""Modbus RTU frames of our map: one, or several one behind the other, so that an answer is read by its request.

Rules of this file: lengths and CRC come from `wire.modbus`; a frame counts only with its CRC, but one frame alone whose
length fits is shown with the CRC that it should have.

Source: MODBUS Application Protocol V1.1b3, sections 6.3 to 6.21.
"""

from typing import NamedTuple

from tools.decode import frame_facts
from tools.decode.found import Ask, Found, NotThis
from wire.modbus import (
    ADDRESS_MAX,
    ENCAPSULATED,
    FRAME_MAX,
    MEI_IDENTIFICATION,
    READ_FILE,
    answer_length,
    crc16,
    request_length,
)

KIND = "modbus"
FRAMES_MAX = 4_096
FRAME_MIN = 4


class Frame(NamedTuple):
    """`sides`: which of "request" and "answer" it can be by its length alone."""

    data: bytes
    sides: tuple[str, ...]


def read(data: bytes, ask: Ask) -> Found:
    """Frames from the first byte to the last; those before a byte that begins none are told too. NotThis."""
    frames, end = split(data)
    if not frames:
        return _alone(data, ask)
    parts: list[Found] = []
    before: Frame | None = None
    for frame in frames:
        side = side_of(frame, before)
        asked = before if side == "answer" and before and answers(frame.data, before.data) else None
        parts.append(told(frame.data, side, asked, ask))
        before = None if side == "answer" else frame
    wrong = (
        ask.say("no_frame_from", byte=end) if end < len(data) else next((one.wrong for one in parts if one.wrong), "")
    )
    if len(parts) == 1 and end == len(data):
        return parts[0]
    title = ask.say("frames", count=f"{len(parts):,}", bytes=f"{len(data):,}")
    return Found(KIND, title, [], {"frames": len(parts)}, wrong, parts=parts)


def split(data: bytes) -> tuple[list[Frame], int]:
    """(frames with a right CRC, one behind the other, where they end): the way through `data` that goes furthest.

    One way is not enough: of one in 256 answers with two registers, the first 8 bytes are a request with a right CRC.
    """
    before: dict[int, tuple[int, Frame]] = {}  # end of a frame -> where it begins, and the frame
    open_ends = [0]
    while open_ends and len(data) not in before and len(before) < FRAMES_MAX:
        at = open_ends.pop()
        for frame in reversed(frames_at(data, at)):
            end = at + len(frame.data)
            if end not in before:
                before[end] = at, frame
                open_ends.append(end)
    frames, at = [], max(before, default=0)
    end = at
    while at:
        at, frame = before[at]
        frames.append(frame)
    return frames[::-1], end


def frames_at(data: bytes, at: int) -> list[Frame]:
    """The frames that begin at `at`, one for each length that is right."""
    sides: dict[int, tuple[str, ...]] = {}
    for side, length in lengths(data, at).items():
        if _is_sealed(data[at : at + length], length):
            sides[length] = (*sides.get(length, ()), side)
    return [Frame(data[at : at + length], one) for length, one in sides.items()]


def side_of(frame: Frame, before: Frame | None) -> str:
    """Request or answer; what can be both is an answer behind a request to the same address for the same function."""
    if before and "answer" in frame.sides and answers(frame.data, before.data):
        return "answer"
    return frame.sides[0] if len(frame.sides) == 1 else "either"


def answers(answer: bytes, request: bytes) -> bool:
    return answer[0] == request[0] and answer[1] & 0x7F == request[1]


def lengths(data: bytes, at: int) -> dict[str, int]:
    """Length by side, of the frame that may begin at `at`."""
    found = {}
    if (length := request_length(data, at, len(data))) > 0:
        found["request"] = length
    length = identification_length(data, at) if data[at + 1 : at + 2] == bytes([ENCAPSULATED]) else None
    if length is None:
        length = answer_length(data, at, len(data))
    asks_file = data[at + 1 : at + 2] == bytes([READ_FILE]) and "request" in found
    if length > 0 and not asks_file:
        found["answer"] = length
    return found


def identification_length(data: bytes, at: int) -> int:
    """Of an answer of function 43/14: its objects say where it ends. 0 = it does not."""
    if at + 8 > len(data) or data[at + 2] != MEI_IDENTIFICATION:
        return 0
    end = at + 8
    for _ in range(data[at + 7]):
        if end + 2 > len(data):
            return 0
        end += 2 + data[end + 1]
    return end + 2 - at


def _is_sealed(frame: bytes, length: int) -> bool:
    return FRAME_MIN <= length == len(frame) <= FRAME_MAX and _crc(frame) == frame[-2:]


def _crc(frame: bytes) -> bytes:
    return crc16(frame, len(frame) - 2).to_bytes(2, "little")


def _alone(data: bytes, ask: Ask) -> Found:
    """One frame whose CRC is wrong, or that is right and none of our functions."""
    if not FRAME_MIN <= len(data) <= FRAME_MAX:
        raise NotThis(ask.say("frame_length", bytes=f"{len(data):,}"))
    if _crc(data) == data[-2:] and data[0] <= ADDRESS_MAX:
        title = ask.say("foreign_frame", function=data[1], address=data[0])
        facts = [(ask.say("Data"), data[2:-2].hex(" ") or "—"), ("CRC", ask.say("crc_fits"))]
        return Found(KIND, title, facts, {"address": data[0], "function": data[1], "data": data[2:-2].hex()})
    sides = tuple(side for side, length in lengths(data, 0).items() if length == len(data))
    if not sides:
        raise _not_whole(data, ask)
    return told(data, side_of(Frame(data, sides), None), None, ask)


def _not_whole(data: bytes, ask: Ask) -> NotThis:
    """Why no frame begins here; what is followed by good frames is one whose CRC is wrong."""
    for length in lengths(data, 0).values():
        if FRAME_MIN <= length < len(data) and split(data[length:])[0]:
            crc = ask.say("crc_should", is_=data[length - 2 : length].hex(" "), should=_crc(data[:length]).hex(" "))
            return NotThis(ask.say("first_crc", crc=crc), near=True)
    return NotThis(ask.say("no_frame"))


def told(data: bytes, side: str, before: Frame | None, ask: Ask) -> Found:
    right = _crc(data) == data[-2:]
    crc = ask.say("crc_fits") if right else ask.say("crc_should", is_=data[-2:].hex(" "), should=_crc(data).hex(" "))
    facts = frame_facts.facts(data, side, before.data if before else None, ask)
    document = {
        "address": data[0],
        "function": data[1] & 0x7F,
        "side": side,
        "bytes": data.hex(),
        "crc_right": right,
        **facts.document,
    }
    if not right:
        return Found(KIND, facts.title, facts.facts, document, f"CRC {crc}", facts.lines)
    return Found(KIND, facts.title, [*facts.facts, ("CRC", crc)], document, facts.wrong, facts.lines)
