"""`riverpost watch` as it is run: in a real terminal, in a pipe, with a gateway that falls silent and comes back."""

import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

import pytest

from tests.gateway.station_toml import GOOD
from tests.tools.watch_state import NOW_MS, changed, state, write
from tools.__main__ import main
from tools.emulator.terminal import CTRL_C, TOP, Terminal
from wire.reading import MISSING

pytestmark = pytest.mark.long

RENEW_S = 0.1
LEAVE = "\033[?25h\033[?1049l"  # The cursor is shown, the screen that was there before comes back.


class Gateway:
    """A state that is renewed; `silent`: it is not."""

    def __init__(self, path):
        self.path = path
        self.silent = threading.Event()
        self.over = threading.Event()
        self.status = state()
        self._turns = 0
        self._renew()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.over.wait(RENEW_S):
            if not self.silent.is_set():
                self._renew()

    def _renew(self):
        self._turns += 1
        write(self.path, self.status | {"unix_ms": NOW_MS + self._turns * 100})

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self._thread.join()

    def stand_still(self):
        """As if nobody had renewed it for a minute."""
        self.silent.set()
        then_s = time.time() - 60
        os.utime(self.path, (then_s, then_s))


@pytest.fixture
def gateway(tmp_path):
    with Gateway(tmp_path / "status.json") as gateway:
        yield gateway


@pytest.fixture
def screen(gateway):
    """A watch in a terminal; it is over with the test."""
    opened = []

    def start(*words, **more):
        opened.append(Terminal("watch", "--status", gateway.path, *words, **more))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.close()


def settings_of(terminal):
    return termios.tcgetattr(terminal._master)


def test_q_ends_it_and_the_terminal_is_as_it_was(screen):
    terminal = screen()
    before = settings_of(terminal)
    terminal.expect("193.02 m")
    terminal.expect("Wusong datum")
    terminal.type("q")
    assert terminal.finish() == 0
    assert terminal.seen.endswith(LEAVE)
    assert settings_of(terminal) == before


def test_ctrl_c_ends_it_and_the_terminal_is_as_it_was(screen):
    terminal = screen()
    before = settings_of(terminal)
    terminal.expect("193.02 m")
    terminal.type(CTRL_C)
    assert terminal.finish() == 130
    assert LEAVE in terminal.seen
    assert settings_of(terminal) == before


def test_a_program_that_is_told_to_end_gives_the_terminal_back(screen):
    terminal = screen()
    before = settings_of(terminal)
    terminal.expect("193.02 m")
    terminal._process.send_signal(signal.SIGTERM)
    assert terminal.finish() == 128 + signal.SIGTERM
    assert LEAVE in terminal.seen
    assert settings_of(terminal) == before


def test_z_changes_the_language_and_p_holds_the_picture(screen, gateway):
    terminal = screen()
    terminal.expect("q quit")
    terminal.type("z")
    terminal.expect("q 退出")
    terminal.expect("吴淞高程")
    terminal.type("p")
    terminal.expect("暂停：以下不是现在的情况")
    gateway.status = changed("river", value=194_440)
    terminal.type("p")
    terminal.expect("194.44 m")
    terminal.type("q")
    assert terminal.finish() == 0


def test_j_and_k_choose_what_is_plotted_and_g_takes_it_away(screen):
    terminal = screen("--channel", "river")
    terminal.expect("Water level river · Wusong datum")
    terminal.type("j")
    terminal.expect("Supply level.supply")
    terminal.type("\033[A")
    terminal.expect("Water level river · Wusong datum", times=2)
    terminal.type("kk")
    terminal.expect("Rain rain.rain")
    drawn = terminal.seen.count("Rain rain.rain")
    terminal.type("g")
    terminal.type("g")
    terminal.expect("Water level river · Wusong datum", times=3)
    assert terminal.seen.count("Rain rain.rain") == drawn
    terminal.type("q")
    assert terminal.finish() == 0


def test_a_terminal_that_is_made_smaller_is_drawn_anew(screen):
    terminal = screen()
    terminal.expect("errors")
    fcntl.ioctl(terminal._master, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 40, 0, 0))
    os.killpg(terminal._process.pid, signal.SIGWINCH)
    terminal.expect("[11] Wusong datum")
    terminal.type("q")
    assert terminal.finish() == 0


def test_a_gateway_that_falls_silent_is_told_and_watched_on(screen, gateway):
    terminal = screen()
    terminal.expect("193.02 m")
    gateway.stand_still()
    terminal.expect("Screen not updating for 60 s")
    terminal.expect("gateway stands still", times=4)
    gateway.status = changed("river", value=194_440)
    gateway.silent.clear()
    terminal.expect("194.44 m")
    terminal.type("q")
    assert terminal.finish() == 0


def test_without_colour_it_is_plain(gateway):
    answer = watch(gateway, "--once", environment={"NO_COLOR": "1"})
    assert answer.returncode == 0
    assert "\033" not in answer.stdout


def watch(gateway, *words, environment=None):
    command = [sys.executable, "-m", "tools", "watch", "--status", gateway.path, "--lang", "en", *words]
    env = {**os.environ, **(environment or {})}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60, cwd=TOP, env=env)


def test_one_look_ends_with_0_and_with_1_where_a_channel_fails(gateway):
    answer = watch(gateway, "--once")
    assert (answer.returncode, len(answer.stdout.splitlines())) == (0, 4)
    gateway.silent.set()
    write(gateway.path, changed("radar", value=None, quality=MISSING))
    answer = watch(gateway, "--once")
    assert (answer.returncode, answer.stdout.splitlines()[3].split("  ")[1:]) == (1, ["radar", "—", "Missing", "FAIL"])


def test_in_a_pipe_it_writes_on_until_its_reader_goes(gateway):
    command = [sys.executable, "-m", "tools", "watch", "--status", str(gateway.path), "--lang", "en"]
    with subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        stop = threading.Timer(60, process.kill)
        stop.start()
        assert process.stdout is not None
        seen = [process.stdout.readline() for _ in range(8)]
        process.stdout.close()
        assert process.wait(30) == 0
        stop.cancel()
    assert [line.split("  ")[1] for line in seen] == ["river", "level.supply", "rain.rain", "radar"] * 2
    assert not any("\033" in line for line in seen)


def test_json_lines_come_every_second_and_one_into_a_file(gateway, tmp_path):
    command = [sys.executable, "-m", "tools", "watch", "--status", str(gateway.path), "--json", "-"]
    with subprocess.Popen(command, cwd=TOP, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert told[1]["unix_ms"] > told[0]["unix_ms"]
    assert [one["state"] for one in told[0]["channels"]] == ["ok"] * 4
    assert watch(gateway, "--json", tmp_path / "now.json").returncode == 0
    assert json.loads((tmp_path / "now.json").read_text())["station"] == "CYB01"


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["--status", "nothing.json"], 3, "RP-G01"),
        (["--station", "nothing.toml"], 2, "RP-S01"),
        (["--status", "status.json", "--channel", "ocean"], 2, "RP-W02"),
        (["--status", "old.json"], 4, "RP-G03"),
        (["--status", "half.json"], 2, "RP-G02"),
        (["--status", "other.json"], 2, "RP-G02"),
        ([], 3, "RP-W01"),
    ],
)
def test_what_stands_in_the_way_is_told(tmp_path, monkeypatch, capsys, words, exit_code, code):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tools.watch.course.STATUS_FOLDER", tmp_path / "nowhere")
    write(tmp_path / "status.json", state())
    write(tmp_path / "half.json", {"station": "CYB01", "channels": [{}]})
    write(tmp_path / "other.json", {"unix_ms": 1})
    old = write(tmp_path / "old.json", state())
    os.utime(old, (1, 1))
    ended = main(["watch", *words, "--once", "--lang", "en"])
    said = capsys.readouterr().err
    assert (ended, said.count("State")) == (exit_code, 1)
    assert code in said


def test_the_only_gateway_of_a_machine_is_found_without_a_word(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tools.watch.course.STATUS_FOLDER", tmp_path)
    write(tmp_path / "CYB01.json", state())
    assert main(["watch", "--once", "--lang", "en"]) == 0
    assert "193.02 m" in capsys.readouterr().out


def test_a_station_gives_its_zone_and_its_thresholds(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "station.toml").write_text(GOOD)
    write(tmp_path / "status.json", state())
    call = ["watch", "--station", str(tmp_path / "station.toml"), "--status", str(tmp_path / "status.json"), "--once"]
    with contextlib.chdir(tmp_path):
        assert main([*call, "--lang", "en"]) == 0
    assert "16:26:40 UTC+8" in capsys.readouterr().out
    write(tmp_path / "status.json", state() | {"station": "OTHER"})
    assert main([*call, "--lang", "en"]) == 2
