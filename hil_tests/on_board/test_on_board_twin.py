"""The file in two copies, on the board's own file system, under a name that nobody else has."""

import os

from contract import SkipTest, TestCase, root

try:
    import twin
except ImportError:  # A program from before there were slots.
    twin = None

NAME = "/contract-test"


class Twin(TestCase):
    def setUp(self):
        if twin is None:
            raise SkipTest("this board has no files in two copies")
        self.twin = twin
        self.path = root() + NAME
        self.copies = (self.path + ".0", self.path + ".1")
        self.tearDown()

    def tearDown(self):
        for name in self.copies:
            try:
                os.remove(name)
            except OSError:
                continue

    def test_what_was_saved_last_is_loaded(self):
        self.assertTrue(self.twin.load(self.path) is None)
        for number in range(5):
            self.twin.save(self.path, b"content %d" % number)
            self.assertEqual(self.twin.load(self.path), b"content %d" % number)

    def test_a_copy_that_was_cut_off_leaves_the_one_before(self):
        self.twin.save(self.path, b"old")
        self.twin.save(self.path, b"new")
        for name in self.copies:
            with open(name, "rb") as file:
                whole = file.read()
            if whole[8:11] != b"new":
                continue
            with open(name, "wb") as file:
                file.write(whole[:-3])
            self.assertEqual(self.twin.load(self.path), b"old")
