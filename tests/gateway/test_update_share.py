"""What an update takes of a line: never an alarm poll's time, and of the gaps no more than its share."""

from itertools import pairwise

import pytest

from gateway.bus_link import Work
from gateway.update_bus import PART, RELENT_US, Share
from tests.gateway.fake_update import package
from tests.gateway.update_rig import FLASH_US, UpdateRig, run


def looks(rig: UpdateRig, address: int) -> list[int]:
    """When the now-values of a board were asked for, us."""
    return [at for at, _, request in rig.line.asked if request[:4] == bytes((address, 3, 0, 4))]


@pytest.mark.parametrize(("boards", "baud", "scan_ms"), [(1, 9_600, 1_000), (6, 9_600, 1_000), (5, 19_200, 450)])
def test_no_alarm_poll_comes_later_than_without_an_update(tmp_path, boards, baud, scan_ms):
    names = tuple(f"b{n}" for n in range(boards))

    async def scenario(rig: UpdateRig):
        for board in rig.boards.values():
            board.log(40)
        rig.drop("b0", package(size=6_000))
        await rig.until(lambda: len(rig.boards["b0"].updates.chunks) >= 48)

    rig = run(tmp_path, scenario, *names, baud=baud, scan_ms=scan_ms)
    for board in rig.boards.values():
        apart_us = [after - before for before, after in pairwise(looks(rig, board.address))]
        assert max(apart_us) <= scan_ms * 1_000 + 2  # The clock's own microseconds.
    assert rig.poller.scans_skipped == 0


def test_flash_that_takes_longer_than_before_makes_one_scan_late_and_is_known_then(tmp_path):
    slow_us = 200_000

    async def scenario(rig: UpdateRig):
        rig.drop("b0", package(size=6_000))
        await rig.until(lambda: len(rig.boards["b0"].updates.chunks) >= 10)
        rig.line.flash_us = slow_us
        await rig.until(lambda: len(rig.boards["b0"].updates.chunks) >= 40)

    rig = run(tmp_path, scenario, "b0", "b1", "b2")
    apart_us = [after - before for before, after in pairwise(looks(rig, 11))]
    late = [apart for apart in apart_us if apart > 1_000_002]
    assert len(late) <= 1
    assert max(apart_us) < 1_000_000 + slow_us


def test_a_chunk_that_took_longer_than_a_whole_gap_holds_an_update_up_for_a_while_only(tmp_path):
    async def scenario(rig: UpdateRig):
        rig.drop("b0", package(size=6_000))
        await rig.until(lambda: len(rig.boards["b0"].updates.chunks) >= 10)
        rig.line.flash_us = 990_000
        await rig.until(lambda: len(rig.boards["b0"].updates.chunks) >= 12)  # The one under way goes as before.
        rig.line.flash_us = FLASH_US
        rig.kept = len(rig.line.asked)
        await rig.until(lambda: rig.boards["b0"].updates.state == 3, RELENT_US / 1e6 + 30)

    rig = run(tmp_path, scenario, "b0", "b1", "b2")
    first_us, last_us = (
        next(at for at, _, request in part if request[1] == 21)
        for part in (rig.line.asked[rig.kept :], reversed(rig.line.asked[: rig.kept]))
    )
    assert first_us - last_us > RELENT_US / 2


@pytest.mark.parametrize("same", [True, False])
def test_a_log_goes_before_an_update_but_leaves_it_its_share(tmp_path, same):
    async def scenario(rig: UpdateRig):
        logged = rig.boards["b0" if same else "b1"]
        logged.log(4_000)
        rig.drop("b0", package(size=20_000))
        await rig.until(lambda: rig.boards["b0"].updates.chunks)
        rig.kept = len(rig.line.asked)
        await rig.until(lambda: rig.store.watermark(logged.serial, logged.epoch) == 4_000)
        await rig.until(lambda: rig.boards["b0"].updates.chunks)

    rig = run(tmp_path, scenario, "b0", "b1")
    gaps = [
        (took_us, request[1]) for _, took_us, request in rig.line.asked[rig.kept :] if request[1:4] != b"\x03\x00\x04"
    ]
    chunks_us = sum(took_us for took_us, function in gaps if function == 21)
    others_us = sum(took_us for took_us, function in gaps if function != 21)
    assert 0.8 / PART < chunks_us / (chunks_us + others_us) < 1.25 / PART


def test_an_update_alone_takes_all_that_the_gaps_hold(tmp_path):
    async def scenario(rig: UpdateRig):
        rig.drop("b0", package(size=12_000))
        await rig.until(lambda: rig.boards["b0"].updates.state == 3)

    rig = run(tmp_path, scenario, "b0")
    times_us = [at for at, _, request in rig.line.asked if request[1] == 21]
    scans = (times_us[-1] - times_us[0]) / 1e6
    assert len(times_us) >= 2 * scans


def test_the_share_is_owed_by_what_the_others_took():
    share = Share()
    chunk, log = Work(300, None, update=True), Work(700, None)  # pyright: ignore[reportArgumentType]
    share.done(log, waiting=False)
    assert not share.is_due(chunk)
    for _ in range(2):
        share.done(log, waiting=True)
    assert not share.is_due(chunk)
    share.done(log, waiting=True)
    assert share.is_due(chunk)
    share.done(chunk, waiting=True)
    assert not share.is_due(chunk)
