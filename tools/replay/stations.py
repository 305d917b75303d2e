"""What of a real station.toml a recording can answer: the channels that it stands for, with their thresholds and rules.

Rules of this file: the gateway's own loader reads the file first, so that every error of it is told; what is left out
is named.
"""

from pathlib import Path
from typing import Any

from gateway import config
from gateway.config import ConfigError
from gateway.load import load
from gateway.toml_table import Problems
from tools.replay.quantities import VECTOR
from tools.replay.recording import Ask, wrong
from tools.replay.site import bad_station, described, measured

ABOUT_SEEING = ("lost", "storage")  # What a station sees of itself: at a recording's cadence it means nothing.
STATION_KEYS = ("quantity", "neighbours", "companion", "drift")  # of a channel: what hangs on other sensors


def station_document(path: Path, ask: Ask, channels: list[str]) -> tuple[dict[str, Any], Problems, list[str]]:
    """Of a real station.toml: the channels that the recording stands for, their threshold sets and their rules."""
    try:
        station = load(path)
    except ConfigError as error:
        raise bad_station(path, error.problems) from None
    document, _ = described(path)
    names = _chosen(station, ask, channels, path)
    fused = {fusion.name: fusion for fusion in station.fusions}
    joined = [fusion.name for fusion in station.fusions if {fusion.low, fusion.high} <= set(names)]
    tables = {table.get("name"): table for table in _channel_tables(document)}
    for name in names:
        if name in fused:  # One recording stands for what two sensors together would show.
            tables[name] = {"name": name, "gauge_zero": "0.00 m", "datum": fused[name].datum}
    judged = {*names, *joined}
    rules = [
        rule for rule in document.get("rule", []) if rule.get("channel") in judged and rule["kind"] not in ABOUT_SEEING
    ]
    left = [rule["name"] for rule in document.get("rule", []) if rule not in rules]
    picked = {
        "station": document["station"],
        "channel": [
            {k: v for k, v in tables.get(name, {"name": name}).items() if k not in STATION_KEYS} for name in names
        ],
        "fusion": [item for item in document.get("fusion", []) if item["name"] in joined],
        "threshold_set": [item for item in document.get("threshold_set", []) if item["channel"] in judged],
        "rule": rules,
    }
    return picked, Problems(path.name, {}), left


def _chosen(station: config.Station, ask: Ask, channels: list[str], path: Path) -> list[str]:
    """The channels that the values of the recording stand for, in their order."""
    fitting = [channel.name for channel in station.channels if _fits(channel, ask.quantity)]
    if ask.quantity == "level":
        parts = {name for fusion in station.fusions for name in (fusion.low, fusion.high)}
        fused = [fusion.name for fusion in station.fusions]
        if channels:
            fitting += fused
        elif len(ask.values) == 1:
            fitting = [*fused, *(name for name in fitting if name not in parts)]
    names = ", ".join(fitting) or "none"
    strange = [name for name in channels if name not in fitting]
    if strange:
        raise wrong(
            f'{path.name} has no channel "{strange[0]}" of {ask.quantity}',
            f"channels of {ask.quantity}: {names}",
            "a slip in the name, or another quantity",
            "--channel with one of these names",
        )
    chosen = channels or fitting
    if len(chosen) != len(ask.values):
        raise wrong(
            f"{path.name} has {len(chosen)} channels of {ask.quantity} for {len(ask.values)} recorded values",
            f"channels of {ask.quantity}: {names}",
            "which channel a value stands for must be said" if chosen else "the station measures something else",
            "--channel NAME once for each --value, in the same order",
        )
    return chosen


def _fits(channel: config.Channel, quantity: str) -> bool:
    if quantity == "level":
        return channel.level is not None
    if quantity == "pressure":
        return channel.quantity == "head_mm"
    return channel.quantity in (*measured(quantity, 2), *(measured(quantity, VECTOR) if quantity == "tilt" else ()))


def _channel_tables(document: dict[str, Any]) -> list[dict[str, Any]]:
    places = [*document.get("bus", []), document.get("local", {})]
    sources = [source for place in places for kind in ("board", "sensor") for source in place.get(kind, [])]
    return [channel for source in sources for channel in source.get("channel", [])]
