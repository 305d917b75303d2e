"""The board's link over connections that fail in every way, one behind another: nothing is lost or stays stuck."""

import pytest
from bank import Bank
from clock import Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from links import mqtt_client
from links.mqtt import Mqtt
from links.mqtt_client import ANSWER_MS, BACKOFF_MAX_MS, CONNECT_MS
from stats import link_stats

from tests.firmware.fake_net import message
from tests.firmware.listener import ACK, STATION
from tests.firmware.model_broker import FateNet, Gateway, NetFate
from tests.firmware.test_mqtt import EPOCH, BoardHal, World
from wire.reading import QUANTITY_CODES

pytestmark = pytest.mark.long

TURN_MS = 200
SCAN_TURNS = 5
ROW_TURNS = 50
SPOILT_MS_MAX = 2 * CONNECT_MS + 2 * ANSWER_MS + BACKOFF_MAX_MS
MANY_TURNS = 20_000
CALM_TURNS = 3_000

GARBLES = st.one_of(
    st.binary(min_size=1, max_size=40),
    st.sampled_from(
        [
            b"\x34\x0a\x00\x05topic\x00\x07x",  # A message at quality 2,
            b"\x62\x02\x00\x07",  # and what belongs to such.
            b"\x30\xff\xff\xff\x7f",  # A message of 256 MiB.
            b"\x30\xff\xff\xff\xff\x01",  # A length without end.
            b"\x40\x02\x00\x01\x40\x02\x00\x01",  # Confirmations twice, and of what was never sent.
            b"\x20\x02\x00\x00",  # A second greeting.
            b"\xe0\x00",
            message(ACK.encode(), b"\xbf\xff"),
            message(ACK.encode(), b"\x9b" + b"\xff" * 8),
            message(b"\xff\xfe", b""),
        ]
    ),
)
KINDS = ["refused", "unreachable", "silent", "cut", "stall", "half", "garble", "drip", "good"]
AFTER = st.one_of(st.integers(0, 140), st.integers(0, 4_000))
FATES = st.builds(NetFate, st.sampled_from(KINDS), st.booleans(), AFTER, GARBLES)


class FateHal(BoardHal):
    far: FateNet

    def net(self) -> FateNet:  # pyright: ignore[reportIncompatibleMethodOverride] - another network by hand
        return self.far


class Life(World):
    """A board that measures while its connections meet `fates`."""

    def __init__(self, fates: list[NetFate], before: int = 0) -> None:
        super().__init__(before)
        self.gateway = Gateway()
        hal = FateHal()
        self.hal = hal
        self.net = hal.far = FateNet(hal, self.gateway, ACK.encode(), fates)
        self.clock = Clock(hal)
        self.bank = Bank([QUANTITY_CODES["head_mm"]], {}, 1_000, self.clock, hal.ticks_diff)
        link = {"host": "192.168.4.1", "port": 1883, "station": STATION}
        self.link = Mqtt(hal, link, self.bank, self.log, self.clock)
        self.link.on_acknowledge = self._acknowledged
        self.turns = 0

    def live(self, turns: int = 1) -> None:
        for _ in range(turns):
            self.turns += 1
            self.hal.now += TURN_MS
            self.clock.tick(self.hal.ticks_ms())
            self.link.poll(self.hal.ticks_ms())
            if self.turns % SCAN_TURNS == 0:
                self.scan()
            if self.turns % ROW_TURNS == 0:
                self.append(1)
            client = self.link.client
            assert client._end <= mqtt_client.TX_BYTES
            assert client._have <= mqtt_client.RX_BYTES
            assert len(client._flight) <= mqtt_client.IN_FLIGHT_MAX

    def arrived(self) -> bool:
        return len(self.gateway.kept) == self.log.head == self.log.gateway_has

    def until_arrived(self) -> int:
        """Turns until every row is at the gateway, and the board knows."""
        for turn in range(MANY_TURNS):
            self.live()
            # A connection that only drips, or was garbled where it does no harm, goes on: the fates behind it wait.
            over = not self.net.fates_left or turn > CALM_TURNS
            if over and self.arrived() and self.link.client.up:
                return turn
        raise AssertionError(f"not there: {link_stats(self.link)}, {len(self.gateway.kept)} of {self.log.head}")


@settings(max_examples=40, deadline=None)
@given(st.lists(FATES, max_size=7), st.integers(0, 300), st.integers(0, 6))
def test_every_row_arrives_once_whatever_the_connections_meet(fates, before, deaf):
    life = Life(fates, before)
    life.gateway.deaf = deaf
    life.until_arrived()
    kept = {seq for _, seq in life.gateway.kept}
    assert kept == set(range(1, life.log.head + 1))
    assert {epoch for epoch, _ in life.gateway.kept} == ({EPOCH} if kept else set())


@settings(max_examples=40, deadline=None)
@given(FATES)
def test_no_single_fate_holds_the_link_longer_than_its_limits_allow(fate):
    life = Life([fate], 40)
    turns = life.until_arrived()
    assert turns * TURN_MS <= SPOILT_MS_MAX + 30_000, link_stats(life.link)


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("kind", ["cut", "stall", "half"])
def test_a_break_at_any_byte_of_a_whole_conversation_loses_nothing(kind, up):
    whole = Life([], 3)
    whole.until_arrived()
    length = whole.net._passed[up]
    assert length > 20
    greeting = range(30)  # Every byte of the greeting and of the first packets' heads, and some of what follows.
    for after in sorted({*greeting, *range(30, length, 23), length}):
        life = Life([NetFate(kind, up, after)], 3)
        life.until_arrived()
        assert life.link.client.losses <= 1


def test_the_pieces_of_the_model_hold_a_link_that_never_acknowledges_apart_from_one_that_does():
    life = Life([], 3)
    life.gateway.deaf = 1 << 30
    life.live(200)
    assert life.log.gateway_has == 0
    assert life.link.resent > 0
