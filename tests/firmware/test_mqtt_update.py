"""Updates over the station's broker: pieces, orders, and what the board tells of them."""

from pathlib import Path

import cbor2
import pytest
from bank import VERSION
from cddl_verifier import Validator
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.board_process import SERIAL
from tests.firmware.fake_net import CONNACK, message
from tests.firmware.test_mqtt import World as RowsWorld
from tests.firmware.update_board import COUNTER, HEAD_END, OLD, PACKAGE, Board
from wire import local
from wire.registers import (
    ORDER_DROP,
    ORDER_INSTALL,
    UPDATE_IDLE,
    UPDATE_READY,
    UPDATE_RECEIVING,
    UPDATE_REFUSED,
    UPDATE_VERIFYING,
)

CONTRACT = Validator(Path(local.__file__).parent / "local.cddl")
UPDATE = local.topic("CYB01", SERIAL, local.UPDATE).encode()
AT = local.topic("CYB01", SERIAL, local.UPDATE_AT)
BOOT = 3
TURNS_MAX = 2_000


class World(RowsWorld):
    """A board with slots behind a link; `at`: what it said last of the package, of all of which `told` are."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.board = Board(folder)
        self.link.serve_update(self.board.update)
        self.told: list[dict] = []

    def connect(self) -> "World":
        net = self.hal.network
        self.turn()
        self.turn()
        net.say(CONNACK)
        self.turn()
        net.say(b"\x90\x04\x00\x01\x00\x00")  # To both topics.
        self.turn()
        return self

    def turn(self, ms: int = 0, confirm: bool = True) -> list:
        found = super().turn(ms, confirm)
        self.told += [cbor2.loads(state) for state in self.states if local.K_UPDATE_STATE in cbor2.loads(state)]
        assert all(CONTRACT.validate(state).valid for state in self.states)
        self.states = []
        return found

    @property
    def at(self) -> tuple[int, int, int]:
        told = self.told[-1]
        return told[local.K_UPDATE_STATE], told[local.K_UPDATE_OFFSET], told[local.K_UPDATE_CODE]

    def say(self, fields: object, topic: bytes = UPDATE) -> tuple[int, int, int]:
        """Say something to the board; what it answers."""
        payload = fields if isinstance(fields, bytes) else cbor2.dumps(fields, canonical=True)
        self.hal.network.say(message(topic, payload))
        self.turn()
        self.turn()
        return self.at

    def piece(self, offset: int, count: int = local.UPDATE_BYTES_MAX) -> tuple[int, int, int]:
        return self.say({0: 1, 15: offset, 16: PACKAGE[offset : offset + count]})

    def order(self, order: int) -> tuple[int, int, int]:
        return self.say({0: 1, 17: order})


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path).connect()
    made.turn()
    made.turn()
    return made


def test_with_its_birth_a_board_says_what_runs_and_that_there_is_no_package(world):
    (told,) = world.told
    assert told == {0: 1, 10: BOOT, 15: 0, 18: UPDATE_IDLE, 19: 0, 20: 0, 21: 1, 22: list(VERSION)}
    for _ in range(5):
        world.turn(1_000)
    assert len(world.told) == 1


def test_a_package_comes_in_pieces_and_is_installed_by_an_order(world):
    for _ in range(TURNS_MAX):
        state, offset, code = world.at
        if state == UPDATE_READY:
            break
        if state == UPDATE_VERIFYING:
            assert world.piece(min(offset, len(PACKAGE) - 1))[2] == 6
            world.board.finish()
            world.turn()
            assert world.at[0] in (UPDATE_RECEIVING, UPDATE_READY)
        else:
            assert code in (0, 6)
            world.piece(offset)
    assert world.at[:2] == (UPDATE_READY, len(PACKAGE))
    world.order(ORDER_INSTALL)
    assert world.at[2] == 0
    assert world.board.update.restart_due


def test_a_connection_that_breaks_costs_no_piece_that_was_written(world):
    while world.at[1] < HEAD_END - 512:
        world.piece(world.at[1])
    before = world.at[:2]
    world.hal.network.end()
    for _ in range(3):
        world.turn(60_000)
    count = len(world.told)
    world.connect()
    for _ in range(3):
        world.turn()
    assert len(world.told) == count + 1
    assert world.at[:2] == before


def test_a_change_without_anything_asked_is_told(world):
    while world.at[0] != UPDATE_VERIFYING:
        world.piece(world.at[1])
    count = len(world.told)
    world.board.finish()
    world.turn()
    assert world.at[0] == UPDATE_RECEIVING
    assert len(world.told) == count + 1


def test_what_cannot_be_taken_is_answered_with_why(world):
    assert world.piece(512) == (UPDATE_IDLE, 0, 3)
    assert world.order(ORDER_INSTALL) == (UPDATE_IDLE, 0, 3)
    assert world.order(77) == (UPDATE_IDLE, 0, 3)
    world.board.supply_good = False
    assert world.piece(0) == (UPDATE_IDLE, 0, 4)
    assert world.order(ORDER_DROP) == (UPDATE_IDLE, 0, 4)
    world.board.supply_good = True
    assert world.say({0: 1, 15: 0, 16: bytes(512)}) == (0x0100 | UPDATE_REFUSED, 0, 3)
    assert world.order(ORDER_DROP) == (UPDATE_IDLE, 0, 0)


NO_MESSAGE = {
    "no CBOR": b"\xff\x00",
    "a list": [1, 2],
    "another major version": {0: 2, 15: 0, 16: b"RPU1"},
    "neither piece nor order": {0: 1},
    "a piece without its place": {0: 1, 16: b"RPU1"},
    "a place without a piece": {0: 1, 15: 0},
    "an empty piece": {0: 1, 15: 0, 16: b""},
    "a piece that is too long": {0: 1, 15: 0, 16: bytes(local.UPDATE_BYTES_MAX + 1)},
    "a piece of text": {0: 1, 15: 0, 16: "RPU1"},
    "a place below 0": {0: 1, 15: -128, 16: b"RPU1"},
    "a place that is true": {0: 1, 15: True, 16: b"RPU1"},
    "an order that is text": {0: 1, 17: "install"},
}


@pytest.mark.parametrize("name", NO_MESSAGE)
def test_what_is_no_message_for_an_update_is_counted_and_changes_nothing(world, name):
    world.say(NO_MESSAGE[name])
    assert world.link.refused == 1
    assert world.at == (UPDATE_IDLE, 0, 0)
    assert len(world.told) == 1


def test_a_message_to_another_topic_is_counted(world):
    world.say({0: 1, 15: 0, 16: b"RPU1"}, b"rp/1/CYB01/board/0000000000000000/update")
    assert world.link.refused == 1
    assert world.at == (UPDATE_IDLE, 0, 0)


@given(st.lists(st.binary(max_size=600), max_size=5))
def test_no_bytes_on_its_topic_stop_a_board_or_write_anything(tmp_path_factory, payloads):
    world = World(tmp_path_factory.mktemp("board")).connect()
    for payload in payloads:
        world.hal.network.say(message(UPDATE, payload))
        world.turn()
    assert world.link.client.up
    assert world.board.spare() == OLD
    assert world.link.refused == len(payloads)


def test_the_counter_of_what_runs_is_told_after_the_restart(world):
    board = world.board
    assert board.send(PACKAGE) == 0
    board.update.order(ORDER_INSTALL)
    board.restart("b")
    world.link.serve_update(board.update)
    world.turn()
    assert (world.told[-1][local.K_COUNTER], world.told[-1][local.K_SLOT]) == (COUNTER, 0x102)
