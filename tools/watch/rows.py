"""A row for each channel: its value or why there is none, and whether a person should look.

Rules of this file: pure; a value that is not of the present is never shown as one.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from gateway import words
from tools.watch.phrases import phrase
from wire.reading import FAIL as FAILED
from wire.reading import GOOD, MISSING, QUALITY_NAMES

OK, LOOK, FAIL, SKIP = "ok", "look", "FAIL", "skip"
NONE = "—"
HOUR = "3600"  # Its seconds, as a key of the rain sums.
ERRORS_SPAN_MS = 60_000  # Errors are to be looked at for so long.


@dataclass
class Row:
    """`value`: with its unit, or NONE and `why`; `errors`: of its source, "" but in the source's first row."""

    name: str
    address: str
    value: str
    datum: str
    age: str
    why: str
    level: int
    errors: str
    state: str
    step: int  # of the last digit shown, in sub-units


class Errors:
    """How many errors each source has, and whether any came in the last ERRORS_SPAN_MS while we looked."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[int, int]]] = {}

    def take(self, status: dict[str, Any]) -> None:
        now_ms = status["unix_ms"]
        for source in sources(status).values():
            if "errors" not in source:
                continue
            seen = self._seen.setdefault(source["name"], deque(maxlen=1_000))
            total = sum(source["errors"].values())
            if seen and (total < seen[-1][1] or now_ms < seen[-1][0]):
                seen.clear()  # A gateway or a clock that began anew.
            seen.append((now_ms, total))
            while now_ms - seen[0][0] > ERRORS_SPAN_MS:
                seen.popleft()

    def total(self, name: str) -> int | None:
        seen = self._seen.get(name)
        return seen[-1][1] if seen else None

    def grew(self, name: str) -> bool:
        seen = self._seen.get(name)
        return bool(seen) and seen[-1][1] > seen[0][1]


def sources(status: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Every source by its name: those of buses with `address` and `errors`, those on Wi-Fi with `asleep`."""
    found = {source["name"]: source for bus in status["buses"] for source in bus["sources"]}
    return found | {board["name"]: board for board in (status["local"] or {}).get("boards", [])}


def rows(status: dict[str, Any], errors: Errors, lang: str, frozen: bool = False) -> list[Row]:
    """In the order of sources; `frozen`: the gateway does not renew the state."""
    known = sources(status)
    order = {name: place for place, name in enumerate(known)}
    made, before = [], ""
    for channel in sorted(status["channels"], key=lambda one: order.get(one["source"], len(order))):
        source = known.get(channel["source"], {})
        again = channel["source"] == before
        row = _row(channel, source, errors, lang, frozen, not again and errors.grew(channel["source"]))
        if again:
            row.address = row.errors = ""
        before = channel["source"]
        made.append(row)
    return made


def value_of(channel: dict[str, Any]) -> int | None:
    """What a person reads: of rain the sum of the last hour, for the counter says nothing."""
    rain = channel.get("rain")
    return rain["sums_um"].get(HOUR) if rain and channel["value"] is not None else channel["value"]


def _row(channel: dict[str, Any], source: dict[str, Any], errors: Errors, lang: str, frozen: bool, grew: bool) -> Row:
    why, state = _judged(channel, source, lang, frozen)
    state = LOOK if grew and state == OK else state
    value = value_of(channel) if not why or state not in (FAIL, SKIP) else None
    age = "" if channel["age_ms"] is None else words.age(channel["age_ms"], lang)
    decimals, places, _ = words.SHOWN[channel["quantity"]]
    total = errors.total(channel["source"])
    return Row(
        name=channel["name"],
        address=str(source.get("address", "Wi-Fi" if "asleep" in source else "")),
        value=words.shown(channel["quantity"], value),
        datum=_datum(channel, lang) if value is not None else "",
        age=age if value is not None else "",
        why=why if value is None or state != OK else "",
        level=channel["level"],
        errors=NONE if total is None else f"{total:,}",
        state=state,
        step=10 ** (decimals - places),
    )


def _datum(channel: dict[str, Any], lang: str) -> str:
    """What a value is over: its datum, or the time of a sum."""
    if channel.get("rain"):
        return phrase("one_hour", lang)
    return words.word(channel["datum"], lang) if channel["datum"] else ""


def _judged(channel: dict[str, Any], source: dict[str, Any], lang: str, frozen: bool) -> tuple[str, str]:
    """(why there is no value, or what is wrong with it; the state word)."""
    age_ms, quality = channel["age_ms"], channel["quality"]
    age = words.age(age_ms, lang) if age_ms is not None else ""
    if frozen:
        return phrase("still", lang), FAIL
    if source.get("asleep"):
        return phrase("asleep", lang), SKIP
    if source.get("lost"):
        return (phrase("no_answer", lang, age=age) if age else phrase("never", lang)), FAIL
    if age_ms is None:
        return phrase("never", lang), FAIL
    flags = f" ({', '.join(channel['flags'])})" if channel["flags"] else ""
    if channel["value"] is None or quality in (FAILED, MISSING):
        return words.word(QUALITY_NAMES[quality if quality != GOOD else MISSING], lang) + flags, FAIL
    if quality != GOOD:
        return words.word(QUALITY_NAMES[quality], lang) + flags, LOOK
    if channel["late"]:
        return words.word("stale", lang), LOOK
    return "", OK
