"""What of a station's judgement survives a restart, as CBOR: alarms, rain, baselines, who is lost, which mode.

Rules of this file: no clock, disk or network. Monotonic times are kept as ages beside the unix time of keeping; how
long the gateway was down is the difference of unix times, and never negative.
"""

import cbor2
from msgspec import Struct

from gateway.config import Station
from gateway.points import Kept, Points
from wire.telemetry import E_DETAIL, E_EPISODE_MS, E_KIND, E_LEVEL, E_RULE, E_VALUE, EVENT_KINDS, MODES

VERSION = 2
_ALARM_KINDS = frozenset(code for code, name in EVENT_KINDS.items() if name.startswith("alarm "))


class StateError(ValueError):
    """A kept state that cannot be taken over; the text says why."""


class Saved(Struct, frozen=True):
    """What a kept state says beside what it restores into the points."""

    mode: str
    lost_sources: set[str]
    gone: list[str]  # rules that were active and are no longer configured
    unread: list[str]  # windows, baselines ... that could not be taken over


def pack_state(points: Points, config_mode: str, mode: str, lost_sources: set[str], now: tuple[int, int]) -> bytes:
    """The state at `now` (monotonic ms, unix ms)."""
    mono_ms, unix_ms = now
    faulty = [name for name, point in points.by_channel.items() if point.faulty]
    return cbor2.dumps(
        {
            0: VERSION,
            1: unix_ms,
            2: [config_mode, mode],
            3: {name: [alarm.rule.channel, alarm.save(mono_ms)] for name, alarm in points.alarms.items()},
            4: _saved(points.kept, mono_ms),
            7: sorted(lost_sources),
            8: faulty,
        }
    )


def unpack_state(data: bytes, points: Points, config: Station, now: tuple[int, int]) -> Saved:
    """Put a kept state into fresh `points`, without what the configuration no longer has. StateError if unreadable."""
    try:
        state = cbor2.loads(data)
        if state[0] != VERSION:
            raise StateError(f"version {state[0]}, not {VERSION}")
        return _unpack(state, points, config, now)
    except (cbor2.CBORDecodeError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise StateError(f"{type(error).__name__}: {error}") from error


def recall_events(points: Points, events: list[dict]) -> None:
    """Take over alarm events of the log, oldest first: those that came after the kept state."""
    for event in events:
        if event[E_KIND] not in _ALARM_KINDS:
            continue
        alarm = points.alarms.get(event.get(E_RULE, ""))
        if alarm is not None:
            kind = EVENT_KINDS[event[E_KIND]]
            alarm.adopt(kind, event[E_LEVEL], event[E_EPISODE_MS], event.get(E_VALUE), event.get(E_DETAIL, ""))


def _unpack(state: dict, points: Points, config: Station, now: tuple[int, int]) -> Saved:
    mono_ms, unix_ms = now
    down_ms = max(0, unix_ms - state[1])
    gone = []
    for name, (channel, saved) in state[3].items():
        alarm = points.alarms.get(name)
        if alarm is not None and alarm.rule.channel == channel:
            alarm.restore(saved, mono_ms, down_ms)
        elif saved[2]:
            gone.append(name)
    unread = _restore(points.kept, state[4], mono_ms, down_ms)
    for name in state[8]:
        if name in points.by_channel:
            points.by_channel[name].faulty = True
    config_mode, mode = state[2]
    if mode not in MODES or config_mode != config.mode:
        mode = config.mode  # The configuration was changed since: it is newer.
    lost = {name for name in state[7] if name in points.by_source}
    return Saved(mode, lost, gone, unread)


def _saved(kept: dict[str, dict[str, Kept]], mono_ms: int) -> dict[str, dict[str, object]]:
    out = {}
    for kind, of_kind in kept.items():
        out[kind] = {name: one.save(mono_ms) for name, one in of_kind.items()}
        for one in of_kind.values():
            if one.moved:
                one.moved = False
    return out


def _restore(kept: dict[str, dict[str, Kept]], saved: dict, mono_ms: int, down_ms: int) -> list[str]:
    """Put back what the configuration still has; the names of what could not be read."""
    unread = []
    for kind, of_kind in kept.items():
        for name, one in of_kind.items():
            if name not in saved.get(kind, {}):
                continue
            try:
                one.restore(saved[kind][name], mono_ms, down_ms)
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, OverflowError):
                unread.append(f"{kind} {name}")
    return unread
