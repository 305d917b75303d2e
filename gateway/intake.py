"""A now-value on its way to the alarms of its channel: is it new, how old, usable, doubtful.

Rules of this file: no clock, disk or network. Every sample of the station passes here: flat code, nothing is allocated
for one that changes nothing.
"""

from gateway.changes import Change
from gateway.points import GAP_MS_MAX, Joined, NowValue, Point
from gateway.quality import COMPANION, DOUBLE_COUNT, FLAT, NO_VALUE, names
from wire.reading import FAIL, MISSING, QUALITY_NAMES, SUSPECT

TOLD = FLAT | DOUBLE_COUNT  # A sensor that may go on like this for days, with values that look right.
SUSPECT_REPEAT_MS = 3_600_000  # Such a flag is told again when the last one is so long ago.
FAULT_SAMPLES = 3  # A sensor is faulty, and back, after so many samples in a row.


class Intake:
    """Takes samples; `sensor_events` collects (kind, channel, detail) of sensors that failed, are back or suspect."""

    def __init__(self) -> None:
        self.sensor_events: list[tuple[str, str, str]] = []

    def take(self, point: Point, word: NowValue, changes: list[Change]) -> None:
        """Judge one now-value; what it changes is appended to `changes`."""
        raw = word.value
        quality = word.quality if word.age_ms <= point.stale_ms else MISSING
        sample_ms = word.mono_ms - word.age_ms
        last_ms = point.sample_ms
        if last_ms is not None:
            if sample_ms - last_ms < point.same_ms and raw == point.raw and quality == point.board_quality:
                return
            gap_ms = sample_ms - last_ms
            if gap_ms > point.stale_ms and gap_ms > 3 * point.gap_ms:
                point.hold()  # Nobody saw what was between: no off-delay may have run through it.
            elif gap_ms <= 0:
                gap_ms = 1  # The age is coarse; time never goes back.
                sample_ms = last_ms + 1
            point.gap_ms = gap_ms if gap_ms < GAP_MS_MAX else GAP_MS_MAX
        point.sample_ms = sample_ms
        point.raw = raw
        point.board_quality = quality
        if raw is None:
            value = 0
        elif point.air is None:
            value = point.zero + point.sign * raw
        else:
            value = point.zero - point.air.gap_mm(raw)
        point.quality = flag = point.watch.judge(raw, value, quality, sample_ms)
        unix_ms = word.unix_ms - word.age_ms
        if point.faults and not point.watch.kinds & NO_VALUE:
            for fault in point.faults:
                change = fault.sample(point.watch.kinds, sample_ms, unix_ms)
                if change is not None:
                    changes.append(change)
        if flag >= FAIL:
            point.value = None
            point.hold()
            self._count_bad(point, QUALITY_NAMES[flag])
            return
        point.value = value
        if point.air is not None and not point.air.known(sample_ms):
            point.quality = SUSPECT  # Shown, and judged by nothing: it may be wrong by decimetres.
            point.hold()
            return
        if point.staff is not None and point.staff.off and flag < SUSPECT:
            point.quality = SUSPECT
        point.usable_ms = sample_ms
        point.usable_unix_ms = unix_ms
        if point.watch.kinds & COMPANION:
            self._count_bad(point, "companion impossible")
        elif point.bad or point.faulty:
            self._count_good(point)
        doubt = point.watch.doubt
        for judge in point.judges:
            change = judge.step(value, sample_ms, unix_ms, doubt)
            if change is not None:
                changes.append(change)
        if point.watch.kinds & TOLD:
            self._tell_suspect(point, sample_ms)

    def take_joined(self, joined: list[Joined], changes: list[Change]) -> None:
        """Judge the channels that are made of others, where one of those said something."""
        for one in joined:
            sample = one.look() if one.news else None
            if sample is None:
                continue
            for judge in one.point.judges:
                change = judge.step(*sample)
                if change is not None:
                    changes.append(change)

    def _tell_suspect(self, point: Point, sample_ms: int) -> None:
        last_ms = point.suspect_ms
        point.suspect_ms = sample_ms
        if last_ms is None or sample_ms - last_ms >= SUSPECT_REPEAT_MS:
            why = ", ".join(names(point.watch.kinds & TOLD))
            self.sensor_events.append(("sensor suspect", point.channel.name, why))

    def _count_bad(self, point: Point, why: str) -> None:
        point.good = 0
        point.bad += 1
        if point.bad == FAULT_SAMPLES and not point.faulty:
            point.faulty = True
            self.sensor_events.append(("sensor fault", point.channel.name, why))

    def _count_good(self, point: Point) -> None:
        point.bad = 0
        point.good += 1
        if point.faulty and point.good >= FAULT_SAMPLES:
            point.faulty = False
            self.sensor_events.append(("sensor back", point.channel.name, ""))
