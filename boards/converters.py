"""Calibration of a board's analogue converter: what it shows against what is there, by port, in microvolts.

Rules of this file: a table rises strictly on both sides, so that it can be read backwards too; beyond its ends the
correction of the end stays (firmware/drivers/integers.py). A converter that is not straight by itself and has no table
is uncalibrated: its readings are "not evaluated", and no rule may judge them.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from boards.chips import Chip
from boards.records import Microvolt, Port
from boards.strict import Findings, nearest

PAIRS_MIN, PAIRS_MAX = 2, 32
REMEDY = "write pairs [[shown, there], ...] in microvolts, ascending, e.g. [[142_000, 150_000], [2_380_000, 2_400_000]]"
# Driver -> what it measures over the converter.
QUANTITY = {"pressure_420": "head_mm", "smoke_photo": "smoke_mdbm", "supply": "supply_mv"}

Pairs = tuple[tuple[int, int], ...]
_Pairs = Annotated[tuple[tuple[Microvolt, Microvolt], ...], Meta(min_length=PAIRS_MIN, max_length=PAIRS_MAX)]


def read_tables(value: Any, ports: Sequence[Port], findings: Findings) -> dict[str, Pairs]:
    """{number of an adc port: its table} of a calibration's table "adc"; what is wrong goes to `findings`."""
    known = {str(port.number) for port in ports if port.kind == "adc"}
    tables: dict[str, Pairs] = {}
    for number, pairs in value.items():
        key = f"adc.{number}"
        if number not in known:
            findings.add(key, f"the board has no such converter port; {nearest(number, known)}")
            continue
        try:
            table = msgspec.convert(pairs, _Pairs)
        except msgspec.ValidationError as error:
            findings.add(key, f"{str(error).replace('`', '')}; {REMEDY}")
            continue
        if any(after[side] <= before[side] for before, after in zip(table, table[1:], strict=False) for side in (0, 1)):
            findings.add(key, f"both columns must ascend; {REMEDY}")
            continue
        tables[number] = table
    return tables


def settings_of(driver: str, settings: Any, chip: Chip, tables: Mapping[str, Pairs]) -> dict[str, Any]:
    """What stands of the converter in a sensor's entry of board.json; nothing where it is straight."""
    if driver not in QUANTITY:
        return {}
    table = tables.get(str(settings.adc))
    if table is None and chip.adc_straight:
        return {}
    return {"adc_points": [list(pair) for pair in table or ()]}


def check_reach(settings: Any, tables: Mapping[str, Pairs], key: str, findings: Findings) -> None:
    """A probe's table must reach over its whole loop: what lies beyond is not measured but guessed."""
    table = tables.get(str(getattr(settings, "adc", "")))
    if table is None or not hasattr(settings, "shunt_mohm"):
        return
    low_uv, high_uv = (na * settings.shunt_mohm // 1_000_000 for na in (settings.zero_na, settings.full_na))
    if table[0][1] > low_uv or table[-1][1] < high_uv:
        span = f"{low_uv} to {high_uv} uV"
        findings.add(f"adc.{settings.adc}", f"does not reach over the loop of {key}, {span}; measure at both ends too")


def uncalibrated(definition: Mapping[str, Any]) -> dict[str, str]:
    """{quantity: its port} of a board.json, of what comes over a converter that nobody calibrated."""
    return {
        QUANTITY[sensor["driver"]]: f"adc {sensor['adc']}"
        for sensor in definition["sensors"]
        if sensor.get("adc_points") == []
    }
