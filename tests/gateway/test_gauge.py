"""A rain gauge in its station: rows of its log, rows of the store, and what people are told."""

import asyncio

import pytest
from msgspec.structs import replace

from gateway import config
from gateway.refill import refill
from gateway.spool import Spool
from gateway.station import Station
from tests.gateway.alarm_station import Rig, channels, station_config
from tests.gateway.small_station import BOARD, EPOCH, HandClock
from wire.reading import MISSING, NEVER, SYNCED
from wire.row import Reading, Row, pack
from wire.telemetry import E_DETAIL, E_KIND, EVENT_KINDS

TIP_UM = 200


def with_tips(station: config.Station) -> config.Station:
    """The station with its rain board as boards/ describes it."""
    bus = station.buses[0]
    rain = channels("rain-board", ("rain", "rain_um"))
    sources = [
        replace(source, channels=tuple(replace(one, tip_um=TIP_UM) for one in rain))
        if source.name == "rain-board"
        else source
        for source in bus.sources
    ]
    return replace(station, buses=(replace(bus, sources=tuple(sources)),))


class RainRig(Rig):
    def start(self) -> None:
        self.config = with_tips(self.config)
        super().start()

    def sums(self, *windows_s: int) -> list[int]:
        (rain,) = [one["rain"] for one in self.station.channels() if one["name"] == "rain"]
        assert isinstance(rain, dict)
        return [rain["sums_um"][str(window_s)] for window_s in windows_s]


def row(seq, counter_um, t_s, tips=(), quality=SYNCED, reading_quality=None):
    value = None if reading_quality == MISSING else counter_um
    return pack(Row(seq, 1, quality, t_s, 0, [Reading(0, value, reading_quality or 1)], tips), EPOCH)


def test_a_channel_of_rain_tells_its_windows_once_it_was_seen():
    rig = RainRig()
    assert not [one for one in rig.station.channels() if "rain" in one]
    rig.now("rain-board", 0)
    rig.now("rain-board", 1_000)
    assert rig.sums(60, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 259_200) == [1_000] * 10
    rig.clock.advance(60_000)
    assert rig.sums(60, 300) == [0, 1_000]
    assert [one["name"] for one in rig.station.channels() if "rain" in one] == ["rain"]


def test_rows_of_an_outage_say_when_it_rained_and_the_alarm_follows():
    rig = RainRig()
    rig.now("rain-board", 0)
    rig.clock.advance(36_000_000)
    rig.now("rain-board", 50_000)
    assert rig.sums(3_600) == [4_999 + 1]
    end_s = rig.clock.unix // 1000
    rig.station.on_rows("rain-board", EPOCH, [row(1, 50_000, end_s, [(600, 125), (300, 125)])])
    assert rig.sums(300, 600, 1_800, 3_600) == [0, 25_000, 50_000, 50_000]
    rig.now("rain-board", 50_000)
    assert rig.levels()["rain-1h"] == 2


def test_rows_without_a_time_or_a_value_say_nothing():
    rig = RainRig()
    rig.now("rain-board", 0)
    rig.clock.advance(36_000_000)
    rig.now("rain-board", 36_000)
    before = rig.sums(600, 3_600, 10_800)
    end_s = rig.clock.unix // 1000
    for bad in (row(1, 36_000, 900, [(5, 180)], NEVER), row(2, 0, end_s, [(5, 180)], SYNCED, MISSING)):
        rig.station.on_rows("rain-board", EPOCH, [bad])
    assert rig.sums(600, 3_600, 10_800) == before


def test_after_a_start_without_a_kept_state_the_windows_are_filled_from_the_store(tmp_path):
    async def start() -> list[int]:
        rig = RainRig()
        clock = HandClock(rig.clock.unix)
        station_toml = replace(with_tips(station_config()), spool=config.Spool(str(tmp_path / "spool.db")))
        spool = Spool(station_toml, clock)
        await spool.open()
        begin_s = clock.unix_ms() // 1000 - 7_200
        rows = [row(seq + 1, 1_000 + 400 * seq, begin_s + 60 * seq, [(9, 2)] if seq else []) for seq in range(100)]
        await spool.append_rows(BOARD, EPOCH, "rain-board", rows)
        rig.now("rain-board", 1_000 + 400 * 99)
        clock.now_ms = rig.clock.unix
        await refill(rig.station, spool, FastClock(clock.now_ms))
        await spool.close()
        return rig.sums(60, 3_600, 10_800)

    # The newest row is 7,200 - 5,940 s old; of the last hour, those of 2,340 s count.
    assert asyncio.run(start()) == [0, 400 * 39, 400 * 99]


class FastClock(HandClock):
    async def sleep_ms(self, station_ms: float) -> None:
        await asyncio.sleep(0)


def test_what_the_store_takes_from_a_board_is_told_to_the_station(tmp_path):
    async def store() -> list[tuple[str, int, int]]:
        told = []
        spool = Spool(replace(station_config(), spool=config.Spool(str(tmp_path / "spool.db"))), HandClock())
        await spool.open()
        spool.on_rows = lambda source, epoch, rows: told.append((source, epoch, len(rows)))
        await spool.append_rows(BOARD, EPOCH, "rain-board", [row(1, 200, 1_591_000_000)])
        await spool.close()
        return told

    assert asyncio.run(store()) == [("rain-board", EPOCH, 1)]


def rained(run="a"):
    """A station on which 1 mm fell, and that has kept it."""
    rig = RainRig()
    rig.clock.run = run
    rig.now("rain-board", 0)
    rig.now("rain-board", 1_000)
    rig.station.on_uptime("rain-board", BOARD, 3, 5_000, rig.clock.mono)
    rig.station.close()
    return rig


@pytest.mark.parametrize("step_ms", [-7_200_000, 0, 7_200_000])
def test_a_step_of_the_time_of_day_while_the_gateway_is_down_moves_no_rain(step_ms):
    rig = rained()
    rig.clock.unix += step_ms
    assert rig.restart(down_ms=600_000)
    rig.now("rain-board", 1_000)
    assert rig.sums(600, 1_800) == [0, 1_000]
    rig.station.on_uptime("rain-board", BOARD, 3, 5_600, rig.clock.mono)
    assert rig.sums(600, 1_800) == [0, 1_000]


@pytest.mark.parametrize(("step_ms", "before"), [(-3_540_000, [0, 1_000]), (7_200_000, [0, 0])])
def test_after_a_start_of_the_machine_a_board_that_ran_on_puts_the_rain_right(step_ms, before):
    rig = rained()
    rig.clock.unix += step_ms
    rig.clock.run, rig.clock.since = "b", -3_600_000
    assert rig.restart(down_ms=3_600_000)
    rig.now("rain-board", 1_000)
    assert rig.sums(60, 600) == before
    rig.station.on_uptime("rain-board", BOARD, 3, 5_000 + 3_601, rig.clock.mono)
    assert rig.sums(600, 3_600, 10_800) == [0, 0, 1_000]
    told = [event[E_DETAIL] for event in rig.sink.events if EVENT_KINDS[event[E_KIND]] == "clock stepped"]
    assert len(told) == 1
    assert told[0].startswith("rain-board: while we were away")


def test_a_station_without_rain_has_nothing_to_fill():
    rig = Rig()
    bus = rig.config.buses[0]
    dry = replace(rig.config, rules=(), buses=(replace(bus, sources=bus.sources[:1]),))
    assert Station(dry, rig.clock, rig.siren, rig.sink).gauges() == {}
