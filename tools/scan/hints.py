"""From what was heard to what is likely wrong with the line: swapped wires, no bias, reflections, another rate.

Rules of this file: pure; a hint says what was seen, and what else would look the same. A UART hands over bytes and at
most counts errors: it shows neither voltages nor edges, so that none of these is a measurement of the line.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tools.scan.found import OURS, Device, Look

REST_SHARE = 0.8  # Of the questions that end with a single 00.
REST_LEAST = 3
IDLE_LEAST = 3  # bytes
REFLECTION_BAUD = 38_400  # A 1,200 m pair takes 12 us there and back: half a bit is 13 us at this rate.
DAMAGED_LEAST = 2
WORSE = 2.0  # So much more often long answers are damaged than short ones.


class Hint(NamedTuple):
    """`key` of the phrases, with its facts; `state`: "ok" = for information, "look", "FAIL"."""

    key: str
    state: str
    facts: dict[str, Any]


def hints(look: Look, twins: Iterable[int] = ()) -> list[Hint]:
    """What the evidence of one setting says; addresses in `twins` are explained already."""
    found = [*_rest(look), *_floating(look), *_damage(look, set(twins)), *_errors(look)]
    if look.counts["echo"]:
        found.append(Hint("echo", "ok", {"count": look.counts["echo"]}))
    return found


def _rest(look: Look) -> list[Hint]:
    """Is the receiver at space while nobody sends?"""
    rests, asked = look.counts["at_rest"], look.counts["asked"]
    babbles = len(look.idle) >= IDLE_LEAST and not look.idle.strip(b"\0")  # An adapter that repeats a break.
    if babbles or (rests >= REST_LEAST and rests >= REST_SHARE * asked and not look.whole):
        return [Hint("at_space", "FAIL", {"count": rests, "asked": asked})]
    return []


def _floating(look: Look) -> list[Hint]:
    """Bytes while nobody speaks, and no frame among them."""
    heard = len(look.idle.strip(b"\0"))
    if heard < IDLE_LEAST:
        return []
    return [Hint("floating", "FAIL", {"count": len(look.idle), "seconds": f"{look.idle_s:.1f}"})]


def _damage(look: Look, twins: set[int]) -> list[Hint]:
    """Answers that come damaged, though nobody else has that address and the line is silent otherwise."""
    devices = [device for device in look.devices.values() if device.address not in twins]
    short = _share(devices, long=False)
    long = _share([device for device in devices if device.kind == OURS], long=True)
    damaged = short[0] + long[0]
    if damaged < DAMAGED_LEAST:
        return []
    facts = {"damaged": damaged, "asked": short[1] + long[1], "baud": look.setting.baud}
    if not look.whole:
        return [Hint("never_whole", "FAIL", facts)]
    longer_worse = long[1] and long[0] / long[1] > WORSE * short[0] / max(1, short[1])
    if look.setting.baud >= REFLECTION_BAUD and (longer_worse or not long[1]):
        return [Hint("reflections", "look", facts)]
    return [Hint("damaged", "look", facts)]


def _share(devices: list[Device], long: bool) -> tuple[int, int]:
    """(damaged, asked) of the short questions, or of the long ones."""
    tries = [device.long_tries if long else device.tries for device in devices]
    return sum(one.garbled for one in tries), sum(one.count for one in tries)


def _errors(look: Look) -> list[Hint]:
    """What the UART counted, where its driver does."""
    errors = look.errors
    if errors is None or not any(errors):
        return []
    return [Hint("counted", "look", errors._asdict())]
