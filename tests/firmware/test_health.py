"""What a board keeps of itself: last words over a reset, and when its flash may be written."""

import struct

import pytest
from board_log import BoardLog
from hal import BROWN_OUT, POWER, RESET, WATCHDOG
from health import (
    DRIVER,
    FED_MV_MIN,
    LINK,
    LOG,
    SAMPLER,
    START,
    UNKNOWN_SCANS,
    WORDS_BYTES,
    FlashGuard,
    Kept,
    leave_words,
    padded,
    place_of,
    words_of,
)
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.fake_hal import FakeKeep
from tests.firmware.nor_flash import NorFlash

LIMIT_MV = 10_000
BACK_MV = 10_500
DRIVERS = ("pressure_420", "scl3300")
TRACE = """Traceback (most recent call last):
  File "main.py", line 240, in main
  File "build/firmware/sampler.py", line 131, in _scan
OSError: [Errno 5] EIO
"""


def started(keep, cause=RESET, log=None):
    return Kept(keep, log or BoardLog(NorFlash(4), 7), cause, DRIVERS)


def answers(limit_mv, cause, *supplies_mv):
    guard = FlashGuard(limit_mv, cause)
    seen = [guard.may_write()]
    for supply_mv in supplies_mv:
        before = guard.may_write()
        assert guard.judge(supply_mv) == (guard.may_write() != before)
        seen.append(guard.may_write())
    return "".join("yes " if answer else "no " for answer in seen).strip()


@pytest.mark.parametrize(
    ("cause", "supplies_mv", "said"),
    [
        (RESET, (), "no"),
        (RESET, (12_000,), "no yes"),
        (RESET, (10_000,), "no yes"),
        (WATCHDOG, (9_999, 10_499, 10_500), "no no no yes"),
        (POWER, (10_000, 10_499, 10_500, 10_000, 9_999, 10_400), "no no no yes yes no no"),
        (BROWN_OUT, (10_400, 10_600), "no no yes"),
        (RESET, (12_000, 9_000, 2_500, 10_499, 11_000), "no yes no no no yes"),
    ],
)
def test_flash_is_written_above_the_limit_and_after_it_only_well_above(cause, supplies_mv, said):
    assert answers(LIMIT_MV, cause, *supplies_mv) == said


def test_a_supply_that_is_not_measured_forbids_nothing_for_long():
    assert answers(LIMIT_MV, POWER, *[0] * 5) == "no no no no no yes"
    assert answers(LIMIT_MV, POWER, *[FED_MV_MIN - 1] * 5) == "no no no no no yes"
    assert answers(LIMIT_MV, POWER, 0, 0, 9_000, 0, 0, 0, 0, 0) == "no no no no no no no no yes"
    assert answers(LIMIT_MV, POWER, 12_000, *[0] * 9) == "no" + " yes" * 10


def test_without_a_limit_nothing_is_forbidden():
    assert answers(0, POWER, 0, 1, 60_000) == "yes yes yes yes"


@given(st.lists(st.integers(0, 14_000), max_size=60), st.sampled_from([POWER, RESET, WATCHDOG, BROWN_OUT]))
def test_the_flash_is_never_written_in_the_scan_that_saw_too_little(supplies_mv, cause):
    guard = FlashGuard(LIMIT_MV, cause)
    unknown, low = 0, cause in (POWER, BROWN_OUT)
    for supply_mv in supplies_mv:
        guard.judge(supply_mv)
        known = supply_mv >= FED_MV_MIN
        unknown = 0 if known else unknown + 1
        if known and supply_mv < LIMIT_MV:
            low = True
            assert not guard.may_write()
        elif known and (supply_mv >= BACK_MV or not low):
            low = False
            assert guard.may_write()
        elif unknown >= UNKNOWN_SCANS:
            assert guard.may_write()


@pytest.mark.parametrize(
    ("noted", "words"),
    [
        (START, "hang start"),
        (LINK, "hang link"),
        (SAMPLER, "hang sampler"),
        (LOG, "hang log"),
        (DRIVER + 1, "hang scl3300"),
        (DRIVER + 2, "hang driver"),
        (15, "hang ?"),
        (0, "hang"),
    ],
)
def test_after_a_bite_the_words_say_where_the_program_was(noted, words):
    keep = FakeKeep()
    started(keep)
    keep.noted = noted
    kept = started(keep, WATCHDOG)
    assert kept.words == words
    assert started(keep).words == "", "they are those of one reset"


def test_a_supervisors_words_go_before_the_place_but_not_those_of_a_run_before():
    keep = FakeKeep()
    leave_words(keep, "idle sampler")
    keep.noted = LINK
    assert started(keep, WATCHDOG).words == "idle sampler"
    leave_words(keep, "rs485:77 OSError")
    keep.noted = START
    assert started(keep, WATCHDOG).words == "hang start"


def test_words_left_by_a_crash_keep_what_else_is_kept():
    keep, log = FakeKeep(), BoardLog(NorFlash(4), 7)
    kept = started(keep, log=log)
    kept.rain_um = 4_200
    kept.save()
    leave_words(keep, "sampler:131 OSError and what is too long")
    again = started(keep, log=log)
    assert (again.words, again.rain_um, again.boot) == ("sampler:131 OSEr", 4_200, kept.boot + 1)


def test_a_brown_out_says_how_low_the_supply_was():
    keep = FakeKeep()
    kept = started(keep)
    kept.low_mv = 9_870
    kept.save()
    assert started(FakeKeep(keep.data), BROWN_OUT).words == "supply 9870 mV"
    assert started(FakeKeep(keep.data), RESET).words == ""


@given(st.integers(0), st.integers(0, 7))
def test_damaged_memory_counts_as_lost_whatever_bit_it_is(place, bit):
    keep, log = FakeKeep(), BoardLog(NorFlash(4), 7)
    kept = started(keep, log=log)
    kept.rain_um = 4_200
    kept.last_words = "idle link"
    kept.save()
    damaged = bytearray(keep.data)
    damaged[place % len(damaged)] ^= 1 << bit
    again = started(FakeKeep(bytes(damaged)), log=log)
    assert (again.fits, again.words, again.rain_um) == (False, "", None)


@given(st.binary(max_size=80))
def test_any_bytes_in_kept_memory_are_no_words_and_no_rain(data):
    again = started(FakeKeep(data))
    assert (again.fits, again.words, again.rain_um) == (False, "", None)


def test_words_are_sixteen_printable_bytes():
    assert padded("link") == b"link" + bytes(12)
    assert padded("x" * 40) == b"x" * WORDS_BYTES
    assert padded("ä\n") == b"???" + bytes(13)


def test_the_innermost_line_of_a_traceback_is_the_place():
    assert place_of(TRACE) == "sampler:131 "
    assert place_of(TRACE.replace("build/firmware/sampler.py", "links.mqtt_client")) == "mqtt_client:131 "
    assert place_of("") == place_of('File "x.py"\n"') == ""
    assert words_of(OSError(5)) == "OSError"


def test_a_blank_flash_is_not_formatted_before_it_may_be():
    flash = NorFlash(4)
    log = BoardLog(flash, 7, may_write=False)
    assert (log.epoch, log.head, log.tail) == (7, 0, 0)
    assert set(flash.bytes) == {0xFF}
    assert log.tend()
    assert struct.unpack(">4sI", bytes(flash.bytes[:8])) == (b"RPL2", 7)
    assert BoardLog(flash, 8).epoch == 7


def test_a_long_start_says_that_it_goes_on():
    beats = []
    BoardLog(NorFlash(16), 7, busy=lambda: beats.append(1))
    assert len(beats) >= 16
