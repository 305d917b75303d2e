"""Codecs against bytes that were worked out elsewhere: the same on every interpreter."""

from contract import SkipTest, TestCase

from wire.modbus import crc16, seal, t35_us
from wire.reading import GOOD, MISSING, SYNCED
from wire.row import Reading, Row, RowError, pack, unpack

try:
    from wire.cbor import Encoder, decode
except ImportError:  # A board without a network may have none.
    Encoder = decode = None

EPOCH = 0x1234_5678
# pymodbus 3.16's CRC of these; cbor2 6.3's encoding; zlib's CRC-32 over Python's struct.
FRAMES = (("0b0400040026", "30bb"), ("0103000a0001", "a408"), ("ff", "ff00"), ("", "ffff"))
CBOR = (
    (0, "00"),
    (23, "17"),
    (24, "1818"),
    (65_536, "1a00010000"),
    (4_294_967_296, "1b0000000100000000"),
    (-1, "20"),
    (-2_147_483_648, "3a7fffffff"),
    (None, "f6"),
    (True, "f5"),
    (b"\x00\xff", "4200ff"),
    ([1, [2, 3]], "8201820203"),
    ({1: 2}, "a10102"),
)
ROW = "36010001117000070269800e80007b0301010000c3500209800000000311fffffff6ffffffecfffffff60000000501000502391ac0fe"


class Wire(TestCase):
    def test_crc_and_frame(self):
        for body, crc in FRAMES:
            data = bytes.fromhex(body)
            self.assertEqual("%04x" % crc16(data, len(data)), crc[2:] + crc[:2])
            frame = bytearray(data + b"..")
            self.assertEqual(seal(frame, len(data)), len(data) + 2)
            self.assertEqual(bytes(frame[len(data) :]), bytes.fromhex(crc))

    def test_silence_between_frames(self):
        self.assertEqual(t35_us(9_600, 10), 3_646)
        self.assertEqual(t35_us(115_200, 10), 1_750)

    def test_a_row_in_both_directions(self):
        readings = [Reading(1, 50_000), Reading(2, None, MISSING), Reading(3, -10, GOOD, -20, -10, 5)]
        row = Row(70_000, 7, SYNCED, 1_770_000_000, 123, readings, [(5, 2)])
        packed = bytes.fromhex(ROW)
        self.assertEqual(pack(row, EPOCH), packed)
        self.assertTrue(unpack(packed, EPOCH) == row)
        for place in (0, 3, 20, len(packed) - 1):
            damaged = bytearray(packed)
            damaged[place] ^= 1
            with self.assertRaises(RowError):
                unpack(bytes(damaged), EPOCH)
        with self.assertRaises(RowError):
            unpack(packed, EPOCH + 1)

    def test_cbor_in_both_directions(self):
        if Encoder is None or decode is None:
            raise SkipTest("this board has no CBOR")
        encoder = Encoder(64)
        for value, text in CBOR:
            self.assertEqual(bytes(encoder.encode(value)), bytes.fromhex(text), repr(value))
            self.assertEqual(decode(bytes.fromhex(text)), value)
