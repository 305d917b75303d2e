"""Changes of a station.toml: the value, and nothing else; never a file that a gateway refuses."""

import pytest

from gateway.load import load
from tests.gateway.station_toml import GOOD
from tools.failure import Failure
from tools.station_edit import StationFile


@pytest.fixture
def path(tmp_path):
    file = tmp_path / "station.toml"
    file.write_text("# 菜园坝, as built\n" + GOOD.replace('offset = "-0.25 m"', 'offset = "-0.25 m"   # staff, 2020'))
    return file


def test_a_value_changes_and_every_other_byte_stays(path):
    before = path.read_text()
    station = StationFile(path, "en")
    station.channel("river")["offset"] = "-0.19 m"
    station.save()
    assert path.read_text() == before.replace('"-0.25 m"', '"-0.19 m"')
    assert path.with_name("station.toml.before").read_text() == before


def test_a_board_is_found_by_its_name_wherever_it_stands(path):
    station = StationFile(path, "en")
    assert station.source("level")["address"] == 11
    with pytest.raises(KeyError):
        station.source("nobody")
    with pytest.raises(KeyError):
        station.channel("nothing")


def test_what_a_gateway_would_refuse_is_not_written(path):
    before = path.read_bytes()
    station = StationFile(path, "en")
    station.channel("river")["datum"] = "wusong1"
    with pytest.raises(Failure) as caught:
        station.save()
    assert "wusong1" in caught.value.text()
    assert ".new" not in caught.value.text()
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == ["station.toml"]


def test_a_file_that_somebody_changed_meanwhile_is_left_to_them(path):
    station = StationFile(path, "en")
    station.channel("river")["offset"] = "-0.19 m"
    path.write_text(path.read_text() + "# one more line\n")
    with pytest.raises(Failure) as caught:
        station.save()
    assert caught.value.exit_code == 5
    assert path.read_text().endswith("# one more line\n")


def test_what_was_saved_loads_and_saving_again_writes_nothing(path):
    station = StationFile(path, "en")
    station.source("level")["calibration"]["adc"]["0"] = [[150_000, 150_000], [2_400_000, 2_450_000]]
    station.save()
    load(path)
    stamp = path.stat().st_mtime_ns
    station.save()
    assert path.stat().st_mtime_ns == stamp


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[station"])
def test_what_is_no_toml_is_told_with_its_file(path, content):
    path.write_bytes(content)
    with pytest.raises(Failure) as caught:
        StationFile(path, "en")
    assert caught.value.exit_code == 2
    assert str(path) in caught.value.text()
