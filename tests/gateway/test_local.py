"""Boards on Wi-Fi through a real broker: now-values, rows, acknowledgements, and every part that may fail."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiomqtt
from msgspec.structs import replace

from gateway import config
from gateway.commit import StoreError
from gateway.local import UNDERWAY_MAX, LocalListener
from tests.gateway.chain import until
from tests.gateway.fake_bus import FakeStation, FakeStore
from tests.gateway.small_station import EPOCH, HandClock, packed_row, small_station
from tools.broker import Broker
from wire import local
from wire.cbor import Encoder, decode
from wire.reading import GOOD, NEVER, QUANTITY_CODES, SYNCED

SERIAL = "00112233445566aa"
KEY = (bytes.fromhex(SERIAL), EPOCH)
COLUMNS = ("head_mm", "supply_mv")
NOW = [[QUANTITY_CODES["head_mm"], GOOD, 2_500, 30], [QUANTITY_CODES["supply_mv"], GOOD, 12_000, 30]]
UNIX_MS = 1_717_200_000_000


class FakeWifiBoard:
    """A board by hand: says what a test wants, and keeps the acknowledgements."""

    def __init__(self, client: aiomqtt.Client, serial: str = SERIAL) -> None:
        self.acks: list[dict[int, Any]] = []
        self.up_ms = 0
        self._client = client
        self._serial = serial

    async def say(self, leaf: str, message: dict[int, Any]) -> None:
        payload = bytes(Encoder(4_096).encode(message))
        await self._client.publish(local.topic("CYB01", self._serial, leaf), payload, qos=1)

    async def now(self, *seqs: int, first=0, tail=1, head=0, epoch=EPOCH, never=False) -> None:
        """Now-values, and with them the rows `seqs`."""
        self.up_ms += 1_000
        message: dict[int, Any] = {0: 1, 1: epoch, 2: self.up_ms, 4: NEVER if never else SYNCED, 7: NOW}
        message |= {5: tail if head or seqs else 0, 6: head or max(seqs, default=0)}
        if not never:
            message[3] = UNIX_MS
        if seqs:
            message |= {8: first or seqs[0], 9: b"".join(packed_row(seq, epoch=epoch) for seq in seqs)}
        await self.say(local.ROWS, message)

    async def birth(self, head: int = 0) -> None:
        tail = min(head, 1)
        await self.say(local.STATE, {0: 1, 1: EPOCH, 5: tail, 6: head, 10: 1, 11: bytes(8), 14: True})

    async def death(self) -> None:
        await self.say(local.STATE, {0: 1, 14: False})

    def has(self, watermark: int) -> bool:
        return any(ack[local.K_GATEWAY_HAS] == watermark for ack in self.acks)

    async def listen(self) -> None:
        async for message in self._client.messages:
            assert isinstance(message.payload, bytes)
            ack = decode(message.payload)
            assert isinstance(ack, dict)
            self.acks.append(ack)


@asynccontextmanager
async def board_at(port: int, serial: str = SERIAL):
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.subscribe(local.topic("CYB01", serial, local.ACK))
        board = FakeWifiBoard(client, serial)
        task = asyncio.create_task(board.listen())
        try:
            yield board
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class World:
    def __init__(self, folder, port: int) -> None:
        channels = tuple(config.Channel(f"gauge.{name}", "gauge", n, name) for n, name in enumerate(COLUMNS))
        source = config.Source("gauge", "local", 0, board_type="esp32-wifi", serial=SERIAL, channels=channels)
        broker = config.Local("127.0.0.1", port, "", "", "127.0.0.1", 1_000, (source,))
        self.clock = HandClock(UNIX_MS)
        self.station = FakeStation()
        self.store = FakeStore(self.station)
        self.listener = LocalListener(
            replace(small_station(folder), local=broker), broker, self.clock, self.station, self.store
        )


def run(tmp_path, port: int, scenario: Callable[[World], Awaitable[None]]) -> World:
    async def main():
        world = World(tmp_path, port)
        task = asyncio.create_task(world.listener.run())
        try:
            await scenario(world)
        finally:
            task.cancel()
            ended = (await asyncio.gather(task, return_exceptions=True))[0]
        assert isinstance(ended, asyncio.CancelledError), ended
        return world

    return asyncio.run(main())


def test_now_values_reach_the_judge_and_rows_the_store_before_they_are_acknowledged(tmp_path, broker):
    async def scenario(world):
        await until(lambda: world.listener.connected)
        async with board_at(broker.port) as board:
            world.store.gate.clear()
            await board.now(1, 2, 3)
            await until(lambda: world.station.looks("gauge") == 1 and board.acks)
            assert board.acks[-1][local.K_GATEWAY_HAS] == 0
            world.store.gate.set()
            await until(lambda: board.has(3))
        assert sorted(world.store.rows[KEY]) == [1, 2, 3]
        assert world.store.rows[KEY][2] == packed_row(2)
        assert world.station.has("seen", "gauge", SERIAL, str(EPOCH))

    run(tmp_path, broker.port, scenario)


def test_rows_that_the_board_holds_no_more_are_told_as_gone(tmp_path, broker):
    async def scenario(world):
        await until(lambda: world.listener.connected)
        async with board_at(broker.port) as board:
            await board.now(5, 6, 9, first=1, tail=3)
            await until(lambda: len(world.store.rows.get(KEY, ())) == 3)
        assert world.store.lost == [(3, 4), (7, 8)]  # The rest lies below the tail: `seen` has told it.

    run(tmp_path, broker.port, scenario)


def test_what_the_store_refuses_is_not_acknowledged_and_taken_when_it_comes_again(tmp_path, broker):
    async def scenario(world):
        append = world.store.append_rows

        async def refuse(*_):
            raise StoreError("disk full")

        world.store.append_rows = refuse
        await until(lambda: world.listener.connected)
        async with board_at(broker.port) as board:
            await board.now(1, 2)
            await until(lambda: world.listener.counters["refused"] == 1)
            world.store.append_rows = append
            await board.now(1, 2)
            await until(lambda: board.has(2))
            assert [ack[local.K_GATEWAY_HAS] for ack in board.acks if ack[local.K_GATEWAY_HAS]] == [2]

    run(tmp_path, broker.port, scenario)


def test_rows_beyond_what_the_store_can_take_are_left_to_the_board(tmp_path, broker):
    async def scenario(world):
        world.store.gate.clear()
        await until(lambda: world.listener.connected)
        async with board_at(broker.port) as board:
            for seq in range(1, UNDERWAY_MAX + 3):
                await board.now(seq)
            await until(lambda: world.station.looks("gauge") == UNDERWAY_MAX + 2)
            assert world.listener.counters["full"] == 2
            world.store.gate.set()
            await until(lambda: board.has(UNDERWAY_MAX))

    run(tmp_path, broker.port, scenario)


def test_a_birth_is_answered_with_what_is_here(tmp_path, broker):
    async def scenario(world):
        await world.store.append_rows(*KEY, "gauge", [packed_row(1), packed_row(2)])
        await until(lambda: world.listener.connected)
        async with board_at(broker.port) as board:
            await board.birth(head=5)
            await until(lambda: board.has(2))
            assert world.listener.boards[0].definition == bytes(8).hex()
            count = len(board.acks)
            await board.birth(head=5)
            await until(lambda: len(board.acks) > count)

    run(tmp_path, broker.port, scenario)


def test_what_the_center_has_is_handed_down(tmp_path, broker):
    async def scenario(world):
        await until(lambda: world.listener.connected)
        async with board_at(broker.port) as board:
            await board.now(1, 2)
            await until(lambda: board.has(2))
            world.store.center_has = lambda serial, epoch: 2
            await until(lambda: board.acks[-1][local.K_CENTER_HAS] == 2)

    run(tmp_path, broker.port, scenario)


def test_a_board_without_time_gets_it_with_its_own_uptime_back(tmp_path, broker):
    async def scenario(world):
        await until(lambda: world.listener.connected)
        async with board_at(broker.port) as board:
            await board.now(never=True)
            await until(lambda: any(local.K_UNIX_MS in ack for ack in board.acks))
            told = next(ack for ack in board.acks if local.K_UNIX_MS in ack)
            assert (told[local.K_UP_MS], told[local.K_UNIX_MS]) == (board.up_ms, UNIX_MS)

    run(tmp_path, broker.port, scenario)


def test_its_will_makes_a_board_lost_and_its_next_word_brings_it_back(tmp_path, broker):
    async def scenario(world):
        await until(lambda: world.listener.connected)
        async with board_at(broker.port) as board:
            await board.now()
            await board.death()
            await until(lambda: world.station.has("lost", "gauge"))
            await board.now()
            await until(lambda: world.station.has("back", "gauge"))

    run(tmp_path, broker.port, scenario)


def test_strangers_and_nonsense_are_counted_and_change_nothing(tmp_path, broker):
    async def scenario(world):
        await until(lambda: world.listener.connected)
        async with board_at(broker.port, "ffffffffffffffff") as stranger, board_at(broker.port) as board:
            await stranger.now(1)
            await board.say(local.ROWS, {0: 1})
            await board.say(local.STATE, {0: 1, 14: 7})
            await board.say("nonsense", {0: 1})
            await board.now(1)
            await until(lambda: board.has(1))
        assert world.listener.counters["strangers"] == 1
        assert world.listener.counters["bad"] == 2
        assert world.station.looks("gauge") == 1
        assert list(world.store.rows) == [KEY]

    run(tmp_path, broker.port, scenario)


def test_a_broker_that_comes_late_and_goes_away_is_survived_and_boards_are_lost_meanwhile(tmp_path):
    broker = Broker(tmp_path / "broker")
    broker.start()
    broker.stop()  # Its port is ours now.

    async def scenario(world):
        await until(lambda: world.listener.counters["connect_failures"])
        world.clock.now_ms += 6_000
        await until(lambda: world.station.has("lost", "gauge", "the station's broker does not answer"))
        for seq in (1, 2):
            broker.start()
            await until(lambda: world.listener.connected)
            async with board_at(broker.port) as board:
                await board.now(seq)
                await until(lambda seq=seq, board=board: board.has(seq))
            broker.kill()
            await until(lambda: not world.listener.connected)
        assert world.station.has("back", "gauge")

    try:
        world = run(tmp_path, broker.port, scenario)
    finally:
        broker.stop()
    assert world.listener.counters["disconnects"] == 2
