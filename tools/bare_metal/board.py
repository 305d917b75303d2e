"""A board on the emulated RP2040: its flash is made, then it is ordered about through a process of Node.

Rules of this file: time passes on the board only while an order runs, except in `listening`; nothing here waits for
the wall clock, and no order takes longer than LIMIT_S.
"""

import contextlib
import json
import queue
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from boards.definition import canonical
from tools.failure import EXIT_WRONG_CALL, Failure
from tools.image import files

HERE = Path(__file__).resolve().parent
LOG_AT = 0x60000  # What the interpreter may reach to (firmware/hal/rp2_flash.py).
FILES_AT = 0xA0000  # As in the image RPI_PICO: 640 KiB for itself, the rest of 2 MiB for files.
FILES_BLOCKS = 352
START_MS = 15_000
READY = "ready "  # What firmware/hal/rp2.py says on the console.
LIMIT_S = 100
CLASS = "rp2040"


class Stopped(Exception):
    """The emulation ended or did not answer; the text says what it left."""


@dataclass(frozen=True)
class Answer:
    """What the line carried after a request, in nanoseconds of the board's time.

    `frame`: bytes the board sent, begun at `starts_ns`, over at `ends_ns`. `driven`: (level of the driver pin, time).
    """

    frame: bytes
    starts_ns: list[float]
    ends_ns: list[float]
    driven: list[tuple[int, float]]
    char_ns: float


def flash_image(
    interpreter_image: Path, definition: dict[str, Any], out: Path, changed: Mapping[str, bytes] | None = None
) -> None:
    """Write to `out` what a provisioned board holds: interpreter, application as /safe and /a, board.json.

    `changed`: files that are there besides, or are other than they should be. `Failure` for an interpreter that
    reaches into the log.
    """
    program = interpreter_image.read_bytes()
    if len(program) > LOG_AT:
        raise Failure(
            "This interpreter leaves no room for a board's log",
            seen=f"{interpreter_image.name} ends at {len(program):#x}, the log begins at {LOG_AT:#x}",
            likely="a newer or another image than the firmware was tried with",
            do=["take MicroPython's image RPI_PICO 1.25", "start again"],
            exit_code=EXIT_WRONG_CALL,
        )
    held = {**files.content(CLASS, canonical(definition)).files, **(changed or {})}
    packed = files.pack(CLASS, held, FILES_BLOCKS * files.BLOCK_BYTES)
    out.write_bytes(program + b"\xff" * (FILES_AT - len(program)) + packed)


class Board:
    """The board whose flash is the file `image`. `now_ms`: of its timer; `erases`, `programs`: of its flash."""

    def __init__(self, emulator: Path, image: Path, uart: int = 0, de: int | None = None) -> None:
        self.on = False
        self.now_ms = 0.0
        self.resets = 0
        self.erases = 0
        self.programs = 0
        self.console = ""
        self.console_port = 0  # While it is listening.
        pin = "-" if de is None else str(de)
        self._process = subprocess.Popen(
            ["node", HERE / "board.mjs", emulator, image, str(uart), pin],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answers: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, name="board answers", daemon=True).start()

    def power(self, start_ms: int = 0) -> None:
        """Switch on, with the chip's timer at `start_ms`; the flash is as it was left."""
        self._order("power", start_ms=start_ms)
        self.console = ""

    def start(self) -> int:
        """Let the program come up after `power`; bytes of its heap that are free then. `Stopped` if it does not."""
        console = self.run(START_MS, READY)
        found = re.search(READY + r".* heap (\d+)", console)
        if not found:
            raise Stopped(f"not ready after {START_MS} ms; console: {console}")
        return int(found[1])

    def run(self, ms: float, until: str = "") -> str:
        """Let `ms` pass, or less: until `until` stands on the console, which is returned."""
        self._order("run", ms=ms, until=until)
        return self.console

    def ask(self, request: bytes, limit_ms: int = 2_000) -> Answer:
        """Send `request` on the line and let time pass until its answer is over."""
        seen = self._order("ask", hex=request.hex(), limit_ms=limit_ms)
        driven = [(level, time_ns) for level, time_ns in seen["driven"]]
        return Answer(bytes.fromhex(seen["hex"]), seen["starts_ns"], seen["ends_ns"], driven, seen["char_ns"])

    def set_adc(self, **steps: int) -> None:
        """Steps of the converter (0..4095) by channel: c0=..."""
        self._order("adc", steps={name[1:]: value for name, value in steps.items()})

    def set_pin_at_start(self, pin: int, level: int) -> None:
        """What stands at `pin` when the board is switched on."""
        self._order("rest", pin=pin, level=level)

    def set_pin(self, pin: int, edges: list[tuple[int, int]]) -> None:
        """`edges`: (microseconds from now, level) at `pin`."""
        self._order("pin", pin=pin, edges=edges)

    def cut_power(self, ops: int, part_permil: int, of: str = "") -> None:
        """The power fails at the `ops`-th flash operation from now, `part_permil` of it done; 0 ops = never.

        `of`: "erase" or "program", if only those count.
        """
        self._order("cut", ops=ops, part_permil=part_permil, of=of)

    def dip(self) -> None:
        """The supply dips for a moment: the chip starts anew with the RAM that it had."""
        self._order("dip")

    def disturb(self, noise: bytes, wrong: bool = False, gap_us: int = 0) -> None:
        """`noise` comes on the line (`wrong`: with low stop bits, 0 = break), then silence for `gap_us`."""
        self._order("disturb", hex=noise.hex(), wrong=wrong, gap_us=gap_us)

    def deafen(self) -> None:
        """The UART's receiver gets stuck: it hears nothing until somebody sets the port up anew."""
        self._order("deafen")

    @contextlib.contextmanager
    def listening(self) -> Iterator[int]:
        """The board runs by the wall clock meanwhile, its line is at a TCP port of this machine, which is given.

        Its console is at `console_port`.
        """
        seen = self._order("listen")
        self.console_port = seen["console_port"]
        try:
            yield seen["port"]
        finally:
            self._order("stop")

    def close(self) -> None:
        if self._process.stdin:
            self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _order(self, what: str, **order: Any) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps({"do": what, **order}) + "\n")
        self._process.stdin.flush()
        try:
            seen = json.loads(self._answers.get(timeout=LIMIT_S))
        except (queue.Empty, ValueError) as error:
            raise Stopped(f"{what}: {error!r}; console: {self.console}") from None
        self.console = seen.get("console", self.console)
        if "error" in seen:
            raise Stopped(f"{what}: {seen['error']}; console: {self.console}")
        for name in ("on", "now_ms", "resets", "erases", "programs"):
            setattr(self, name, seen[name])
        return seen

    def _read(self) -> None:
        assert self._process.stdout
        for line in self._process.stdout:
            self._answers.put(line)
        self._answers.put("")
