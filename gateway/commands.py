"""The center's commands, read as what anybody may have sent, and carried out once.

Rules of this file: nothing is believed that `telemetry.cddl` does not allow; a command without a readable id gets no
answer, every other one exactly one, and the same again when it is repeated. What a person wants done is done once even
if the gateway dies between doing and saying so: its id is kept with the state, and stands in the events that it caused.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import cbor2

from gateway.acks import AckError, is_uint, load, ranges_of
from gateway.actions import Action, ActionError, read_action
from wire.telemetry import (
    E_COMMAND,
    E_DETECTED_MS,
    K_ACTION,
    K_AGAIN,
    K_CONFIG,
    K_EXPIRES_MS,
    K_ID,
    K_MAJOR,
    K_REASON,
    K_STATUS,
    MAJOR,
    STATUSES,
)

STATE = "commands"  # name of the kept state
IDS_MAX = 256  # Commands for rows that are remembered; what is older would be carried out again, which does no harm.
ACTIONS_MAX = 256  # Actions that are remembered; one that has not expired is never forgotten, a new one is refused.
KEPT_MS = 31 * 86_400_000  # No action is remembered longer, however late it expires.
LOGS_MAX = 1_024  # Of one command,
RANGES_MAX = 4_096  # and ranges of all of them together.
REASON_MAX = 200  # The center takes no longer text.
_MS_MAX = 1 << 48

Asked = list[tuple[bytes, int, list[int]]]  # serial, epoch, ranges: first, last; again
Reply = Callable[[bytes], None]


class CommandError(ValueError):
    """Not a command of ours; `number` is its id where that could be read, and then it is refused with `reason`."""

    def __init__(self, reason: str, number: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.number = number


class Command(NamedTuple):
    """`config`: CRC-32 of the station.toml that it was meant for; None = any."""

    number: int
    expires_ms: int
    again: Asked
    action: Action | None = None
    config: int | None = None


class Done(NamedTuple):
    """What became of an action."""

    expires_ms: int
    status: str
    reason: str


class Commands:
    """`answer()` carries out what the station can do: `ask_again` gets the rows that the center lacks, `act` what a
    person wants done: (id, action) -> status, reason. `keep` makes the ids durable; the reply waits for it.
    """

    def __init__(
        self,
        ask_again: Callable[[Asked], None],
        unix_ms: Callable[[], int],
        config: int = 0,
        keep: Callable[[str, bytes], asyncio.Future[None]] | None = None,
    ) -> None:
        self.act: Callable[[int, Action], tuple[str, str]] | None = None
        self._ask_again = ask_again
        self._unix_ms = unix_ms
        self._config = config
        self._keep = keep
        self._replies: OrderedDict[int, bytes] = OrderedDict()
        self._done: OrderedDict[int, Done] = OrderedDict()
        self._keeping: set[int] = set()  # done, and not durable yet: its reply will come

    def answer(self, payload: object, reply: Reply) -> None:
        """Carry out a command and give `reply` its answer, at once or when it is durable; CommandError where there is
        nobody to reply to.
        """
        try:
            command = read_command(payload)
        except CommandError as error:
            if error.number is None:
                raise
            reply(reply_message(error.number, "refused", error.reason))
            return
        number = command.number
        if number in self._done:
            if number not in self._keeping:
                reply(reply_message(number, *self._done[number][1:]))
        elif number in self._replies:
            reply(self._replies[number])
        elif command.action is not None:
            self._do(command, command.action, reply)
        else:
            reply(self._remember(number, self._ask(command)))

    def restore(self, data: bytes | None, events: list[dict[int, object]]) -> bool:
        """Take over the ids that were kept, and those of the events that came after; False where `data` is no such."""
        whole = True
        try:
            kept = [_kept(entry) for entry in cbor2.loads(data)] if data is not None else []
        except (cbor2.CBORDecodeError, ValueError, TypeError, IndexError):
            kept, whole = [], False
        self._done.update(kept[-ACTIONS_MAX:])
        for event in events:
            number, at_ms = event.get(E_COMMAND), event.get(E_DETECTED_MS)
            if is_uint(number) and isinstance(at_ms, int) and number not in self._done:
                self._done[number] = Done(at_ms + KEPT_MS, "done", "")
        return whole

    def state_bytes(self) -> bytes:
        entries = [[number, done.expires_ms, done.status, done.reason] for number, done in self._done.items()]
        return cbor2.dumps(entries, canonical=True)

    def _ask(self, command: Command) -> bytes:
        refused = self._refusal(command)
        if refused:
            return reply_message(command.number, "refused", refused)
        self._ask_again(command.again)
        return reply_message(command.number, "accepted")

    def _remember(self, number: int, answer: bytes) -> bytes:
        self._replies[number] = answer
        if len(self._replies) > IDS_MAX:
            self._replies.popitem(last=False)
        return answer

    def _do(self, command: Command, action: Action, reply: Reply) -> None:
        number = command.number
        refused = self._refusal(command)
        if not refused and self.act is None:
            refused = "nobody here can do that"
        if not refused and not self._make_room():
            refused = "too many commands wait for their expiry"
        if refused:
            reply(self._remember(number, reply_message(number, "refused", refused)))
            return
        assert self.act is not None
        status, reason = self.act(number, action)
        expires_ms = min(command.expires_ms, self._unix_ms() + KEPT_MS)
        self._done[number] = Done(expires_ms, status, reason[:REASON_MAX])
        answer = reply_message(number, status, reason)
        if self._keep is None:
            reply(answer)
            return
        self._keeping.add(number)

        def on_kept(kept: asyncio.Future[None]) -> None:
            # A disk that takes nothing keeps no id either; what was done is told all the same.
            self._keeping.discard(number)
            if not kept.cancelled():
                kept.exception()
                reply(answer)

        self._keep(STATE, self.state_bytes()).add_done_callback(on_kept)

    def _refusal(self, command: Command) -> str:
        if command.expires_ms < self._unix_ms():
            return "expired"
        if command.config is not None and command.config != self._config:
            return f"station.toml is {self._config:08x} by now, not {command.config:08x}: look at the station again"
        return ""

    def _make_room(self) -> bool:
        """Forget the oldest expired action where there are ACTIONS_MAX; False if none has expired."""
        if len(self._done) < ACTIONS_MAX:
            return True
        now_ms = self._unix_ms()
        expired = next((number for number, done in self._done.items() if done.expires_ms < now_ms), None)
        if expired is None:
            return False
        del self._done[expired]
        return True


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
    config = message.get(K_CONFIG)
    if config is not None and not is_uint(config):
        raise CommandError("version of station.toml out of range", number)
    if K_ACTION in message:
        try:
            return Command(number, expires_ms, [], read_action(message[K_ACTION]), config)
        except ActionError as error:
            raise CommandError(str(error), number) from error
    return Command(number, expires_ms, _again(message.get(K_AGAIN), number), None, config)


def reply_message(number: int, status: str, reason: str = "") -> bytes:
    reply: dict[int, object] = {K_MAJOR: MAJOR, K_ID: number, K_STATUS: STATUSES.index(status)}
    return cbor2.dumps(reply | ({K_REASON: reason[:REASON_MAX]} if reason else {}), canonical=True)


def _again(again: object, number: int) -> Asked:
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
    return asked


def _asked(log: object) -> tuple[bytes, int, list[int]]:
    if not isinstance(log, list) or len(log) != 3:
        raise AckError("what is asked for has three parts")
    serial, epoch, flat = log
    if not isinstance(serial, bytes) or len(serial) != 8 or not is_uint(epoch):
        raise AckError("source or epoch out of range")
    if not flat:
        raise AckError("no ranges")
    return serial, epoch, ranges_of(flat)


def _kept(entry: list) -> tuple[int, Done]:
    number, expires_ms, status, reason = entry
    if not is_uint(number) or not isinstance(expires_ms, int) or status not in STATUSES or not isinstance(reason, str):
        raise ValueError("no action that was done")
    return number, Done(expires_ms, status, reason)
