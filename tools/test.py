"""`./riverpost test`: every gate that a change has to pass, in the order of what they cost; `--soak`: the long proofs;
`--bare-metal`: our firmware on the emulated chip; `--on-board PORT`: the contract tests on a real one.

One line for a gate that holds; a gate that does not is shown with all it says, and the others still run.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools import firmware_build, soak, wheel_check
from tools.bare_metal import image as bare_metal_image
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_WRONG_CALL, Failure

HELP = "run every check: style, types, builds, tests, whole stations"
TOP = Path(__file__).resolve().parents[1]
CHECK_LIMIT_S = 300
TESTS_LIMIT_S = 1_200
BARE_METAL_TEST_LIMIT_S = 1_200  # Fifty starts of an emulated chip: 340 s of a processor.
BARE_METAL_LIMIT_S = 4_800
STATIONS_LIMIT_S = 2400
ALONE_LIMIT_S = 900
STOP_LIMIT_S = 30
TEST_PROCESSES = 3  # One more than the smallest machine of ours has cores: many tests wait for a process or a line.
NAME_WIDTH = 44
# A chip's own files are checked with its stubs, all others with each chip's.
FIRMWARE_TYPES = {"esp32": "firmware/pyrightconfig.json", "rp2": "firmware/pyrightconfig-rp2.json"}


@dataclass(frozen=True)
class Gate:
    """One check. `run` returns a word about what it saw, or raises `Failure`; `live` ones print by themselves."""

    name: str
    about: str
    run: Callable[[], str]
    live: bool = False


def _quiet(command: list[str]) -> Callable[[], str]:
    """Return a gate's work that runs a module of .venv and shows its output only when it fails."""

    def work() -> str:
        answer = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=TOP,
            capture_output=True,
            text=True,
            timeout=CHECK_LIMIT_S,
            check=False,
        )
        if answer.returncode != 0:
            raise _not_right(command, answer.returncode, answer.stdout + answer.stderr)
        return ""

    return work


def _pytest(limit_s: int, *options: str) -> Callable[[], str]:
    """Return a gate's work that runs pytest with its output on the screen. No test at all is a failure too."""

    def work() -> str:
        command = ["pytest", "--no-header", *options]
        code = _run_live([sys.executable, "-m", *command], limit_s)
        if code != 0:
            raise _not_right(command, code, "it collected no test" if code == 5 else "its output is above")
        return ""

    return work


def _tests(limit_s: int, which: str, *folders: str) -> Callable[[], str]:
    """Return a gate's work: the tests in `folders` that are marked `long`, or those that are not, in some processes."""
    return _pytest(limit_s, "-n", str(TEST_PROCESSES), "--dist", "worksteal", "-m", which, *folders)


def _run_live(command: list[str], limit_s: float) -> int:
    """Run `command` on this screen. When it is stopped it gets time to end what it started: boards, broker, gateway."""
    program = subprocess.Popen(command, cwd=TOP)
    try:
        return program.wait(limit_s)
    except subprocess.TimeoutExpired:
        program.send_signal(signal.SIGINT)
        raise
    finally:
        # Ctrl-C reaches the program by itself: it is in the same group of the terminal.
        with contextlib.suppress(subprocess.TimeoutExpired):
            program.wait(STOP_LIMIT_S)
        program.kill()  # Without effect on a program that has ended.
        program.wait()


def _bare_metal_image() -> str:
    return str(bare_metal_image.provide().image.relative_to(TOP))


def _bare_metal() -> str:
    os.environ["RIVERPOST_BARE_METAL"] = "1"  # Without it these tests are not even collected.
    return _pytest(BARE_METAL_LIMIT_S, "-s", f"--timeout={BARE_METAL_TEST_LIMIT_S}", "hil_tests/bare_metal")()


def _not_right(command: list[str], code: int, seen: str) -> Failure:
    return Failure(
        f"{command[0]} ended with {code}",
        seen=seen.strip(),
        likely="the change that is being made",
        do=[f"to see it again: .venv/bin/python -m {' '.join(command)}"],
        exit_code=EXIT_NOT_RIGHT,
    )


def _firmware() -> str:
    files = firmware_build.build()
    return f"{len(files)} files, {sum(file.stat().st_size for file in files)} bytes"


def _firmware_types() -> str:
    missing = [port for port in FIRMWARE_TYPES if not (TOP / ".cache" / "typings" / port).is_dir()]
    if missing:
        raise Failure(
            "MicroPython's type stubs are missing",
            seen=f"no folder .cache/typings/{missing[0]}",
            likely="the checks were started without ./riverpost",
            do=["./riverpost test"],
            exit_code=EXIT_NOT_RIGHT,
        )
    for configuration in FIRMWARE_TYPES.values():
        _quiet(["pyright", "-p", configuration])()
    return ", ".join(FIRMWARE_TYPES)


GATES = [
    Gate("lint", "ruff check", _quiet(["ruff", "check", "--output-format=concise", "."])),
    Gate("format", "ruff format", _quiet(["ruff", "format", "--check", "--diff", "."])),
    Gate("types", "pyright, the host's side", _quiet(["pyright"])),
    Gate("firmware-types", "pyright, firmware with MicroPython's types", _firmware_types),
    Gate("firmware", "mpy-cross, every firmware file", _firmware),
    Gate("wheel", "the wheel holds all, and imports", wheel_check.check),
    Gate("tests", "pytest tests", _tests(TESTS_LIMIT_S, "not long", "tests"), live=True),
    # Those that wait most come first, the others fill the gaps.
    Gate(
        "stations",
        "pytest, emulated rig and long tests",
        _tests(STATIONS_LIMIT_S, "long and not alone", "hil_tests", "tests"),
        live=True,
    ),
    Gate(
        "alone", "pytest, what bears nothing beside it", _pytest(ALONE_LIMIT_S, "-m", "alone", "hil_tests"), live=True
    ),
]

# On an emulated RP2040: needs Node, a C compiler and cmake, so it is no part of what every change has to pass.
BARE_METAL_GATES = [
    Gate("bare-metal-image", "MicroPython for the RP2040, and its emulator", _bare_metal_image, live=True),
    Gate("bare-metal-board", "pytest hil_tests/bare_metal", _bare_metal, live=True),
]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which gates to run."""
    names = [gate.name for gate in GATES]
    parser.add_argument("--only", nargs="+", choices=names, metavar="GATE", help=f"some gates only: {', '.join(names)}")
    parser.add_argument("--soak", action="store_true", help="instead of the gates, the long proofs: nothing is lost")
    parser.add_argument("--bare-metal", action="store_true", help="instead of the gates, our firmware on an RP2040")
    parser.add_argument("--on-board", metavar="PORT", help="instead of the gates, the contract tests on a real board")
    parser.add_argument("--minutes", type=float, metavar="N", help=f"of the soak (default: {soak.MINUTES:.0f})")
    parser.add_argument("--seed", type=int, metavar="S", help="of the soak: the one that a failure named")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the soak's figures there")


def run(args: argparse.Namespace) -> int:
    """Run the gates one after another, or the soak; return 1 when any of them does not hold."""
    if args.soak:
        return soak.soak(soak.MINUTES if args.minutes is None else args.minutes, args.seed, args.json)
    stray = [f"--{name}" for name in ("minutes", "seed", "json") if getattr(args, name) is not None]
    if stray:
        raise Failure(
            f"{', '.join(stray)} belongs to the soak",
            seen="no --soak",
            likely="it was left out",
            do=[f"./riverpost test --soak {' '.join(stray)} ..."],
            exit_code=EXIT_WRONG_CALL,
        )
    if sum(map(bool, (args.bare_metal, args.only, args.on_board))) > 1:
        raise Failure(
            "--only names gates, --bare-metal and --on-board run others",
            seen="more than one of them",
            likely="one of them is meant",
            do=["./riverpost test --bare-metal"],
            exit_code=EXIT_WRONG_CALL,
        )
    if args.on_board:
        from tools import on_board  # Needs what only the set-up for tests installs.

        return on_board.run(args.on_board)
    gates = BARE_METAL_GATES if args.bare_metal else [g for g in GATES if not args.only or g.name in args.only]
    begin_s = time.monotonic()
    failed = [gate.name for number, gate in enumerate(gates, 1) if not _holds(gate, f"{number}/{len(gates)}")]
    print(f"\n{len(gates) - len(failed)} ok, {len(failed)} failed, {time.monotonic() - begin_s:.0f} s")
    if failed:
        print(f"Failed: {', '.join(failed)}.   Next: {again(next(gate for gate in gates if gate.name in failed))}")
        return EXIT_NOT_RIGHT
    return EXIT_DONE


def again(gate: Gate) -> str:
    """Return the command that runs `gate` again."""
    return "./riverpost test --bare-metal" if gate in BARE_METAL_GATES else f"./riverpost test --only {gate.name}"


def _holds(gate: Gate, number: str) -> bool:
    """Run one gate and print its line."""
    begin_s = time.monotonic()
    print(f"  {number} {gate.about:<{NAME_WIDTH}}", end="\n" if gate.live else " ", flush=True)
    note, failure = "", None
    try:
        note = gate.run()
    except Failure as error:
        failure = error
    except subprocess.TimeoutExpired as error:
        failure = Failure(
            "It did not come to an end",
            seen=str(error),
            likely="a test that waits for something that never comes",
            do=[again(gate)],
        )
    if gate.live:
        print(f"  {number} {gate.about:<{NAME_WIDTH}}", end=" ")
    print(f"{'FAIL' if failure else 'ok':<4} {time.monotonic() - begin_s:6.1f} s  {note}".rstrip(), flush=True)
    if failure:
        print(failure.text(), flush=True)
    return failure is None
