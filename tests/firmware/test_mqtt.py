"""The board's link over MQTT: by hand in CPython, then the whole board under MicroPython against a real broker."""

import json
from typing import Any

import pytest
from bank import Bank
from board_log import BoardLog
from clock import Clock
from links.mqtt import LESS_MS, RESEND_MAX_MS, RESEND_MS, UPDATE_PAUSE_MS, WAY_MS_MAX, WINDOW, Mqtt

from gateway.local_messages import Rows, ack, read_rows, read_state
from tests.firmware.board_process import DEFINITION, SERIAL, BoardProcess
from tests.firmware.fake_net import CONNACK, SUBACK, FakeNet, message, puback
from tests.firmware.listener import ACK, STATION, Listener
from tests.firmware.nor_flash import NorFlash
from tests.firmware.test_mqtt_client import RandomHal
from tools.broker import Broker
from tools.image.files import unpack_twin
from wire import local
from wire.cbor import Encoder
from wire.reading import GOOD, QUANTITY_CODES, SYNCED
from wire.row import Reading, Row

EPOCH = 0x12345678
NOON_MS = 1_800_000_000_000
LINK = {"host": "192.168.4.1", "port": 1883, "station": STATION}


class BoardHal(RandomHal):
    """What the link asks a hal for."""

    def __init__(self) -> None:
        super().__init__()
        self.network = FakeNet(self)

    def net(self) -> FakeNet:
        return self.network

    def unique_id(self) -> bytes:
        return bytes.fromhex(SERIAL)


class World:
    """A link with a log of `rows` rows; `turn` lets time pass, confirms what was sent, and gives the rows messages."""

    def __init__(self, rows: int = 0, blocks: int = 64) -> None:
        self.hal = BoardHal()
        self.clock = Clock(self.hal)
        self.log = BoardLog(NorFlash(blocks), EPOCH)
        self.bank = Bank([QUANTITY_CODES["head_mm"]], {}, 1_000, self.clock, self.hal.ticks_diff)
        self.acked = 0
        self.link = Mqtt(self.hal, LINK, self.bank, self.log, self.clock)
        self.link.on_acknowledge = self._acknowledged
        self.link.identify_as(bytes.fromhex(DEFINITION)[:8], 3)
        self.append(rows)
        self.states: list[bytes] = []

    def append(self, count: int) -> None:
        for _ in range(count):
            self.log.append(Row(0, 1, SYNCED, 1_800_000_000, 0, [Reading(0, 2_500)]))

    def turn(self, ms: int = 0, confirm: bool = True) -> list[Rows]:
        self.hal.now += ms
        self.clock.tick(self.hal.ticks_ms())
        self.link.poll(self.hal.ticks_ms())
        found = []
        for head, body in self.hal.network.packets():
            if head & 0xF0 == 0x30:
                size = int.from_bytes(body[:2], "big")
                topic, payload = body[2 : 2 + size].decode(), body[4 + size :]
                if topic.endswith(local.ROWS):
                    found.append(read_rows(payload))
                else:
                    assert head & 1, "a state is retained"
                    self.states.append(payload)
                if confirm:
                    self.hal.network.say(puback(int.from_bytes(body[2 + size : 4 + size], "big")))
        return found

    def connect(self) -> "World":
        net = self.hal.network
        self.turn()
        self.turn()
        net.say(CONNACK)
        self.turn()
        net.say(SUBACK)
        self.turn()
        return self

    def drain(self, turns: int = 12) -> list[Rows]:
        return [rows for _ in range(turns) for rows in self.turn() if rows.first]

    def say_ack(self, gateway: int, center: int = 0, epoch: int = EPOCH, echo: tuple[int, int] | None = None) -> None:
        self.hal.network.say(message(ACK.encode(), ack(epoch, gateway, center, echo)))

    def scan(self) -> None:
        self.bank.set_value(0, 2_500, GOOD, self.hal.ticks_ms())
        self.link.scanned()

    def _acknowledged(self) -> None:
        self.acked += 1


def seqs(messages: list[Rows]) -> list[int]:
    return [int.from_bytes(row[2:6], "big") for rows in messages for row in rows.packed]


def test_a_birth_says_who_it_is_and_how_far_its_log_reaches():
    world = World(rows=5).connect()
    world.turn()
    (birth,) = [read_state(state) for state in world.states]
    assert birth == (True, EPOCH, 3, 1, 5, DEFINITION[:16], 0)


def test_each_scan_is_told_at_once_with_its_age():
    world = World().connect()
    world.turn()
    world.scan()
    assert world.link.wait_ms() == 0
    (told,) = world.turn(30)
    assert told.now is not None
    assert [tuple(slot) for slot in told.now] == [(QUANTITY_CODES["head_mm"], GOOD, 2_500, 30)]
    assert world.link.wait_ms() == -1
    assert world.turn(500) == []


def test_now_values_from_the_time_without_a_broker_are_not_told_afterwards():
    world = World()
    world.scan()
    world.connect()
    assert [told for _ in range(4) for told in world.turn()] == []


def test_rows_go_out_oldest_first_up_to_the_window_and_on_with_each_acknowledgement():
    world = World(rows=600).connect()
    sent = world.drain()
    assert len(sent) == WINDOW
    assert seqs(sent) == list(range(1, sent[-1].last + 1))
    assert all(len(b"".join(rows.packed)) > local.ROWS_BYTES_MAX - 40 for rows in sent)
    world.say_ack(sent[1].last)
    more = world.drain()
    assert len(more) == 2
    assert more[0].first == sent[-1].last + 1
    assert world.acked == 1


def test_what_is_not_acknowledged_is_sent_again_after_growing_times_until_it_is():
    world = World(rows=3).connect()
    assert seqs(world.drain()) == [1, 2, 3]
    waits = []
    for _ in range(6):
        before_ms = world.hal.now
        while not (again := world.turn(250)):
            world.hal.network.say(b"\xd0\x00")
        assert seqs(again) == [1, 2, 3]
        waits.append(world.hal.now - before_ms)
    assert [round(ms, -3) for ms in waits] == [RESEND_MS, 10_000, 20_000, 40_000, RESEND_MAX_MS, RESEND_MAX_MS]
    world.say_ack(3)
    world.turn()
    world.append(1)
    assert seqs(world.turn()) == [4]
    before_ms = world.hal.now
    while not world.turn(250):
        pass
    assert round(world.hal.now - before_ms, -3) == RESEND_MS


def test_a_gateway_that_has_less_than_before_gets_it_again():
    world = World(rows=9).connect()
    world.drain()
    world.say_ack(9)
    assert world.drain() == []
    world.say_ack(4)
    assert world.drain() == []
    assert world.turn(LESS_MS) == []
    again = world.turn(1)
    assert seqs(again) == [5, 6, 7, 8, 9]
    assert world.log.gateway_has == 4


def test_a_gateway_that_lacks_rows_gets_them_however_often_another_one_acknowledges():
    world = World(rows=400).connect()
    world.say_ack(400)
    world.drain()
    world.say_ack(0)  # A second gateway that has just come.
    again = []
    for _ in range(20):
        world.append(1)
        again += [rows for rows in world.turn(250) if rows.first]
        world.say_ack(world.log.head)
    assert set(seqs(again)) >= set(range(1, 401))
    assert len(seqs(again)) < 500


def test_a_gateway_that_has_more_than_was_sent_is_not_sent_it():
    world = World(rows=600).connect()
    world.drain()
    world.say_ack(590)
    assert seqs(world.drain()) == list(range(591, 601))


def test_after_a_lost_connection_everything_above_the_watermark_is_sent_again():
    world = World(rows=9).connect()
    world.drain()
    world.say_ack(6)
    world.turn()
    world.hal.network.end()
    world.turn()
    world.hal.now += 2_000
    world.connect()
    assert seqs(world.drain()) == [7, 8, 9]
    assert len(world.states) == 2


def test_rows_that_are_gone_are_told_by_where_the_message_begins():
    world = World(blocks=4)
    while world.log.tail <= 1:
        world.append(1)
    (first, *_) = world.connect().drain()
    assert first.first == 1
    assert first.gone[0] == (1, world.log.tail - 1)


class NoUpdate:
    offset = word = slot_word = counter = 0

    def take(self, offset: int, data: bytes) -> int:
        return 3

    def order(self, order: int) -> int:
        return 3


def test_a_link_knows_for_a_moment_that_a_package_comes():
    world = World()
    world.link.serve_update(NoUpdate())
    for answer in (b"", CONNACK, b"\x90\x04\x00\x01\x00\x00"):
        world.turn()
        world.hal.network.say(answer)
    world.drain(4)
    assert not world.link.is_updated()
    topic = local.topic(STATION, SERIAL, local.UPDATE).encode()
    world.hal.network.say(message(topic, bytes(Encoder(40).encode({0: 1, 15: 0, 16: b"x"}))))
    world.turn()
    assert world.link.is_updated()
    world.turn(UPDATE_PAUSE_MS)
    assert world.link.is_updated()
    world.turn(1)
    assert not world.link.is_updated()


REFUSED = {
    "another epoch": ack(EPOCH + 1, 2, 0, None),
    "more than there is": ack(EPOCH, 4, 0, None),
    "nonsense": b"\xff",
    "a list": bytes(Encoder(9).encode([1])),
    "another major version": bytes(Encoder(40).encode({0: 2, 1: EPOCH, 12: 2, 13: 0})),
    "no watermark": bytes(Encoder(40).encode({0: 1, 1: EPOCH, 13: 0})),
    "a watermark that is text": bytes(Encoder(40).encode({0: 1, 1: EPOCH, 12: "2", 13: 0})),
    "a negative watermark": bytes(Encoder(40).encode({0: 1, 1: EPOCH, 12: -2, 13: 0})),
    "a watermark that is true": bytes(Encoder(40).encode({0: 1, 1: EPOCH, 12: True, 13: 0})),
}


@pytest.mark.parametrize("name", REFUSED)
def test_an_acknowledgement_that_cannot_be_is_refused_and_changes_nothing(name):
    world = World(rows=3).connect()
    world.turn()
    world.hal.network.say(message(ACK.encode(), REFUSED[name]))
    world.turn()
    assert (world.log.gateway_has, world.link.refused, world.link.acks, world.acked) == (0, 1, 0, 0)
    assert world.link.client.up


def test_the_time_comes_with_half_of_the_way_there_and_back():
    world = World().connect()
    world.turn(1_000)
    up_ms = world.clock.up_s * 1_000 + world.clock.up_ms
    world.say_ack(0, echo=(up_ms, NOON_MS))
    world.turn(400)
    assert world.clock.unix_s * 1_000 + world.clock.unix_ms == NOON_MS + 200


@pytest.mark.parametrize("way_ms", [-1, WAY_MS_MAX + 1])
def test_a_time_that_was_too_long_under_way_or_answers_no_question_is_not_taken(way_ms):
    world = World().connect()
    world.turn(5_000)
    up_ms = world.clock.up_s * 1_000 + world.clock.up_ms
    world.say_ack(0, echo=(up_ms - way_ms, NOON_MS))
    world.turn()
    assert world.clock.steps == 0


# The whole board.


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


def link_to(broker: Broker) -> dict[str, Any]:
    return {"kind": "mqtt", "host": "127.0.0.1", "port": broker.port, "station": STATION}


def made(board: BoardProcess) -> set[tuple[int, int, int]]:
    board.stats()  # Rows that it reported before its answer are in.
    return {(epoch, seq, crc) for epoch, seq, crc in board.rows}


def test_a_real_board_tells_values_and_rows_and_believes_acknowledgements(tmp_path, broker):
    with Listener(broker.port) as heard, BoardProcess(tmp_path, rate=60, row_s=10, link=link_to(broker)) as board:
        heard.until(lambda: len(heard.rows) > 3 and True in heard.states)
        newest = heard.rows[-1]
        assert newest.now is not None
        assert [slot.code for slot in newest.now] == [QUANTITY_CODES[n] for n in ("head_mm", "rain_um", "supply_mv")]
        heard.say_ack(board.epoch, 0, 0, (newest.up_ms, NOON_MS))
        heard.until(lambda: heard.rows[-1].unix_ms and heard.rows[-1].head >= 3)
        heard.until(lambda: len(heard.crcs()) >= 3)
        heard.say_ack(board.epoch, 3, 2, None)
        while (stats := board.stats())["gateway_has"] != 3:
            pass
        assert (stats["center_has"], stats["acks_refused"], stats["losses"]) == (2, 0, 0)
        assert made(board) >= heard.crcs()
        board.kill()
        heard.until(lambda: heard.states[-1] is False)


def test_a_real_board_without_broker_goes_on_measuring_and_delivers_afterwards(tmp_path):
    own = Broker(tmp_path / "broker")
    own.start()
    own.kill()
    with BoardProcess(tmp_path, rate=60, row_s=10, link=link_to(own)) as board:
        for losses in (0, 1):
            board.expect_rows(len(board.rows) + 2)
            own.start()
            with Listener(own.port) as heard:
                heard.until(lambda: heard.crcs() >= {tuple(row) for row in board.rows})
            stats = board.stats()
            assert (stats["connects"], stats["losses"]) == (losses + 1, losses)
            own.kill()
        assert stats["scan_ms_max"] < 2_000, "no network makes a scan wait"
    own.stop()


def test_a_broker_by_name_stops_the_start_because_a_board_looks_up_no_names(tmp_path, broker):
    board = BoardProcess(tmp_path, link={**link_to(broker), "host": "broker.local"})
    with pytest.raises(TimeoutError, match=r"link.host: an IPv4 address"):
        board.start()
    board.stop()


@pytest.mark.parametrize("key", ["host", "port", "station"])
def test_a_link_that_is_not_whole_stops_the_start_by_name(tmp_path, key, broker):
    link = link_to(broker)
    del link[key]
    board = BoardProcess(tmp_path, link=link)
    with pytest.raises(TimeoutError, match=f"link.{key}: missing"):
        board.start()
    board.stop()
    assert json.loads(unpack_twin((tmp_path / "board.1").read_bytes()) or b"")["link"] == link
