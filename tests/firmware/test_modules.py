"""Modules that are only there for a while: their memory comes back, each time, and they can be loaded again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from update import counter_in

from tests.firmware.board_process import micropython
from wire.package import CHIPS, COMING, COUNTER_MAX, ENTRY, MANIFEST, Manifest, head_of

LET_GO = """
import gc, sys
from modules import let_go

def live():
    gc.collect()
    return gc.mem_alloc()

for _ in range(4):
    for name in NAMES:
        __import__(name)
    loaded = live()
    let_go(*NAMES)
    there = [name for name in NAMES if name in sys.modules or hasattr(sys.modules["wire"], "package_rules")]
    print(loaded, live(), len(there))
"""
UPDATE = ("update_course", "update_files", "wire.package_rules", "wire.package_head", "wire.cbor", "sha512", "ed25519")


def test_the_memory_of_a_module_that_is_let_go_comes_back_each_time():
    done = micropython("512k", "-c", f"NAMES = {UPDATE}\n{LET_GO}")
    assert done.stderr == ""
    loaded, free, there = zip(*[map(int, line.split()) for line in done.stdout.splitlines()], strict=True)
    assert there == (0, 0, 0, 0)
    assert len(set(free[1:])) == 1  # Names that the first one brought stay.
    assert min(loaded) - max(free) > 12_000


HELD = """
import gc, sys
from modules import let_go

def live():
    gc.collect()
    return gc.mem_alloc()

import update_course
let_go("update_course")
before = live()
import update_course
held = update_course  # As by a number that looks like its address.
del update_course
loaded = live()
let_go("update_course")
print(loaded - before, live() - before)
"""


def test_of_a_module_that_something_still_points_at_a_shell_is_left():
    done = micropython("512k", "-c", HELD)
    assert done.stderr == ""
    whole, left = map(int, done.stdout.split())
    assert whole > 3_500
    assert left < 500


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("slot")


@given(st.sampled_from(CHIPS), st.integers(1, COUNTER_MAX), st.sampled_from([MANIFEST, COMING]))
def test_the_counter_of_an_application_is_read_without_its_manifest(folder, chip, counter, name):
    for old in folder.iterdir():
        old.unlink()
    head = head_of(Manifest(chip, counter, (0, 2, 0), [(ENTRY, 9, bytes(32))]))
    (folder / name).write_bytes(head + bytes(64))
    assert counter_in(str(folder)) == counter


@pytest.mark.parametrize("content", [None, b"", b"RPU1", b"RPU2" + bytes(60), b"\xff" * 60, b"RPU1" + b"\xff" * 60])
def test_what_is_no_manifest_has_no_counter(tmp_path, content):
    if content is not None:
        (tmp_path / MANIFEST).write_bytes(content)
    assert counter_in(str(tmp_path)) == 0
