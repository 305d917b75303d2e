"""Runs pytest again and again in forks of one process, so that its imports are paid for once.

stdin: a line for each run, JSON [[test file, …], seconds of processor time]; stdout: a line of JSON for each,
[exit code (negative = signal), seconds of processor time].
It is started in a copy of the tree and imports nothing of it before it forks.
"""

import json
import os
import resource
import sys

import cbor2  # noqa: F401 - like all of these: loaded once here, used by the tests in the forks
import hypothesis.stateful
import hypothesis.strategies  # noqa: F401
import msgspec  # noqa: F401
import pymodbus.framer
import pymodbus.pdu  # noqa: F401
import pytest
from hypothesis import Phase, settings

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


def run_and_exit(tests: list[str], limit_s: int) -> None:
    """The fork's part: pytest, silent, within its limits."""
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
    for line in sys.stdin:
        tests, limit_s = json.loads(line)
        pid = os.fork()
        if not pid:
            run_and_exit(tests, limit_s)
        _, status, usage = os.wait4(pid, 0)
        print(json.dumps([os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime]), flush=True)


if __name__ == "__main__":
    main()
