"""A board process that starts as a real one does: from /main.py of a LittleFS in a flash that may be cut anywhere."""

import json
import os
import select
import socket
import subprocess
import time
from pathlib import Path

from tests.firmware.board_process import BOARD, SERIAL, interpreter
from tools.emulator.board_files import FILES_BLOCKS, START, WATCHDOG_LIMIT_S, ended_with, files_image
from tools.firmware_build import BUILD
from tools.image import files

LIMIT_S = 15
ROOT = "/flash"
POWER_CUT = 13
WIFI = {**BOARD, "link": {"kind": "mqtt", "host": "127.0.0.1", "port": 1, "station": "T"}}  # Nobody is there.


def held(image: bytes) -> dict[str, bytes]:
    """The files in a flash."""
    return files.unpack("posix", image.ljust(FILES_BLOCKS * files.BLOCK_BYTES, b"\xff"))


def packed(content: dict[str, bytes]) -> bytes:
    return files.pack("posix", content, FILES_BLOCKS * files.BLOCK_BYTES)


class StartedBoard:
    """Its flashes and kept memory lie in `folder`. `content`: its files; None = as they are flashed."""

    def __init__(self, folder: Path, content: dict[str, bytes] | None = None, rate: float = 50.0) -> None:
        self.folder = folder
        self.rate = rate
        self.watchdog_limit_s = WATCHDOG_LIMIT_S
        self.codes: list[int] = []
        image = files_image(WIFI) if content is None else packed(content)
        (folder / "files").write_bytes(image)

    def files(self) -> dict[str, bytes]:
        return held((self.folder / "files").read_bytes())

    def run(self, ask: str = "", cut: str = "-", power: bool = True, **message) -> dict:
        """One start until it is ready, and its stats; {} where it ended first. `power`: what was kept has gone."""
        if power:
            (self.folder / "keep").unlink(missing_ok=True)
        mine, its = socket.socketpair()
        its.setblocking(False)
        names = [str(self.folder / name) for name in ("flash", "keep")]
        words = [ROOT, "-", str(its.fileno()), *names, SERIAL, str(self.folder / "files"), str(FILES_BLOCKS), cut]
        words.append(str(self.watchdog_limit_s))
        with (self.folder / "console").open("ab") as console:
            process = subprocess.Popen(
                [interpreter(), "-X", "heapsize=512k", str(START), *words],
                pass_fds=(its.fileno(),),
                env={**os.environ, "MICROPYPATH": f"{BUILD}:{BUILD / 'lib'}"},
                stdout=console,
                stderr=console,
            )
        its.close()
        try:
            clock = {"clock": [1_000, time.monotonic_ns() // 1000, round(self.rate * 1000)]}
            for sent in (clock, {"adc": {"0": 1_200_000, "2": 1_100_000}}, message):
                mine.sendall(json.dumps(sent).encode() + b"\n")
            seen = self._hear(mine, "ready") and {"ready": True}
            if seen and ask:
                mine.sendall(json.dumps({"ask": ask}).encode() + b"\n")
                seen = self._hear(mine, "stats")
            if seen and message:
                self._hear(mine, "never")
        except (BrokenPipeError, ConnectionResetError):
            seen = {}
        finally:
            mine.close()
        try:
            self.codes.append(ended_with(process.wait(LIMIT_S), self.folder / "keep"))
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return seen or {}

    def slot(self, **how) -> str:
        """What one start runs; "" where it ended before it was ready."""
        return self.run("stats", **how).get("slot", "")

    def console(self) -> str:
        return (self.folder / "console").read_text()

    def _hear(self, control, key):
        end, heard = time.monotonic() + LIMIT_S, b""
        while time.monotonic() < end:
            if select.select([control], [], [], 0.1)[0]:
                chunk = control.recv(65_536)
                if not chunk:
                    return {}
                *lines, heard = (heard + chunk).split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    if key in message:
                        return message[key]
        raise TimeoutError(self.console())
