"""Flash an ESP32: the real esptool against the emulated ROM, with everything that may be in the way."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from functools import partial
from xml.etree import ElementTree

import pytest

from tests.tools.flash_inputs import ROWS, TOP, definition, station_file, tiny
from tools.__main__ import main
from tools.emulator import flash_image, rom_boot
from tools.emulator.rom_board import RomBoard
from tools.emulator.rom_chip import ESP32_S3, ESP8266
from tools.image.esp32 import BOOTLOADER_AT
from tools.image.files import Content, pack_twin
from tools.image.partitions import DATA, Row, pack
from wire.reading import SYNCED
from wire.row import Reading
from wire.row import Row as LogRow

pytestmark = pytest.mark.long

LOG_AT, LOG_END = 0x400000, 0x800000
WORDS = ["esp32-rs485", "--no-stub", "--yes", "--accept-unknown"]


def few_files(chip, definition):
    """In the place of the application, which only takes its time on the line here."""
    names = [f"{slot}/{name}.mpy" for slot in ("a", "safe") for name in ("main", "lib/wire/row")]
    files = {"main.py": b"import main", **{name: name.encode() * 50 for name in names}}
    if definition is not None:
        files["board.0"] = pack_twin(1, definition)
    return Content(files, 2, 1_000)


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setattr("tools.image.files.content", few_files)
    monkeypatch.setattr("tools.console.STOP_TRIES", 1)  # Nothing of ours runs on it, so its console is silent.
    monkeypatch.setattr("tools.console.STOP_LIMIT_S", 0)
    (tmp_path / "tiny.bin").write_bytes(tiny())
    (tmp_path / "board.json").write_bytes(definition())
    station_file(tmp_path)
    return tmp_path


@pytest.fixture
def board(files):
    with RomBoard(files) as board:
        yield board


def words(board, files, *more):
    port = ["--port", str(board.port), "--micropython", str(files / "tiny.bin"), "--config", str(files / "board.json")]
    return ["flash", *WORDS, *port, *[str(word) for word in more]]


def flash(board, files, *more):
    return main(words(board, files, *more))


def image_of(files, capsys):
    out = files / "image.bin"
    made = ["--micropython", files / "tiny.bin", "--config", files / "board.json", "--accept-unknown", "-o", out]
    assert main(["image", "esp32-rs485", *[str(word) for word in made]]) == 0
    capsys.readouterr()
    return out.read_bytes()


def content(files):
    return (files / "flash").read_bytes()


def is_whole(files, image):
    """The flash is the image, byte by byte, and its log is blank."""
    return content(files)[BOOTLOADER_AT:LOG_END] == image.ljust(LOG_END - BOOTLOADER_AT, b"\xff")


def test_a_used_board_gets_exactly_the_image_and_starts(board, files, capsys):
    image = image_of(files, capsys)
    board.chip.program(0, bytes(range(256)) * (8 << 12))  # Whatever was on it before, everywhere.
    assert flash(board, files, "--json", files / "out.json") == 0
    out, err = capsys.readouterr()
    assert is_whole(files, image)
    assert (board.loader.faults, board.chip.faults, board.garbled) == ([], [], 0)
    assert "serial 0000a0b765123456" in out
    assert "ready" in out
    assert "\x1b" not in out + err
    steps = ["connect", "check", "erase", "write", "verify", "start", "test"]
    assert [line.split()[1] for line in err.splitlines()] == steps
    assert "No self-test: No answer from the board's console" in out
    told = json.loads((files / "out.json").read_text())
    assert (told["sha256"], told["written"], told["ready"]) == (hashlib.sha256(image).hexdigest(), True, True)
    assert told["label"] == f"RP1;;;11;0000a0b765123456;{told['sha256'][:12]}"


def test_an_image_that_was_made_before_is_written_with_its_station_on_the_label(board, files, capsys):
    out = files / "level.bin"
    made = ["--micropython", files / "tiny.bin", "--accept-unknown", "-o", out]
    station = ["--station", files / "station.toml", "--name", "level"]
    assert main(["image", "esp32-rs485", *[str(word) for word in [*made, *station]]]) == 0
    call = ["flash", "esp32-rs485", "--no-stub", "--yes", "--port", board.port, "--image", out]
    label = files / "label.svg"
    assert main([str(word) for word in [*call, *station, "--label", label, "--lang", "zh"]]) == 0
    shown = capsys.readouterr().out
    assert is_whole(files, out.read_bytes())
    assert "站点 CYB01 · level" in shown
    words = [element.text for element in ElementTree.parse(label).iter() if element.tag.endswith("text")]
    assert words[1:4] == ["站点 CYB01 · level", "地址 11", "序列号 0000a0b765123456"]
    board.plug()
    assert main([str(word) for word in [*call, "--label", files / "label.png"]]) == 0
    assert (files / "label.png").read_bytes().startswith(b"\x89PNG")
    board.plug()
    other = ["--station", files / "station.toml", "--name", "rain"]
    assert main([str(word) for word in [*call, *other]]) == 2


@pytest.mark.parametrize("at", [0, 3, 40, 0x7000, 0x7010, 0xF010, 0x1FF000, 0x200010, -1])
def test_an_image_that_was_damaged_is_refused_before_the_port_is_opened(board, files, capsys, at):
    bad = bytearray(image_of(files, capsys))
    bad[at] ^= 0x81
    if at == -1:
        bad.pop()
    (files / "bad.bin").write_bytes(bad)
    call = ["flash", *WORDS, "--port", str(board.port), "--image", str(files / "bad.bin")]
    assert main(call) == 2
    assert "riverpost image esp32-rs485" in capsys.readouterr().err
    assert board.received == 0


def test_a_dry_run_shows_what_would_be_lost_and_writes_nothing(board, files, capsys):
    before = hashlib.sha256(content(files)).digest()
    assert flash(board, files, "--dry-run") == 0
    out = capsys.readouterr().out
    for part in ("0x001000", "bootloader", "0x400000", "log, erased only", "NVS", "Nothing was written"):
        assert part in out
    assert hashlib.sha256(content(files)).digest() == before
    assert board.chip.erased_sectors == 0


@pytest.mark.parametrize(("kind", "name"), [(ESP32_S3, "ESP32-S3"), (ESP8266, "ESP8266")])
def test_another_chip_gets_nothing(files, capsys, kind, name):
    with RomBoard(files, kind=kind) as board:
        assert flash(board, files) == 5
        assert board.chip.erased_sectors == 0
    err = capsys.readouterr().err
    assert f"Seen    {name}" in err
    assert "nothing was written" in err


def test_a_flash_that_is_too_small_gets_nothing(files, capsys):
    with RomBoard(files, flash_bytes=4 << 20) as board:
        assert flash(board, files) == 5
        assert board.chip.erased_sectors == 0
    assert "8 MiB" in capsys.readouterr().err


def test_a_silent_board_is_told_how_to_hold_boot(files, capsys):
    with RomBoard(files, silent=True) as board:
        assert flash(board, files) == 4
    err = capsys.readouterr().err
    assert "hold BOOT, tap RESET" in err
    assert "nothing was written" in err


def test_a_port_that_is_not_there_or_another_programs_is_named(board, files, capsys):
    assert main(["flash", *WORDS, "--port", str(files / "none"), "--micropython", str(files / "tiny.bin")]) == 3
    assert "ls /dev/ttyUSB*" in capsys.readouterr().err
    other = subprocess.Popen(
        [sys.executable, "-c", f"f = open({str(board.port)!r}); print(flush=True); input()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert other.stdout is not None
    other.stdout.readline()
    assert flash(board, files) == 4
    assert f"({other.pid})" in capsys.readouterr().err
    other.communicate(b"\n")
    assert flash(board, files) == 0


def test_a_port_that_another_flash_has_locked_is_busy(board, files, capsys):
    import serial

    with serial.Serial(str(board.port), exclusive=True):
        assert flash(board, files) == 4
    assert "is in use" in capsys.readouterr().err


def test_the_only_port_is_taken_and_of_several_none_where_nobody_can_be_asked(board, files, capsys, monkeypatch):
    call = [word for word in words(board, files, "--dry-run") if word not in ("--port", str(board.port))]
    monkeypatch.setattr("tools.flash.ports.candidates", lambda: [str(board.port)])
    assert main(call) == 0
    assert "(only one found)" in capsys.readouterr().out
    monkeypatch.setattr("tools.flash.ports.candidates", lambda: ["/dev/ttyUSB0", "/dev/ttyUSB1"])
    assert main(call) == 2
    assert "/dev/ttyUSB1" in capsys.readouterr().err
    monkeypatch.setattr("tools.flash.ports.candidates", list)
    assert main(call) == 3
    assert "a cable that carries data" in capsys.readouterr().err


def test_verbose_tells_what_esptool_said(board, files, capsys):
    assert flash(board, files, "--dry-run", "-v") == 0
    assert "Detecting chip type" in capsys.readouterr().err


@pytest.mark.skipif(os.getuid() != 0, reason="only root can start a program as somebody else")
def test_without_permission_the_group_and_the_command_are_named(board, files):
    os.chmod(os.path.realpath(board.port), 0o600)
    program = "import os, sys; sys.path.insert(0, sys.argv[1]); from tools.flash import ports;"
    program += " from tools.failure import Failure; from tools.faults import table; table(); os.setuid(65534)\n"
    program += "try: ports.check(sys.argv[2], 'en')\nexcept Failure as failure: print(failure.text())"
    command = [sys.executable, "-c", program, str(TOP), os.path.realpath(board.port)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert "may not use" in answer.stdout, answer.stderr
    assert "sudo usermod -aG" in answer.stdout
    assert "dialout" in answer.stdout or "tty" in answer.stdout


@pytest.mark.parametrize("share", [1, 4, 12, 40, 97])
def test_a_cable_that_is_pulled_anywhere_leaves_a_board_that_the_same_command_repairs(board, files, capsys, share):
    image = image_of(files, capsys)
    assert flash(board, files) == 0
    whole = board.received
    board.plug()
    board.unplug_after = whole * share // 100 + share
    touched_before = board.chip.erased_sectors
    assert flash(board, files) == 4
    err = capsys.readouterr().err
    board.wait_unplugged()
    touched = board.chip.erased_sectors > touched_before
    assert ("a part of it" in err) == touched
    assert bool(rom_boot.problem(content(files))) == touched
    board.plug()
    assert flash(board, files) == 0
    assert is_whole(files, image)


@pytest.mark.parametrize("operations", [0, 5, 1100])
def test_a_board_that_loses_power_within_an_erase_or_a_write_is_repaired(board, files, capsys, operations):
    image = image_of(files, capsys)
    board.chip.program(LOG_AT, bytes(4096))
    board.chip.cut_after = operations
    assert flash(board, files) == 4
    assert "repairs it" in capsys.readouterr().err
    board.wait_unplugged()
    assert rom_boot.problem(content(files))
    board.plug()
    assert flash(board, files) == 0
    assert is_whole(files, image)


def test_ctrl_c_in_the_middle_says_what_is_left_and_the_same_command_repairs(board, files, capsys):
    image = image_of(files, capsys)
    environment = {**os.environ, "PYTHONPATH": str(TOP)}
    call = [sys.executable, "-P", "-m", "tools", *words(board, files)]
    process = subprocess.Popen(
        call,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # A shell's job may ignore it.
    )
    board.at_byte = (60_000, lambda: process.send_signal(signal.SIGINT))
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "a part of it" in err
    assert flash(board, files) == 0
    assert is_whole(files, image)


def log_rows(files, count, stored=0):
    """A log on the board, as the firmware writes it."""
    rows = [LogRow(0, 1, SYNCED, t_s, readings=[Reading(0, t_s)]) for t_s in range(1, count + 1)]
    flash_image.write(files / "log", 0xA1B2C3D4, rows)
    held = bytearray(content(files))
    table = pack([*ROWS[:3], Row("log", DATA, 6, LOG_AT, 0x400000)])
    held[0x8000 : 0x8000 + len(table)] = table
    packed = (files / "log").read_bytes()
    held[LOG_AT : LOG_AT + len(packed)] = packed
    (files / "flash").write_bytes(held)
    return packed


def test_rows_that_nobody_has_stored_are_not_erased_but_by_their_number(board, files, capsys):
    packed = log_rows(files, 412)
    for more in ([], ["--discard", "411"]):
        assert flash(board, files, *more) == 5
        err = capsys.readouterr().err
        assert "412 rows nobody has stored" in err
        assert "--discard 412" in err
        assert board.chip.erased_sectors == 0
    assert flash(board, files, "--dry-run") == 0
    assert "412 rows that nobody has stored" in capsys.readouterr().out
    assert flash(board, files, "--keep-log") == 0
    assert content(files)[LOG_AT : LOG_AT + len(packed)] == packed
    board.plug()
    assert flash(board, files, "--discard", "412") == 0
    assert content(files)[LOG_AT:LOG_END] == b"\xff" * (LOG_END - LOG_AT)


def test_nobody_is_asked_where_no_terminal_is(board, files, capsys):
    call = [word for word in words(board, files) if word != "--yes"]
    assert main(call) == 5
    assert "--yes" in capsys.readouterr().err
    assert board.chip.erased_sectors == 0


def test_a_board_that_does_not_say_that_it_is_ready_is_not_right(board, files, capsys, monkeypatch):
    monkeypatch.setattr("tools.emulator.rom_board.READY_WORDS", "Traceback: board.json\r\n")
    monkeypatch.setattr("tools.flash.esp32.START_LIMIT_S", 0.5)
    assert flash(board, files) == 1
    err = capsys.readouterr().err
    assert "Traceback: board.json" in err
    assert "tap RESET" in err
    board.plug()
    call = [word for word in words(board, files) if word not in ("--config", str(files / "board.json"))]
    assert main(call) == 0


def test_a_label_of_another_form_is_refused_first(board, files, capsys):
    assert flash(board, files, "--label", "label.pdf") == 2
    assert board.received == 0
