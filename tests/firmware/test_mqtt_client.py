"""The board's MQTT client on a network by hand: by the standard, within its limits, and never stuck."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from links import mqtt_client
from links.mqtt_client import ANSWER_MS, BACKOFF_MAX_MS, CONNECT_MS, IN_FLIGHT_MAX, KEEPALIVE_S, STEADY_MS, Client

from tests.firmware.fake_hal import FakeHal
from tests.firmware.fake_net import CONNACK, PINGRESP, SUBACK, FakeNet, message, puback

TOPIC = b"rp/1/CYB01/board/00112233445566aa/ack"


class RandomHal(FakeHal):
    draw = 0xFFFF

    def random(self, count: int) -> bytes:
        return self.draw.to_bytes(count, "big")


class World:
    def __init__(self, login=None) -> None:
        self.hal = RandomHal()
        self.net = FakeNet(self.hal)
        self.client = Client(self.hal, self.net, ("192.168.4.1", 1883), "rp-00112233445566aa", login or {})
        self.client.hear(TOPIC, b"state", b"dead")
        self.heard: list[tuple[bytes, bytes]] = []
        self.client.on_message = lambda topic, payload: self.heard.append((topic, bytes(payload)))

    def poll(self, ms: int = 0) -> None:
        self.hal.now += ms
        self.client.poll()

    def connect(self) -> "World":
        for answer in (b"", CONNACK, SUBACK):
            self.poll()
            self.net.say(answer)
        self.poll()
        self.poll()
        assert self.client.up
        self.net.packets()
        return self


def publish(world: World, topic: bytes, payload: bytes, retain: bool = False) -> bool:
    if world.client.room(len(topic) + len(payload)):
        world.client.place(topic)[: len(payload)] = payload
    return world.client.publish(topic, len(payload), retain)


def test_it_greets_with_a_clean_session_and_a_retained_will_and_subscribes():
    world = World({"username": "board", "password": "secret"})
    world.poll()
    world.poll()
    ((head, connect),) = world.net.packets()
    parts = [b"rp-00112233445566aa", b"state", b"dead", b"board", b"secret"]
    strings = b"".join(len(part).to_bytes(2, "big") + part for part in parts)
    assert head == 0x10
    assert connect == b"\x00\x04MQTT\x04\xee" + KEEPALIVE_S.to_bytes(2, "big") + strings
    world.net.say(CONNACK)
    world.poll()
    assert world.net.packets() == [(0x82, b"\x00\x01" + len(TOPIC).to_bytes(2, "big") + TOPIC + b"\x00")]
    assert not world.client.up
    world.net.say(SUBACK)
    world.poll()
    assert world.client.up


@pytest.mark.parametrize(("login", "flags"), [({"username": "board"}, 0xAE), ({"password": "secret"}, 0x2E)])
def test_a_password_is_never_sent_without_a_name(login, flags):
    world = World(login)
    world.poll()
    world.poll()
    ((_, connect),) = world.net.packets()
    assert connect[7] == flags
    assert b"secret" not in connect


def test_a_message_is_sent_at_quality_one_and_is_in_flight_until_it_is_confirmed():
    world = World().connect()
    sizes = [0, 1, 200, 1_500]
    for size in sizes:
        assert publish(world, b"topic", bytes(size), size == 1)
    sent = world.net.packets()
    assert [head for head, _ in sent] == [0x32, 0x33, 0x32, 0x32]
    assert [len(body) - 9 for _, body in sent] == sizes
    assert len(sizes) == IN_FLIGHT_MAX
    assert not publish(world, b"topic", b"one too many")
    world.net.say(puback(int.from_bytes(sent[0][1][7:9], "big")))
    world.poll()
    assert publish(world, b"topic", b"now")


def test_a_network_that_takes_nothing_fills_the_buffer_and_no_more():
    world = World().connect()
    world.net.room = 100
    sent = 0
    while publish(world, b"topic", bytes(600)):
        sent += 1
    assert sent == 3
    assert world.net.writing
    world.net.room = 1 << 20
    world.poll()
    assert not world.net.writing
    assert [len(body) for _, body in world.net.packets()] == [609] * 3


def test_messages_arrive_whole_however_they_are_cut():
    whole = message(TOPIC, b"first") + message(TOPIC, b"second") + PINGRESP
    for cut in range(1, len(whole)):
        world = World().connect()
        world.net.say(whole[:cut])
        world.poll()
        world.net.say(whole[cut:])
        world.poll()
        assert world.heard == [(TOPIC, b"first"), (TOPIC, b"second")]


@pytest.mark.parametrize("size", [705, 20_000])
def test_a_message_that_is_too_long_is_read_away_and_the_next_one_taken(size):
    world = World().connect()
    world.net.say(message(TOPIC, bytes(size)), message(TOPIC, b"short"))
    for _ in range(20):
        world.poll()
    assert world.heard == [(TOPIC, b"short")]
    assert world.client.skipped == 1
    assert world.client.up


WRONG = {
    "a refusal": [b"\x20\x02\x00\x05"],
    "a confirmation before the greeting": [puback(1)],
    "a message before the greeting": [message(TOPIC, b"x")],
    "a subscription refused": [CONNACK, b"\x90\x03\x00\x01\x80"],
    "a message at quality 1": [CONNACK, SUBACK, b"\x32\x07\x00\x03abc\x00\x01"],
    "a topic longer than its message": [CONNACK, SUBACK, b"\x30\x03\x00\x09a"],
    "a message without topic": [CONNACK, SUBACK, b"\x30\x01\x00"],
    "a length without end": [CONNACK, SUBACK, b"\x30\xff\xff\xff\xff\x01"],
    "a long packet that is none": [CONNACK, SUBACK, b"\x40\xff\x01" + bytes(255)],
    "a second greeting": [CONNACK, SUBACK, CONNACK],
    "a packet of no kind": [CONNACK, SUBACK, b"\xf0\x00"],
    "a request of a client": [CONNACK, SUBACK, b"\xc0\x00"],
}


@pytest.mark.parametrize("name", WRONG)
def test_what_breaks_the_standard_ends_the_connection(name):
    world = World()
    world.poll()
    world.poll()
    for part in WRONG[name]:
        assert world.net.open
        world.net.say(part)
        world.poll()
    assert not world.net.open
    assert not world.client.up


@given(st.lists(st.binary(max_size=40), max_size=6), st.booleans())
def test_garbage_at_any_time_never_raises_and_a_good_broker_is_reached_afterwards(garbage, greeted):
    world = World()
    if greeted:
        world.connect()
    else:
        world.poll()
    for part in garbage:
        world.net.say(part)
        world.poll(10)
    world.net.end()
    for _ in range(4):
        world.poll(0)
    assert not world.net.open
    world.hal.now += BACKOFF_MAX_MS
    world.connect()


def test_pauses_double_to_their_limit_and_are_jittered():
    def pauses(draw):
        world = World()
        world.hal.draw = draw
        world.net.refuse = True
        while len(world.net.attempts) < 12:
            world.poll(50)
        return [later - earlier for earlier, later in zip(world.net.attempts, world.net.attempts[1:], strict=False)]

    longest, shortest = pauses(0xFFFF), pauses(0)
    assert [round(ms, -3) for ms in longest[1:9]] == [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]
    assert max(longest) <= BACKOFF_MAX_MS + 150
    assert all(2 * short <= long + 250 for short, long in zip(shortest, longest, strict=True))


def test_a_connection_that_held_starts_the_pauses_anew():
    world = World()
    world.net.refuse = True
    while len(world.net.attempts) < 9:
        world.poll(50)
    world.net.refuse = False
    world.poll(BACKOFF_MAX_MS)
    world.connect()
    for _ in range(0, STEADY_MS + 1_000, 1_000):
        world.net.say(PINGRESP)
        world.poll(1_000)
    world.net.end()
    world.poll()
    lost_ms = world.hal.now
    count = len(world.net.attempts)
    while len(world.net.attempts) == count:
        world.poll(50)
    assert world.net.attempts[-1] - lost_ms < 1_000


STUCK = {"no connection": (True, []), "no greeting": (False, []), "no subscription": (False, [CONNACK])}


@pytest.mark.parametrize("name", STUCK)
def test_a_broker_that_says_nothing_is_given_up_in_time(name):
    silent, said = STUCK[name]
    world = World()
    world.net.silent = silent
    world.poll()
    world.poll()
    for part in said:
        world.net.say(part)
        world.poll()
    world.poll(CONNECT_MS)
    assert world.net.open
    world.poll(1)
    assert not world.net.open


def test_a_message_that_is_not_confirmed_in_time_ends_the_connection():
    world = World().connect()
    publish(world, b"topic", b"x")
    world.poll(ANSWER_MS)
    assert world.client.up
    world.poll(1)
    assert not world.client.up
    assert world.client.losses == 1


def test_a_quiet_connection_is_pinged_and_ended_without_an_answer():
    world = World().connect()
    world.poll(KEEPALIVE_S * 500 + 1)
    assert world.net.packets() == [(0xC0, b"")]
    world.net.say(PINGRESP)
    world.poll(1_000)
    assert world.net.packets() == []
    world.poll(KEEPALIVE_S * 500)
    assert world.net.packets() == [(0xC0, b"")]
    world.poll(ANSWER_MS + 1)
    assert not world.client.up


def test_packet_identifiers_wrap_and_are_never_zero():
    world = World().connect()
    world.client._last_id = 0xFFFE
    numbers = []
    for _ in range(3):
        publish(world, b"t", b"")
        ((_, body),) = world.net.packets()
        numbers.append(int.from_bytes(body[3:5], "big"))
        world.net.say(puback(numbers[-1]))
        world.poll()
    assert numbers == [0xFFFF, 1, 2]


def test_the_limits_belong_together():
    assert mqtt_client.TX_BYTES >= 1_536 + 64 + mqtt_client.CONTROL_BYTES
    assert mqtt_client.KEEPALIVE_S * 1_000 >= 2 * ANSWER_MS
