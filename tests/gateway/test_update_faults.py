"""Whatever happens on the way, an update ends with the whole package running, or with a reason that has a name."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.update_course import TRIED_STARTS
from gateway.words import UPDATE_REASONS
from tests.gateway.fake_update import package
from tests.gateway.update_rig import UpdateRig, run

pytestmark = pytest.mark.long

FAULTS = ("unheard", "spoiled", "busy", "beyond", "flash", "kill", "power cut", "forgetful power cut", "another")
STEPS = st.lists(st.tuples(st.sampled_from(FAULTS), st.integers(1, 40)), max_size=12)
CODES = {"busy": 6, "beyond": 3, "flash": 4}


async def strike(rig: UpdateRig, fault: str, length: int) -> None:
    """One fault, over `length` exchanges or seconds."""
    board = rig.boards["level"].updates
    if fault in ("unheard", "spoiled"):
        left = [length]

        def lose(_: bytes) -> str:
            left[0] -= 1
            return fault if left[0] >= 0 and rig.chance.randrange(2) else ""

        rig.line.fault = lose
    elif fault in CODES:
        board.code = CODES[fault]
        await rig.until(_passed(rig, length / 4))
        board.code = 0
    elif fault == "kill":
        await rig.kill()
        rig.start()
    elif fault == "another":
        if not board.trial:
            board.spare = bytearray(128 * length)  # Somebody else has sent to it.
            board.state = 1
    else:
        board.forgets = fault.startswith("forgetful")
        board.power_cut()


def _passed(rig: UpdateRig, wait_s: float):
    end_s = rig.loop.now_s + wait_s
    return lambda: rig.loop.now_s >= end_s


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 30), STEPS, st.booleans(), st.integers(2_000, 9_000))
def test_any_faults_end_with_the_whole_package_or_a_named_reason(seed, steps, broken, size):
    data = package(broken=broken, size=size)

    async def scenario(rig: UpdateRig) -> None:
        rig.chance.seed(seed)
        rig.drop("level", data)
        for fault, length in steps:
            await rig.until(_passed(rig, rig.chance.randrange(12_000) / 1_000))
            await strike(rig, fault, length)
        await rig.until(rig.ended, limit_s=90_000)

    with tempfile.TemporaryDirectory() as folder:
        rig = run(Path(folder), scenario)
        state, reason = rig.state(), rig.note()["reason"]
    board = rig.boards["level"].updates
    assert all(installed == data for installed in board.installed)
    cuts = sum(fault.endswith("power cut") for fault, _ in steps)
    unclear = cuts >= TRIED_STARTS  # Both after an order that it did not hear (decision 100).
    if not unclear and not {"another", "beyond"} & {fault for fault, _ in steps}:
        assert state == ("rolled back" if broken else "confirmed")
    if state == "confirmed":
        assert (board.counter, board.trial, broken) == (8, False, False)
    else:
        assert reason in UPDATE_REASONS
        assert board.counter == 7
    assert bool(board.installed) == (state != "refused") or (unclear and state == "rolled back")
