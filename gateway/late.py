"""Rows that a board wrote while nobody looked, judged for the record when they have come (DESIGN 6).

Rules of this file: no siren, no change of the present state. The judge is a station of its own on the rows' time,
which begins with the state in which the outage began; what it says goes out as events marked late, each once. Rows
of times in which now-values were judged are left alone. Bounded: so many outages of a source, so many rows a turn.
"""

import asyncio
from typing import Any, NamedTuple, Protocol

import cbor2
from msgspec.structs import replace

from gateway.clock import Clock, StandingClock
from gateway.clock_steps import is_known
from gateway.config import Siren as SirenConfig
from gateway.config import Source
from gateway.config import Station as StationConfig
from gateway.points import NowValue
from gateway.siren import Siren
from gateway.spool import Spool, StoreError
from gateway.station import Station
from wire.reading import NEVER
from wire.row import DATA, Row, RowError, unpack
from wire.telemetry import (
    E_AT_MS,
    E_CHANNEL,
    E_DETAIL,
    E_DETECTED_MS,
    E_EPISODE_MS,
    E_KIND,
    E_LATE,
    E_LEVEL,
    E_RULE,
    E_SIREN_MS,
    E_SOURCE,
    EVENT_CODES,
    SOURCE_BOARD,
)

STATE = "late"  # name of the kept state
LOOK_MS = 5_000
OUTAGE_MS = 90_000  # A board that was not seen for longer has rows of its own about it.
BACK_MS = 10_000  # One that was seen within this is back.
KEEP_MS = 60_000
OUTAGES_MAX = 4  # Of one source, each with the state in which it began; what happens in a fifth is not judged.
SLICE_ROWS = 120  # Rows judged at once: a few milliseconds.
TURNS_MAX = 50  # Slices of one look.
_LEFT_OUT = ("lost", "fault", "storage")  # They are about the gateway's own seeing, which there was not.
_TOLD = frozenset(EVENT_CODES[f"alarm {what}"] for what in ("raised", "escalated", "lowered", "cleared"))

Event = dict[int, object]


class Outage(NamedTuple):
    """A time in which `source` was not judged. `end_ms` 0 = it still is not; `cursors`: the last seq that is no
    business of ours, of each log by serial and epoch; `rows`, `changes`: what has been judged of it.
    """

    source: str
    begin_ms: int
    end_ms: int
    state: bytes  # of the station, when it began; then of the judge
    cursors: dict[tuple[bytes, int], int]
    rows: int = 0
    changes: int = 0


class Sink(Protocol):
    def event(self, event: Event) -> None: ...


class LateRows:
    """`look()` each LOOK_MS; `judge()` whatever has come. `tell` takes events over, the spool keeps the state."""

    def __init__(self, config: StationConfig, clock: Clock, station: Station, spool: Spool, sink: Sink) -> None:
        self._config = config
        self._clock = clock
        self._station = station
        self._spool = spool
        self._sink = sink
        self._boards = {source.name: source for source in config.sources if source.board_type}
        self._seen: dict[str, int] = {}  # unix ms of what was judged last of each board
        self._outages: list[Outage] = []
        self._told: set[tuple[object, ...]] = set()  # late events that came after the kept state
        self._kept_ms = clock.mono_ms()

    @property
    def outages(self) -> list[Outage]:
        return self._outages

    def restore(self, data: bytes | None, state: bytes | None, events: list[Event]) -> bool:
        """Take over what was kept, and the late `events` that came after it. While the gateway was down nobody was
        judged: `state` is the station's of then. False where `data` cannot be read.
        """
        self._told = {_identity(event) for event in events if event.get(E_LATE)}
        if data is None:
            return True
        try:
            seen, outages = cbor2.loads(data)
            self._seen = {name: int(at_ms) for name, at_ms in seen.items() if name in self._boards}
            self._outages = [_outage(kept) for kept in outages if kept[0] in self._boards]
        except (cbor2.CBORDecodeError, ValueError, TypeError, AttributeError, IndexError, KeyError):
            self._seen, self._outages = {}, []
            return False
        now_ms = self._clock.unix_ms()
        if state is not None and is_known(now_ms):
            try:
                kept_ms = _kept_at(state)
            except (cbor2.CBORDecodeError, ValueError, TypeError, KeyError):
                return True  # Whoever owns the state tells that it cannot be read.
            for name, seen_ms in self._seen.items():
                if now_ms - seen_ms > OUTAGE_MS:
                    self._open(name, max(seen_ms, kept_ms), state)
        return True

    def look(self) -> None:
        """Note which boards are out of sight, and which are back."""
        mono_ms, now_ms = self._clock.mono_ms(), self._clock.unix_ms()
        if not is_known(now_ms):
            return
        for name in self._boards:
            age_ms = self._station.unseen_ms(name)
            if age_ms is not None:
                self._look(name, age_ms, now_ms)
        if mono_ms - self._kept_ms >= KEEP_MS:
            self._kept_ms = mono_ms
            self._spool.note_state(STATE, self._state())

    async def judge(self) -> None:
        """Judge what has come of the outages; what is not here yet comes with another turn."""
        for _ in range(TURNS_MAX):
            busy = False
            for outage in list(self._outages):
                busy |= await self._judge(outage)
            if not busy:
                return
            await asyncio.sleep(0)  # A poll is due before the next slice.

    def _look(self, name: str, age_ms: int, now_ms: int) -> None:
        still = next((outage for outage in self._outages if outage.source == name and not outage.end_ms), None)
        if age_ms <= BACK_MS:
            if still is not None:
                self._change(still, still._replace(end_ms=now_ms - age_ms))
            self._seen[name] = now_ms - age_ms
        elif age_ms > OUTAGE_MS and still is None:
            self._open(name, now_ms - age_ms, self._station.state_bytes())

    def _open(self, name: str, begin_ms: int, state: bytes) -> None:
        of_source = [outage for outage in self._outages if outage.source == name]
        if len(of_source) >= OUTAGES_MAX or any(not outage.end_ms for outage in of_source):
            return
        cursors = {log.key: log.here().last for log in self._logs(name)}
        self._outages.append(Outage(name, begin_ms, 0, state, cursors))
        self._keep()

    def _logs(self, name: str) -> list[Any]:
        return [log for log in self._spool.all_logs() if log.info.name == name and log.info.kind == SOURCE_BOARD]

    async def _judge(self, outage: Outage) -> bool:
        """One slice of one log; False if there was nothing to do."""
        for log in self._logs(outage.source):
            cursor = outage.cursors.get(log.key, 0)
            last = min(self._spool.watermark(*log.key), cursor + SLICE_ROWS)
            if last <= cursor:
                continue
            try:
                stored = await self._spool.read(
                    lambda reader, key=log.key, span=(cursor + 1, last): reader.rows(key, *span, SLICE_ROWS)
                )
            except StoreError:
                return False  # The disk is not to be had: later.
            rows = [row for found in stored if (row := _row(found[5], log.key[1])) is not None]
            within = [row for row in rows if outage.begin_ms < row.t_s * 1000 + row.ms <= (outage.end_ms or 1 << 62)]
            over = bool(outage.end_ms) and any(row.t_s * 1000 + row.ms > outage.end_ms for row in rows)
            after = outage._replace(cursors=outage.cursors | {log.key: last}, rows=outage.rows + len(within))
            if within:
                after = self._judge_rows(after, within)
            self._change(outage, None if over else after)
            if over:
                self._tell_end(after, log.key[0])
            return True
        return False

    def _judge_rows(self, outage: Outage, rows: list[Row]) -> Outage:
        """Let the judge of the record see `rows`, and tell what it found."""
        judge = _Judge(self._config, self._boards[outage.source], outage.state)
        changes = outage.changes
        for event in judge.events(outage.source, rows):
            if _identity(event) not in self._told:
                self._sink.event(event | {E_LATE: 1, E_DETECTED_MS: self._clock.unix_ms()})
                changes += 1
        return outage._replace(state=judge.state(), changes=changes)

    def _tell_end(self, outage: Outage, serial: bytes) -> None:
        if not outage.rows:
            return
        now_ms = self._clock.unix_ms()
        detail = f"{outage.source}: {outage.rows} rows of an outage, {outage.changes} changes of alarms"
        event: Event = {E_KIND: EVENT_CODES["late rows judged"], E_AT_MS: outage.begin_ms, E_DETECTED_MS: now_ms}
        self._sink.event(event | {E_DETAIL: detail, E_SOURCE: serial, E_LATE: 1})

    def _change(self, outage: Outage, after: Outage | None) -> None:
        place = self._outages.index(outage)
        self._outages[place : place + 1] = [] if after is None else [after]
        self._keep()

    def _keep(self) -> None:
        self._kept_ms = self._clock.mono_ms()
        self._spool.keep_state(STATE, self._state())

    def _state(self) -> bytes:
        kept = []
        for outage in self._outages:
            cursors = [[*key, seq] for key, seq in outage.cursors.items()]
            kept.append([*outage[:4], cursors, outage.rows, outage.changes])
        return cbor2.dumps([self._seen, kept])


class _Judge:
    """A station that sees rows of the past, with nobody around it."""

    def __init__(self, config: StationConfig, source: Source, state: bytes) -> None:
        own = {channel.name for channel in source.channels}
        rules = tuple(rule for rule in config.rules if rule.channel in own and rule.kind not in _LEFT_OUT)
        self._names = {rule.name for rule in rules}
        self._clock = StandingClock(_kept_at(state))
        self._found: list[Event] = []
        siren = Siren(SirenConfig(), self._clock)
        self._station = Station(replace(config, rules=rules), self._clock, siren, self)
        self._station.restore(state)
        self._found.clear()

    def events(self, source: str, rows: list[Row]) -> list[Event]:
        """What the rules say of `rows`; ascending times, another is left out."""
        for row in rows:
            at_ms = row.t_s * 1000 + row.ms
            self._clock.now_ms = at_ms
            words = [NowValue(r.channel, r.value, r.quality, 0, at_ms, at_ms) for r in row.readings]
            self._station.on_now(source, words)
        found, self._found = self._found, []
        return found

    def state(self) -> bytes:
        return self._station.state_bytes()

    # As the sink of its own station.

    def event(self, event: Event) -> None:
        if event[E_KIND] in _TOLD and event.get(E_RULE) in self._names:
            event.pop(E_SIREN_MS, None)
            self._found.append(event)

    def keep_state(self, name: str, data: bytes) -> None:
        """Its state is asked for."""

    note_state = keep_state


def _identity(event: Event) -> tuple[object, ...]:
    return tuple(event.get(key) for key in (E_KIND, E_RULE, E_CHANNEL, E_EPISODE_MS, E_AT_MS, E_LEVEL))


def _row(packed: bytes, epoch: int) -> Row | None:
    """A row with a time; None for another."""
    try:
        row = unpack(packed, epoch)
    except RowError:
        return None
    return row if row.kind == DATA and row.time_quality != NEVER else None


def _kept_at(state: bytes) -> int:
    """Unix ms at which the state of a station was kept. ValueError, TypeError for no such."""
    return int(cbor2.loads(state)[1])


def _outage(kept: list) -> Outage:
    source, begin_ms, end_ms, state, cursors, rows, changes = kept
    _kept_at(state)
    places = {(bytes(serial), int(epoch)): int(seq) for serial, epoch, seq in cursors}
    return Outage(str(source), int(begin_ms), int(end_ms), bytes(state), places, int(rows), int(changes))
