"""Runs pytest again and again in forks of one process, so that its imports are paid for once.

stdin: a line for each run, JSON [[test file, …], seconds of processor time]; stdout: a line of JSON for each,
[exit code (negative = signal), seconds of processor time].
It is started in a copy of the tree and imports nothing of it before it forks. A fork ends with the host.
"""

import ctypes
import json
import os
import resource
import signal
import sys

import cbor2  # noqa: F401 - like all of these: loaded once here, used by the tests in the forks
import hypothesis.stateful
import hypothesis.strategies  # noqa: F401
import msgspec  # noqa: F401
import pymodbus.framer
import pymodbus.pdu  # noqa: F401
import pytest
from hypothesis import Phase, settings

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
MEMORY_MAX_BYTES = 4 << 30  # A mutant may ask for memory without end.
OPTIONS = ("-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist")

# A failure need not be made small, and must not depend on luck.
settings.register_profile(
    "mutate", deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate]
)


class Profile:
    """A plugin that sets hypothesis at collection: behind tests/conftest.py, which loads a profile of its own."""

    def pytest_collection(self) -> None:
        settings.load_profile("mutate")


def end_with(host: int) -> None:
    """Let the kernel kill this fork when the process `host` is gone: nobody else would, the session is its own."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return  # Not Linux: the limit of processor time is then all there is.
    if os.getppid() != host:  # It died between fork and prctl.
        os._exit(1)


def run_and_exit(tests: list[str], limit_s: int, host: int) -> None:
    """The fork's part: pytest, silent, within its limits."""
    end_with(host)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX_BYTES, MEMORY_MAX_BYTES))
    used_s = int(sum(os.times()[:2]))  # Zero in a new fork; the limit counts from its start.
    resource.setrlimit(resource.RLIMIT_CPU, (used_s + limit_s, used_s + limit_s + 1))
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    code = 1
    try:
        code = int(pytest.main([*OPTIONS, *tests], plugins=[Profile()]))
    finally:
        os._exit(code)


def main() -> None:
    host = os.getpid()
    for line in sys.stdin:
        tests, limit_s = json.loads(line)
        pid = os.fork()
        if not pid:
            run_and_exit(tests, limit_s, host)
        _, status, usage = os.wait4(pid, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime]), flush=True)


if __name__ == "__main__":
    main()
