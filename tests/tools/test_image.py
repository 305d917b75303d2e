"""An image: the same bytes each time, and readable for those who will read it: esptool, MicroPython, the bootloader."""

import hashlib
import json
import os
import subprocess
import sys

import pytest

import boards
from tests.tools.flash_inputs import MICROPYTHON, OFFICIAL, TOP, definition, official, station_file, tiny
from tools import firmware_build
from tools.__main__ import main
from tools.emulator import rom_boot
from tools.image import files
from tools.image.esp32 import BOOTLOADER_AT, TABLE_AT, WrongImage, read
from tools.image.make import make
from tools.image.partitions import unpack

ESP32 = boards.load_board("esp32-rs485")
RP2040 = boards.load_board("rp2040-rs485")
CHIP_MODULES = ["machine", "esp32", "rp2", "network"]
PROGRAM_BYTES = {"esp32": 32, "rp2040": 256}


@pytest.fixture(scope="module")
def image():
    return make(ESP32, official(), files.content("esp32", definition()).files)


def piece(image, name):
    return next(one for one in image.pieces if one.name == name)


def test_the_same_inputs_give_the_same_bytes_in_another_process(tmp_path):
    made = []
    for seed in ("1", "2"):
        out = tmp_path / f"{seed}.bin"
        command = [
            sys.executable,
            "-m",
            "tools",
            "image",
            "esp32-rs485",
            "--micropython",
            str(OFFICIAL),
            "-o",
            str(out),
        ]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "TZ": f"UTC-{seed}"}
        subprocess.run(command, check=True, capture_output=True, timeout=60, cwd=TOP, env=environment)
        made.append(out.read_bytes())
    assert made[0] == made[1]
    assert len(made[0]) == 0x400000 - BOOTLOADER_AT


def test_littlefs_lists_the_application_twice_the_source_and_the_settings(image):
    found = files.unpack("esp32", piece(image, "vfs").data)
    names = {str(name) for name in firmware_build.files_of("esp32")}
    wanted = {f"{slot}/{name}" for slot in ("safe", "a") for name in names}
    assert set(found) == wanted | {"main.py", "board.0", "board.1", "safe/board.json"}
    assert found["main.py"] == (firmware_build.FIRMWARE / "start.py").read_bytes()
    copies = [files.unpack_twin(found[name]) for name in ("board.0", "board.1")]
    assert [*copies, found["safe/board.json"]] == [definition()] * 3
    assert all(found[f"safe/{name}"] == found[f"a/{name}"] for name in names)


@pytest.mark.parametrize("chip", ["esp32", "rp2040"])
def test_micropython_mounts_the_file_system_and_loads_every_mpy(tmp_path, chip):
    content = files.content(chip, definition("esp32-rs485" if chip == "esp32" else "rp2040-rs485"))
    board = ESP32 if chip == "esp32" else RP2040
    size = next(part.size for part in board.partitions if part.name == "slots")
    packed = tmp_path / "files"
    packed.write_bytes(files.pack(chip, content.files, size))
    script = TOP / "tests" / "tools" / "load_image.py"
    command = [MICROPYTHON, "-X", "heapsize=8m", script, packed, str(PROGRAM_BYTES[chip]), *CHIP_MODULES]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stdout[-500:] + answer.stderr
    lines = [line.split() for line in answer.stdout.splitlines()]
    assert {path.lstrip("/"): int(size) for word, path, *rest in lines if word == "file" for size in rest} == {
        path: len(data) for path, data in content.files.items()
    }
    loaded = [path.lstrip("/") for word, path, *_ in lines if word == "loaded"]
    assert sorted(loaded) == sorted(path for path in content.files if path.endswith(".mpy"))
    assert len(loaded) == 2 * content.application_files


@pytest.mark.parametrize("name", ["bootloader", "factory"])
def test_esptool_accepts_the_program_parts(tmp_path, image, name):
    part = tmp_path / name
    part.write_bytes(piece(image, name).data)
    command = [sys.executable, "-m", "esptool", "--chip", "esp32", "image-info", str(part)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.count("(valid)") == 2, answer.stdout
    assert "invalid" not in answer.stdout
    assert ("Flash size: 8MB" in answer.stdout) == (name == "bootloader")


def test_a_bootloader_would_start_it(image):
    flash = (b"\xff" * BOOTLOADER_AT + image.file).ljust(ESP32.flash_bytes, b"\xff")
    assert rom_boot.problem(flash) == ""


def test_the_program_is_the_official_one_and_so_is_the_table_before_it(image):
    table = official()[TABLE_AT - BOOTLOADER_AT :]
    rows = unpack(piece(image, "table").data)
    assert rows[:2] == unpack(table)[:2]
    assert [(row.label, row.offset, row.size) for row in rows[2:]] == [
        ("factory", 0x10000, 0x1F0000),
        ("vfs", 0x200000, 0x200000),
        ("log", 0x400000, 0x400000),
    ]
    app = official()[0x10000 - BOOTLOADER_AT :]
    assert piece(image, "factory").data.startswith(app)
    changed = [at for at, (a, b) in enumerate(zip(image.file, official(), strict=False)) if a != b and at < 0x7000]
    assert changed[0] == 3
    assert len(changed) <= 33  # The size of the flash, and the hash over it.


def test_an_image_without_settings_has_none():
    found = files.content("esp32", None).files
    assert not [path for path in found if path.startswith("board")]


@pytest.mark.parametrize("at", [0, 1, 12, 40, 0x7000, 0x7004, 0x7010, 0xF000, 0xF001, 0xF020])
def test_an_image_with_a_changed_byte_is_refused(at):
    bad = bytearray(tiny())
    bad[at] ^= 0x55
    with pytest.raises(WrongImage):
        make(ESP32, bytes(bad), {})


def test_every_cut_off_image_is_refused():
    for length in range(0, len(tiny()), 251):
        with pytest.raises(WrongImage):
            read(tiny()[:length])


def test_an_image_of_an_esp32_s3_is_refused():
    bad = bytearray(tiny())
    bad[12] = 9
    with pytest.raises(WrongImage, match="another chip"):
        read(bytes(bad))


def run(*words, capsys):
    code = main(["image", *[str(word) for word in words]])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_an_unknown_image_is_taken_only_by_that_word(tmp_path, capsys):
    file = tmp_path / "ESP32_GENERIC-20990101-v9.bin"
    file.write_bytes(tiny())
    out = tmp_path / "out.bin"
    code, _, err = run("esp32-rs485", "--micropython", file, "-o", out, capsys=capsys)
    assert code == 5
    assert hashlib.sha256(tiny()).hexdigest() in err
    assert "--accept-unknown" in err
    assert not out.exists()
    code, shown, _ = run("esp32-rs485", "--micropython", file, "-o", out, "--accept-unknown", capsys=capsys)
    assert code == 0
    assert "not on our list" in shown
    assert out.exists()


def test_the_store_gives_the_newest_image_that_is_known(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    code, _, err = run("esp32-rs485", capsys=capsys)
    assert code == 3
    store = tmp_path / "riverpost" / "micropython"
    assert str(store) in err
    store.mkdir(parents=True)
    (store / OFFICIAL.name).write_bytes(official())
    (store / "ESP32_GENERIC-20990101-v9.bin").write_bytes(tiny())
    (store / "ESP32_GENERIC_S3-20250415-v1.25.0.bin").write_bytes(b"another board's")
    code, out, _ = run("esp32-rs485", "--dry-run", "--json", "-", capsys=capsys)
    assert code == 0
    assert json.loads(out)["interpreter"] == {
        "sha256": hashlib.sha256(official()).hexdigest(),
        "version": "1.25.0",
        "known": True,
    }


def test_a_dry_run_and_json_write_no_file_and_nothing_but_json(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = run("esp32-rs485", "--micropython", OFFICIAL, "--dry-run", "--json", "-", capsys=capsys)
    assert (code, err) == (0, "")
    assert json.loads(out)["file"] is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("name", "board"), [("level", "esp32-rs485"), ("slope", "esp32-wifi")])
def test_the_settings_of_a_station_are_those_that_its_gateway_expects(tmp_path, capsys, name, board):
    out = tmp_path / "out.bin"
    words = [board, "--micropython", OFFICIAL, "--station", station_file(tmp_path), "--name", name, "-o", out]
    code, shown, _ = run(*words, "--json", tmp_path / "out.json", capsys=capsys)
    assert code == 0
    made = json.loads((tmp_path / "out.json").read_text())
    found = files.unpack("esp32", out.read_bytes()[0x200000 - BOOTLOADER_AT : 0x400000 - BOOTLOADER_AT])
    settings = json.loads(files.unpack_twin(found["board.0"]) or b"")
    assert settings["definition"] == made["definition"]
    assert made["definition"][:16] in shown
    if name == "level":
        line = {"kind": "rs485", "address": 11, "baud": 19200, "framing": "8E1"}
        assert settings["link"] == {**line, "station": "CYB01"}
        assert settings["sensors"][0]["zero_na"] == 4_001_000
    else:
        assert settings["link"]["station"] == "CYB01"
    (tmp_path / "board.json").write_text(json.dumps(settings))
    words = [board, "--micropython", OFFICIAL, "--config", tmp_path / "board.json", "-o", tmp_path / "again.bin"]
    assert run(*words, capsys=capsys)[0] == 0
    assert (tmp_path / "again.bin").read_bytes() == out.read_bytes()


@pytest.mark.parametrize(
    ("words", "code", "part"),
    [
        (["esp32-rs48"], 2, "esp32-rs485"),
        (["esp32-rs485", "--station", "station.toml"], 2, "--name"),
        (["esp32-rs485", "--station", "station.toml", "--name", "lvel"], 2, "level"),
        (["esp32-rs485", "--station", "station.toml", "--name", "slope"], 2, "esp32-wifi"),
        (["esp32-rs485", "--station", "no.toml", "--name", "slope"], 2, "no.toml"),
        (["esp32-rs485", "--config", "board.json"], 2, "esp32-wifi"),
        (["esp32-rs485", "--config", "station.toml"], 2, "station.toml"),
        (["rp2040-rs485", "--micropython", str(OFFICIAL)], 2, "RPI_PICO"),
        (["esp32-rs485", "--micropython", "board.json", "--accept-unknown"], 2, "no bootloader"),
        (["esp32-rs485", "--micropython", "none.bin"], 2, "none.bin"),
        (["esp32-rs485", "--micropython", str(OFFICIAL), "-o", "no/where.bin"], 2, "no/where.bin"),
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_a_wrong_call_says_what_to_do_and_that_nothing_was_written(
    tmp_path, capsys, monkeypatch, words, code, part, lang
):
    monkeypatch.chdir(tmp_path)
    station_file(tmp_path)
    (tmp_path / "board.json").write_bytes(definition().replace(b"esp32-rs485", b"esp32-wifi"))
    before = sorted(tmp_path.iterdir())
    found, out, err = run(*words, "--lang", lang, capsys=capsys)
    assert (found, out) == (code, "")
    assert part in err
    assert [line.split()[0] for line in err.splitlines() if not line.startswith(" ")] == (
        ["FAIL", "Seen", "Likely", "Do", "State", "More"]
        if lang == "en"
        else ["不通过", "所见", "可能", "处理", "现状", "详情"]
    )
    assert sorted(tmp_path.iterdir()) == before


def test_settings_that_were_changed_by_hand_are_refused(tmp_path, capsys):
    changed = tmp_path / "board.json"
    changed.write_bytes(definition().replace(b'"address":11', b'"address":12'))
    code, _, err = run("esp32-rs485", "--config", changed, capsys=capsys)
    assert code == 2
    assert "SHA-256" in err
