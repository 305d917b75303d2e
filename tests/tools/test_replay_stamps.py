"""Stamps of recordings, against times worked out by hand."""

from datetime import UTC, datetime

import pytest

from tools.replay.stamps import Stamps, UnclearStamp, zone_of

SHANGHAI = zone_of("Asia/Shanghai")
NEW_YORK = zone_of("America/New_York")
FLOOD_MS = 1_528_063_500_000  # 2018-06-03T22:05:00Z: 17,685 days and 79,500 s after 1970.


@pytest.mark.parametrize(
    "cell",
    [
        "2018-06-03T22:05:00Z", "2018-06-03T22:05Z", "2018-06-03 22:05:00+00:00", "2018-06-04T06:05:00+08:00",
        "2018-06-04 06:05", "2018/06/04 06:05", "2018/6/4 6:05:00", "2018年6月4日 6:05", "04.06.2018 06:05",
        "4-Jun-2018 06:05", "4 June 2018 06:05:00", "201806040605", "20180604060500", "1528063500", "1528063500000",
    ],
)  # fmt: skip
def test_every_clear_form_of_a_time_is_read(cell):
    assert Stamps(cell, SHANGHAI).ms(cell) == FLOOD_MS


def test_parts_of_a_second_are_kept():
    assert Stamps("2018-06-03T22:05:00.250Z", None).ms("2018-06-03T22:05:00.250Z") == FLOOD_MS + 250
    assert Stamps("2018/06/03 22:05:00.25", zone_of("UTC")).ms("2018/06/03 22:05:00.25") == FLOOD_MS + 250


@pytest.mark.parametrize("cell", ["06/03/2018 22:05", "03/06/2018 22:05"])
def test_a_date_that_can_be_read_in_two_ways_asks_how(cell):
    with pytest.raises(UnclearStamp) as caught:
        Stamps(cell, SHANGHAI)
    assert "--dates day-first" in caught.value.remedy


def test_a_date_that_was_stated_is_read_as_stated():
    utc = zone_of("UTC")
    assert Stamps("06/03/2018 22:05", utc, "month-first").ms("06/03/2018 22:05") == FLOOD_MS
    assert Stamps("03/06/2018 22:05", utc, "day-first").ms("03/06/2018 22:05") == FLOOD_MS
    assert Stamps("13/06/2018 22:05", utc).ms("03/06/2018 22:05") == FLOOD_MS  # 13 is no month: the day stands first.


def test_a_local_time_without_a_zone_asks_for_one():
    with pytest.raises(UnclearStamp) as caught:
        Stamps("2018-06-03 22:05", None)
    assert "--zone" in caught.value.remedy


def test_mere_seconds_need_a_beginning():
    with pytest.raises(UnclearStamp):
        Stamps("0.1", SHANGHAI)
    assert Stamps("0.1", SHANGHAI, start_ms=FLOOD_MS).ms("12.5") == FLOOD_MS + 12_500


@pytest.mark.parametrize("cell", ["2018-13-03T22:05Z", "yesterday", "", "2018-02-30 10:00", "99999999999999999999"])
def test_what_is_no_time_is_refused(cell):
    stamps = Stamps("2018-06-03T22:05:00Z", SHANGHAI)
    with pytest.raises((ValueError, OverflowError)):
        stamps.ms(cell)


def test_the_doubled_hour_goes_by_the_order_of_rows_and_is_counted():
    # New York, 2018-11-04: 01:30 came at 05:30Z and again at 06:30Z.
    stamps = Stamps("2018-11-04 00:30", NEW_YORK)
    found = []
    for cell in ("00:30", "01:00", "01:30", "01:00", "01:30", "02:00"):
        ms = stamps.ms(f"2018-11-04 {cell}")
        assert ms is not None
        stamps.newest_ms = max(ms, stamps.newest_ms or ms)
        found.append(datetime.fromtimestamp(ms / 1000, UTC).strftime("%H:%M"))
    assert found == ["04:30", "05:00", "05:30", "06:00", "06:30", "07:00"]
    assert stamps.repeated == [2, 2]
    assert stamps.repeated_first == "2018-11-04 01:00"


def test_a_time_that_the_clock_never_showed_is_no_time():
    # New York, 2018-03-11: the clock went from 02:00 to 03:00.
    stamps = Stamps("2018-03-11 01:30", NEW_YORK)
    assert stamps.ms("2018-03-11 02:30") is None
    assert stamps.never == 1
    assert stamps.never_first == "2018-03-11 02:30"
    assert stamps.ms("2018-03-11 03:00") == stamps.ms("2018-03-11 01:30") + 1_800_000  # type: ignore[operator]


@pytest.mark.parametrize("name", ["CST", "Asia/Chungking2", "+25:00", ""])
def test_what_is_no_zone_is_none(name):
    assert zone_of(name) is None


def test_fixed_offsets_are_zones():
    assert Stamps("2018-06-04 06:05", zone_of("UTC+8")).ms("2018-06-04 06:05") == FLOOD_MS
    assert Stamps("2018-06-03 14:05", zone_of("-08:00")).ms("2018-06-03 14:05") == FLOOD_MS
