"""What a site takes from its supply, how long a battery lasts, and what is left at the far end of the cable.

Rules of this file: integers (mW, mA, mV, milliohm), rounded to the worse side; the worst case: all devices of the line
at its far end, a battery that is nearly empty. Figures and where they are from: power.toml.
"""

import tomllib
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from math import isqrt
from pathlib import Path
from typing import Any

from gateway.amounts import amount
from tools.site.model import BOARD, Answers, Device, devices, given

TABLE = Path(__file__).with_suffix(".toml")
AREAS = ("0.5", "0.75", "1", "1.5", "2.5", "4", "6", "10")  # mm2 that are sold
LOOP_TOP_UA = 21_000  # NE 43
STARTS_PERMIL = 1_050  # A board's flash is written again at so much of its supply limit (firmware/health.py).
OTHER = "other"


@dataclass(frozen=True)
class Load:
    """What one device takes: in the mean, and for moments; `on_line`: over the line's cable."""

    name: str
    what: str
    mw: int
    peak_mw: int
    on_line: bool
    source: str


@dataclass(frozen=True)
class Need:
    """The voltage that a device needs at its terminals."""

    name: str
    least_mv: int
    met: bool


@dataclass(frozen=True)
class Budget:
    """The power budget of a site. `days_tenths` None: no battery."""

    volts: int
    loads: tuple[Load, ...]
    siren_mw: int
    battery_wh: int
    days_tenths: int | None
    source_mv: int  # of a battery that is nearly empty
    end_mv: int  # what is left of it at the far end; 0: nothing, the cable is too long
    needs: tuple[Need, ...]
    area: str  # mm2 with which all needs are met; "" = with none at this voltage

    @property
    def mw(self) -> int:
        return sum(load.mw for load in self.loads)

    @property
    def ma(self) -> int:
        return -(-self.mw // self.volts)

    @property
    def wh_day_tenths(self) -> int:
        return -(-self.mw * 24 // 100)


@cache
def table() -> dict[str, Any]:
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def gateways() -> tuple[str, ...]:
    return tuple(table()["gateway"])


def battery_kinds() -> tuple[str, ...]:
    return tuple(table()["battery"])


def sensor_ma(profile: str) -> int:
    """The current of a bought sensor, where nobody knows better."""
    return _row("profile", profile)["ma"]


def budget(answers: Answers) -> Budget:
    """The budget of a site whose questions are all answered."""
    volts = int(answers["power.volts"])
    loads = [_gateway(answers, volts)]
    for device in devices(answers):
        loads += _device(device, answers, volts)
    if answers["power.other"] != "0":
        other_mw = int(answers["power.other"]) * volts
        loads.append(Load(OTHER, OTHER, other_mw, other_mw, False, "answer"))
    mw = sum(load.mw for load in loads)
    ah = given(answers, "power.battery")
    usable_permil = table()["battery"][answers["power.kind"]]["usable_permil"] if ah else 0
    battery_wh = int(Decimal(ah) * volts * usable_permil / 1_000) if ah else 0
    source_mv = volts * table()["convert"]["least_permil"]
    line_mw = sum(load.peak_mw for load in loads if load.on_line)
    end_mv = source_mv
    needs: tuple[Need, ...] = ()
    area = ""
    if "cable.area" in answers:
        end_mv = _end_mv(source_mv, line_mw, _cable_mohm(answers, answers["cable.area"]))
        needs = _needs(answers, end_mv)
        area = next((one for one in AREAS if _enough(answers, source_mv, line_mw, one)), "")
    return Budget(
        volts=volts,
        loads=tuple(loads),
        siren_mw=int(answers.get("power.siren", "0")) * volts,
        battery_wh=battery_wh,
        days_tenths=battery_wh * 10_000 // (mw * 24) if ah else None,
        source_mv=source_mv,
        end_mv=end_mv,
        needs=needs,
        area=area,
    )


def _gateway(answers: Answers, volts: int) -> Load:
    row = table()["gateway"][answers["power.gateway"]]
    mw = _from_5v(row["mw"])
    return Load("gateway", row["title"], mw, mw, False, row["source"])


def _device(device: Device, answers: Answers, volts: int) -> list[Load]:
    """A board with what is fitted to it, or a bought sensor."""
    if device.kind != BOARD:
        mw = int(answers[f"sensor.{device.number}.ma"]) * volts
        return [Load(device.name, device.type, mw, mw, True, "answer")]
    row, transceiver = _row("link", device.type), table()["link"]["transceiver"]
    mw, peak_mw = row["mw"], row["peak_mw"]
    if not device.wifi:
        mw, peak_mw = mw + transceiver["mw"], peak_mw + transceiver["peak_mw"]
    loads = [Load(device.name, device.type, _from_5v(mw), _from_5v(peak_mw), not device.wifi, row["source"])]
    for fit in device.fit:
        row = table()["fit"][fit]
        mw = row["ma"] * volts if "ma" in row else _from_5v(row["mw"])
        loads.append(Load(device.name, fit, mw, mw, not device.wifi, row["source"]))
    return loads


def _needs(answers: Answers, end_mv: int) -> tuple[Need, ...]:
    found = []
    least = table()["least"]
    for device in devices(answers):
        if device.wifi:
            continue
        least_mv = least["sensor_mv"]
        if device.kind == BOARD:
            least_mv = device.board.supply_limit_mv * STARTS_PERMIL // 1_000
            for sensor in device.board.sensors:
                if hasattr(sensor.settings, "shunt_mohm"):
                    least_mv = max(least_mv, least["probe_mv"] + LOOP_TOP_UA * sensor.settings.shunt_mohm // 1_000_000)
        found.append(Need(device.name, least_mv, end_mv >= least_mv))
    return tuple(found)


def _enough(answers: Answers, source_mv: int, line_mw: int, area: str) -> bool:
    end_mv = _end_mv(source_mv, line_mw, _cable_mohm(answers, area))
    return all(need.met for need in _needs(answers, end_mv))


def _cable_mohm(answers: Answers, area: str) -> int:
    """There and back."""
    length_mm = amount(answers["cable.length"], "length")
    return int(2 * length_mm * table()["convert"]["copper_mohm"] / (1_000 * Decimal(area))) + 1


def _end_mv(source_mv: int, mw: int, mohm: int) -> int:
    """What is left of `source_mv` behind `mohm`, where `mw` are taken whatever the voltage is."""
    inside = source_mv * source_mv - 4 * mw * mohm
    return (source_mv + isqrt(inside)) // 2 if inside >= 0 else 0


def _from_5v(mw: int) -> int:
    return -(-mw * 1_000 // table()["convert"]["efficiency_permil"])


def _row(section: str, name: str) -> dict[str, Any]:
    found = table()[section]
    return found.get(name, found[OTHER])
