"""Where the link of a board finds the update that is meant for it, and leaves what the board said.

Rules of this file: nothing waits; links of both kinds use it alike.
"""

from typing import Any

from gateway.board_status import BoardStatus
from gateway.config import Source
from gateway.update_course import Course, Step


class Desk:
    """One board's: `course` is the update under way, `last` what became of the one before; `waits`: for what one that
    is ready does not restart yet (gateway.updates.WAITS).
    """

    def __init__(self, source: Source) -> None:
        self.source = source
        self.status: BoardStatus | None = None
        self.course: Course | None = None
        self.last: dict[str, Any] | None = None
        self.waits = ""
        self._asked: Course | None = None  # Whose step is under way: by its answer it may not be `course` any more.

    def wants_status(self, now_ms: int) -> bool:
        return self.course is not None and self.course.wants_status(now_ms)

    def heard(self, status: BoardStatus, now_ms: int) -> None:
        self.status = status
        if self.course is not None:
            self.course.heard(status, now_ms)

    def next(self, now_ms: int, chunk_max: int) -> Step | None:
        """What to ask of the board now. What came of it must be told before the next one."""
        self._asked = self.course
        return self.course.next(now_ms, chunk_max) if self.course is not None else None

    def took(self, step: Step, now_ms: int) -> None:
        if self._asked is not None:
            self._asked.took(step, now_ms)

    def refused(self, step: Step, code: int, now_ms: int) -> None:
        if self._asked is not None:
            self._asked.refused(step, code, now_ms)

    def lost(self, step: Step, now_ms: int) -> None:
        if self._asked is not None:
            self._asked.lost(step, now_ms)
