"""Levels, baselines and what is shown of them, at a station whose gateway is played."""

import argparse
import contextlib
import json
import tomllib

import pytest

from gateway.load import load
from tests.gateway.station_toml import GOOD
from tests.tools.played_station import PlayedStation, told
from tools.__main__ import main
from tools.calibrate import readings
from tools.calibrate.level import SPREAD_MM, check
from tools.calibrate.readings import Readings
from tools.failure import EXIT_NOT_RIGHT, EXIT_REFUSED
from wire.reading import FAIL, NOT_EVALUATED, SUSPECT

WAVE = (0, 2, -1, 1, -2)  # mm


@pytest.fixture
def station(tmp_path, monkeypatch):
    monkeypatch.setattr(readings, "LOOK_S", 0.001)
    station = PlayedStation(tmp_path)
    stand(station, 177_140)
    yield from station.run()


def stand(station, level_mm, **more):
    """The river stands there, with small waves."""
    station.channels = lambda n: [told("river", level_mm + WAVE[n % len(WAVE)], **more)]


def calibrate(station, *words, code=0):
    assert main(station.command(*words, "--lang", "en")) == code


def level(station, *words, code=0):
    calibrate(station, "level", "river", "--by", "07", "--yes", "--readings", 20, *words, code=code)


def value(station):
    level = next(channel for channel in load(station.file).channels if channel.name == "river").level
    assert level is not None
    return level


def records(station):
    return tomllib.loads(station.file.read_text()).get("calibration", [])


def test_the_offset_becomes_what_the_staff_asks_for_and_is_recorded(station, capsys):
    level(station, "--staff", "177.20 m", "--due", "2021-06-01")
    assert (value(station).offset_mm, value(station).surveyed) == (-250 + 60, "2020-06-01")
    (record,) = records(station)
    assert record["at"].isoformat().startswith("2020-06-01T16:2")
    assert (record["kind"], record["channel"], record["by"]) == ("level", "river", "07")
    assert record["readings"] == [{"shows": "177.140 m", "spread": "2 mm", "count": 20, "is": "177.200 m"}]
    assert record["before"] == {"offset": "-0.25 m", "surveyed": "2020-05-30"}
    assert record["after"] == {"offset": "-0.190 m", "surveyed": "2020-06-01"}
    assert load(station.file).calibrations[0].due == "2021-06-01"
    said = capsys.readouterr().out
    assert "offset by +0.060 m: from -0.250 m to -0.190 m (before: surveyed 2020-05-30)" in said
    assert "started anew" in said
    assert f"calibrate level river --undo --by 07 --station {station.file}" in said


def test_everything_else_in_the_file_stays_as_it_is(station):
    station.file.write_text("# as built, 2020\n" + GOOD.replace('"-0.25 m"', '"-0.25 m"   # levelled'))
    station.start_anew()
    before = station.file.read_text()
    level(station, "--staff", "177.20 m")
    text = station.file.read_text()
    changed = before.replace('"-0.25 m"', '"-0.190 m"').replace('surveyed = "2020-05-30"', 'surveyed = "2020-06-01"')
    assert text.startswith(changed)
    assert text[len(changed) :].lstrip().startswith("[[calibration]]")
    assert station.file.with_name("station.toml.before").read_text() == before


@pytest.mark.parametrize(
    ("words", "offset_mm"),
    [(("--staff", "17.20", "--over-zero"), -190), (("--staff", "17720 cm"), -190), (("--staff", "１７７．２０"), -190)],
)
def test_a_staff_may_be_read_from_its_zero_and_in_any_unit_of_length(station, words, offset_mm):
    level(station, *words)
    assert value(station).offset_mm == offset_mm


def test_a_second_call_before_the_gateway_was_started_anew_would_count_double_and_is_refused(station, capsys):
    level(station, "--staff", "177.20 m")
    level(station, "--staff", "177.20 m", code=EXIT_REFUSED)
    assert "RP-K03" in capsys.readouterr().err
    assert len(records(station)) == 1
    station.start_anew()
    stand(station, 177_200)
    level(station, "--staff", "177.21 m")
    assert value(station).offset_mm == -180


def test_an_undo_takes_the_last_one_back_and_then_the_one_before(station):
    level(station, "--staff", "177.20 m", "--due", "2021-06-01")
    station.start_anew()
    stand(station, 177_200)
    level(station, "--staff", "177.21 m", "--due", "2021-07-01")
    calibrate(station, "level", "river", "--by", "08", "--yes", "--undo")
    assert (value(station).offset_mm, value(station).surveyed) == (-190, "2020-06-01")
    assert load(station.file).calibrations[-1].due == "2021-06-01"
    calibrate(station, "level", "river", "--by", "08", "--yes", "--undo")
    assert (value(station).offset_mm, value(station).surveyed) == (-250, "2020-05-30")
    assert load(station.file).calibrations[-1].due == ""
    assert [one["by"] for one in records(station)] == ["07", "07", "08", "08"]
    calibrate(station, "level", "river", "--by", "08", "--yes", "--undo", code=3)


def test_an_undo_never_goes_over_what_somebody_changed_since(station, capsys):
    level(station, "--staff", "177.20 m")
    station.file.write_text(station.file.read_text().replace('offset = "-0.190 m"\n', 'offset = "-0.10 m"\n', 1))
    before = station.file.read_bytes()
    calibrate(station, "level", "river", "--by", "08", "--yes", "--undo", code=EXIT_REFUSED)
    assert "edited by hand" in capsys.readouterr().err
    assert station.file.read_bytes() == before


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("where", "what", "offset_mm"), [("_write", "is as it was", -250), ("_sync", "holds the new calibration", -190)]
)
def test_whoever_stops_it_by_hand_is_told_which_file_is_there(station, capsys, monkeypatch, where, what, offset_mm):
    monkeypatch.setattr(f"tools.station_edit.{where}", interrupted)
    level(station, "--staff", "177.20 m", code=130)
    assert f"Stopped. station.toml {what}" in capsys.readouterr().err
    assert value(station).offset_mm == offset_mm


REFUSED = {
    "a staff that is far off": (177_140, {}, ("--staff", "178.20 m"), EXIT_REFUSED, "differ by more than 0.500 m"),
    "water that rises": ("rising", {}, ("--staff", "177.2"), EXIT_REFUSED, "The water moves"),
    "a sensor that fails": (177_140, {"quality": FAIL}, ("--staff", "177.2"), EXIT_NOT_RIGHT, "fail"),
    "a doubt": (177_140, {"quality": SUSPECT, "flags": ("span",)}, ("--staff", "177.2"), EXIT_NOT_RIGHT, "span"),
    "a bare converter": (177_140, {"quality": NOT_EVALUATED}, ("--staff", "177.2"), EXIT_NOT_RIGHT, "not evaluated"),
    "no amount": (177_140, {}, ("--staff", "177,2"), 2, "177,2"),
    "another unit": (177_140, {}, ("--staff", "177 deg"), 2, "is no unit of a length"),
    "a day that is over": (177_140, {}, ("--staff", "177.2", "--due", "2020-06-01"), 2, "no day that is to come"),
    "no day": (177_140, {}, ("--staff", "177.2", "--due", "soon"), 2, "no day that is to come"),
    "nobody": (177_140, {}, ("--staff", "177.2", "--by", " "), 2, "Nobody says who"),
    "no staff": (177_140, {}, (), EXIT_REFUSED, "add --staff, or run it in a terminal"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_nothing_is_written_by(station, capsys, name):
    water, more, words, code, said = REFUSED[name]
    if water == "rising":
        station.channels = lambda n: [told("river", 177_000 + n)]
    else:
        stand(station, water, **more)
    before = station.file.read_bytes()
    level(station, *words, code=code)
    assert station.file.read_bytes() == before
    err = capsys.readouterr().err
    assert said in err
    assert "nothing was changed" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ([0, 31, 62] * 20, "calibrate_restless"),
        (list(range(60)), "calibrate_moves"),
        ([0] * 20 + [300] * 20 + [0] * 20, "calibrate_restless"),
        ([0, 10, 30] * 20, ""),
        ([0] * 59 + [900], ""),  # One boat is no wave.
    ],
)
def test_only_calm_water_that_stands_is_taken(values, key):
    refused = []

    class Session:
        args = argparse.Namespace(spread_mm=SPREAD_MM)

        def fault(self, name, seen):
            refused.append(name)
            return RuntimeError(seen)

    with pytest.raises(RuntimeError) if key else contextlib.nullcontext():
        check(Session(), Readings(values))  # pyright: ignore[reportArgumentType] - what it uses of one
    assert refused == [key] * bool(key)


def test_what_only_the_calibration_cures_is_no_hindrance(station):
    stand(station, 177_140, quality=SUSPECT, flags=("due",))
    level(station, "--staff", "177.20 m")
    station.start_anew()
    stand(station, 177_140, quality=SUSPECT, calibrate=True)
    level(station, "--staff", "177.20 m")
    assert value(station).offset_mm == -130


def test_far_is_done_when_it_was_meant(station):
    level(station, "--staff", "178.20 m", "--far")
    assert value(station).offset_mm == 810


def test_a_sensor_that_says_nothing_new_is_waited_for_no_longer_than_named(station, capsys, monkeypatch):
    monkeypatch.setattr(readings, "QUIET_S", 0.1)
    monkeypatch.setattr(readings, "QUIET_SCANS", 0)
    station.channels = lambda n: [told("river", 177_140, age_ms=n * 1_000)]
    level(station, "--staff", "177.2", code=4)
    assert 'No new readings of the channel "river"' in capsys.readouterr().err


def test_a_file_that_may_not_be_written_is_told_before_anything_is_read(station, capsys, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: path != station.file)
    level(station, "--staff", "177.20 m", code=2)
    said = capsys.readouterr()
    assert "station.toml cannot be written" in said.err
    assert "readings" not in said.err


def test_a_dry_run_shows_the_change_and_writes_nothing(station, capsys):
    before = station.file.read_bytes()
    level(station, "--staff", "177.20 m", "--dry-run", "--json", "-")
    out, err = capsys.readouterr()
    assert station.file.read_bytes() == before
    found = json.loads(out)
    assert (found["offset_mm"], found["median_mm"], found["written"]) == (-190, 177_140, False)
    assert "from -0.250 m to -0.190 m" in err


def test_a_machine_is_told_what_was_written(station, tmp_path):
    level(station, "--staff", "177.20 m", "--json", tmp_path / "out.json")
    found = json.loads((tmp_path / "out.json").read_text())
    assert (found["written"], found["by"], found["offset_mm"]) == (True, "07", -190)
    assert found["after"] == {"offset": "-0.190 m", "surveyed": "2020-06-01"}


@pytest.mark.parametrize("name", ["river", "level", "11"])
def test_a_channel_is_meant_by_its_name_or_its_boards_name_or_address(station, name):
    calibrate(station, "level", name, "--by", "07", "--yes", "--staff", "177.2", "--readings", 5)
    assert value(station).offset_mm != -250


def test_a_channel_that_is_none_is_told_with_those_there_are(station, capsys):
    calibrate(station, "level", "rain.rain", "--by", "07", "--staff", "1", code=2)
    assert "river" in capsys.readouterr().err


def test_a_channel_over_a_bare_converter_is_sent_to_its_table_first(station, capsys):
    text = "\n".join(line for line in GOOD.splitlines() if not line.startswith("calibration.adc"))
    station.file.write_text(text[: text.index("[[rule]]")])
    station.start_anew()
    level(station, "--staff", "177.2", code=EXIT_REFUSED)
    assert "riverpost calibrate table level --adc 0" in capsys.readouterr().err


@pytest.mark.parametrize(("staff", "code", "said"), [("177.15 m", 0, "agree"), ("177.25 m", 1, "do not agree")])
def test_a_verification_compares_and_lets_the_gateway_know(station, capsys, staff, code, said):
    before = station.file.read_bytes()
    level(station, "--staff", staff, "--verify", code=code)
    assert station.file.read_bytes() == before
    assert said in capsys.readouterr().out
    (order,) = station.orders
    assert (order.kind, order.channel, order.actor, order.tier) == ("staff", "river", "07", "station")
    assert order.value == round(float(staff.split()[0]) * 1_000)


def test_a_baseline_is_taken_by_the_gateway_and_told_with_its_version(station, capsys):
    baselines = [{"rule": "wall", "version": 1, "at_unix_ms": 0, "actor": "configuration", "reason": "", "vector": [1]}]
    station.channels = lambda n: [told("tilt.tilt_x", 120, quantity="tilt_x_mdeg", baselines=list(baselines))]

    def rezero(action):
        what = {"at_unix_ms": 1_591_000_000_000, "actor": action.actor, "reason": action.reason, "vector": [120]}
        baselines[0] = {"rule": "wall", "version": 2, **what}
        return ""

    station.answer = rezero
    before = station.file.read_bytes()
    calibrate(station, "tilt", "tilt.tilt_x", "--by", "07", "--reason", "mounted anew", "--yes")
    (order,) = station.orders
    assert (order.kind, order.channel, order.reason) == ("re-zero", "tilt.tilt_x", "mounted anew")
    said = capsys.readouterr().out
    assert "wall  version 1, —, given by station.toml" in said
    assert "tilt.tilt_x  0.12 °" in said
    assert "wall  version 2, 2020-06-01, 07 (mounted anew)" in said
    assert station.file.read_bytes() == before, "the gateway keeps baselines, not the file"


def test_what_the_gateway_refuses_is_told_in_its_own_words(station, capsys):
    station.channels = lambda n: [told("tilt.tilt_x", 120, quantity="tilt_x_mdeg")]
    station.answer = lambda action: "wall: the sensor moves within 0.3 deg, 0.1 deg are allowed; wait until it is still"
    calibrate(station, "tilt", "wall", "--by", "07", "--reason", "x", "--yes", "--undo", code=EXIT_REFUSED)
    assert "the sensor moves within 0.3 deg" in capsys.readouterr().err
    assert station.orders[0].kind == "undo-re-zero"


@pytest.mark.parametrize(("words", "code"), [(("river", "--reason", "x"), 2), (("wall", "--reason", " "), 2)])
def test_a_baseline_needs_a_tilt_rule_and_a_reason(station, words, code):
    calibrate(station, "tilt", *words, "--by", "07", "--yes", code=code)
    assert station.orders == []


def shown(station, capsys, code=0):
    calibrate(station, "show", code=code)
    return capsys.readouterr().out


def test_what_is_calibrated_is_shown_with_day_person_and_end(station, capsys):
    assert "ok      river  level  offset -0.250 m, surveyed 2020-05-30" in shown(station, capsys)
    level(station, "--staff", "177.20 m", "--due", "2099-01-01")
    capsys.readouterr()
    said = shown(station, capsys)
    assert "ok      river  level  offset -0.190 m, 2020-06-01, 07, until 2099-01-01" in said
    assert "look    rain.supply  adc 2 has no table: it is shown, and carries no alarm" in said
    assert "ok      level adc 0  table  no record" in said


def test_what_is_past_its_date_is_shown_as_a_failure(station, capsys):
    level(station, "--staff", "177.20 m", "--due", "2021-06-01")
    capsys.readouterr()
    said = shown(station, capsys, code=EXIT_NOT_RIGHT)
    assert "FAIL    river  level  offset -0.190 m, 2020-06-01, 07, was due 2021-06-01" in said
    assert "calibrate level river" in said.splitlines()[-1]


def test_what_was_changed_by_hand_since_is_shown(station, capsys):
    level(station, "--staff", "177.20 m")
    station.file.write_text(station.file.read_text().replace('offset = "-0.190 m"\n', 'offset = "-0.10 m"\n', 1))
    capsys.readouterr()
    assert "by hand since: offset -0.10 m" in shown(station, capsys)


def test_without_a_gateway_everything_but_the_baselines_is_shown(tmp_path, capsys):
    station = PlayedStation(tmp_path)
    calibrate(station, "show", "--json", tmp_path / "out.json")
    assert "no gateway runs" in capsys.readouterr().out
    things = json.loads((tmp_path / "out.json").read_text())["things"]
    assert {"kind": "level", "thing": "river", "value": "offset -0.250 m"}.items() <= things[0].items()
