"""`riverpost update` against a gateway that is played: its state and folder are moved on whenever somebody waits."""

import json
import os
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from gateway.load import load
from gateway.update_course import ENDS, REFUSED, STATES
from gateway.update_shelf import Shelf
from tests.gateway.fake_update import FOREIGN, PUBLIC, package
from tests.gateway.station_toml import GOOD
from tools.__main__ import main
from tools.failure import columns
from tools.update.phrases import PHRASES

GOES_WELL = [("waiting", 0), ("sending", 512), ("sending", 2_048), ("verifying", 3_100), ("ready", 3_100)]
GOES_WELL += [("installing", 3_100), ("trial", 0), ("confirmed", 0)]


class Gateway:
    """What the command sees of one. `script`: (state, offset) or (state, offset, more of the status) for each wait; the
    board `level` runs `counter`.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.toml = folder / "station.toml"
        self.write_toml(f'update_key = "{PUBLIC.hex()}"')
        self.config = load(self.toml)
        self.status = folder / "status.json"
        self.folder = self.config.update_folder
        self.folder.mkdir(parents=True)
        self.shelf = Shelf(self.folder)
        self.counter: int | None = 7
        self.more: dict[str, Any] = {}
        self.script: list[tuple] = list(GOES_WELL)
        self.runs = True
        self.reason = ""
        self.waits = 0
        self._now: tuple = ()
        for place in ("watch", "cancel"):
            monkeypatch.setattr(f"tools.update.{place}.sleep", self.wait)
        self.say()

    def write_toml(self, line: str) -> None:
        self.toml.write_text(GOOD.replace("[station]\n", f"[station]\n{line}\n"), encoding="utf-8")

    def wait(self, _: float) -> None:
        """Somebody waits: the next of the script comes about."""
        self.waits += 1
        assert self.waits < 100, "it waits for ever"
        if not self.runs:
            return
        file = self.shelf.packages().get("level")
        if file is None:
            if self.shelf.note("level").get("state") not in (None, *ENDS):
                self.note((REFUSED, 0), None, "withdrawn")
        elif self.script:
            self._now = self.script.pop(0)
            self.note(self._now, file, self.reason if self._now[0] in ("refused", "rolled back") else "")
            if self._now[0] in ENDS:
                self.shelf.put_away("level", file, keep=self._now[0] != "confirmed")
        self.say()

    def note(self, now: tuple, file: tuple[int, int] | None, reason: str) -> None:
        kept = self.shelf.note("level")
        told = {"version": "0.2.8", "counter": 8, "bytes": len(package()), "file": list(file or kept["file"])}
        self.shelf.write_note("level", {"board": "level", **told, "state": now[0], "reason": reason, "detail": ""})

    def say(self) -> None:
        """Write the state."""
        state, offset, *more = self._now or ("", None)
        board: dict[str, Any] = {"name": "level", "bus": "main", "serial": "0123456789abcdef", "update": None}
        if self.counter is not None:
            board |= {"version": "0.1.0", "version_counter": self.counter, "slot": "a", "trial": state == "trial"}
        if state:
            board["update"] = {"state": state, "offset": offset, "waits": "", **(more[0] if more else {})}
        rain = {"name": "rain", "version": "0.1.0", "version_counter": 7, "slot": "a", "trial": False, "update": None}
        document = {"station": "CYB01", "config": self.config.version, "boards": [board, rain], **self.more}
        self.status.write_text(json.dumps(document))


@pytest.fixture
def gateway(tmp_path, monkeypatch):
    return Gateway(tmp_path, monkeypatch)


@pytest.fixture
def call(gateway, tmp_path, monkeypatch, capsys):
    """Return a function that runs `riverpost update level …`: (exit code, output, errors)."""

    def run(*words: str, data: bytes | None = None, yes: bool = True, lang: str = "en"):
        monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
        given = []
        if data is not None:
            (tmp_path / "new.rpu").write_bytes(data)
            given = [str(tmp_path / "new.rpu")]
        usual = ["--station", str(gateway.toml), "--status", str(gateway.status), "--lang", lang]
        code = main(["update", "level", *given, *usual, *(["--yes"] if yes else []), *words])
        return code, *capsys.readouterr()

    return run


def test_a_package_is_dropped_and_followed_until_the_board_has_confirmed_it(gateway, call):
    code, out, err = call(data=package())
    assert code == 0, err
    lines = dict(line.split(maxsplit=1) for line in out.splitlines() if line and line[0] != " ")
    assert lines["Runs"] == "0.1.0, counter 7, slot a"
    assert lines["Signed"].endswith(f"{PUBLIC.hex()[:8]}…")
    assert "about" in lines["Takes"]
    assert "level has confirmed 0.2.8, counter 8." in out
    station = f"--station {gateway.toml} --status {gateway.status}"
    assert f"Next: riverpost update rain {gateway.toml.parent / 'new.rpu'} {station}" in out
    assert [line.split()[1:3] for line in err.splitlines()] == [
        ["send", "ok"], ["verify", "ok"], ["restart", "ok"], ["trial", "ok"],
    ]  # fmt: skip
    assert gateway.shelf.packages() == {}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize(("state", "reason"), [("rolled back", "rolled back"), ("refused", "board 9")])
def test_an_end_that_is_not_good_is_told_with_its_reason_and_what_to_do(gateway, call, state, reason, lang):
    gateway.script = [*GOES_WELL[:-2], (state, 0)]
    gateway.reason = reason
    code, _, err = call("--json", "-", data=package(), lang=lang)
    assert code == 4
    assert {"en": "FAIL", "zh": "不通过"}[lang] in err
    assert ("RP-U10" if state == "rolled back" else "RP-U11") in err
    assert (gateway.folder / "level.refused").exists()


def test_the_result_is_for_machines_too(gateway, call):
    _, out, _ = call("--json", "-", data=package())
    found = json.loads(out)
    assert (found["state"], found["dropped"], found["package"]["counter"]) == ("confirmed", True, 8)
    assert found["runs"] == {
        "serial": "0123456789abcdef", "version": "0.1.0", "version_counter": 7, "slot": "a", "trial": False,
    }  # fmt: skip
    gateway.script = [("refused", 0)]
    gateway.reason = "losses"
    code, out, _ = call("--json", "-", data=package(counter=9))
    assert (code, json.loads(out)["state"], json.loads(out)["reason"]) == (4, "refused", "losses")


REFUSALS = [
    (package(chip="rp2040"), 5, "RP-U06", "rp2040, the board is esp32"),
    (package(chip="esp32", counter=7), 5, "RP-U07", "counter 7, the board's 7"),
    (package(chip="esp32", key=FOREIGN), 5, "RP-U05", "signature"),
    (package(chip="esp32")[:-1], 2, "RP-U04", "not a whole package"),
    (b"", 2, "RP-U04", "not a whole package"),
    (bytes(300_000), 2, "RP-U04", "longer than"),
]


@pytest.mark.parametrize(("data", "code", "fault", "seen"), REFUSALS)
def test_what_the_board_would_refuse_is_refused_before_anything_is_dropped(gateway, call, data, code, fault, seen):
    found, _, err = call(data=data)
    assert (found, fault in err, seen in err) == (code, True, True), err
    assert list(gateway.folder.iterdir()) == []


def test_a_station_without_a_key_takes_no_package(gateway, call):
    gateway.write_toml("")
    code, _, err = call(data=package())
    assert (code, "RP-U03" in err) == (2, True)
    assert list(gateway.folder.iterdir()) == []


def test_a_bus_without_a_gap_is_told_with_the_scan_that_would_do(gateway, call):
    text = gateway.toml.read_text(encoding="utf-8")
    gateway.toml.write_text(text.replace('scan = "1 s"', 'scan = "0.6 s"'), encoding="utf-8")
    code, _, err = call(data=package())
    assert (code, "RP-U08" in err, "a scan of" in err) == (2, True, True), err


@pytest.mark.parametrize("board", ["nobody", "radar"])
def test_a_board_that_the_station_has_not_is_told_with_those_it_has(gateway, tmp_path, capsys, board):
    words = ["--station", str(gateway.toml), "--status", str(gateway.status), "--lang", "en"]
    assert main(["update", board, "none.rpu", *words]) == 2
    assert "level, rain" in capsys.readouterr().err


def test_a_gateway_that_does_not_run_is_told_and_nothing_is_dropped(gateway, call):
    gateway.status.unlink()
    assert call(data=package())[0] == 3
    gateway.say()
    os.utime(gateway.status, (1, 1))
    assert call(data=package())[0] == 4
    assert list(gateway.folder.iterdir()) == []


def test_nothing_is_dropped_without_a_yes(gateway, call):
    code, _, err = call(data=package(), yes=False)
    assert (code, "RP-C03" in err) == (5, True)
    code, out, _ = call("--dry-run", "--json", str(gateway.toml.parent / "o.json"), data=package(), yes=False)
    assert (code, "--dry-run" in out) == (0, True)
    assert json.loads((gateway.toml.parent / "o.json").read_text())["dropped"] is False
    assert list(gateway.folder.iterdir()) == []


def test_no_gateway_to_write_for_is_told(gateway, call):
    gateway.folder.rmdir()
    code, _, err = call(data=package())
    assert (code, "RP-U09" in err, str(gateway.folder) in err) == (4, True, True)


@pytest.mark.parametrize("data", [None, package()])
def test_run_again_it_goes_on_watching_and_drops_nothing(gateway, call, data):
    file = gateway.shelf.drop("level", package())
    gateway.wait(0)
    gateway.wait(0)
    code, out, _ = call("--json", "-", data=data, yes=False)
    assert (code, json.loads(out)["dropped"], gateway.shelf.note("level")["file"]) == (0, False, list(file))


def test_another_package_that_is_under_way_is_named_before_it_is_replaced(gateway, call):
    gateway.shelf.drop("level", package())
    gateway.wait(0)
    _, out, _ = call("--dry-run", data=package(counter=9))
    assert "Replaces     0.2.8, counter 8, which is under way" in out


def test_what_became_of_the_last_one_is_told_before_the_next(gateway, call):
    gateway.script = [("rolled back", 0)]
    gateway.reason = "rolled back"
    call(data=package())
    gateway.script = list(GOES_WELL)
    code, out, _ = call(data=package())
    assert code == 0
    assert "Before       0.2.8, counter 8: it did not pass its trial" in out


def test_a_station_file_that_the_gateway_does_not_run_is_told(gateway, call):
    assert "Station" not in call("--dry-run", data=package())[1]
    gateway.more = {"config": gateway.config.version ^ 1}
    gateway.say()
    assert "Station      station.toml was changed after the gateway started" in call("--dry-run", data=package())[1]


def test_a_board_that_was_not_heard_or_runs_its_safe_application_can_be_updated(gateway, call):
    gateway.counter = None
    gateway.say()
    assert "Runs         not known" in call("--dry-run", data=package())[1]
    safe = {"name": "level", "version": "0.1.0", "version_counter": 0, "slot": "safe", "last_words": "main:2 OSError"}
    gateway.more = {"boards": [safe]}
    gateway.say()
    code, out, _ = call("--dry-run", data=package())
    assert (code, "its safe application, measures nothing; last words: main:2 OSError" in out) == (0, True)


def test_a_package_that_the_board_runs_and_has_confirmed_is_done(gateway, call):
    assert call(data=package())[0] == 0
    gateway.counter = 8
    gateway.say()
    code, out, _ = call(data=package())
    assert (code, "runs this package already" in out) == (0, True)
    assert gateway.shelf.packages() == {}


def test_without_a_package_and_nothing_under_way_the_last_end_is_told(gateway, call):
    call(data=package())
    code, _, err = call()
    assert (code, "0.2.8, counter 8: confirmed" in err) == (3, True), err


@pytest.mark.parametrize(
    ("now", "more", "said"),
    [
        (("ready", 3_100, {"waits": "alarm"}), {}, "an alarm of its channels stands"),
        (("ready", 3_100, {"waits": "turn"}), {}, "another board is on trial"),
        (("sending", 128), {"buses": [{"sources": [{"name": "level", "lost": True}]}]}, "the board does not answer"),
        (("sending", 128), {"local": {"boards": [{"name": "level", "asleep": True}]}}, "the board sleeps"),
    ],
)
def test_for_what_it_waits_is_told_once(gateway, call, now, more, said):
    gateway.script = [GOES_WELL[0], now, now, now, *GOES_WELL[-3:]]
    gateway.more = more
    code, _, err = call(data=package())
    assert (code, err.count(said)) == (0, 1), err


def test_a_gateway_that_stops_on_the_way_is_told_with_what_is_left(gateway, call, monkeypatch):
    def stopped(_: float) -> None:
        gateway.status.unlink(missing_ok=True)
        over.append(0.0)

    over: list[float] = []
    monkeypatch.setattr("tools.update.watch.sleep", stopped)
    monkeypatch.setattr("tools.update.watch.monotonic", lambda: 30.0 * len(over))
    code, _, err = call(data=package())
    assert (code, "RP-U13" in err, len(over)) == (4, True, 3), err
    assert "level" in gateway.shelf.packages()


def test_a_package_that_somebody_replaces_ends_the_watch(gateway, call, monkeypatch):
    monkeypatch.setattr("tools.update.watch.sleep", lambda _: gateway.shelf.drop("level", package(counter=9)))
    code, _, err = call(data=package())
    assert (code, "another package took its place" in err) == (4, True), err


def test_who_stops_watching_is_told_that_it_goes_on_and_how_to_take_it_back(gateway, call, monkeypatch):
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tools.update.watch.sleep", interrupted)
    code, _, err = call("--json", "-", data=package())
    assert code == 130
    assert "the gateway goes on by itself" in err
    again = f"riverpost update level --station {gateway.toml} --status {gateway.status}"
    assert again in err
    assert f"{again} --cancel" in err
    assert "level" in gateway.shelf.packages()


def test_what_is_under_way_is_taken_back(gateway, call):
    gateway.shelf.drop("level", package())
    gateway.wait(0)
    gateway.wait(0)
    code, out, _ = call("--cancel", "--dry-run")
    assert (code, "Nothing was taken back" in out, list(gateway.shelf.packages())) == (0, True, ["level"])
    code, out, _ = call("--cancel", "--json", "-")
    assert (code, json.loads(out)) == (0, {"board": "level", "taken_back": True})
    assert (gateway.shelf.packages(), gateway.shelf.note("level")["reason"]) == ({}, "withdrawn")
    assert call("--cancel")[0] == 3


def test_what_no_gateway_has_seen_yet_is_taken_back_at_once(gateway, call):
    gateway.shelf.drop("level", package())
    assert call("--cancel")[0] == 0
    assert (gateway.shelf.packages(), gateway.waits) == ({}, 0)


@pytest.mark.parametrize("state", ["installing", "trial"])
def test_what_the_board_was_told_to_restart_into_cannot_be_taken_back(gateway, call, state):
    gateway.script = [(state, 3_100)]
    gateway.shelf.drop("level", package())
    gateway.wait(0)
    code, _, err = call("--cancel")
    assert (code, "RP-U12" in err) == (5, True)
    assert "level" in gateway.shelf.packages()


def test_a_gateway_that_does_not_take_it_is_told_after_a_while(gateway, call, monkeypatch):
    monkeypatch.setattr("tools.update.watch.TAKEN_S", -1.0)
    assert call(data=package())[2].count("until the gateway takes it") == 1


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_a_narrow_terminal_gets_whole_lines(gateway, call, monkeypatch, lang):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    _, out, _ = call("--dry-run", data=package(), lang=lang)
    free = [line for line in out.splitlines() if "new.rpu" not in line]
    assert max(columns(line) for line in free) <= 40


@pytest.mark.parametrize("key", sorted(PHRASES))
def test_both_languages_tell_the_same_facts(key):
    names = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in PHRASES[key]]
    assert names[0] == names[1]


@pytest.mark.parametrize("state", STATES)
def test_every_state_of_a_note_has_its_words(state):
    assert f"state_{state}".replace(" ", "_") in PHRASES
