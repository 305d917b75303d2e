"""One multi-drop line as pure arithmetic: who talks when, what everybody else hears, and when.

Rules of this file: no clock, no files; time comes in as nanoseconds of the machine's monotonic clock and never goes
back. A byte is heard when its last bit has left, never earlier. Whoever talks hears nothing (half duplex); two that
talk at once destroy both frames for everybody. `rate` shortens characters and silences as it does the station's time.

Frames are handed over whole at their end: a process that is scheduled a few milliseconds late between two pieces would
make silences that no wire has. Smaller pieces (`chunk_ns`) are for tests of receivers, at 1x.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from tools.emulator import rtu
from tools.emulator.line_end import MasterEnd
from tools.emulator.line_faults import Faults
from tools.emulator.uart_model import Setting

MASTER = 0  # The port of the gateway.
CHUNK_NS = 1_000_000_000  # Bytes are handed over in pieces of so much real time: whole frames.
PIECE_MAX = 256  # bytes: no frame is longer
FRAME_KEPT_MAX = 600
EVENTS_MAX = 100_000  # of one call; more means that something answers itself for ever
TALK_MAX = 4_096  # bytes that one port may still have to send; what is more was never a frame


class Heard(NamedTuple):
    """Bytes that have arrived at every port that is not in `deaf`."""

    data: bytes
    deaf: frozenset[int]


@dataclass(slots=True)
class Port:
    """Who is connected: the master, a device with an address, or a fault (`kind`)."""

    name: str
    kind: str
    address: int = 0
    frames: int = 0
    bytes: int = 0


@dataclass(slots=True)
class Burst:
    """Bytes of one port, back to back."""

    port: int
    start_ns: int
    char_ns: int
    data: bytearray
    heard: int = 0

    @property
    def end_ns(self) -> int:
        return self.start_ns + len(self.data) * self.char_ns


@dataclass(slots=True)
class Counts:
    """What was measured on the line. Times of the station's clock."""

    bytes: int = 0
    frames: int = 0
    collisions: int = 0
    gap_violations: int = 0  # frames of the master that began less than t3.5 after the last byte
    gap_min_ns: int | None = None
    answer_gap_violations: int = 0  # the same for answers of devices
    busy_ns: int = 0
    since_ns: int = 0


QuietListener = Callable[[bytes, int], None]


@dataclass
class Wire:
    """The line. `talk` when a port's bytes come in, `advance` to learn what was heard, `next_ns` when to look again.

    `quiet_listeners` get (bytes since the last silence, when the last of them ended) once t3.5 of silence has passed.
    """

    baud: int = 9600
    char_bits: int = 10
    rate: float = 1.0
    chunk_ns: int = CHUNK_NS
    faults: Faults = field(default_factory=Faults)
    ports: list[Port] = field(default_factory=lambda: [Port("master", "master")])
    counts: Counts = field(default_factory=Counts)
    quiet_listeners: list[QuietListener] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.end = MasterEnd(Setting(self.baud, "8N1" if self.char_bits == 10 else "8E1"))
        self._now_ns = 0
        self._station_ns = 0  # time of the station's clock, counted by the line itself
        self._bursts: list[Burst] = []
        self._due: list[tuple[int, int, int, bytes]] = []  # (when, order, port, data): bytes that will be said
        self._order = 0
        self._out: list[Heard] = []
        self._frame = bytearray()  # heard since the last silence
        self._asked = bytearray()  # the frame that the master is saying
        self._last_end_ns = 0  # end of the last byte of the master or a device
        self._heard_end_ns = 0  # end of the last byte of anybody
        self._clashing_until_ns = 0  # a receiver is busy with a destroyed character until then
        self._set_times()
        self._twin = self.join("twin", kind="fault")
        self._garbage = self.join("garbage", kind="fault")
        self._floating = self.join("floating", kind="fault")
        self._adapter = self.join("adapter", kind="fault")  # what only the master hears

    def join(self, name: str, address: int = 0, kind: str = "device") -> int:
        """Connect one more; its port number."""
        self.ports.append(Port(name, kind, address))
        return len(self.ports) - 1

    def set_speed(self, now_ns: int, *, baud: int | None = None, rate: float | None = None) -> None:
        """From now on another baud rate or rate of time; bytes on their way keep theirs."""
        self._run(now_ns)
        if (baud is not None and baud <= 0) or (rate is not None and rate <= 0):
            raise ValueError("baud and rate are above 0")
        self.baud = baud or self.baud
        self.rate = rate or self.rate
        self._set_times()

    def talk(self, port: int, data: bytes, now_ns: int) -> None:
        """`port` begins to say `data` now, or adds it to what it is still saying."""
        self._run(now_ns)
        self._begin(port, data, now_ns)

    def talk_at(self, port: int, data: bytes, at_ns: int) -> None:
        """`port` will begin to say `data` at `at_ns`."""
        self._order += 1
        heapq.heappush(self._due, (at_ns, self._order, port, data))

    def garbage(self, now_ns: int, station_s: float, seed: int, pause_chars: int | None = None) -> None:
        """For so long of the station's time somebody talks nonsense at full speed."""
        self._run(now_ns)
        pause = {} if pause_chars is None else {"pause_chars": pause_chars}
        self.faults.garbage(self._station_ns + round(station_s * 1e9), seed, **pause)
        self.talk_at(self._garbage, self.faults.nonsense()[1], now_ns)

    def let_float(self, now_ns: int, bytes_per_s: float) -> None:
        """From now on nothing holds the pair at mark while nobody drives it; 0 = something does."""
        self._run(now_ns)
        was = self.faults.floating_per_s
        self.faults.floating_per_s = bytes_per_s
        if bytes_per_s and not was:
            self.talk_at(self._floating, b"", now_ns)

    def advance(self, now_ns: int) -> list[Heard]:
        """Everything that arrived since the last call, in order."""
        self._run(now_ns)
        out, self._out = self._out, []
        return out

    def next_ns(self) -> int | None:
        """When something will happen by itself; None = only when somebody talks."""
        times = [self._due[0][0]] if self._due else []
        for burst in self._bursts:
            left = len(burst.data) - burst.heard
            step = min(left, PIECE_MAX, max(1, self.chunk_ns // burst.char_ns))
            times.append(burst.start_ns + (burst.heard + step) * burst.char_ns)
        if not times and self._frame and self.quiet_listeners:
            times.append(self._heard_end_ns + self._t35_ns)
        return min(times) if times else None

    def station_ns(self, at_ns: int) -> int:
        """The station's time, as the line counts it, at `at_ns` near now."""
        return self._station_ns + round((at_ns - self._now_ns) * self.rate)

    def reset_counts(self, now_ns: int) -> None:
        """Measure from here on."""
        self._run(now_ns)
        self.counts = Counts(since_ns=self._station_ns)
        for port in self.ports:
            port.frames = port.bytes = 0

    def stats(self, now_ns: int) -> dict:
        """What was measured, as plain data; times in microseconds of the station's clock."""
        self._run(now_ns)
        c = self.counts
        elapsed_ns = self._station_ns - c.since_ns
        return {
            "baud": self.baud,
            "rate": self.rate,
            "bytes": c.bytes,
            "frames": c.frames,
            "collisions": c.collisions,
            "gap_violations": c.gap_violations,
            "gap_min_us": None if c.gap_min_ns is None else c.gap_min_ns // 1000,
            "answer_gap_violations": c.answer_gap_violations,
            "t35_us": round(self._t35_ns * self.rate / 1000),
            "busy_us": c.busy_ns // 1000,
            "elapsed_us": elapsed_ns // 1000,
            "busy_permil": c.busy_ns * 1000 // elapsed_ns if elapsed_ns else 0,
            "ports": {p.name: {"address": p.address, "frames": p.frames, "bytes": p.bytes} for p in self.ports},
        }

    def _set_times(self) -> None:
        self._char_ns = rtu.char_ns(self.baud, self.char_bits, self.rate)
        self._t35_ns = rtu.t35_ns(self.baud, self.char_bits, self.rate)
        self.end.line_is(self.baud)

    def _run(self, now_ns: int) -> None:
        """Let everything happen that is due by `now_ns`, in its order."""
        for _ in range(EVENTS_MAX):
            horizon_ns = min(now_ns, self._due[0][0]) if self._due else now_ns
            self._carry(horizon_ns)
            quiet_ns = self._heard_end_ns + self._t35_ns
            if self._frame and not self._bursts and quiet_ns <= horizon_ns:
                self._be_quiet()
            elif self._due and self._due[0][0] <= now_ns:
                at_ns, _, port, data = heapq.heappop(self._due)
                self._begin(port, data, at_ns)
            else:
                break
        else:
            raise RuntimeError(f"the line did {EVENTS_MAX} things at once")
        if now_ns > self._now_ns:
            if self._now_ns:
                self._station_ns += round((now_ns - self._now_ns) * self.rate)
            self._now_ns = now_ns

    def _be_quiet(self) -> None:
        frame = bytes(self._frame)
        self._frame.clear()
        self.faults.remember(frame)
        for listener in self.quiet_listeners:
            listener(frame, self._heard_end_ns)

    def _begin(self, port: int, data: bytes, at_ns: int) -> None:
        who = self.ports[port]
        if port == self._adapter:
            self._out.append(Heard(data, self._all_but_master()))
            return
        if port == self._floating:
            data = self._float(data, at_ns)
        char_ns = self._char_ns
        if port == MASTER and not self.end.is_plain:
            data, char_ns = self._by_adapter(data, at_ns)
        if who.kind == "device":
            twin = self.faults.twin(who.address, data)
            data = self.faults.spoken(who.address, data)
            if twin and data:
                self.talk_at(self._twin, twin[1], at_ns + twin[0] * self._char_ns)
        if port == self._garbage:
            self._more_garbage(at_ns + len(data) * self._char_ns)
        if not data:
            return
        if who.kind != "fault":
            self._measure_gap(port, data, at_ns)
        own = next((b for b in self._bursts if b.port == port and b.end_ns >= at_ns), None)
        if own:
            own.data += data[: max(0, TALK_MAX - len(own.data))]
            end_ns = own.end_ns
        else:
            burst = Burst(port, at_ns, char_ns, bytearray(data[:TALK_MAX]))
            self.counts.collisions += any(b.end_ns > at_ns for b in self._bursts)
            self._bursts.append(burst)
            self.counts.frames += 1
            who.frames += 1
            end_ns = burst.end_ns
        who.bytes += len(data)
        if who.kind != "fault":
            self._last_end_ns = max(self._last_end_ns, end_ns)
            if tail := self.faults.tail():
                self.talk_at(self._floating, tail, end_ns)

    def _float(self, data: bytes, at_ns: int) -> bytes:
        """A byte that nobody sent, if nobody drives the pair; without `data` the next one is put down too."""
        if not self.faults.floating_per_s:
            return b""
        if not data:
            data, pause_s = self.faults.floated()
            self.talk_at(self._floating, b"", at_ns + max(1, round(pause_s * 1e9 / self.rate)))
        return b"" if any(burst.end_ns > at_ns for burst in self._bursts) else data

    def _by_adapter(self, data: bytes, at_ns: int) -> tuple[bytes, int]:
        """(what the others hear of the master's `data`, how long a character of it takes)."""
        setting = self.end.setting
        took_ns = len(data) * rtu.char_ns(setting.baud, setting.bits, self.rate)
        after = (data if self.faults.echo else b"") + self.end.after_own()
        if after:
            self.talk_at(self._adapter, after, at_ns + took_ns)
        heard = self.end.said(data)
        return heard, max(1, took_ns // len(heard)) if heard else self._char_ns

    def _all_but_master(self) -> frozenset[int]:
        return frozenset(range(MASTER + 1, len(self.ports)))

    def _more_garbage(self, at_ns: int) -> None:
        until_ns = self.faults.garbage_until_ns
        if until_ns is None or self.station_ns(at_ns) >= until_ns:
            self.faults.garbage_until_ns = None
            return
        pause_chars, data = self.faults.nonsense()
        self.talk_at(self._garbage, data, at_ns + pause_chars * self._char_ns)

    def _measure_gap(self, port: int, data: bytes, at_ns: int) -> None:
        """Frames and answers that begin less than t3.5 after the last byte break the standard (V1.02, 2.5.1.1)."""
        gap_ns = at_ns - self._last_end_ns
        early = bool(self._last_end_ns) and gap_ns < self._t35_ns
        if port != MASTER:
            self.counts.answer_gap_violations += early
            return
        if early and not rtu.is_whole(self._asked):
            self._asked += data[:FRAME_KEPT_MAX]  # The rest of a frame that came in two pieces.
            return
        self._asked = bytearray(data[:FRAME_KEPT_MAX])
        self.counts.gap_violations += early
        if self._last_end_ns:
            gap_ns = round(gap_ns * self.rate)
            least_ns = self.counts.gap_min_ns
            self.counts.gap_min_ns = gap_ns if least_ns is None else min(least_ns, gap_ns)

    def _carry(self, until_ns: int) -> None:
        """Deliver the bytes whose last bit has left by `until_ns`."""
        bursts = self._bursts
        if not bursts:
            return
        if len(bursts) == 1:
            burst = bursts[0]
            done = min(len(burst.data), (until_ns - burst.start_ns) // burst.char_ns)
            if done > burst.heard and (done == len(burst.data) or self._is_piece(burst, done)):
                self._heard_end_ns = burst.start_ns + done * burst.char_ns
                self._deliver(bytes(burst.data[burst.heard : done]), burst, frozenset())
                burst.heard = done
        else:
            self._carry_clash(until_ns)
        self._bursts = [b for b in bursts if b.heard < len(b.data) or self._still_matters(b)]

    def _is_piece(self, burst: Burst, done: int) -> bool:
        return (done - burst.heard) * burst.char_ns >= self.chunk_ns or done - burst.heard >= PIECE_MAX

    def _still_matters(self, ended: Burst) -> bool:
        return any(b.heard < len(b.data) and b.start_ns < ended.end_ns for b in self._bursts)

    def _carry_clash(self, until_ns: int) -> None:
        """Byte by byte while several talk: what overlaps is destroyed, and a receiver hears one character at a time."""
        steps = []
        for order, burst in enumerate(self._bursts):
            done = min(len(burst.data), (until_ns - burst.start_ns) // burst.char_ns)
            steps += [(burst.start_ns + (i + 1) * burst.char_ns, order, i) for i in range(burst.heard, done)]
        for end_ns, order, i in sorted(steps):
            burst = self._bursts[order]
            burst.heard = i + 1
            self._heard_end_ns = end_ns
            start_ns = end_ns - burst.char_ns
            rivals = [b for b in self._bursts if b is not burst and b.start_ns < end_ns and b.end_ns > start_ns]
            if not rivals:
                self._deliver(bytes(burst.data[i : i + 1]), burst, frozenset())
            elif start_ns >= self._clashing_until_ns:
                self._clashing_until_ns = end_ns
                rival = rivals[0]
                at = min(max(0, (start_ns - rival.start_ns) // rival.char_ns), len(rival.data) - 1)
                byte = self.faults.clash(burst.data[i], rival.data[at])
                self._deliver(bytes((byte,)), burst, frozenset(b.port for b in rivals))

    def _deliver(self, data: bytes, burst: Burst, rivals: frozenset[int]) -> None:
        if self.faults.ring_us:
            data = self.faults.reflected(data, 500_000 / self.baud)
        data = self.faults.arriving(data)
        self.counts.bytes += len(data)
        self.counts.busy_ns += round(len(data) * burst.char_ns * self.rate)
        if len(self._frame) < FRAME_KEPT_MAX:
            self._frame += data
        deaf = rivals | {burst.port}
        if self.faults.echo and (burst.port != MASTER or self.end.is_plain):
            deaf -= {MASTER}
        if self.faults.silent:
            deaf |= {
                n for n, port in enumerate(self.ports) if port.kind == "device" and port.address in self.faults.silent
            }
        if MASTER not in deaf and burst.port != MASTER and not self.end.is_plain:
            self._out.append(Heard(self.end.hears(data), self._all_but_master()))
            deaf |= {MASTER}
        self._out.append(Heard(data, deaf))
