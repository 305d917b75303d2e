"""Elevations at the center: a gap by sound is corrected by the temperature of its row, as at the gateway."""

import sqlite3
from contextlib import closing

import pytest

from tests.tools import center_messages as m
from tools.center.store import Store
from wire.reading import FAIL, GOOD, MISSING, QUANTITY_CODES, SYNCED
from wire.row import Reading, Row
from wire.telemetry import C_OVER, C_SOUND_CDEG

POND = ["pond", QUANTITY_CODES["gap_mm"], 100_000, "local"]


def level_mm(folder, more, gap_mm, temperature):
    row = Row(1, 1, SYNCED, m.START_S + 60, 0, [Reading(0, gap_mm, GOOD), temperature])
    with closing(Store(folder / "center.db")) as store:
        store.take([m.catalogue(7, [*POND, *more], "temp_cdeg"), m.batch([row])])
    with closing(sqlite3.connect(folder / "center.db")) as db:
        (readings,) = db.execute("SELECT level_mm FROM readings WHERE channel = 0").fetchone()
        (newest,) = db.execute("SELECT level_mm FROM newest WHERE name = 'pond'").fetchone()
    assert readings == newest
    return readings


# FIELD.md 7: 10 degC more are 0.135 m of a gap of 8 m.
@pytest.mark.parametrize(
    ("more", "temperature", "expected"),
    [
        ([], Reading(1, 3_000, GOOD), 92_000),
        ([{C_OVER: ["cn1985", 5]}], Reading(1, 3_000, GOOD), 92_000),
        ([{C_SOUND_CDEG: 2_000}], Reading(1, 3_000, GOOD), 91_865),
        ([{C_SOUND_CDEG: 2_000}], Reading(1, None, MISSING), None),
        ([{C_SOUND_CDEG: 2_000}], Reading(1, 3_000, FAIL), None),
        ([{C_SOUND_CDEG: 2_000}, "of a later version"], Reading(1, 3_000, GOOD), 91_865),
    ],
)
def test_a_gap_by_sound_needs_its_temperature(tmp_path, more, temperature, expected):
    assert level_mm(tmp_path, more, 8_000, temperature) == expected
