"""A foreign Modbus master (pymodbus) at the rig's port: what boards and bought sensors say, and what line faults do."""

import re
import shutil
import struct
import subprocess
import zlib

import pytest
from pymodbus.client import ModbusSerialClient
from pymodbus.exceptions import ModbusException
from pymodbus.pdu.file_message import FileRecord

GOOD = 1
MISSING = 9
CODES = {
    "gap_mm": 1,
    "head_mm": 2,
    "rain_um": 3,
    "tilt_x_mdeg": 4,
    "smoke_mdbm": 7,
    "smoke_contact": 8,
    "supply_mv": 10,
}
BOARDS = ("level", "rain", "tilt", "smoke", "gap")
VALUE_TIMEOUT_S = 10


class Master:
    """pymodbus on the rig's port, asking by name."""

    def __init__(self, rig):
        self.rig = rig
        parity = rig.file.framing[1]
        self.client = ModbusSerialClient(
            rig.port, baudrate=rig.file.baud, parity=parity, stopbits=int(rig.file.framing[2]), timeout=0.3, retries=0
        )
        assert self.client.connect()

    def read(self, name, register, count, function=3):
        """Registers; None without an answer; ("exception", code)."""
        ask = self.client.read_holding_registers if function == 3 else self.client.read_input_registers
        try:
            answer = ask(register, count=count, device_id=self.rig.addresses[name])
        except ModbusException:
            return None
        return ("exception", answer.exception_code) if answer.isError() else answer.registers

    def sure(self, name, register, count):
        """As `read`, asked again while there is no answer: a busy machine may miss one."""
        return self.rig.wait_for(lambda: self.read(name, register, count), 5, f"an answer of {name}")

    def slots(self, name):
        """{quantity code: (value or None, quality)} of the now-values; {} without an answer."""
        words = self.read(name, 0x0004, 6 + 4 * 8)
        if not isinstance(words, list):
            return {}
        found = {}
        for i in range(words[0]):
            high, low, kind, _ = words[6 + 4 * i : 10 + 4 * i]
            (value,) = struct.unpack(">i", struct.pack(">HH", high, low))
            found[kind & 0xFF] = (None if value == -0x80000000 else value, kind >> 8)
        return found

    def value(self, name, quantity):
        return self.slots(name).get(CODES[quantity], (None, None))


@pytest.fixture
def master(rig):
    master = Master(rig)
    yield master
    master.client.close()


def comes(rig, master, name, quantity, value, quality=GOOD):
    rig.wait_for(
        lambda: master.value(name, quantity) == (value, quality),
        VALUE_TIMEOUT_S,
        f"{value} (quality {quality}) as {quantity} of {name}",
    )


def test_every_board_answers_at_its_address_with_its_serial(rig, master):
    for name in BOARDS:
        words = master.sure(name, 0x0100, 4)
        assert struct.pack(">4H", *words) == rig.boards[name].serial


def test_every_sensor_kind_comes_from_stimulus_to_register(rig, master):
    rig.need("sensors")
    truth = {
        ("level", "head_mm"): 2_500,
        ("gap", "gap_mm"): 1_953,
        ("smoke", "smoke_mdbm"): 120,
        ("smoke", "smoke_contact"): 1,
        ("level", "supply_mv"): 11_700,
    }
    for (name, quantity), value in truth.items():
        rig.set(name, quantity, value)
    for (name, quantity), value in truth.items():
        comes(rig, master, name, quantity, value)
    rig.set("tilt", "tilt_x_mdeg", -1_500)
    one_count_mdeg = 6  # 90 degrees in 16,384 counts
    rig.wait_for(
        lambda: abs((master.value("tilt", "tilt_x_mdeg")[0] or 0) + 1_500) <= one_count_mdeg,
        VALUE_TIMEOUT_S,
        "the tilt",
    )


def test_a_stock_master_reads_level_and_rain_as_sl651_wants_them(rig, master):
    rig.need("sensors")
    rig.set("level", "head_mm", 2_500)
    rig.tip("rain", 3)
    rig.wait_for(lambda: master.read("level", 0x0002, 2) == [0, 2_500], VALUE_TIMEOUT_S, "the level at 0x0002")
    rig.wait_for(lambda: master.read("rain", 0x0000, 2, function=4) == [0, 6], VALUE_TIMEOUT_S, "0.6 mm at 0x0000")
    assert master.sure("level", 0x0000, 2) == ("exception", 2)
    assert master.sure("rain", 0x0002, 2) == ("exception", 2)


MBPOLL_SAYS = {2: "Illegal data address", 4: "Slave device or server failure"}


def mbpoll(rig, name, register, table=4):
    """The uint32 at `register` as Debian's mbpoll reads it; None without an answer; ("exception", code)."""
    bits, parity, stops = rig.file.framing
    parity = {"N": "none", "E": "even", "O": "odd"}[parity]
    line = ["-m", "rtu", "-b", str(rig.file.baud), "-d", bits, "-P", parity, "-s", stops, "-o", "1", "-1"]
    what = ["-a", str(rig.addresses[name]), "-0", "-r", str(register), "-c", "1", "-t", f"{table}:int", "-B"]
    told = subprocess.run(["mbpoll", *line, *what, rig.port], capture_output=True, text=True, timeout=20, check=False)
    value = re.search(rf"^\[{register}\]: \t(\d+)$", told.stdout, re.MULTILINE)
    if value:
        return int(value[1])
    codes = [code for code, text in MBPOLL_SAYS.items() if text in told.stderr]
    return ("exception", codes[0]) if codes else None


def test_mbpoll_reads_level_and_rain_and_gets_the_exceptions(rig):
    rig.need("sensors")
    if shutil.which("mbpoll") is None:
        pytest.skip("no mbpoll on this machine (Debian package mbpoll)")
    rig.set("level", "head_mm", 2_500)
    rig.tip("rain", 3)
    rig.wait_for(lambda: mbpoll(rig, "level", 0x0002) == 2_500, VALUE_TIMEOUT_S, "the level at 0x0002")
    rig.wait_for(lambda: mbpoll(rig, "rain", 0x0000, table=3) == 6, VALUE_TIMEOUT_S, "0.6 mm at 0x0000")
    rig.wait_for(lambda: mbpoll(rig, "level", 0x0000) == ("exception", 2), VALUE_TIMEOUT_S, "no rain at the level")
    rig.wait_for(lambda: mbpoll(rig, "rain", 0x0002) == ("exception", 2), VALUE_TIMEOUT_S, "no level at the rain")
    rig.set("level", "head_mm", None)
    rig.wait_for(lambda: mbpoll(rig, "level", 0x0002) == ("exception", 4), VALUE_TIMEOUT_S, "no stale level")


def test_a_lost_sensor_is_exception_4_and_missing_and_never_a_stale_number(rig, master):
    rig.need("sensors")
    comes(rig, master, "level", "head_mm", 1_000)
    rig.set("level", "head_mm", None)
    comes(rig, master, "level", "head_mm", None, MISSING)
    assert master.sure("level", 0x0002, 2) == ("exception", 4)


def test_the_bought_radar_answers_single_reads_and_rubbish_to_block_reads(rig, master):
    rig.need("sensors")
    rig.set("radar", "gap_mm", 4_321)
    rig.wait_for(lambda: master.read("radar", 0x0001, 1) == [4_321], VALUE_TIMEOUT_S, "the radar's gap")
    block = rig.wait_for(lambda: master.read("radar", 0x0000, 4), VALUE_TIMEOUT_S, "an answer to a block read")
    assert block != [432, 4_321, 767, 7_679]


def test_one_broadcast_sets_every_boards_clock(rig, master):
    now_s = rig.unix_ms() // 1000
    master.client.write_registers(0x0200, [now_s >> 16, now_s & 0xFFFF, 0], device_id=0, no_response_expected=True)
    for name in BOARDS:
        high, low, _, quality = master.sure(name, 0x0120, 4)
        assert quality == 2
        assert 0 <= (high << 16 | low) - now_s <= (rig.unix_ms() // 1000 - now_s) + 1


def test_the_log_is_read_by_function_20_as_the_board_made_it_durable(rig, master):
    board = rig.boards["level"]
    rig.wait_for(lambda: len(board.ledger) >= 2, rig.real_s(180), "two rows")
    master.client.write_registers(0x0210, [0, 1], device_id=rig.addresses["level"])
    record = FileRecord(file_number=1, record_number=0, record_length=2 * 121)
    answer = master.client.read_file_record([record], device_id=rig.addresses["level"])
    data = answer.records[0].record_data
    epoch, seq = struct.unpack_from(">II", data)
    row = data[8 : 8 + data[8]]
    (crc,) = struct.unpack(">I", row[-4:])
    assert seq == 1
    assert crc == zlib.crc32(row[:-4], epoch)
    assert (epoch, seq, crc) in board.ledger


def test_two_that_answer_at_once_destroy_both_answers(rig, master):
    rig.need("line-faults", "line-stats", "sensors")
    comes(rig, master, "level", "head_mm", 1_000)
    rig.line.duplicate(rig.addresses["level"])
    answers = [master.read("level", 0x000A, 2) for _ in range(20)]
    assert set(map(str, answers)) <= {"None", "[0, 1000]"}
    assert answers.count(None) >= 5
    assert rig.line.stats()["collisions"] >= 5
    rig.line.clear()
    comes(rig, master, "level", "head_mm", 1_000)


def test_a_silent_board_leaves_the_others_their_answers(rig, master):
    rig.need("line-faults")
    rig.line.silence(rig.addresses["tilt"])
    assert master.read("tilt", 0x0100, 4) is None
    for name in ("level", "rain", "smoke", "gap"):
        assert master.sure(name, 0x0100, 4)
    rig.line.clear()
    assert master.sure("tilt", 0x0100, 4)


def test_noise_costs_answers_but_never_changes_a_value(rig, master):
    rig.need("line-faults", "sensors")
    comes(rig, master, "level", "head_mm", 1_000)
    rig.line.noise(3, seed=5)
    answers = [master.read("level", 0x000A, 2) for _ in range(40)]
    rig.line.clear()
    assert set(map(str, answers)) == {"None", "[0, 1000]"}


def test_cut_answers_and_answers_of_somebody_else_are_no_answers(rig, master):
    rig.need("line-faults")
    rig.line.truncate(6)
    assert master.read("level", 0x0100, 4) is None
    rig.line.clear()
    rig.line.wrong_id(rig.addresses["level"])
    assert master.read("level", 0x0100, 4) is None
    rig.line.clear()
    assert master.sure("level", 0x0100, 4)


def test_boards_answer_again_after_garbage(rig, master):
    rig.need("line-faults", "sensors")
    rig.line.garbage(seconds=20 * rig.rate, seed=11)
    answers = [master.read("level", 0x000A, 2) for _ in range(15)]
    assert None in answers
    rig.line.clear()
    comes(rig, master, "level", "head_mm", 1_000)


def test_frames_in_pieces_are_put_together(rig, master):
    rig.need("line-faults", "rate")
    rig.set_rate(1.0)
    rig.line.in_pieces(1_000)
    answers = [master.read("level", 0x0100, 4) for _ in range(10)]
    assert answers.count(None) <= 3  # A busy machine may stretch a gap inside a frame to a silence.
    assert len({str(answer) for answer in answers if answer}) == 1


def test_a_stopped_line_carries_nothing_and_goes_on_afterwards(rig, master):
    rig.need("line-off")
    rig.line.pause()
    assert master.read("level", 0x0100, 4) is None
    rig.line.resume()
    assert master.sure("level", 0x0100, 4)
