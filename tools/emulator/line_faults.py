"""What goes wrong on a line: cut cables, noise, answers cut short, foreign numbers, a second device, garbage.

Rules of this file: no clock and no files; every chance comes from a seed, so that a run can be had again.
"""

import random
from collections import deque

from tools.emulator.rtu import is_whole, sealed

GARBAGE_BURST_MAX = 40  # bytes of one burst of garbage
GARBAGE_PAUSE_CHARS = 200  # longest pause between bursts: some exchanges come through, most do not
FRAMES_KEPT = 16  # frames heard, from which cut frames are made
FRAME_KEPT_MAX = 256
TWIN_LATE_CHARS = 12  # how far behind the end of the first answer a twin's answer may begin


class Faults:
    """The faults that are on, by kind. `clear()` takes all of them off."""

    def __init__(self, seed: int = 1) -> None:
        self._random = random.Random(seed)
        self._heard: deque[bytes] = deque(maxlen=FRAMES_KEPT)
        self.clear()

    def clear(self) -> None:
        self.silent: set[int] = set()  # addresses whose cable is cut
        self.wrong_ids: set[int] = set()
        self.twins: set[int] = set()
        self.answer_bytes_max: int | None = None
        self.echo = False
        self.garbage_until_ns: int | None = None  # of the station's time
        self.garbage_pause_chars = GARBAGE_PAUSE_CHARS
        self._bits_wrong_permil = 0
        self._bits_to_error = 0

    def noise(self, bits_wrong_permil: float, seed: int | None = None) -> None:
        """From now on so many of 1,000 data bits arrive inverted. 0 = none. ValueError outside 0..500."""
        if not 0 <= bits_wrong_permil <= 500:
            raise ValueError("noise is 0 to 500 wrong bits per mille")
        if seed is not None:
            self._random.seed(seed)
        self._bits_wrong_permil = bits_wrong_permil
        self._bits_to_error = self._gap_bits() if bits_wrong_permil else 0

    def garbage(self, until_ns: int, seed: int, pause_chars: int = GARBAGE_PAUSE_CHARS) -> None:
        """Somebody talks nonsense until `until_ns` of the station's time, at most `pause_chars` between two bursts."""
        self._random.seed(seed)
        self.garbage_until_ns = until_ns
        self.garbage_pause_chars = pause_chars

    def spoken(self, address: int, data: bytes) -> bytes:
        """What a device with `address` really puts on the line when it means `data`; b"" = nothing."""
        if address in self.silent:
            return b""
        if address in self.wrong_ids and is_whole(data):
            data = sealed(bytes((data[0] % 247 + 1,)) + data[1:-2])
        if self.answer_bytes_max is not None:
            data = data[: self.answer_bytes_max]
        return data

    def twin(self, address: int, data: bytes) -> tuple[int, bytes] | None:
        """(characters later, answer) of a second device with the same address, or None.

        Both were asked the same, so it answers about the same, while the first is talking or a little behind it.
        """
        if address not in self.twins or not is_whole(data):
            return None
        body = bytearray(data[:-2])
        if len(body) > 4:
            body[self._random.randrange(3, len(body))] ^= 1 << self._random.randrange(8)
        return self._random.randrange(len(data) + TWIN_LATE_CHARS), sealed(bytes(body))

    def remember(self, frame: bytes) -> None:
        """A frame was heard: garbage may repeat a part of it."""
        self._heard.append(bytes(frame[:FRAME_KEPT_MAX]))

    def nonsense(self) -> tuple[int, bytes]:
        """(characters of pause before it, bytes): random bytes, or a real frame that lost its beginning or end."""
        pause = self._random.randint(0, self.garbage_pause_chars)
        if self._heard and self._random.random() < 0.4:
            frame = self._random.choice(self._heard)
            if len(frame) > 1:
                at = self._random.randrange(1, len(frame))
                return pause, frame[:at] if self._random.random() < 0.5 else frame[at:]
        return pause, self._random.randbytes(self._random.randint(1, GARBAGE_BURST_MAX))

    def clash(self, ours: int, theirs: int) -> int:
        """What a receiver makes of two bytes at once: dominant zeros, and edges in the wrong place."""
        return (ours & theirs) ^ self._random.randrange(1, 256)

    def arriving(self, data: bytes) -> bytes:
        """`data` with the noise of the line."""
        if not self._bits_wrong_permil:
            return data
        bits = 8 * len(data)
        if self._bits_to_error >= bits:
            self._bits_to_error -= bits
            return data
        dirty = bytearray(data)
        while self._bits_to_error < bits:
            dirty[self._bits_to_error >> 3] ^= 1 << (self._bits_to_error & 7)
            self._bits_to_error += 1 + self._gap_bits()
        self._bits_to_error -= bits
        return bytes(dirty)

    def _gap_bits(self) -> int:
        """Good bits until the next wrong one."""
        return int(self._random.expovariate(self._bits_wrong_permil / 1000))
