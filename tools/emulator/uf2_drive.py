"""The drive of an RP2040 that waits for a program: a folder that takes a UF2 file and goes with its last block.

Rules of this file: a block is believed only whole, in its place and for this chip; sectors are blanked as pages come,
as the chip's ROM does. No line is shared with tools/image. `pull_after` ends it in the middle, as a pulled cable does.
Source: Raspberry Pi, "RP2040 Datasheet" 2.8.4.
"""

import shutil
import struct
import threading
from pathlib import Path

NAME = "RPI-RP2"
BLOCK, PAGE, SECTOR = 512, 256, 4096
FLASH_AT = 0x1000_0000
FAMILY = 0xE48B_FF56
LOOK_S = 0.01
WAIT_S = 5.0


class Uf2Drive:
    """A context manager; `folder` is the drive, `flash` what the chip holds. `board_id`: as INFO_UF2.TXT says it."""

    def __init__(self, parent: Path, flash_bytes: int, board_id: str = NAME) -> None:
        self.folder = parent / NAME
        self.flash = bytearray(b"\xff" * flash_bytes)
        self.board_id = board_id
        self.pull_after: int | None = None  # Blocks.
        self.started = False
        self.faults: list[str] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "Uf2Drive":
        self.plug()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.wait_gone()

    def plug(self) -> None:
        """With BOOTSEL held."""
        self.wait_gone()
        self._stop.clear()
        self.started = False
        self.folder.mkdir(parents=True)
        info = f"UF2 Bootloader v2.0\nModel: Raspberry Pi RP2\nBoard-ID: {self.board_id}\n"
        (self.folder / "INFO_UF2.TXT").write_text(info, encoding="ascii")
        self._thread = threading.Thread(target=self._run, name="emulated drive", daemon=True)
        self._thread.start()

    def wait_gone(self) -> None:
        """Wait until the drive is not there. AssertionError if it stays."""
        if self._thread is not None:
            self._thread.join(WAIT_S)
            assert not self._thread.is_alive(), "the drive stayed"
            self._thread = None

    def _run(self) -> None:
        done, count = 0, 0
        blanked: set[int] = set()
        while not self._stop.wait(LOOK_S):
            held = b"".join(file.read_bytes() for file in self.folder.glob("*.uf2"))
            for at in range(done * BLOCK, len(held) // BLOCK * BLOCK, BLOCK):
                if self.pull_after is not None and done >= self.pull_after:
                    break
                count = self._take(held[at : at + BLOCK], done, blanked)
                done += 1
            if (self.pull_after is not None and done >= self.pull_after) or (count and done == count):
                self.started = bool(count) and done == count
                break
        self.pull_after = None
        shutil.rmtree(self.folder)

    def _take(self, block: bytes, due: int, blanked: set[int]) -> int:
        """Write one block; how many there will be."""
        first, second, _, target, length, number, count, family = struct.unpack_from("<8I", block)
        good = (first, second, block[-4:]) == (0x0A32_4655, 0x9E5D_5157, struct.pack("<I", 0x0AB1_6F30))
        if not good or length != PAGE or number != due or family != FAMILY or target % PAGE:
            self.faults.append(f"block {due}")
            return count
        at = target - FLASH_AT
        sector = at // SECTOR * SECTOR
        if sector not in blanked:
            blanked.add(sector)
            self.flash[sector : sector + SECTOR] = b"\xff" * SECTOR
        self.flash[at : at + PAGE] = block[32 : 32 + PAGE]
        return count
