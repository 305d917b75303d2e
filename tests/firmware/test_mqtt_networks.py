"""A real board, a real mosquitto and a bad network between: it measures on, its memory holds, every row arrives."""

import socket
import time
from collections.abc import Callable

import pytest

from tests.firmware.board_process import LIMIT_S, SERIAL, BoardProcess
from tests.firmware.listener import STATION, Listener
from tools.broker import Broker
from tools.broker_access import new_password, write_access
from tools.emulator.bad_network import BadNetwork, Fate

pytestmark = pytest.mark.long

RATE = 5  # A scan is 200 ms of the machine's: whoever blocks for so long is seen.
NET_RATE = 20  # Time-outs of the link in twentieths.
PATIENCE_S = 60

CUTS = [Fate("cut", up, after) for up, after in ((True, 0), (True, 1), (True, 30), (True, 160), (True, 230))]
CUTS += [Fate("reset", up, after) for up, after in ((True, 0), (False, 3), (False, 4), (False, 8), (True, 400))]
STALLS = [Fate("silent"), Fate("stall", False, 0), Fate("stall", False, 4), Fate("half", True, 200)]
STALLS += [Fate("half", False, 9), Fate("stall", True, 500)]
GARBLES = [
    Fate("garble", False, 0, b"\xff" * 40),
    Fate("garble", False, 4, b"\x34\x0a\x00\x05topic\x00\x07x"),  # A message at quality 2.
    Fate("garble", False, 9, b"\x30\xff\xff\xff\x7f"),  # A message of 256 MiB.
    Fate("garble", False, 9, b"\x30\xff\xff\xff\xff\x01"),
    Fate("garble", False, 13, b"\x20\x02\x00\x00\x40\x02\x00\x09"),
    Fate("garble", True, 300, bytes(range(64))),
    Fate("drip", False),
]


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    with Broker(tmp_path_factory.mktemp("broker")) as started:
        yield started


def board_at(folder, port: int, **login: str) -> BoardProcess:
    link = {"kind": "mqtt", "host": "127.0.0.1", "port": port, "station": STATION, **login}
    return BoardProcess(folder, RATE, NET_RATE, link=link, row_s=2)


def until(condition: Callable[[], bool], board: BoardProcess) -> None:
    end_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end_s, board.stats()


def all_known(board: BoardProcess) -> bool:
    stats = board.stats()
    return stats["up"] and stats["gateway_has"] >= stats["head"] - 1 > 0


@pytest.mark.parametrize("fates", [CUTS, STALLS, GARBLES], ids=["cut", "stalled", "garbled"])
def test_through_connections_that_break_every_row_arrives_and_no_scan_is_missed(tmp_path, broker, fates):
    with (
        Listener(broker.port, keeps=True) as heard,
        BadNetwork(lambda: broker.port, fates) as way,
        board_at(tmp_path, way.port) as board,
    ):
        until(lambda: board.stats()["scans"] > 3, board)
        before = board.stats()["heap_low"]
        until(lambda: not way.fates and all_known(board), board)
        board.expect_rows(len(board.rows) + 1)
        until(lambda: set(heard.kept.items()) >= {((e, s), c) for e, s, c in board.rows[:-1]}, board)
        stats = board.stats()
    assert way.connections >= len(fates)
    assert way.broken >= len(fates) - 3  # A silent one, and one that drips, are no breaks; one may come too late.
    assert stats["scans_skipped"] == 0, stats
    assert stats["heap_low"] > before - 4_096
    assert set(heard.kept) <= {(epoch, seq) for epoch, seq, _ in board.rows}


def test_a_dead_connection_is_ended_by_the_keepalive_and_its_will_tells(tmp_path, broker):
    with (
        Listener(broker.port, keeps=True) as heard,
        BadNetwork(lambda: broker.port) as way,
        board_at(tmp_path, way.port) as board,
    ):
        until(lambda: all_known(board), board)
        way.strike(Fate("stall"))
        until(lambda: not board.stats()["up"], board)  # It finds out,
        way.heal()
        heard.until(lambda: False in heard.states)  # the broker tells,
        until(lambda: all_known(board), board)
        heard.until(lambda: heard.states[-1] is True)  # and it is back.
        assert board.stats()["scans_skipped"] == 0


def test_a_broker_that_starts_anew_has_forgotten_all_and_gets_everything(tmp_path):
    own = Broker(tmp_path / "broker")
    own.start()
    with BadNetwork(lambda: own.port) as way, board_at(tmp_path, way.port) as board:
        for _ in range(3):
            with Listener(own.port, keeps=True) as heard:
                board.expect_rows(len(board.rows) + 2)
                until(lambda kept=heard.kept: set(kept.items()) >= {((e, s), c) for e, s, c in board.rows[-2:]}, board)
                own.kill()
                own.start()
                until(lambda: all_known(board), board)
                heard.until(lambda states=heard.states: states[-1] is True)
        assert board.stats()["scans_skipped"] == 0
    own.stop()


def test_six_hours_without_a_network_are_all_in_the_log_and_are_told_afterwards(tmp_path, broker):
    with BadNetwork(lambda: broker.port) as way:
        way.strike(Fate("reset"))
        link = {"kind": "mqtt", "host": "127.0.0.1", "port": way.port, "station": STATION}
        board = BoardProcess(tmp_path, 2_000, NET_RATE, link=link, scan_ms=10_000, row_s=60)
        with board, Listener(broker.port, keeps=True) as heard:
            board.expect_rows(6 * 60)
            stats = board.stats()
            assert (stats["tail"], stats["overwritten"], stats["connects"]) == (1, 0, 0)
            assert heard.kept == {}
            way.heal()
            board.set_rate(60)
            board.expect_rows(len(board.rows) + 1)
            until(lambda: set(heard.kept.items()) >= {((e, s), c) for e, s, c in board.rows[:360]}, board)
            assert board.stats()["overwritten"] == 0
            assert heard.bad == 0


def test_a_board_proves_who_it_is_and_one_that_cannot_goes_on_measuring(tmp_path):
    own = Broker(tmp_path / "broker")
    passwords = {SERIAL: new_password()}
    gateway = ("gateway", new_password())
    own.access = write_access(own.folder, STATION, passwords, dict([gateway]))
    own.start()
    with BadNetwork(lambda: own.port) as way, Listener(own.port, keeps=True, login=gateway) as heard:
        login = {"username": SERIAL, "password": passwords[SERIAL]}
        with board_at(tmp_path, way.port, **login) as board:
            until(lambda: all_known(board), board)
            board.kill()
            heard.until(lambda: heard.states[-1] is False)
        for wrong in ({"password": "another-password"}, {"username": "00112233445566bb"}, {"username": ""}):
            with board_at(tmp_path, way.port, **{**login, **wrong}) as board:
                until(lambda board=board: board.stats()["broker_refused"] > 1, board)
                board.expect_rows(2)
                stats = board.stats()
            assert (stats["connects"], stats["scans_skipped"]) == (0, 0)
    own.stop()


def no_answer() -> tuple[socket.socket, list[socket.socket], int]:
    """A port whose queue is full: connecting hangs as towards a station that is out of reach."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=0)
    port = listener.getsockname()[1]
    waiting = []
    for _ in range(8):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(("127.0.0.1", port))
        waiting.append(one)
    return listener, waiting, port


@pytest.mark.parametrize("host", ["127.0.0.1", "240.0.0.1", "255.255.255.255", "0.0.0.0", "300.1.1.1"])
def test_a_way_that_is_refused_or_not_there_costs_no_scan(tmp_path, host):
    link = {"kind": "mqtt", "host": host, "port": 9, "station": STATION}
    with BoardProcess(tmp_path, RATE, NET_RATE, link=link, row_s=2) as board:
        board.expect_rows(3)
        stats = board.stats()
    assert (stats["scans_skipped"], stats["connects"], stats["up"]) == (0, 0, False)
    assert stats["scans"] >= 4


def test_a_way_that_hangs_is_given_up_in_time_and_tried_again(tmp_path):
    listener, waiting, port = no_answer()
    with board_at(tmp_path, port) as board:
        board.expect_rows(2)
        assert not board.stats()["up"]
        for one in waiting:
            one.close()
        listener.settimeout(LIMIT_S)
        hello = b""
        while not hello.startswith(b"\x10"):  # The first ones in the queue are ours, and say nothing.
            taken, _ = listener.accept()
            taken.settimeout(2)
            hello = taken.recv(100)
        assert board.stats()["scans_skipped"] == 0
    listener.close()
