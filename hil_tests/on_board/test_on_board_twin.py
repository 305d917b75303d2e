"""The file in two copies, on the board's own file system, under a name that nobody else has."""

import os

import twin
from contract import TestCase, root

NAME = "/contract-test"


class Twin(TestCase):
    def setUp(self):
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
        self.assertTrue(twin.load(self.path) is None)
        for number in range(5):
            twin.save(self.path, b"content %d" % number)
            self.assertEqual(twin.load(self.path), b"content %d" % number)

    def test_a_copy_that_was_cut_off_leaves_the_one_before(self):
        twin.save(self.path, b"old")
        twin.save(self.path, b"new")
        for name in self.copies:
            with open(name, "rb") as file:
                whole = file.read()
            if whole[8:11] != b"new":
                continue
            with open(name, "wb") as file:
                file.write(whole[:-3])
            self.assertEqual(twin.load(self.path), b"old")
