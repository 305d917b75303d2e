"""Power cuts of a whole station's gateway, short: some hundred disks from the writes of some seconds, and with a bug.

The long form is `./riverpost test --soak`; see tools/soak/crash_points.py.
"""

import shutil

import pytest

from tools.soak import crash_points

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="no strace (Debian package strace)")

SEED = 1
SECONDS = 3.0
STATES_MIN = 300


def test_nothing_that_the_gateway_promised_is_missing_after_a_power_cut_at_any_write(tmp_path):
    figures = crash_points.short(SEED, tmp_path, SECONDS)
    assert figures["failures"] == []
    assert figures["lost"] == 0
    assert figures["crash_states"] > STATES_MIN


def test_a_gateway_that_flushes_nothing_is_caught(tmp_path):
    figures = crash_points.with_plant("nothing is flushed", SEED, tmp_path)
    assert figures["crash_plants_found"] == 1, figures["failures"]
