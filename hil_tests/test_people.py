"""A center acts on a station over a real broker: acknowledge, silence, shelve, exercise, observe; each once."""

import json
import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest

from hil_tests.station_text import STATION_ID
from hil_tests.test_alarms import pass_by
from wire.telemetry import EVENT_CODES, MODES, STATUSES

CALM_MM, WARNING_MM, RECORD_MM = 3_000, 5_100, 7_500


def order(rig, *arguments, code=0):
    """What `riverpost center …` says of an order, as JSON; its exit code must be `code`."""
    what, *more = arguments
    command = [sys.executable, "-m", "tools", "center", what, *more, "--db", str(rig.station.center_db), "--json"]
    command += ["--station", STATION_ID, "--by", "07"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def shown(rig):
    """The station as `riverpost center show` has it."""
    command = [sys.executable, "-m", "tools", "center", "show", "--db", str(rig.station.center_db), "--json"]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    (station,) = found["stations"]
    return station


def events(rig, kind, columns="mode, actor"):
    sql = f"SELECT {columns} FROM events WHERE kind = ? ORDER BY seq"
    return rig.station.center_query(sql, EVENT_CODES[kind])


def siren(rig, word, pattern=None):
    def there():
        try:
            said, number, _ = rig.station.siren_file.read_text().split()
        except FileNotFoundError:
            return False
        return said == word and (pattern is None or int(number) == pattern)

    rig.station.wait_for(there, 20, f"the siren at {word} {pattern}")


def at_center(rig, kind, count):
    rig.station.wait_for(lambda: len(events(rig, kind)) >= count, 20, f"{count} x {kind} at the center")
    assert len(events(rig, kind)) == count


def send_all_again(rig):
    """As if no answer had ever come: the center sends every order once more, under its old id."""
    with closing(sqlite3.connect(rig.station.center_db, timeout=10)) as db, db:
        db.execute("UPDATE commands SET status = NULL, sent_ms = NULL, replied_ms = NULL WHERE action IS NOT NULL")


@pytest.fixture
def actual(rig):
    """The station in actual mode, calm."""
    rig.prepare(lambda text: text.replace('mode = "test"\n', "")).start()
    rig.set("level", "head_mm", CALM_MM)
    rig.wait_for_values()
    return rig


def test_a_center_acknowledges_silences_and_shelves_and_a_higher_level_takes_it_back(actual):
    actual.set("level", "head_mm", WARNING_MM)
    siren(actual, "yellow")
    at_center(actual, "alarm raised", 1)
    assert order(actual, "ack", "--rule", "flood")["state"] == "done"
    at_center(actual, "alarm acknowledged", 1)
    (alarm,) = [one for one in shown(actual)["alarms"] if one["rule"] == "flood"]
    assert (alarm["state"], alarm["acknowledged_by"], alarm["acknowledged_tier"]) == ("acknowledged", "07", "center")
    assert order(actual, "silence")["state"] == "done"
    siren(actual, "yellow", 0)
    assert order(actual, "shelve", "--rule", "flood", "--reason", "works", "--for", "1 h")["state"] == "done"
    assert order(actual, "unshelve", "--rule", "flood")["state"] == "done"
    actual.station.gateway.kill()
    send_all_again(actual)
    actual.station.gateway.start()
    answered = "SELECT status FROM commands WHERE action IS NOT NULL"
    actual.station.wait_for(lambda: (None,) not in actual.station.center_query(answered), 20, "an answer to each again")
    assert actual.station.center_query(answered) == [(STATUSES.index("done"),)] * 4
    actual.set("level", "head_mm", RECORD_MM)
    siren(actual, "red", 3)
    at_center(actual, "alarm escalated", 1)
    (alarm,) = [one for one in shown(actual)["alarms"] if one["rule"] == "flood"]
    assert (alarm["state"], alarm["level"]) == ("unacknowledged", 4)
    refused = order(actual, "shelve", "--rule", "flood", "--reason", "works", "--for", "1 h", code=5)
    assert refused["state"] == "refused"
    assert refused["reason"]
    kinds = ("alarm acknowledged", "siren silenced", "alarm shelved", "alarm unshelved")
    assert [len(events(actual, kind)) for kind in kinds] == [1, 1, 1, 1], "each once, across the restart"


def test_an_exercise_is_kept_apart_from_what_is_actual_and_ends_by_itself(actual):
    assert order(actual, "mode", "exercise", "--for", "1 h", "--siren")["state"] == "done"
    actual.set("level", "head_mm", WARNING_MM)
    siren(actual, "yellow")
    at_center(actual, "alarm raised", 1)
    station = shown(actual)
    assert (station["mode"], station["mode_by"]) == ("exercise", "07")
    assert (station["counts"]["actual"]["yellow"], station["counts"]["exercise"]["yellow"]) == (0, 1)
    assert actual.station.status()["mode"] == "exercise"
    assert order(actual, "mode", "actual")["state"] == "done"
    at_center(actual, "alarm raised", 2)  # The river is still there: now it is actual.
    raised = events(actual, "alarm raised", "mode, episode_ms")
    assert [MODES[mode] for mode, _ in raised] == ["exercise", "actual"]
    assert raised[0] != raised[1]
    assert [MODES[mode] for mode, _ in events(actual, "alarm cleared")] == ["exercise"]
    counts = shown(actual)["counts"]
    assert (counts["actual"]["yellow"], counts["exercise"]["yellow"]) == (1, 0)


def test_an_observation_stands_beside_the_rows_and_an_order_without_a_station_waits_for_it(actual):
    there = lambda: "river" in {channel["name"] for channel in shown(actual)["channels"]}  # noqa: E731
    actual.station.wait_for(there, 20, "the river at the center")
    actual.station.gateway.stop()
    told = order(actual, "observe", "--channel", "river", "--value", "7.90 m", "--wait", "0.5 s", code=1)
    assert told["state"] in ("stored", "sent")
    actual.station.gateway.start()
    at_center(actual, "manual observation", 1)
    order(actual, "observe", "--channel", "river", "--value", "7.91 m", "--note", "staff wet")
    at_center(actual, "manual observation", 2)
    command = [sys.executable, "-m", "tools", "center", "timeline", "--db", str(actual.station.center_db), "--json"]
    command += ["--station", STATION_ID, "--channel", "river"]
    lines = json.loads(subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout)
    manual = [(line["value"], line["who"]) for line in lines if line["what"] == "manual"]
    assert manual == [(7_900, "07"), (7_910, "07")]
    assert actual.alarm_level("flood") == 0, "far above every stage, and nobody was woken"
    assert actual.station.siren()[0] == "none"


def test_an_operating_mode_by_command_is_in_health_and_at_the_center(actual):
    assert order(actual, "operate", "emergency", "--for", "1 h")["state"] == "done"
    at_center(actual, "operating mode changed", 1)
    status = actual.station.wait_for(
        lambda: (found := actual.station.status()).get("operating") == "emergency" and found, 10, "the mode in health"
    )
    assert status["operating_by"] == "07"
    actual.station.wait_for(lambda: shown(actual)["operating"] == "emergency", 20, "the mode at the center")


def test_a_flood_during_an_outage_is_told_late_and_wakes_nobody(quick_rig):
    rig = quick_rig
    rig.need("line-off")
    rig.set("level", "head_mm", CALM_MM)
    rig.wait_for_values()
    rig.line.pause()
    pass_by(rig, 40_000)
    rig.set("level", "head_mm", WARNING_MM)
    pass_by(rig, 40_000)
    rig.set("level", "head_mm", CALM_MM)
    pass_by(rig, 40_000)
    rig.line.resume()
    at_center(rig, "late rows judged", len(rig.boards))
    told = "SELECT kind, level FROM events WHERE rule = 'flood' AND late = ? ORDER BY seq"
    raised, cleared = EVENT_CODES["alarm raised"], EVENT_CODES["alarm cleared"]
    assert rig.station.center_query(told, 1)[0] == (raised, 2)
    assert rig.station.center_query(told, 1)[-1] == (cleared, 0)
    assert rig.station.center_query("SELECT count(*) FROM events WHERE rule = 'flood' AND late IS NULL") == [(0,)]
    assert "flood" not in {alarm["rule"] for alarm in shown(rig)["alarms"]}
    (episode,) = [one for one in shown(rig)["late_episodes"] if one["rule"] == "flood"]
    assert episode["highest"] == 2
    assert episode["end_ms"] is not None
