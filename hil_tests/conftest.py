"""One fixture for all whole-station tests: `rig`, chosen by `--rig FILE` (see bench.py)."""

import pytest

from hil_tests.bench import Bench, read_rig_file


def pytest_addoption(parser):
    parser.addoption("--rig", default="rigs/emulated.toml", help="file of the rig to test on (rigs/emulated.toml)")


@pytest.fixture
def rig(request, tmp_path):
    """The rig, its line and boards running; `rig.station` adds broker, center and gateway."""
    bench = Bench(read_rig_file(request.config.getoption("--rig")), tmp_path)
    try:
        bench.start()
        yield bench
    finally:
        bench.close()
