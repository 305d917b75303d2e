"""The wiring list: terminals out of boards/, the ends of the line, and a power budget that was computed by hand."""

from pathlib import Path

import pytest

from boards import load_board, names
from gateway.amounts import amount
from tests.tools.site_answers import SMALL
from tools.site import answers as kept
from tools.site import power
from tools.site.batch import answered
from tools.site.made import Made
from tools.site.power import budget
from tools.site.wiring import Wiring

PLAIN = {
    "station": {"id": "P1", "name": "P"},
    "board": [{"fit": "level", "type": "rp2040-rs485", "name": "level"}],
    "level": {"1": {"zero": "160"}},
    "cable": {"length": "100 m", "area": "1.5"},
    "power": {"volts": 24, "battery": 100, "other": 0, "gateway": "pi4", "siren": 500},
}


def site(*changes):
    given = kept.flat(PLAIN)
    for change in changes:
        given |= change
    return answered(given, "en")[0]


def rows(found, title):
    """{name: its texts} of a section."""
    section = next(one for one in Wiring(found, "en").sections if one.title.startswith(title))
    told = {}
    for name, text in section.rows:
        told.setdefault(name, []).append(text)
    return told


def test_the_budget_of_a_small_site_is_what_a_pencil_says():
    # Pi 4: 3000 mW / 0.85 = 3530. Board: (150 + 25) / 0.85 = 206, its loop 21 mA * 24 V = 504. Together 4240 mW.
    found = budget(site())
    assert [load.mw for load in found.loads] == [3_530, 206, 504]
    assert found.ma == 177  # 4240 / 24 = 176.7
    assert found.wh_day_tenths == 1_018  # 4.24 W * 24 h = 101.76 Wh
    # Half of a lead battery: 100 Ah * 24 V * 0.5 = 1200 Wh; 1200 / 101.76 = 11.79 days.
    assert (found.battery_wh, found.days_tenths) == (1_200, 117)
    assert found.siren_mw == 12_000


def test_what_is_left_at_the_far_end_solves_the_circuit():
    found = budget(site())
    # 2 * 100 m * 20 mohm mm2/m / 1.5 mm2 = 2.667 ohm. Peaks on the line: (200 + 175) / 0.85 + 504 = 946 mW.
    assert found.source_mv == 21_600
    taken_mw = 946
    ohm = 2.667
    current_a = (found.source_mv - found.end_mv) / 1_000 / ohm
    assert found.end_mv * current_a == pytest.approx(taken_mw, rel=0.03)
    # A probe of 10 V over a shunt of 100 ohm at 21 mA.
    assert [(need.name, need.least_mv, need.met) for need in found.needs] == [("level", 12_100, True)]


def test_twelve_volts_are_not_enough_for_a_loop_and_no_thicker_cable_helps():
    found = site({"power.volts": "12"})
    assert budget(found).needs[0].met is False
    assert budget(found).area == ""
    told = rows(found, "Supply")["look"]
    assert told == [
        "level needs 12.1 V at least.",
        "No thicker cable is enough: use 24 V, or a supply of its own at the far end.",
    ]
    assert told[0] in Wiring(found, "en").looks


def test_a_thin_cable_is_told_with_the_one_that_does():
    more = {f"board.{number}.fit": "gap" for number in (2, 3, 4)} | {"board.4.fit": "rain"}
    long = {"boards": "4", **more, "level.2.offset": "8 m", "level.3.offset": "8 m", "cable.length": "1200 m"}
    found = site(long, {"cable.area": "0.2"})
    assert budget(found).end_mv < 12_100
    enough = budget(found).area
    assert all(need.met for need in budget(site(long, {"cable.area": enough})).needs)
    thinner = power.AREAS[power.AREAS.index(enough) - 1]
    assert power.AREAS.index(enough) > 0
    assert not budget(site(long, {"cable.area": thinner})).needs[0].met
    assert f"{enough} mm² would do, or a higher voltage." in rows(found, "Supply")["look"]


def test_a_cable_that_can_feed_nothing_is_told():
    many = {
        f"board.{n}.{key}": value for n in range(1, 17) for key, value in (("fit", "level"), ("type", "esp32-rs485"))
    }
    offsets = {f"level.{n}.offset": "0 m" for n in range(2, 17)}
    many = {"boards": "16", **many, **offsets}
    found = site(many, {"cable.length": "1200 m", "cable.area": "0.2", "power.volts": "12", "bus.baud": "115200"})
    assert budget(found).end_mv == 0
    assert "the cable is too long and thin to feed these devices at all." in Wiring(found, "en").looks


@pytest.mark.parametrize(("volts", "ah", "kind", "wh"), [(12, "40", "lead", 240), (24, "7.5", "lifepo4", 144)])
def test_of_a_battery_counts_what_it_can_give(volts, ah, kind, wh):
    given = {"power.volts": str(volts), "power.battery": ah, "power.kind": kind}
    assert budget(site(given)).battery_wh == wh


def test_a_site_without_a_battery_and_one_with_a_small_one_are_told():
    without = {key: value for key, value in kept.flat(PLAIN).items() if key != "power.battery"}
    found = answered(without | {"power.battery": "-"}, "en")[0]
    assert budget(found).days_tenths is None
    assert any("neither siren nor measurement" in text for text in Wiring(found, "en").looks)
    assert any("less than 3 days" in text for text in Wiring(site({"power.battery": "10"}), "en").looks)


def test_every_board_and_profile_that_there_is_has_its_figures():
    assert set(names("board")) <= set(power.table()["link"])
    assert set(names("profile")) <= set(power.table()["profile"])
    for board in names("board"):
        fits = {sensor.enabled_by for sensor in load_board(board).sensors} - {""}
        assert fits <= set(power.table()["fit"])
    for section in ("gateway", "link", "fit", "profile", "battery"):
        for name, row in power.table()[section].items():
            assert row["source"], f"{section}.{name}"


@pytest.mark.parametrize("board", names("board"))
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_terminal_that_is_used_stands_in_the_list_with_its_pins(board, lang):
    fit = "gap rain tilt" if load_board(board).link == "wifi" else "level smoke"
    given = {"board.1.type": board, "board.1.fit": fit, "level.1.offset": "8 m"}
    if load_board(board).link == "wifi":  # Then there is no line.
        given = {key: value for key, value in (kept.flat(PLAIN) | given).items() if "cable" not in key}
        found = answered(given, "en")[0]
    else:
        found = site(given)
    section = next(one for one in Wiring(found, lang).sections if "level" in one.title)
    told = dict(section.rows)
    definition = load_board(board, tuple(fit.split()))
    keys = {"adc", "uart", "counter", "spi"}
    used = {
        f"{key} {getattr(one.settings, key)}"
        for one in definition.sensors
        for key in keys
        if hasattr(one.settings, key)
    }
    used |= {"input smoke"} if "smoke" in fit else set()
    used |= {"bus 0", "bus 2"}
    for port in definition.ports:
        if port.key in used:
            assert port.terminal in told
            for role, pin in port.pins.items():
                if port.kind not in ("bus", "uart"):
                    assert f"GPIO {pin}" in told[port.terminal], (role, told)
        else:
            assert port.terminal not in told
    assert ("GPIO 27" in told.get("A+ B-", "")) == (board == "esp32-rs485")


def test_termination_stands_at_the_two_ends_and_nowhere_else():
    found = answered(kept.flat(SMALL) | {"cable.ends": "radar level"}, "en")[0]
    told = rows(found, "RS-485 line")
    assert "at the two ends only: radar and level" in told["termination"][0]
    assert told["order"] == ["one chain from end to end, never a star: radar – gateway – slope – level"]
    assert "once, at the gateway" in told["bias"][0]


def test_a_sensor_that_must_be_set_before_is_told_with_what():
    found = answered(kept.flat(SMALL), "en")[0]
    assert "address 20 (as delivered 1), 9600 8N1" in rows(found, "Sensor radar")["before"][0]
    as_is = answered(kept.flat(SMALL) | {"sensor.1.address": "1"}, "en")[0]
    assert rows(as_is, "Sensor radar")["before"] == ["as delivered it fits: address 1, 9600 8N1"]


def test_every_cable_that_comes_from_outside_has_its_arrester():
    told = rows(answered(kept.flat(SMALL), "en")[0], "Surge")["entries"]
    assert any("4 places: gateway, level, slope, radar" in text for text in told)
    assert any(text.startswith("level: a 4-20 mA arrester") for text in told)
    assert any(text.startswith("slope: a low-voltage signal arrester") for text in told)


def test_a_site_on_wi_fi_alone_has_no_line_and_no_cable():
    given = {
        "station.id": "W1", "station.name": "W", "boards": "1", "board.1.fit": "tilt", "board.1.type": "esp32-wifi",
        "power.battery": "100",
    }  # fmt: skip
    found = answered(given, "en")[0]
    assert "cable.length" not in found
    made = Made(found, Path("station.toml"), "en")
    assert "[[bus]]" not in made.text
    assert not any("scan" in step.command for step in made.steps)
    assert amount(found["power.volts"] + " V", "voltage") == 12_000
