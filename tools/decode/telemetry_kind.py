"""Messages between a station and the center (wire/telemetry.cddl), also in raw deflate.

Rules of this file: the readers are those of the field, the center's and the gateway's. While a kind is guessed, a key
that the contract has not is a reason against it; where the kind was named, it is let pass.
"""

from collections.abc import Callable

from gateway.acks import AckError, read_ack
from gateway.commands import CommandError, read_command
from tools.center import decode
from tools.decode import telemetry_facts as facts
from tools.decode.found import Ask, Found, NotThis
from wire.telemetry import (
    K_ACKS,
    K_ALIVE,
    K_EVENT,
    K_EXPIRES_MS,
    K_MAJOR,
    K_SEGMENTS,
    K_SOURCES,
    K_STATUS,
    MAJOR,
    TelemetryError,
)

KIND = "telemetry"
_Tell = Callable[[bytes, Ask], facts.Told]

# leaf: (the key that only it has, all of its keys, who tells it).
_LEAVES: dict[str, tuple[int, set[int], _Tell]] = {
    "event": (K_EVENT, {0, 1, 5, 6, 7, 8, 9}, lambda data, ask: facts.event(decode.read("event", data), ask)),
    "catalogue": (
        K_SOURCES,
        {0, 1, 10, 11, -23, -24},
        lambda data, ask: facts.catalogue(decode.read("catalogue", data), ask),
    ),
    "live": (K_SEGMENTS, {0, 1, 2, 3, 4, 23, -1}, lambda data, ask: facts.batch(decode.read("live", data), ask)),
    "ack": (K_ACKS, {0, 12, 13}, lambda data, ask: facts.ack(read_ack(data), ask)),
    "command": (K_EXPIRES_MS, {0, 16, 17, 18, 21, 22}, lambda data, ask: facts.command(read_command(data), ask)),
    "reply": (K_STATUS, {0, 16, 19, 20}, lambda data, ask: facts.reply(decode.read("reply", data), ask)),
    "state": (K_ALIVE, {0, 1, 4, 14, 15, 22, 23, -1}, lambda data, ask: facts.state(decode.read("state", data), ask)),
}


def read(data: bytes, ask: Ask) -> Found:
    """One whole message. NotThis."""
    content, late = _content(data)
    message = decode.load(content) if content is not None else None
    if content is None or not isinstance(message, dict) or message.get(K_MAJOR) != MAJOR:
        raise NotThis(ask.say("no_message"))
    leaf = next((leaf for leaf, (key, _, _) in _LEAVES.items() if key in message), None)
    if leaf is None or (late and leaf != "live"):
        raise NotThis(ask.say("no_leaf"))
    _, known, tell = _LEAVES[leaf]
    strange = sorted(key for key in message if key not in known)
    if strange and not ask.forced:
        raise NotThis(ask.say("strange_keys", keys=", ".join(map(str, strange[:8]))))
    try:
        told = tell(content, ask)
    except (TelemetryError, AckError, CommandError) as error:
        raise NotThis(str(error), near=True) from None
    leaf = "late" if late else leaf
    title = ask.say("message", what=ask.say(f"leaf_{leaf}"), bytes=f"{len(data):,}")
    return Found(KIND, title, told.facts, {"message": leaf, **told.document}, told.wrong, told.lines)


def _content(data: bytes) -> tuple[bytes | None, bool]:
    """The CBOR, and whether it was deflated; None where it is neither."""
    for content, late in ((lambda: data, False), (lambda: decode.inflate(data), True)):
        try:
            found = content()
            decode.load(found)
        except TelemetryError:
            continue
        return found, late
    return None, False


def read_catalogue(data: bytes) -> decode.CatalogueMessage:
    """The catalogue in a message or in an event that carries its copy. TelemetryError."""
    try:
        found = decode.read("catalogue", data)
    except TelemetryError:
        event = decode.read("event", data)
        found = decode.catalogue_in(event.event) if isinstance(event, decode.EventMessage) else None
    if not isinstance(found, decode.CatalogueMessage):
        raise TelemetryError("no catalogue")
    return found
