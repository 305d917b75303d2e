"""Boards of ours on the line: identity, log, clock, and two with one address."""

import struct

import pytest

from tests.gateway.fake_bus import FakeBoard, sealed
from tests.gateway.poll_rig import COLUMNS, DEFINITION, Rig, board, run
from wire.reading import GOOD, NEVER, SUSPECT


def test_log_rows_are_stored_and_acknowledged_only_after_their_commit(tmp_path):
    async def scenario(rig: Rig):
        level = rig.boards["level"]
        level.log(30)
        rig.store.gate.clear()
        await rig.looks("level", 6)
        rig.kept.early = list(level.acks)
        rig.store.gate.set()
        key = (level.serial, level.epoch)
        await rig.station.until(lambda: rig.store.watermark(*key) == 30)
        level.log(3)
        await rig.station.until(lambda: rig.store.watermark(*key) == 33)
        await rig.station.until(lambda: (level.epoch, 33, 0) in level.acks)

    rig = run(tmp_path, (board("level", 11),), scenario)
    level = rig.boards["level"]
    assert [ack for ack in rig.kept.early if len(ack) == 3] == []
    assert list(rig.store.rows[(level.serial, level.epoch)].values()) == level.rows
    assert rig.station.has("seen", "level", level.serial.hex(), str(level.epoch))


def test_rows_that_a_board_holds_no_more_are_told_to_the_store(tmp_path):
    def old_log(rig: Rig):
        rig.boards["level"].tail = 501
        rig.boards["level"].log(2)

    async def scenario(rig: Rig):
        level = rig.boards["level"]
        await rig.station.until(lambda: rig.store.watermark(level.serial, level.epoch) == 502)

    rig = run(tmp_path, (board("level", 11),), scenario, before=old_log)
    assert rig.store.lost == [(1, 500)]


def test_a_long_log_is_read_with_its_cursor_written_once(tmp_path):
    async def scenario(rig: Rig):
        level = rig.boards["level"]
        level.log(120)
        await rig.station.until(lambda: rig.store.watermark(level.serial, level.epoch) == 120)
        level.log(30)
        await rig.station.until(lambda: rig.store.watermark(level.serial, level.epoch) == 150)

    assert run(tmp_path, (board("level", 11),), scenario).boards["level"].cursors == [1]


@pytest.mark.parametrize("moved_by", [-7, 1_000])
def test_a_cursor_that_somebody_else_has_moved_loses_nothing(tmp_path, moved_by):
    async def scenario(rig: Rig):
        level = rig.boards["level"]
        level.log(20)
        key = (level.serial, level.epoch)
        await rig.station.until(lambda: rig.store.watermark(*key) == 20)
        level.cursor += moved_by
        level.log(3_000)
        await rig.station.until(lambda: rig.store.watermark(*key) >= 40)

    rig = run(tmp_path, (board("level", 11),), scenario)
    assert rig.store.lost == []
    assert rig.boards["level"].cursors == [1, 21]


def test_only_what_the_store_wants_is_read_and_what_it_wants_again_is_read_again(tmp_path):
    async def scenario(rig: Rig):
        level = rig.boards["level"]
        key = (level.serial, level.epoch)
        rig.store.rows[key] = {}
        level.log(40)
        rig.store.rows[key] = dict(enumerate(level.rows[:20], 1)) | dict(enumerate(level.rows[25:40], 26))
        await rig.station.until(lambda: rig.store.watermark(*key) == 40)
        rig.kept.first = list(level.cursors)
        del rig.store.rows[key][3]
        await rig.station.until(lambda: rig.store.watermark(*key) == 40)

    rig = run(tmp_path, (board("level", 11),), scenario)
    assert rig.kept.first == [21]
    assert rig.boards["level"].cursors == [21, 3]


def test_a_damaged_row_is_not_stored_and_read_again(tmp_path):
    async def scenario(rig: Rig):
        level = rig.boards["level"]
        level.log(2)
        whole = level.rows[1]
        level.rows[1] = whole[:-1] + bytes((whole[-1] ^ 1,))
        await rig.station.until(lambda: rig.poller.counters["row"] >= 2)
        rig.kept.between = rig.store.watermark(level.serial, level.epoch)
        level.rows[1] = whole
        await rig.station.until(lambda: rig.store.watermark(level.serial, level.epoch) == 2)

    assert run(tmp_path, (board("level", 11),), scenario).kept.between == 1


def test_the_clock_is_broadcast_and_read_back_and_sent_again_to_a_board_without_time(tmp_path):
    sent: list[tuple[bytes, int]] = []

    async def scenario(rig: Rig):
        level = rig.boards["level"]
        await rig.station.until(lambda: len(rig.fake.asked(0)) == 1)
        sent.append((rig.fake.asked(0)[0], rig.clock.unix_ms()))
        level.clock_s = rig.clock.unix_ms() // 1_000
        await rig.station.until(lambda: any(r[1:6] == b"\x03\x01\x20\x00\x04" for r in rig.fake.asked(11)))
        level.time_quality = NEVER
        await rig.station.until(lambda: len(rig.fake.asked(0)) == 2)

    rig = run(tmp_path, (board("level", 11),), scenario)
    request, now_ms = sent[0]
    register, count, _, unix_s, ms = struct.unpack(">HHBIH", request[2:13])
    assert (request[1], register, count) == (16, 0x0200, 3)
    assert 0 <= now_ms - (unix_s * 1_000 + ms) < 3_000
    # Nobody answers a broadcast, and that is no error; a busy machine may cost an answer elsewhere.
    assert rig.poller.counters["no_answer"] < len(rig.fake.asked(0))


def test_another_board_at_the_same_address_is_a_changed_source(tmp_path):
    async def scenario(rig: Rig):
        level = rig.boards["level"]
        await rig.station.until(lambda: rig.station.has("serial", "level", level.serial.hex()))
        level.serial = b"\x00\x00\x00\x00\x00\x00\x00\x63"
        level.scans = -9  # It has started anew.
        await rig.station.until(lambda: rig.station.has("source changed", "level"))
        await rig.station.until(lambda: rig.station.has("seen", "level", "0000000000000063"))

    rig = run(tmp_path, (board("level", 11),), scenario)
    assert rig.station.has("source changed", "level", "000000000000000b -> 0000000000000063")


def test_a_board_with_another_serial_than_the_configured_one_is_not_believed(tmp_path):
    sources = (board("level", 11, serial="00000000000000ff"), board("other", 12))
    rig = run(tmp_path, sources, lambda rig: rig.station.until(lambda: rig.station.has("lost", "level")))
    assert rig.station.looks("level") == 0
    assert rig.station.has("lost", "level", "board 000000000000000b answers instead of 00000000000000ff")


def test_a_board_with_another_definition_is_a_fault(tmp_path):
    def other(rig: Rig):
        rig.boards["level"].definition = b"\x01" * 8

    rig = run(
        tmp_path, (board("level", 11),), lambda r: r.station.until(lambda: r.station.has("sensor fault")), before=other
    )
    assert rig.station.has(
        "sensor fault", "level", f"runs board.json {'01' * 8}, station.toml means {'ab' * 8}; provision it again"
    )


def _garbled(answer: bytes, second: bytes) -> bytes:
    return bytes(a & b for a, b in zip(answer, second, strict=True))


@pytest.mark.parametrize("kind", ["both at once", "one behind the other", "heard by the board"])
def test_two_devices_with_one_address_are_named_within_ten_polls(tmp_path, kind):
    async def scenario(rig: Rig):
        level, twin = rig.boards["level"], FakeBoard(11, COLUMNS, DEFINITION)
        twin.serial, twin.values = b"\x00\x00\x00\x00\x00\x00\x55\x55", [(7_777, GOOD), (5, GOOD)]
        await rig.looks("level", 3)

        def both(request: bytes) -> bytes | None:
            one, two = level(request) or b"", twin(request) or b""
            if kind == "both at once":
                return _garbled(one, two)
            if kind == "one behind the other":
                return one + two
            level.twins += 1
            return _garbled(one, two) if level.twins % 2 else one

        rig.fake.devices[11] = both
        rig.kept.polls = len(rig.fake.asked(12))
        await rig.station.until(lambda: rig.station.has("duplicate address", "level"))
        rig.kept.polls = len([r for r in rig.fake.asked(12) if r[1:4] == b"\x03\x00\x04"]) - 3
        await rig.looks("other", 3)

    # Slower than elsewhere: the least real wait for an answer would leave no gaps between the scans.
    rig = run(tmp_path, (board("level", 11), board("other", 12)), scenario, rate=8.0)
    assert rig.kept.polls <= 10
    assert not rig.station.has("duplicate address", "other")
    named = next(i for i, told in enumerate(rig.station.told) if told[0] == "duplicate address")
    assert "address 11" in rig.station.told[named][2]
    assert all(values[0].value != 7_777 for values in rig.station.now["level"])
    if kind == "one behind the other":
        assert rig.station.now["level"][-1][0].quality == SUSPECT


def test_noise_on_the_whole_line_is_no_duplicate_address(tmp_path):
    sources = tuple(board(f"b{n}", n) for n in range(1, 4))

    async def scenario(rig: Rig):
        await rig.looks("b1", 2)
        for name, real in rig.boards.items():
            state = {"n": len(name)}

            def noisy(request: bytes, real=real, state=state) -> bytes | None:
                state["n"] += 1
                answer = real(request)
                return answer if state["n"] % 2 or answer is None else answer[:-1] + bytes((answer[-1] ^ 8,))

            rig.fake.devices[real.address] = noisy
        await rig.station.until(lambda: rig.poller.counters["crc"] >= 30)

    rig = run(tmp_path, sources, scenario)
    assert not rig.station.has("duplicate address")


def test_logs_are_read_even_where_the_gaps_are_too_short(tmp_path):
    async def scenario(rig: Rig):
        first = rig.boards["b1"]
        first.log(4)
        await rig.station.until(lambda: rig.store.watermark(first.serial, first.epoch) == 4)

    rig = run(tmp_path, tuple(board(f"b{n}", n) for n in range(1, 4)), scenario, scan_ms=20)
    assert rig.poller.scans_skipped > 0


def test_an_answer_that_confirms_another_write_acknowledges_nothing(tmp_path):
    async def scenario(rig: Rig):
        real = rig.boards["level"]
        real.log(1)

        def wrong(request: bytes) -> bytes | None:
            return sealed(bytes((11, 16, 9, 9, 0, 2))) if request[1] == 16 else real(request)

        rig.fake.devices[11] = wrong
        await rig.looks("level", 6)

    rig = run(tmp_path, (board("level", 11),), scenario)
    assert rig.store.rows == {}
