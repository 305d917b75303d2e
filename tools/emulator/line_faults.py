"""What goes wrong on a line: cut cables, noise, answers cut short, foreign numbers, a second device, garbage, no bias,
reflections.

Rules of this file: no clock and no files; every chance comes from a seed, so that a run can be had again.

A pair without bias rests near 0 V, where a receiver without a fail-safe threshold shows anything: short dips to space
that a UART takes for start bits, so that most such bytes end in ones, and often one right behind a frame, when its
driver lets go. How many come in a second differs from site to site and is a setting here.

A pair that is open at its end throws each edge back; the echo dies away within a few runs over the cable (10 ns for 2 m
of way), so it matters where half a bit is not much longer than that: `ring_us` is the time in which it falls to a
third, and a bit behind an edge is wrong with the probability exp(-(half a bit / ring)^2) / 2. The shape of that curve
is ours, not measured: what it shows is that errors come with rate and length, and none at 9600 baud.
"""

import math
import random
from collections import deque

from tools.emulator.rtu import is_whole, sealed

GARBAGE_BURST_MAX = 40  # bytes of one burst of garbage
GARBAGE_PAUSE_CHARS = 200  # longest pause between bursts: some exchanges come through, most do not
FRAMES_KEPT = 16  # frames heard, from which cut frames are made
FRAME_KEPT_MAX = 256
FLOATING = (b"\x00", b"\x80", b"\xe0", b"\xf0", b"\xf8", b"\xfc", b"\xfe", b"\xff", b"\xff", b"\xff")
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
        self.floating_per_s = 0.0
        self.ring_us = 0.0
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

    def floated(self) -> tuple[bytes, float]:
        """(a byte that nobody sent, seconds until the next)."""
        return self._random.choice(FLOATING), self._random.expovariate(self.floating_per_s)

    def tail(self) -> bytes:
        """What a pair without bias adds when a driver lets go; b"" = nothing."""
        if not self.floating_per_s or self._random.random() < 0.5:
            return b""
        return self._random.choice(FLOATING)

    def reflected(self, data: bytes, half_bit_us: float) -> bytes:
        """`data` as it arrives over a pair that throws its edges back."""
        wrong = math.exp(-((half_bit_us / self.ring_us) ** 2)) / 2
        dirty = bytearray(data)
        for at, byte in enumerate(data):
            before = 0  # the start bit
            for place in range(8):
                bit = byte >> place & 1
                if bit != before and self._random.random() < wrong:
                    dirty[at] ^= 1 << place
                before = bit
        return bytes(dirty)

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
