"""The firmware alone: bytes that each class of board gets, memory that each type needs, time from request to answer.

Rules of this file: memory is the smallest heap in which a board comes up, scans and writes a row, found by halving, on
the interpreter that is most like a board's. Turnaround is taken by a client of our own at the master's end of a pty and
compared with a C program that sends back what it reads (`cat` of coreutils) on the same pty, in turns with it; the
client has one processor and its partner another, where there are two, since a master is not on the board's chip.

A board keeps the silence of t3.5 before it answers, which no echo does. So it is measured twice: as it is, and on a
clock so much faster that the silence is over before the answer is ready; only the second is held against the echo.
"""

import os
import select
import subprocess
import time
from pathlib import Path
from typing import Any

import boards
from tools import firmware_build
from tools.bare_metal import image
from tools.bare_metal.board import Board, flash_image
from tools.bench.figures import FAST_SILENCE_S, Figure, percentile
from tools.bench.lone_board import PRINTED, NotUp, Pty, interpreter, lone_board
from tools.bench.machine import Load, typical
from tools.bench.station import Plan
from tools.emulator.rtu import READ_INPUT, is_whole, sealed
from wire.registers import NOW, SLOTS, now_count

ABOUT = "bytes and memory of each kind of board; from request to answer, against an echo in C"
CLASS_KIB_MOST = 96.0
ECHO_TIMES_MOST = 5.0
KIB = 1_024
HEAP_KIB_LEAST, HEAP_KIB_MOST = 32, 512
FULL = ("level", "rain", "tilt", "smoke")  # Eight channels: as many as a row carries.
ADDRESS, BAUD, FRAMING = 11, 115_200, "8N1"
MEMORY_RATE = 20.0
HURRIED_RATE = 300.0  # t3.5 of 1,750 us is then over in 6; its watchdog bites after 27 ms.
EXCHANGES = 2_000
WARM_UP = 200
ASK = sealed(bytes((ADDRESS, READ_INPUT, NOW >> 8, NOW & 0xFF, 0, now_count(SLOTS))))
ANSWER_BYTES = 5 + 2 * now_count(SLOTS)
ANSWER_LIMIT_S = 5.0


def measure(plan: Plan) -> list[Figure]:
    firmware_build.build()
    program, bits = interpreter()
    plan.tell(f"interpreter of {bits} bits: {program}")
    return [*_sizes(), *_memory(plan, bits), *_turnaround(plan)]


def definition(board_type: str, scan_ms: int, row_s: int) -> dict[str, Any]:
    """board.json of a board with all that fits on it."""
    made = boards.board_json(board_type, ADDRESS, BAUD, FRAMING, None, fit=FULL)
    made["scan_ms"], made["row_s"] = scan_ms, row_s
    if board_type.endswith("wifi"):
        made["link"] = {"kind": "mqtt", "host": "127.0.0.1", "port": 9, "station": "BENCH01"}
    return made


def _sizes() -> list[Figure]:
    found, every = [], set()
    for name in firmware_build.HAL_OF:
        files = firmware_build.files_of(name)
        if name != "posix":  # Its hal stands where a chip would be.
            every |= set(files)
        note = f"{len(files)} files; " + ", ".join(f"{file.stem} {size}" for size, file in _largest(files))
        found.append(Figure(f".mpy of {name}", "KiB", (_kib(files),), CLASS_KIB_MOST, note=note))
    note = f"{len(every)} files of {len(firmware_build.build())}; the others are the gateway's and the rig's"
    return [*found, Figure(".mpy of both chips together", "KiB", (_kib(every),), CLASS_KIB_MOST, note=note)]


def _kib(files) -> float:
    return sum((firmware_build.BUILD / file).stat().st_size for file in files) / KIB


def _largest(files):
    return sorted((((firmware_build.BUILD / file).stat().st_size, file) for file in files), reverse=True)[:3]


def _memory(plan: Plan, bits: int) -> list[Figure]:
    found = []
    for board_type in boards.names("board"):
        least_kib = smallest_heap_kib(board_type, plan.folder / f"memory-{board_type}")
        plan.tell(f"{board_type}: comes up in {least_kib} KiB")
        note = f"least heap in which it starts, scans and writes a row; {bits} bits, unix port with its hal"
        found.append(Figure(f"import peak of {board_type}", "KiB", (least_kib,), decimals=0, note=note))
    free_kib = _free_on_chip_kib(plan.folder / "chip.bin")
    if free_kib:
        note = "the emulated chip, interpreter and hal as on the board"
        found.append(Figure("free heap of rp2040-rs485 when ready", "KiB", (free_kib,), decimals=0, note=note))
    return found


def _free_on_chip_kib(file: Path) -> float | None:
    """What the firmware leaves free on the emulated RP2040; None where its image was not made yet."""
    made = image.cached()
    if made is None:
        return None
    flash_image(made.image, definition("rp2040-rs485", scan_ms=1_000, row_s=60), file)
    board = Board(made.emulator, file)
    try:
        board.power()
        return board.start() / KIB
    finally:
        board.close()


def smallest_heap_kib(board_type: str, folder: Path) -> int:
    """KiB of the smallest heap in which a board of this type starts, scans and writes a row."""
    too_small, enough = HEAP_KIB_LEAST, HEAP_KIB_MOST
    if not comes_up(board_type, folder, enough):
        raise NotUp(f"{board_type} does not come up in {enough} KiB: {(folder / str(enough) / PRINTED).read_text()}")
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        if comes_up(board_type, folder, middle):
            enough = middle
        else:
            too_small = middle
    return enough


def comes_up(board_type: str, folder: Path, heap_kib: int) -> bool:
    """Does a board of this type start, scan and write a row in a heap of so many KiB?"""
    made = definition(board_type, scan_ms=1_000, row_s=2)
    line = None if made["link"]["kind"] == "mqtt" else Pty()
    try:
        with lone_board(folder / str(heap_kib), made, line, f"{heap_kib}k", MEMORY_RATE) as board:
            board.wait_for("row")
        return True
    except NotUp:
        return False
    finally:
        if line:
            line.close()


def _turnaround(plan: Plan) -> list[Figure]:
    echo, silent, hurried, loads = [], [], [], []
    line = Pty()
    processors = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(processors)})
        for run in range(1, plan.repeat + 1):
            begun = Load()
            other = max(processors)
            echo.append(_echo_us(line, other))
            silent.append(_board_us(line, plan.folder / f"silent-{run}", 1.0, other, EXCHANGES // 4))
            hurried.append(_board_us(line, plan.folder / f"hurried-{run}", HURRIED_RATE, other, EXCHANGES))
            loads.append(begun.end())
            plan.tell(f"turnaround run {run}/{plan.repeat}: {hurried[-1][0]:.0f} us, echo {echo[-1][0]:.0f} us")
    finally:
        os.sched_setaffinity(0, processors)
        line.close()

    def both(name: str, runs: list[tuple[float, float]], note: str = "") -> list[Figure]:
        middle, tail = zip(*runs, strict=True)
        return [
            Figure(f"{name}, p50", "us", middle, decimals=0, note=note),
            Figure(f"{name}, p99", "us", tail, decimals=0),
        ]

    times = tuple(board[0] / back[0] for board, back in zip(hurried, echo, strict=True))
    silence_us = FAST_SILENCE_S * 1e6
    return [
        *both("echo in C on the same pty", echo, typical(loads).words()),
        *both(f"answer of {now_count(SLOTS)} registers", silent, f"{BAUD} baud: {silence_us:.0f} us of it are t3.5"),
        *both("the same, the silence already over", hurried, f"clock x {HURRIED_RATE:.0f}"),
        Figure("answer without silence against the echo, p50", "x", times, ECHO_TIMES_MOST),
    ]


def _echo_us(line: Pty, processor: int) -> tuple[float, float]:
    with subprocess.Popen(["cat"], stdin=line.board_end, stdout=line.board_end) as echo:
        try:
            os.sched_setaffinity(echo.pid, {processor})
            return _exchanges_us(line, len(ASK), EXCHANGES)
        finally:
            echo.kill()


def _board_us(line: Pty, folder: Path, rate: float, processor: int, count: int) -> tuple[float, float]:
    """A scan at the start, then none: its work is not the answer's."""
    with lone_board(folder, definition("esp32-rs485", 60_000, 3_600), line, f"{HEAP_KIB_MOST}k", rate) as board:
        os.sched_setaffinity(board.pid, {processor})
        return _exchanges_us(line, ANSWER_BYTES, count)


def _exchanges_us(line: Pty, size: int, count: int) -> tuple[float, float]:
    """(p50, p99) in microseconds from the request's writing to the last byte of an answer of `size` bytes.

    NotUp for another answer, or none within ANSWER_LIMIT_S.
    """
    took_us = []
    for number in range(WARM_UP + count):
        begin_ns = time.perf_counter_ns()
        os.write(line.master, ASK)
        answer = b""
        while len(answer) < size and select.select([line.master], [], [], ANSWER_LIMIT_S)[0]:
            answer += os.read(line.master, 512)
        if number >= WARM_UP:
            took_us.append((time.perf_counter_ns() - begin_ns) / 1_000)
        if len(answer) != size or not is_whole(answer):
            raise NotUp(f"{answer.hex()} is no answer of {size} bytes to {ASK.hex()}")
    return percentile(took_us, 50), percentile(took_us, 99)
