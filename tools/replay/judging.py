"""One recording from its file to what the station said about it.

Rules of this file: one pass over the rows; the first of them decide the cadence, then every row is judged once.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path

from tools.replay.phrases import Note
from tools.replay.play import Episode, Player
from tools.replay.progress import Progress
from tools.replay.recording import Ask, Recording, Row, wrong
from tools.replay.site import Site

FIRST_ROWS = 500  # The cadence is taken from these.
TIPS_CADENCE_MS = 60_000  # Tips are stamped to the minute.
TALK_ROWS = 2_000

MakeSite = Callable[[int], Site]  # cadence in ms -> the site


@dataclass
class Result:
    """Everything that is printed, drawn and compared."""

    ask: Ask
    site: Site
    player: Player
    rows: int
    first_ms: int
    last_ms: int
    encoding: str
    separator: str
    unstamped: int
    notes: list[Note] = field(default_factory=list)
    took_s: float = 0.0

    @property
    def episodes(self) -> list[Episode]:
        return self.player.episodes


def judge(ask: Ask, make_site: MakeSite, progress: Progress) -> Result:
    """Read, judge and gather. Failure for a wrong call or an unreadable file."""
    began_s = time.monotonic()
    recording = Recording(ask)
    others: list[Recording] = []
    try:
        rows = recording.rows()
        first = list(islice(rows, FIRST_ROWS))
        if not first:
            raise wrong(
                f"{ask.file.name} has no rows to judge",
                f"{recording.rows_read:,} rows, none of them with a time in the span that is asked for",
                "--since or --until leaves everything out, or the file is empty",
                "leave --since and --until out",
            )
        site = make_site(ask.cadence_ms or _cadence_ms(first, ask))
        player = Player(site, min(row.unix_ms for row in first))
        for sensor, path in zip(site.neighbours, ask.neighbours, strict=True):
            others.append(Recording(replace(ask, file=Path(path), values=ask.values[:1], neighbours=[], known=True)))
            player.accompany(others[-1].rows(), sensor)
        count = 0
        first_ms = last_ms = first[0].unix_ms
        for row in chain(first, rows):
            player.row(row)
            count += 1
            if row.unix_ms > last_ms:
                last_ms = row.unix_ms
            elif row.unix_ms < first_ms:
                first_ms = row.unix_ms
            if not count % TALK_ROWS:
                progress.show(recording.position / max(1, recording.size), count)
        player.end()
        result = Result(
            ask, site, player, count, first_ms, last_ms, recording.encoding, recording.separator, recording.unstamped
        )
        result.notes = [*site.notes, *_notes(recording)]
        result.took_s = time.monotonic() - began_s
        return result
    finally:
        progress.end()
        for one in (recording, *others):
            one.close()


def _cadence_ms(rows: list[Row], ask: Ask) -> int:
    """How often the sensor is recorded: the commonest step of the first rows, the shorter of two."""
    if ask.quantity == "rain-tips":
        return TIPS_CADENCE_MS
    stamps = [row.unix_ms for row in rows]
    steps = Counter(after - before for before, after in zip(stamps, stamps[1:], strict=False) if after > before)
    if not steps:
        raise wrong(
            f"The cadence of {ask.file.name} cannot be seen",
            f"{len(rows)} rows, and no two of them one after the other",
            "a single row, or the newest first",
            '--cadence "5 min"',
            "sort the file by time",
        )
    most = max(steps.values())
    return min(step for step, count in steps.items() if count == most)


def _notes(recording: Recording) -> list[Note]:
    """What was done to stamps that could not be taken as they stand."""
    notes: list[Note] = []
    if recording.encoding not in ("utf-8-sig", "UTF-8"):
        notes.append(("encoding", {"name": recording.encoding}))
    if recording.unstamped:
        notes.append(("unstamped", {"count": recording.unstamped, "first": recording.unstamped_first}))
    stamps = recording.stamps
    if stamps is not None and any(stamps.repeated):
        once, twice = stamps.repeated
        key = "repeated" if twice else "repeated_once"
        notes.append((key, {"count": once + twice, "once": once, "twice": twice, "first": stamps.repeated_first}))
    if stamps is not None and stamps.never:
        notes.append(("never", {"count": stamps.never, "first": stamps.never_first}))
    return notes
