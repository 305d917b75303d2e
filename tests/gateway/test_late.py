"""Rows of an outage are judged for the record when they come: each change once, no siren, no change of the present."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from msgspec.structs import replace

from gateway.late import OUTAGE_MS, OUTAGES_MAX, SLICE_ROWS, LateRows
from gateway.ranges import Ranges
from tests.gateway.alarm_station import Rig
from wire.reading import GOOD, MISSING, NEVER, SYNCED
from wire.row import Reading, Row, pack
from wire.telemetry import E_DETAIL, E_EPISODE_MS, E_KIND, E_LATE, E_LEVEL, E_RULE, E_SIREN_MS, EVENT_KINDS

SERIAL, EPOCH = b"board..1", 0xABCD
START_MS = 1_800_000_000_000
CALM, WARNING, RECORD = 10_000, 22_500, 32_000  # mm of head over 160.00 m


class FakeSpool:
    """A board's log as far as it has come, and the state that is kept."""

    def __init__(self):
        self.rows: dict[int, bytes] = {}
        self.kept: dict[str, bytes] = {}
        self.info = SimpleNamespace(name="level", kind=0)
        self.key = (SERIAL, EPOCH)

    def here(self):
        return Ranges([(1, max(self.rows))]) if self.rows else Ranges()

    def all_logs(self):
        return [self]

    def watermark(self, serial, epoch):
        return max(self.rows, default=0)

    def keep_state(self, name, data):
        self.kept[name] = data

    note_state = keep_state

    def reader_rows(self, first, last):
        return [(seq, 0, 0, 0, 0, self.rows[seq]) for seq in range(first, last + 1) if seq in self.rows]


class Site:
    """A station in its rig, the spool of its board, and whoever judges late rows."""

    def __init__(self):
        self.rig = Rig()
        buses = self.rig.config.buses
        boards = tuple(replace(source, board_type="esp32-rs485") for source in buses[0].sources)
        self.rig.config = replace(self.rig.config, buses=(replace(buses[0], sources=boards),))
        self.rig.clock.unix = START_MS
        self.rig.start()
        self.spool = FakeSpool()
        self.told = []
        self.seq = 0
        self.start()

    def start(self, events=(), state=None):
        """A fresh process with what was kept; `state`: the station's of before."""
        self.late = LateRows(self.rig.config, self.rig.clock, self.rig.station, cast(Any, Spool(self.spool)), self)
        assert self.late.restore(self.spool.kept.get("late"), state, list(events))

    def event(self, event):
        self.told.append(event)

    def watch(self, seconds, head=CALM):
        """So long the board is polled, every second."""
        for _ in range(seconds):
            self.rig.now("level", head)
            self.rig.tick()
            self.late.look()

    def blind(self, seconds):
        """So long nobody sees it."""
        self.rig.station.on_lost("level", "silent", self.rig.clock.mono)
        for _ in range(seconds // 5):
            self.rig.tick(5_000)
            self.late.look()

    def wrote(self, *heads, begin_ms, quality=GOOD, time_quality=SYNCED):
        """The board's rows of the minutes from `begin_ms` on have come."""
        for minute, head in enumerate(heads, 1):
            self.seq += 1
            at_s = begin_ms // 1000 + 60 * minute
            value = None if quality == MISSING else head
            row = Row(self.seq, 1, time_quality, at_s, 0, [Reading(0, value, quality)])
            self.spool.rows[self.seq] = pack(row, EPOCH)

    def judge(self):
        asyncio.run(self.late.judge())

    def changes(self):
        """(kind, level) of what was told of the flood."""
        flood = [event for event in self.told if event.get(E_RULE) == "flood"]
        return [(EVENT_KINDS[event[E_KIND]].removeprefix("alarm "), event[E_LEVEL]) for event in flood]


class Spool:
    """The reader's interface over FakeSpool."""

    def __init__(self, spool):
        self._spool = spool
        self.all_logs, self.watermark = spool.all_logs, spool.watermark
        self.keep_state, self.note_state = spool.keep_state, spool.note_state

    async def read(self, function):
        return function(
            SimpleNamespace(rows=lambda key, first, last, limit: self._spool.reader_rows(first, last)[:limit])
        )


@pytest.fixture
def site():
    made = Site()
    made.watch(20)
    return made


def outage(site, *heads, seconds=None):
    """Blind for the minutes of `heads`, back, and then the rows come."""
    begin_ms = site.rig.clock.unix
    site.blind(seconds or 60 * len(heads))
    site.watch(15)
    site.wrote(*heads, CALM, begin_ms=begin_ms)  # The last one is of a time after it.
    site.judge()
    return begin_ms


def test_a_flood_that_nobody_saw_is_told_with_its_levels_and_times_and_wakes_nobody(site):
    before = list(site.rig.sink.events)
    sounded = site.rig.driver.level
    begin_ms = outage(site, CALM, *[WARNING] * 2, *[RECORD] * 2, *[CALM] * 6)
    assert site.changes() == [
        ("raised", 2),
        ("escalated", 4),
        ("lowered", 3),
        ("lowered", 2),
        ("lowered", 1),
        ("cleared", 0),
    ]
    flood = [event for event in site.told if event.get(E_RULE) == "flood"]
    assert {event[E_EPISODE_MS] for event in flood} == {begin_ms // 1000 * 1000 + 120_000}
    assert all(event[E_LATE] == 1 and E_SIREN_MS not in event for event in site.told)
    assert [event for event in site.rig.sink.events[len(before) :] if event.get(E_RULE) == "flood"] == []
    assert site.rig.levels().get("flood") is None
    assert site.rig.driver.level == sounded == 0


def test_rows_of_a_time_that_was_judged_are_left_alone(site):
    begin_ms = site.rig.clock.unix
    site.watch(600)
    site.wrote(*[RECORD] * 10, begin_ms=begin_ms)  # As if the rows said otherwise than the now-values.
    site.judge()
    assert site.told == []
    assert site.late.outages == []


def test_an_outage_too_short_for_a_row_opens_nothing(site):
    site.blind(OUTAGE_MS // 1000 - 10)
    site.watch(15)
    assert site.late.outages == []


def test_an_alarm_that_stood_when_the_outage_began_is_not_raised_again(site):
    site.watch(20, WARNING)
    (raised,) = [event for event in site.rig.sink.events if event.get(E_RULE) == "flood"]
    outage(site, WARNING, RECORD, RECORD, WARNING, WARNING)
    late = [event for event in site.told if event.get(E_RULE) == "flood"]
    assert [EVENT_KINDS[event[E_KIND]] for event in late][:1] == ["alarm escalated"]
    assert {event[E_EPISODE_MS] for event in late} == {raised[E_EPISODE_MS]}, "it is the episode that was raised"


def test_the_end_of_an_outage_is_told_with_how_much_was_judged(site):
    outage(site, CALM, WARNING, WARNING, CALM)
    last = site.told[-1]
    assert EVENT_KINDS[last[E_KIND]] == "late rows judged"
    assert "level: 4 rows of an outage" in last[E_DETAIL]
    assert site.late.outages == []


def test_each_change_is_told_once_when_the_gateway_is_killed_between_telling_and_keeping(site):
    begin_ms = site.rig.clock.unix
    site.blind(600)
    kept = dict(site.spool.kept)
    site.wrote(CALM, WARNING, WARNING, RECORD, RECORD, begin_ms=begin_ms)
    site.judge()
    first = list(site.told)
    assert site.changes() == [("raised", 2), ("escalated", 4)]
    site.spool.kept = kept  # What was told is in the log, what was kept is not.
    site.start(events=first)
    site.judge()
    assert site.told == first
    site.start(events=[])  # And with all of it kept, there is nothing more to judge.
    site.wrote(RECORD, begin_ms=begin_ms + 300_000)
    site.judge()
    assert site.told == first


def test_the_time_in_which_the_gateway_was_down_is_an_outage_of_every_board(site):
    site.watch(61)  # Until it has kept when it saw what.
    begin_ms = site.rig.clock.unix
    state = site.rig.sink.kept["alarms"]
    site.rig.restart(down_ms=600_000)
    site.start(state=state)
    assert [outage.source for outage in site.late.outages] == ["level"]
    site.watch(15)
    site.wrote(CALM, WARNING, WARNING, *[CALM] * 8, begin_ms=begin_ms)
    site.judge()
    assert ("raised", 2) in site.changes()
    assert site.rig.levels().get("flood") is None


def test_what_was_told_late_is_no_alarm_after_a_restart(site):
    outage(site, CALM, WARNING, WARNING)
    (raised,) = [event for event in site.told if event.get(E_RULE) == "flood" and event[E_LEVEL]][:1]
    assert site.rig.restart(events=[raised])
    assert site.rig.levels().get("flood") is None
    assert site.rig.driver.level == 0


def test_rows_without_a_time_or_a_value_raise_nothing(site):
    begin_ms = site.rig.clock.unix
    site.blind(300)
    site.wrote(RECORD, begin_ms=begin_ms, quality=MISSING)
    site.wrote(RECORD, begin_ms=begin_ms, time_quality=NEVER)
    site.judge()
    assert site.changes() == []


def test_a_month_of_rows_is_judged_in_slices_and_outages_are_bounded(site):
    begin_ms = site.rig.clock.unix
    site.blind(300)
    site.wrote(*[CALM] * (3 * SLICE_ROWS + 7), begin_ms=begin_ms)
    site.judge()
    (open_one,) = site.late.outages
    assert open_one.rows == 3 * SLICE_ROWS + 7
    for _ in range(OUTAGES_MAX + 2):
        site.watch(15)
        site.blind(120)
    assert len(site.late.outages) == OUTAGES_MAX


@pytest.mark.parametrize("kept", [b"", b"\xff", b"\x05", b"\x82\xa0\x81\x81\x65level"])
def test_what_was_kept_and_cannot_be_read_is_told_and_forgotten(site, kept):
    assert not site.late.restore(kept, None, [])
    assert site.late.outages == []
