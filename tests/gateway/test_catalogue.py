"""The catalogue: a version says one thing for ever, and every row kept can be sent under a version that names it."""

import asyncio
import base64
import shutil
import sqlite3
import zlib
from contextlib import asynccontextmanager, closing

import cbor2
import pytest
from msgspec.structs import replace

from gateway import config
from gateway.catalogue import Catalogue
from gateway.spool import Spool
from gateway.spool_schema import sensor_serial
from tests.gateway.small_station import BOARD, EPOCH, GATEWAY, HandClock, packed_row, small_station
from wire.reading import QUANTITY_CODES
from wire.telemetry import C_OVER, K_FUSIONS, K_SETS

COLUMNS = ("head_mm", "supply_mv")
KEY = (BOARD, EPOCH)
pytestmark = pytest.mark.usefixtures("quick")


@asynccontextmanager
async def opened(folder, *, columns=COLUMNS, clock=None, station=None):
    spool = Spool(small_station(folder, commit_window_ms=1), clock or HandClock())
    await spool.open()
    spool.seen("level", BOARD, EPOCH, columns)
    catalogue = Catalogue(station or small_station(folder), spool)
    async with asyncio.timeout(20):
        while not named(catalogue, columns):  # noqa: ASYNC110 - the spool's thread makes it true
            await asyncio.sleep(0.01)
    try:
        yield spool, catalogue
    finally:
        await spool.close()


def named(catalogue, columns):
    return any(
        s[0] == BOARD and [c[1] for c in s[5]] == [QUANTITY_CODES[c] for c in columns] for s in catalogue.sources
    )


def test_it_carries_threshold_sets_fused_channels_and_heights_over_other_datums(tmp_path):
    marks = (config.Step(1, 180_000, "guard"), config.Step(4, 195_000, "100-year"))
    station = replace(
        small_station(tmp_path),
        threshold_sets=(config.ThresholdSet("CYB", 2, "stage", "wusong", marks, "2022-05-01", "plan"),),
        fusions=(config.Fusion("stage", "river", "radar", "wusong", 183_000, 186_000, 100, 60_000, 50),),
        datum_offsets=(config.DatumOffset("wusong", "huanghai", 1_490, "2019-11-02"),),
    )

    async def main():
        async with opened(tmp_path, station=station) as (_, catalogue):
            return cbor2.loads(catalogue.content), catalogue.sources

    message, sources = asyncio.run(main())
    assert message[K_SETS] == [
        ["CYB", 2, "stage", "wusong", "2022-05-01", "plan", ["guard", 1, 180_000, "100-year", 4, 195_000]]
    ]
    assert message[K_FUSIONS] == [["stage", "river", "radar", "wusong", 183_000, 186_000]]
    (level,) = [s for s in sources if s[0] == BOARD]
    assert level[5][0] == ["river", 2, 160_000, "wusong", {C_OVER: ["huanghai", -1_490]}]


def test_it_names_every_source_with_its_channels_levels_with_zero_and_datum(tmp_path):
    async def main():
        async with opened(tmp_path) as (_, catalogue):
            return catalogue.sources, cbor2.loads(catalogue.content), catalogue.version

    sources, message, version = asyncio.run(main())
    radar = sensor_serial(GATEWAY, "radar")
    assert {(s[0], s[2], s[3], s[4]) for s in sources} == {
        (GATEWAY, "events", 2, 0), (radar, "radar", 1, 60), (BOARD, "level", 0, 60)
    }  # fmt: skip
    (level,) = [s for s in sources if s[0] == BOARD]
    assert level[1] == EPOCH
    assert level[5] == [["river", 2, 160_000, "wusong"], ["level.supply", 10]]
    assert (message[0], message[1], message[10], message[11]) == (1, version, "CYB01", sources)


def test_the_same_station_keeps_its_version_over_a_restart_and_a_changed_one_gets_a_higher(tmp_path):
    async def version(columns=COLUMNS):
        async with opened(tmp_path, columns=columns) as (_, catalogue):
            return catalogue.version

    first = asyncio.run(version())
    assert asyncio.run(version()) == first
    assert asyncio.run(version(("head_mm", "temp_cdeg"))) > first


def test_a_version_that_was_lost_with_the_memory_is_never_used_for_something_else(tmp_path):
    async def version(folder, columns):
        clock = HandClock()
        clock.now_ms -= 365 * 86_400_000  # Behind the kept version: the day alone makes no new one.
        async with opened(folder, columns=columns, clock=clock) as (_, catalogue):
            return catalogue.version

    async def begin():
        async with opened(tmp_path / "kept"):
            return

    asyncio.run(begin())
    found = {}
    for columns in (("temp_cdeg", "supply_mv"), ("humidity_permil", "supply_mv"), ("head_mm", "temp_cdeg")):
        shutil.copytree(tmp_path / "kept", tmp_path / columns[0])  # What was told after it is not on the card.
        found[asyncio.run(version(tmp_path / columns[0], columns))] = columns
    assert len(found) == 3


def test_a_row_is_sent_under_the_version_in_which_its_columns_mean_what_they_meant(tmp_path):
    async def main():
        async with opened(tmp_path) as (spool, catalogue):
            old = catalogue.version
            await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)])
        async with opened(tmp_path, columns=("gap_mm", "supply_mv")) as (_, catalogue):
            assert catalogue.version > old
            row, sensor = catalogue.layout(KEY, old), catalogue.layout(KEY, catalogue.version)
            assert row is not None
            assert sensor is not None
            assert (row.version, row.channels) == (old, (2, 10))
            assert (sensor.version, sensor.channels) == (catalogue.version, (1, 10))
            return catalogue.layout((b"unknown.", 1), old)

    assert asyncio.run(main()) is None


def test_an_old_epoch_keeps_its_entry_as_long_as_its_rows_are_here(tmp_path):
    async def main(epoch, rows):
        async with opened(tmp_path) as (spool, catalogue):
            if rows:
                await spool.append_rows(BOARD, EPOCH, "level", [packed_row(1)])
            spool.seen("level", BOARD, epoch, COLUMNS)
            async with asyncio.timeout(20):
                while epoch not in [s[1] for s in catalogue.sources]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            return [s[1] for s in catalogue.sources if s[0] == BOARD]

    assert asyncio.run(main(77, rows=True)) == [EPOCH, 77]


def test_a_version_is_also_an_event_that_carries_it(tmp_path):
    async def main():
        async with opened(tmp_path) as (_, catalogue):
            return catalogue.content

    content = asyncio.run(main())
    with closing(sqlite3.connect(tmp_path / "spool.db")) as db:
        events = [cbor2.loads(packed) for (packed,) in db.execute("SELECT packed FROM rows WHERE kind = 3")]
    copies = [zlib.decompress(base64.b64decode(event[11])) for event in events if event[0] == 32]
    assert copies[-1] == content


def test_two_gateways_with_the_same_clock_never_mean_different_things_by_one_version(tmp_path):
    async def version(folder):
        folder.mkdir()
        async with opened(folder) as (_, catalogue):
            return catalogue.version, catalogue.content

    first, other = asyncio.run(version(tmp_path / "a")), asyncio.run(version(tmp_path / "b"))
    assert first[1] != other[1], "their epochs differ"
    assert first[0] != other[0]


def test_a_clock_that_was_never_set_makes_a_version_all_the_same(tmp_path):
    async def version(unix_ms):
        async with opened(tmp_path, clock=HandClock(unix_ms), columns=COLUMNS if unix_ms else ("gap_mm",)) as (
            _,
            catalogue,
        ):
            return catalogue.version

    later = asyncio.run(version(1_591_000_000_000))
    assert asyncio.run(version(0)) > later
