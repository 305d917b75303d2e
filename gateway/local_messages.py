"""What boards on the station's broker say, read as what anybody may have sent; and what they are told.

Rules of this file: nothing is believed that `local.cddl` does not allow; a wrong message is refused whole, and a row
whose CRC does not fit the epoch is no row.
"""

from typing import Any, NamedTuple, TypeGuard

from wire import local, row
from wire.cbor import DecodeError, Encoder, decode
from wire.package import COUNTER_MAX, PACKAGE_BYTES_MAX
from wire.reading import QUALITIES, TIME_QUALITIES

SLOTS_MAX = 32
UP_MS_MAX = 1 << 42  # More than a hundred years.
UNIX_MS_MAX = 1 << 43
_ACK_BYTES_MAX = 64
_U32 = 0xFFFFFFFF
_MISSING: Any = object()


class MessageError(ValueError):
    """Not a message of a board of ours."""


class Slot(NamedTuple):
    """A now-value as the board said it."""

    code: int
    quality: int
    value: int | None
    age_ms: int


class Rows(NamedTuple):
    """A message of the leaf `rows`. `now` is None where it had none; `first` 0 where it had no rows."""

    epoch: int
    up_ms: int
    unix_ms: int | None
    time_quality: int
    tail: int
    head: int
    now: list[Slot] | None
    first: int
    packed: list[bytes]
    gone: list[tuple[int, int]]  # Ranges of seq that the board holds no more.
    last: int  # The last seq that the message speaks of, 0 = none.


class State(NamedTuple):
    """A message of the leaf `state`. Only `alive` means something where it is false."""

    alive: bool
    epoch: int = 0
    boot: int = 0
    tail: int = 0
    head: int = 0
    definition: str = ""
    next_ms: int = 0  # It sleeps, and reports again in so long; 0 = it is awake.


class At(NamedTuple):
    """A message of the leaf `update/at`."""

    boot: int
    offset: int
    state: int  # register update_state
    code: int  # 0, or why the message before was not taken
    counter: int
    slot: int  # register slot
    version: tuple[int, int, int]


def read_rows(payload: object) -> Rows:
    """MessageError for anything that is not a rows message with rows of its own epoch."""
    message = _map(payload)
    epoch = _number(message, local.K_EPOCH)
    tail, head = _number(message, local.K_TAIL), _number(message, local.K_HEAD)
    _need((tail == 0) == (head == 0) and tail <= head, "tail and head do not belong together")
    unix_ms = _number(message, local.K_UNIX_MS, UNIX_MS_MAX) if local.K_UNIX_MS in message else None
    time_quality = _number(message, local.K_TIME_QUALITY)
    _need(time_quality in TIME_QUALITIES, "no such time quality")
    first, packed, gone, last = 0, [], [], 0
    if local.K_FIRST in message or local.K_ROWS in message:
        first = _number(message, local.K_FIRST)
        _need(1 <= first <= head, "rows from a seq that the log has not")
        packed, gone, last = _rows(message.get(local.K_ROWS), epoch, first, head)
    up_ms = _number(message, local.K_UP_MS, UP_MS_MAX)
    now = _slots(message[local.K_NOW]) if local.K_NOW in message else None
    return Rows(epoch, up_ms, unix_ms, time_quality, tail, head, now, first, packed, gone, last)


def read_state(payload: object) -> State:
    """MessageError for anything that is neither birth nor death."""
    message = _map(payload)
    alive = message.get(local.K_ALIVE)
    _need(isinstance(alive, bool), "neither alive nor dead")
    if not alive:
        return State(False)
    tail, head = _number(message, local.K_TAIL), _number(message, local.K_HEAD)
    _need((tail == 0) == (head == 0) and tail <= head, "tail and head do not belong together")
    definition = message.get(local.K_DEFINITION)
    if not isinstance(definition, bytes) or len(definition) != 8:
        raise MessageError("definition is not 8 bytes")
    boot = _number(message, local.K_BOOT, 0xFFFF)
    next_ms = _number(message, local.K_NEXT_MS, local.NEXT_MS_MAX) if local.K_NEXT_MS in message else 0
    return State(True, _number(message, local.K_EPOCH), boot, tail, head, definition.hex(), next_ms)


def read_at(payload: object) -> At:
    """MessageError for anything that is not what a board says of an update."""
    message = _map(payload)
    version = message.get(local.K_VERSION)
    if not isinstance(version, list) or len(version) != 3:
        raise MessageError("version is not three numbers")
    parts = [_number(dict(enumerate(version)), place, 0xFF) for place in range(3)]
    return At(
        boot=_number(message, local.K_BOOT, 0xFFFF),
        offset=_number(message, local.K_UPDATE_OFFSET, PACKAGE_BYTES_MAX),
        state=_number(message, local.K_UPDATE_STATE, 0xFFFF),
        code=_number(message, local.K_UPDATE_CODE, 0xFF),
        counter=_number(message, local.K_COUNTER, COUNTER_MAX),
        slot=_number(message, local.K_SLOT, 0xFFFF),
        version=(parts[0], parts[1], parts[2]),
    )


def ack(epoch: int, gateway_has: int, center_has: int, echo: tuple[int, int] | None) -> bytes:
    """What the board is told; `echo`: (its uptime in the message that this answers, our unix ms)."""
    message = {
        local.K_MAJOR: local.MAJOR,
        local.K_EPOCH: epoch,
        local.K_GATEWAY_HAS: gateway_has,
        local.K_CENTER_HAS: center_has,
    }
    if echo is not None:
        message[local.K_UP_MS], message[local.K_UNIX_MS] = echo
    return bytes(Encoder(_ACK_BYTES_MAX).encode(message))


def _map(payload: object) -> dict[int, Any]:
    if not isinstance(payload, bytes) or len(payload) > local.MESSAGE_BYTES_MAX:
        raise MessageError("no bytes, or too many")
    try:
        message = decode(payload)
    except DecodeError as error:
        raise MessageError(str(error)) from error
    if not isinstance(message, dict) or message.get(local.K_MAJOR) != local.MAJOR:
        raise MessageError("not our major version")
    return message


def _rows(data: object, epoch: int, first: int, head: int) -> tuple[list[bytes], list[tuple[int, int]], int]:
    """(rows, ranges that are gone, last seq spoken of)."""
    if not isinstance(data, bytes) or len(data) > local.ROWS_BYTES_MAX:
        raise MessageError("rows are no bytes, or too many")
    packed: list[bytes] = []
    gone: list[tuple[int, int]] = []
    expected = first
    try:
        split = row.split(data)
        _need(sum(map(len, split)) == len(data), "something stands behind the rows")
        for one in split:
            seq = row.unpack(one, epoch).seq
            _need(expected <= seq <= head, "seq out of order")
            if seq > expected:
                gone.append((expected, seq - 1))
            packed.append(one)
            expected = seq + 1
    except row.RowError as error:
        raise MessageError(error.reason) from error
    if not packed:
        return [], [(first, head)], head
    return packed, gone, expected - 1


def _slots(slots: object) -> list[Slot]:
    if not isinstance(slots, list) or len(slots) > SLOTS_MAX:
        raise MessageError("now-values are no list, or too many")
    out = []
    for slot in slots:
        if not isinstance(slot, list) or len(slot) != 4:
            raise MessageError("a now-value has four parts")
        code, quality, value, age_ms = slot
        if not _is_int(code, 0, 0xFF) or not _is_int(age_ms, 0, 0xFFFF):
            raise MessageError("quantity or age out of range")
        if not _is_int(quality, 0, 0xFF) or quality not in QUALITIES:
            raise MessageError("no such quality")
        if value is not None and not _is_int(value, -0x80000000, 0x7FFFFFFF):
            raise MessageError("value out of range")
        out.append(Slot(code, quality, value, age_ms))
    return out


def _number(message: dict[int, Any], key: int, highest: int = _U32) -> int:
    value = message.get(key, _MISSING)
    if not _is_int(value, 0, highest):
        raise MessageError(f"key {key} is missing or out of range")
    return value


def _is_int(value: object, lowest: int, highest: int) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest


def _need(condition: bool, reason: str) -> None:
    if not condition:
        raise MessageError(reason)
