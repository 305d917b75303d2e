"""What a UART makes of characters that were sent at another rate or framing, or over a pair whose wires are exchanged.

Rules of this file: pure; bit by bit, in whole nanoseconds. A receiver waits for an edge from mark to space, looks again
half a bit later, then samples each bit once in its middle and of the stop bits only the first. A character whose stop
bit is space is handed over all the same, as Linux's serial core does without INPCK and PARMRK; one that is space from
end to end is a break and arrives as one 0x00.

Source: the receivers of the 16550 (PC16550D data sheet, 8.0 "line status register") and of the STM32 USARTs (RM0008,
27.3.3). Not shown: oversampling by majority, slow edges, receivers that drop a character with a framing error.
"""

from typing import NamedTuple

MARK, SPACE = 1, 0
BITS = 8
NS = 1_000_000_000


class Setting(NamedTuple):
    """How a port is set; `framing` as in station.toml."""

    baud: int
    framing: str

    @property
    def parity(self) -> str:
        return self.framing[1]

    @property
    def bits(self) -> int:
        """Of a character, start and stop bits included."""
        return 1 + BITS + (self.parity != "N") + int(self.framing[2])


class Taken(NamedTuple):
    """What a receiver handed over: the bytes, and how many of them had which error."""

    data: bytes
    framing_errors: int = 0
    parity_errors: int = 0
    breaks: int = 0


def levels(data: bytes, setting: Setting) -> list[int]:
    """The line, bit by bit, while `data` is sent back to back."""
    line = []
    for byte in data:
        bits = [byte >> place & 1 for place in range(BITS)]
        line += [SPACE, *bits]
        if setting.parity != "N":
            line.append(sum(bits) & 1 ^ (setting.parity == "O"))
        line += [MARK] * int(setting.framing[2])
    return line


def taken(data: bytes, said: Setting, heard: Setting, inverted: bool = False, rest: int = MARK) -> Taken:
    """What a port that is set to `heard` makes of `data`, sent with `said`.

    `inverted`: the wires are exchanged between the two. `rest`: what the receiver sees while nobody sends.
    """
    if said == heard and not inverted and rest == MARK:
        return Taken(data)
    line = [bit ^ inverted for bit in levels(data, said)]
    return _Receiver(line, NS / said.baud, heard, rest).run()


class _Receiver:
    def __init__(self, line: list[int], bit_ns: float, setting: Setting, rest: int) -> None:
        self._line = line
        self._rest = rest
        self._bit_ns = bit_ns
        self._setting = setting
        self._own_ns = NS / setting.baud

    def run(self) -> Taken:
        got = bytearray()
        framing = parity = breaks = 0
        at_ns = 0.0
        while (start_ns := self._edge(at_ns)) is not None:
            if self._level(start_ns + self._own_ns / 2) != SPACE:
                at_ns = start_ns + self._own_ns / 2
                continue
            bits = [self._level(start_ns + (1.5 + place) * self._own_ns) for place in range(BITS)]
            has_parity = self._setting.parity != "N"
            check = self._level(start_ns + (1.5 + BITS) * self._own_ns) if has_parity else SPACE
            at_ns = start_ns + (1.5 + BITS + has_parity) * self._own_ns
            got.append(sum(bit << place for place, bit in enumerate(bits)))
            if self._level(at_ns) == SPACE:
                is_break = not any(bits) and check == SPACE
                breaks += is_break
                framing += not is_break
            elif has_parity:
                parity += check != sum(bits) & 1 ^ (self._setting.parity == "O")
        return Taken(bytes(got), framing, parity, breaks)

    def _level(self, at_ns: float) -> int:
        place = int(at_ns // self._bit_ns)
        return self._line[place] if 0 <= place < len(self._line) else self._rest

    def _edge(self, after_ns: float) -> float | None:
        """The first change from mark to space behind `after_ns`; None = none comes.

        Where the line is space at once, it first has to come back to mark; before `after_ns` 0 it rested.
        """
        place = int(after_ns // self._bit_ns)
        before = self._level(after_ns) if after_ns else self._rest
        if not after_ns:
            place -= 1
        for bit in range(place + 1, len(self._line) + 1):
            level = self._line[bit] if bit < len(self._line) else self._rest
            if before == MARK and level == SPACE:
                return bit * self._bit_ns
            before = level
        return None
