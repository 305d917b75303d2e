"""`riverpost site new` from a file of answers, as a script calls it: files, exit codes, what it prints."""

import argparse
import importlib
import json
import os
import re
import shlex
import stat
import subprocess
import tomllib

import pytest
import tomlkit

from gateway.load import load
from gateway.words import columns
from tests.tools.site_answers import SMALL
from tools import site
from tools.__main__ import commands, main
from tools.broker_access import write_access
from tools.provision.keys import CONF
from tools.site import answers as kept
from tools.site.batch import answered
from tools.site.station_text import WAITS
from tools.station_edit import known

WIFI = {**SMALL, "board": [*SMALL["board"], {"fit": "gap", "type": "esp32-wifi", "name": "bridge"}]}
WIFI["level"] = {**SMALL["level"], "2": {"offset": "7.00 m"}, "3": {"offset": "12.00 m"}}


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """Return a function that runs `riverpost site` in an empty folder: (exit code, output, errors)."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.toml").write_text(tomlkit.dumps(SMALL))
    (tmp_path / "wifi.toml").write_text(tomlkit.dumps(WIFI))

    def run(*words):
        capsys.readouterr()
        code = main(["site", *[str(word) for word in words]])
        return code, *capsys.readouterr()

    return run


def test_the_file_that_is_written_is_one_that_a_gateway_takes_and_says_so_in_both_languages(call, tmp_path):
    for lang in ("zh", "en"):
        assert call("new", lang, "--answers", "small.toml", "--lang", lang)[0] == 0
        station = load(tmp_path / lang / "station.toml")
        assert station.id == "CYB01"
        assert [source.name for source in station.sources] == ["level", "slope", "radar"]
        assert {rule.name for rule in station.rules} >= {"flood", "flood-river2", "storm", "tilt", "storage"}
        comments = re.findall("# (.*)", (tmp_path / lang / "station.toml").read_text())
        assert len(comments) > 40
        assert bool(re.search("[\u4e00-\u9fff]{6}", " ".join(comments))) == (lang == "zh")
    texts = [(tmp_path / lang / "station.toml").read_text() for lang in ("zh", "en")]
    assert tomllib.loads(texts[0]) == tomllib.loads(texts[1])


def test_every_value_has_its_comment_behind_or_above_it(call, tmp_path):
    call("new", ".", "--answers", "wifi.toml", "--lang", "en")
    lines = [line.removeprefix(WAITS) for line in (tmp_path / "station.toml").read_text().splitlines()]
    # Names that say what they are, or that the comment over their table explains.
    clear = re.compile(r"(name|kind|channel|version|datum|thresholds|password_file|quantity) = ")
    bare = [
        line
        for above, line in zip(["", *lines], lines, strict=False)
        if " = " in line and "# " not in line and not clear.match(line) and not above.startswith("# ")
    ]
    assert bare == []


def test_a_station_that_is_there_is_never_overwritten(call, tmp_path):
    (tmp_path / "station.toml").write_text("somebody's work")
    for words in ([], ["--yes"], ["--dry-run"]):
        code, out, err = call("new", "--answers", "small.toml", *words, "--lang", "en")
        assert (code, out) == (5, "")
        assert "station.toml is there already" in err
        assert "RP-N01" in err
    assert (tmp_path / "station.toml").read_text() == "somebody's work"
    assert sorted(os.listdir(tmp_path)) == ["small.toml", "station.toml", "wifi.toml"]


def test_one_that_appears_while_it_is_made_is_left_alone(call, tmp_path, monkeypatch):
    from tools.site.made import Made

    monkeypatch.setattr(Made, "prepare", lambda made: made.file.write_text("somebody was quicker"))
    assert call("new", "--answers", "small.toml")[0] == 5
    assert (tmp_path / "station.toml").read_text() == "somebody was quicker"


def test_dry_run_shows_the_file_and_writes_nothing(call, tmp_path):
    code, out, err = call("new", "there", "--answers", "small.toml", "--wiring", "w.md", "--dry-run", "--lang", "en")
    assert code == 0
    assert 'id = "CYB01"' in out
    assert "120 ohm between A and B" in out
    assert "No file was written" in err
    assert sorted(os.listdir(tmp_path)) == ["small.toml", "wifi.toml"]


def test_the_wiring_list_is_written_as_markdown_where_asked(call, tmp_path):
    assert call("new", "here", "--answers", "small.toml", "--wiring", "here/wiring.md", "--lang", "zh")[0] == 0
    text = (tmp_path / "here" / "wiring.md").read_text()
    assert text.startswith("# 接线单  CYB01 菜园坝\n")
    assert "## RS-485 总线" in text
    assert "riverpost check --station here/station.toml" in text


def test_a_wiring_list_that_cannot_be_written_leaves_no_station_behind(call, tmp_path):
    assert call("new", "here", "--answers", "small.toml", "--wiring", "no/such/folder.md")[0] == 2
    assert not (tmp_path / "here" / "station.toml").exists()


def test_what_is_missing_is_told_at_once_and_nothing_is_written(call, tmp_path):
    (tmp_path / "bare.toml").write_text("boards = 1\n")
    code, out, err = call("new", "here", "--answers", "bare.toml", "--lang", "en")
    assert (code, out) == (2, "")
    for name in ("station.id", "station.name", "level.1.zero", "cable.length", "power.battery"):
        assert f"{name}: an answer is needed here" in err
    assert "RP-N02" in err
    assert not (tmp_path / "here").exists()


def test_a_file_of_answers_that_is_none_is_told(call, tmp_path):
    (tmp_path / "broken.toml").write_text("station = [")
    for name in ("broken.toml", "nowhere.toml"):
        code, _, err = call("new", "--answers", name)
        assert code == 2
        assert "RP-N04" in err


def test_without_a_terminal_nothing_is_asked(call):
    code, out, err = call("new", "--yes", "--lang", "en")
    assert (code, out) == (2, "")
    assert "Nobody is here to answer" in err


def test_the_same_comes_as_json_and_nothing_else_on_standard_output(call, tmp_path):
    code, out, err = call("new", "here", "--answers", "wifi.toml", "--json", "-", "--lang", "en")
    assert code == 0
    found = json.loads(out)
    assert found["station"] == "CYB01"
    assert found["written"] == ["here/station.toml", "here/local-password"]
    assert found["answers"]["board.1.type"] == "rp2040-rs485"
    assert "board.1.type" in found["defaults"]
    assert {one["rule"] for one in found["waiting"]} == {"supply-slope", "supply-bridge"}
    assert found["power"]["battery_days"] > 1
    assert "their defaults were taken" in err


def test_the_gateways_password_for_wi_fi_is_made_once_and_for_its_owner_alone(call, tmp_path):
    call("new", "here", "--answers", "wifi.toml")
    file = tmp_path / "here" / "local-password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    password = file.read_bytes()
    assert len(password) >= 20
    (tmp_path / "here" / "station.toml").unlink()
    call("new", "here", "--answers", "wifi.toml")
    assert file.read_bytes() == password
    call("new", "there", "--answers", "wifi.toml")
    assert (tmp_path / "there" / "local-password").read_bytes() != password


def test_a_board_on_wi_fi_whose_serial_is_not_known_has_a_placeholder_that_provision_replaces(call, tmp_path):
    _, _, err = call("new", "here", "--answers", "wifi.toml", "--lang", "en")
    serial = load(tmp_path / "here" / "station.toml").sources[-1].serial
    assert (serial, known(serial)) == ("0000000000000003", "")
    assert "the serial of bridge is not known" in err


def test_every_command_that_it_prints_is_one_that_there_is(call):
    _, out, _ = call("new", "here it is", "--answers", "wifi.toml", "--lang", "en")
    printed = [shlex.split(line) for line in re.findall(r"^ +riverpost (.*)", out, re.MULTILINE)]
    for name, *words in printed:
        assert name in commands()
        parser = argparse.ArgumentParser()
        importlib.import_module(f"tools.{name}").add_arguments(parser)
        assert parser.parse_args(words), name
    assert ["flash", "esp32-wifi", "--station", "here it is/station.toml", "--name", "bridge"] in [
        words[:6] for words in printed
    ]


@pytest.mark.parametrize("wide", [40, 80])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_but_what_is_to_be_copied_is_wider_than_the_terminal(call, monkeypatch, lang, wide):
    monkeypatch.setenv("COLUMNS", str(wide))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    _, out, err = call("new", "here", "--answers", "wifi.toml", "--lang", lang)
    lines = [*out.splitlines(), *err.splitlines()]
    assert [line for line in lines if columns(line) > wide and not re.search("riverpost |sudo |install ", line)] == []


def test_the_examples_of_the_help_fit_80_columns():
    for text in (site.EXAMPLE, *site.EXAMPLES.values()):
        assert max(map(columns, text.splitlines())) <= 80


def test_answers_as_they_are_kept_may_be_given_again(call, tmp_path):
    found = answered(kept.flat(SMALL), "en")[0]
    (tmp_path / "kept.toml").write_text(kept.written(found, "kept"))
    code, _, err = call("new", "again", "--answers", "kept.toml", "--lang", "en")
    assert code == 0
    assert "defaults" not in err


def test_the_lines_for_mosquitto_name_the_files_where_they_are_put(call, tmp_path):
    _, out, _ = call("new", "here", "--answers", "wifi.toml", "--lang", "en")
    made = tmp_path / "here" / "secrets" / "broker"
    lines = write_access(made, "CYB01", {"0123456789abcdef": "b" * 20}, {"gateway": "g" * 20})
    (made / CONF).write_text(lines)
    listen = next(line for line in out.splitlines() if "sudo tee" in line)
    shown = subprocess.run(["sh", "-c", listen.split(" | ")[0]], capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [
        "listener 1883",
        *lines.replace(f"{made}/", "/etc/mosquitto/riverpost/").splitlines(),
    ]
    install = shlex.split(next(line for line in out.splitlines() if "-o mosquitto" in line))
    assert [name for name in install if name.startswith("here/")] == [
        "here/secrets/broker/passwords",
        "here/secrets/broker/rights",
    ]
    assert all((tmp_path / name).is_file() for name in install[-2:])
