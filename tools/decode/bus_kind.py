"""A recording of a bus (riverpost record): its frames with their times.

Rules of this file: what a recording is stands in tools/record/file.py; here it is only shown.
"""

from collections.abc import Sequence
from typing import overload

from tools.decode.found import Ask, Found, Line, NotThis
from tools.record import view
from tools.record.file import BadRecording, looks_like, parse
from tools.record.splitter import Piece
from tools.record.tally import Tally

KIND = "bus"


def read(data: bytes, ask: Ask) -> Found:
    """NotThis."""
    if not looks_like(data):
        raise NotThis(ask.say("no_recording"))
    try:
        found = parse(data)
    except BadRecording as error:
        raise NotThis(str(error), near=True) from None
    tally = Tally(found.head.setting)
    for piece in found.pieces:
        tally.take(piece)
    tally.end()
    document = {"pieces": len(found.pieces), "counts": dict(tally.counts), "cut": found.cut}
    title = view.title(found.head, found.took_us, ask.lang)
    lines = _Lines(list(view.with_requests(found.pieces)), ask)
    return Found(KIND, title, view.facts(found.head, tally, found.cut, ask), document, "", lines)


class _Lines(Sequence[Line]):
    """The frames as lines, each made when it is asked for."""

    def __init__(self, pairs: list[tuple[Piece, bytes | None]], ask: Ask) -> None:
        self._pairs = pairs
        self._ask = ask

    def __len__(self) -> int:
        return len(self._pairs)

    @overload
    def __getitem__(self, place: int) -> Line: ...

    @overload
    def __getitem__(self, place: slice) -> "_Lines": ...

    def __getitem__(self, place: int | slice) -> "Line | _Lines":
        if isinstance(place, slice):
            return _Lines(self._pairs[place], self._ask)
        return view.line(*self._pairs[place], self._ask)
