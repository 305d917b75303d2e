"""`riverpost check` at a whole station: its steps by themselves, and by hands that are the rig's.

The check runs as a technician starts it; where it asks for hands, the rig moves what the sensor meets.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hil_tests.conftest import started
from hil_tests.station_text import station_text
from tools.emulator.rig import BoardSpec, Rig
from tools.emulator.usb_adapter import UsbAdapter
from tools.emulator.whole import WholeStation
from wire.telemetry import EVENT_CODES, MODES

RATE = 5.0  # At which a busy machine skips no scan.
LEVEL_MM = 3_000  # Of the water, over the zero of all three sensors that look at it.
REST = {"level": ("head_mm", 3_000), "gap": ("gap_mm", 4_000), "radar": ("gap_mm", 9_000)}
HELD_STATES = 4  # So many of the gateway's states show what a hand does, before it lets go.
POLLS = 60
POLLS_MANY = 300  # A busy machine delays an answer now and then: one of so many is no bad line.
END_S = 240
HANDS = [
    "river/staff", "river/move", "rain.rain/tips", "tilt.tilt_x/move", "tilt.tilt_y/move", "smoke.smoke/smoke",
    "river_gap/staff", "river_gap/move", "river_radar/staff", "river_radar/move", "siren",
]  # fmt: skip
ANSWERS = """
[staff]
river = "3.00 m"
river_gap = "3.00 m"
river_radar = "3.00 m"
[heard]
siren = true
"""


@pytest.fixture
def site(rig):
    """The rig's station in actual mode, calm, at a person's pace, with a value on every channel."""
    rig.need("sensors", "power", "rate")
    return at_rest(rig)


def at_rest(rig):
    rig.prepare(
        lambda text: text.replace('mode = "test"\n', "").replace('"1 mm"', '"20 mm"').replace('"2 mm"', '"30 mm"')
    )
    rig.station.start()
    for name, (quantity, value) in REST.items():
        if name in rig.addresses:
            rig.set(name, quantity, value)
    asleep = {board.name for board in rig.file.boards if board.sleep}
    awake = lambda: [one for one in rig.station.status().get("channels", []) if one["source"] not in asleep]  # noqa: E731
    rig.station.wait_for(lambda: awake() and all(one["value"] is not None for one in awake()), 60, "values")
    rig.set_rate(RATE)
    return rig


class Check:
    """`riverpost check` at the rig's station; `hands` is called with each prompt as it comes."""

    def __init__(self, rig, *more, answers=ANSWERS, hands: "Callable[[Check, str], None] | None" = None) -> None:
        self.rig = rig
        self.folder = Path(rig.folder)
        self.prompts: list[str] = []
        (self.folder / "answers.toml").write_text(answers)
        station = rig.station
        command = [sys.executable, "-m", "tools", "check", "--station", str(station.station_file), "--by", "07"]
        command += ["--status", str(station.status_file), "--lang", "en", "--polls", str(POLLS), "--json", "check.json"]
        if "--unattended" not in more:
            command += ["--answers", "answers.toml", "--wait", "30"]
        place = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        self._out = (self.folder / "check.out").open("w")
        self.process = subprocess.Popen(
            [*command, *more], cwd=self.folder, env=place, text=True,
            stdout=self._out, stderr=subprocess.PIPE,
        )  # fmt: skip
        self._hands = hands or (lambda check, prompt: move(check.rig, prompt))
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> "Check":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        self._out.close()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.prompts.append(line.strip())
            self._hands(self, line.strip())

    def end(self) -> int:
        code = self.process.wait(END_S)
        self._reader.join()
        return code

    @property
    def found(self):
        return json.loads((self.folder / "check.json").read_text())

    @property
    def told(self) -> str:
        return (self.folder / "check.out").read_text() + "\n".join(self.prompts)


@dataclass
class Small:
    """A station of one board, for `Check`."""

    rig: Rig
    station: WholeStation
    folder: Path

    def rain(self) -> int | None:
        return next((one["value"] for one in self.station.status().get("channels", [])), None)


def move(rig, prompt: str, tips: int = 5) -> None:
    """What a person does who is asked this: there and back, held until everybody has seen it."""
    if "Lower the probe" in prompt:
        there_and_back(rig, "level", "head_mm", 3_300, 3_000, "river")
    elif "Hold a board" in prompt:
        name, back, channel = ("gap", 4_000, "river_gap") if "river_gap" in prompt else ("radar", 9_000, "river_radar")
        there_and_back(rig, name, "gap_mm", back - 300, back, channel)
    elif "Tip the bucket" in prompt:
        rig.tip("rain", tips, spread_ms=1_000)
    elif "Lean on" in prompt:
        axis = "x" if "tilt_x" in prompt else "y"
        there_and_back(rig, "tilt", f"tilt_{axis}_mdeg", 400, 0, f"tilt.tilt_{axis}")
    elif "test button" in prompt:
        there_and_back(rig, "smoke", "smoke_mdbm", 300, 0, "smoke.smoke")


def there_and_back(rig, name, quantity, there, back, channel) -> None:
    before = rig.channel(channel)["value"]
    rig.set(name, quantity, there)
    rig.wait_for(lambda: abs(rig.channel(channel)["value"] - before) > 100, 30, f"{channel} to move")
    seen = set()
    rig.wait_for(
        lambda: len(seen) > HELD_STATES or seen.add(rig.station.status()["unix_ms"]), 30, "states that show it"
    )
    rig.set(name, quantity, back)


def events(rig, kind, columns="actor, mode"):
    return rig.station.center_query(f"SELECT {columns} FROM events WHERE kind = ? ORDER BY seq", EVENT_CODES[kind])


def states(found, *, person):
    return {one["id"]: one["state"] for one in found["steps"] if one["person"] == person}


@pytest.mark.alone
def test_a_station_that_follows_every_hand_is_accepted_with_all_its_serials_and_its_mode_is_back(site):
    with Check(site, "--polls", str(POLLS_MANY)) as check:
        assert check.end() == 0, check.told
        found = check.found
    assert (found["result"], found["accepted"], found["failed"]) == ("accepted", True, [])
    assert states(found, person=True) == dict.fromkeys(HANDS, "ok"), check.told
    assert set(states(found, person=False).values()) <= {"ok", "look"}
    assert {board["serial"] for board in found["boards"]} == {board.serial.hex() for board in site.boards.values()}
    assert all(board["definition"] == board["definition_wanted"] for board in found["boards"])
    site.station.wait_for(lambda: len(events(site, "mode changed")) == 2, 30, "both changes of mode at the center")
    assert [MODES[mode] for _, mode in events(site, "mode changed")] == ["test", "actual"]
    assert {actor for actor, _ in events(site, "mode changed")} == {"07"}
    assert len(events(site, "staff reading")) == 3
    assert events(site, "siren tested", "actor, detail") == [("07", "ok")]
    raised = events(site, "alarm raised", "rule, mode")
    assert ("smoke", MODES.index("test")) in raised
    assert {mode for _, mode in raised} == {MODES.index("test")}, "nothing of it passes for real"
    (report,) = check.folder.glob("check-HIL01-*.html")
    text = report.read_text()
    assert all(board.serial.hex() in text for board in site.boards.values())
    assert "http" not in text.replace("http-equiv", "")


@pytest.mark.timeout(300)
def test_what_is_not_right_is_not_accepted_and_each_step_is_named(site):
    """A board that is silent, a rain gauge that loses a tip, a staff 6 cm off, a siren that nobody heard."""
    site.boards["gap"].stop_power()
    site.station.wait_for(lambda: site.channel("river_gap")["value"] is None, 30, "a board that is not heard")
    answers = ANSWERS.replace('river = "3.00 m"', 'river = "3.06 m"').replace("true", "false")

    def hands(check, prompt):
        move(check.rig, prompt, tips=4)

    with Check(site, "--wait", "15", answers=answers, hands=hands) as check:
        assert check.end() == 1, check.told
        found = check.found
    wrong = [
        "main/answers",
        "gap/values",
        "river/staff",
        "rain.rain/tips",
        "river_gap/staff",
        "river_gap/move",
        "siren",
    ]
    assert [name for name in found["failed"] if name not in ("main/polls", "end")] == wrong
    assert found["result"] == "not accepted"
    said = {one["id"]: one["said"]["en"] for one in found["steps"]}
    assert said["main/answers"] == "no answer of gap (address 15) (6 in all)"
    assert "−60 mm" in said["river/staff"]
    assert "counted 4 tips (0.8 mm), should be 5 tips" in said["rain.rain/tips"]
    assert "nobody heard it" in said["siren"]
    assert all(name in check.told for name in wrong)
    assert site.station.status()["mode"] == "actual"
    assert site.channel("river")["calibrate"], "the gateway remembers that somebody has to calibrate it"


@pytest.mark.parametrize("words", ["river: Read the staff", "smoke.smoke: Press"])
def test_ctrl_c_at_any_prompt_leaves_the_mode_as_it_was(site, words):
    def hands(check, prompt):
        if words in prompt:
            check.process.send_signal(signal.SIGINT)
        else:
            move(check.rig, prompt)

    with Check(site, hands=hands) as check:
        assert check.end() == 130, check.told
        assert (check.found["result"], check.found["mode_left"]) == ("stopped", False)
    site.station.wait_for(lambda: site.station.status()["mode"] == "actual", 10, "the mode of before")
    site.station.wait_for(lambda: len(events(site, "mode changed")) == 2, 30, "both changes of mode at the center")
    assert [MODES[mode] for _, mode in events(site, "mode changed")] == ["test", "actual"]


def test_a_gateway_that_is_killed_meanwhile_ends_its_mode_by_itself(site):
    def hands(check, prompt):
        if "Tip the bucket" in prompt:
            check.rig.station.gateway.kill()
        else:
            move(check.rig, prompt)

    with Check(site, hands=hands) as check:
        assert check.end() == 4, check.told
        assert (check.found["result"], check.found["mode_left"]) == ("stopped", True)
    assert "RP-G03" in check.told
    site.station.gateway.start()
    site.station.wait_for(lambda: site.station.status().get("mode") == "test", 20, "the mode, kept over the kill")
    site.hurry()
    site.station.wait_for(lambda: site.station.status()["mode"] == "actual", site.real_s(1_800, 20), "its end")


def test_an_adapter_that_is_pulled_meanwhile_fails_the_step_and_with_it_back_the_same_check_is_right(tmp_path):
    """Nobody meets a channel that is not there: the check ends by itself, and puts back the mode."""
    boards = (BoardSpec("rain", ("rain",), 12),)
    text = station_text(boards, (), 9600, "8N1").replace('mode = "test"\n', "")
    text = text.replace("{port}", str(tmp_path / "ttyUSB0"))
    rig = Rig(tmp_path / "rig", boards, rate=RATE)
    rig.start()  # Before the gateway: the adapter is on its line.
    station = WholeStation(tmp_path, rig, text, station_id="HIL01")
    with UsbAdapter(tmp_path / "ttyUSB0", rig.port) as adapter, station:
        site = Small(rig, station, tmp_path)
        station.wait_for(lambda: site.rain() is not None, 30, "values")
        with Check(site, "--only", "rain", "--wait", "5", answers="", hands=lambda *_: adapter.unplug()) as check:
            assert check.end() == 1, check.told
            found = check.found
        assert (found["result"], found["mode_left"]) == ("not accepted", False)
        assert "rain.rain/tips" in found["failed"]
        assert "rain.rain has no value" in check.told
        adapter.plug()
        station.wait_for(lambda: station.status()["mode"] == "actual", 10, "the mode of before")
        station.wait_for(lambda: site.rain() is not None, 30, "values again")
        with Check(site, "--only", "rain.rain", answers="", hands=lambda *_: rig.tip("rain", 5, 1_000)) as check:
            assert check.end() == 0, check.told
        station.wait_for(lambda: station.status()["mode"] == "actual", 10, "the mode of before")


@pytest.mark.parametrize("file", ["rigs/emulated-wifi.toml", "rigs/emulated-asleep.toml"])
def test_boards_on_wifi_are_heard_one_that_sleeps_is_let_sleep_and_other_settings_are_seen(request, tmp_path, file):
    """The rig's board on Wi-Fi is told a port of its own, behind which a test may spoil the air: not station.toml's."""
    for rig in started(request, tmp_path, usual=file, needs=["sensors", "local-broker"]):
        at_rest(rig)
        with Check(rig, "--unattended") as check:
            assert check.end() == 1, check.told
            found = check.found
        assert [name for name in found["failed"] if name != "main/polls"] == ["level/board"], check.told
        quiet = states(found, person=False)
        assert (quiet["local/answers"], quiet["local/heard"], quiet["rain/board"]) == ("ok", "ok", "ok")
        # A board that sleeps may have been heard just now.
        assert quiet["level/values"] in (("skip", "ok") if "asleep" in file else ("ok",))
        level = next(board for board in found["boards"] if board["name"] == "level")
        assert level["serial"] == rig.boards["level"].serial.hex()
        assert level["definition"] != level["definition_wanted"]
        assert level["definition"] in check.told
