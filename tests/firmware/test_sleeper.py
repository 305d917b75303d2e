"""A board that sleeps between its rows, under a real MicroPython: nothing is lost, times are right, limits wake it."""

from collections.abc import Callable

import pytest

from tests.firmware.board_process import BoardProcess
from tests.firmware.listener import STATION, Listener
from tools.broker import Broker
from tools.emulator import flash_dump
from tools.emulator.bad_network import BadNetwork, Fate
from wire.reading import HOLDOVER, NEVER, SYNCED
from wire.resolve import resolve
from wire.row import DATA, Row, unpack

pytestmark = pytest.mark.long

RATE = 10
NET_RATE = 20
UNIX_MS = 1_800_000_000_000
WAKE_S = 1_800
EVERY = 4
DAY_WAKES = 48
DRIFT_PPM = 200
LEARNT = 2 * EVERY + 2


@pytest.fixture
def broker(tmp_path):
    with Broker(tmp_path / "broker") as started:
        yield started


class Night:
    """A sleeping board, a way to spoil, and a gateway that keeps and tells the time."""

    def __init__(self, folder, broker: Broker, report_every: int = EVERY, **plan) -> None:
        self.way = BadNetwork(lambda: broker.port)
        link = {"kind": "mqtt", "host": "127.0.0.1", "port": self.way.port, "station": STATION}
        plan = {"wake_s": WAKE_S, "report_every": report_every, **plan}
        sensors = [{"driver": "pressure_420", "adc": 0, "shunt_mohm": 100_000, "full_scale_mm": 10_000}]
        sl651 = {"level": 0}
        self.board = BoardProcess(folder, RATE, 1, link=link, row_s=60, sleep=plan, sensors=sensors, sl651=sl651)
        self.heard = Listener(broker.port, keeps=True, unix_ms=lambda: self.unix_ms)

    @property
    def unix_ms(self) -> int:
        return UNIX_MS + round(self.board.now_ms())

    def __enter__(self) -> "Night":
        self.way.start()
        self.board.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.board.__exit__()
        self.heard.__exit__()
        self.way.stop()

    def sleep(self, count: int = 1, **how) -> None:
        for _ in range(count):
            self.board.sleep_through(**how)

    def until_heard(self, condition: Callable[[], bool]) -> None:
        self.heard.until(condition)

    def rows(self) -> list[Row]:
        """Data rows of its flash, read by foreign code."""
        found = [unpack(row.packed, row.epoch) for row in flash_dump.read(self.board.folder / "flash")]
        return [row for row in found if row.kind == DATA]

    def off_ms(self, boot: int) -> list[int]:
        """Of each data row of `boot` with a time: what its stamp is off the true time at which the board made it."""
        heard_ms = {(epoch, seq): ms for (epoch, seq, _), ms in zip(self.board.rows, self.board.made_ms, strict=True)}
        rows = [row for row in self.rows() if row.time_quality != NEVER and row.boot == boot]
        return [abs(row.t_s * 1000 + row.ms - UNIX_MS - heard_ms[self.board.epoch, row.seq]) for row in rows]

    def made(self) -> set[tuple[tuple[int, int], int]]:
        return {((epoch, seq), crc) for epoch, seq, crc in self.board.rows}


def test_a_day_of_sleep_with_an_outage_and_a_power_cut_loses_nothing_and_its_times_are_right(tmp_path, broker):
    with Night(tmp_path, broker) as night:
        for wake in range(DAY_WAKES):
            if wake == 14:
                night.way.strike(Fate("reset"))
            elif wake == 26:
                night.way.heal()
            night.sleep(drift_ppm=DRIFT_PPM, power_fails=wake == 33)
        made = night.made()
        night.sleep(EVERY)
        night.until_heard(lambda: set(night.heard.kept.items()) >= made)
        rows = night.rows()
        assert len(rows) >= DAY_WAKES
        for boot in (1, 2):  # Until it has learnt how its sleep errs; it keeps that over the outage.
            off_ms = night.off_ms(boot)
            assert max(off_ms[:LEARNT]) < 1_000 + EVERY * WAKE_S * DRIFT_PPM // 1_000
            assert max(off_ms[LEARNT:]) < 1_000
        synced = [row for row in rows if row.time_quality == SYNCED]
        held = [row for row in rows if row.time_quality == HOLDOVER]
        assert len(held) > DAY_WAKES - 8 > len(synced)
        assert sum(row.t_s % WAKE_S == 0 for row in held) >= len(held) - 2
        assert {row.boot for row in rows} == {1, 2}  # A wake is no start; a power cut is.
        assert night.board.boot == 2


def test_it_takes_leave_and_says_when_it_comes_back(tmp_path, broker):
    with Night(tmp_path, broker) as night:
        night.sleep()  # After power-on it reports its first row,
        night.until_heard(lambda: bool(night.heard.births and night.heard.births[-1].next_ms))
        first = night.heard.births[-1]
        assert (EVERY - 1) * WAKE_S * 1_000 < first.next_ms <= (EVERY * WAKE_S + 60) * 1_000
        births = len(night.heard.births)
        begun_ms = night.board.now_ms()
        night.sleep(EVERY - 1)  # then it wakes and says nothing,
        assert len(night.heard.births) == births
        night.sleep()  # and at the fourth wake it is there again.
        night.until_heard(lambda: len(night.heard.births) == births + 2)
        assert [birth.next_ms > 0 for birth in night.heard.births[-2:]] == [False, True]
        assert night.board.now_ms() - begun_ms < first.next_ms + WAKE_S * 1_000 + 60_000
        assert False not in night.heard.states  # No will was told.
        assert night.board.stats()["boot"] == 1


def test_a_value_beyond_its_limit_is_told_at_the_wake_that_sees_it(tmp_path, broker):
    limits = [{"column": 0, "above": 6_000}, {"column": 0, "below": 1_000}]
    with Night(tmp_path, broker, report_every=300, at_once=limits) as night:
        night.sleep(3)
        night.until_heard(lambda: len(night.heard.kept) >= 1)
        for microvolts, told in ((1_520_000, True), (1_200_000, False), (430_000, True), (1_000_000, False)):
            night.board.world = {"adc": {"0": microvolts}}
            night.sleep()  # It changes while the board sleeps.
            before = len(night.heard.births)
            night.sleep()
            made = night.made()
            if told:
                night.until_heard(lambda made=made: set(night.heard.kept.items()) >= made)
                assert night.heard.rows[-1].now is not None
            assert (len(night.heard.births) > before) is told
        values = [slot.value for rows in night.heard.rows if rows.now for slot in rows.now]
        assert max(value for value in values if value is not None) > 6_000


def test_a_gateway_that_never_acknowledges_keeps_it_awake_no_longer_than_its_limit(tmp_path, broker):
    with Night(tmp_path, broker, report_every=1) as night:
        night.heard._keeps = False
        night.board.net_rate = NET_RATE
        night.board.send({"net_rate": NET_RATE * 1000})
        for _ in range(3):
            night.sleep(limit_s=20)
        assert len({rows.last for rows in night.heard.rows}) >= 3  # Each time it was tried.
        night.heard._keeps = True
        night.sleep(2)
        made = night.made()
        night.sleep()
        night.until_heard(lambda: set(night.heard.kept.items()) >= made)


def test_a_board_that_never_knew_the_time_dates_all_it_slept_through_once_it_is_told(tmp_path, broker):
    with Night(tmp_path, broker) as night:
        night.way.strike(Fate("reset"))
        night.sleep(6)
        never = night.rows()
        assert {(row.time_quality, row.boot) for row in never} == {(NEVER, 1)}
        night.way.heal()
        night.sleep()
        night.until_heard(lambda: set(night.heard.kept.items()) >= night.made())
        found = [unpack(row.packed, row.epoch) for row in flash_dump.read(tmp_path / "flash")]
        heard_ms = {seq: ms for (_, seq, _), ms in zip(night.board.rows, night.board.made_ms, strict=True)}
        resolved = dict(zip([row.seq for row in found], resolve(found), strict=True))
        for row in never:
            assert (at := resolved[row.seq]) is not None
            assert abs(at[0] * 1000 + at[1] - UNIX_MS - heard_ms[row.seq]) < 1_000


def test_a_hang_while_it_is_awake_is_a_start_like_any_other(tmp_path, broker):
    with Night(tmp_path, broker) as night:
        night.sleep(2)
        night.board.send({"hang": "loop"})
        assert night.board.wait_exit()[0] == 11
        night.board.start()
        assert night.board.boot == 2
        night.sleep()
        night.until_heard(lambda: set(night.heard.kept.items()) >= night.made())


@pytest.mark.parametrize(
    ("plan", "named"),
    [
        ({"wake_s": 90, "report_every": 1}, "sleep.wake_s"),
        ({"wake_s": 0, "report_every": 1}, "sleep.wake_s"),
        ({"report_every": 1}, "sleep.wake_s"),
        ({"wake_s": 60, "report_every": 0}, "sleep.report_every"),
    ],
)
def test_a_plan_that_cannot_be_kept_stops_the_start_by_name(tmp_path, plan, named):
    link = {"kind": "mqtt", "host": "127.0.0.1", "port": 9, "station": STATION}
    board = BoardProcess(tmp_path, link=link, sleep=plan)
    with pytest.raises(TimeoutError, match=named):
        board.start()
    board.__exit__()


def test_a_board_on_a_line_does_not_sleep(tmp_path):
    board = BoardProcess(tmp_path, sleep={"wake_s": 60, "report_every": 1})
    with pytest.raises(TimeoutError, match=r"sleep: only with link.kind mqtt"):
        board.start()
    board.__exit__()
