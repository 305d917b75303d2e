"""Memory that survives a reset."""

from contract import TestCase, hal

SIZES = (0, 1, 36, 100)
TOO_LONG = 5_000


class Keep(TestCase):
    def setUp(self):
        self.before = hal().keep.get()

    def tearDown(self):
        hal().keep.put(self.before)

    def test_what_is_put_there_is_there(self):
        keep = hal().keep
        for size in SIZES:
            data = bytes([size + place & 0xFF for place in range(size)])
            keep.put(data)
            self.assertEqual(keep.get(), data)

    def test_more_than_it_holds_is_refused_and_changes_nothing(self):
        keep = hal().keep
        keep.put(b"before")
        with self.assertRaises(ValueError):
            keep.put(bytes(TOO_LONG))
        self.assertEqual(keep.get(), b"before")
