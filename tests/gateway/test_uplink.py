"""The uplink against a real mosquitto and a real center: everything arrives, once, whatever breaks on the way."""

import asyncio
import gc
import socket
import sqlite3
import subprocess
import sys
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path

import aiomqtt
import cbor2
import pycddl
import pytest

from gateway.catalogue import Catalogue
from gateway.clock import Clock
from gateway.link import Link
from gateway.spool import Spool
from gateway.uplink import Uplink
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, HandClock, packed_row, small_station
from tools.broker import Broker
from tools.center.consume import Consumer
from tools.center.store import Store
from wire import telemetry
from wire.reading import SUSPECT, SYNCED
from wire.row import Reading
from wire.telemetry import E_AT_MS, E_CHANNEL, E_DETECTED_MS, E_KIND, E_LEVEL, E_RULE, EVENT_CODES

CONTRACT = pycddl.Schema((Path(telemetry.__file__).parent / "telemetry.cddl").read_text(encoding="utf-8"))
COLUMNS = ("head_mm", "supply_mv")
LIMIT_S = 20.0
ALARM = {E_KIND: EVENT_CODES["alarm raised"], E_RULE: "flood", E_CHANNEL: "river", E_LEVEL: 2}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Half a second of settling is for boards on a line, not for tests."""
    monkeypatch.setattr("gateway.catalogue.SETTLE_S", 0.01)


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


class Chain:
    """Spool, catalogue and uplink of one station, and a center's database beside it."""

    def __init__(self, folder, port, clock=None, **center):
        self.folder = folder
        self.clock = clock or HandClock()
        self.config = small_station(folder, commit_window_ms=5, host="127.0.0.1", port=port, **center)
        self.port = port
        self.rows = 0

    async def open(self):
        self.spool = Spool(self.config, self.clock)
        await self.spool.open()
        self.spool.seen("level", BOARD, EPOCH, COLUMNS)
        self.catalogue = Catalogue(self.config, self.spool)
        await until(lambda: self.catalogue.layout((BOARD, EPOCH), 0))
        self.uplink = Uplink(self.config, self.spool, self.clock, self.catalogue)
        self.task = asyncio.create_task(self.uplink.run())

    async def close(self):
        self.task.cancel()
        with suppress(asyncio.CancelledError):
            await self.task
        await self.spool.close()

    async def append(self, count=5, minutes_ago=5):
        """Rows of the board and of the bought sensor, `minutes_ago` old at first and one a minute."""
        begin_s = self.clock.unix_ms() // 1000 - minutes_ago * 60
        packed = [packed_row(self.rows + n, 20_000 + n, begin_s + 60 * n) for n in range(1, count + 1)]
        self.rows += count
        await self.spool.append_rows(BOARD, EPOCH, "level", packed)
        made = [(begin_s + 60 * n, 0, SYNCED, [Reading(0, 4_000 - n)]) for n in range(1, count + 1)]
        await self.spool.append_made("radar", made)

    async def alarm(self):
        now_ms = self.clock.unix_ms()
        self.uplink.flush_now()
        await self.spool.append_event({E_AT_MS: now_ms, E_DETECTED_MS: now_ms} | ALARM)

    async def settled(self):
        """Wait until the center has acknowledged all."""
        await until(lambda: not self.spool.depth())

    def cut(self):
        """Close the socket below MQTT, as a power cut would."""
        (link,) = [found for found in gc.get_objects() if isinstance(found, Link) and found._client.is_connected()]
        wire = link._client.socket()
        assert isinstance(wire, socket.socket)
        wire.shutdown(socket.SHUT_RDWR)

    def made(self):
        with closing(sqlite3.connect(self.folder / "spool.db")) as db:
            return set(db.execute("SELECT source, epoch, seq, crc FROM rows"))


def stored(path):
    with closing(sqlite3.connect(path)) as db:
        return set(db.execute("SELECT source, epoch, seq, crc FROM rows"))


@asynccontextmanager
async def running(chain):
    await chain.open()
    try:
        yield chain
    finally:
        await chain.close()


@asynccontextmanager
async def center(folder, port, name="center.db"):
    """A center that is there; `store` and `consumer` of it."""
    store = Store(folder / name)
    consumer = Consumer(store, "127.0.0.1", port, identifier=f"center-{name}")
    task = asyncio.create_task(consumer.run())
    try:
        async with asyncio.timeout(LIMIT_S):
            await consumer.ready.wait()
        yield consumer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        store.close()


@asynccontextmanager
async def listener(port, *topics):
    """A list that fills with (leaf, payload, retained) of what is published."""
    heard = []
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe([(topic, 1) for topic in topics or ("rp/#",)])

        async def listen():
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                heard.append((message.topic.value.rpartition("/")[2], message.payload, message.retain))

        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def until(condition):
    async with asyncio.timeout(LIMIT_S):
        while not condition():  # noqa: ASYNC110 - another process, or the spool's thread, makes it true
            await asyncio.sleep(0.005)


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
        for _, payload, _ in heard:
            CONTRACT.validate_cbor(payload)
        leaves = [leaf for leaf, *_ in heard]
        assert leaves.index("event") < min(leaves.index("live"), leaves.index("late"))

    asyncio.run(main())


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
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

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
            chain.uplink.publish_volatile({E_AT_MS: 1, E_DETECTED_MS: 1} | ALARM)
            await until(lambda: not chain.uplink._volatile)
        await chain.close()

    asyncio.run(main())
    assert len(stored(tmp_path / "center.db")) == 1


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


def test_with_ack_broker_a_puback_counts_as_stored(tmp_path, broker):
    async def main():
        async with running(Chain(tmp_path, broker.port, ack="broker")) as chain:
            await chain.append()
            await chain.alarm()
            await chain.settled()
            return chain.uplink.acked_rows, chain.spool.center_has(BOARD, EPOCH)

    acked, has = asyncio.run(main())
    assert (acked >= 10, has) == (True, 5)


def test_a_refusal_by_the_broker_is_believed_and_not_taken_for_sent(tmp_path):
    rules = tmp_path / "acl"
    rules.write_text("topic write rp/1/CYB01/event\ntopic write rp/1/CYB01/state\ntopic read rp/1/CYB01/ack\n")
    rules.chmod(0o700)

    async def main():
        with Broker(tmp_path / "broker", extra=f"acl_file {rules}\n") as broker:
            async with running(Chain(tmp_path, broker.port, ack="broker")) as chain:
                await chain.append()
                await chain.alarm()
                await until(lambda: chain.uplink.counters["refused"] >= 2)  # the catalogue, a live batch
                return chain.spool.center_has(BOARD, EPOCH), chain.spool.center_has(GATEWAY, _epoch(chain))

    rows, events = asyncio.run(main())
    assert rows == 0
    assert events > 0


def _epoch(chain):
    return next(epoch for serial, epoch, _, _ in chain.spool.logs() if serial == GATEWAY)


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


def test_the_live_batch_closes_by_the_stations_clock_and_at_once_with_an_alarm(tmp_path, broker):
    async def main():
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port)) as chain:
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


@pytest.mark.parametrize("ack", ["center", "broker"])
def test_an_event_that_the_disk_refused_reaches_the_center_marked_and_is_not_sent_for_ever(tmp_path, broker, ack):
    async def main():
        async with center(tmp_path, broker.port), running(Chain(tmp_path, broker.port, ack=ack)) as chain:
            for at_ms in (1, 2):
                chain.uplink.publish_volatile({E_AT_MS: at_ms, E_DETECTED_MS: at_ms} | ALARM)
            await until(lambda: not chain.uplink._volatile)
            await until(lambda: len(stored(tmp_path / "center.db") - chain.made()) == 2)
            await asyncio.wait_for(chain.uplink.finish(), LIMIT_S)
            assert chain.uplink.counters["resent"] == 0
        with closing(sqlite3.connect(tmp_path / "center.db")) as db:
            sql = "SELECT seq, at_ms, rule, detail FROM events WHERE detail LIKE 'volatile%' ORDER BY seq"
            return [row[:3] for row in db.execute(sql)]

    assert asyncio.run(main()) == [(1, 1, "flood"), (2, 2, "flood")]


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
