"""The station's clock: monotonic milliseconds that alarms run on, and unix time that rows are stamped with.

Rules of this file: nobody else in gateway/ asks the operating system for the time. On a rig the clock may run faster
than
the world: a clock file (`RIVERPOST_CLOCK`) maps the machine's monotonic clock to the station's; link time-outs, MQTT
and
fsync stay real.
"""

import asyncio
import mmap
import os
import struct
import time
from pathlib import Path

_LAYOUT = "<qqqqqq"  # generation, unix_ms, mono_ms, real_ns, rate_milli, generation again (a torn read shows)
_SIZE = struct.calcsize(_LAYOUT)
_READS_MAX = 1_000
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def write_clock_file(path: Path, unix_ms: int, mono_ms: int, rate: float) -> None:
    """From now on the station's clock is `unix_ms`, `mono_ms` and runs `rate` times as fast as the world."""
    generation = 1
    if path.exists():
        generation = struct.unpack_from("<q", path.read_bytes())[0] + 1
    else:
        path.write_bytes(bytes(_SIZE))
    packed = struct.pack(_LAYOUT, generation, unix_ms, mono_ms, time.monotonic_ns(), round(rate * 1000), generation)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), _SIZE) as view:
        view[:] = packed


class Clock:
    """The world's clock, or the one that a clock file describes."""

    def __init__(self, path: str | None = None, machine: str = "") -> None:
        self._view: mmap.mmap | None = None
        self._machine = machine
        if path:
            with Path(path).open("r+b") as file:
                self._view = mmap.mmap(file.fileno(), _SIZE, access=mmap.ACCESS_READ)
                self._machine = machine and f"{machine} {os.fstat(file.fileno()).st_ino}"

    @classmethod
    def from_environment(cls) -> "Clock":
        """The one that the process is to go by; it knows which run of the machine this is."""
        machine = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""
        return cls(os.environ.get("RIVERPOST_CLOCK") or None, machine)

    def mono_ms(self) -> int:
        """Milliseconds that never step; only differences mean anything."""
        if self._view is None:
            return time.monotonic_ns() // 1_000_000
        _, mono_ms, real_ns, rate_milli = self._anchor()
        return mono_ms + (time.monotonic_ns() - real_ns) * rate_milli // 1_000_000_000

    def mono_us(self) -> int:
        """The same clock as `mono_ms`, in microseconds: silences on the wire are that short."""
        if self._view is None:
            return time.monotonic_ns() // 1_000
        _, mono_ms, real_ns, rate_milli = self._anchor()
        return mono_ms * 1_000 + (time.monotonic_ns() - real_ns) * rate_milli // 1_000_000

    def machine(self) -> tuple[str, int]:
        """(name of this run of the machine, ms since it began): they go on while a process is away, whatever steps.

        "" where it is not known. Of a clock file it is the file's own monotonic time, as long as it is this file.
        """
        if self._view is not None or not self._machine:
            return self._machine, self.mono_ms() if self._machine else 0
        return self._machine, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def unix_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC; may step."""
        if self._view is None:
            return time.time_ns() // 1_000_000
        unix_ms, _, real_ns, rate_milli = self._anchor()
        return unix_ms + (time.monotonic_ns() - real_ns) * rate_milli // 1_000_000_000

    @property
    def steady(self) -> bool:
        """Does the rate stay as it is? Then a wait needs no second look at the clock."""
        return self._view is None

    def both(self) -> tuple[int, int]:
        """(unix_ms, mono_ms) of one moment: their difference changes only where the clock steps or is slewed."""
        if self._view is None:
            return self.unix_ms(), self.mono_ms()
        unix_ms, mono_ms, real_ns, rate_milli = self._anchor()
        passed_ms = (time.monotonic_ns() - real_ns) * rate_milli // 1_000_000_000
        return unix_ms + passed_ms, mono_ms + passed_ms

    def rate(self) -> float:
        """Station seconds per real second."""
        return 1.0 if self._view is None else self._anchor()[3] / 1000

    async def sleep_ms(self, station_ms: float) -> None:
        """Sleep that many milliseconds of the station's clock."""
        await asyncio.sleep(max(0.0, station_ms) / 1000 / self.rate())

    def _anchor(self) -> tuple[int, int, int, int]:
        assert self._view is not None
        for _ in range(_READS_MAX):
            first, unix_ms, mono_ms, real_ns, rate_milli, last = struct.unpack(_LAYOUT, self._view[:_SIZE])
            if first == last and first:
                return unix_ms, mono_ms, real_ns, rate_milli
        raise OSError("clock file is torn or empty")


class StandingClock(Clock):
    """Stands at `now_ms`, where whoever goes through the past puts it: for stamps and delays alike."""

    def __init__(self, now_ms: int = 0) -> None:
        super().__init__()
        self.now_ms = now_ms

    def mono_ms(self) -> int:
        return self.now_ms

    def unix_ms(self) -> int:
        return self.now_ms
