"""Calibrations past their date: from then on the channel's readings are suspect, and an event says so once.

Rules of this file: no clock, disk or network; the date is judged by the sample's own unix time, so a clock that was
wrong and is set puts it right. A flag takes no alarm away.
"""

from typing import Any

from gateway.points import Note, Point, Points
from gateway.quality import DUE

KEPT = "due"
EVENT = "calibration due"


class Due:
    """A judge of one channel's samples; what was told for a date is not told again after a restart."""

    __slots__ = ("_notes", "_overdue", "_point", "_told_ms", "moved")

    def __init__(self, point: Point, notes: list[Note]) -> None:
        self.moved = False
        self._point = point
        self._notes = notes
        self._overdue = False
        self._told_ms = 0  # the date that was told

    def step(self, value: int, mono_ms: int, unix_ms: int, doubt: bool = False) -> None:
        """Flag the channel while a sample of `unix_ms` is past the date."""
        channel = self._point.channel
        overdue = unix_ms >= channel.due_ms
        if overdue == self._overdue:
            return
        self._overdue = overdue
        self._point.watch.mark(DUE, overdue)
        if not overdue:
            return
        self._point.suspect(DUE)
        if self._told_ms != channel.due_ms:
            self._told_ms = channel.due_ms
            self.moved = True
            self._notes.append(Note(EVENT, channel.source, "calibrate it: its readings are suspect", channel.name))

    def hold(self) -> None:
        """A date goes by unseen."""

    def save(self, mono_ms: int) -> object:
        return self._told_ms

    def restore(self, saved: Any, mono_ms: int, down_ms: int) -> None:
        self._told_ms = int(saved)


def add_dues(points: Points) -> None:
    """Let every channel whose calibration has a date be looked at; before the rules, which judge it all the same."""
    for name, point in points.by_channel.items():
        if point.channel.due_ms:
            due = Due(point, points.notes)
            point.judges.append(due)
            points.keep(KEPT, name, due)
