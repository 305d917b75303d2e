import pytest

from wire import reading
from wire.reading import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT, in_range, rain_since, worst


def test_flags_are_those_of_qartod():
    # IOOS QARTOD flag table: 1 pass, 2 not evaluated, 3 suspect, 4 fail, 9 missing data.
    assert (GOOD, NOT_EVALUATED, SUSPECT, FAIL, MISSING) == (1, 2, 3, 4, 9)
    assert set(reading.QUALITY_NAMES) == set(reading.QUALITIES) == {1, 2, 3, 4, 9}


def test_worst_flag_wins_in_both_orders():
    order = [MISSING, NOT_EVALUATED, GOOD, SUSPECT, FAIL]
    for i, better in enumerate(order):
        for poorer in order[i:]:
            assert worst(better, poorer) == worst(poorer, better) == poorer


@pytest.mark.parametrize("flag", [0, 5, 8, None])
def test_no_flag_is_no_flag(flag):
    with pytest.raises(ValueError):
        worst(GOOD, flag)


def test_names_and_codes_are_unique_and_end_with_their_unit():
    names = [row[0] for row in reading.QUANTITIES.values()]
    assert len(set(names)) == len(names)
    assert {reading.QUANTITY_CODES[row[0]]: row for row in reading.QUANTITIES.values()} == reading.QUANTITIES
    units = {"mm", "um", "mdeg", "mdbm", "cdeg", "mv", "permil", "contact", "ug", "day"}
    assert {name.rsplit("_", 1)[1] for name in names} <= units


def test_plausible_range_lies_inside_what_a_row_can_carry():
    for name, _, lowest, highest, _, decimals in reading.QUANTITIES.values():
        assert reading.VALUE_MIN <= lowest < highest <= reading.VALUE_MAX, name
        assert 0 <= decimals <= 6, name


def test_range_holds_at_its_ends_and_not_beyond():
    for code, (_, _, lowest, highest, _, _) in reading.QUANTITIES.items():
        assert in_range(code, lowest)
        assert in_range(code, highest)
        assert not in_range(code, lowest - 1)
        assert not in_range(code, highest + 1)
    with pytest.raises(KeyError):
        in_range(0, 1)


def test_rain_counts_across_the_wrap_of_sl651():
    # SL 651-2014 table 5: 99,999.9 mm is the last value, the next tenth is 0. In micrometres: 99,999,900 -> 0.
    assert rain_since(0, 99_999_900) == 100
    assert rain_since(300, 99_999_900) == 400
    assert rain_since(7_000, 5_000) == 2_000
    assert rain_since(5_000, 5_000) == 0
