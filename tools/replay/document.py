"""What a replay found, as one plain document: the JSON, and what `--all` compares.

Rules of this file: times are ISO 8601 in UTC, amounts are text with their unit as a person reads them, and integers in
the sub-unit beside it.
"""

from datetime import UTC, datetime
from typing import Any

from gateway.words import LEVEL_NAMES
from tools.replay.judging import Result
from tools.replay.phrases import phrase
from tools.replay.play import Episode
from wire.reading import QUANTITIES, QUANTITY_CODES


def iso(unix_ms: int | None) -> str | None:
    """ "2018-06-03T21:40:00Z", with milliseconds where there are any."""
    if unix_ms is None:
        return None
    text = datetime.fromtimestamp(unix_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{unix_ms % 1000:03d}Z" if unix_ms % 1000 else f"{text}Z"


def exact(quantity: str, value: int | None) -> str | None:
    """An amount with every digit that it has, and its unit: "1.881 m"."""
    if value is None:
        return None
    _, _, _, _, unit, decimals = QUANTITIES[QUANTITY_CODES[quantity]]
    digits = f"{abs(value):0{decimals + 1}d}"
    text = f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits
    return f"{'-' if value < 0 else ''}{text} {unit}".rstrip()


def document(result: Result) -> dict[str, Any]:
    """All that was found."""
    ask, site = result.ask, result.site
    return {
        "file": str(ask.file),
        "rows": result.rows,
        "first": iso(result.first_ms),
        "last": iso(result.last_ms),
        "cadence_s": site.cadence_ms / 1000,
        "quantity": ask.quantity,
        "unit": ask.unit,
        "zone": ask.zone or None,
        "station": {"name": site.config.name, "name_en": site.config.name_en, "time_zone": site.config.time_zone},
        "site": phrase(site.described[0], "en", **site.described[1]),
        "rules": [_rule(rule, result) for rule in site.config.rules],
        "episodes": [episode_document(episode) for episode in result.episodes],
        "flags": flags(result),
        "rows_without_time": result.unstamped,
        "other_events": dict(sorted(result.player.other_events.items())),
        "notes": [phrase(key, "en", **facts) for key, facts in result.notes],
        "took_s": round(result.took_s, 3),
    }


def flags(result: Result) -> list[dict[str, Any]]:
    """Each sensor's kinds of flags with their counts, in the order of the sensors."""
    return [
        {
            "value": lane.label,
            "kind": kind,
            "count": flag.count,
            "first": iso(flag.first_ms),
            "last": iso(flag.last_ms),
        }
        for lane in result.player.lanes
        for kind, flag in sorted(lane.flags.items())
    ]


def episode_document(episode: Episode) -> dict[str, Any]:
    """One episode."""
    return {
        "rule": episode.rule,
        "channel": episode.channel,
        "level": LEVEL_NAMES[episode.level],
        "start": iso(episode.start_ms),
        "end": iso(episode.end_ms),
        "peak": exact(episode.quantity, episode.peak) if episode.quantity else None,
        "peak_raw": episode.peak,
        "peak_at": iso(episode.peak_ms),
    }


def _rule(rule: Any, result: Result) -> dict[str, Any]:
    quantity = result.player.quantity_of(rule.name, rule.channel)
    return {
        "name": rule.name,
        "kind": rule.kind,
        "channel": rule.channel,
        "window_s": rule.window_ms / 1000,
        "steps": [
            {"level": LEVEL_NAMES[step.level], "at": exact(quantity, step.at) if quantity else None, "name": step.name}
            for step in rule.steps
        ],
    }
