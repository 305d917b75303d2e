"""A station's broker with passwords and rights, as mosquitto itself judges: each board speaks for itself alone."""

import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.enums import CallbackAPIVersion

from tools.broker import Broker
from tools.broker_access import BOARD_HEARS, BOARD_SAYS, new_password, password_line, rights, write_access
from wire import local

ONE, OTHER = "00112233445566aa", "00112233445566bb"
LIMIT_S = 10


class Access:
    def __init__(self, folder) -> None:
        self.boards = {ONE: new_password(), OTHER: new_password()}
        self.gateways = {"gateway": new_password(), "second": new_password()}
        self.broker = Broker(folder)
        self.broker.access = write_access(folder, "CYB01", self.boards, self.gateways)

    def client(self, name: str = "", will: str = "", password: str = "") -> "Client":
        return Client(self.broker.port, name, password or {**self.boards, **self.gateways}.get(name, ""), will)


class Client:
    """Connects; `code` is the broker's answer. What it hears is in `heard`."""

    def __init__(self, port: int, name: str, password: str, will: str = "", identifier: str = "") -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.code = -1
        self.up = False
        self._news = threading.Condition()
        self.mqtt = paho.Client(CallbackAPIVersion.VERSION2, identifier, reconnect_on_failure=False)
        if name:
            self.mqtt.username_pw_set(name, password)
        if will:
            self.mqtt.will_set(will, b"dead", 1)
        self.mqtt.on_connect = self._connected
        self.mqtt.on_disconnect = self._gone
        self.mqtt.on_message = self._take
        self.mqtt.on_subscribe = lambda *_: self._tell("subscribed", True)
        self.subscribed = False
        self.mqtt.connect("127.0.0.1", port)
        self.mqtt.loop_start()
        self.until(lambda: self.code >= 0)

    def hear(self, topic: str) -> "Client":
        self.subscribed = False
        self.mqtt.subscribe(topic, 1)
        self.until(lambda: self.subscribed)
        return self

    def say(self, serial: str, leaf: str, payload: bytes) -> None:
        self.mqtt.publish(local.topic("CYB01", serial, leaf), payload, 1).wait_for_publish(LIMIT_S)

    def until(self, condition: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(condition, LIMIT_S), (self.code, self.heard)

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()

    def break_off(self) -> None:
        """As a board without power."""
        sock = self.mqtt.socket()
        assert sock is not None
        self.mqtt.loop_stop()
        sock.close()

    def _tell(self, name: str, value: object) -> None:
        with self._news:
            setattr(self, name, value)
            self._news.notify_all()

    def _connected(self, client, userdata, flags, code, properties) -> None:
        self.up = not code.is_failure
        self._tell("code", code.value)

    def _gone(self, client, userdata, flags, code, properties) -> None:
        self._tell("up", False)

    def _take(self, client, userdata, message) -> None:
        with self._news:
            self.heard.append((message.topic, message.payload))
            self._news.notify_all()


@pytest.fixture
def access(tmp_path) -> Iterator[Access]:
    made = Access(tmp_path)
    with made.broker:
        yield made


def test_a_board_says_what_is_its_own_and_hears_its_own_answers(access):
    gateway = access.client("gateway").hear("rp/1/CYB01/board/#")
    board = access.client(ONE).hear(local.topic("CYB01", ONE, "+"))
    for leaf in BOARD_SAYS:
        board.say(ONE, leaf, leaf.encode())
    gateway.until(lambda: len(gateway.heard) == len(BOARD_SAYS))
    for leaf in BOARD_HEARS:
        gateway.say(ONE, leaf, leaf.encode())
    board.until(lambda: len(board.heard) == len(BOARD_HEARS))
    assert {topic for topic, _ in board.heard} == {local.topic("CYB01", ONE, leaf) for leaf in BOARD_HEARS}


def test_a_board_speaks_for_no_other_and_hears_nothing_of_it(access):
    gateway = access.client("gateway").hear("rp/1/CYB01/board/#")
    other = access.client(OTHER).hear(local.topic("CYB01", OTHER, "#"))
    board = access.client(ONE).hear("#").hear("rp/1/CYB01/board/+/ack").hear(local.topic("CYB01", OTHER, "#"))
    for leaf in (*BOARD_SAYS, *BOARD_HEARS):
        board.say(OTHER, leaf, b"forged")  # The broker confirms it, and drops it.
    for leaf in BOARD_HEARS:
        board.say(ONE, leaf, b"to myself")
        gateway.say(OTHER, leaf, b"true")
    board.say(ONE, local.ROWS, b"last")
    gateway.until(lambda: (local.topic("CYB01", ONE, local.ROWS), b"last") in gateway.heard)
    other.until(lambda: len(other.heard) == len(BOARD_HEARS))
    assert {payload for _, payload in other.heard} == {b"true"}
    assert {payload for _, payload in gateway.heard} == {b"last"}
    assert board.heard == []


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("", ""),
        (ONE, "wrong-password"),
        (ONE, ""),
        ("gateway", "wrong-password"),
        ("nobody", "x" * 20),
        ("#", "x" * 20),
    ],
)
def test_nobody_else_comes_in(access, name, password):
    client = Client(access.broker.port, name, password)
    assert client.code in (0x87, 0x86)  # Not authorized, as MQTT 5 would say it.
    assert not client.up


def test_a_will_tells_only_of_the_board_itself(access):
    gateway = access.client("gateway").hear("rp/1/CYB01/board/#")
    access.client(ONE, will=local.topic("CYB01", OTHER, local.STATE)).break_off()
    access.client(OTHER, will=local.topic("CYB01", OTHER, local.STATE)).break_off()
    gateway.until(lambda: bool(gateway.heard))
    assert gateway.heard == [(local.topic("CYB01", OTHER, local.STATE), b"dead")]


def test_no_board_ends_another_ones_connection_by_taking_its_identifier(access):
    first = Client(access.broker.port, ONE, access.boards[ONE], identifier="rp-" + ONE)
    thief = Client(access.broker.port, OTHER, access.boards[OTHER], identifier="rp-" + ONE)
    assert thief.up
    thief.hear(local.topic("CYB01", OTHER, "#"))  # Whatever the broker did with the first, it has done by now.
    assert first.hear(local.topic("CYB01", ONE, "#")).up


def test_two_gateways_hear_the_same_board(access):
    gateways = [access.client(name).hear("rp/1/CYB01/board/+/rows") for name in access.gateways]
    access.client(ONE).say(ONE, local.ROWS, b"x")
    for gateway in gateways:
        gateway.until(lambda gateway=gateway: bool(gateway.heard))


def test_a_gateway_says_nothing_in_the_name_of_a_board(access):
    gateway, second = access.client("gateway"), access.client("second").hear("rp/1/CYB01/board/#")
    for leaf in BOARD_SAYS:
        gateway.say(ONE, leaf, b"forged")
    access.client(ONE).say(ONE, local.ROWS, b"true")
    second.until(lambda: bool(second.heard))
    assert [payload for _, payload in second.heard] == [b"true"]


def test_a_board_that_is_added_comes_in_after_a_reload_and_one_that_is_taken_out_does_not(access, tmp_path):
    new = "00112233445566cc"
    boards = {new: new_password(), OTHER: access.boards[OTHER]}
    write_access(tmp_path, "CYB01", boards, access.gateways)
    access.broker.reload()
    assert any(Client(access.broker.port, new, boards[new]).up for _ in range(100))  # When it comes to the signal.
    assert access.client(OTHER).up
    assert not access.client(ONE).up


def test_no_password_stands_in_a_file_and_the_files_are_for_their_owner_alone(access, tmp_path):
    for name in ("passwords", "rights"):
        path = tmp_path / name
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert not any(secret in path.read_text() for secret in {**access.boards, **access.gateways}.values())


def test_the_same_password_makes_another_line_for_each_board():
    assert (
        password_line(ONE, "secret-secret").split("$", 1)[1] != password_line(OTHER, "secret-secret").split("$", 1)[1]
    )
    assert new_password() != new_password()


@pytest.mark.parametrize("bad", ["", "gateway\nuser x", "+", "#", "a/b", ONE.upper(), ONE + "0", " " + ONE])
def test_a_name_that_could_be_read_as_something_else_is_refused(tmp_path, bad):
    with pytest.raises(ValueError):
        write_access(tmp_path, "CYB01", {bad: new_password()}, {})
    if bad != ONE.upper() and bad != ONE + "0":
        with pytest.raises(ValueError):
            write_access(tmp_path, "CYB01", {}, {bad: new_password()})
        with pytest.raises(ValueError):
            write_access(tmp_path, bad, {}, {})
    with pytest.raises(ValueError):
        write_access(tmp_path, "CYB01", {}, {ONE: new_password()})
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=20))
def test_a_password_is_refused_without_being_told(password):
    if all("!" <= sign <= "~" for sign in password) and len(password) >= 8:
        return
    with pytest.raises(ValueError) as refused:
        write_access(Path("/nowhere"), "CYB01", {ONE: password}, {})
    assert str(refused.value) == f"the password of {ONE} is not 8 to 64 letters, digits and signs"


def test_each_name_has_its_own_rights_and_no_wildcard_that_reaches_further():
    lines = rights("CYB01", {ONE: "", OTHER: ""}, {"gateway": ""})
    of_one = lines[lines.index(f"user {ONE}") + 1 : lines.index(f"user {OTHER}")]
    assert len(of_one) == len(BOARD_SAYS) + len(BOARD_HEARS)
    assert all(f"/{ONE}/" in line and "+" not in line and "#" not in line for line in of_one)
