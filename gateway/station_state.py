"""What of a station's judgement survives a restart, as CBOR: alarms, rain, baselines, who is lost, which mode.

Rules of this file: no clock, disk or network. Monotonic times are kept as ages beside the unix time of keeping; how
long the gateway was down is the difference of unix times, and never negative.
"""

import cbor2
from msgspec import Struct

from gateway.config import Station
from gateway.points import Points
from wire.telemetry import E_DETAIL, E_EPISODE_MS, E_KIND, E_LEVEL, E_RULE, E_VALUE, EVENT_KINDS, MODES

VERSION = 1
_ALARM_KINDS = frozenset(code for code, name in EVENT_KINDS.items() if name.startswith("alarm "))


class StateError(ValueError):
    """A kept state that cannot be taken over; the text says why."""


class Saved(Struct, frozen=True):
    """What a kept state says beside what it restores into the points."""

    mode: str
    lost_sources: set[str]
    gone: list[str]  # rules that were active and are no longer configured


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
            4: {name: gauge.rain.save(mono_ms // 1000) for name, gauge in points.gauges.items()},
            5: {name: rise.save(mono_ms) for name, rise in points.rises.items()},
            6: {name: turn.save() for name, turn in points.turns.items()},
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
    for name, saved in state[4].items():
        if name in points.gauges:
            points.gauges[name].rain.restore(saved, mono_ms // 1000, down_ms // 1000)
    for name, saved in state[5].items():
        if name in points.rises:
            points.rises[name].restore(saved, mono_ms, down_ms)
    for name, saved in state[6].items():
        if name in points.turns:
            points.turns[name].restore(saved)
    for name in state[8]:
        if name in points.by_channel:
            points.by_channel[name].faulty = True
    config_mode, mode = state[2]
    if mode not in MODES or config_mode != config.mode:
        mode = config.mode  # The configuration was changed since: it is newer.
    lost = {name for name in state[7] if name in points.by_source}
    return Saved(mode, lost, gone)
