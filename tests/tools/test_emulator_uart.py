"""What a UART makes of another rate, another parity, exchanged wires: by hand, bit by bit, and on the line."""

import os
import termios

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.emulator import rtu
from tools.emulator.line import open_port, port_setting
from tools.emulator.line_faults import Faults
from tools.emulator.uart_model import SPACE, Setting, levels, taken
from tools.emulator.wire_model import MASTER, Wire

N, E, ODD = (Setting(9_600, framing) for framing in ("8N1", "8E1", "8O1"))
REQUEST = rtu.sealed(bytes((11, 3, 0, 4, 0, 8)))
ANSWER = rtu.sealed(bytes((11, 3, 4, 1, 2, 3, 4)))
S = 1_000_000_000


def test_a_character_is_start_bits_from_the_lowest_parity_and_stop():
    assert levels(b"\x4b", N) == [0, 1, 1, 0, 1, 0, 0, 1, 0, 1]
    assert levels(b"\x4b", E) == [0, 1, 1, 0, 1, 0, 0, 1, 0, 0, 1]
    assert levels(b"\x4a", E) == [0, 0, 1, 0, 1, 0, 0, 1, 0, 1, 1]
    assert levels(b"\x4a", ODD)[9] == 0
    assert levels(b"\x4a", Setting(9_600, "8N2"))[-2:] == [1, 1]


@given(st.binary(max_size=40), st.sampled_from(["8N1", "8E1", "8O1", "8N2"]), st.sampled_from([9_500, 9_700]))
def test_what_is_sent_arrives_also_at_a_rate_that_is_a_little_off(data, framing, baud):
    got = taken(data, Setting(9_600, framing), Setting(baud, framing))
    assert got == (data, 0, 0, 0)


@given(st.binary(max_size=40))
def test_one_stop_bit_more_or_less_cannot_be_told(data):
    two = Setting(9_600, "8N2")
    assert taken(data, N, two).data == taken(data, two, N).data == data


@pytest.mark.parametrize(
    ("sent", "said", "heard", "expected"),
    [
        # 0x55 at half the rate: each bit is seen twice, low bits first: 0 11 00 11 00, stop bit 1 = mark.
        (b"\x55", Setting(9_600, "8N1"), Setting(19_200, "8N1"), (b"\x66\xe6", 1, 0, 0)),
        # 0x00 is nine bits of space: at twelve times the rate that is longer than a character, a break.
        (b"\x00", Setting(9_600, "8N1"), Setting(115_200, "8N1"), (b"\x00", 0, 0, 1)),
        # Even parity seen by a receiver without: a parity bit 0 stands where the stop bit should.
        (b"\x03", E, N, (b"\x03", 1, 0, 0)),
        (b"\x01", E, N, (b"\x01", 0, 0, 0)),
        (b"\x01\x03", E, ODD, (b"\x01\x03", 0, 2, 0)),
        # Without parity seen by one with: the stop bit passes for parity, then nothing follows: rest is mark.
        (b"\x01", N, E, (b"\x01", 0, 0, 0)),
        (b"\x03", N, E, (b"\x03", 0, 1, 0)),
    ],
)
def test_another_setting_gives_what_a_hand_works_out(sent, said, heard, expected):
    assert taken(sent, said, heard) == expected


def test_exchanged_wires_on_a_pair_at_rest_in_space_end_in_a_break():
    got = taken(b"\xff", N, N, inverted=True, rest=SPACE)
    # Inverted 0xFF: one bit of mark (the start bit), then space for ever.
    assert got == (b"\x00", 0, 0, 1)


class Ears:
    """A wire with its master and one board, and what each has heard."""

    def __init__(self, **settings):
        self.wire = Wire(**settings)
        self.board = self.wire.join("board", 11)
        self.heard = {MASTER: b"", self.board: b""}
        self.wire.advance(S)

    def say(self, port, data, now_ns):
        self.wire.talk(port, data, now_ns)
        self.until(now_ns + S)

    def until(self, now_ns):
        for heard in self.wire.advance(now_ns):
            for port in self.heard:
                if port not in heard.deaf:
                    self.heard[port] += heard.data


def test_a_master_at_another_rate_is_heard_as_something_else_and_hears_something_else():
    ears = Ears()
    ears.wire.end.setting = Setting(19_200, "8N1")
    ears.say(MASTER, REQUEST, 2 * S)
    assert ears.heard[ears.board] == taken(REQUEST, Setting(19_200, "8N1"), N).data != REQUEST
    ears.say(ears.board, ANSWER, 4 * S)
    assert ears.heard[MASTER] == taken(ANSWER, N, Setting(19_200, "8N1")).data != ANSWER


def test_exchanged_wires_give_a_break_after_each_request_and_nothing_that_a_board_understands():
    ears = Ears()
    ears.wire.end.swapped = True
    ears.say(MASTER, REQUEST, 2 * S)
    assert ears.heard[MASTER] == b"\0"
    assert REQUEST not in ears.heard[ears.board]


def test_exchanged_wires_without_bias_are_not_heard():
    ears = Ears()
    ears.wire.end.swapped, ears.wire.end.biased = True, False
    ears.say(MASTER, REQUEST, 2 * S)
    assert ears.heard[MASTER] == b""


def test_an_adapter_that_echoes_hears_its_own_bytes_whatever_the_others_make_of_them():
    ears = Ears()
    ears.wire.faults.echo = True
    ears.wire.end.setting = Setting(4_800, "8N1")
    ears.say(MASTER, REQUEST, 2 * S)
    assert ears.heard[MASTER] == REQUEST
    assert ears.heard[ears.board] != REQUEST


def test_a_pair_without_bias_talks_by_itself_only_while_nobody_else_does():
    ears = Ears()
    ears.wire.let_float(2 * S, 50.0)
    ears.until(4 * S)
    alone = len(ears.heard[MASTER])
    assert 50 < alone < 150
    ears.wire.talk(ears.board, ANSWER * 20, 4 * S)
    ears.until(4 * S + 180 * 1_041_667)
    assert ears.heard[MASTER][alone:].startswith(ANSWER * 20)
    assert ears.wire.counts.collisions == 0
    ears.until(6 * S)
    ears.wire.let_float(6 * S, 0.0)
    silent = len(ears.heard[MASTER])
    ears.until(9 * S)
    assert len(ears.heard[MASTER]) <= silent + 1


@pytest.mark.parametrize(("baud", "least", "most"), [(9_600, 0, 0), (38_400, 0, 5), (115_200, 250, 2_000)])
def test_reflections_hurt_a_fast_line_and_not_a_slow_one(baud, least, most):
    faults = Faults(seed=7)
    faults.ring_us = 4.0
    sent = bytes(range(256)) * 8
    got = faults.reflected(sent, 500_000 / baud)
    assert least <= sum(a != b for a, b in zip(sent, got, strict=True)) <= most


@pytest.mark.parametrize(("baud", "flag", "framing"), [(19_200, 0, "8N1"), (115_200, 0, "8N1"), (2_400, 1, "8O1")])
def test_the_line_sees_how_its_port_is_set(baud, flag, framing):
    master, slave, _ = open_port()
    try:
        set_ = termios.tcgetattr(slave)
        set_[4] = set_[5] = getattr(termios, f"B{baud}")
        set_[2] |= termios.PARODD * flag
        termios.tcsetattr(slave, termios.TCSANOW, set_)
        assert port_setting(master, N) == Setting(baud, framing)
    finally:
        os.close(master)
        os.close(slave)
