"""What a board of ours says of itself: which application runs, how it has fared, how far a package has come.

Rules of this file: no port, no clock; the numbers are those of the status block (wire.registers), whatever way they
came. What a board has not said yet is None, never a number.
"""

from typing import Any, NamedTuple, Protocol

from wire.registers import ON_TRIAL, RUNS, RUNS_SAFE, STATUS, STATUS_BLOCK, field, find

STATUS_COUNT = STATUS_BLOCK[-1][0] + STATUS_BLOCK[-1][1] - STATUS
UNKNOWN = "unknown"  # A slot that this gateway does not know.


class Judge(Protocol):
    """Whoever tells of a fault: gateway.station.Station."""

    def on_fault(self, kind: str, source: str, detail: str) -> None: ...


class Identity(NamedTuple):
    """Who answers, from the status block."""

    serial: bytes
    epoch: int
    boot: int
    definition: str


class BoardStatus(NamedTuple):
    """One look at a board's status."""

    serial: bytes
    version: tuple[int, int, int]
    counter: int  # of the package that runs, 0 = none
    slot: str  # in RUNS, or UNKNOWN
    trial: bool
    boot: int
    offset: int  # bytes of a package that are there
    state: int  # UPDATE_IDLE ... of wire.registers
    reason: int  # why it is UPDATE_REFUSED: a key of wire.package.REASONS
    failed_starts: int | None = None
    last_words: str | None = None
    row_errors: int | None = None
    rows_withheld: int | None = None
    definition: str | None = None  # first 8 bytes of the SHA-256 of its board.json

    @property
    def version_text(self) -> str:
        return ".".join(map(str, self.version))

    def document(self) -> dict[str, Any]:
        """For the status: what a person asks of a board's firmware."""
        return {
            "serial": self.serial.hex(),
            "version": self.version_text,
            "version_counter": self.counter,
            "slot": self.slot,
            "trial": self.trial,
            "boot": self.boot,
            "failed_starts": self.failed_starts,
            "last_words": self.last_words,
            "row_errors": self.row_errors,
            "rows_withheld": self.rows_withheld,
            "definition": self.definition,
        }


def identity_of(words: list[int]) -> Identity:
    """Who answered with `words`, read from STATUS on."""
    definition = b"".join(word.to_bytes(2, "big") for word in words[6:10]).hex()
    return Identity(serial_of(words), field(words, STATUS, "log_epoch"), field(words, STATUS, "boot"), definition)


def serial_of(words: list[int]) -> bytes:
    """The chip's number at the beginning of the status block."""
    return b"".join(word.to_bytes(2, "big") for word in words[:4])


def read_status(words: list[int]) -> BoardStatus:
    """The status in `words`, read from STATUS on. ValueError where they are too few."""
    number = {name: field(words, STATUS, name) for _, _, name in STATUS_BLOCK}
    major_minor, state = number["version_major_minor"], number["update_state"]
    slot, trial = slot_of(number["slot"])
    register, count = find("last_words")
    said = b"".join(word.to_bytes(2, "big") for word in words[register - STATUS : register - STATUS + count])
    return BoardStatus(
        serial=serial_of(words),
        version=(major_minor >> 8, major_minor & 0xFF, number["version_patch"]),
        counter=number["version_counter"],
        slot=slot,
        trial=trial,
        boot=number["boot"],
        offset=number["update_offset"],
        state=state & 0xFF,
        reason=state >> 8,
        failed_starts=number["failed_starts"],
        last_words=printable(said),
        row_errors=number["row_errors"],
        rows_withheld=number["rows_withheld"],
        definition=identity_of(words).definition,
    )


def slot_of(register: int) -> tuple[str, bool]:
    """(slot, is it on trial?) of the register `slot`."""
    number = register & (ON_TRIAL - 1)
    return RUNS[number] if number < len(RUNS) else UNKNOWN, bool(register & ON_TRIAL)


def printable(said: bytes) -> str:
    """The ASCII text at the beginning of `said`; what is none shows as "?"."""
    return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in said.split(b"\0")[0])


def tell_health(judge: Judge, name: str, before: BoardStatus | None, now: BoardStatus) -> None:
    """A board in its safe application measures nothing: a fault at once, and again where it has started so again."""
    same = before is not None and (before.serial, before.boot, before.slot) == (now.serial, now.boot, now.slot)
    if now.slot == RUNS_SAFE and not same:
        judge.on_fault("sensor fault", name, f"runs its safe application: {now.last_words or 'no last words'}")
