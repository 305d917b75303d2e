"""The center's acknowledgements, read as what anybody may have sent.

Rules of this file: nothing is believed that `telemetry.cddl` does not allow; a wrong one is refused whole.
"""

from typing import TypeGuard

import cbor2

from gateway.spool_index import Statement
from wire.telemetry import K_ACKS, K_GENERATION, K_MAJOR, MAJOR, MESSAGE_BYTES_MAX

STATEMENTS_MAX = 4_096
_U32 = 0xFFFFFFFF


class AckError(ValueError):
    """Not a message that the center may send."""


def read_ack(payload: object) -> tuple[int, list[Statement]]:
    """(generation, statements) of an acknowledgement. AckError."""
    message = load(payload)
    generation, statements = message.get(K_GENERATION), message.get(K_ACKS)
    if not is_uint(generation) or not isinstance(statements, list) or len(statements) > STATEMENTS_MAX:
        raise AckError("no generation or no statements")
    return generation, [_statement(statement) for statement in statements]


def load(payload: object) -> dict:
    """The map of a message of the center: deterministic, whole, of our major version. AckError."""
    if not isinstance(payload, bytes) or len(payload) > MESSAGE_BYTES_MAX:
        raise AckError("no bytes, or too many")
    try:
        message = cbor2.loads(payload, max_depth=8, allow_indefinite=False, allow_duplicate_keys=False)
        again = cbor2.dumps(message, canonical=True)
    except (cbor2.CBORError, ValueError, OverflowError, TypeError) as error:
        raise AckError(str(error)) from error
    if again != payload:
        raise AckError("not deterministic, or bytes behind the end")
    if not isinstance(message, dict) or message.get(K_MAJOR) != MAJOR:
        raise AckError("not our major version")
    return message


def ranges_of(flat: object) -> list[int]:
    """[first, last, first, last ...], ascending. AckError."""
    if not isinstance(flat, list) or len(flat) % 2 or not all(is_uint(number) for number in flat):
        raise AckError("ranges are pairs of numbers")
    if flat != sorted(flat):
        raise AckError("ranges ascend")
    if any(not 1 <= first <= last for first, last in zip(flat[::2], flat[1::2], strict=True)):
        raise AckError("no range")
    return flat


def is_uint(value: object) -> TypeGuard[int]:
    """Is it an integer of 32 bits without sign?"""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _U32


def _statement(statement: object) -> Statement:
    if not isinstance(statement, list) or len(statement) != 4:
        raise AckError("a statement has four parts")
    serial, epoch, watermark, flat = statement
    if not isinstance(serial, bytes) or len(serial) != 8 or not is_uint(epoch) or not is_uint(watermark):
        raise AckError("source, epoch or watermark out of range")
    return serial, epoch, watermark, ranges_of(flat)
