"""Updates through a whole station: a package dropped into the gateway's folder, and what its board runs then.

The packages are the application of this checkout, some of them with a program in it that cannot work.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hil_tests.conftest import started
from hil_tests.test_alarms import CALM_MM, at_center, events, siren
from tools.emulator.board_files import EXIT_WATCHDOG
from tools.firmware_build import BUILD, FIRMWARE, build, files_of
from tools.release import pack, public_of, version_of
from tools.soak.kills import settle
from wire.telemetry import EVENT_CODES

KEY = Ed25519PrivateKey.from_private_bytes(b"of these tests, and no secret   ")
TOP = Path(__file__).resolve().parents[1]
COUNTER = 7
ROW_S = 10
ORDER = ["waiting", "sending", "verifying", "ready", "installing", "trial", "confirmed"]
CALM_RATE = 5.0  # At which a busy machine skips no scan.
CUT_AT_BYTES, KILLED_AT_BYTES = 20_000, 50_000  # Of a package, before something happens to it.
UNFLUSHED_BYTES = 4_096 + 1_024  # What a board's power cut costs of it at most.
EXIT_RESET, EXIT_POWER_CUT = 10, 13
LIMIT_S = 30  # Real; of what takes a few seconds.
HUNG_S = 1

# What is wrong with an application: its main; what stands behind its link.
RAISES = "def main(argv, slot, cause):\n    raise ValueError\n"
HANGS = "while True:\n    pass\n"
DEAF = "\n\nRs485.poll = lambda self, now: None\n"
GIVE_UP_S = 600 + ROW_S  # firmware/proof.py


@pytest.fixture
def rig(request, tmp_path):
    """A station that knows KEY, and all its values; where none was asked for, the rig made for updates."""
    key = public_of(KEY).hex()
    usual = "rigs/emulated-updates.toml"
    for bench in started(request, tmp_path, ROW_S, usual=usual, needs=["updates", "flash-dump"], update_key=key):
        bench.set("level", "head_mm", CALM_MM)
        bench.wait_for_values()
        yield bench


def package(counter: int = COUNTER, source: Path = FIRMWARE, out: Path = BUILD) -> bytes:
    """The application in `source`, compiled into `out` and signed."""
    build(out, source=source)
    files = {path.as_posix(): (out / path).read_bytes() for path in files_of("posix", source=source)}
    return pack("posix", counter, version_of(), files, KEY)


def wrong_package(folder: Path, file: str, text: str) -> bytes:
    """The application of this checkout with another `file`."""
    shutil.copytree(FIRMWARE, folder / "wrong")
    (folder / "wrong" / file).write_text(text)
    return package(source=folder / "wrong", out=folder / "compiled")


class Shelf:
    """The folder of packages, as a person sees it, for one board of `rig`."""

    def __init__(self, rig, board: str) -> None:
        self.rig = rig
        self.board = board
        self.states: list[str] = []  # That it was seen in, one behind the other.
        self._folder = rig.station.data_folder / "updates"

    def command(self, data: bytes) -> subprocess.Popen[str]:
        """`riverpost update` of the board with that package, begun."""
        package = self.rig.folder / f"{self.board}.rpu"
        package.write_bytes(data)
        station = self.rig.station
        words = ["update", self.board, str(package), "--station", str(station.station_file), "--lang", "en", "--yes"]
        words += ["--status", str(station.status_file), "--json", "-"]
        return subprocess.Popen(
            [sys.executable, "-m", "tools", *words], cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    def drop(self, data: bytes) -> None:
        part = self._folder / f"{self.board}.new"
        part.write_bytes(data)
        part.replace(self._folder / f"{self.board}.rpu")

    def wait_left(self, *suffixes: str) -> None:
        """Until nothing else than these lies there of the board: a package is put away after its note."""

        def left() -> set[str]:
            return {path.suffix for path in self._folder.iterdir() if path.name.startswith(self.board)}

        self.rig.station.wait_for(lambda: left() == set(suffixes), LIMIT_S, f"{suffixes} of {self.board} alone")

    def refused(self) -> bytes:
        return (self._folder / f"{self.board}.refused").read_bytes()

    def note(self) -> dict[str, Any]:
        note = self._folder / f"{self.board}.json"
        return json.loads(note.read_text()) if note.exists() else {}

    def state(self) -> str:
        state = self.note().get("state", "")
        if state and self.states[-1:] != [state]:
            self.states.append(state)
        return state

    def wait(self, *states: str, limit_s: float = LIMIT_S) -> None:
        self.rig.station.wait_for(lambda: self.state() in states, limit_s, f"{' or '.join(states)} of {self.board}")

    def told(self) -> dict[str, Any]:
        """What the gateway says of the board."""
        boards = self.rig.station.status().get("boards", [])
        return next((board for board in boards if board["name"] == self.board), {})

    def offset(self) -> int:
        """How much of the package the board has, as far as the gateway knows; -1 while it does not."""
        offset = (self.told().get("update") or {}).get("offset")
        return -1 if offset is None else offset

    def wait_sent(self, size: int) -> None:
        """Until more than `size` bytes are there, and that it is being sent is written down."""

        def sent() -> bool:
            return self.state() == "sending" and self.offset() > size

        self.rig.station.wait_for(sent, LIMIT_S, f"{size} bytes at {self.board}")

    def runs(self, slot: str, counter: int) -> None:
        """Until the gateway says that the board runs so."""

        def so() -> bool:
            told = self.told()
            return (told.get("slot"), told.get("version_counter"), told.get("trial")) == (slot, counter, False)

        self.rig.station.wait_for(so, LIMIT_S, f"{self.board} in slot {slot}, counter {counter}")
        stats = self.rig.boards[self.board].stats()
        assert (stats["slot"], stats["trial"]) == (slot, False)

    def events(self, kind: str) -> list[str]:
        """Their details, at the center."""
        sql = "SELECT detail FROM events WHERE concerns = ? AND kind = ? ORDER BY seq"
        serial = self.rig.boards[self.board].serial
        return [detail for (detail,) in self.rig.station.center_query(sql, serial, EVENT_CODES[kind])]


def test_a_package_comes_over_the_line_while_values_rows_and_alarms_go_on(rig):
    shelf, board = Shelf(rig, "level"), rig.boards["level"]
    rig.set_rate(CALM_RATE)
    before = rig.station.status()["buses"][0]
    command = shelf.command(package())
    shelf.wait("sending")
    rig.set("level", "head_mm", 5_100)
    siren(rig, "yellow")
    shelf.wait("ready")
    after = rig.station.status()["buses"][0]
    assert after["scans"] - before["scans"] > 100 * (after["scans_skipped"] - before["scans_skipped"])
    rig.set_rate(rig.file.rate)
    rig.wait_for_value("river", 5_100)
    made = board.rows_made
    rig.wait_for(lambda: board.rows_made > made + 3, rig.real_s(60), "rows of a board that waits for the alarm's end")
    assert (shelf.state(), len(board.boots)) == ("ready", 1)
    rig.set("level", "head_mm", CALM_MM)
    said, talk = command.communicate(timeout=LIMIT_S)
    assert (command.returncode, json.loads(said)["state"]) == (0, "confirmed"), talk
    assert "an alarm of its channels stands" in talk
    assert shelf.state() == "confirmed"
    assert shelf.states == [state for state in ORDER if state in shelf.states]
    shelf.runs("b", COUNTER)
    assert (board.exit_codes, len(board.boots)) == ([EXIT_RESET], 2)
    rig.set("level", "head_mm", CALM_MM + 100)
    rig.wait_for_value("river", CALM_MM + 100)
    for kind in ("update begun", "update confirmed"):
        rig.station.wait_for(lambda kind=kind: len(shelf.events(kind)) == 1, LIMIT_S, f"{kind} at the center")
    shelf.wait_left(".json")
    at_center(rig, "flood", "alarm raised")
    assert events(rig, "lost-level", "alarm raised") == []
    whole(rig)


@pytest.mark.parametrize(("wrong", "code"), [(RAISES, EXIT_RESET), (HANGS, EXIT_WATCHDOG)], ids=["raises", "hangs"])
def test_an_application_that_does_not_come_to_its_hal_is_rolled_back(rig, tmp_path, wrong, code):
    shelf, board = Shelf(rig, "rain"), rig.boards["rain"]
    board.watchdog_limit_s = HUNG_S
    rig.tip("rain", 3)
    rig.wait_for_value("rain.rain", 600)
    bad = wrong_package(tmp_path, "main.py", wrong)
    command = shelf.command(bad)
    said, talk = command.communicate(timeout=LIMIT_S)
    assert (command.returncode, json.loads(said)["state"]) == (4, "rolled back"), talk
    assert "last words" in talk
    assert board.exit_codes == [EXIT_RESET, code, code, code]
    shelf.runs("a", 0)
    shelf.wait_left(".json", ".refused")
    assert shelf.refused() == bad
    rig.tip("rain", 1)
    rig.wait_for_value("rain.rain", 800)
    whole(rig)


def test_a_package_comes_over_the_stations_broker_to_a_board_on_wifi(rig):
    rig.need("local-broker")
    shelf, board = Shelf(rig, "gap"), rig.boards["gap"]
    rig.set("gap", "gap_mm", 5_000)
    rig.wait_for_value("river_gap", 2_000)
    shelf.drop(package())
    shelf.wait("sending", "verifying", "ready", "installing", "trial")
    rig.set("gap", "gap_mm", 5_400)
    shelf.wait("confirmed")
    rig.wait_for_value("river_gap", 1_600)
    shelf.runs("b", COUNTER)
    assert (board.exit_codes, len(board.boots)) == ([EXIT_RESET], 2)
    shelf.wait_left(".json")
    whole(rig)


def test_a_board_without_power_and_a_gateway_that_is_killed_cost_a_block_of_a_package_at_most(rig):
    rig.need("power-cut")
    shelf, board = Shelf(rig, "level"), rig.boards["level"]
    shelf.drop(package())
    shelf.wait_sent(CUT_AT_BYTES)
    sent = shelf.offset()
    board.power_cut(ops=3, part_permil=500)
    assert board.wait_down() == EXIT_POWER_CUT
    board.start()

    def found() -> bool:
        return shelf.told().get("boot") == 2 and shelf.offset() > 0  # While it verifies what it has, it says 0.

    rig.station.wait_for(found, LIMIT_S, "the gateway to know what the board has")
    assert shelf.offset() >= sent - UNFLUSHED_BYTES
    shelf.wait_sent(KILLED_AT_BYTES)
    rig.station.gateway.kill()
    sent = shelf.offset()
    rig.station.status_file.unlink()
    rig.station.gateway.start()
    rig.station.wait_for(lambda: shelf.offset() > 0, LIMIT_S, "the gateway to know what the board has")
    assert shelf.offset() >= sent
    shelf.wait("confirmed")
    shelf.runs("b", COUNTER)
    assert len(shelf.events("update begun")) == 1
    whole(rig)


def test_an_application_that_works_and_is_never_heard_gives_itself_up(rig, tmp_path):
    shelf, board = Shelf(rig, "level"), rig.boards["level"]
    text = (FIRMWARE / "links" / "rs485.py").read_text(encoding="utf-8")
    shelf.drop(wrong_package(tmp_path, "links/rs485.py", text + DEAF))
    shelf.wait("installing")
    rig.hurry()
    rig.station.wait_for(lambda: len(board.boots) == 2, LIMIT_S, "its start")
    began_ms = rig.now_ms()
    assert (board.stats()["slot"], board.stats()["trial"]) == ("b", True)
    rig.station.wait_for(lambda: len(board.boots) == 3, rig.real_s(GIVE_UP_S, 10), "the end of its trial")
    assert rig.now_ms() - began_ms > 1_000 * (GIVE_UP_S - ROW_S)
    rig.set_rate(rig.file.rate)
    shelf.wait("rolled back", "confirmed")
    assert shelf.note()["reason"] == "rolled back", shelf.note()
    assert board.exit_codes == [EXIT_RESET, EXIT_RESET]
    shelf.runs("a", 0)
    rig.wait_for_value("river", CALM_MM)
    shelf.drop(package(counter=COUNTER + 1))  # The slot is free for what has been put right.
    shelf.wait("confirmed")
    shelf.runs("b", COUNTER + 1)
    whole(rig)


def whole(rig) -> None:
    """No row is lost or doubled, and no board began its log anew."""
    sums = settle(rig.station)
    assert (sums.lost, sums.duplicated) == (0, 0)
    epochs = {}
    for serial, epoch, _, _ in rig.made():
        epochs.setdefault(serial, set()).add(epoch)
    assert [len(of_one) for of_one in epochs.values()] == [1] * len(rig.boards)
