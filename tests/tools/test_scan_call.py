"""`riverpost scan` as it is called: what it takes from a station, what stands in its way, what it ends with."""

import errno
import fcntl
import json
import os
import pty
import stat
import subprocess
import sys
import threading
import tty

import pytest

from tests.tools.flash_inputs import STATION, TOP
from tools.__main__ import main
from tools.scan.port import Errors, PortLost, SerialPort
from tools.scan.settings import Setting

TWO_BUSES = f"""{STATION}
[[bus]]
name = "hill"
port = "/dev/ttyAMA2"
baud = 9600
framing = "8N1"
scan = "1 s"

[[bus.board]]
name = "slope2"
address = 13
type = "rp2040-rs485"
fit = ["tilt"]
"""


@pytest.fixture
def port():
    """A port that nobody answers at: its path."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture
def call(capsys, tmp_path, monkeypatch):
    """Run `riverpost scan` in an empty folder: (exit code, what it printed)."""
    monkeypatch.chdir(tmp_path)

    def run(*words):
        code = main(["scan", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out + err

    return run


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Bus /dev/ttyAMA1, 19200 8E1, addresses 1-247"),
        (["--baud", "9600"], "Bus /dev/ttyAMA1, 9600 8E1"),
        (["--framing", "8N1", "--port", "/dev/ttyUSB7"], "Bus /dev/ttyUSB7, 19200 8N1"),
        (["--all"], "28 rates and framings"),
        (["--addresses", "5,1-3"], "addresses 1-3,5"),
    ],
)
def test_what_is_not_said_comes_from_the_station_in_this_folder(call, tmp_path, words, said):
    (tmp_path / "station.toml").write_text(STATION)
    code, text = call("--dry-run", "--lang", "en", *words)
    assert code == 0
    assert said in text
    assert "station.toml has 2 devices on this bus" in text
    assert "nothing was asked" in text


def test_without_a_station_the_usual_setting_is_asked_at(call, port):
    code, text = call("--dry-run", "--lang", "en", "--port", port)
    assert (code, text.splitlines()[0]) == (0, f"Bus {port}, 9600 8N1, addresses 1-247")


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (["--bus", "nowhere"], 2, "RP-B05"),
        (["--baud", "12"], 2, "RP-B06"),
        (["--station", "none.toml"], 2, "RP-S01"),
        (["--port", "/dev/ttyNOWHERE"], 3, "RP-F03"),
    ],
)
def test_what_cannot_be_ends_with_its_code(call, tmp_path, words, exit_code, code):
    (tmp_path / "station.toml").write_text(STATION)
    ended, text = call("--lang", "en", *words)
    assert ended == exit_code
    assert text.count("State") == 1
    assert "riverpost explain RP-" in text
    assert code in text


def test_without_a_station_and_an_adapter_it_says_what_is_missing(call, monkeypatch):
    monkeypatch.setattr("tools.flash.ports.candidates", list)
    code, text = call("--lang", "en")
    assert (code, "RP-B12" in text) == (3, True)
    monkeypatch.setattr("tools.flash.ports.candidates", lambda: ["/dev/ttyUSB5"])
    assert "Bus /dev/ttyUSB5, 9600 8N1" in call("--dry-run", "--lang", "en")[1]


def test_of_several_buses_one_is_named_or_known_by_its_port(call, tmp_path):
    (tmp_path / "station.toml").write_text(TWO_BUSES)
    code, text = call("--dry-run", "--lang", "en")
    assert (code, "hill: /dev/ttyAMA2, 9600 8N1" in text) == (2, True)
    assert "/dev/ttyAMA2, 9600 8N1" in call("--dry-run", "--lang", "en", "--bus", "hill")[1]
    assert "/dev/ttyAMA2, 9600 8N1" in call("--dry-run", "--lang", "en", "--port", "/dev/ttyAMA2")[1]


@pytest.mark.parametrize("wrong", ["0-3", "1-248", "7-3", "x", "", "1-", "-1"])
def test_addresses_that_are_none_are_refused(call, wrong):
    with pytest.raises(SystemExit) as ended:
        call(f"--addresses={wrong}")
    assert ended.value.code == 2


def test_a_silent_port_ends_with_3_and_the_result_is_written_all_the_same(call, port, tmp_path):
    code, text = call("--port", port, "--addresses", "1,2", "--wait", "20", "--lang", "en", "--json", "out.json")
    assert code == 3
    assert "RP-B02" in text
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["devices"] == []
    assert told["settings"][0]["counts"]["silent"] == 2


def test_json_alone_goes_to_standard_output(port):
    command = [sys.executable, "-m", "tools", "scan", "--port", port, "--addresses", "1", "--json", "-"]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=TOP)
    assert answer.returncode == 3
    assert json.loads(answer.stdout)["port"] == port
    assert "\033" not in answer.stderr


def test_a_port_that_another_program_has_locked_is_busy(call, port):
    other = os.open(port, os.O_RDWR | os.O_NOCTTY)
    fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    try:
        code, text = call("--port", port, "--addresses", "1", "--lang", "en")
    finally:
        os.close(other)
    assert code == 4
    assert "RP-B01" in text
    assert "systemctl stop NAME" in text


def test_a_port_that_this_user_may_not_open_names_the_group(call, tmp_path, monkeypatch):
    path = tmp_path / "ttyX"
    path.touch()
    os.chmod(path, stat.S_IRUSR)
    monkeypatch.setattr("os.access", lambda *_: False)
    code, text = call("--port", path, "--lang", "en")
    assert code == 4
    assert "usermod -aG" in text


def test_an_adapter_that_goes_away_is_a_lost_port():
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    port = SerialPort(path, "en")
    port.use(Setting(9_600, "8N1"))
    os.close(slave)
    os.close(master)
    with pytest.raises(PortLost):
        port.hear(port.now_s() + 5)
    with pytest.raises(PortLost):
        port.send(b"x")
    port.close()


def test_what_comes_is_handed_on_at_once_and_nothing_is_made_of_it():
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = SerialPort(os.ttyname(slave), "en")
    port.use(Setting(9_600, "8N1"))
    everything = bytes(range(256))
    sender = threading.Thread(target=os.write, args=(master, everything))
    sender.start()
    heard = b""
    while len(heard) < 256 and (piece := port.hear(port.now_s() + 5)):
        heard += piece
    sender.join()
    assert heard == everything
    port.send(everything)
    assert os.read(master, 1_000) == everything
    assert port.errors() is None  # A pseudo-terminal counts nothing.
    port.close()
    os.close(master)
    os.close(slave)


def test_what_a_uart_counted_is_read_from_its_place(monkeypatch, port):
    numbers = list(range(20))

    def ioctl(_, request, room):
        if request != 0x545D:
            raise OSError(errno.EINVAL, "")
        assert len(room) == 80
        return b"".join(number.to_bytes(4, "little") for number in numbers)

    opened = SerialPort(port, "en")
    opened.use(Setting(9_600, "8N1"))
    monkeypatch.setattr("fcntl.ioctl", ioctl)
    before = opened.errors()
    assert before is not None
    assert before == Errors(framing=6, parity=8, breaks=9)
    numbers[6] += 4
    after = opened.errors()
    assert after is not None
    assert after.since(before) == Errors(4, 0, 0)
    opened.close()
