"""A backlog over a slow line: everything arrives, once, soon; live batches hardly wait, and nothing is sent twice.

The full week stands in `riverpost bench uplink`; here it is a day.
"""

import asyncio
import time

import pytest

from tests.gateway.chain import Chain, center, running, stored, until
from tools.bench import recorded
from tools.bench.uplink import LIVE_LIMIT_S, SLOW_BITS, SLOW_TIMES, deliver
from tools.slow_link import SlowLink

pytestmark = pytest.mark.long

START_S = 1.5  # Connecting, the first guess of the line's speed, and other work on the machine that tests.


@pytest.mark.parametrize("bits_per_s", [None, SLOW_BITS])
def test_a_days_backlog_reaches_a_center_in_time_and_live_batches_pass_it(tmp_path, bits_per_s):
    result = deliver(tmp_path / "run", bits_per_s, days=1)  # Compares the two databases.
    assert result["rows"] == 4 * recorded.DAY_ROWS
    own_s = 8 * sum(result["bytes"].values()) / (bits_per_s or 1e9)
    assert result["took_s"] < SLOW_TIMES * own_s + START_S
    assert max(result["live_s"], default=0) < LIVE_LIMIT_S
    assert result["counters"].get("resent", 0) == 0


@pytest.mark.usefixtures("quick")
def test_on_a_line_slower_than_the_time_out_nothing_is_sent_twice_as_long_as_bytes_flow(tmp_path, broker):
    async def main():
        with SlowLink(broker.port, 16_000) as line:
            chain = Chain(tmp_path, line.port, ack_timeout_s=1)
            async with center(tmp_path, broker.port), running(chain):
                began_s = time.monotonic()
                await chain.append(2_400, minutes_ago=5_000)
                await chain.settled()
                assert time.monotonic() - began_s > 1.0, "longer than the time-out"
            assert chain.uplink.counters["resent"] == 0
            assert chain.uplink.counters["late"] > 1
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())


@pytest.mark.usefixtures("quick")
def test_a_line_that_breaks_in_the_middle_of_a_backlog_costs_nothing_but_time(tmp_path, broker):
    async def main():
        with SlowLink(broker.port, 64_000) as line:
            async with center(tmp_path, broker.port), running(Chain(tmp_path, line.port)) as chain:
                await chain.append(1_000, minutes_ago=9_000)
                for cuts in (1, 2):
                    await until(lambda: chain.uplink.counters["late"] >= 1 and chain.uplink.connected)
                    line.cut()
                    await until(lambda cuts=cuts: chain.uplink.counters["disconnects"] == cuts)
                line.bits_per_s = 1e9
                await chain.settled()
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())


@pytest.mark.usefixtures("quick")
def test_an_event_does_not_wait_for_the_backlog_that_is_being_made(tmp_path, broker):
    async def main():
        with SlowLink(broker.port, 64_000) as line:
            async with center(tmp_path, broker.port), running(Chain(tmp_path, line.port)) as chain:
                await chain.append(4_000, minutes_ago=9_000)
                await until(lambda: chain.uplink.counters["late"] >= 2)
                began_s = time.monotonic()
                await chain.alarm()
                log = next(log for log, _ in chain.spool.unsent(events=True))
                await until(lambda: not log.unacked())
                took_s = time.monotonic() - began_s
                assert chain.spool.depth() > 1_000, "the backlog was on its way meanwhile"
                return took_s

    assert asyncio.run(main()) < LIVE_LIMIT_S
