"""Signatures of updates: a vector of RFC 8032, 7.1, and the same with one bit turned."""

from contract import SkipTest, TestCase, hal

try:
    import ed25519
    import sha512
except ImportError:  # A program from before there were updates.
    ed25519 = sha512 = None

# Key, message, signature: TEST 2.
KEY = "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
MESSAGE = "72"
SIGNATURE = (
    "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
    "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
)
STEPS_MAX = 100_000
STEP_MS_MAX = 1_000  # Between two steps the line is answered.


class Signature(TestCase):
    def test_a_good_signature_is_taken_and_one_with_a_turned_bit_is_not(self):
        key, message = bytes.fromhex(KEY), bytes.fromhex(MESSAGE)
        self.assertTrue(self.verify(key, message, bytes.fromhex(SIGNATURE)) is True)
        for place in (0, 40):
            turned = bytearray(bytes.fromhex(SIGNATURE))
            turned[place] ^= 1
            self.assertTrue(self.verify(key, message, bytes(turned)) is False)
        self.assertTrue(self.verify(key, message + b"\x00", bytes.fromhex(SIGNATURE)) is False)

    def verify(self, key, message, signature):
        if ed25519 is None or sha512 is None:
            raise SkipTest("this board takes no updates")
        digest = self.come_to(sha512.sha512(signature[:32] + key + message))
        return self.come_to(ed25519.verify(key, digest, signature))

    def come_to(self, steps):
        """What they return at their end."""
        board = hal()
        for _ in range(STEPS_MAX):
            begin = board.ticks_ms()
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            self.assertTrue(board.ticks_diff(board.ticks_ms(), begin) <= STEP_MS_MAX)
            board.wdt_feed()
        raise AssertionError("no end after %d steps" % STEPS_MAX)
