"""The uplink when brokers, centers, links and disks fail: late, but everything, and once."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing

import aiomqtt
import cbor2
import pytest

from gateway.catalogue import Catalogue
from gateway.spool import Spool
from gateway.uplink import Uplink
from tests.gateway.chain import ALARM, LIMIT_S, Chain, center, listener, running, stored, until
from tests.gateway.small_station import BOARD, EPOCH
from tools.broker import Broker, end_with_parent
from wire.telemetry import E_AT_MS, E_DETECTED_MS

pytestmark = pytest.mark.usefixtures("quick")


def test_it_starts_with_no_broker_and_publishes_when_one_appears(tmp_path):
    async def main():
        broker = Broker(tmp_path / "broker")
        broker.start()
        broker.stop()  # Its port is ours now.
        async with running(Chain(tmp_path, broker.port)) as chain:
            await chain.append()
            await until(lambda: chain.uplink.counters["connect_failures"])
            broker.start()
            async with center(tmp_path, broker.port):
                await chain.alarm()
                await chain.settled()
        broker.stop()
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())


def test_a_broker_that_forgets_everything_loses_nothing(tmp_path):
    async def main():
        with Broker(tmp_path / "broker") as broker:
            async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port)) as chain:
                for _ in range(3):
                    await chain.append()
                    await chain.alarm()
                    broker.kill()
                    await chain.append()
                    broker.start()
                    await chain.alarm()
                await chain.settled()
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())


def test_what_a_dead_center_never_stored_is_sent_when_it_is_back(tmp_path, broker):
    async def main():
        async with running(Chain(tmp_path, broker.port)) as chain:
            await chain.append()
            await chain.alarm()
            await until(lambda: chain.uplink.counters["unheard"] >= 1)
            assert chain.spool.depth() > 10, "the broker's PUBACK says nothing about the center"
            async with center(tmp_path, broker.port):
                await chain.settled()  # Well before ack_timeout_s: the center's first word shows that it listens again.
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())


def test_a_center_that_is_killed_again_and_again_ends_up_with_everything_once(tmp_path, broker):
    database = tmp_path / "center.db"
    command = [sys.executable, "-m", "tools", "center", "run", "--port", str(broker.port), "--db", str(database)]

    def start():
        return subprocess.Popen(command, stderr=subprocess.DEVNULL, preexec_fn=end_with_parent())

    async def main():
        async with running(Chain(tmp_path, broker.port, ack_timeout_s=1)) as chain:
            generations = set()
            for _ in range(2):
                killed = start()
                await chain.append()
                await chain.alarm()
                await until(lambda: chain.uplink.acked_rows > 10 * len(generations))
                await chain.append()
                await chain.alarm()
                killed.kill()
                await asyncio.to_thread(killed.wait)
                with closing(sqlite3.connect(database)) as db:
                    generations.add(db.execute("SELECT value FROM meta WHERE name = 'generation'").fetchone()[0])
            last = start()
            await chain.settled()
            last.terminate()
            assert await asyncio.to_thread(last.wait) == 0
            assert len(generations) == 1
        assert stored(database) == chain.made()

    asyncio.run(main())


def test_with_a_dead_disk_events_still_reach_the_center(tmp_path, broker):
    (tmp_path / "file").write_text("not a folder")

    async def main():
        chain = Chain(tmp_path / "file", broker.port)
        chain.spool = Spool(chain.config, chain.clock)
        await chain.spool.open()
        chain.uplink = Uplink(chain.config, chain.spool, chain.clock, Catalogue(chain.config, chain.spool))
        chain.task = asyncio.create_task(chain.uplink.run())
        async with center(tmp_path, broker.port):
            await chain.alarm()
            await chain.settled()
        await chain.close()

    asyncio.run(main())
    assert len(stored(tmp_path / "center.db")) == 2, "the fault of the disk, and the alarm"


def test_what_is_not_acknowledged_in_time_is_sent_again_and_stored_once(tmp_path, broker):
    async def main():
        async with running(Chain(tmp_path, broker.port, ack_timeout_s=1)) as chain:
            async with listener(broker.port):  # Somebody hears it and stores nothing.
                await chain.append()
                await chain.alarm()
                await until(lambda: chain.uplink.counters["resent"])
            async with center(tmp_path, broker.port):
                await chain.settled()
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())


def test_a_new_database_at_the_center_gets_everything_that_is_still_here(tmp_path, broker):
    async def main():
        async with running(Chain(tmp_path, broker.port)) as chain:
            await chain.append()
            async with center(tmp_path, broker.port):
                await chain.alarm()
                await chain.settled()
            async with center(tmp_path, broker.port, "other.db"):
                await until(lambda: chain.spool.depth())  # Its first statement takes back the other's.
                await chain.settled()
        assert stored(tmp_path / "other.db") == chain.made()

    asyncio.run(main())


def test_a_gateway_that_starts_anew_sends_what_was_not_acknowledged_under_the_same_catalogue(tmp_path, broker):
    async def main():
        chain = Chain(tmp_path, broker.port)
        async with running(chain):
            await chain.append(3, minutes_ago=600)
            version = chain.catalogue.version
        async with center(tmp_path, broker.port), running(chain):
            assert chain.catalogue.version == version
            await chain.append(3)
            await chain.alarm()
            await chain.settled()
        assert stored(tmp_path / "center.db") == chain.made()

    asyncio.run(main())


def test_the_broker_tells_the_death_of_a_gateway_that_just_vanished(tmp_path, broker):
    async def main():
        chain = Chain(tmp_path, broker.port)
        async with listener(broker.port, "rp/1/CYB01/state") as heard, running(chain):
            await until(lambda: any(cbor2.loads(p)[14] for _, p, retained in heard if not retained))
            chain.cut()
            await until(lambda: heard[-1][1] == cbor2.dumps({0: 1, 14: False}, canonical=True))

    asyncio.run(main())


def test_an_acknowledgement_that_breaks_the_contract_is_not_believed(tmp_path, broker):
    def ack(*statements, generation=9, major=1):
        return cbor2.dumps({0: major, 12: generation, 13: list(statements)})

    wrong = [
        b"", b"\xff", cbor2.dumps([1]), ack(major=2), ack(generation=-1), ack([BOARD, EPOCH, 5]),
        ack([b"x", EPOCH, 5, []]),
        ack([BOARD, EPOCH, 5, [9, 8]]), ack([BOARD, EPOCH, 5, [7]]), ack([BOARD, EPOCH, 1 << 40, []]),
        ack([BOARD, EPOCH, 5, [0, 8]]), ack([BOARD, EPOCH, 5, []]) + b"\0", ack([BOARD, EPOCH, 5, [8, 9, 6, 7]]),
    ]  # fmt: skip

    async def main():
        async with running(Chain(tmp_path, broker.port)) as chain:
            await chain.append()
            await until(lambda: chain.uplink.connected)
            async with aiomqtt.Client("127.0.0.1", broker.port) as client:
                for payload in wrong:
                    await client.publish("rp/1/CYB01/ack", payload, qos=1)
                await until(lambda: chain.uplink.counters["bad_acks"] == len(wrong))
                assert chain.spool.center_has(BOARD, EPOCH) == 0
                await client.publish("rp/1/CYB01/ack", ack([BOARD, EPOCH, 2, [4, 4]]), qos=1)
                await until(lambda: chain.spool.center_has(BOARD, EPOCH))
                return chain.spool.center_has(BOARD, EPOCH), chain.uplink.acked_rows

    assert asyncio.run(main()) == (2, 3)


@pytest.mark.parametrize("ack", ["center", "broker"])
def test_an_event_that_the_disk_refused_reaches_the_center_marked_and_is_not_sent_for_ever(tmp_path, broker, ack):
    async def main():
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port, ack=ack)) as chain:
            chain.spool._guard.fail("the card fell out")
            for at_ms in (1, 2):
                await chain.spool.append_event({E_AT_MS: at_ms, E_DETECTED_MS: at_ms} | ALARM)
            await until(lambda: not chain.spool.memory)
            await until(lambda: len(stored(tmp_path / "center.db") - chain.made()) == 3)
            await asyncio.wait_for(chain.uplink.finish(), LIMIT_S)
            assert chain.uplink.counters["resent"] == 0
        with closing(sqlite3.connect(tmp_path / "center.db")) as db:
            sql = "SELECT seq, rule, detail FROM events WHERE detail LIKE 'volatile%' ORDER BY seq"
            return [row[:2] for row in db.execute(sql)]

    assert asyncio.run(main()) == [(1, None), (2, "flood"), (3, "flood")]
