"""The emulated ROM: every command is checked; what is wrong is refused and told, and no byte breaks it."""

import hashlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools.emulator.rom_chip import ESP32_S3, Chip, PowerCut
from tools.emulator.rom_loader import (
    CHANGE_BAUD,
    FLASH_BEGIN,
    FLASH_DATA,
    FLASH_END,
    FLASH_MD5,
    READ_FLASH,
    READ_REG,
    SECURITY_INFO,
    SPI_ATTACH,
    SPI_SET_PARAMS,
    SYNC,
    SYNC_BODY,
    RomLoader,
)

FLASH_BYTES = 1 << 20
MAC = bytes.fromhex("a0b765123456")


@pytest.fixture
def chip(tmp_path):
    chip = Chip(tmp_path / "flash", FLASH_BYTES, MAC)
    yield chip
    chip.close()


@pytest.fixture
def rom(chip):
    rom = RomLoader(chip)
    assert ask(rom, SPI_ATTACH, struct.pack("<II", 0, 0))[1] == bytes(4)
    assert ask(rom, SPI_SET_PARAMS, struct.pack("<6I", 0, FLASH_BYTES, 65536, 4096, 256, 0xFFFF))[1] == bytes(4)
    return rom


def framed(code, body=b"", checksum=0):
    packed = struct.pack("<BBHI", 0, code, len(body), checksum) + body
    return b"\xc0" + packed.replace(b"\xdb", b"\xdb\xdd").replace(b"\xc0", b"\xdb\xdc") + b"\xc0"


def answers(raw):
    frames = [part.replace(b"\xdb\xdc", b"\xc0").replace(b"\xdb\xdd", b"\xdb") for part in raw.split(b"\xc0") if part]
    return [(frame[1], struct.unpack("<I", frame[4:8])[0], frame[8:]) for frame in frames]


def ask(rom, code, body=b"", checksum=0):
    ((found, value, data),) = answers(rom.feed(framed(code, body, checksum)))
    assert found == code
    return value, data


def begin(rom, offset, size, blocks=None):
    count = -(-size // 1024) if blocks is None else blocks
    return ask(rom, FLASH_BEGIN, struct.pack("<4I", size, count, 1024, offset))[1]


def send(rom, seq, data, length=None, checksum=None):
    made = 0xEF
    for byte in data:
        made ^= byte
    body = struct.pack("<4I", len(data) if length is None else length, seq, 0, 0) + data
    return ask(rom, FLASH_DATA, body, made if checksum is None else checksum)[1]


def test_a_sync_is_answered_eight_times_and_not_as_a_stub_would(chip):
    told = answers(RomLoader(chip).feed(b"\xc0" + framed(SYNC, SYNC_BODY)))
    assert len(told) == 8
    assert all(value for _, value, _ in told)


def test_what_was_written_is_in_the_file_and_in_its_md5(rom, chip, tmp_path):
    data = bytes(range(256)) * 8
    assert begin(rom, 0x2000, 2048) == bytes(4)
    assert [send(rom, seq, data[seq * 1024 : seq * 1024 + 1024]) for seq in (0, 1)] == [bytes(4)] * 2
    assert (tmp_path / "flash").read_bytes()[0x2000:0x2800] == data
    _, digest = ask(rom, FLASH_MD5, struct.pack("<4I", 0x2000, 2048, 0, 0))
    assert digest == hashlib.md5(data).hexdigest().encode() + bytes(4)
    _, read = ask(rom, READ_FLASH, struct.pack("<II", 0x2010, 48))
    assert read == data[16:64].ljust(64, b"\0") + bytes(4)
    assert (rom.faults, chip.faults) == ([], [])


def refused(answer, rom):
    assert answer[0] == 1
    assert rom.faults
    rom.faults.clear()


def test_a_block_is_refused_out_of_order_damaged_twice_too_long_or_behind_what_was_begun(rom):
    refused(send(rom, 0, b"x" * 1024), rom)
    assert begin(rom, 0, 2048) == bytes(4)
    refused(send(rom, 1, b"x" * 1024), rom)
    refused(send(rom, 0, b"x" * 1024, checksum=0), rom)
    refused(send(rom, 0, b"x" * 1024, length=1000), rom)
    refused(send(rom, 0, b"x" * 2000), rom)
    assert send(rom, 0, b"x" * 1024) == bytes(4)
    refused(send(rom, 0, b"x" * 1024), rom)
    assert send(rom, 1, b"x" * 1024) == bytes(4)
    refused(send(rom, 2, b"x" * 1024), rom)


def test_a_block_where_nothing_was_erased_is_refused_and_changes_nothing(rom, chip):
    assert begin(rom, 0, 1024) == bytes(4)
    assert send(rom, 0, b"\x0f" * 1024) == bytes(4)
    assert begin(rom, 0, 0, blocks=1) == bytes(4)
    refused(send(rom, 0, b"\xf0" * 1024), rom)
    assert chip.read(0, 1024) == b"\x0f" * 1024
    assert chip.faults == ["1024 bytes at 0x0 were not erased before"]


def test_nothing_is_done_to_a_flash_that_is_not_attached_or_behind_its_end(chip, rom):
    refused(begin(rom, FLASH_BYTES - 4096, 8192), rom)
    refused(ask(rom, FLASH_MD5, struct.pack("<4I", FLASH_BYTES, 1, 0, 0))[1], rom)
    fresh = RomLoader(chip)
    refused(begin(fresh, 0, 4096), fresh)


def test_an_erase_blanks_whole_sectors_and_only_those(rom, chip):
    chip.program(0, bytes(3 * 4096))
    assert begin(rom, 4096, 1) == bytes(4)
    assert chip.read(0, 3 * 4096) == bytes(4096) + b"\xff" * 4096 + bytes(4096)


def test_an_unknown_command_is_no_fault_and_a_newer_chip_tells_its_number(rom, tmp_path):
    assert ask(rom, SECURITY_INFO)[1] == bytes([1, 5, 0, 0])
    assert rom.faults == []
    newer = Chip(tmp_path / "s3", FLASH_BYTES, MAC, ESP32_S3)
    _, told = ask(RomLoader(newer), SECURITY_INFO)
    assert struct.unpack_from("<I", told, 12) == (9,)
    newer.close()


def test_an_end_leaves_the_loader_and_a_rate_is_taken(rom):
    refused(ask(rom, FLASH_END, struct.pack("<I", 1))[1], rom)
    assert ask(rom, CHANGE_BAUD, struct.pack("<II", 460_800, 0))[1] == bytes(4)
    assert rom.baud == 460_800
    begin(rom, 0, 0)
    assert ask(rom, FLASH_END, struct.pack("<I", 1))[1] == bytes(4)
    assert rom.left


def test_a_power_cut_leaves_half_of_an_operation(rom, chip):
    chip.program(0, bytes(8192))
    chip.cut_after = 1
    with pytest.raises(PowerCut):
        rom.feed(framed(FLASH_BEGIN, struct.pack("<4I", 8192, 8, 1024, 0)))
    assert chip.read(0, 8192) == b"\xff" * (4096 + 2048) + bytes(2048)


@settings(deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=60), st.builds(framed, st.integers(0, 255), st.binary(max_size=80)))))
def test_whatever_comes_is_answered_or_counted_and_the_next_command_works(tmp_path_factory, parts):
    chip = Chip(tmp_path_factory.mktemp("rom") / "flash", 1 << 16, MAC)
    rom = RomLoader(chip)
    rom.feed(b"".join(parts))
    told = answers(rom.feed(b"\xc0\xc0" + framed(READ_REG, struct.pack("<I", 0x4000_1000))))
    assert (READ_REG, 0x00F0_1D83, bytes(4)) in told
    chip.close()
