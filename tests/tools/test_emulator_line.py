"""The line as a process: real file descriptors, stand-ins for boards. Nothing here looks at the time that passed."""

import os
import socket
import time

import pytest

from tools.emulator import rtu
from tools.emulator.line import open_port
from tools.emulator.line_process import LineError, LineProcess

FAST = 115_200
READ_TIMEOUT_S = 10.0
RADAR_REQUEST = rtu.sealed(bytes((21, 3, 0, 1, 0, 1)))
REQUEST = rtu.sealed(bytes((11, 3, 0, 4, 0, 8)))
ANSWERS = {address: rtu.sealed(bytes((address, 3, 16, *range(16)))) for address in (11, 12)}


class Table:
    """A line with a port and two boards that the test plays itself."""

    def __init__(self, folder, *extra):
        master, self.port, self.path = open_port()
        os.set_blocking(self.port, False)
        self.boards, far = {}, []
        arguments = ["--master", str(master), "--baud", str(FAST), *extra]
        for address in (11, 12):
            near, end = socket.socketpair()
            near.settimeout(READ_TIMEOUT_S)
            self.boards[address] = near
            far.append(end)
            arguments += ["--device", f"board{address}:{address}:{end.fileno()}"]
        self.line = LineProcess(folder / "line.log")
        self.line.start(arguments, (master, *(end.fileno() for end in far)))
        for end in far:
            end.close()
        os.close(master)
        self.line.stats()

    def heard_by_board(self, address, count):
        data = b""
        while len(data) < count:
            data += self.boards[address].recv(4096)
        return data

    def heard_by_master(self, count):
        data = b""
        os.set_blocking(self.port, True)
        while len(data) < count:
            data += os.read(self.port, 4096)
        return data

    def close(self):
        self.line.close()
        for board in self.boards.values():
            board.close()
        os.close(self.port)


@pytest.fixture
def table(tmp_path):
    table = Table(tmp_path, "--sensor", "radar:21:radar-60ghz")
    yield table
    table.close()


def test_a_request_reaches_every_board_and_the_answer_everybody_else(table):
    os.write(table.port, REQUEST)
    assert table.heard_by_board(11, 8) == REQUEST
    assert table.heard_by_board(12, 8) == REQUEST
    table.boards[11].sendall(ANSWERS[11])
    assert table.heard_by_master(21) == ANSWERS[11]
    assert table.heard_by_board(12, 21) == ANSWERS[11]


def test_two_boards_that_answer_at_once_destroy_both_answers(table):
    table.line.command(baud=1200)  # So slow that both are talking whatever the machine is doing meanwhile.
    table.boards[11].sendall(ANSWERS[11])
    table.boards[12].sendall(ANSWERS[12])
    heard = table.heard_by_master(21)
    assert ANSWERS[11] not in heard
    assert ANSWERS[12] not in heard
    assert table.line.stats()["collisions"] == 1


def test_the_answers_of_bought_sensors_are_told_once_with_the_time_of_their_end(table):
    before_us = time.monotonic_ns() // 1000
    os.write(table.port, RADAR_REQUEST)
    answer = table.heard_by_master(7)
    ((name, end_us, data),) = table.line.answers()
    assert (name, data) == ("radar", answer)
    assert before_us < end_us <= time.monotonic_ns() // 1000
    assert table.line.answers() == []


def test_a_bought_sensor_answers_from_inside_the_line(table):
    table.line.command(sensor=["radar", "gap_mm", 4321])
    os.write(table.port, rtu.sealed(bytes((21, 3, 0, 1, 0, 1))))
    assert table.heard_by_master(7) == rtu.sealed(bytes((21, 3, 2, 4321 >> 8, 4321 & 0xFF)))


def test_a_silenced_board_is_cut_off_until_the_faults_are_cleared(table):
    table.line.silence(11)
    table.boards[11].sendall(ANSWERS[11])
    table.boards[12].sendall(ANSWERS[12])
    assert table.heard_by_master(21) == ANSWERS[12]
    table.line.clear()
    table.boards[11].sendall(ANSWERS[11])
    assert table.heard_by_master(21) == ANSWERS[11]


def test_a_board_that_does_not_read_holds_nobody_up(table):
    table.line.command(baud=10_000_000)
    frames = 3_000
    for _ in range(frames):
        table.boards[12].sendall(ANSWERS[12])
        assert table.heard_by_master(21) == ANSWERS[12]
    assert table.line.stats()["ports"]["board12"]["bytes"] == 21 * frames


def test_a_command_that_the_line_does_not_know_is_refused_with_a_reason(table):
    with pytest.raises(LineError, match="knows no 'rain'"):
        table.line.command(rain=1)
    with pytest.raises(LineError, match="above 0"):
        table.line.command(rate=0)
    assert table.line.stats()["rate"] == 1.0


def test_the_line_ends_when_whoever_commands_it_goes(table):
    pid = table.line.pid
    table.line.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
