"""The board's link against bytes of every kind, in this process: nothing stops it, and it never speaks out of turn."""

from bank import Bank
from board_log import BoardLog
from clock import Clock
from hypothesis import given
from hypothesis import strategies as st
from links.rs485 import DEAF_S, MUTE_S, Rs485
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU

from tests.firmware.fake_hal import FakeHal
from tests.firmware.nor_flash import NorFlash
from wire.reading import QUANTITY_CODES

ADDRESS = 11
SERIAL = "00112233445566aa"


class Line:
    """A line for a link in this process: gives the pieces one by one, keeps the answers."""

    def __init__(self):
        self.pieces = []
        self.answers = []
        self.silent = False
        self.reopened = 0

    def reopen(self):
        self.reopened += 1

    def readinto(self, buffer):
        if not self.pieces:
            return 0
        piece = self.pieces[0][: len(buffer)]
        self.pieces[0] = self.pieces[0][len(piece) :]
        if not self.pieces[0]:
            self.pieces.pop(0)
        buffer[: len(piece)] = piece
        return len(piece)

    def write(self, buffer, count):
        self.answers.append(bytes(buffer[:count]))
        return count

    def await_silence(self, silence_us):
        pass

    def silent_us(self):
        return 1_000_000 if self.silent else 0


def made():
    """A link without a process: (its hal, its clock, its line, itself)."""
    hal = FakeHal()
    clock = Clock(hal)
    log = BoardLog(NorFlash(4), 0x01020304)
    bank = Bank([QUANTITY_CODES["head_mm"]], {"level": 0}, 1000, clock, hal.ticks_diff)
    line = Line()
    link = Rs485(line, {"address": ADDRESS}, bank, log, clock)
    link.identify_as("esp32-rs485", bytes.fromhex(SERIAL))
    return hal, clock, line, link


def served(pieces, silent=True):
    """The answers of a board without a process to what comes on its line piece by piece."""
    hal, _, line, link = made()
    for piece in pieces:
        line.pieces = [piece] if piece else []
        line.silent = silent
        link.poll(hal.ticks_ms())
    for _ in range(8):
        link.poll(hal.ticks_ms())
    return line.answers


def sealed(body):
    frame = FramerRTU(DecodePDU(True)).encode(body[1:], body[0], 0)  # The CRC is pymodbus's own.
    return bytes(frame)


@given(st.lists(st.binary(max_size=300), max_size=12))
def test_no_bytes_on_the_line_can_stop_a_board_or_make_it_send_what_is_no_answer(pieces):
    for answer in served(pieces):
        assert answer[0] == ADDRESS
        assert sealed(answer[:-2]) == answer


KNOWN = (3, 4, 6, 16, 20, 21, 43)


@given(st.integers(0, 127).filter(lambda function: function not in KNOWN), st.binary(max_size=251))
def test_a_function_that_is_not_known_gets_exception_1_whatever_follows_it(function, body):
    assert served([sealed(bytes((ADDRESS, function)) + body)]) == [sealed(bytes((ADDRESS, function | 0x80, 1)))]


@given(st.integers(0, 8))
def test_a_request_that_comes_in_two_pieces_is_answered_once(cut):
    request = sealed(bytes((ADDRESS, 3, 0, 4, 0, 6)))
    (answer,) = served([request[:cut], request[cut:]], silent=False)
    assert answer[:5] == bytes((ADDRESS, 3, 12, 0, 1))


@given(st.binary(min_size=1, max_size=40))
def test_a_request_is_answered_after_garbage_and_silence(garbage):
    answers = served([garbage, b"", sealed(bytes((ADDRESS, 3, 0, 4, 0, 6)))])
    assert answers[-1][:5] == bytes((ADDRESS, 3, 12, 0, 1))


@given(st.integers(1, 247).filter(lambda address: address != ADDRESS), st.integers(0, 127), st.binary(max_size=100))
def test_nothing_is_answered_to_another_address_or_to_a_broadcast(address, function, body):
    for other in (address, 0):
        assert served([sealed(bytes((other, function)) + body)]) == []


def reopened_after(seconds, piece):
    """How often the port was set up anew in so many seconds, in each of which `piece(second)` came; and the line."""
    hal, clock, line, link = made()
    line.silent = True
    for second in range(seconds):
        line.pieces = [piece(second)] if piece(second) else []
        hal.now += 1_000
        clock.tick(hal.ticks_ms())
        link.poll(hal.ticks_ms())
    assert link.reopened == line.reopened
    return line.reopened


FOREIGN = sealed(bytes((ADDRESS + 1, 3, 0, 4, 0, 6)))


def test_a_port_that_hears_bytes_and_no_frame_is_set_up_anew_after_minutes_a_silent_one_after_an_hour():
    assert reopened_after(DEAF_S - 1, lambda _: b"\xff\x00") == 0
    assert reopened_after(DEAF_S + 1, lambda _: b"\xff\x00") == 1
    assert reopened_after(5 * DEAF_S + 1, lambda _: b"\x55") == 5
    assert reopened_after(MUTE_S - 1, lambda _: b"") == 0
    assert reopened_after(MUTE_S + 1, lambda _: b"") == 1


def test_a_line_on_which_anybody_is_heard_is_left_alone():
    assert reopened_after(2 * MUTE_S, lambda second: FOREIGN if second % (DEAF_S - 1) == 0 else b"\x00") == 0


@given(st.integers(0, 400), st.integers(1, 20))
def test_a_click_long_ago_is_no_reason(second_of_click, bytes_of_it):
    assert reopened_after(DEAF_S - 1, lambda second: b"\x00" * bytes_of_it * (second == second_of_click)) == 0
