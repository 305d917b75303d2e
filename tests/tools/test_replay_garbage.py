"""Whatever lies in a file: it is a result, or a failure that says what to do."""

import contextlib

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tools.replay_files import result_of
from tools.failure import Failure
from tools.replay.document import document
from tools.replay.page import page

ROWS = [f"2020-06-01T{m // 60:02d}:{m % 60:02d}Z,{0.5 + m / 100:.2f}\n".encode() for m in range(0, 150, 5)]
CUT = st.tuples(st.integers(0, 800), st.integers(0, 40), st.binary(max_size=12))
UNITS = {"level": "m", "rain": "mm", "rain-tips": "in", "tilt": "deg", "smoke": "dB/m", "pressure": "kPa"}


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(CUT, max_size=8), st.sampled_from(sorted(UNITS)), st.binary(max_size=40))
def test_a_damaged_file_is_judged_or_refused_in_words(tmp_path, cuts, quantity, tail):
    raw = bytearray(b"time,value\n" + b"".join(ROWS))
    for at, length, put in cuts:
        raw[at : at + length] = put
    file = tmp_path / "r.csv"
    file.write_bytes(bytes(raw) + tail)
    call = ("--csv", str(file), "--time", "time", "--value", "value", "--zone", "America/New_York")
    with contextlib.suppress(Failure):
        result = result_of(*call, "--quantity", quantity, "--unit", UNITS[quantity])
        found = document(result)
        assert found["rows"] >= 1
        assert page(result, "zh").startswith("<!doctype html>")


def test_some_damaged_bytes_cost_their_cells_and_not_the_file(tmp_path):
    raw = b"time,value\n" + b"".join(ROWS)
    file = tmp_path / "r.csv"
    file.write_bytes(raw.replace(b"0.55\n", b"0.\xff5\n", 1))
    call = ("--csv", str(file), "--time", "time", "--value", "value", "--quantity", "level", "--unit", "m")
    found = document(result_of(*call))
    assert {flag["kind"]: flag["count"] for flag in found["flags"]} == {"text": 1}
    assert found["rows"] == len(ROWS)
