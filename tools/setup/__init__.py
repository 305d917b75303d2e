"""Make a checkout ready: what is missing comes from Debian and the Python package index, pinned.

Rules of this folder: standard library only, since it runs before anything is installed. Each step looks first and
does only what is missing, so that a run that was cut off is repaired by the next one.
"""

import argparse
import fcntl
import os
import time
from pathlib import Path

from tools.failure import EXIT_DONE, EXIT_STOPPED, EXIT_WRONG_CALL, Failure
from tools.setup import debian, interpreter
from tools.setup.console import Runner, say
from tools.setup.environment import Environment

HELP = "install what is missing (every start does it by itself)"
TOP = Path(__file__).resolve().parents[2]
LOCK_WAIT_S_MAX = 1800
LOCK_SAY_S = 10
LOCK_POLL_S = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the level; the key is what `./riverpost` computed."""
    parser.add_argument("--level", choices=["run", "test"], default="run", help="`test` adds what tests need")
    parser.add_argument("--key", default="", help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    """Prepare the checkout for `args.level`; return the exit code."""
    cache = TOP / ".cache"
    try:
        cache.mkdir(exist_ok=True)
        with (cache / "setup.lock").open("w") as lock:
            _run_alone(args, cache, waited=_take(lock))
    except PermissionError as error:
        raise _not_writable(error) from None
    except KeyboardInterrupt:
        say("\nStopped. Nothing needs to be put right by hand: the next start goes on from here.")
        return EXIT_STOPPED
    return EXIT_DONE


def _run_alone(args: argparse.Namespace, cache: Path, *, waited: bool) -> None:
    runner = Runner(cache / "setup.log")
    environment = Environment(TOP, runner)
    if waited and environment.stamped(args.level, args.key):
        return
    begin_s = time.monotonic()
    say("Setting Riverpost up in this folder; a later start skips this.")
    runner.log.write_text("", encoding="utf-8")
    _prepare(args.level, cache / "micropython", environment, runner)
    if args.key:
        environment.stamp(args.level, args.key)
    say(f"Set up in {time.monotonic() - begin_s:.0f} s.")


def _prepare(level: str, cache: Path, environment: Environment, runner: Runner) -> None:
    system = debian.this_system()
    has_micropython = interpreter.ready(cache) or interpreter.on_path() is not None
    missing, later = (debian.missing_packages(system, name, has_micropython) for name in (level, "test"))
    debian.install(missing, later, system, runner)
    interpreter.provide(cache, system, runner)
    if level == "test":
        interpreter.provide_small(cache.with_name(interpreter.SMALL), system, runner)
    environment.prepare(level)


def _take(lock) -> bool:
    """Wait until no other start is setting up here; return whether there was one."""
    begin_s = time.monotonic()
    said_s = -LOCK_SAY_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return said_s >= 0
        except BlockingIOError:
            waited_s = time.monotonic() - begin_s
        if waited_s > LOCK_WAIT_S_MAX:
            raise Failure(
                "Another start is setting up here and does not come to an end",
                seen=f"{lock.name} is held for more than {LOCK_WAIT_S_MAX} s",
                likely="a hanging download",
                do=["end the other riverpost", "start again"],
            )
        if waited_s - said_s >= LOCK_SAY_S:
            say(f"Another start is setting up here; waiting for it ({waited_s:.0f} s).")
            said_s = waited_s
        time.sleep(LOCK_POLL_S)


def _not_writable(error: PermissionError) -> Failure:
    """Return what a person reads whose checkout belongs to somebody else."""
    return Failure(
        "This checkout cannot be written to",
        seen=str(error),
        likely="it belongs to another user, for example root",
        do=[f"as root: chown -R {os.environ.get('USER', 'YOUR-NAME')} {TOP}", "start again"],
        exit_code=EXIT_WRONG_CALL,
    )
