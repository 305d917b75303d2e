"""Ticks that wrap, waits that end."""

from contract import TestCase, hal

PERIOD = 1 << 30
HALF = 1 << 29
WAIT_MS = 50
WAITS_MAX = 50
LATE_MS = 200


class Clock(TestCase):
    def test_ticks_lie_below_2_to_the_30(self):
        self.assertTrue(0 <= hal().ticks_ms() < PERIOD)

    def test_differences_are_right_across_the_wrap(self):
        diff, add = hal().ticks_diff, hal().ticks_add
        for start in (0, 1, HALF - 1, HALF, PERIOD - 5_000, PERIOD - 1):
            for step in (0, 1, 999, 5_000, HALF - 1):
                later = add(start, step)
                self.assertTrue(0 <= later < PERIOD)
                self.assertEqual(diff(later, start), step)
                self.assertEqual(diff(start, later), -step)
            self.assertEqual(add(add(start, 7_000), -7_000), start)

    def test_a_wait_is_never_longer_than_it_was_told(self):
        board = hal()
        waited_ms = 0
        for _ in range(WAITS_MAX):  # Bytes may end each of them early.
            begin = board.ticks_ms()
            board.wait(WAIT_MS)
            took_ms = board.ticks_diff(board.ticks_ms(), begin)
            self.assertTrue(0 <= took_ms <= WAIT_MS + LATE_MS, "%d ms" % took_ms)
            board.bus().readinto(bytearray(64))
            waited_ms += took_ms
            if waited_ms >= WAIT_MS:
                return
        raise AssertionError("%d waits took %d ms" % (WAITS_MAX, waited_ms))

    def test_a_wait_of_nothing_returns_at_once(self):
        board = hal()
        begin = board.ticks_ms()
        for _ in range(5):
            board.wait(0)
            board.wait(-1)
        self.assertTrue(board.ticks_diff(board.ticks_ms(), begin) <= LATE_MS)
