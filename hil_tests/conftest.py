"""Fixtures of whole-station tests: `rig`, chosen by `--rig FILE` (bench.py), and `quick_rig`, which has many rows."""

import signal

import pytest

from hil_tests.bench import Bench, read_rig_file

# Whoever starts the tests in the background or under nohup ignores these, and so would every program that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

RIG_FILE = "rigs/emulated.toml"

QUICK_ROW_S = 2


def pytest_addoption(parser):
    parser.addoption("--rig", default=RIG_FILE, help=f"file of the rig to test on ({RIG_FILE})")


def pytest_itemcollected(item):
    """A station takes its time, and so does each board that is written or asked here."""
    item.add_marker("long")


@pytest.fixture
def rig(request, tmp_path):
    """The rig, its line and boards running; `rig.station` adds broker, center and gateway."""
    yield from started(request, tmp_path)


@pytest.fixture
def quick_rig(request, tmp_path):
    """The same with a row every QUICK_ROW_S seconds."""
    yield from started(request, tmp_path, QUICK_ROW_S)


def started(request, folder, row_s=0, usual=RIG_FILE, needs=(), update_key=""):
    """The rig that was asked for, started; `usual`: the one where none was. Skips where it has not what it `needs`.
    `row_s`, `update_key`: of Bench.
    """
    asked = request.config.getoption("--rig")
    file = read_rig_file(usual if asked == RIG_FILE else asked)
    if row_s and "short-rows" not in file.can:
        pytest.skip("this rig cannot do: short-rows")
    bench = Bench(file, folder, row_s, update_key)
    bench.need(*needs)
    try:
        bench.start()
        yield bench
    finally:
        bench.close()
