"""Registers by their names in the map of our boards, with values as people read them.

Rules of this file: the map is `wire.registers`; what lies outside of it, or is a half of an entry, is shown as it is.
"""

from collections.abc import Callable, Sequence

from tools.decode import values
from tools.decode.found import Ask
from wire import registers
from wire.registers import (
    CONTROL_BLOCK,
    NOW_HEADER,
    NOW_SLOTS,
    SL651_LEVEL,
    SL651_RAIN,
    SLOT_REGISTERS,
    SLOTS,
    STATUS_BLOCK,
)

Entry = tuple[int, int, str]
ENTRIES: tuple[Entry, ...] = (
    (SL651_RAIN, 2, "sl651_rain"),
    (SL651_LEVEL, 2, "sl651_level"),
    *NOW_HEADER,
    *((NOW_SLOTS + i * SLOT_REGISTERS, SLOT_REGISTERS, f"slot_{i}") for i in range(SLOTS)),
    *STATUS_BLOCK,
    *CONTROL_BLOCK,
)
_UPDATE_STATES = {
    registers.UPDATE_IDLE: "update_idle",
    registers.UPDATE_RECEIVING: "update_receiving",
    registers.UPDATE_VERIFYING: "update_verifying",
    registers.UPDATE_READY: "update_ready",
    registers.UPDATE_REFUSED: "update_refused",
}
_RESETS = (0, 1, 2, 3, 4, 9)
_UNITS = (("_ms", "ms"), ("_ms_max", "ms"), ("_mv", "mV"), ("_bytes", "bytes"), ("update_offset", "bytes"))


def named(first: int, words: Sequence[int], ask: Ask) -> list[tuple[str, str, object]]:
    """(name, text, number or hex) of everything in `words`, which were read from register `first` on."""
    found, at, end = [], first, first + len(words)
    while at < end:
        entry = next((one for one in ENTRIES if one[0] <= at < one[0] + one[1]), None)
        if entry and entry[0] == at and at + entry[1] <= end:
            part = words[at - first : at - first + entry[1]]
            found.append((entry[2], _text(entry[2], part, ask), _plain(entry[2], part)))
            at += entry[1]
            continue
        word = words[at - first]
        name = ask.say("part_of", name=entry[2]) if entry else ""
        found.append((f"0x{at:04x}", f"0x{word:04x} ({word:,}){name}", word))
        at += 1
    return found


def names(first: int, count: int) -> list[str]:
    """The entries that `count` registers from `first` on touch, in order."""
    return [name for at, size, name in ENTRIES if at < first + count and first < at + size]


def _number(part: Sequence[int]) -> int:
    number = 0
    for word in part:
        number = number << 16 | word
    return number


def _bytes(part: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(2, "big") for word in part)


def _plain(name: str, part: Sequence[int]) -> object:
    if name.startswith("slot_"):
        code, flag, number, age_ms = registers.slot(part, NOW_SLOTS, 0)
        return {"quantity": code, "quality": flag, "value": number, "age_ms": age_ms}
    if name in ("serial", "definition", "last_words"):
        return _bytes(part).hex()
    return _number(part)


def _text(name: str, part: Sequence[int], ask: Ask) -> str:
    if name.startswith("slot_"):
        return values.slot(*registers.slot(part, NOW_SLOTS, 0), ask)
    if name in _SPECIAL:
        return _SPECIAL[name](part, ask)
    number = _number(part)
    if name.endswith("unix_s"):
        return values.time(number) + " UTC" if number else ask.say("clock_unset")
    if name.endswith("_s"):
        return f"{number:,} s"
    unit = next((unit for ending, unit in _UNITS if name.endswith(ending)), "")
    return f"{number:,} {unit}".rstrip() if unit != "bytes" else ask.say("bytes", count=f"{number:,}")


def _slot_text(part: Sequence[int], ask: Ask) -> str:
    number = _number(part)
    which = number & (registers.ON_TRIAL - 1)
    said = registers.RUNS[which] if which < len(registers.RUNS) else ask.say("no_such", number=which)
    said = ask.say("slot_safe") if said == registers.RUNS_SAFE else said
    return said + (ask.say("on_trial") if number & registers.ON_TRIAL else "")


def _update_state(part: Sequence[int], ask: Ask) -> str:
    from wire.package import REASONS

    number = _number(part)
    state, reason = number & 0xFF, number >> 8
    text = ask.say(_UPDATE_STATES[state]) if state in _UPDATE_STATES else ask.say("no_such", number=state)
    if not reason:
        return text
    return f"{text}: {ask.say(f'refused_{reason}') if reason in REASONS else ask.say('no_such', number=reason)}"


def _order(part: Sequence[int], ask: Ask) -> str:
    number = _number(part)
    known = {registers.ORDER_DROP: "order_drop", registers.ORDER_INSTALL: "order_install"}
    return ask.say(known[number]) if number in known else ask.say("no_such", number=number)


def _reset(part: Sequence[int], ask: Ask) -> str:
    number = _number(part)
    return ask.say(f"reset_{number}") if number in _RESETS else ask.say("no_such", number=number)


def _ascii(part: Sequence[int], ask: Ask) -> str:
    text = _bytes(part).rstrip(b"\0")
    return "".join(chr(byte) if 32 <= byte < 127 else "·" for byte in text) or "—"


_SPECIAL: dict[str, Callable[[Sequence[int], Ask], str]] = {
    "sl651_rain": lambda part, ask: f"{values.scaled(_number(part), 1)} mm",
    "sl651_level": lambda part, ask: f"{values.scaled(_number(part), 3)} m",
    "serial": lambda part, ask: _bytes(part).hex(),
    "definition": lambda part, ask: _bytes(part).hex(),
    "last_words": _ascii,
    "time_quality": lambda part, ask: values.time_quality(_number(part), ask),
    "version_major_minor": lambda part, ask: values.version(_number(part)),
    "supply_mv": lambda part, ask: f"{values.scaled(_number(part), 3)} V" if _number(part) else ask.say("unmeasured"),
    "slot": _slot_text,
    "update_state": _update_state,
    "update_order": _order,
    "reset_cause": _reset,
}


def update_state(number: int, ask: Ask) -> str:
    """The register `update_state` in words."""
    return _update_state([number], ask)


def slot(number: int, ask: Ask) -> str:
    """The register `slot` in words."""
    return _slot_text([number], ask)


def order(number: int, ask: Ask) -> str:
    """The register `update_order` in words."""
    return _order([number], ask)
