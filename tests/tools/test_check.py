"""`riverpost check`, the steps that need nobody: what is right passes, and each thing that is not is named."""

import copy
import json
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from tests.tools.check_station import HANDS, Played, alarm, played_in, step_of
from tools.__main__ import main
from tools.check.ending import CountStep
from tools.check.said import tell

if TYPE_CHECKING:
    from tools.check.site import Site

STILL = ["station", "store", "center", "main/answers"]
BOARDS = ["level/board", "rain/board", "smoke/board", "level/values", "rain/values", "smoke/values", "rules"]
ENDING = ["main/polls", "end"]


@pytest.fixture
def played(tmp_path, monkeypatch):
    yield from played_in(tmp_path, monkeypatch)


def check(played, *more):
    """(exit code, what --json says) of an unattended check."""
    code = main([*played.arguments, "--unattended", "--lang", "en", "--polls", "5", "--json", "out.json", *more])
    return code, json.loads((played.folder / "out.json").read_text(encoding="utf-8"))


def test_a_station_that_is_right_is_in_order_and_nothing_is_changed(played, capsys):
    code, found = check(played)
    assert (code, found["result"], found["accepted"]) == (0, "in order", False)
    assert [one["id"] for one in found["steps"]] == [*STILL, *BOARDS, *HANDS, *ENDING]
    assert {one["state"] for one in found["steps"] if not one["person"]} == {"ok"}
    assert {one["state"] for one in found["steps"] if one["person"]} == {"skip"}
    assert played.orders == [], "nobody was there, so the mode stayed as it was"
    told = capsys.readouterr().out
    assert "3 of 3 answer" in told
    assert "\033" not in told
    assert (played.folder / "check-CYB01-20240601-0800.html").exists()


def test_what_was_read_stands_in_the_document_with_unit_datum_and_limit(played):
    _, found = check(played)
    river, supply = step_of(found, "level/values")["readings"]
    assert (river["quantity"], river["value"], river["datum"]) == ("level_mm", 177_140, "wusong")
    assert river["shown"] == {"zh": "177.14 m（吴淞高程）", "en": "177.14 m Wusong datum"}
    assert (supply["value"], supply["limit"]["en"]) == (12_500, "≥ 7.0 V")
    board = found["boards"][0]
    assert (board["serial"], board["definition"]) == ("6c6576656c000000", board["definition_wanted"])
    assert found["gateway"]["station_toml"] == f"{played.config.version:08x}"


def lost(played):
    played.source("rain")["lost"] = True
    played.values["rain.rain"] = played.values["rain.supply"] = None


WRONG = {
    "a gateway whose clock is not set": (lambda p: p.state.update(clock_known=False), "station", "FAIL", "clock"),
    "a disk that takes nothing": (lambda p: p.state["store"].update(failed="disk full"), "store", "FAIL", "disk full"),
    "a store that is nearly full": (lambda p: p.state["store"].update(nearly_full=True), "store", "look", "full"),
    "a center that is away": (lambda p: p.state.update(connected=False), "center", "look", "not connected"),
    "a board that is silent": (lost, "main/answers", "FAIL", "rain"),
    "values of a board that is silent": (lost, "rain/values", "FAIL", "rain.rain"),
    "a board in its safe application": (lambda p: p.board("level").update(slot="safe"), "level/board", "FAIL", "safe"),
    "a board on trial": (lambda p: p.board("level").update(trial=True), "level/board", "look", "trial"),
    "other settings": (lambda p: p.board("rain").update(definition="00" * 8), "rain/board", "FAIL", "provision"),
    "failed starts": (lambda p: p.board("rain").update(failed_starts=2), "rain/board", "look", "failed starts: 2"),
    "last words": (lambda p: p.board("rain").update(last_words="hang link"), "rain/board", "look", "hang link"),
    "a board that has not said who it is": (lambda p: p.board("smoke").pop("version"), "smoke/board", "FAIL", "who"),
    "a suspect value": (
        lambda p: p.channel("river").update(quality=3, flags=["flat"]), "level/values", "look", "Suspect (stands still)"
    ),
    "a late value": (lambda p: p.channel("river").update(late=True, age_ms=9_000), "level/values", "FAIL", "9 s late"),
    "a supply below its limit": (lambda p: p.values.update({"rain.supply": 6_900}), "rain/values", "FAIL", "≥ 7.0 V"),
    "a contact that is closed at rest": (
        lambda p: p.values.update({"smoke.smoke_contact": 1}), "smoke/values", "FAIL", "closed at rest"
    ),
    "a rule that judged nothing": (
        lambda p: p.state["rules"][0].update(value=None), "rules", "FAIL", "flood has judged nothing"
    ),
    "a rule out of service": (
        lambda p: p.state["alarms"].append(alarm("flood", 0, state="out of service")), "rules", "look", "Out of service"
    ),
    "an alarm that stands": (lambda p: p.state["alarms"].append(alarm("flood", 2)), "end", "look", "flood ▲Y Yellow"),
    "a lost source that stands": (
        lambda p: p.state["alarms"].append(alarm("lost-rain", 2, kind="lost", channel="rain")), "end", "FAIL", "lost-"
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_right_is_named(played, name):
    spoil, where, state, words = WRONG[name]
    with played.lock:
        spoil(played)
    code, found = check(played)
    one = step_of(found, where)
    assert one["state"] == state
    assert words in one["said"]["en"]
    assert re.search("[\u4e00-\u9fff]", one["said"]["zh"])
    assert code == (1 if found["failed"] else 0)
    assert (where in found["failed"]) == (state == "FAIL")


def counted(played, **later):
    """What CountStep says of a station whose state was as it is, and is then as `later` changes it."""
    began = copy.deepcopy(played.state)
    began["buses"][0]["scans"] = 50
    latest = copy.deepcopy(began)
    (bus,) = latest["buses"]
    bus["scans"] += 100
    for source in bus["sources"]:
        source["looks"] += 100
    bus["sources"][0]["errors"] = dict(later.pop("errors", {}))
    bus["sources"][0]["looks"] -= later.pop("missed", 0)
    bus["counters"] |= later.pop("counters", {})
    latest["pid"] = later.pop("pid", latest["pid"])
    bus |= later
    site = SimpleNamespace(began=began, latest=latest, polls=100, until=lambda enough, limit_s, said: enough())
    return CountStep(played.config.buses[0], 100).run(cast("Site", site))


COUNTS = {
    "no error": ({}, "ok", "0 errors in 100 polls"),
    "one in a hundred": ({"errors": {"crc": 1}}, "look", "level: wrong CRC: 1"),
    "two in a hundred": ({"errors": {"crc": 1, "no_answer": 1}}, "look", "level: wrong CRC: 1, no answer: 1"),
    "three in a hundred": ({"errors": {"crc": 1, "no_answer": 2}}, "FAIL", "level: wrong CRC: 1, no answer: 2"),
    "asked less than half as often": ({"missed": 60}, "FAIL", "level was asked 40 times"),
    "one scan skipped": ({"scans_skipped": 1}, "look", "Scans skipped: 1"),
    "two scans skipped": ({"scans_skipped": 2}, "FAIL", "Scans skipped: 2"),
    "a full line": ({"use_permil": 801}, "look", "80 % in use"),
    "a second device": ({"counters": {"duplicate": 1}}, "look", "one address twice"),
    "a port that went": ({"counters": {"port": 1}}, "FAIL", "port gone: 1"),
    "too few scans": ({"scans": 149}, "FAIL", "only 99 of 100"),
    "another gateway process": ({"pid": 1}, "FAIL", "started anew"),
}


@pytest.mark.parametrize("name", COUNTS)
def test_errors_are_counted_from_the_checks_beginning(played, name):
    later, state, words = COUNTS[name]
    outcome = counted(played, **copy.deepcopy(later))
    assert outcome.state == state
    assert words in tell(outcome.said, "en")


def test_errors_of_before_the_check_do_not_count(played):
    with played.lock:
        played.source("level")["errors"] = {"crc": 7}
    assert counted(played, errors={"crc": 7}).state == "ok"


def test_a_line_that_is_not_scanned_does_not_hang_the_check(played, monkeypatch):
    monkeypatch.setattr("tools.check.ending.POLLS_SLACK_S", -0.5)
    played.scanning = False
    code, found = check(played, "--polls", "1")
    assert code == 1
    assert "only 0 of 1 polls" in step_of(found, "main/polls")["said"]["en"]


def test_only_one_channel_is_looked_at_where_only_one_is_wanted(played):
    code, found = check(played, "--only", "rain.rain")
    assert (code, found["result"]) == (0, "in order")
    assert [one["id"] for one in found["steps"]] == ["rain/values", "rain.rain/tips"]


def test_a_name_that_the_station_has_not_is_refused_with_those_it_has(played, capsys):
    assert main([*played.arguments, "--unattended", "--only", "rian", "--lang", "en"]) == 2
    told = capsys.readouterr().err
    assert "rain.rain" in told
    assert "RP-A03" in told


def test_another_station_toml_than_the_gateways_is_refused(played, capsys):
    played.station_file.write_text(played.station_file.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")
    assert main([*played.arguments, "--unattended", "--lang", "en"]) == 2
    assert "RP-A07" in capsys.readouterr().err
    assert list(played.folder.glob("check-*")) == []


def test_without_terminal_it_refuses_to_ask_and_says_what_to_do(played, capsys):
    assert main([*played.arguments, "--lang", "zh"]) == 2
    told = capsys.readouterr().err
    assert "--unattended" in told
    assert "--answers" in told
    assert played.orders == []


def test_without_a_gateway_it_says_so(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    played = Played(tmp_path)
    assert main([*played.arguments, "--unattended", "--lang", "en"]) == 3
    assert "RP-G01" in capsys.readouterr().err


def test_a_gateway_that_stands_still_ends_the_check_and_the_report_says_so(played, capsys, monkeypatch):
    monkeypatch.setattr("tools.station_now.STALE_S", 0.5)
    played.stop()
    code = main([*played.arguments, "--unattended", "--lang", "en", "--json", "out.json"])
    assert code == 4
    found = json.loads((played.folder / "out.json").read_text(encoding="utf-8"))
    assert (found["result"], found["accepted"]) == ("stopped", False)
    assert found["steps"][-1]["state"] == "stop"
    assert "RP-G03" in found["failure"]
    (report,) = played.folder.glob("check-*.html")
    assert "stopped, not accepted" in report.read_text(encoding="utf-8")
    assert "RP-G03" in capsys.readouterr().err


def test_a_dry_run_needs_no_gateway_and_names_steps_prompts_and_limits(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    played = Played(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    assert main([*played.arguments, "--dry-run", "--lang", "en", "--json", "-"]) == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert [one["id"] for one in found["steps"]] == [*STILL, *BOARDS, *HANDS, *ENDING]
    for words in ("called: river/move", "exactly 5 tips, 1.0 mm", "you: Tip the bucket 5 times"):
        assert words in told.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_report_that_cannot_be_written_is_told_before_anything_is_done(played, capsys):
    assert main([*played.arguments, "--unattended", "--report", "no/such/place.html", "--lang", "en"]) == 2
    told = capsys.readouterr()
    assert "RP-C02" in told.err
    assert "gateway" not in told.out


@pytest.mark.parametrize("words", [["--polls", "0"], ["--polls", "x"], ["--wait", "nan"], ["--pour", "-1"]])
def test_numbers_that_cannot_be_are_refused(played, words, capsys):
    with pytest.raises(SystemExit) as ended:
        main([*played.arguments, *words])
    assert ended.value.code == 2
    assert words[1] in capsys.readouterr().err


def test_with_json_on_standard_output_nothing_else_is_there(played, capsys):
    assert main([*played.arguments, "--unattended", "--lang", "zh", "--polls", "5", "--json", "-"]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["result"] == "in order"
    assert "3 个全部有应答" in told.err
