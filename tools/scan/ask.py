"""One question on the line, and everything that came for an answer.

Rules of this file: nothing that came is thrown away: whole answers, the bytes between them, our own echo, what came
when nobody had asked. A frame counts by its length and CRC, never by a silence alone.
"""

from collections import Counter
from typing import NamedTuple

from gateway.line import fits
from tools.decode.modbus_kind import identification_length
from tools.scan.port import Port
from tools.scan.settings import Setting
from wire.modbus import (
    ADDRESS_MAX,
    ENCAPSULATED,
    FRAME_MAX,
    MEI_IDENTIFICATION,
    READ_HOLDING,
    answer_length,
    seal,
)

WAIT_S = 0.1  # Boards and sensors take 5 to 50 ms; who takes longer is heard while the next is asked.
GAP_S = 0.02  # USB adapters hand on what came every 16 ms.
GAP_CHARS = 5
SHORT_CHARS = 7  # One register.
LONG_CHARS = FRAME_MAX
LINGER_CHARS = 30  # A second answer comes behind the first.
HEARD_MAX = 4 * FRAME_MAX  # On a line that babbles nothing more is waited for.
QUIET_MAX_S = 0.2
BREAK = b"\0"
EXCEPTION_BYTES = 5


class Heard(NamedTuple):
    """What came within the time of one question. `rest`: what belongs to no frame; `delay_s`: to its first byte."""

    frames: tuple[bytes, ...] = ()
    rest: bytes = b""
    echo: bool = False
    delay_s: float = 0.0

    @property
    def silent(self) -> bool:
        return not self.frames and not self.rest

    @property
    def at_rest(self) -> bool:
        """A single 00 and nothing else: the end of our own sending, where the line rests at space."""
        return not self.frames and self.rest == BREAK

    @property
    def garbled(self) -> bool:
        """Something came, and no frame is in it."""
        return not self.frames and not self.silent and not self.at_rest

    def of(self, address: int) -> list[bytes]:
        return [frame for frame in self.frames if frame[0] == address]


def read_request(address: int, function: int, register: int, count: int) -> bytes:
    return sealed(bytes((address, function)) + register.to_bytes(2, "big") + count.to_bytes(2, "big"))


def identify_request(address: int, code: int) -> bytes:
    """Function 43/14, from object 0 on."""
    return sealed(bytes((address, ENCAPSULATED, MEI_IDENTIFICATION, code, 0)))


def sealed(body: bytes) -> bytes:
    frame = bytearray(body + b"\0\0")
    seal(frame, len(body))
    return bytes(frame)


def split(data: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """(whole answers, all bytes that are none) in `data`."""
    frames, rest, at = [], bytearray(), 0
    while at < len(data):
        length = _length(data, at)
        if EXCEPTION_BYTES <= length <= len(data) - at and fits(data, at, length):
            frames.append(data[at : at + length])
            at += length
        else:
            rest.append(data[at])
            at += 1
    return tuple(frames), bytes(rest)


def _length(data: bytes, at: int) -> int:
    if data[at + 1 : at + 2] == bytes((ENCAPSULATED,)) and 1 <= data[at] <= ADDRESS_MAX:
        return identification_length(data, at)
    return answer_length(data, at, len(data))


class Asker:
    """Asks through `port`, which is set to `setting`; `wait_s` is how long a device may take.

    `strays`: bytes that came when nobody had asked; `late`: whole answers among them.
    """

    def __init__(self, port: Port, setting: Setting, wait_s: float = WAIT_S) -> None:
        self.setting = setting
        self.wait_s = wait_s
        self.strays = bytearray()
        self.late: list[bytes] = []
        self.counts: Counter[str] = Counter()  # asked, answered, garbled, silent, at_rest, echo
        self._port = port
        self._gap_s = max(GAP_S, setting.chars_s(GAP_CHARS))

    def listen(self, for_s: float) -> bytes:
        """What comes while nobody asks."""
        end_s = self._port.now_s() + for_s
        heard = bytearray()
        while len(heard) < HEARD_MAX and self._port.now_s() < end_s:
            heard += self._port.hear(end_s)
        return bytes(heard)

    def pause(self, for_s: float) -> None:
        """The same between two questions."""
        self._keep(self.listen(for_s))

    def _keep(self, heard: bytes) -> None:
        late, rest = split(heard)
        self.late += late
        self.strays += rest

    def ask(self, request: bytes, chars: int = SHORT_CHARS, *, wait_s: float = 0.0, linger: bool = False) -> Heard:
        """Ask, and wait for a frame of that address, of some `chars`: adapters may hand it over whole, at its end.

        `wait_s`: how long the device may take, if not as long as usual; `linger`: listen on, for a second. PortLost.
        """
        self._quiet()
        self._port.send(request)
        sent_s = self._port.now_s() + self.setting.chars_s(len(request))
        until_s = sent_s + (wait_s or self.wait_s) + self.setting.chars_s(chars)
        heard = self._hear(request, sent_s, until_s, linger)
        self.counts["asked"] += 1
        kind = "answered" if heard.frames else "silent" if heard.silent else "at_rest" if heard.at_rest else "garbled"
        self.counts[kind] += 1
        self.counts["echo"] += heard.echo
        return heard

    def _hear(self, request: bytes, sent_s: float, until_s: float, linger: bool) -> Heard:
        data = bytearray()
        frames: tuple[bytes, ...] = ()
        rest, first_s = b"", 0.0
        while len(data) < HEARD_MAX and (piece := self._port.hear(until_s)):
            data += piece
            now_s = self._port.now_s()
            until_s = max(until_s, now_s + self._gap_s)
            answer = bytes(data).removeprefix(request)
            if not answer or request.startswith(answer):
                continue  # Our own bytes, so far.
            first_s = first_s or now_s
            frames, rest = split(answer)
            if any(frame[0] == request[0] and frame[1] & 0x7F == request[1] for frame in frames):
                if not linger:
                    break
                until_s = now_s + self._gap_s + self.setting.chars_s(LINGER_CHARS)
        answer = bytes(data).removeprefix(request)
        if answer and not frames:
            frames, rest = split(answer)
        return Heard(frames, rest, data.startswith(request), max(0.0, first_s - sent_s))

    def _quiet(self) -> None:
        """Wait until t3.5 has passed without a byte; a line that never falls silent is asked all the same."""
        give_up_s = self._port.now_s() + QUIET_MAX_S
        came = bytearray()
        while heard := self._port.hear(min(self._port.now_s() + self.setting.silence_s, give_up_s)):
            came += heard
            if self._port.now_s() >= give_up_s:
                break
        self._keep(bytes(came))


class Reply(NamedTuple):
    """To a read: the words, or the exception's code, or neither. `heard`: all that came."""

    words: list[int] | None
    code: int
    heard: Heard


def read(asker: Asker, address: int, function: int, register: int, count: int, *, linger: bool = False) -> Reply:
    """Read registers; only an answer with the count that was asked for has words. PortLost."""
    heard = asker.ask(read_request(address, function, register, count), 5 + 2 * count, linger=linger)
    for frame in heard.of(address):
        if frame[1] == function | 0x80:
            return Reply(None, frame[2], heard)
        if frame[1] == function and frame[2] == 2 * count and len(frame) == 5 + 2 * count:
            words = [frame[at] << 8 | frame[at + 1] for at in range(3, 3 + 2 * count, 2)]
            return Reply(words, 0, heard)
    return Reply(None, 0, heard)


def first_question(address: int) -> bytes:
    """What nearly every device answers, if only with an exception."""
    return read_request(address, READ_HOLDING, 0, 1)
