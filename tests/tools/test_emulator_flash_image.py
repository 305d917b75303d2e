"""Flash files made for backlogs, as the firmware finds them."""

from board_log import BoardLog

from tests.firmware.nor_flash import NorFlash
from tools.emulator import flash_dump, flash_image
from wire.reading import SYNCED
from wire.row import Reading, Row

EPOCH = 0x0BAC0BAC


class Flash(NorFlash):
    """Blocks as a chip has them."""

    block = flash_dump.BLOCK_BYTES

    def __init__(self, content):
        super().__init__(0)
        self.size = len(content)
        self.bytes = bytearray(content)


def test_the_firmware_goes_on_with_a_log_that_was_made_for_it(tmp_path):
    rows = [Row(0, 3, SYNCED, 1_700_000_000 + 60 * n, readings=[Reading(0, n)]) for n in range(500)]
    packed = flash_image.write(tmp_path / "flash", EPOCH, rows)
    content = (tmp_path / "flash").read_bytes()
    assert [row.packed for row in flash_dump.rows(content)] == packed
    log = BoardLog(Flash(content + b"\xff" * 8 * flash_dump.BLOCK_BYTES), 1)
    assert (log.epoch, log.tail, log.head, log.boot, log.gateway_has) == (EPOCH, 1, 500, 3, 0)
    out = bytearray(len(b"".join(packed)))
    assert log.read(1, out, 0, len(out)) == (1, len(out))
    assert bytes(out) == b"".join(packed)
    row = Row(0, 4, SYNCED, 1_700_100_000, readings=[Reading(0, 7)])
    log.append(row)
    assert row.seq == 501
