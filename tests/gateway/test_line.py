"""One exchange at a time on a line."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymodbus.framer import FramerRTU
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest, WriteMultipleRegistersRequest

from gateway.clock import Clock
from gateway.config import Bus
from gateway.line import BusError, Line, Wanted, find, frames
from tests.gateway.fake_bus import FakeBus, exception, registers, sealed

PATIENCE_US = 60_000
GOOD = registers(7, [1, 2, 3])


def run(scenario):
    async def main():
        with FakeBus() as fake:
            line = Line(Bus("main", fake.port, 9_600, "8N1", 1_000, ()), Clock())
            await line.open()
            try:
                return await scenario(fake, line)
            finally:
                line.close()

    return asyncio.run(main())


async def ask(line: Line, address: int = 7, count: int = 3):
    request = ReadHoldingRegistersRequest(address=4, count=count, dev_id=address)
    return await line.exchange(request, 8, 5 + 2 * count, PATIENCE_US)


def test_a_good_answer_comes_with_its_registers_and_the_devices_delay():
    async def scenario(fake: FakeBus, line: Line):
        fake.devices[7] = lambda _: GOOD
        return await ask(line)

    answer = run(scenario)
    assert list(answer.pdu.registers) == [1, 2, 3]
    assert 0 <= answer.delay_us < PATIENCE_US


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (b"", "no_answer"),
        (GOOD[:-1] + bytes((GOOD[-1] ^ 1,)), "crc"),
        (GOOD[:6], "truncated"),
        (registers(8, [1, 2, 3]), "wrong_id"),
        (registers(7, [1, 2]), "late"),  # Whole, but not what was asked for.
        (registers(7, [1, 2, 3], function=4), "late"),
        (b"\x55" * 40, "crc"),
        (exception(bytes((7, 3)), 2), "exception"),
    ],
)
def test_what_is_not_the_answer_is_told_by_kind(said, kind):
    async def scenario(fake: FakeBus, line: Line):
        fake.devices[7] = lambda _: said
        with pytest.raises(BusError) as caught:
            await ask(line)
        fake.devices[7] = lambda _: GOOD
        assert list((await ask(line)).pdu.registers) == [1, 2, 3]
        return caught.value, line.counters

    error, counters = run(scenario)
    assert (error.kind, error.address) == (kind, 7)
    assert counters[kind] == 1
    assert counters["ok"] == 1
    if kind == "exception":
        assert error.code == 2
        assert error.reason == "exception 2 (register not there)"


@pytest.mark.parametrize("noise", [b"\x00", b"\x07", b"\x07\x03\x06", b"\xff" * 30, registers(9, [5]), GOOD[:-3]])
def test_an_answer_is_found_among_garbage(noise):
    async def scenario(fake: FakeBus, line: Line):
        fake.devices[7] = lambda _: noise + GOOD + b"\x81\x03"
        return await ask(line)

    assert list(run(scenario).pdu.registers) == [1, 2, 3]


def test_an_answer_that_came_before_the_request_is_not_its_answer():
    async def scenario(fake: FakeBus, line: Line):
        fake.devices[7] = lambda _: registers(7, [9, 9, 9])
        await ask(line)
        fake.say_now(GOOD)  # Late for an earlier request; it lies in the port when the next one goes out.
        answer = await ask(line)
        return answer, line.strays()

    answer, strays = run(scenario)
    assert list(answer.pdu.registers) == [9, 9, 9]
    assert [address for address, _ in strays] == [7]


def test_the_line_is_silent_for_three_and_a_half_characters_before_every_request():
    async def scenario(fake: FakeBus, line: Line):
        fake.devices[7] = lambda _: GOOD
        for address in (7, 8, 7, 0, 7, 7):
            if address:
                try:
                    await ask(line, address)
                except BusError:
                    continue
            else:
                clock = WriteMultipleRegistersRequest(address=0x200, registers=[1, 2, 3], dev_id=0)
                await line.broadcast(clock, 15, 0)
        return fake.requests, fake.answered_s

    requests, answered_s = run(scenario)
    assert [request[0] for _, request in requests] == [7, 8, 7, 0, 7, 7]
    t35_s = 3.5 * 10 / 9_600
    for at_s, _ in requests[1:]:
        before_s = max((end_s for end_s in answered_s if end_s < at_s), default=0)
        assert at_s - before_s >= t35_s
    before_s = max(end_s for end_s in answered_s if end_s < requests[3][0])  # A busy machine reads the broadcast late.
    assert requests[4][0] - before_s >= t35_s + 15 * 10 / 9_600 + t35_s  # It has to leave the wire before.


def test_a_port_that_is_not_there_is_told():
    async def main():
        line = Line(Bus("main", "/dev/there-is-no-such-port", 9_600, "8N1", 1_000, ()), Clock())
        with pytest.raises(BusError, match="cannot be opened"):
            await line.open()
        with pytest.raises(BusError, match="is closed"):
            await ask(line)

    asyncio.run(main())


@given(st.binary(max_size=300), st.integers(1, 247), st.sampled_from([3, 4, 16, 20]), st.integers(5, 256))
def test_only_a_frame_whose_crc_fits_is_ever_found(data, device, function, length):
    at = find(data, Wanted(device, function, length))
    if at >= 0:
        end = at + (5 if data[at + 1] & 0x80 else length)
        assert data[at] == device
        assert data[at + 1] & 0x7F == function
        assert FramerRTU.check_CRC(data[at : end - 2], int.from_bytes(data[end - 2 : end], "big"))


words = st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=40)


@given(st.binary(max_size=40), st.integers(1, 247), words, st.binary(max_size=40))
def test_a_whole_answer_is_found_behind_any_garbage(before, device, values, after):
    frame = registers(device, values)
    data = before + frame + after
    at = find(data, Wanted(device, 3, len(frame)))
    assert 0 <= at <= len(before)
    assert find(data[: -len(after) - 1], Wanted(device, 3, len(frame))) <= at


def test_a_log_answer_whose_inner_lengths_disagree_is_none():
    good = sealed(bytes((7, 20, 14, 13, 6)) + bytes(12))
    odd = sealed(bytes((7, 20, 14, 12, 6)) + bytes(12))
    foreign = sealed(bytes((7, 20, 14, 13, 7)) + bytes(12))
    wanted = Wanted(7, 20, 19)
    assert find(good, wanted) == 0
    assert find(odd, wanted) == find(foreign, wanted) == -1


def test_all_whole_frames_of_others_are_seen():
    data = b"\x01" + registers(9, [1]) + b"\x02\x03" + registers(8, [2, 3])
    assert [(device, end - start) for device, start, end in frames(data)] == [(9, 7), (8, 9)]


def test_a_port_that_cannot_have_the_framing_is_told_and_does_not_end_the_gateway():
    async def main():
        with FakeBus() as fake:  # A pseudo-terminal has no parity.
            await Line(Bus("main", fake.port, 9_600, "8E1", 1_000, ()), Clock()).open()

    with pytest.raises(BusError, match="cannot be opened") as told:
        asyncio.run(main())
    assert told.value.kind == "port"


def test_a_poller_that_is_told_to_end_in_the_moment_of_an_answer_ends(monkeypatch):
    async def scenario(fake: FakeBus, line: Line):
        fake.devices[7] = lambda _: GOOD
        read = line._read

        def read_and_end():
            read()
            if line._framer.wanted is None:
                task.cancel()

        monkeypatch.setattr(line, "_read", read_and_end)
        await line.open()
        task = asyncio.create_task(ask(line))
        await asyncio.wait([task])
        return task.cancelled()

    assert run(scenario)
