"""The converter's table on the board: what it shows becomes what is there; without a table nothing is called good."""

from fractions import Fraction

import pytest
from drivers.integers import MeanVoltage
from drivers.pressure_420 import Pressure420
from drivers.smoke_photo import SmokePhoto
from drivers.supply import Supply
from hypothesis import given
from hypothesis import strategies as st

from tests.firmware.board_process import ADDRESS, BOARD, BoardProcess
from tests.firmware.drivers_world import Contact, Voltage, ticks_diff
from tools.emulator.stimulus import Stimulus
from wire import registers
from wire.reading import GOOD, MISSING, NOT_EVALUATED, SUSPECT
from wire.registers import slot

UV = st.integers(0, 3_300_000)
SKEWED = [[142_000, 150_000], [900_000, 871_500], [1_600_000, 1_655_000], [2_300_000, 2_450_000]]


@st.composite
def tables(draw):
    """Strictly rising on both sides, as boards/ makes sure."""
    count = draw(st.integers(2, 12))
    sides = [sorted(draw(st.lists(UV, min_size=count, max_size=count, unique=True))) for _ in range(2)]
    return tuple(zip(*sides, strict=True))


def through(table, shown_uv):
    there_uv = MeanVoltage(Voltage(shown_uv), 1, table).read_uv()
    assert there_uv is not None
    return there_uv


@given(tables(), UV)
def test_a_voltage_is_on_the_line_between_its_neighbours_and_exact_to_a_microvolt(table, shown_uv):
    got = through(table, shown_uv)
    pairs = zip(table, table[1:], strict=False)
    inside = next(((low, high) for low, high in pairs if low[0] <= shown_uv <= high[0]), None)
    if inside is None:
        end = table[0] if shown_uv < table[0][0] else table[-1]
        assert got == shown_uv + end[1] - end[0]  # Beyond the ends the correction of the end stays.
    else:
        (x0, y0), (x1, y1) = inside
        assert abs(got - (y0 + Fraction((shown_uv - x0) * (y1 - y0), x1 - x0))) <= Fraction(1, 2)
        assert y0 <= got <= y1


@given(tables(), UV, UV)
def test_more_shown_is_never_less_there(table, one_uv, other_uv):
    low, high = sorted((one_uv, other_uv))
    assert through(table, low) <= through(table, high)


@given(tables())
def test_the_points_themselves_are_met(table):
    assert [through(table, shown) for shown, _ in table] == [there for _, there in table]


@given(UV)
def test_a_straight_table_and_none_change_nothing(shown_uv):
    assert through(((0, 0), (2_450_000, 2_450_000)), shown_uv) == through(None, shown_uv) == shown_uv


def test_the_mean_is_straightened_and_a_refused_sample_stays_one():
    table = ((1_000_000, 1_100_000), (1_200_000, 1_500_000))
    assert MeanVoltage(Voltage([1_000_000, 1_200_000]), 2, table).read_uv() == 1_300_000
    assert MeanVoltage(Voltage([1_000_000, None]), 2, table).read_uv() is None


@pytest.mark.parametrize("points", [[[5, 5], [5, 6]], [[6, 5], [5, 6]]])
def test_a_table_that_does_not_ascend_is_refused(points):
    with pytest.raises(ValueError, match="ascend"):
        MeanVoltage(Voltage(0), 1, points)


@pytest.mark.parametrize(
    ("points", "quality"), [(None, GOOD), ((), NOT_EVALUATED), ([], NOT_EVALUATED), (SKEWED, GOOD)]
)
def test_without_a_table_the_best_is_not_evaluated(points, quality):
    probe = Pressure420(Voltage(1_200_000), 100_000, 10_000, adc_points=points)
    supply = Supply(Voltage(1_000_000), 11_000, adc_points=points)
    chamber = SmokePhoto(Voltage(400_000), Contact(0), ticks_diff, 400_000, 2_000_000, adc_points=points)
    assert probe.read(0)[0][1] == supply.read(0)[0][1] == chamber.read(0)[0][1] == quality
    assert chamber.read(0)[1] == (0, GOOD)  # A contact is no voltage.


def test_what_is_suspect_or_missing_stays_so_without_a_table():
    assert Pressure420(Voltage(370_000), 100_000, 10_000, adc_points=()).read(0)[0][1] == SUSPECT
    assert Pressure420(Voltage(100_000), 100_000, 10_000, adc_points=()).read(0)[0] == (None, MISSING)


def test_a_bent_converter_measures_right_on_a_board_that_has_its_table(tmp_path):
    sensors = [dict(sensor) for sensor in BOARD["sensors"]]
    sensors[0]["adc_points"] = SKEWED
    sensors[2]["adc_points"] = []
    with BoardProcess(tmp_path, 20, sensors=sensors) as board, board.client() as client:
        bent = Stimulus({"sensors": sensors})
        for head_mm in (0, 1_000, 3_333, 9_999):
            board.send(bent.set("head_mm", head_mm))
            board.send(bent.set("supply_mv", 12_100))
            board.wait_for_scans(2)
            count = registers.now_count(3)
            words = client.read_holding_registers(registers.NOW, count=count, device_id=ADDRESS).registers
            _, quality, value, _ = slot(words, registers.NOW, 0)
            assert quality == GOOD
            assert value == pytest.approx(head_mm, abs=1)
            assert slot(words, registers.NOW, 2)[1:3] == (NOT_EVALUATED, 12_100)
