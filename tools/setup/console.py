"""What the set-up says, and how it runs other programs: one line a step, everything they print in a log.

Rules of this file: talk goes to stderr; nothing runs without a limit of time; no program asks for input.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tools.failure import Failure

LOG_TAIL_LINES = 4
STEP_WIDTH = 60  # Results line up behind this many columns; 80 stays free of wrapping.
TICK_S = 1.0


def say(text: str) -> None:
    """Print one plain line."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def step(text: str) -> Iterator[None]:
    """Show `text` before a step begins and its time when it ends; on a terminal the seconds count up meanwhile."""
    begin_s = time.monotonic()
    ended = threading.Event()

    def tick() -> None:
        while not ended.wait(TICK_S):
            line = f"\r  {text:<{STEP_WIDTH}} {time.monotonic() - begin_s:6.0f} s"
            print(line, end="", file=sys.stderr, flush=True)

    live = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    print(f"  {text:<{STEP_WIDTH}} ", end="", file=sys.stderr, flush=True)
    ticker = threading.Thread(target=tick, name="set-up clock", daemon=True)
    if live:
        ticker.start()
    word = "FAIL"
    try:
        yield
        word = "ok"
    except KeyboardInterrupt:
        word = "stop"
        raise
    finally:
        ended.set()
        if live:
            ticker.join()
            print(f"\r  {text:<{STEP_WIDTH}} ", end="", file=sys.stderr)
        print(f"{word:<4} {time.monotonic() - begin_s:5.1f} s", file=sys.stderr, flush=True)


class Runner:
    """Runs programs and keeps what they print in one log file."""

    def __init__(self, log: Path) -> None:
        self.log = log

    def run(
        self, command: list[str], *, timeout_s: float, folder: Path | None = None, finish_when_stopped: bool = False
    ) -> None:
        """Run `command`; raise `ProgramFailed` when it fails or exceeds `timeout_s`.

        `finish_when_stopped` keeps Ctrl-C from the program and lets it end first: a package manager that is cut off
        leaves the system for somebody else to repair.
        """
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "PIP_NO_INPUT": "1"}
        environment.pop("PYTHONPATH", None)
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            log.flush()
            start = log.tell()
            try:
                program = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    cwd=folder,
                    start_new_session=finish_when_stopped,
                )
            except FileNotFoundError:
                raise ProgramFailed(command, "the program is not on this machine") from None
            try:
                code = program.wait(timeout_s)
            except subprocess.TimeoutExpired:
                program.kill()
                program.wait()
                raise ProgramFailed(command, f"no end after {timeout_s} s") from None
            except KeyboardInterrupt:
                if finish_when_stopped:
                    say("\nStopping; the system's package manager finishes its step first.")
                    program.wait(timeout_s)
                program.kill()
                program.wait()
                raise
        if code != 0:
            raise ProgramFailed(command, f"exit code {code}\n{self._tail(start)}")

    def _tail(self, start: int) -> str:
        with self.log.open("rb") as log:
            log.seek(start)
            lines = [line.strip() for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return "\n".join(lines[-LOG_TAIL_LINES:])


class ProgramFailed(Exception):
    """A program that the set-up needs did not do its work; `seen` holds its code and its last lines."""

    def __init__(self, command: list[str], seen: str) -> None:
        super().__init__(f"{' '.join(command)}: {seen}")
        self.command = command
        self.seen = seen

    def explained(self, what: str, likely: str, do: list[str], log: Path) -> Failure:
        """Return the five-part failure that a person reads."""
        return Failure(
            what,
            seen=f"$ {' '.join(self.command)}\n{self.seen}",
            likely=likely,
            do=[*do, f"everything it printed is in {log}"],
            state="the set-up is half done; the next start goes on where it stopped",
        )
