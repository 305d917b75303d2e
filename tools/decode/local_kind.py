"""Messages between a board on the station's Wi-Fi and its gateway (wire/local.cddl).

Rules of this file: rows and states are read by the gateway's reader; a key that the contract has not is a reason
against a message while its kind is guessed.
"""

from collections.abc import Callable
from typing import Any

from gateway.local_messages import MessageError, read_rows, read_state
from tools.decode import registers_view, row_kind, values
from tools.decode.found import Ask, Found, NotThis
from tools.decode.telemetry_facts import Told
from wire import local
from wire.cbor import DecodeError, decode
from wire.package import COUNTER_MAX, PACKAGE_BYTES_MAX
from wire.registers import ORDER_DROP, ORDER_INSTALL
from wire.row import crc_of, unpack

KIND = "local"
_U32 = 0xFFFFFFFF


def read(data: bytes, ask: Ask) -> Found:
    """One whole message. NotThis."""
    if len(data) > local.MESSAGE_BYTES_MAX:
        raise NotThis(ask.say("too_long", bytes=f"{len(data):,}", most=f"{local.MESSAGE_BYTES_MAX:,}"))
    try:
        message = decode(data)
    except DecodeError as error:
        raise NotThis(str(error)) from None
    if not isinstance(message, dict) or message.get(local.K_MAJOR) != local.MAJOR:
        raise NotThis(ask.say("no_message"))
    name = next((name for name, (needs, _, _) in _MESSAGES.items() if needs <= set(message)), None)
    if name is None:
        raise NotThis(ask.say("no_leaf"))
    _, known, tell = _MESSAGES[name]
    strange = sorted(set(message) - known)
    if strange and not ask.forced:
        raise NotThis(ask.say("strange_keys", keys=", ".join(map(str, strange[:8]))))
    try:
        told = tell(data, message, ask)
    except MessageError as error:
        raise NotThis(str(error), near=True) from None
    title = ask.say("local_message", what=ask.say(f"local_{name}"), bytes=f"{len(data):,}")
    return Found(KIND, title, told.facts, {"message": name, **told.document}, told.wrong, told.lines)


def _rows(data: bytes, message: dict, ask: Ask) -> Told:
    rows = read_rows(data)
    facts = [(ask.say("Log"), _log(rows.epoch, rows.tail, rows.head, ask))]
    clock = values.time_ms(rows.unix_ms) + " UTC, " if rows.unix_ms is not None else ""
    facts.append((ask.say("Clock"), clock + values.time_quality(rows.time_quality, ask)))
    facts.append((ask.say("Uptime"), f"{rows.up_ms // 1000:,}.{rows.up_ms % 1000:03d} s"))
    for number, slot in enumerate(rows.now or []):
        name = row_kind.channel(number, rows.epoch, ask)[0]
        facts.append((name, values.slot(slot.code, slot.quality, slot.value, slot.age_ms, ask)))
    if rows.gone:
        facts.append((ask.say("Gone"), ", ".join(f"{first:,}–{last:,}" for first, last in rows.gone[:8])))
    if rows.packed:
        facts.append((ask.say("Time"), "UTC"))
    lines = [row_kind.line(unpack(one, rows.epoch), rows.epoch, crc_of(one), ask) for one in rows.packed]
    document: dict[str, Any] = {"epoch": rows.epoch, "tail": rows.tail, "head": rows.head, "up_ms": rows.up_ms}
    document |= {"unix_ms": rows.unix_ms, "time_quality": rows.time_quality, "gone": [list(one) for one in rows.gone]}
    document["now"] = None if rows.now is None else [slot._asdict() for slot in rows.now]
    return Told(facts, document, "", lines)


def _state(data: bytes, message: dict, ask: Ask) -> Told:
    state = read_state(data)
    facts = [(ask.say("Board"), ask.say("alive" if state.alive else "dead"))]
    if not state.alive:
        return Told(facts, {"alive": False})
    facts.append((ask.say("Log"), _log(state.epoch, state.tail, state.head, ask)))
    facts += [("boot", str(state.boot)), ("definition", state.definition)]
    return Told(facts, dict(state._asdict()))


def _ack(data: bytes, message: dict, ask: Ask) -> Told:
    epoch, gateway, center = (_number(message, key) for key in (local.K_EPOCH, local.K_GATEWAY_HAS, local.K_CENTER_HAS))
    facts = [
        (ask.say("Log"), ask.say("epoch", epoch=epoch)),
        (ask.say("Gateway"), ask.say("up_to", seq=f"{gateway:,}")),
        (ask.say("Center"), ask.say("up_to", seq=f"{center:,}")),
    ]
    if local.K_UNIX_MS in message:
        facts.append((ask.say("Clock"), values.time_ms(_number(message, local.K_UNIX_MS, 1 << 43)) + " UTC"))
    return Told(facts, {"epoch": epoch, "gateway_has": gateway, "center_has": center})


def _chunk(data: bytes, message: dict, ask: Ask) -> Told:
    offset = _number(message, local.K_UPDATE_OFFSET, PACKAGE_BYTES_MAX)
    content = message[local.K_UPDATE_BYTES]
    if not isinstance(content, bytes) or not 1 <= len(content) <= local.UPDATE_BYTES_MAX:
        raise MessageError(f"1 to {local.UPDATE_BYTES_MAX} bytes of a package")
    facts = [(ask.say("Writes"), ask.say("chunk", first=f"{offset:,}", bytes=len(content)))]
    return Told(facts, {"offset": offset, "data": content.hex()})


def _order(data: bytes, message: dict, ask: Ask) -> Told:
    order = _number(message, local.K_UPDATE_ORDER, ORDER_INSTALL)
    if order < ORDER_DROP:
        raise MessageError("no such order")
    return Told([(ask.say("Order"), registers_view.order(order, ask))], {"order": order})


def _at(data: bytes, message: dict, ask: Ask) -> Told:
    offset = _number(message, local.K_UPDATE_OFFSET, PACKAGE_BYTES_MAX)
    state, code = _number(message, local.K_UPDATE_STATE, 0xFFFF), _number(message, local.K_UPDATE_CODE, 0xFF)
    counter, slot = _number(message, local.K_COUNTER, COUNTER_MAX), _number(message, local.K_SLOT, 0xFFFF)
    version = message[local.K_VERSION]
    if not isinstance(version, list) or len(version) != 3 or not all(_is_number(one, 0xFF) for one in version):
        raise MessageError("version is not three numbers of 0..255")
    named = ".".join(map(str, version))
    facts = [
        (ask.say("Package"), ask.say("goes_on", at=f"{offset:,}")),
        (ask.say("State"), registers_view.update_state(state, ask)),
        (ask.say("Runs"), ask.say("version", version=named, counter=f"{counter:,}")),
        (ask.say("Slot"), registers_view.slot(slot, ask)),
    ]
    if code:
        facts.append((ask.say("Exception"), str(code)))
    document = {"offset": offset, "state": state, "code": code, "counter": counter, "slot": slot}
    return Told(facts, document | {"version": named, "boot": _number(message, local.K_BOOT, 0xFFFF)})


def _log(epoch: int, tail: int, head: int, ask: Ask) -> str:
    return ask.say("epoch", epoch=epoch) + ask.say("reach", tail=f"{tail:,}", head=f"{head:,}")


def _number(message: dict[int, Any], key: int, most: int = _U32) -> int:
    value = message.get(key)
    if value is None or not _is_number(value, most):
        raise MessageError(f"key {key} is missing or out of range")
    return value


def _is_number(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


_Tell = Callable[[bytes, dict, Ask], Told]

# name: (keys that it has, keys that it may have, who tells it). What has more keys stands first.
_MESSAGES: dict[str, tuple[set[int], set[int], _Tell]] = {
    "at": ({15, 18, 19, 20, 21, 22}, {0, 10, 15, 18, 19, 20, 21, 22}, _at),
    "chunk": ({15, 16}, {0, 15, 16}, _chunk),
    "order": ({17}, {0, 17}, _order),
    "ack": ({1, 12, 13}, {0, 1, 2, 3, 12, 13}, _ack),
    "birth": ({1, 5, 6, 10, 11, 14}, {0, 1, 5, 6, 10, 11, 14}, _state),
    "death": ({14}, {0, 14}, _state),
    "rows": ({1, 2, 4, 5, 6}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, _rows),
}
