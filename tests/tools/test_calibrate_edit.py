"""Values and records go into a station.toml where a person would write them; nothing else of it changes."""

import tomllib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.load import load
from tests.gateway.station_toml import GOOD
from tools.calibrate.edit import Editor, Spot, toml
from tools.failure import Failure
from tools.station_edit import StationFile

HEAD = """\
[[bus]]
name = "main"

"""
BOARD = """\
[[bus.board]]
name = "level"
address = 11   # as labelled
"""
REST = """
# The river itself.
[[bus.board.channel]]
name = "river"
offset = "0.00 m" # levelled

# A second board.
[[bus.board]]
name = "rain"
"""
LOCAL = """
[local]
host = "127.0.0.1"

[[local.board]]
name = "far"
"""
WAYS = {
    "nothing": "",
    "dotted": "calibration.adc.0 = [[1, 2], [3, 4]]\n",
    "dotted over lines": "calibration.adc.0 = [\n  [1, 2],\n  [3, 4], # here\n]\n",
    "sensor dotted": "calibration.pressure_420.samples = 8 # slow\n",
    "inline": "calibration = { adc = { 0 = [[1, 2], [3, 4]] } }\n",
    "a table of its own": "[bus.board.calibration.pressure_420]\nsamples = 8\n",
    "a table of its own, indented": "  [bus.board.calibration.pressure_420]\n  samples = 8\n",
    "quoted": 'calibration."adc"."0" = [[1, 2], [3, 4]]\n',
}


def editor_of(folder, text):
    file = folder / "station.toml"
    file.write_text(text)
    return Editor(StationFile(file, "en"), "en")


def text_of(editor):
    return editor._station.text()


def board(document):
    return document["bus"][0]["board"][0]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("edit")


@pytest.mark.parametrize("way", WAYS)
def test_a_new_setting_stands_beside_its_sisters_however_they_are_written(folder, way):
    before = HEAD + BOARD + WAYS[way] + REST
    editor = editor_of(folder, before)
    spot = Spot(editor.source("level"), ("calibration", "pressure_420", "zero_na"))
    editor.put(spot, 4_012_345)
    text = text_of(editor)
    wanted = tomllib.loads(before)
    board(wanted).setdefault("calibration", {}).setdefault("pressure_420", {})["zero_na"] = 4_012_345
    assert tomllib.loads(text) == wanted
    assert "4_012_345" in text
    if way != "inline":
        added = [line for line in text.splitlines() if line not in before.splitlines()]
        assert len(added) == 1
        assert text.replace(added[0] + "\n", "") == before
    assert editor.get(spot) == 4_012_345
    editor.put(spot, 4_000_001)
    board(wanted)["calibration"]["pressure_420"]["zero_na"] = 4_000_001
    assert tomllib.loads(text_of(editor)) == wanted
    editor.put(spot, None)
    assert editor.get(spot) is None
    if way != "inline":
        assert text_of(editor) == before, "what was put in is taken out again"


@pytest.mark.parametrize("way", ["dotted", "dotted over lines", "inline", "quoted"])
def test_a_table_of_a_converter_is_replaced_where_it_stands(folder, way):
    editor = editor_of(folder, HEAD + BOARD + WAYS[way] + REST)
    spot = Spot(editor.source("level"), ("calibration", "adc", "0"))
    editor.put(spot, [[142_000, 150_000], [2_380_000, 2_400_000]])
    found = board(tomllib.loads(text_of(editor)))
    assert found["calibration"]["adc"] == {"0": [[142_000, 150_000], [2_380_000, 2_400_000]]}
    assert "[[142_000, 150_000], [2_380_000, 2_400_000]]" in text_of(editor)


def test_a_channel_and_a_board_on_wifi_are_found_by_their_names(folder):
    editor = editor_of(folder, HEAD + BOARD + REST + LOCAL)
    assert editor.channel("river") == ("bus", 0, "board", 0, "channel", 0)
    assert editor.source("far") == ("local", "board", 0)
    editor.put(Spot(editor.channel("river"), ("surveyed",)), "2026-05-30")
    assert 'offset = "0.00 m" # levelled\nsurveyed = "2026-05-30"\n\n# A second board.' in text_of(editor)
    with pytest.raises(KeyError):
        editor.channel("lake")


RECORD = {"kind": "level", "at": datetime(2026, 5, 30, 6, 20, tzinfo=UTC), "by": "07", "before": {}, "count": 60}
MINE = "[[calibration]]\nkind = \"level\"\nreadings = [\n  { shows = '1 m' },\n]\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [(HEAD + BOARD, ""), (HEAD + BOARD.rstrip(), ""), (HEAD + MINE, "\n# Rules.\n[[rule]]\nname = 'x'\n"), (MINE, "")],
)
def test_a_record_goes_behind_the_last_one_or_to_the_end(folder, before, after):
    editor = editor_of(folder, before + after)
    editor.add_record("calibration", RECORD)
    text = text_of(editor)
    assert text.startswith(before)
    assert text.endswith(after)
    assert tomllib.loads(text)["calibration"][-1] == RECORD


def test_a_file_in_which_a_record_cannot_stand_is_left_alone(folder):
    editor = editor_of(folder, 'calibration = []\nname = "x"\n')
    with pytest.raises(Failure, match="refuse"):
        editor.add_record("calibration", RECORD)


KEYS = st.text("ab-_0 .水", min_size=1, max_size=5)
VALUES = st.recursive(
    st.integers(-(2**40), 2**40) | st.text("ab \"\\水'#\u007f", max_size=9) | st.dates(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
def test_a_value_is_read_as_it_was_written(value):
    assert tomllib.loads(f"key = {toml(value)}")["key"] == value


@given(st.integers(-400_000, 400_000), st.integers(1, 90_000_000))
def test_a_whole_station_loads_with_what_was_put_into_it(folder, offset_mm, zero_na):
    editor = editor_of(folder, GOOD)
    editor.put(Spot(editor.channel("river"), ("offset",)), f"{offset_mm / 1_000:.3f} m")
    editor.put(Spot(editor.source("level"), ("calibration", "pressure_420", "full_na")), zero_na + 2_000_000)
    editor.put(Spot(editor.source("level"), ("calibration", "pressure_420", "zero_na")), zero_na)
    file = folder / "station.toml"
    file.write_text("\n".join(line for line in text_of(editor).splitlines() if "calibration.adc" not in line))
    changed = tomllib.loads(file.read_text())
    assert board(changed)["calibration"]["pressure_420"] == {"zero_na": zero_na, "full_na": zero_na + 2_000_000}
    file.write_text(GOOD.replace('"-0.25 m"', f'"{offset_mm / 1_000:.3f} m"'))
    assert board(changed)["channel"] == board(tomllib.loads(file.read_text()))["channel"]
    level = next(channel.level for channel in load(file).channels if channel.name == "river")
    assert level is not None
    assert level.offset_mm == offset_mm
