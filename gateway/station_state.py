"""What of a station's judgement survives a restart, as CBOR: alarms, rain, baselines, who is lost, which mode.

Rules of this file: no clock, disk or network. Monotonic times are kept as ages beside the unix time of keeping; how
long the gateway was down says gateway.downtime.
"""

import cbor2
from msgspec import Struct

from gateway.changes import Recalled
from gateway.config import Station
from gateway.downtime import Mark, Witness, down_ms
from gateway.events import Gone
from gateway.points import Kept, Points
from gateway.station_mode import SIREN_OFF, Mode, configured, mode_of
from wire.telemetry import (
    E_ACTOR,
    E_AT_MS,
    E_CHANNEL,
    E_DETAIL,
    E_EPISODE_MS,
    E_KIND,
    E_LATE,
    E_LEVEL,
    E_MODE,
    E_NUMBER,
    E_RULE,
    E_THRESHOLD,
    E_THRESHOLD_SET,
    E_TIER,
    E_UNTIL_MS,
    E_VALUE,
    EVENT_KINDS,
    MODES,
)

VERSION = 4
Now = tuple[int, int]  # monotonic ms, unix ms
Machine = tuple[str, int]  # name of its run ("" = not known), ms since it began
NO_MACHINE: Machine = ("", 0)


class StateError(ValueError):
    """A kept state that cannot be taken over; the text says why."""


class Saved(Struct):
    """What a kept state says beside what it restores into the points."""

    mode: Mode
    lost_sources: set[str]
    gone: dict[tuple[str, str], Gone]  # episodes of (rule, channel) that are no longer configured
    unread: list[str]  # windows, baselines ... that could not be taken over


def pack_state(
    points: Points, config_mode: str, mode: Mode, lost_sources: set[str], now: Now, machine: Machine
) -> bytes:
    """The state at `now`; `machine`: which run of the machine, and for how long."""
    mono_ms, unix_ms = now
    faulty = [name for name, point in points.by_channel.items() if point.faulty]
    return cbor2.dumps(
        {
            0: VERSION,
            1: unix_ms,
            2: [config_mode, mode.save(mono_ms)],
            3: {name: [alarm.rule.channel, alarm.save(mono_ms)] for name, alarm in points.alarms.items()},
            4: _saved(points.kept, mono_ms),
            7: sorted(lost_sources),
            8: faulty,
            9: list(machine),
        }
    )


def unpack_state(data: bytes, points: Points, config: Station, now: Now, machine: Machine) -> Saved:
    """Put a kept state into fresh `points`, without what the configuration no longer has. StateError if unreadable."""
    try:
        state = cbor2.loads(data)
        if state[0] != VERSION:
            raise StateError(f"version {state[0]}, not {VERSION}")
        return _unpack(state, points, config, now, machine)
    except (cbor2.CBORDecodeError, ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise StateError(f"{type(error).__name__}: {error}") from error


def recall_events(points: Points, events: list[dict], saved: Saved, now: Now) -> None:
    """Take over what the log says that came after the kept state, oldest first; what was judged late is no state."""
    mono_ms, unix_ms = now
    for event in events:
        if event.get(E_LATE):
            continue
        kind = EVENT_KINDS.get(event[E_KIND], "")
        if kind == "mode changed":
            saved.mode = _recalled_mode(event, now)
        elif kind in ("sensor fault", "sensor back") and event.get(E_CHANNEL) in points.by_channel:
            points.by_channel[event[E_CHANNEL]].faulty = kind == "sensor fault"
        if not kind.startswith("alarm "):
            continue
        rule, channel = event.get(E_RULE, ""), event.get(E_CHANNEL, "")
        alarm = points.alarms.get(rule)
        if alarm is not None and alarm.rule.channel == channel:
            alarm.adopt(_recalled(kind, event), mono_ms, unix_ms)
        elif event[E_LEVEL]:
            saved.gone[rule, channel] = Gone(event[E_EPISODE_MS], event.get(E_NUMBER, 0), event.get(E_MODE, 0))
        else:
            saved.gone.pop((rule, channel), None)


def _recalled(kind: str, event: dict) -> Recalled:
    return Recalled(
        kind=kind,
        level=event[E_LEVEL],
        at_ms=event[E_AT_MS],
        episode_ms=event[E_EPISODE_MS],
        number=event.get(E_NUMBER, 0),
        value=event.get(E_VALUE),
        threshold=event.get(E_THRESHOLD),
        threshold_set=event.get(E_THRESHOLD_SET, ""),
        actor=event.get(E_ACTOR, ""),
        tier=event.get(E_TIER, ""),
        until_ms=event.get(E_UNTIL_MS, 0),
        mode=event.get(E_MODE, 0),
        detail=event.get(E_DETAIL, ""),
    )


def _recalled_mode(event: dict, now: Now) -> Mode:
    mono_ms, unix_ms = now
    until_unix_ms = event.get(E_UNTIL_MS, 0)
    until_ms = mono_ms + until_unix_ms - unix_ms if until_unix_ms else None
    siren = event.get(E_DETAIL) != SIREN_OFF
    return Mode(MODES[event.get(E_MODE, 0)], siren, event.get(E_ACTOR, ""), until_ms, until_unix_ms)


def _unpack(state: dict, points: Points, config: Station, now: Now, machine: Machine) -> Saved:
    mono_ms, unix_ms = now
    kept = Mark(state[1], *state.get(9, NO_MACHINE))
    away_ms = down_ms(kept, Mark(unix_ms, *machine))
    gone = {}
    for name, (channel, saved) in state[3].items():
        alarm = points.alarms.get(name)
        if alarm is not None and alarm.rule.channel == channel:
            alarm.restore(saved, mono_ms, away_ms)
        elif saved[1]:
            gone[name, channel] = Gone(saved[3], saved[4], saved[-1])
    unread = _restore(points.kept, state[4], mono_ms, away_ms)
    witness = points.kept_as("downtime", "boards", Witness)
    if witness is not None and kept.machine and kept.machine == machine[0]:
        witness.trust()
    for name in state[8]:
        if name in points.by_channel:
            points.by_channel[name].faulty = True
    config_mode, saved_mode = state[2]
    mode = mode_of(saved_mode, mono_ms, away_ms)
    if config_mode != config.mode:
        mode = configured(config)  # The configuration was changed since: it is newer.
    lost = {name for name in state[7] if name in points.by_source}
    return Saved(mode, lost, gone, unread)


def _saved(kept: dict[str, dict[str, Kept]], mono_ms: int) -> dict[str, dict[str, object]]:
    return {kind: {name: one.save(mono_ms) for name, one in of_kind.items()} for kind, of_kind in kept.items()}


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
