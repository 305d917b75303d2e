"""What the gateway thinks of a board on Wi-Fi: is it there, how old is what it says, does it need the time?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Channel, Source
from gateway.local_messages import Rows, Slot, State
from gateway.wifi_board import CLOCK_MISSES, LOST_MS_MIN, Transit, WifiBoard
from tests.gateway.fake_bus import FakeStation
from tests.gateway.small_station import EPOCH, HandClock
from wire.reading import FAIL, GOOD, MISSING, NEVER, QUANTITY_CODES, SYNCED

COLUMNS = ("head_mm", "supply_mv")
HEAD, SUPPLY = (QUANTITY_CODES[name] for name in COLUMNS)
NOW = [Slot(HEAD, GOOD, 2_500, 30), Slot(SUPPLY, GOOD, 12_000, 30)]
START_MS = 1_717_200_000_000


class World:
    def __init__(self, definition: str = "", report_s: int = 0) -> None:
        self.clock = HandClock(START_MS)
        self.station = FakeStation()
        channels = tuple(Channel(f"gauge.{column}", "gauge", n, column) for n, column in enumerate(COLUMNS))
        source = Source(
            "gauge", "local", 0, board_type="esp32-wifi", serial="00112233445566aa", channels=channels,
            definition=definition, report_s=report_s,
        )  # fmt: skip
        self.board = WifiBoard(source, 1_000, self.clock, self.station)
        self.up_ms = 0

    def hear(self, now=NOW, passed_ms=1_000, delay_ms=0, epoch=EPOCH, time_quality=SYNCED, off_ms=0) -> Rows:
        """A message that the board sent `passed_ms` after the one before, and that came `delay_ms` late."""
        self.clock.now_ms += passed_ms
        self.up_ms += passed_ms
        unix_ms = None if time_quality == NEVER else self.clock.unix_ms() + off_ms
        self.clock.now_ms += delay_ms
        message = Rows(epoch, self.up_ms, unix_ms, time_quality, 0, 0, now, 0, [], [], 0)
        self.new_log = self.board.hear(message)
        self.clock.now_ms -= delay_ms
        return message

    def values(self):
        return [(word.value, word.quality, word.age_ms) for word in self.station.now["gauge"][-1]]


def test_now_values_reach_the_judge_with_their_age():
    world = World()
    world.hear()
    assert world.values() == [(2_500, GOOD, 30), (12_000, GOOD, 30)]
    assert world.station.has("serial", "gauge", "00112233445566aa")


def test_what_lay_in_a_buffer_is_as_old_as_its_way_was_long():
    world = World()
    for _ in range(3):
        world.hear()
    world.hear(delay_ms=20_000)
    assert 20_030 - 5 <= world.values()[0][2] <= 20_030
    world.hear()
    assert world.values()[0][2] == 30


def test_a_restarted_board_is_not_taken_for_one_that_is_late():
    world = World()
    world.hear(passed_ms=500_000)
    world.up_ms = 0
    world.hear()
    assert world.values()[0][2] == 30


@given(st.lists(st.integers(0, 60_000), min_size=1, max_size=30), st.integers(-150, 150))
def test_a_delay_is_never_negative_and_never_more_than_the_way_for_clocks_that_drift_apart(delays, drift_ppm):
    transit = Transit()
    sent_ms = now_ms = 0
    for delay_ms in delays:
        sent_ms += 1_000_000
        now_ms += 1_000_000 + drift_ppm
        assert 0 <= transit.delay_ms(sent_ms, now_ms + delay_ms) <= delay_ms


BAD_SLOTS = {
    "one too few": NOW[:1],
    "in another order": NOW[::-1],
    "of another quantity": [NOW[0]._replace(code=SUPPLY), NOW[1]],
}


@pytest.mark.parametrize("name", BAD_SLOTS)
def test_now_values_of_another_board_json_are_missing_and_a_fault(name):
    world = World()
    world.hear(now=BAD_SLOTS[name])
    assert [flag for _, flag, _ in world.values()] == [MISSING, MISSING]
    assert world.station.has("sensor fault", "gauge")


def test_a_value_out_of_range_fails_and_one_without_number_is_missing():
    world = World()
    world.hear(now=[NOW[0]._replace(value=-2_000_000_000), NOW[1]._replace(value=None, quality=MISSING)])
    assert [flag for _, flag, _ in world.values()] == [FAIL, MISSING]
    assert not world.station.has("sensor fault")


def test_a_message_of_rows_alone_says_nothing_of_the_present():
    world = World()
    world.hear(now=None)
    assert world.station.looks("gauge") == 0


def test_a_board_that_is_silent_is_lost_once_and_back_with_its_next_message():
    world = World()
    world.hear()
    world.clock.now_ms += LOST_MS_MIN
    world.board.look("it is not heard")
    assert not world.station.has("lost")
    world.clock.now_ms += 1
    for _ in range(3):
        world.board.look("it is not heard")
    assert world.station.told.count(("lost", "gauge", "it is not heard")) == 1
    world.hear()
    world.board.look("it is not heard")
    assert world.station.told[-1] == ("back", "gauge")


def test_a_board_that_was_never_heard_is_lost_too():
    world = World()
    world.clock.now_ms += LOST_MS_MIN + 1
    world.board.look("it is not heard")
    assert world.station.has("lost", "gauge")


def test_its_last_will_makes_it_lost_at_once():
    world = World()
    world.hear()
    world.board.death("it has left")
    assert world.station.told[-1] == ("lost", "gauge", "it has left")


def test_another_log_is_noticed():
    world = World()
    world.hear()
    assert world.new_log
    world.hear()
    assert not world.new_log
    world.hear(epoch=EPOCH + 1)
    assert world.new_log


def test_another_board_json_than_the_stations_is_a_fault():
    world = World(definition="ab" * 32)
    world.board.birth(State(True, EPOCH, 1, 0, 0, "ab" * 8))
    assert not world.station.has("sensor fault")
    world.board.birth(State(True, EPOCH, 1, 0, 0, "cd" * 8))
    assert world.station.has("sensor fault", "gauge")


def test_a_board_without_time_is_told_it_at_once_and_again_soon():
    world = World()
    assert world.board.needs_time(world.hear(time_quality=NEVER))
    assert not world.board.needs_time(world.hear(time_quality=NEVER))
    assert world.board.needs_time(world.hear(time_quality=NEVER))


def test_a_board_whose_clock_is_right_is_told_the_time_every_ten_minutes():
    world = World()
    told = [second for second in range(1_300) if world.board.needs_time(world.hear())]
    assert told == [0, 600, 1_200]


def test_a_board_whose_clock_is_wrong_is_told_the_time_every_half_minute():
    world = World()
    world.board.needs_time(world.hear())
    told = [second for second in range(100) if world.board.needs_time(world.hear(off_ms=400))]
    assert told == [29, 59, 89]


def test_a_late_message_is_no_wrong_clock():
    world = World()
    assert world.board.needs_time(world.hear())
    world.hear(passed_ms=40_000)
    assert not world.board.needs_time(world.hear(delay_ms=3_000))


def test_a_clock_that_takes_no_time_is_a_fault_told_once():
    world = World()
    for _ in range(10 * CLOCK_MISSES):
        world.board.needs_time(world.hear(time_quality=NEVER))
    assert [told[0] for told in world.station.told].count("sensor fault") == 1


def test_a_gateway_without_time_tells_none():
    world = World()
    world.clock.now_ms = 5_000
    assert not world.board.needs_time(world.hear(time_quality=NEVER))


REPORT_S = 1_800


class Sleeper(World):
    """A board that reports every half hour; `report` is one of its reports, `sleep` what ends it."""

    def __init__(self) -> None:
        super().__init__(report_s=REPORT_S)

    def birth(self, next_ms: int = 0) -> None:
        self.board.birth(State(True, EPOCH, 1, 0, 0, "", next_ms))

    def report(self) -> None:
        self.birth()
        for _ in range(3):
            self.hear()
        self.birth(REPORT_S * 1_000 - 5_000)

    def wait(self, seconds: int) -> None:
        for _ in range(seconds // 10):
            self.clock.now_ms += 10_000
            self.up_ms += 10_000
            self.board.look("it is not heard")

    def told(self, kind: str) -> list[tuple[str, ...]]:
        return [one for one in self.station.told if one[0] == kind]


def test_a_board_that_sleeps_is_not_lost_until_it_misses_two_reports():
    world = Sleeper()
    for _ in range(3):
        world.report()
        assert world.board.asleep
        world.wait(REPORT_S)
    assert world.told("lost") == []
    world.wait(REPORT_S)
    assert world.told("lost") == []  # One may be missed.
    world.wait(120)
    assert world.told("lost") == [("lost", "gauge", "it is not heard: it has missed 2 reports")]
    world.report()
    assert world.told("back") == [("back", "gauge")]


def test_what_a_board_said_before_it_fell_asleep_is_not_the_present():
    world = Sleeper()
    world.birth()
    world.hear()
    assert world.told("asleep") == []
    world.birth(60_000)
    assert world.told("asleep") == [("asleep", "gauge")]
    world.wait(60)
    assert len(world.told("asleep")) == 1
    world.report()
    assert len(world.told("asleep")) == 2


@pytest.mark.parametrize("how", ["it only falls silent", "its connection breaks"])
def test_a_report_that_breaks_off_is_no_loss_but_its_values_are_no_present(how):
    world = Sleeper()
    world.birth()
    world.hear()
    if how == "its connection breaks":
        world.board.death("it has left the station's broker")
    world.wait(20)
    assert world.told("asleep") == [("asleep", "gauge")]
    world.wait(REPORT_S)
    assert world.told("lost") == []
    world.wait(REPORT_S + 120)
    assert len(world.told("lost")) == 1


def test_a_gateway_that_starts_knows_from_the_kept_birth_when_a_board_comes_back():
    world = Sleeper()
    world.birth(600_000)
    world.wait(600 + REPORT_S)
    assert world.told("lost") == []
    world.wait(120)
    assert len(world.told("lost")) == 1


def test_a_gateway_that_never_heard_of_a_board_calls_it_lost_after_two_reports():
    world = Sleeper()
    world.wait(2 * REPORT_S)
    assert world.told("lost") == []
    world.wait(120)
    assert len(world.told("lost")) == 1


def test_a_board_that_sleeps_is_told_the_time_with_each_report_and_may_drift():
    world = Sleeper()
    for _ in range(CLOCK_MISSES + 3):
        world.birth()
        asked = [world.board.needs_time(world.hear(off_ms=9_000)) for _ in range(3)]
        assert asked == [True, False, False]
        world.birth(REPORT_S * 1_000)
        world.wait(REPORT_S)
    assert world.told("sensor fault") == []


def test_the_clock_of_its_sleep_makes_no_message_late():
    world = Sleeper()
    for _ in range(20):
        world.report()
        assert world.values()[0][2] <= 31
        world.wait(REPORT_S)
        world.up_ms -= 9_000  # Half a percent.


def test_a_board_that_is_awake_is_lost_by_its_death_as_before():
    world = World()
    world.hear()
    world.board.death("it has left the station's broker")
    assert world.station.has("lost", "gauge", "it has left the station's broker")
