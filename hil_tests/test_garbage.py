"""A minute of garbage on the line at full speed; two devices with one address: counted and named, never believed."""

import random

from wire.reading import GOOD
from wire.telemetry import EVENT_CODES

TRUE_MM = 3_000
NOISE_MM = 5  # What an undisturbed channel may differ from the truth: the ADC's step and the rounding.
GARBAGE_S = 60
SEED = 20261123
SCAN_MS = 1_000


def test_a_minute_of_garbage_crashes_nothing_and_lets_no_wrong_value_through(rig):
    rig.need("line-faults")
    rig.set("level", "head_mm", TRUE_MM)
    rig.wait_for_values()
    rig.wait_for_value("river", TRUE_MM, NOISE_MM)
    pid = rig.station.gateway.pid
    rng = random.Random(SEED)
    wrong = []
    until_ms = rig.now_ms()
    for part in range(4):
        rig.line.garbage(GARBAGE_S / 4, seed=rng.randrange(1 << 30), pause_chars=part * 40)
        rig.line.noise(part * 0.5, seed=rng.randrange(1 << 30))
        until_ms += GARBAGE_S * 250

        def looked(until_ms=until_ms) -> bool:
            river = rig.channel("river")
            if river["value"] is not None and river["quality"] == GOOD and abs(river["value"] - TRUE_MM) > 2 * NOISE_MM:
                wrong.append(river)
            return rig.now_ms() > until_ms

        rig.wait_for(looked, rig.real_s(GARBAGE_S), "a quarter of the garbage")
    assert wrong == []
    raised = rig.station.center_query("SELECT rule FROM events WHERE kind = ?", EVENT_CODES["alarm raised"])
    assert [
        rule for (rule,) in raised if not rule.startswith("lost-")
    ] == []  # Every poll was judged, seen here or not.
    rig.line.clear()
    counters = rig.station.status()["buses"][0]["counters"]
    assert counters["crc"] + counters["no_answer"] + counters["truncated"] > 0
    rig.wait_for_value("river", TRUE_MM, NOISE_MM, timeout_s=60)
    assert rig.station.gateway.running
    assert rig.station.gateway.pid == pid
    stored = rig.station.center_query("SELECT value, quality FROM readings WHERE quantity = 2")
    assert all(abs(value - TRUE_MM) <= 2 * NOISE_MM for value, quality in stored if quality == GOOD)


def test_two_devices_with_one_address_are_named_within_ten_polls(rig):
    rig.need("line-faults")
    rig.wait_for_values()
    began_ms = rig.unix_ms()
    rig.line.duplicate(rig.addresses["level"])
    sql = "SELECT detail, detected_ms FROM events WHERE kind = ?"
    told = rig.station.wait_for(
        lambda: rig.station.center_query(sql, EVENT_CODES["duplicate address"]), 30, "the duplicate address named"
    )
    detail, detected_ms = told[0]
    assert str(rig.addresses["level"]) in detail
    assert detected_ms - began_ms <= 10 * SCAN_MS + SCAN_MS  # Ten polls, one a scan, and the scan that was under way.
