"""[[mode]] of station.toml: what a good one becomes, and what is said of a wrong one."""

import pytest

from tests.gateway.station_toml import GOOD, problems, station
from wire.telemetry import OPERATING

SEASON = """
[[mode]]
name = "flood season"
from = "05-01"
to = "09-30"
row = "1 min"
report = "30 s"

[[mode]]
name = "holiday"
days = ["2026-10-01", "02-29"]
scan = "1 s"
"""


def test_a_calendar_is_read_with_its_ranges_days_and_intervals(tmp_path):
    season, holiday = station(tmp_path, GOOD + SEASON).modes
    assert (OPERATING[season.place], season.ranges, season.days) == ("flood season", (((5, 1), (9, 30)),), ())
    assert (season.scan_ms, season.row_s, season.report_s) == (0, 60, 30)
    assert (OPERATING[holiday.place], holiday.days) == ("holiday", ((2026, 10, 1), (0, 2, 29)))
    assert (holiday.scan_ms, holiday.row_s, holiday.report_s) == (1_000, 0, 60)


def test_the_version_of_a_file_is_that_of_its_bytes(tmp_path):
    assert station(tmp_path, GOOD).version == station(tmp_path, GOOD).version
    assert station(tmp_path, GOOD + SEASON).version != station(tmp_path, GOOD).version


WRONG = [
    ('"flood season"', '"flood"', '"flood" is not a value of'),
    ('from = "05-01"\n', "", 'from: is missing beside to; add from = "MM-DD"'),
    ('from = "05-01"', 'from = "02-30"', '"02-30" is not a month and day; write from = "05-01"'),
    ('from = "05-01"', 'from = "2026-05-01"', '"2026-05-01" is not a month and day'),
    ('"02-29"', '"2027-02-29"', '"2027-02-29" is not a day; write "2026-10-01", or "10-01" for every year'),
    ('"02-29"', "229", "is not a list of texts"),
    ('days = ["2026-10-01", "02-29"]\n', "", 'from: is missing; add from = "05-01" and to = "09-30", or days'),
    ('report = "30 s"', 'report = "1500 ms"', "report: is not in whole seconds; round it"),
    ('row = "1 min"', 'rows = "1 min"', 'did you mean "row"?'),
    ('scan = "1 s"', 'scan = "100 ms"', "but a scan is 100 ms"),
]


@pytest.mark.parametrize(("find", "put", "said"), WRONG)
def test_what_is_wrong_with_a_mode_is_said_with_a_remedy(tmp_path, find, put, said):
    text = GOOD + SEASON
    assert find in text
    found = problems(tmp_path, GOOD + SEASON.replace(find, put))
    assert any(said in problem for problem in found), found


def test_more_modes_than_anybody_has_are_refused(tmp_path):
    found = problems(tmp_path, GOOD + '[[mode]]\nname = "holiday"\ndays = ["10-01"]\n' * 33)
    assert any("more than 32 modes" in problem for problem in found)
