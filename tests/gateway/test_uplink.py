"""The uplink against a real mosquitto and a real center: everything arrives, once, in its order and form."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from cddl_verifier import Validator

from gateway.clock import Clock
from tests.gateway.chain import Chain, center, listener, running, stored, until
from tests.gateway.small_station import BOARD, EPOCH, small_station
from tools.center.decode import inflate
from wire import telemetry
from wire.reading import SUSPECT
from wire.telemetry import E_AT_MS, E_DETECTED_MS, E_KIND

pytestmark = pytest.mark.usefixtures("quick")
CONTRACT = Validator(Path(telemetry.__file__).parent / "telemetry.cddl")


@pytest.mark.parametrize("mqtt", [5, 311])
def test_every_row_and_event_is_stored_once_and_every_message_fits_the_contract(tmp_path, broker, mqtt):
    async def main():
        chain = Chain(tmp_path, broker.port, mqtt=mqtt)
        async with listener(broker.port) as heard, center(tmp_path, broker.port), running(chain):
            await chain.append(5, minutes_ago=600)  # late
            await chain.append(5)
            await chain.alarm()
            await chain.settled()
            assert chain.uplink.acked_rows == len(chain.made()) >= 25
            await chain.uplink.finish()
            await until(lambda: heard[-1][0] == "state")
        assert stored(tmp_path / "center.db") == chain.made()
        assert {leaf for leaf, *_ in heard} == {"event", "live", "late", "state", "catalogue", "ack"}
        for leaf, payload, _ in heard:
            assert CONTRACT.validate(inflate(payload) if leaf == "late" else payload).errors == ()
        leaves = [leaf for leaf, *_ in heard]
        assert leaves.index("event") < min(leaves.index("live"), leaves.index("late"))

    asyncio.run(main())


def test_with_ack_broker_a_puback_counts_as_stored(tmp_path, broker):
    async def main():
        async with listener(broker.port), running(Chain(tmp_path, broker.port, ack="broker")) as chain:
            await chain.append()
            await chain.alarm()
            await chain.settled()
            return chain.uplink.acked_rows, chain.spool.center_has(BOARD, EPOCH)

    acked, has = asyncio.run(main())
    assert (acked >= 10, has) == (True, 5)


def test_the_live_batch_closes_by_the_stations_clock_and_at_once_with_an_alarm(tmp_path, broker):
    async def main():
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port)) as chain:
            await chain.settled()  # Birth and catalogue are told: nothing of them closes a batch any more.
            await chain.append(2, minutes_ago=2)
            await chain.spool.append_event({E_KIND: 40, E_AT_MS: 1, E_DETECTED_MS: 1})
            await until(lambda: chain.spool.depth() == 4)
            assert chain.uplink.counters["live"] == 0, "rows wait for their batch, events do not"
            chain.clock.now_ms += 300_000
            await chain.settled()
            assert chain.uplink.counters["live"] == 1
            await chain.append(1, minutes_ago=1)
            await chain.alarm()
            await chain.settled()
            return chain.uplink.counters["live"], chain.uplink.counters["late"]

    assert asyncio.run(main()) == (2, 0)


def test_the_gateways_own_judgement_goes_with_the_rows_and_leaves_them_as_they_are(tmp_path, broker):
    async def main():
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port)) as chain:
            chain.uplink.judge = lambda name, row: {0: SUSPECT} if name == "level" and row.seq == 2 else {}
            await chain.append(3)
            await chain.alarm()
            await chain.settled()
        assert stored(tmp_path / "center.db") == chain.made()
        with closing(sqlite3.connect(tmp_path / "center.db")) as db:
            sql = "SELECT seq, quality, gateway_quality FROM readings WHERE source = ? AND channel = 0 ORDER BY seq"
            return db.execute(sql, (BOARD,)).fetchall()

    assert asyncio.run(main()) == [(1, 1, 1), (2, 1, 3), (3, 1, 1)]


def test_no_center_in_the_configuration_is_no_error(tmp_path):
    async def main():
        chain = Chain(tmp_path, 1)
        chain.config = small_station(tmp_path)
        async with running(chain):
            await chain.append()
            await asyncio.wait_for(chain.uplink.finish(), 2)
            return chain.spool.depth() > 0

    assert asyncio.run(main())


def test_the_clock_of_the_world_serves_too(tmp_path, broker):
    async def main():
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port, clock=Clock())) as chain:
            await chain.append()
            await chain.alarm()
            await chain.settled()

    asyncio.run(main())


def test_rows_of_the_past_are_sent_as_they_come_though_no_batch_closes(tmp_path, broker):
    async def main():
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port)) as chain:
            await chain.settled()
            for _ in range(2):  # As a board's log is read; the station's clock stands, so no live batch closes.
                await chain.append(3, minutes_ago=600)
                await chain.settled()
            assert chain.uplink.counters["live"] == 0

    asyncio.run(main())
