"""`./riverpost test --on-board PORT`: the contract tests of hil_tests/on_board on a real board, through its console.

Rules of this file: what will be done is said before anything is; the tests are read over the console and not stored;
whatever happens, the board is restarted into its own program at the end.
"""

import re
import subprocess
import sys
import threading
from pathlib import Path

from serial.tools import list_ports

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, Failure
from tools.firmware_build import script

FOLDER = Path(__file__).resolve().parents[1] / "hil_tests" / "on_board"
START = "on_chip"
RUN_LIMIT_S = 300
RESTART_LIMIT_S = 30
TAIL_LINES = 6
TOTAL = re.compile(r"^ran (\d+), failed (\d+), skipped (\d+)", re.MULTILINE)
PLAN = """On {port}:
  1  its program is stopped; the station gets nothing from it meanwhile, about a minute
  2  {count} files of tests are read over the console, not stored; they use the board's own firmware
  3  written are: blank blocks of its log, which are erased again; a file contract-test, which is removed; kept memory,
     which is put back. Configuration, slots and rows stay as they are
  4  it is restarted
"""


def run(port: str) -> int:
    """Run them; 0: every contract is kept, 1: one is not. `Failure` without a board of ours at `port`."""
    print(PLAN.format(port=port, count=len(list(FOLDER.glob("test_*.py")))), flush=True)
    try:
        folder = script(FOLDER / f"{START}.py", *FOLDER.glob("*.py")).parent
        code, printed = _mpremote(port, ["mount", str(folder), "exec", f"import {START}"], RUN_LIMIT_S)
    finally:
        # Not if it was never there: then this fails as quickly, and the first failure is told.
        restarted, _ = _mpremote(port, ["resume", "reset"], RESTART_LIMIT_S, quiet=True)
    total = TOTAL.search(printed)
    if total is None:
        raise _failure(port, code, printed)
    if restarted:
        print(f"{port} was not restarted; its watchdog does that within 8 s")
    ran, failed, skipped = map(int, total.groups())
    if not ran or failed:
        print(f"look  {failed} of {ran} contracts are not kept.   Next: ./riverpost test --on-board {port}")
        return EXIT_NOT_RIGHT
    print(f"ok  {ran - skipped} contracts kept, {skipped} not tried on this board")
    return EXIT_DONE


def _mpremote(port: str, words: list[str], limit_s: float, *, quiet: bool = False) -> tuple[int, str]:
    """Exit code and output of `mpremote connect port …`; the output is passed on as it comes."""
    program = subprocess.Popen(
        [sys.executable, "-m", "mpremote", "connect", port, *words],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    )
    watch = threading.Timer(limit_s, program.kill)
    watch.start()
    lines = []
    try:
        assert program.stdout
        for line in program.stdout:
            lines.append(line)
            if not quiet:
                print("  " + line.rstrip(), flush=True)
        return program.wait(), "".join(lines)
    finally:
        watch.cancel()
        program.kill()
        program.wait()


def _failure(port: str, code: int, printed: str) -> Failure:
    there = [found.device for found in list_ports.comports()]
    if "failed to access" in printed or "no device found" in printed:
        likely = "no board is connected there, or another program has the port"
    elif "no application of Riverpost" in printed:
        likely = "a board that was not provisioned yet"
    else:
        likely = "no MicroPython at the other end, or a cable that does not carry data"
    return Failure(
        f"The contract tests did not run to their end on {port}",
        seen="\n".join(printed.strip().splitlines()[-TAIL_LINES:]) or f"mpremote ended with {code} and said nothing",
        likely=likely,
        do=[
            f"the ports of this machine: {', '.join(there) or 'none'}",
            "look at cable and board, close what else talks to it",
            f"./riverpost test --on-board {port}",
        ],
        state="if there is a board, nothing on it was changed; it starts its own program by itself within 8 s",
    )
