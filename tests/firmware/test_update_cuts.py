"""Power cuts at every flash operation of an update, under MicroPython and its LittleFS: old or new, never neither."""

import random
import re

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.firmware.board_process import TOP, micropython
from tools.firmware_build import script
from tools.release import pack, public_of

pytestmark = pytest.mark.long

SECRET = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
SCENARIO = TOP / "tests" / "firmware" / "update_cuts_scenario.py"
LIMIT_S = 120
BROKEN = {
    "entry": "holds half an application",  # A slot that is being filled has its main under its right name.
    "resume": "refused",  # What a cut left of a file is taken for all of it.
    "settle": "never runs",  # The order to install ends with a slot that holds no main.
}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    """Three small applications, the later the newer."""
    folder = tmp_path_factory.mktemp("packages")
    noise = random.Random(12)
    made = []
    for counter in (1, 2, 3):
        files = {
            "bank.mpy": noise.randbytes(100),
            "drivers/__init__.mpy": b"M",
            "drivers/pressure_420.mpy": noise.randbytes(4_796),
            "lib/wire/row.mpy": noise.randbytes(900),
            "main.mpy": noise.randbytes(5_000),
            "sampler.mpy": noise.randbytes(300),
        }
        made.append(folder / f"{counter}.rpu")
        made[-1].write_bytes(pack("posix", counter, (0, counter, 0), files, SECRET))
    return made


def cut(packages, broken=""):
    program = [script(SCENARIO), public_of(SECRET).hex(), *packages, broken]
    done = micropython("64m", *map(str, program), limit_s=LIMIT_S)
    failures = [line for line in done.stdout.splitlines() if line.startswith("FAIL")]
    numbers = re.search(r"cuts (\d+) operations (\d+) resumed (\d+)", done.stdout)
    return failures, [int(number) for number in numbers.groups()] if numbers else [], done.stderr


def test_the_power_may_fail_at_every_flash_operation_of_an_update(packages):
    failures, numbers, errors = cut(packages)
    assert failures == []
    assert numbers, errors
    cuts, operations, resumed = numbers
    print(f"\n{cuts} cuts at {operations} flash operations, {resumed} times gone on with what was there")
    assert operations > 50
    assert cuts > 4 * operations
    assert resumed > operations


@pytest.mark.parametrize("broken", BROKEN)
def test_an_update_with_a_planted_mistake_is_caught(packages, broken):
    failures, _, _ = cut(packages, broken)
    assert failures
    assert all(BROKEN[broken] in line for line in failures)
