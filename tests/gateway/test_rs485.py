"""The poller's schedule: what it asks, when, and who has a place in the scan."""

import random

from tests.gateway.poll_rig import UNIX_MS, Rig, board, run
from wire.reading import FAIL, GOOD, MISSING, SUSPECT


def test_now_values_of_a_board_reach_the_station_with_their_time(tmp_path):
    async def scenario(rig: Rig):
        rig.boards["level"].values = [(-5, GOOD), (12_500, SUSPECT)]
        await rig.looks("level", 6)

    rig = run(tmp_path, (board("level", 11),), scenario)
    head, supply = rig.station.now["level"][-1]
    assert (head.column, head.value, head.quality) == (0, -5, GOOD)
    assert (supply.column, supply.value, supply.quality) == (1, 12_500, SUSPECT)
    assert 200 < head.age_ms < 300  # What the board said, and the time of the answer on the wire.
    times_ms = [values[0].mono_ms for values in rig.station.now["level"]]
    assert times_ms == sorted(times_ms)
    assert times_ms[-1] - times_ms[0] >= 4 * 1_000  # One scan apart, give or take one.
    assert abs((head.unix_ms - UNIX_MS) - (head.mono_ms - 1_000_000)) < 50


def test_values_without_meaning_never_pass_as_good_ones(tmp_path):
    async def scenario(rig: Rig):
        rig.boards["level"].values = [(-0x80000000, GOOD), (70_000, GOOD)]
        await rig.looks("level", 2)
        rig.boards["level"].codes.reverse()
        await rig.looks("level", 2)

    rig = run(tmp_path, (board("level", 11),), scenario)
    absent, beyond = rig.station.now["level"][1]
    assert (absent.value, absent.quality) == (None, MISSING)
    assert (beyond.value, beyond.quality) == (70_000, FAIL)
    assert all((value.value, value.quality) == (None, MISSING) for value in rig.station.now["level"][-1])
    assert rig.station.has(
        "sensor fault", "level", "its now-values are not head_mm, supply_mv; write its board.json again"
    )


def test_sources_with_alarms_are_asked_first(tmp_path):
    sources = (board("a", 11), board("b", 12), board("c", 13, alarmed=True))
    rig = run(tmp_path, sources, lambda rig: rig.looks("b", 3))
    looks = [request[0] for _, request in rig.fake.requests if request[1:4] == b"\x03\x00\x04"]
    assert looks[:6] == [13, 11, 12, 13, 11, 12]


def test_a_silent_device_is_lost_and_does_not_cost_the_others_their_schedule(tmp_path):
    sources = tuple(board(f"b{n}", n) for n in range(1, 9))

    async def scenario(rig: Rig):
        await rig.looks("b1", 2)
        del rig.fake.devices[8]
        await rig.station.until(lambda: rig.station.has("lost", "b8"))
        before = {f"b{n}": rig.station.looks(f"b{n}") for n in range(1, 9)}
        asked = len(rig.fake.asked(8))
        await rig.looks("b1", 20)
        rig.kept.seen = {name: rig.station.looks(name) - count for name, count in before.items()}
        rig.kept.probes = len(rig.fake.asked(8)) - asked
        rig.fake.devices[8] = rig.boards["b8"]
        await rig.station.until(lambda: rig.station.has("back", "b8"))

    rig = run(tmp_path, sources, scenario)
    assert rig.kept.seen.pop("b8") == 0
    assert min(rig.kept.seen.values()) >= 0.95 * 20
    assert 1 <= rig.kept.probes <= 6
    assert rig.poller.counters["no_answer"] >= 3
    assert rig.station.has("lost", "b8", "no answer")
    told = {source["name"]: source for source in rig.poller.sources()}
    gone = told.pop("b8")
    assert (gone["address"], gone["lost"]) == (8, False)
    assert gone["errors"]["no_answer"] >= 3
    assert not any(source["lost"] for source in told.values())
    assert min(source["looks"] for source in told.values()) >= 0.95 * 20 > gone["looks"]
    assert (
        sum(source["errors"].get("no_answer", 0) for source in rig.poller.sources())
        == (rig.poller.counters["no_answer"])
    )


def test_probes_of_a_silent_device_become_rare(tmp_path):
    async def scenario(rig: Rig):
        await rig.looks("level", 40)

    rig = run(tmp_path, (board("level", 11), board("gone", 12)), scenario, before=lambda rig: rig.fake.devices.pop(12))
    asked = [at_s for at_s, request in rig.fake.requests if request[0] == 12]
    assert 4 <= len(asked) <= 12
    apart = [after - before for before, after in zip(asked, asked[1:], strict=False)]
    assert apart[-1] > 3 * apart[0]


def test_an_answer_after_a_silence_is_not_believed_until_it_is_seen_to_be_the_asked_one(tmp_path):
    """The board answers each request when the next one comes: always whole, always of the wrong time."""
    stale: list[bytes] = []

    async def scenario(rig: Rig):
        real = rig.boards["level"]

        def laggard(request: bytes) -> bytes | None:
            stale.append(real(request) or b"")
            return stale[-2] if len(stale) > 1 else None

        await rig.looks("level", 3)
        await rig.looks("other", 2)
        real.values[0] = (9_999, GOOD)
        rig.fake.devices[11] = laggard
        rig.kept.count = rig.station.looks("level")
        await rig.looks("other", 12)

    rig = run(tmp_path, (board("level", 11), board("other", 12)), scenario)
    assert len(stale) > 3
    # One look was under way; from then on nothing that is an answer to an earlier request passes.
    assert rig.station.looks("level") <= rig.kept.count + 1
    assert rig.station.has("lost", "level")


def test_garbage_on_the_line_gives_no_value_and_stops_nothing(tmp_path):
    seeded = random.Random(7)

    async def scenario(rig: Rig):
        real = rig.boards["level"]

        def babble(request: bytes) -> bytes | None:
            answer = real(request) or b""
            choice = seeded.random()
            if choice < 0.3:
                return seeded.randbytes(seeded.randrange(1, 300))
            if choice < 0.6:
                return answer[: seeded.randrange(1, len(answer))]
            return seeded.randbytes(seeded.randrange(20)) + answer

        rig.fake.devices[11] = babble
        await rig.looks("level", 25)

    rig = run(tmp_path, (board("level", 11),), scenario, scan_ms=300)
    assert all(values[0].value in (1_000, None) for values in rig.station.now["level"])
    assert rig.poller.counters["crc"] + rig.poller.counters["truncated"] > 5


def test_a_lost_port_loses_every_source_and_is_opened_again(tmp_path):
    async def scenario(rig: Rig):
        await rig.looks("level", 2)
        rig.poller.line.close()
        await rig.station.until(lambda: rig.station.has("lost", "level"))
        await rig.station.until(lambda: rig.station.has("back", "level"))

    rig = run(tmp_path, (board("level", 11),), scenario)
    assert "is closed" in next(told[2] for told in rig.station.told if told[0] == "lost")
    assert rig.poller.counters["port"] == 1


def test_scans_that_do_not_fit_are_counted_as_skipped(tmp_path):
    sources = tuple(board(f"b{n}", n) for n in range(1, 5))
    rig = run(tmp_path, sources, lambda rig: rig.looks("b4", 8), scan_ms=20)
    assert rig.poller.scans_skipped > rig.poller.scans
    assert rig.poller.counters["overrun"] == rig.poller.scans_skipped
    assert rig.store.rows == {}
    assert 0 < rig.poller.bus_use_permil() <= 1_000
