"""What the sensors' inputs give, random numbers, the chip's number."""

from contract import SkipTest, TestCase, definition, hal

TOP_UV = 3_600_000
RANDOM_BYTES = 16
HEAP_LEAST = 8 * 1024


def ports(kind):
    """Numbers or names of the board's ports of `kind`."""
    found = [key.split(" ")[1] for key in definition()["ports"] if key.split(" ")[0] == kind]
    if not found:
        raise SkipTest("no port %s" % kind)
    return found


class Chip(TestCase):
    def test_a_converter_gives_microvolt_or_nothing(self):
        for number in ports("adc"):
            uv = hal().adc(int(number)).read_uv()
            self.assertTrue(uv is None or isinstance(uv, int) and 0 <= uv <= TOP_UV, "adc %s: %r" % (number, uv))

    def test_a_counter_gives_each_edge_once_with_its_ticks(self):
        for number in ports("counter"):
            counter = hal().counter(int(number))
            for ticks in counter.take():
                self.assertTrue(0 <= ticks < 1 << 30)
            self.assertTrue(len(counter.take()) <= 1)  # Unless it rains hard.
            self.assertTrue(counter.dropped >= 0)

    def test_a_contact_is_open_or_closed(self):
        for name in ports("input"):
            self.assertTrue(hal().pin_in(name).value() in (0, 1))

    def test_one_port_is_one_object(self):
        for number in ports("adc"):
            self.assertTrue(hal().adc(int(number)) is hal().adc(int(number)))

    def test_a_port_that_the_board_has_not_is_refused(self):
        with self.assertRaises(KeyError):
            hal().blocks("somewhere", 4)

    def test_random_bytes_are_as_many_as_asked_for_and_others_each_time(self):
        seen = [hal().random(RANDOM_BYTES) for _ in range(8)]
        for some in seen:
            self.assertEqual(len(some), RANDOM_BYTES)
            self.assertEqual(seen.count(some), 1)

    def test_the_chip_has_a_number_of_its_own(self):
        number = hal().unique_id()
        self.assertTrue(4 <= len(number) <= 8)
        self.assertEqual(number, hal().unique_id())
        self.assertTrue(number.count(number[:1]) < len(number))

    def test_the_cause_of_the_start_is_one_that_is_known(self):
        self.assertTrue(hal().reset_cause() in (0, 1, 2, 3, 4, 5, 6, 9))

    def test_there_is_room_to_work(self):
        self.assertTrue(hal().free_heap() >= HEAP_LEAST, "%d bytes" % hal().free_heap())
