"""Amounts with units."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.amounts import DIMENSION_OF, DIMENSIONS, AmountError, amount, rate
from wire.reading import QUANTITIES

MINUTE_MS = 60_000
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("text", "dimension", "expected"),
    [
        ("182.00 m", "length", 182_000),
        ("182m", "length", 182_000),
        ("-0.25 m", "length", -250),
        ("+3 cm", "length", 30),
        (" 10 s ", "time", 10_000),
        ("1 h", "time", 3_600_000),
        ("0.5 s", "time", 500),
        ("20 mm", "fine_length", 20_000),
        ("0.5 deg", "angle", 500),
        ("0.5 °", "angle", 500),
        ("0.10 dB/m", "smoke", 100),
        ("12.5 V", "voltage", 12_500),
        ("-5.25 degC", "temperature", -525),
        ("1 GiB", "size", 1_024),
        (1, "contact", 1),
    ],
)
def test_an_amount_is_an_exact_integer_of_the_sub_unit(text, dimension, expected):
    assert amount(text, dimension) == expected


@pytest.mark.parametrize(
    ("value", "dimension", "said"),
    [
        ("182.00", "length", '"182.00" has no unit; write "182.00 m"'),
        (182.0, "length", '182.0 has no unit; write "182.0 m"'),
        ("1 km", "length", '"1 km": "km" is no unit of a length; use mm, cm or m'),
        ("0.0005 m", "length", '"0.0005 m" is finer than mm; leave out the digits behind it'),
        ("1e3 m", "length", '"1e3 m": "e3 m" is no unit of a length; use mm, cm or m'),
        ("m", "length", '"m" is not a length; write a number and a unit, like "1 m"'),
        ("1,5 m", "length", '"1,5 m": ",5 m" is no unit of a length; use mm, cm or m'),
        (True, "length", 'True is not a length; write it as text with its unit, like "1 m"'),
        (None, "time", 'None is not a time; write it as text with its unit, like "1 s"'),
        ("9" * 60, "length", "is no unit of a length"),
    ],
)
def test_what_is_no_amount_is_told_with_a_remedy(value, dimension, said):
    with pytest.raises(AmountError) as caught:
        amount(value, dimension)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "dimension", "per_ms", "expected"),
    [
        ("0.3 m/5min", "length", MINUTE_MS, 60),
        ("1 m/h", "length", 3_600_000, 1_000),
        ("0.1 deg/d", "angle", DAY_MS, 100),
        ("0.1 deg / 12 h", "angle", DAY_MS, 200),
        ("0.5 dB/m/min", "smoke", MINUTE_MS, 500),
        ("6 mm/s", "length", MINUTE_MS, 360),
    ],
)
def test_a_rate_is_an_exact_integer_too(text, dimension, per_ms, expected):
    assert rate(text, dimension, per_ms) == expected


@pytest.mark.parametrize("text", ["0.3 m", "m/min", "0.3 m/5", "0.3 m/5 parsec", "0.3/min", "1 m/0 s", "1 m/7min", 5])
def test_what_is_no_rate_is_refused(text):
    with pytest.raises(AmountError):
        rate(text, "length", MINUTE_MS)


def test_every_quantity_has_a_dimension_with_its_own_unit():
    for name, _, _, _, person, decimals in QUANTITIES.values():
        _, units, _ = DIMENSIONS[DIMENSION_OF[name]]
        if person:
            assert units[person] == 10**decimals


numbers = st.decimals(-99_999, 99_999, places=3, allow_nan=False)


@given(numbers, st.sampled_from(["mm", "cm", "m"]))
def test_no_digit_is_lost_or_made_up(number, unit):
    exact = Fraction(number) * {"mm": 1, "cm": 10, "m": 1_000}[unit]
    try:
        assert amount(f"{number} {unit}", "length") == exact
    except AmountError:
        assert exact.denominator != 1


anything = st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.lists(st.integers()))


@given(anything, st.sampled_from(sorted(DIMENSIONS)))
def test_anything_is_an_amount_or_an_amount_error(value, dimension):
    for read in (lambda: amount(value, dimension), lambda: rate(value, dimension, MINUTE_MS)):
        try:
            number = read()
        except AmountError as error:
            number = len(str(error))
        assert isinstance(number, int)
