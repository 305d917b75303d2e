"""The last moments before a request: t3.5 is kept, and what comes then is no answer."""

import asyncio

import pytest
from pymodbus.pdu.register_message import ReadHoldingRegistersRequest

from gateway import line as gateway_line
from gateway.clock import Clock
from gateway.config import Bus
from gateway.line import BusError, Line
from tests.gateway.fake_bus import FakeBus, registers

SILENCE_S = 3.5 * 10 / 1_200
GOOD = registers(7, [1, 2, 3])
OLD = registers(7, [9, 9, 9])


def run(scenario):
    async def main():
        with FakeBus() as fake:
            fake.devices[7] = lambda _: GOOD
            line = Line(Bus("main", fake.port, 1_200, "8N1", 1_000, ()), Clock())
            await line.open()
            try:
                return await scenario(fake, line)
            finally:
                line.close()

    return asyncio.run(main())


async def ask(line: Line):
    request = ReadHoldingRegistersRequest(address=4, count=3, dev_id=7)
    return await line.exchange(request, 8, 11, 60_000)


def test_a_request_leaves_no_earlier_than_a_silence_after_the_last_answer():
    async def scenario(fake: FakeBus, line: Line):
        for _ in range(4):
            await ask(line)
        return [asked for asked, _ in fake.requests][1:], fake.answered_s[:-1]

    asked_s, answered_s = run(scenario)
    assert len(asked_s) == 3
    assert all(asked - answered >= SILENCE_S for asked, answered in zip(asked_s, answered_s, strict=True))


def test_an_answer_that_comes_while_the_request_is_put_together_is_not_taken_for_its_own(monkeypatch):
    """It lies in the port when the request is about to leave: the request waits for another silence."""

    async def scenario(fake: FakeBus, line: Line):
        send = line._send
        starts = []

        def late(data, addr=None):
            starts.append(data)
            if len(starts) == 1:
                fake.say_now(OLD)
            send(data, addr)

        monkeypatch.setattr(line, "_send", late)
        await line.open()
        return await ask(line), line.strays(), len(starts), len(fake.requests)

    answer, strays, starts, requests = run(scenario)
    assert list(answer.pdu.registers) == [1, 2, 3]
    assert [address for address, _ in strays] == [7]
    assert (starts, requests) == (2, 1)


def test_a_line_that_is_never_quiet_is_asked_all_the_same(monkeypatch):
    async def scenario(fake: FakeBus, line: Line):
        monkeypatch.setattr(line, "_is_waiting", lambda: True)
        monkeypatch.setattr(gateway_line, "SILENCE_MAX_US", 20_000)
        fake.devices.clear()
        with pytest.raises(BusError):
            await ask(line)
        return len(fake.requests)

    assert run(scenario) == 1
