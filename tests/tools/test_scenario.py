import hashlib

import pytest

from tools import scenario as module
from tools.failure import Failure
from tools.scenario import CARRIED, RAIN, RIVER, TILT, UM_PER_TIP, Scenario, between, picture, rain_tips, smoke_mdbm


@pytest.fixture(scope="module")
def demo():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RIVERPOST_DATA", str(CARRIED))
        yield Scenario.load("demo")


# The files as they were published here; a test must not follow an edit of its data.
@pytest.mark.parametrize(
    ("name", "sha256"),
    [
        (RIVER, "9432f102026e01659e72544a50a5e1f3209484fd80d10186ffb7691e148ac7b5"),
        (RAIN, "38a46e75ea16e40e3cdf76338674de82384a1ef55cd38c7e48fa10c0ace18b51"),
        (TILT, "7b70c4e0b1772e873d315dd3a5aff3079765e5ab267959671230525827b22a37"),
    ],
)
def test_carried_recordings_are_the_published_ones(name, sha256):
    assert hashlib.sha256((CARRIED / name).read_bytes()).hexdigest() == sha256


@pytest.mark.parametrize("folder", sorted(place.name for place in CARRIED.iterdir() if place.is_dir()))
def test_every_carried_recording_names_its_source(folder):
    text = (CARRIED / folder / "README.md").read_text(encoding="utf-8")
    assert any(word in text for word in ("public domain", "MIT licence", "Open Government Licence", "facts"))


# By hand from the CSV, lines of 2018-06-03 (gage_height_m, times 4, in mm):
#   21:00 0.7041 -> 2,816.4        21:05 0.7224 -> 2,889.6        22:05 1.8806 -> 7,522.4 (the peak)
#   22:10 1.8745 -> 7,498.0        23:50 0.9571 -> 3,828.4
# Half way from 21:00 to 21:05: (2,816.4 + 2,889.6) / 2 = 2,853.0.
# One minute after the peak: 7,522.4 - 24.4 / 5 = 7,517.5.
@pytest.mark.parametrize(
    ("t_s", "mm"), [(0, 2816), (150, 2853), (300, 2890), (3900, 7522), (3960, 7518), (4200, 7498), (10200, 3828)]
)
def test_river_is_four_times_the_recording_with_lines_between_its_samples(demo, t_s, mm):
    assert demo.curves["level"].at(t_s) == mm


def test_river_peaks_once_at_22_05(demo):
    at = demo.curves["level"].at
    values = [at(t_s) for t_s in range(demo.duration_s + 1)]
    assert max(values) == 7522
    assert 3885 <= values.index(7522) <= 3900  # 7,521.5 rounds up, 0.9 mm below the peak: 0.9 / 24.4 * 300 s before.
    assert demo.start_unix_s + 3900 == 1_528_063_500  # 2018-06-03T22:05Z: 17,685 days and 79,500 s after 1970.
    rising = values[300:3900]
    assert rising == sorted(rising)


def test_scenario_lasts_from_21_00_to_23_50(demo):
    assert demo.duration_s == 10_200
    assert demo.start_unix_s == 1_528_059_600


def test_before_and_behind_the_recording_its_ends_hold(demo):
    assert demo.curves["level"].at(-5) == 2816
    assert demo.curves["level"].at(99_999) == 3828


# By hand from the CSV, in inches: 14:15 .19, 14:30 .16, 14:45 .02, 15:00 .01, 15:15 .01, 16:30 .07; 13:45 is second 0.
# Tips of 0.2 mm = inches * 25.4 * 3 / 0.2 = inches * 381, the part of a tip carried on:
#   to 14:15  72.39 -> 72      to 14:30  133.35 -> 61 more    to 14:45  140.97 -> 7 more
#   to 15:00 144.78 -> 4 more  to 15:15  148.59 -> 4 more     to 16:30  175.26 -> 27 more
def test_rain_is_three_times_the_recording_in_tips(demo):
    counts = {}
    for t_s, count in demo.tips:
        counts[int(t_s // 900)] = counts.get(int(t_s // 900), 0) + count
    assert counts == {1: 72, 2: 61, 3: 7, 4: 4, 5: 4, 10: 27}


def test_rain_of_an_hour_passes_20_mm_within_the_scenario(demo):
    # 100 tips are 20 mm: 28 of the 61 in the second quarter, so at about 1,800 + 28 / 61 * 900 = 2,213 s.
    t_s = demo.tips[99][0]
    assert 100 * UM_PER_TIP == 20_000
    assert 2_190 < t_s < 2_230
    assert t_s - demo.tips[0][0] < 3_600


def test_tips_ascend_with_play_but_stay_in_their_share_of_the_quarter(demo):
    first = [t_s for t_s, _ in demo.tips[:72]]
    assert first == sorted(first)
    assert all(900 + 12.5 * i <= t_s <= 900 + 12.5 * (i + 1) for i, t_s in enumerate(first))  # 900 s / 72 = 12.5 s
    assert len({round(b - a, 2) for a, b in zip(first, first[1:], strict=False)}) > 20


# By hand from the CSV: t_rel_s 0.0 -> 0.008003 deg, 0.1 -> 0.007605, 2.4 -> 0.007682, 2.5 -> 0.006915, 2.6 -> 0.006863.
def test_tilt_holds_each_sample_and_begins_again(demo):
    at = demo.curves["tilt"].at
    assert [at(t_s) for t_s in (0, 0.05, 0.1, 2.4, 2.5, 2.6)] == [8, 8, 8, 8, 7, 7]
    assert [at(720 + t_s / 10) for t_s in range(7200)] == [at(t_s / 10) for t_s in range(7200)]
    assert max(at(t_s / 10) for t_s in range(7200)) == 206
    assert min(at(t_s / 10) for t_s in range(7200)) == -204


def test_smoke_is_clean_then_a_haze_then_a_fire(demo):
    values = [demo.curves["smoke"].at(t_s) for t_s in range(demo.duration_s + 1)]
    assert all(-10 < value < 25 for value in values[:600] + values[4_500:8_400])
    assert 40 < max(values[:8_400]) < 80
    assert 8_520 < next(t_s for t_s, value in enumerate(values) if value >= 100) < 8_600
    assert 8_600 < next(t_s for t_s, value in enumerate(values) if value >= 200) < 8_680
    assert sum(values[-600:]) / 600 == pytest.approx(706, abs=10)


def test_the_same_seed_gives_the_same_scenario_and_another_does_not(demo, monkeypatch):
    monkeypatch.setenv("RIVERPOST_DATA", str(CARRIED))
    again = Scenario.load()
    assert again.tips == demo.tips != rain_tips(demo.duration_s, seed=1)
    smoke = [demo.curves["smoke"].at(t_s) for t_s in range(100)]
    assert [again.curves["smoke"].at(t_s) for t_s in range(100)] == smoke
    assert [smoke_mdbm(100, seed=1)(t_s) for t_s in range(100)] != smoke


def test_labels_say_what_is_derived_and_what_is_synthetic(demo):
    assert demo.curves["level"].label.endswith("derived: x4")
    assert "derived: x3" in demo.tips_label
    assert "synthetic" in demo.curves["smoke"].label
    assert {curve.quantity for curve in demo.curves.values()} == {"head_mm", "tilt_x_mdeg", "smoke_mdbm"}


def test_a_blank_and_a_missing_record_are_not_bridged():
    at = between([(0, 10.0), (300, None), (600, 20.0), (900, 30.0), (2_000, 40.0)], 300)
    assert [at(t_s) for t_s in (0, 1, 300, 599, 600, 750, 900, 901, 1_999, 2_000)] == [
        10,
        None,
        None,
        None,
        20,
        25,
        30,
        None,
        None,
        40,
    ]


def test_blank_cells_of_a_recording_are_missing_measurements(tmp_path, monkeypatch):
    for name, text in {
        RIVER: "datetime_utc,gage_height_m\n2018-06-03T21:00:00Z,.5\n2018-06-03T21:05:00Z,\n2018-06-03T21:10:00Z,.5\n",
        TILT: "t_rel_s,inc01_deg\n0.0,0.1\n0.1,\n",
    }.items():
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("RIVERPOST_DATA", str(tmp_path))
    river, tilt = module.river_mm(), module.tilt_mdeg()
    assert [river(t_s) for t_s in (0, 60, 300, 540, 600)] == [2000, None, None, None, 2000]
    assert [tilt(t_s) for t_s in (0, 0.1, 0.2, 0.3)] == [100, None, 100, None]


def test_a_folder_without_recordings_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("RIVERPOST_DATA", str(tmp_path))
    with pytest.raises(Failure) as failure:
        Scenario.load("demo")
    assert str(tmp_path) in failure.value.text()
    assert failure.value.exit_code == 2


def test_an_unknown_scenario_is_refused():
    with pytest.raises(Failure, match="no scenario 'flood'"):
        Scenario.load("flood")


def test_picture_names_every_curve_and_its_span(demo):
    text = picture(demo)
    assert "head_mm 2816 .. 75" in text
    assert "175 tips of 200 um = 35.0 mm" in text
    assert all(name in text for name in ("level", "tilt", "smoke", "rain"))
