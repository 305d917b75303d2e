"""The center's commands, read as what anybody may have sent, and carried out once.

Rules of this file: nothing is believed that `telemetry.cddl` does not allow; a command without a readable id gets no
answer, every other one exactly one, and the same again when it is repeated.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import cbor2

from gateway.acks import AckError, is_uint, load, ranges_of
from wire.telemetry import K_AGAIN, K_EXPIRES_MS, K_ID, K_MAJOR, K_REASON, K_STATUS, MAJOR, STATUSES

IDS_MAX = 256  # Commands that are remembered; what is older would be carried out again, which does no harm.
LOGS_MAX = 1_024  # Of one command,
RANGES_MAX = 4_096  # and ranges of all of them together.
_MS_MAX = 1 << 48

Asked = list[tuple[bytes, int, list[int]]]  # serial, epoch, ranges: first, last; again


class CommandError(ValueError):
    """Not a command of ours; `number` is its id where that could be read, and then it is refused with `reason`."""

    def __init__(self, reason: str, number: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.number = number


class Command(NamedTuple):
    number: int
    expires_ms: int
    again: Asked


class Commands:
    """`answer()` carries out what the station can do: `ask_again` gets the rows that the center lacks."""

    def __init__(self, ask_again: Callable[[Asked], None], unix_ms: Callable[[], int]) -> None:
        self._ask_again = ask_again
        self._unix_ms = unix_ms
        self._replies: OrderedDict[int, bytes] = OrderedDict()

    def answer(self, payload: object) -> bytes:
        """The reply to a command. CommandError where there is nobody to reply to."""
        try:
            command = read_command(payload)
        except CommandError as error:
            if error.number is None:
                raise
            return reply_message(error.number, "refused", error.reason)
        if command.number not in self._replies:
            self._replies[command.number] = self._carry_out(command)
            if len(self._replies) > IDS_MAX:
                self._replies.popitem(last=False)
        return self._replies[command.number]

    def _carry_out(self, command: Command) -> bytes:
        if command.expires_ms < self._unix_ms():
            return reply_message(command.number, "refused", "expired")
        self._ask_again(command.again)
        return reply_message(command.number, "accepted")


def read_command(payload: object) -> Command:
    """The command in a message. CommandError."""
    try:
        message = load(payload)
    except AckError as error:
        raise CommandError(str(error)) from error
    number = message.get(K_ID)
    if not is_uint(number):
        raise CommandError("no id")
    expires_ms = message.get(K_EXPIRES_MS)
    if not isinstance(expires_ms, int) or isinstance(expires_ms, bool) or abs(expires_ms) > _MS_MAX:
        raise CommandError("no time of expiry", number)
    again = message.get(K_AGAIN)
    if again is None:
        raise CommandError("nothing that this station can do", number)
    if not isinstance(again, list) or not 1 <= len(again) <= LOGS_MAX:
        raise CommandError(f"1 to {LOGS_MAX} logs", number)
    try:
        asked = [_asked(log) for log in again]
    except AckError as error:
        raise CommandError(str(error), number) from error
    if sum(len(flat) for _, _, flat in asked) > 2 * RANGES_MAX:
        raise CommandError(f"more than {RANGES_MAX} ranges", number)
    return Command(number, expires_ms, asked)


def reply_message(number: int, status: str, reason: str = "") -> bytes:
    reply: dict[int, object] = {K_MAJOR: MAJOR, K_ID: number, K_STATUS: STATUSES.index(status)}
    return cbor2.dumps(reply | ({K_REASON: reason} if reason else {}), canonical=True)


def _asked(log: object) -> tuple[bytes, int, list[int]]:
    if not isinstance(log, list) or len(log) != 3:
        raise AckError("what is asked for has three parts")
    serial, epoch, flat = log
    if not isinstance(serial, bytes) or len(serial) != 8 or not is_uint(epoch):
        raise AckError("source or epoch out of range")
    if not flat:
        raise AckError("no ranges")
    return serial, epoch, ranges_of(flat)
