"""A gateway's state for tests of `riverpost watch`, in the form of gateway.health.Health.document()."""

import json
from pathlib import Path
from typing import Any

from wire.reading import GOOD

NOW_MS = 1_591_000_000_000  # 2020-06-01 16:26:40 +08:00
Told = dict[str, Any]


def channel(name: str, source: str, quantity: str, value: int | None, **more: Any) -> Told:
    base = {
        "name": name, "source": source, "quantity": quantity, "measured": quantity, "value": value, "datum": None,
        "quality": GOOD, "flags": [], "counts": {}, "age_ms": 1_200, "late": False, "level": 0, "over": [],
    }  # fmt: skip
    return base | more


def alarm(rule: str, name: str, level: int, **more: Any) -> Told:
    base = {
        "rule": rule, "kind": "high", "channel": name, "level": level, "state": "unacknowledged",
        "since_unix_ms": NOW_MS - 3_480_000, "value": 193_020, "threshold": 191_500, "step": "record", "held": False,
    }  # fmt: skip
    return base | more


def source(name: str, address: int, **more: Any) -> Told:
    return {"name": name, "address": address, "lost": False, "looks": 100, "errors": {}} | more


def board(name: str, **more: Any) -> Told:
    base = {
        "name": name, "bus": "main", "slot": "a", "trial": False, "failed_starts": 0, "last_words": "",
        "row_errors": 0, "rows_withheld": 0, "update": None,
    }  # fmt: skip
    return base | more


def state(**more: Any) -> Told:
    """Two boards and a radar, all well."""
    base: Told = {
        "station": "CYB01", "name": "菜园坝", "name_en": "Caiyuanba", "unix_ms": NOW_MS, "mode": "actual",
        "clock_known": True,
        "channels": [
            channel("river", "level", "level_mm", 193_020, datum="wusong"),
            channel("level.supply", "level", "supply_mv", 12_480),
            channel("rain.rain", "rain", "rain_um", 99_000, rain={"sums_um": {"3600": 12_400}}),
            channel("radar", "radar", "level_mm", 192_990, datum="wusong"),
        ],
        "alarms": [],
        "siren": {"level": "none", "sounding": False, "silenced": False, "failed": ""},
        "buses": [
            {
                "name": "main", "scan_ms": 1_000, "scans": 3_600, "scans_skipped": 0, "use_permil": 296,
                "counters": {"ok": 14_400, "no_answer": 0, "crc": 0},
                "sources": [source("level", 11), source("rain", 12), source("radar", 21)],
            }
        ],
        "local": None,
        "boards": [board("level"), board("rain")],
        "store": {"to_send": 3_482, "used_percent": 14, "days_of_room": 41, "failed": ""},
        "center": True,
        "connected": True,
    }  # fmt: skip
    return base | more


def changed(name: str, **more: Any) -> Told:
    """The same with another `name` of its channels."""
    whole = state()
    whole["channels"] = [one | more if one["name"] == name else one for one in whole["channels"]]
    return whole


def write(path: Path, status: Told) -> Path:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(status, ensure_ascii=False), encoding="utf-8")
    part.replace(path)
    return path
