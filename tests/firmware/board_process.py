"""A board process for tests: firmware/ compiled, under a real MicroPython; its line is a pty, its world a socket."""

import contextlib
import json
import os
import pty
import select
import socket
import subprocess
import time
import tty
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient

from tools.firmware_build import BUILD, build
from tools.image.files import pack_twin

TOP = Path(__file__).resolve().parents[2]
INTERPRETER = TOP / ".cache" / "micropython" / "micropython"
LIMIT_S = 10
ADDRESS = 11
SERIAL = "00112233445566aa"
DEFINITION = "0123456789abcdef" * 4
BOARD = {
    "type": "esp32-rs485",
    "definition": DEFINITION,
    "link": {"kind": "rs485", "address": ADDRESS, "baud": 9600, "framing": "8N1"},
    "scan_ms": 1000,
    "row_s": 60,
    "log_blocks": 64,
    "sensors": [
        {
            "driver": "pressure_420",
            "adc": 0,
            "shunt_mohm": 100_000,
            "full_scale_mm": 10_000,
            "channels": ["head_mm"],
        },
        {"driver": "tipping_bucket", "counter": 0, "um_per_tip": 200, "debounce_ms": 50, "channels": ["rain_um"]},
        {"driver": "supply", "adc": 2, "ratio_permil": 11_000, "channels": ["supply_mv"]},
    ],
    "sl651": {"rain": 1, "level": 0, "level_zero_mm": 0},
}


def interpreter() -> str:
    """The MicroPython of the set-up; the test is skipped by name where there is none."""
    if not INTERPRETER.exists():
        pytest.skip("no MicroPython in .cache/micropython: ./riverpost puts one there")
    return str(INTERPRETER)


def micropython(heap: str, *program: str, limit_s: float = 30, said: str = "") -> "subprocess.CompletedProcess[str]":
    """What `program` ("-c" and a text, or a file and its arguments) came to beside the built firmware, in `heap` (128k)
    of memory; `said`: what it reads.
    """
    build()
    return subprocess.run(
        [interpreter(), "-X", f"heapsize={heap}", *program],
        input=said,
        env={**os.environ, "MICROPYPATH": f"{BUILD}:{BUILD / 'lib'}"},
        capture_output=True,
        text=True,
        timeout=limit_s,
        check=False,
        cwd=TOP,
    )


class BoardProcess:
    """One board with flash and kept memory in `folder`; a context manager. `rate`: station seconds per real second,
    `net_rate` the same for the time of the network.
    """

    def __init__(self, folder: Path, rate: float = 1.0, net_rate: float = 1.0, **changes) -> None:
        self.folder = folder
        self.rate = rate
        self.net_rate = net_rate
        self.station_ms = 1_000
        self.woke_ms = 0  # When its sleep ended before this start, 0 = it did not sleep.
        self._set_us = 0  # When that was so; 0 = the clock has not begun.
        self.world: dict = {"adc": {"0": 1_200_000, "2": 1_100_000}}
        self.rows: list[list[int]] = []
        self.made_ms: list[int] = []  # When that was, by the station's clock.
        self.line, self._board_end = pty.openpty()
        tty.setraw(self._board_end)
        os.set_blocking(self.line, False)
        self.port = os.ttyname(self._board_end)
        self.configure({**BOARD, **changes})
        self.process: subprocess.Popen | None = None

    def __enter__(self) -> "BoardProcess":
        self.start()
        return self

    def __exit__(self, *_) -> None:
        self.stop()
        os.close(self.line)
        os.close(self._board_end)

    def configure(self, definition: dict) -> None:
        """Its board.json, in both copies."""
        for copy, seq in (("board.0", 1), ("board.1", 2)):
            (self.folder / copy).write_bytes(pack_twin(seq, json.dumps(definition).encode()))

    def start(self) -> None:
        build()
        self._control, board_end = socket.socketpair()
        board_end.setblocking(False)
        self._received = b""
        files = [str(self.folder / "flash"), str(self.folder / "keep")]
        numbers = [str(self.line), str(board_end.fileno())]
        self.process = subprocess.Popen(
            [interpreter(), "-X", "heapsize=512k", "-m", "main"] + [str(self.folder), *numbers, *files, SERIAL],
            pass_fds=(self.line, board_end.fileno()),
            env={**os.environ, "MICROPYPATH": f"{BUILD}:{BUILD / 'lib'}"},
            stdout=(console := (self.folder / "console").open("wb")),
            stderr=console,
        )
        board_end.close()
        if self.woke_ms:
            self.send({"woke": self.woke_ms})
            self.woke_ms = 0
        self.set_rate(self.rate)
        self.send({"net_rate": round(self.net_rate * 1000)})
        self.send(self.world)
        ready = self.expect("ready")
        self.boot, self.epoch = ready["boot"], ready["epoch"]

    def stop(self) -> None:
        if self.process is None:
            return
        self._control.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(LIMIT_S)
        self.process = None

    def sleep_through(self, limit_s: float = LIMIT_S, drift_ppm: int = 0, power_fails: bool = False) -> int:
        """Wait until it sleeps, and let the station's time pass until it has woken; how many ms it wanted to sleep.

        `drift_ppm`: so much longer than it wanted. `power_fails`: what it kept is gone at its wake.
        """
        while True:
            message = self._message(limit_s)
            if "sleep" in message:
                break
        assert self.wait_exit() == (12, "")
        self.station_ms = message["at"] + message["sleep"] + message["sleep"] * drift_ppm // 1_000_000
        self._set_us = 0
        if power_fails:
            (self.folder / "keep").unlink()
        self.woke_ms = self.station_ms
        self.start()
        return message["sleep"]

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.wait_exit()

    def wait_exit(self) -> tuple[int, str]:
        """Exit code and what was printed."""
        assert self.process is not None
        code = self.process.wait(LIMIT_S)
        with contextlib.suppress(TimeoutError):
            while self._message(0.0):  # Rows that were reported before the end still count.
                pass
        self._control.close()
        self.process = None
        return code, self._errors()

    def set_rate(self, rate: float) -> None:
        now_us = time.monotonic_ns() // 1000
        self.station_ms = round(self.now_ms(now_us))
        self.rate = rate
        self._set_us = now_us
        self.send({"clock": [self.station_ms, now_us, round(rate * 1000)]})

    def now_ms(self, now_us: int = 0) -> float:
        """The station's clock, at `now_us` of the machine's where that is given."""
        if not self._set_us:
            return self.station_ms
        return self.station_ms + ((now_us or time.monotonic_ns() // 1000) - self._set_us) * self.rate / 1000

    def send(self, message: dict) -> None:
        self._control.sendall(json.dumps(message).encode() + b"\n")

    def expect(self, key: str) -> dict:
        """The next message with `key`; rows on the way are kept in `rows`. TimeoutError after LIMIT_S."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            message = self._message(deadline - time.monotonic())
            if key in message:
                return message[key]
            assert "error" not in message, message

    def expect_rows(self, count: int) -> list[list[int]]:
        while len(self.rows) < count:
            self.expect("row")
        return self.rows

    def stats(self) -> dict:
        self.send({"ask": "stats"})
        return self.expect("stats")

    def wait_for_scans(self, count: int) -> None:
        """Until the board has made `count` further scans."""
        wanted = self.stats()["scans"] + count
        while self.stats()["scans"] < wanted:
            pass

    @contextlib.contextmanager
    def client(self, timeout_s: float = 1.0):
        """pymodbus at the other end of the line."""
        client = ModbusSerialClient(self.port, baudrate=115_200, timeout=timeout_s, retries=0)
        assert client.connect()
        try:
            yield client
        finally:
            client.close()

    def _message(self, limit_s: float) -> dict:
        while b"\n" not in self._received:
            ready, _, _ = select.select([self._control], [], [], max(0.0, limit_s))
            chunk = self._control.recv(65_536) if ready else b""
            if not chunk:
                raise TimeoutError("the board says nothing more: " + self._errors())
            self._received += chunk
        line, _, self._received = self._received.partition(b"\n")
        message = json.loads(line)
        if "row" in message:
            self.rows.append(message["row"])
            self.made_ms.append(message["at"])
        return message

    def _errors(self) -> str:
        return (self.folder / "console").read_text()
