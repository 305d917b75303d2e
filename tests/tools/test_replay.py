"""A replay of small recordings, worked out by hand; and what a wrong call is told."""

import json

import pytest

from tests.gateway.station_toml import GOOD
from tests.gateway.test_load_levels import FUSED
from tests.tools.replay_files import arguments, level_call, result_of, write
from tools.__main__ import main
from tools.failure import Failure
from tools.replay import _replay
from tools.replay.document import document

FLOOD = [
    "2020-06-01T00:00Z,0.50", "2020-06-01T00:05Z,0.70", "2020-06-01T00:10Z,0.95", "2020-06-01T00:15Z,1.00",
    "2020-06-01T00:20Z,1.25", "2020-06-01T00:25Z,1.35", "2020-06-01T00:30Z,1.25", "2020-06-01T00:35Z,0.95",
    "2020-06-01T00:40Z,0.89", "2020-06-01T00:45Z,0.70",
]  # fmt: skip


def test_an_episode_has_its_level_start_peak_and_end(tmp_path):
    found = document(result_of(*level_call(tmp_path, FLOOD)))
    # At 1.00 m it is reached; 0.95 m is within the deadband; 0.89 m is below 0.90 m.
    assert found["episodes"] == [
        {
            "rule": "flood", "channel": "stage", "level": "yellow", "start": "2020-06-01T00:15:00Z",
            "end": "2020-06-01T00:40:00Z", "peak": "1.350 m", "peak_raw": 1350, "peak_at": "2020-06-01T00:25:00Z",
        }
    ]  # fmt: skip
    assert found["flags"] == []
    assert found["cadence_s"] == 300


def test_an_episode_at_the_end_still_stands(tmp_path):
    found = document(result_of(*level_call(tmp_path, FLOOD[:6])))
    assert [(one["level"], one["end"]) for one in found["episodes"]] == [("yellow", None)]


def test_the_peak_may_be_the_doubted_sample_before_the_alarm(tmp_path):
    # 0.50 -> 1.60 m in 5 min is faster than 0.3 m in 5 min: it asks for the next one, which is lower.
    rows = ["2020-06-01T00:00Z,0.50", "2020-06-01T00:05Z,0.50", "2020-06-01T00:10Z,1.60", "2020-06-01T00:15Z,1.55"]
    found = document(result_of(*level_call(tmp_path, rows)))
    assert [(one["start"], one["peak"]) for one in found["episodes"]] == [("2020-06-01T00:10:00Z", "1.600 m")]
    assert {(flag["kind"], flag["count"], flag["first"]) for flag in found["flags"]} == {
        ("rate", 1, "2020-06-01T00:10:00Z")
    }


def test_rows_that_nobody_may_judge_are_counted_by_kind(tmp_path):
    rows = [
        "2020-06-01T00:00Z,0.50", "2020-06-01T00:05Z,0.51", "2020-06-01T00:05Z,0.51", "2020-06-01T00:05Z,0.90",
        "2020-06-01T00:02Z,9.00", "2020-06-01T00:10Z,", "2020-06-01T00:15Z,0.52|0.53", "2020-06-01T00:20Z,0.52",
        "no time,0.5", "2020-06-01T00:25Z",
    ]  # fmt: skip
    found = document(result_of(*level_call(tmp_path, rows)))
    assert {flag["kind"]: flag["count"] for flag in found["flags"]} == {
        "doubled": 1, "conflict": 1, "back-dated": 1, "missing": 2, "text": 1, "gap": 1,
    }  # fmt: skip
    assert found["episodes"] == []  # The back-dated 9 m was not judged.
    assert found["rows_without_time"] == 1


def test_a_gap_is_one_flag_at_the_first_sample_behind_it(tmp_path):
    rows = ["2020-06-01T00:00Z,0.5", "2020-06-01T00:05Z,0.5", "2020-06-01T00:10Z,0.5", "2020-06-01T00:25Z,0.5"]
    found = document(result_of(*level_call(tmp_path, rows)))
    assert [(f["kind"], f["count"], f["first"]) for f in found["flags"]] == [("gap", 1, "2020-06-01T00:25:00Z")]


def test_invalid_codes_and_other_units_are_no_values(tmp_path):
    rows = [
        "2020-06-01T00:00Z,0.5,m",
        "2020-06-01T00:05Z,-99999,m",
        "2020-06-01T00:10Z,500,mm",
        "2020-06-01T00:15Z,0.5,m",
    ]
    call = level_call(tmp_path, rows, "--invalid=-99999", "--unit-column", "unit", head="time,stage,unit")
    found = document(result_of(*call))
    assert {flag["kind"]: flag["count"] for flag in found["flags"]} == {"invalid": 1, "unit": 1, "gap": 1}
    assert found["episodes"] == []


@pytest.mark.parametrize(("unit", "factor"), [("ft", 1 / 0.3048), ("mm", 1000), ("in", 1 / 0.0254), ("cm", 100)])
def test_units_give_the_same_episode(tmp_path, unit, factor):
    rows = [f"{row.split(',')[0]},{float(row.split(',')[1]) * factor:.4f}" for row in FLOOD]
    call = [unit if word == "m" else word for word in level_call(tmp_path, rows)]
    (episode,) = document(result_of(*call))["episodes"]
    assert (episode["start"], episode["end"], episode["peak"]) == (
        "2020-06-01T00:15:00Z",
        "2020-06-01T00:40:00Z",
        "1.350 m",
    )


def test_a_file_from_an_office_program_is_read(tmp_path):
    rows = "\n".join(row.replace("T", " ").replace("Z", "").replace(".", ",").replace(",", ";", 1) for row in FLOOD)
    file = tmp_path / "r.csv"
    file.write_bytes(f"时间;水位\n{rows}\n".encode("gb18030"))
    call = level_call(tmp_path, FLOOD)
    file.write_bytes(f"时间;水位\n{rows}\n".encode("gb18030"))
    call = [{"time": "时间", "stage": "水位"}.get(word, word) for word in call]
    found = document(result_of(*call, "--zone", "UTC"))
    assert [episode["peak"] for episode in found["episodes"]] == ["1.350 m"]
    assert any("gb18030" in note for note in found["notes"])
    file.write_bytes(b"\xef\xbb\xbf" + f"时间,水位\n{chr(10).join(FLOOD)}\n".encode())
    assert [episode["peak"] for episode in document(result_of(*call))["episodes"]] == ["1.350 m"]


def test_levels_without_a_site_are_checked_for_quality_only_and_it_is_said(tmp_path):
    file = write(tmp_path, "time,stage\n" + "\n".join(FLOOD) + "\n")
    found = document(
        result_of("--csv", file, "--time", "time", "--value", "stage", "--quantity", "level", "--unit", "m")
    )
    assert found["rules"] == []
    assert any("no limits can be assumed" in note for note in found["notes"])


def rain_call(file: str, *more: str) -> tuple[str, ...]:
    return ("--csv", file, "--time", "time", "--value", "rain", "--quantity", "rain", "--unit", "mm", *more)


def test_rain_of_each_interval_is_judged_by_the_default_storm_rules(tmp_path):
    # 2 mm each 15 min from 00:15 on = 8 mm/h, evenly: 50 mm have fallen at 06:15, all within 12 h. Nothing else is:
    # in 6 h there are 48 mm, in 3 h 24 mm.
    rows = [f"2020-06-01T{m // 60:02d}:{m % 60:02d}Z,{2 if 0 < m <= 375 else 0}" for m in range(0, 24 * 60, 15)]
    file = write(tmp_path, "time,rain\n" + "\n".join(rows) + "\n")
    found = document(result_of(*rain_call(file)))
    assert [(one["rule"], one["level"], one["start"], one["peak"]) for one in found["episodes"]] == [
        ("storm", "blue", "2020-06-01T06:15:00Z", "50.000 mm")
    ]
    # The rain of 00:00..00:15 leaves the window of 12 h from 12:00 on.
    (episode,) = found["episodes"]
    assert "2020-06-01T12:00:00Z" <= episode["end"] <= "2020-06-01T12:02:00Z"


def test_equal_tips_of_one_minute_are_as_many_tips(tmp_path):
    rows = ["2020-06-01T00:00Z,0.2"] * 3 + ["2020-06-01T00:01Z,0.2"] * 4 + ["2020-06-01T00:00Z,0.2"]
    site = write(
        tmp_path,
        '[recording]\n[[channel]]\nname = "rain"\n[[rule]]\nname = "ten"\nkind = "rain_sum"\nchannel = "rain"\n'
        'window = "10 min"\nyellow = "1.4 mm"\n',
        "site.toml",
    )
    file = write(tmp_path, "time,rain\n" + "\n".join(rows) + "\n")
    call = [word if word != "rain" or at != 7 else "rain-tips" for at, word in enumerate(rain_call(file))]
    found = document(result_of(*call, "--station", site))
    assert [(e["start"], e["peak"], e["end"]) for e in found["episodes"]] == [
        ("2020-06-01T00:01:00Z", "1.400 mm", "2020-06-01T00:10:00Z")  # The first three leave 10 min after 00:00.
    ]
    assert {flag["kind"]: flag["count"] for flag in found["flags"]} == {"back-dated": 1}


def call_of(tmp_path, **changed: str) -> list[str]:
    words = list(level_call(tmp_path, [row.replace("Z", "") for row in FLOOD], "--zone", "UTC"))
    for option, value in changed.items():
        name = f"--{option}"
        if name in words:
            words[words.index(name) + 1] = value
        else:
            words += [name, value]
    return words


@pytest.mark.parametrize(
    ("changed", "what", "does"),
    [
        ({"value": "stag"}, 'no column "stag"', "--value stage"),
        ({"time": "tme"}, 'no column "tme"', "--time time"),
        ({"time": "stage"}, "cannot be read", "--start"),
        ({"unit": "deg"}, '"deg" is no unit of level', "--unit with one of mm, cm, m, ft, in"),
        ({"unit": "metres"}, '"metres" is no unit of level', "mm, cm, m"),
        ({"zone": "CST"}, 'no time zone "CST"', "--zone Asia/Shanghai"),
        ({"quantity": "flow"}, '"flow" is no quantity', "level, rain"),
        ({"csv": "/no/such/file.csv"}, "cannot be read", "give its path"),
        ({"station": "/no/such/station.toml"}, "cannot be read", "--check"),
        ({"since": "soon"}, "--since is no time", "2020"),
        ({"since": "2030-01-01T00:00Z"}, "no rows to judge", "--since"),
        ({"cadence": "five"}, "--cadence is no time", "5 min"),
        ({"where": "stage"}, "is no COLUMN=VALUE", "--where"),
        ({"where": "stage=1"}, "No row", "column"),
    ],
)
def test_a_wrong_call_says_what_was_seen_and_what_to_do(tmp_path, changed, what, does):
    with pytest.raises(Failure) as caught:
        _replay(arguments(*call_of(tmp_path, **changed)), "en")
    failure = caught.value
    assert failure.exit_code == 2
    assert what in failure.what
    assert any(does in step for step in failure.do)
    assert failure.seen
    assert failure.likely
    assert "nothing" in failure.state


def test_a_local_time_without_a_zone_is_a_wrong_call(tmp_path, capsys):
    call = [word for word in call_of(tmp_path) if word not in ("--zone", "UTC")]
    assert main(["replay", *call]) == 2
    said = capsys.readouterr().err
    assert said.startswith("FAIL")
    assert "--zone Asia/Shanghai" in said
    assert "Traceback" not in said


def test_a_column_without_numbers_is_a_wrong_call(tmp_path):
    rows = [f"2020-06-01T00:{minute:02d}Z,calm" for minute in range(20)]
    with pytest.raises(Failure, match="holds no numbers in m"):
        result_of(*level_call(tmp_path, rows))


def test_what_is_missing_in_a_call_is_named(tmp_path):
    with pytest.raises(Failure, match="--time and --value and --quantity and --unit must be given"):
        result_of("--csv", write(tmp_path, "a,b\n1,2\n"))


def test_a_wrong_site_is_told_with_its_lines(tmp_path):
    call = list(level_call(tmp_path, FLOOD))
    site = tmp_path / "site.toml"
    site.write_text(site.read_text(encoding="utf-8").replace('red = "2.00 m"', 'red = "0.50 m"'), encoding="utf-8")
    with pytest.raises(Failure) as caught:
        result_of(*call)
    assert "site.toml:20" in caught.value.seen


def test_the_json_goes_to_a_file_or_to_standard_output(tmp_path, capsys):
    path = tmp_path / "out.json"
    assert main(["replay", *level_call(tmp_path, FLOOD, "--json", str(path))]) == 0
    capsys.readouterr()
    assert main(["replay", *level_call(tmp_path, FLOOD, "--json", "-")]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["episodes"] == json.loads(path.read_text(encoding="utf-8"))["episodes"]


def test_a_real_station_lends_its_river_and_its_rules(tmp_path):
    station = write(tmp_path, GOOD, "station.toml")
    rows = [f"2020-08-20T00:{5 * i:02d}Z,{179 + i * 0.5:.2f}" for i in range(12)]
    call = level_call(tmp_path, rows)[:-2]
    found = document(result_of(*call, "--station", station))
    assert [(one["rule"], one["channel"]) for one in found["episodes"]][:1] == [("flood", "river")]
    assert any("left out" in note for note in found["notes"])


def fused_call(tmp_path, rows, *more, head):
    station = write(tmp_path, FUSED, "station.toml")
    return (*level_call(tmp_path, rows, head=head)[:-2], *more, "--station", station)


def test_one_recording_stands_for_what_two_sensors_together_would_show(tmp_path):
    rows = [f"2020-08-20T00:{5 * i:02d}Z,{179 + i * 0.25:.2f}" for i in range(12)]
    found = document(result_of(*fused_call(tmp_path, rows, head="time,stage")))
    (flood,) = [one for one in found["episodes"] if one["rule"] == "flood"]
    assert (flood["channel"], flood["start"], flood["peak"]) == ("stage", "2020-08-20T00:20:00Z", "181.750 m")


def test_two_recordings_are_fused_as_the_station_would(tmp_path):
    # The low sensor stops at 184.00 m, the high one knows nothing below 183.00 m: the overlap is 183 to 186 m.
    rows = [
        f"2020-08-20T{i // 12:02d}:{5 * i % 60:02d}Z,{min(184.0, 179 + i * 0.25):.2f},{max(183.0, 179 + i * 0.25):.2f}"
        for i in range(24)
    ]
    more = ("--value", "high", "--channel", "river", "--channel", "bridge")
    found = document(result_of(*fused_call(tmp_path, rows, *more, head="time,stage,high")))
    (flood,) = [one for one in found["episodes"] if one["rule"] == "flood"]
    assert (flood["channel"], flood["start"]) == ("stage", "2020-08-20T00:20:00Z")


def test_a_zone_may_be_a_fixed_offset(tmp_path):
    rows = [row.replace("Z", "") for row in FLOOD]
    file = write(tmp_path, "time,stage\n" + "\n".join(rows) + "\n")
    call = (
        "--csv",
        file,
        "--time",
        "time",
        "--value",
        "stage",
        "--quantity",
        "level",
        "--unit",
        "m",
        "--zone",
        "+08:00",
    )
    found = document(result_of(*call))
    assert found["first"] == "2020-05-31T16:00:00Z"
    assert found["station"]["time_zone"] == "Etc/GMT-8"  # The sign of these names is the other way round.


def test_the_doubled_hour_and_the_hour_that_never_was_are_told(tmp_path):
    # New York 2018: at 02:00 of November 4th the clock went back to 01:00; on March 11th 02:00 to 03:00 never was.
    rows = [f"2018-11-04 {h:02d}:{m:02d},0.5" for h in (0, 1, 1, 2) for m in (0, 30)]
    found = document(result_of(*level_call(tmp_path, rows, "--zone", "America/New_York")))
    assert found["flags"] == []  # Not one row is doubled, back-dated or behind a gap.
    assert (found["first"], found["last"]) == ("2018-11-04T04:00:00Z", "2018-11-04T07:30:00Z")
    assert any("2 rows were taken as the first passing and 2 as the second" in note for note in found["notes"])
    rows = [f"2018-03-11 {h:02d}:{m:02d},0.5" for h in (1, 2, 3) for m in (0, 30)]
    found = document(result_of(*level_call(tmp_path, rows, "--zone", "America/New_York")))
    assert found["flags"] == []
    assert found["rows_without_time"] == 2
    assert any("2 rows have a time that the clock never showed" in note for note in found["notes"])


GAUGE = """
[recording]
[[channel]]
name = "rain"
double_count = "150 %"
double_count_window = "1 h"
double_count_least = "2.0 mm"
"""


def tips(first_minute: int, count: int, each: int = 1) -> str:
    rows = [f"2020-06-01T00:{first_minute + i:02d}Z,0.2" for i in range(count) for _ in range(each)]
    return "time,rain\n" + "\n".join(rows) + "\n"


def test_a_gauge_that_counts_double_is_flagged_by_its_neighbours(tmp_path):
    file = write(tmp_path, tips(0, 20, each=2))  # Two tips a minute, where the others have one.
    beside = [write(tmp_path, tips(0, 20), f"beside-{name}.csv") for name in "ab"]
    call = [word if at != 7 else "rain-tips" for at, word in enumerate(rain_call(file))]
    more = [word for path in beside for word in ("--neighbour", path)]
    found = document(result_of(*call, "--station", write(tmp_path, GAUGE, "site.toml"), *more))
    # From the tenth minute on the neighbours have 2.0 mm, and this gauge twice that.
    assert [(flag["kind"], flag["count"], flag["first"]) for flag in found["flags"]] == [
        ("double-count", 11, "2020-06-01T00:09:00Z")
    ]


def test_a_neighbour_without_a_limit_is_a_wrong_call(tmp_path):
    file = write(tmp_path, tips(0, 20))
    call = [word if at != 7 else "rain-tips" for at, word in enumerate(rain_call(file))]
    with pytest.raises(Failure, match="says nothing without a limit"):
        result_of(*call, "--neighbour", write(tmp_path, tips(0, 20), "beside.csv"))


def test_smoke_is_judged_by_the_default_rule(tmp_path):
    # 0.10 dB/m in two of three samples is the pre-alarm, 0.20 in three of four the alarm.
    levels = [0.01, 0.02, 0.12, 0.13, 0.15, 0.21, 0.22, 0.23, 0.24]
    rows = "\n".join(f"2020-06-01T00:00:{second:02d}Z,{level}" for second, level in enumerate(levels))
    file = write(tmp_path, f"time,smoke\n{rows}\n")
    found = document(
        result_of("--csv", file, "--time", "time", "--value", "smoke", "--quantity", "smoke", "--unit", "dB/m")
    )
    assert [(one["rule"], one["level"], one["end"]) for one in found["episodes"]] == [("smoke", "red", None)]


def test_a_turn_is_judged_by_the_default_rules_by_two_axes_together(tmp_path):
    # From the 31st hour on 0.3 deg along x and 0.4 deg along y: together 0.5 deg, which is yellow.
    rows = "\n".join(
        f"2020-06-0{1 + h // 24}T{h % 24:02d}:{m:02d}Z,{0.4 if h > 30 else 0.1},{0.6 if h > 30 else 0.2}"
        for h in range(48)
        for m in range(0, 60, 10)
    )
    file = write(tmp_path, f"time,x,y\n{rows}\n")
    call = ("--csv", file, "--time", "time", "--value", "x", "--value", "y", "--quantity", "tilt", "--unit", "deg")
    found = document(result_of(*call))
    (tilt,) = [one for one in found["episodes"] if one["rule"] == "tilt"]
    assert (tilt["level"], tilt["end"], tilt["peak"]) == ("yellow", None, "0.500 deg")
    # The median of 50 min (five rows) follows with the third row.
    assert tilt["start"] == "2020-06-02T07:20:00Z"
    (rate,) = [one for one in found["episodes"] if one["rule"] == "rate"]
    assert rate["peak"].endswith("deg/d")


def test_rules_about_the_station_itself_are_left_out_and_named(tmp_path):
    card = '\n[[rule]]\nname = "card"\nkind = "storage"\nyellow = "80 %"\n'
    dead = '\n[[rule]]\nname = "dead"\nkind = "fault"\nchannel = "river"\n'
    rows = [f"2020-08-20T00:{5 * i:02d}Z,{179 if i < 3 else -99999}" for i in range(12)]
    call = level_call(tmp_path, rows, "--invalid=-99999")
    station = write(tmp_path, GOOD + card + dead, "station.toml")
    found = document(result_of(*[station if word.endswith("site.toml") else word for word in call]))
    assert any("card" in note and "dead" not in note for note in found["notes"])
    assert [(one["rule"], one["start"]) for one in found["episodes"]] == [("dead", "2020-08-20T00:15:00Z")]
