"""What a replay found against what was expected: every difference in words.

Rules of this file: a time may differ by one cadence, a value by the rounding of how it was written; more only where the
expectation gives a tolerance with its reason. What is not listed must not have happened.
"""

import re
from typing import Any

from gateway.amounts import DIMENSION_OF, AmountError, amount
from gateway.words import LEVEL_NAMES
from tools.replay.document import exact, iso
from tools.replay.expected import Expected, moment_ms
from tools.replay.judging import Result
from tools.replay.play import Episode
from wire.reading import QUANTITIES, QUANTITY_CODES


def differences(expected: Expected, result: Result) -> list[str]:
    """Empty where all agrees."""
    return [*_episodes(expected, result), *_flags(expected, result), *_quiet(expected, result)]


def _episodes(expected: Expected, result: Result) -> list[str]:
    left = list(result.episodes)
    found: list[str] = []
    for item in expected.document.get("episode", []):
        start_ms = moment_ms(item["start"])
        same = [episode for episode in left if episode.rule == item["rule"]]
        if not same:
            found.append(f"expected {item['level']} by {item['rule']} from {iso(start_ms)}: no such episode")
            continue
        nearest = min(same, key=lambda episode: abs(episode.start_ms - start_ms))
        left.remove(nearest)
        found += _episode(item, nearest, result.site.cadence_ms)
    for episode in left:
        peak = exact(episode.quantity, episode.peak) if episode.quantity else None
        found.append(
            f"not expected: {LEVEL_NAMES[episode.level]} by {episode.rule} from {iso(episode.start_ms)} to "
            f"{iso(episode.end_ms)}, peak {peak}"
        )
    return found


def _episode(item: dict[str, Any], episode: Episode, cadence_ms: int) -> list[str]:
    head = f"{item['rule']} {item['level']} from {item['start']}"
    tolerance_ms = amount(item["tolerance"], "time") if "tolerance" in item else cadence_ms
    found = []
    if LEVEL_NAMES[episode.level] != item["level"]:
        found.append(f"{head}: reached {LEVEL_NAMES[episode.level]}")
    times = {"start": episode.start_ms, "end": episode.end_ms, "peak_at": episode.peak_ms}
    for key, unix_ms in times.items():
        wanted_ms = moment_ms(item[key]) if key in item else None
        if wanted_ms is None:
            if key == "end" and unix_ms is not None:
                found.append(f"{head}: ended {iso(unix_ms)}, expected to stand at the end")
            continue
        if unix_ms is None:
            found.append(f"{head}: {key} expected {iso(wanted_ms)}, found none")
        elif abs(unix_ms - wanted_ms) > tolerance_ms:
            found.append(f"{head}: {key} expected {iso(wanted_ms)}, found {iso(unix_ms)}")
    if "peak" in item and not _near(str(item["peak"]), episode, item.get("peak_tolerance")):
        found.append(f"{head}: peak expected {item['peak']}, found {exact(episode.quantity, episode.peak)}")
    return found


def _near(text: str, episode: Episode, tolerance: object) -> bool:
    """Is the peak what was written, to the last digit of it?"""
    if episode.peak is None or not episode.quantity:
        return False
    _, _, _, _, unit, decimals = QUANTITIES[QUANTITY_CODES[episode.quantity]]
    try:
        dimension = DIMENSION_OF[episode.quantity]
        wanted = amount(text, dimension)
        if tolerance is not None:
            return abs(episode.peak - wanted) <= amount(tolerance, dimension)
    except AmountError:
        return False
    digits = re.search(r"\.(\d+)", text)
    written = len(digits[1]) if digits else 0
    last = 10 ** max(0, decimals - written) if text.endswith(unit) else 1
    return abs(episode.peak - wanted) * 2 <= last + 1


def _flags(expected: Expected, result: Result) -> list[str]:
    lanes = {lane.label: lane for lane in result.player.lanes}
    found: list[str] = []
    listed: set[tuple[str, str]] = set()
    for item in expected.document.get("flags", []):
        label = item.get("value") or next(iter(lanes))
        if label not in lanes:
            found.append(f"flags of {label}: the recording has no such value")
            continue
        listed.add((label, item["kind"]))
        flag = lanes[label].flags.get(item["kind"])
        count = flag.count if flag else 0
        if "count" in item and abs(count - item["count"]) > item.get("tolerance", 0):
            found.append(f"{label}: {item['kind']} expected {item['count']:,}, found {count:,}")
        for key, unix_ms in (("first", flag and flag.first_ms), ("last", flag and flag.last_ms)):
            if key in item and unix_ms is not None and abs(unix_ms - moment_ms(item[key])) > result.site.cadence_ms:
                found.append(f"{label}: {key} {item['kind']} expected {item[key]}, found {iso(unix_ms)}")
    for label, lane in lanes.items():
        for kind, flag in lane.flags.items():
            if (label, kind) not in listed:
                found.append(f"{label}: {flag.count:,} {kind} not expected, first {iso(flag.first_ms)}")
    return found


def _quiet(expected: Expected, result: Result) -> list[str]:
    found = []
    for item in expected.document.get("quiet", []):
        since_ms, until_ms = moment_ms(item["since"]), moment_ms(item["until"])
        for episode in result.episodes:
            if episode.start_ms < until_ms and (episode.end_ms is None or episode.end_ms > since_ms):
                found.append(
                    f"quiet from {iso(since_ms)} to {iso(until_ms)} ({item.get('why', '')}): {episode.rule} stood from "
                    f"{iso(episode.start_ms)} to {iso(episode.end_ms)}"
                )
    return found
