"""Serial ports: reading never waits and always gives a number, whatever the port's driver gives (None, b"", 0)."""

from contract import SkipTest, TestCase, definition, hal

READS = 20
READ_MS_MAX = 20
QUIET_MS = 30


class Serial(TestCase):
    def test_reading_the_line_gives_a_number_and_never_waits(self):
        self.read(hal().bus())

    def test_reading_a_sensor_gives_a_number_and_never_waits(self):
        numbers = [int(key[5:]) for key in definition()["ports"] if key.startswith("uart ")]
        if not numbers:
            raise SkipTest("no port uart")
        for number in numbers:
            self.read(hal().uart(number))

    def test_silence_grows_while_no_byte_comes(self):
        board = hal()
        bus = board.bus()
        bus.readinto(bytearray(64))
        board.wait(QUIET_MS)
        if bus.readinto(bytearray(64)):
            raise SkipTest("somebody talks on the line")
        bus.await_silence(1_000 * QUIET_MS)
        self.assertTrue(bus.silent_us() >= 1_000 * QUIET_MS)

    def read(self, port):
        board = hal()
        for size in (1, 64):
            buffer = bytearray(size)
            for _ in range(READS):
                begin = board.ticks_ms()
                count = port.readinto(buffer)
                self.assertTrue(isinstance(count, int) and 0 <= count <= size, repr(count))
                self.assertTrue(board.ticks_diff(board.ticks_ms(), begin) <= READ_MS_MAX)
