"""`riverpost explain`: every failure of the table has a code that never changes, and a code leads back to it."""

import json
import re

import pytest

from gateway.words import columns
from tools.__main__ import main
from tools.explain import EXAMPLE
from tools.failure import Failure
from tools.faults import codes, explained, fault, table

# Codes that were given, to what. A failure that is new gets a line here; no line is ever changed or taken away: a
# failure that has gone goes into GONE, so that its code is not given a second time.
GIVEN = {
    "RP-A01": "check_no_terminal",
    "RP-A02": "check_alarm",
    "RP-A03": "check_no_name",
    "RP-A04": "check_answers",
    "RP-A05": "check_mode",
    "RP-A06": "check_mode_stays",
    "RP-A07": "check_other_file",
    "RP-B01": "bus_busy",
    "RP-B02": "bus_silent",
    "RP-B03": "bus_foreign",
    "RP-B04": "bus_lost",
    "RP-B05": "bus_which",
    "RP-B06": "bus_baud",
    "RP-B07": "bus_setting",
    "RP-B08": "bus_at_space",
    "RP-B09": "record_exists",
    "RP-B10": "record_silent",
    "RP-B11": "bad_recording",
    "RP-B12": "bus_no_port",
    "RP-C01": "unreadable",
    "RP-C02": "unwritable",
    "RP-C03": "ask_first",
    "RP-C04": "no_board_type",
    "RP-C05": "bad_label",
    "RP-C06": "no_such_code",
    "RP-C07": "no_time",
    "RP-D01": "decode_nothing",
    "RP-D02": "decode_no_hex",
    "RP-D03": "decode_long",
    "RP-D04": "decode_catalogue",
    "RP-D05": "decode_unknown",
    "RP-D06": "decode_near",
    "RP-D07": "decode_not_that",
    "RP-E01": "no_bench",
    "RP-E02": "bench_refuses",
    "RP-E03": "bench_runs",
    "RP-F01": "no_port",
    "RP-F02": "no_answer",
    "RP-F03": "no_such_port",
    "RP-F04": "many_ports",
    "RP-F05": "no_permission",
    "RP-F06": "busy",
    "RP-F07": "wrong_chip",
    "RP-F08": "small_flash",
    "RP-F09": "pulled",
    "RP-F10": "not_equal",
    "RP-F11": "rows_unsent",
    "RP-F12": "silent_start",
    "RP-F13": "no_drive",
    "RP-F14": "drive_stays",
    "RP-F15": "no_console",
    "RP-G01": "no_status",
    "RP-G02": "bad_status",
    "RP-G03": "stale_status",
    "RP-G04": "order_folder",
    "RP-G05": "order_unanswered",
    "RP-I01": "no_image",
    "RP-I02": "unknown_image",
    "RP-I03": "other_image",
    "RP-I04": "wrong_image",
    "RP-I05": "no_room",
    "RP-I06": "bad_config",
    "RP-I07": "foreign_file",
    "RP-K01": "calibrate_silent",
    "RP-K02": "calibrate_not_good",
    "RP-K03": "calibrate_other_config",
    "RP-K04": "calibrate_bare",
    "RP-K05": "calibrate_no_channel",
    "RP-K06": "calibrate_no_tilt",
    "RP-K07": "calibrate_who",
    "RP-K08": "calibrate_reason",
    "RP-K09": "calibrate_bad_date",
    "RP-K10": "calibrate_bad_amount",
    "RP-K11": "calibrate_ask",
    "RP-K12": "calibrate_restless",
    "RP-K13": "calibrate_moves",
    "RP-K14": "calibrate_far",
    "RP-K15": "calibrate_refused",
    "RP-K16": "calibrate_nothing",
    "RP-K17": "calibrate_by_hand",
    "RP-K18": "calibrate_empty",
    "RP-P01": "console_silent",
    "RP-P02": "console_foreign",
    "RP-P03": "console_download",
    "RP-P04": "console_failed",
    "RP-P05": "console_pulled",
    "RP-P06": "not_ours",
    "RP-P07": "rows_move",
    "RP-P08": "settings_differ",
    "RP-P09": "not_ready",
    "RP-P10": "self_test",
    "RP-P11": "bad_keys",
    "RP-P12": "no_ssid",
    "RP-P13": "unit_taken",
    "RP-P14": "unit_changed",
    "RP-P15": "bad_password",
    "RP-K19": "calibrate_no_board",
    "RP-K20": "calibrate_no_port",
    "RP-K21": "calibrate_no_sensor",
    "RP-K22": "calibrate_other_settings",
    "RP-K23": "calibrate_states",
    "RP-K24": "calibrate_absurd",
    "RP-K25": "calibrate_unsteady",
    "RP-K26": "calibrate_few_tips",
    "RP-K27": "calibrate_no_way",
    "RP-K28": "calibrate_no_voltage",
    "RP-K29": "calibrate_few_pairs",
    "RP-K30": "calibrate_not_rising",
    "RP-K31": "calibrate_beyond",
    "RP-K32": "calibrate_bent",
    "RP-K33": "calibrate_other_unit",
    "RP-S01": "bad_station",
    "RP-S02": "no_such_board",
    "RP-S03": "other_type",
    "RP-S04": "half_station",
    "RP-S05": "station_changed",
    "RP-S06": "bad_change",
    "RP-N01": "site_exists",
    "RP-N02": "site_answers",
    "RP-N03": "site_nobody",
    "RP-N04": "site_no_file",
    "RP-N05": "site_refused",
    "RP-U01": "update_nothing",
    "RP-U02": "update_no_board",
    "RP-U03": "update_no_key",
    "RP-U04": "update_no_package",
    "RP-U05": "update_signature",
    "RP-U06": "update_class",
    "RP-U07": "update_not_newer",
    "RP-U08": "update_no_gap",
    "RP-U09": "update_folder",
    "RP-U10": "update_rolled_back",
    "RP-U11": "update_refused",
    "RP-U12": "update_too_late",
    "RP-U13": "update_gateway_gone",
    "RP-W01": "watch_which",
    "RP-W02": "watch_channel",
}
GONE: set[str] = set()


@pytest.fixture
def call(monkeypatch, capsys):
    """Return a function that runs `riverpost explain` on a terminal of so many columns: (exit code, output, errors)."""

    def run(*arguments, wide=80):
        monkeypatch.setenv("COLUMNS", str(wide))
        monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
        monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
        code = main(["explain", *arguments])
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize("key", sorted(table()["fault"]))
def test_every_failure_has_a_code_of_a_family_that_is_told(key):
    code = table()["fault"][key].get("code")
    assert code, f"[fault.{key}] has no code: see the head of tools/faults.toml"
    assert re.fullmatch(r"RP-[A-Z][0-9]{2}", code)
    assert code[3] in table()["family"]
    assert GIVEN.get(code) == key, f'{code}: add the line "{code}": "{key}" to GIVEN'


def test_no_code_is_given_twice():
    given = [found.get("code") for found in table()["fault"].values()]
    assert sorted(code for code in given if given.count(code) > 1) == []


def test_a_code_that_was_given_stays_with_its_failure():
    now = {code: key for code, key in GIVEN.items() if code not in GONE}
    assert {code: codes().get(code) for code in now} == now
    assert GONE & set(codes()) == set()


@pytest.mark.parametrize("key", sorted(table()["fault"]))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_an_explanation_is_whole_in_each_language(key, lang):
    found = explained(key, lang)
    text = " ".join([found["what"], found["likely"], *found["do"], found["state"], found["exit_means"]])
    assert not re.search(r"[{}]", text)
    assert "预警" not in text
    assert bool(re.search("[\u4e00-\u9fff]", text)) == (lang == "zh")


def test_an_error_ends_with_the_command_that_explains_it(capsys, call):
    error = fault("no_answer", "en", seen="port /dev/ttyUSB0 is there, chip silent 5 s")
    lines = error.text().splitlines()
    assert re.fullmatch(r"FAIL    No answer from the board +RP-F02", lines[0])
    assert lines[-1] == "More    riverpost explain RP-F02"
    assert fault("no_answer", "zh").text().splitlines()[-1] == "详情    riverpost explain RP-F02"
    assert call(*lines[-1].split()[3:], "--lang", "en")[:2] == (
        0,
        """RP-F02  No answer from the board
Likely  started without BOOT, or a cable for charging only
Do      1 hold BOOT, tap RESET, let go of BOOT, and start again
        2 try another cable
State   nothing was written
        where the error said another state, that one holds
Exit    4  a device, a bus or a program failed
""",
    )


def test_a_failure_that_is_not_in_the_table_promises_no_explanation():
    text = Failure("the board is silent", seen="-", likely="cable", do=["plug"]).text()
    assert "explain" not in text
    assert "RP-" not in text


@pytest.mark.parametrize("wide", [40, 80])
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("key", sorted(table()["fault"]))
def test_an_error_fits_its_terminal_but_for_what_is_to_be_copied(key, lang, wide):
    found = explained(key, lang)
    error = Failure(
        found["what"],
        seen="the port is there, the chip was silent for 5 s and more",
        likely=found["likely"],
        do=found["do"],
        state=found["state"],
        lang=lang,
        code=found["code"],
    )
    lines = error.text(wide).splitlines()
    assert lines[0].endswith(found["code"])
    assert [line for line in lines if columns(line) > wide and not re.search("riverpost |sudo |mosquitto_", line)] == []


@pytest.mark.parametrize("written", ["RP-F02", "rp-f02", "F02", "f02", " f-02 "])
def test_a_code_may_be_written_in_short(call, written):
    assert call(written, "--lang", "en")[1].startswith("RP-F02  No answer")


@pytest.mark.parametrize("wrong", ["RP-F99", "busy", "", "F2", "水位", "RP-F02 RP-F03"])
def test_a_code_that_is_none_ends_with_3_and_says_how_to_find_it(call, wrong):
    code, out, err = call(wrong, "--lang", "en")
    assert (code, out) == (3, "")
    assert "riverpost explain\n" in err


def test_a_slip_in_a_code_names_those_that_are_near(call):
    assert "RP-F02" in call("RP-F002")[2]


@pytest.mark.parametrize("wide", [40, 80])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_without_a_code_all_are_listed_within_the_terminal(call, lang, wide):
    code, out, err = call("--lang", lang, wide=wide)
    assert (code, err) == (0, "")
    assert re.findall(r"^RP-[A-Z][0-9]{2}", out, re.MULTILINE) == list(codes())
    assert [line for line in out.splitlines() if columns(line) > wide] == []


def test_the_same_comes_as_json(call, tmp_path):
    out = call("RP-F02", "--json", "-", "--lang", "en")[1]
    assert json.loads(out) == explained("no_answer", "en")
    assert call("--json", str(tmp_path / "all.json"), "--lang", "zh")[0] == 0
    all_codes = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert [one["code"] for one in all_codes] == list(codes())


def test_the_examples_of_the_help_work_and_fit_80_columns(call):
    examples = re.findall(r"riverpost explain(?: (\S+))?", EXAMPLE)
    assert [call(*([one] if one else []))[0] for one in examples] == [0, 0, 0]
    assert max(map(len, EXAMPLE.splitlines())) <= 80
