"""Partition tables, UF2 files and twins: read back as written; what is damaged is refused and breaks nothing."""

from contextlib import nullcontext, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

import boards
from tests.tools.flash_inputs import TOP, definition, tiny
from tools.image import esp32, files, uf2
from tools.image.make import make, rp2040_program
from tools.image.partitions import NoTable, Row, pack, unpack

BARE = sorted((TOP / ".cache" / "bare_metal").glob("image-*/firmware.bin"))

labels = st.text("abcdefghijklmnopqrstuvwxyz_0123456789", min_size=1, max_size=16)
words = st.integers(0, 0xFFFF_FFFF)
octets = st.integers(0, 255)
tables = st.lists(st.builds(Row, labels, octets, octets, words, words, words), max_size=20)


@given(tables)
def test_a_table_reads_back(rows):
    assert unpack(pack(rows)) == rows


@given(tables, st.data())
def test_a_table_with_a_changed_byte_is_none(rows, data):
    table = bytearray(pack(rows))
    at = data.draw(st.integers(0, 32 * (len(rows) + 1) - 1))
    table[at] ^= data.draw(st.integers(1, 255))
    with pytest.raises(NoTable):
        unpack(bytes(table))


@given(st.binary(max_size=4000))
def test_rubbish_is_no_image_no_table_and_no_uf2(rubbish):
    with pytest.raises(esp32.WrongImage):
        esp32.read(rubbish)
    with pytest.raises(NoTable):
        unpack(rubbish)
    with pytest.raises(uf2.WrongUf2):
        uf2.unpack(rubbish)
    with pytest.raises(esp32.WrongImage):
        rp2040_program(rubbish)
    assert files.unpack_twin(rubbish) is None


@given(st.data())
def test_a_changed_image_never_breaks_the_reader(data):
    image = bytearray(tiny())
    for _ in range(data.draw(st.integers(1, 4))):
        image[data.draw(st.integers(0, len(image) - 1))] = data.draw(octets)
    changed = bytes(image) != tiny()
    with nullcontext() if not changed else suppress(esp32.WrongImage):
        assert esp32.read(bytes(image)).version in ("1.25.0", "")


@given(st.lists(st.tuples(st.integers(0, 40), st.binary(min_size=1, max_size=9000)), min_size=1, max_size=3))
def test_a_uf2_file_writes_each_piece_and_blanks_the_rest_of_its_sectors(pieces):
    placed = [(number * 5 + sector % 2) * uf2.SECTOR_BYTES for number, (sector, _) in enumerate(pieces)]
    packed = uf2.pack([(at, data) for at, (_, data) in zip(placed, pieces, strict=True)])
    pages = uf2.unpack(packed)
    for at, (_, data) in zip(placed, pieces, strict=True):
        whole = -(-len(data) // uf2.SECTOR_BYTES) * uf2.SECTOR_BYTES
        read = b"".join(pages[at + offset] for offset in range(0, whole, uf2.PAGE_BYTES))
        assert read == data.ljust(whole, b"\xff")
    assert len(packed) == len(pages) * uf2.BLOCK_BYTES


@pytest.mark.parametrize("at", [0, 4, 15, 16, 20, 24, 28, 511])
def test_a_uf2_block_that_is_damaged_or_for_another_chip_is_refused(at):
    packed = bytearray(uf2.pack([(0, b"program")]))
    packed[at] ^= 0x40
    with pytest.raises(uf2.WrongUf2):
        uf2.unpack(bytes(packed))


@given(st.binary(max_size=300), st.integers(0, 0xFFFF_FFFF))
def test_a_twin_reads_back_and_a_changed_one_does_not(payload, seq):
    copy = files.pack_twin(seq, payload)
    assert files.unpack_twin(copy) == payload
    for at in range(len(copy)):
        assert files.unpack_twin(copy[:at] + bytes([copy[at] ^ 1]) + copy[at + 1 :]) is None


@given(st.dictionaries(labels, st.binary(max_size=5000), max_size=8))
def test_a_file_system_reads_back(content):
    assert files.unpack("esp32", files.pack("esp32", content, 0x80000)) == content


def test_more_than_a_file_system_holds_is_refused():
    with pytest.raises(files.NoRoom):
        files.pack("esp32", {"large": bytes(0x80000)}, 0x80000)


def test_an_application_that_leaves_no_room_for_its_next_version_is_refused():
    application = {f"a/{number}.mpy": bytes(4000) for number in range(50)}
    files.pack("esp32", application, 0x80000)
    with pytest.raises(files.NoRoom):
        files.check_room("esp32", application, 0x80000)


@pytest.mark.skipif(not BARE, reason="the RP2040 image is made by ./riverpost test --bare-metal")
def test_the_uf2_of_a_pico_holds_the_interpreter_and_the_whole_file_system_but_not_the_log():
    board = boards.load_board("rp2040-rs485")
    made = make(board, BARE[0].read_bytes(), files.content("rp2040", definition("rp2040-rs485")).files)
    pages = uf2.unpack(made.file)
    assert rp2040_program(made.file).startswith(BARE[0].read_bytes())
    log_at, log_bytes = made.log
    assert not [at for at in pages if log_at <= at < log_at + log_bytes]
    held = b"".join(pages[at] for at in range(0xA0000, 0x200000, uf2.PAGE_BYTES))
    assert files.unpack_twin(files.unpack("rp2040", held)["board.0"]) == definition("rp2040-rs485")
    assert made.version == "1.25.0"
