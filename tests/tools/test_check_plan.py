"""Which steps a check has: every channel that a person can move has one, whatever sensors a station has."""

import pytest
from msgspec.structs import replace

from gateway.config import Bus, Channel, Fusion, Level, Local, Rule, Siren, Source, Station, Step
from tests.gateway.small_station import small_station
from tools.check.plan import Wanted, make_plan, names_of
from tools.check.said import tell

LEVEL = Level(160_000, 0, "wusong", "")


def station(tmp_path, *channels: Channel, fusions=(), local=None, report_s=0) -> Station:
    source = Source("box", "main", 11, profile="radar-60ghz", channels=channels, report_s=report_s)
    bus = Bus("main", "/dev/null", 9_600, "8N1", 1_000, (source,))
    return replace(small_station(tmp_path), buses=(bus,), fusions=fusions, local=local)


def hands(config: Station, **wanted) -> list[str]:
    return [step.id for step in make_plan(config, Wanted(**wanted)).hands]


QUANTITIES = [
    ("head_mm", LEVEL, ["x/staff", "x/move"]),
    ("gap_mm", LEVEL, ["x/staff", "x/move"]),
    ("gap_mm", None, ["x/move"]),
    ("rain_um", None, ["x/tips"]),
    ("tilt_x_mdeg", None, ["x/move"]),
    ("tilt_y_mdeg", None, ["x/move"]),
    ("acc_x_ug", None, ["x/move"]),
    ("acc_z_ug", None, []),
    ("crack_um", None, ["x/move"]),
    ("smoke_mdbm", None, ["x/smoke"]),
    ("smoke_contact", None, ["x/smoke"]),
    ("temp_cdeg", None, []),
    ("supply_mv", None, []),
    ("humidity_permil", None, []),
    ("distance_spread_mm", None, []),
]


@pytest.mark.parametrize(("quantity", "level", "steps"), QUANTITIES)
def test_each_quantity_is_moved_in_its_way_and_read_in_any_case(tmp_path, quantity, level, steps):
    plan = make_plan(station(tmp_path, Channel("x", "box", 0, quantity, level)), Wanted())
    assert [step.id for step in plan.hands] == [*steps, "siren"]
    assert "box/values" in [step.id for step in plan.still]
    assert all(step.person for step in plan.hands)
    assert all(tell(text, lang) for step in plan.steps for text in (step.title, step.limit) for lang in ("zh", "en"))


def test_a_detector_with_chamber_and_contact_is_tested_once(tmp_path):
    both = (Channel("c", "box", 0, "smoke_mdbm"), Channel("k", "box", 1, "smoke_contact"))
    assert hands(station(tmp_path, *both)) == ["c/smoke", "siren"]


def test_the_level_that_two_sensors_make_is_read_and_held_against_the_staff_too(tmp_path):
    both = (Channel("low", "box", 0, "head_mm", LEVEL), Channel("high", "box", 1, "gap_mm", LEVEL))
    fused = Fusion("stage", "low", "high", "wusong", 183_000, 186_000, 100, 60_000, 50)
    config = station(tmp_path, *both, fusions=(fused,))
    assert "stage/staff" in hands(config)
    assert "stage/values" in [step.id for step in make_plan(config, Wanted()).still]
    assert "stage" in names_of(config)


def test_a_gap_that_derives_no_elevation_becomes_less_where_a_level_rises(tmp_path):
    gap = make_plan(station(tmp_path, Channel("x", "box", 0, "gap_mm")), Wanted()).hands[0]
    level = make_plan(station(tmp_path, Channel("x", "box", 0, "gap_mm", LEVEL)), Wanted()).hands[1]
    assert "−100 mm" in tell(gap.limit, "en")
    assert "+100 mm" in tell(level.limit, "en")


@pytest.mark.parametrize(
    ("ml", "funnel_mm", "rain"), [(100, 200, "3.2 mm"), (100, 160, "5.0 mm"), (314, 200, "10.0 mm")]
)
def test_water_over_the_funnels_area_is_rain(tmp_path, ml, funnel_mm, rain):
    config = station(tmp_path, Channel("x", "box", 0, "rain_um", tip_um=200))
    (tips, _) = make_plan(config, Wanted(pour_ml=ml, funnel_mm=funnel_mm)).hands
    assert tell(tips.limit, "en").startswith(rain)


def test_boards_on_wifi_are_asked_and_heard_and_a_station_without_siren_is_told(tmp_path):
    source = Source("far", "local", 0, board_type="esp32-wifi", serial="00" * 8, channels=())
    local = Local("127.0.0.1", 1883, "gateway", "", "10.42.0.1", 1_000, (source,))
    config = replace(station(tmp_path), local=local, siren=Siren())
    ids = [step.id for step in make_plan(config, Wanted()).steps]
    assert {"local/answers", "far/board", "far/values", "local/heard", "siren"} <= set(ids)


@pytest.mark.parametrize(
    ("only", "ids"),
    [
        ("x", ["box/values", "x/staff", "x/move"]),
        ("box", ["box/values", "x/staff", "x/move"]),
        ("x/move", ["x/move"]),
        ("siren", ["siren"]),
        ("main/polls", ["main/polls"]),
        ("nothing", []),
    ],
)
def test_a_part_of_it_is_what_is_about_that_name(tmp_path, only, ids):
    config = replace(
        station(tmp_path, Channel("x", "box", 0, "head_mm", LEVEL)),
        rules=(Rule("flood", "high", "x", (Step(2, 182_000),)),),
    )
    assert [step.id for step in make_plan(config, Wanted(only=(only,))).steps] == ids


def test_every_id_is_its_own(tmp_path):
    channels = [Channel(f"c{n}", "box", n, quantity, level) for n, (quantity, level, _) in enumerate(QUANTITIES)]
    ids = [step.id for step in make_plan(station(tmp_path, *channels), Wanted()).steps]
    assert len(ids) == len(set(ids))
