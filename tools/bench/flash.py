"""How long a flash takes, against its image's bytes alone on the line: the real esptool, the emulated ROM, paced.

The time is that of write and verify, with all that esptool asks and waits for; erasing costs nothing here, since the
emulated flash erases at once. Two measures: over the bytes of the image as a file, and, the stricter one, over those
that are sent, which are the image's without its blank sectors. The image has the application, twice, and in the place
of the interpreter random bytes, fewer than a real one has: what is not sent makes the ratio look worse, never better.
Behind it the board that now runs is provisioned, at its console's rate: all from the first word to the loader until the
board is ready with its settings is "flash plus provision".
"""

import hashlib
import random
import struct
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import boards
from tools.__main__ import main
from tools.bench.figures import Figure
from tools.bench.station import Plan
from tools.emulator.rom_board import CHAR_BITS, RomBoard
from tools.flash.esp32 import Session
from tools.flash.plan import plan
from tools.image.esp32 import BOOTLOADER_AT, TABLE_AT
from tools.image.files import content
from tools.image.make import Image, make
from tools.image.partitions import APP, DATA, FACTORY, Row, pack

ABOUT = "a flash at its baud rate, against its image's bytes alone on the line"
BAUDS = (115_200, 460_800)
LIMIT = 1.3
APP_BYTES = 100_000  # Of 1.64 MB: the ratio does not hang on it, the bench's time does.
BOARD = "esp32-rs485"
SEED = 6
NAME = "level"
STATION = f"""
[station]
id = "BENCH"
name = "bench"
time_zone = "UTC"

[center]
host = "127.0.0.1"

[spool]
path = "spool.db"
cap = "1 GiB"

[[bus]]
name = "main"
port = "/dev/ttyAMA1"
baud = 9600
framing = "8N1"
scan = "1 s"

[[bus.board]]
name = "{NAME}"
address = 11
type = "{BOARD}"
"""


def measure(plan_: Plan) -> list[Figure]:
    return [figure for baud in BAUDS for figure in _measure(plan_, baud)]


def _measure(plan_: Plan, baud: int) -> list[Figure]:
    image = _image()
    steps = plan(image, erase_log=True)
    sent, whole, both = [], [], []
    for run in range(1, min(plan_.repeat, 2) + 1):
        folder = plan_.folder / f"flash-{baud}-{run}"
        folder.mkdir(parents=True)
        with RomBoard(folder, paced=True, runs=True) as board:
            session = Session(str(board.port), "en", lambda done, total: None)
            all_began_s = time.monotonic()
            try:
                session.connect(image.board, stub=False, baud=baud)
                session.erase(steps)
                began_s = time.monotonic()
                session.write(steps)
                session.verify(image, erased_log=True)
                took_s = time.monotonic() - began_s
                session.start(with_settings=False)
            finally:
                session.close()
            _provision(folder, board)
            all_s = time.monotonic() - all_began_s
        sent.append(took_s * baud / (steps.sent_bytes * CHAR_BITS))
        whole.append(took_s * baud / (len(image.file) * CHAR_BITS))
        both.append(all_s * baud / (len(image.file) * CHAR_BITS))
        told = f"{took_s:.1f} s for {steps.sent_bytes:,} of {len(image.file):,} bytes, {all_s:.1f} s in all"
        plan_.tell(f"flash {baud} run {run}: {told}")
    note = f"{steps.sent_bytes:,} bytes, no stub"
    limit = LIMIT if baud == BAUDS[0] else None  # Faster lines wait for this machine, not for their bytes.
    return [
        Figure(f"flash over bytes sent, {baud} baud", "x", tuple(sent), limit, decimals=3, note=note),
        Figure(f"flash over the image, {baud} baud", "x", tuple(whole), LIMIT, decimals=3),
        Figure(f"flash, provision over image, {baud} baud", "x", tuple(both), LIMIT, decimals=3),
    ]


def _provision(folder: Path, board: RomBoard) -> None:
    """Give the board its settings, as a person would. RuntimeError if that fails."""
    station = folder / "station.toml"
    station.write_text(STATION, encoding="utf-8")
    with (folder / "provision.log").open("w") as log, redirect_stdout(log), redirect_stderr(log):
        code = main(["provision", NAME, "--station", str(station), "--port", str(board.port), "--yes"])
    if code:
        raise RuntimeError(f"provision ended with {code}; see {folder / 'provision.log'}")


def _image() -> Image:
    """An image of BOARD as large as APP_BYTES makes it."""
    program = random.Random(SEED).randbytes(APP_BYTES // 16 * 16)
    rows = [Row("factory", APP, FACTORY, 0x10000, 0x1F0000), Row("vfs", DATA, 0x81, 0x200000, 0x200000)]
    parts = [(BOOTLOADER_AT, _program(b"loader" * 3_000)), (TABLE_AT, pack(rows)), (0x10000, _program(program))]
    flash = bytearray(b"\xff" * (0x10000 + APP_BYTES + 4096))
    for at, data in parts:
        flash[at : at + len(data)] = data
    return make(boards.load_board(BOARD), bytes(flash[BOOTLOADER_AT:]), content("esp32", None).files)


def _program(data: bytes) -> bytes:
    """An ESP32's image of one segment."""
    body = bytes([0xE9, 1, 2, 0x20]) + bytes(19) + b"\x01" + struct.pack("<II", 0x4008_0000, len(data)) + data
    checksum = 0xEF
    for byte in data:
        checksum ^= byte
    body += bytes(15 - len(body) % 16) + bytes([checksum])
    return body + hashlib.sha256(body).digest()
