"""A bare board on its line: a foreign master, and the pin that drives the transceiver."""

import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusTcpClient
from pymodbus.pdu.mei_message import ReadDeviceInformationResponse

from hil_tests.bare_metal.line import ADDRESS, ask, ask_log
from tools.emulator.rtu import READ_HOLDING, t35_ns

FRAMES = 1_000
LEVEL_STEPS = 1_489  # 12 mA over 100 ohm: the middle of 4..20 mA.
EIGHTH_MM = 2  # A step of the converter is 8 uA, 5 mm of 10 m.


def test_pymodbus_talks_to_a_bare_board(board):
    board.set_adc(c0=LEVEL_STEPS, c2=1_500)
    board.run(3_000)
    with board.listening() as port:
        client = ModbusTcpClient("127.0.0.1", port=port, framer=FramerType.RTU, timeout=10, retries=0)
        assert client.connect()
        try:
            answer = client.read_device_information(read_code=1, object_id=0, device_id=ADDRESS)
            assert isinstance(answer, ReadDeviceInformationResponse)
            names = answer.information
            assert names[0] == b"Riverpost"
            assert names[1] == b"rp2040-rs485"
            rain = client.read_holding_registers(0x0000, count=2, device_id=ADDRESS)
            assert rain.registers == [0, 0]
            level = client.read_holding_registers(0x0002, count=2, device_id=ADDRESS)
            assert level.registers[0] == 0
            assert level.registers[1] == pytest.approx(LEVEL_STEPS * 3.3 / 4_096 / 1.6 * 10_000 - 2_500, abs=EIGHTH_MM)
            assert client.read_holding_registers(0x7000, count=1, device_id=ADDRESS).exception_code == 2
            assert client.read_input_registers(0x0002, count=2, device_id=ADDRESS).registers == level.registers
        finally:
            client.close()


def test_the_driver_pin_is_up_around_every_frame_and_no_longer(board):
    before_ns, after_ns, silence_ns = [], [], []
    for number in range(FRAMES):
        long = number % 50 == 0  # Longer than the UART's FIFO.
        start_ns = board.now_ms * 1e6
        answer = ask_log(board) if long else ask(board, READ_HOLDING, 0x01, 0x00, 0, 1 + number % 8)
        request_chars = 10 if long else 8
        assert [level for level, _ in answer.driven] == [1, 0]
        (_, up_ns), (_, down_ns) = answer.driven
        before_ns.append(answer.starts_ns[0] - up_ns)
        after_ns.append((down_ns - answer.ends_ns[-1]) / answer.char_ns)
        silence_ns.append(up_ns - start_ns - request_chars * answer.char_ns)
    assert min(before_ns) > 0
    assert min(after_ns) >= 0
    assert max(after_ns) <= 1
    assert min(silence_ns) >= t35_ns(9_600, 10, 1)
    print(
        f"\ndriver up {min(before_ns) / 1e3:.0f} us before the first start bit, down {max(after_ns):.3f} characters "
        "after the last stop bit"
    )
