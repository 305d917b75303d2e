"""Events of the station's own judgement, as maps with the keys of wire.telemetry.

Rules of this file: no clock, disk or network; a key without a value is left out.
"""

from typing import NamedTuple

from gateway.changes import REBASED, Change
from gateway.level import metres
from gateway.points import Note, Point
from gateway.snapshot import NO_VALUES, datum_of, quantity_of
from gateway.tilt import Baseline
from wire.telemetry import (
    E_ACTOR,
    E_AT_MS,
    E_BASELINE,
    E_BASELINE_BEFORE,
    E_CHANNEL,
    E_DATUM,
    E_DETAIL,
    E_DETECTED_MS,
    E_DIFFERENCE,
    E_EPISODE_MS,
    E_KIND,
    E_LEVEL,
    E_MODE,
    E_NUMBER,
    E_QUANTITY,
    E_RULE,
    E_SIREN_MS,
    E_SOURCE,
    E_SUPPRESSED,
    E_THRESHOLD,
    E_THRESHOLD_SET,
    E_TIER,
    E_UNTIL_MS,
    E_VALUE,
    EVENT_CODES,
    MODES,
)

Event = dict[int, object]


class Gone(NamedTuple):
    """An episode of a rule that is no longer configured."""

    episode_ms: int
    number: int
    mode: int


def alarm_event(change: Change, point: Point | None, detected_ms: int, siren_ms: int | None, serial: bytes) -> Event:
    """A change of an alarm, in its episode's mode; `point` is its channel, None for a rule over a source; `siren_ms`:
    the siren changed.
    """
    rule = change.alarm.rule
    return _without_none(
        {
            E_KIND: EVENT_CODES[change.kind],
            E_AT_MS: change.at_ms,
            E_DETECTED_MS: detected_ms,
            E_RULE: rule.name,
            E_CHANNEL: rule.channel,
            E_LEVEL: change.level,
            E_VALUE: change.value,
            E_THRESHOLD: change.threshold if rule.kind not in NO_VALUES else None,
            E_THRESHOLD_SET: change.threshold_set or None,
            E_DATUM: datum_of(rule, point) or None,
            E_MODE: change.alarm.mode,
            E_DETAIL: change.detail or ("observed" if rule.kind == "storm" else None),
            E_QUANTITY: quantity_of(rule, point),
            E_SIREN_MS: siren_ms if rule.siren else None,
            E_SOURCE: serial or None,
            E_EPISODE_MS: change.episode_ms,
            E_NUMBER: change.number or None,
            E_UNTIL_MS: change.until_ms or None,
            E_TIER: change.tier or None,
            E_ACTOR: change.actor or None,
            E_SUPPRESSED: change.alarm.suppressed or None,
            E_BASELINE: _baseline(basis.baseline) if (basis := change.alarm.basis) is not None else None,
        }
    )


def note_event(note: Note, now_ms: int, mode: str, serial: bytes) -> Event:
    """What a judge has to tell beside its alarm. KeyError for a kind that wire.telemetry has not."""
    event = plain_event(note.kind, now_ms, mode, note.source, note.detail, note.channel, serial)
    baselines: dict[int, object | None] = {
        E_BASELINE: _baseline(note.baseline),
        E_BASELINE_BEFORE: _baseline(note.before),
    }
    return event | _without_none(baselines | {E_ACTOR: note.actor or None})


def gone_event(rule: str, channel: str, saved: Gone, now_ms: int) -> Event:
    """The end of an episode whose rule is no longer configured: never in silence."""
    return {
        E_KIND: EVENT_CODES[REBASED],
        E_AT_MS: now_ms,
        E_DETECTED_MS: now_ms,
        E_RULE: rule,
        E_CHANNEL: channel,
        E_LEVEL: 0,
        E_MODE: saved.mode,
        E_DETAIL: "the rule is no longer configured",
        E_EPISODE_MS: saved.episode_ms,
        E_NUMBER: saved.number,
    }


def plain_event(
    kind: str, now_ms: int, mode: str, source: str, detail: str, channel: str, serial: bytes, more: Event | None = None
) -> Event:
    """Everything that is no alarm. KeyError for a kind that wire.telemetry has not."""
    return (more or {}) | _without_none(
        {
            E_KIND: EVENT_CODES[kind],
            E_AT_MS: now_ms,
            E_DETECTED_MS: now_ms,
            E_CHANNEL: channel or None,
            E_MODE: MODES.index(mode),
            E_DETAIL: ": ".join(part for part in (source, detail) if part) or None,
            E_SOURCE: serial or None,
        }
    )


def staff_event(
    point: Point, staff_mm: int, difference_mm: int | None, actor: str, at: tuple[int, int], mode: str, serial: bytes
) -> Event:
    """A staff reading at the first of `at`, told at the second (unix ms); None = the sensor said nothing then."""
    assert point.staff is not None
    assert point.channel.level is not None
    detail = None
    if difference_mm is None:
        detail = "no value of the sensor at that time"
    elif point.staff.off:
        detail = f"more than {metres(point.staff.limit_mm)} apart: calibrate"
    return _without_none(
        {
            E_KIND: EVENT_CODES["staff reading"],
            E_AT_MS: at[0],
            E_DETECTED_MS: at[1],
            E_CHANNEL: point.channel.name,
            E_VALUE: staff_mm,
            E_DATUM: point.channel.level.datum,
            E_MODE: MODES.index(mode),
            E_DETAIL: detail,
            E_QUANTITY: point.quantity,
            E_SOURCE: serial or None,
            E_ACTOR: actor or None,
            E_DIFFERENCE: difference_mm,
        }
    )


def _baseline(baseline: Baseline | None) -> list[object] | None:
    return None if baseline is None else [baseline.version, list(baseline.vector)]


def _without_none(event: dict[int, object | None]) -> Event:
    return {key: value for key, value in event.items() if value is not None}
