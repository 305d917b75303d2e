"""The pure modules under the interpreter that boards have: the same bytes, and no heap where none may be taken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WIRE = ROOT / "firmware" / "lib"
MICROPYTHON = ROOT / ".cache" / "micropython" / "micropython"

needs_micropython = pytest.mark.skipif(
    not MICROPYTHON.exists(), reason="no MicroPython at .cache/micropython/micropython: ./riverpost makes it"
)


def lines_of(*command: object) -> list[str]:
    done = subprocess.run(
        [str(part) for part in command],
        env={**os.environ, "PYTHONPATH": str(WIRE), "MICROPYPATH": str(WIRE)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@needs_micropython
def test_micropython_makes_the_bytes_that_cpython_makes():
    seed = 20_180_603
    ours = lines_of(sys.executable, HERE / "pure_run.py", seed)
    theirs = lines_of(MICROPYTHON, HERE / "pure_run.py", seed)
    assert theirs == ours
    assert len(ours) == 25 * 12
    assert not [line for line in ours if "do not come back" in line or line.startswith("packed")]
    assert len({line for line in ours if line.startswith(("rows", "cbor", "crc"))}) == 25 * 3


@needs_micropython
def test_the_receiver_takes_no_heap_however_many_requests_come():
    (line,) = lines_of(MICROPYTHON, HERE / "heap_run.py")
    one, hundred = map(int, line.split())
    assert one == hundred < 100
