"""For tests of updates: packages, and a board with slots in a folder, in this process."""

import random
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from slots import Slots
from update import Update
from update_files import FLUSH_BYTES

from tests.firmware.fake_hal import FakeHal
from tools.release import pack, public_of
from wire.package import ENTRY
from wire.registers import UPDATE_CHUNK, UPDATE_STATE

SECRET = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
CHIP = "rp2040"
COUNTER = 7
TURNS_MAX = 10_000
NOISE = random.Random(21)
FILES = {
    "bank.mpy": NOISE.randbytes(100),
    "drivers/__init__.mpy": b"M",
    "drivers/pressure_420.mpy": NOISE.randbytes(2 * FLUSH_BYTES + 300),
    "lib/wire/row.mpy": NOISE.randbytes(FLUSH_BYTES),
    ENTRY: NOISE.randbytes(700),
}
OLD = {ENTRY: b"old main", "bank.mpy": b"old bank", "drivers/gone.mpy": b"old driver"}


class Hal(FakeHal):
    def ticks_ms(self) -> int:
        self.now += 1  # Each look at the clock takes a while, so that work is cut into turns.
        return super().ticks_ms()


class Registers:
    """The bank, as far as an update tells it anything."""

    def __init__(self) -> None:
        self.words: dict[int, int] = {}

    def put(self, register: int, value: int) -> None:
        self.words[register] = value

    put_long = put


class Board:
    """One board with slots in a folder; `restart` is a start from what lies there."""

    def __init__(self, root: Path, key: bytes = public_of(SECRET)) -> None:
        self.root = root
        self.key = key
        self.supply_good = True
        self.registers = Registers()
        self.bank: Any = self.registers
        for slot in ("safe", "a", "b"):
            for path, content in OLD.items():
                place = root / slot / path
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(content)
        self.restart()

    def restart(self, running: str = "a") -> None:
        self.slots = Slots(str(self.root), running)
        self.update = Update(Hal(), self.slots, self.bank, self.key, CHIP, lambda: self.supply_good)

    def finish(self) -> int:
        """Turn the loop until nothing is under way; how many turns it took."""
        for turn in range(TURNS_MAX):
            if self.update.work() < 0:
                return turn
        raise AssertionError("it never ends")

    def send(self, package: bytes, chunk: int = UPDATE_CHUNK) -> int:
        """Send as a gateway does, from where the board says; the code of what was not taken."""
        for _ in range(TURNS_MAX):
            self.finish()
            at = self.update.offset
            code = self.update.take(at, package[at : at + chunk]) if at < len(package) else 0
            if code or at + chunk >= len(package):
                self.finish()
                return code
        raise AssertionError("it never ends")

    @property
    def state(self) -> tuple[int, int]:
        word = self.registers.words[UPDATE_STATE]
        return word & 0xFF, word >> 8

    def spare(self) -> dict[str, bytes]:
        folder = self.root / "b"
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def package_of(files=None, *, chip=CHIP, counter=COUNTER, secret=SECRET) -> bytes:
    return pack(chip, counter, (0, 2, 0), FILES if files is None else files, secret)


PACKAGE = package_of()
HEAD_END = len(PACKAGE) - sum(map(len, FILES.values()))
