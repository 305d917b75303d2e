"""A recording of a bus as a file: JSON lines, one for each frame or piece of garbage, as they came.

The first line says how it was recorded: {"riverpost_bus": 1, "port", "baud", "framing", "began_unix_ms"}. Each other
line is {"us": time of its last byte since the beginning, "kind": "request" | "answer" | "garbage", "bytes": hex}.

Rules of this file: a line is written at once and whole; a last line that was cut off is told and left out, anything
else that is not as it should be is an error. Keys that are not known are ignored.
"""

import io
import json
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from tools.record.splitter import ANSWER, GARBAGE, REQUEST, Piece
from tools.scan.settings import FRAMINGS, Setting

MARK = "riverpost_bus"
VERSION = 1
KINDS = (REQUEST, ANSWER, GARBAGE)
PIECES_MAX = 2_000_000  # That are taken at once: a day of a busy line.
US_MAX = 1 << 53


class BadRecording(ValueError):
    """Not a recording, or a damaged one. `line`: where, from 1; 0 = as a whole."""

    def __init__(self, reason: str, line: int = 0) -> None:
        super().__init__(f"line {line}: {reason}" if line else reason)
        self.reason = reason
        self.line = line


class Head(NamedTuple):
    """How it was recorded."""

    port: str
    setting: Setting
    began_unix_ms: int


class Reader:
    """A recording line by line. `head` at once; iterating gives the pieces, and afterwards `cut` says whether the last
    line was cut off and left out. BadRecording where something is wrong.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        self.cut = False
        first = next(self._lines, b"")
        if not first.endswith(b"\n"):
            raise BadRecording("its first line is not whole")
        self.head = _head(first)

    def __iter__(self) -> Iterator[Piece]:
        us = 0
        for number, line in enumerate(self._lines, 2):
            if not line.endswith(b"\n"):
                self.cut = True
                return
            piece = _piece(line, number)
            if piece.us < us:
                raise BadRecording("its time goes back", number)
            us = piece.us
            yield piece


class Recording(NamedTuple):
    """All of it at once. `cut` as of Reader."""

    head: Head
    pieces: list[Piece]
    cut: bool

    @property
    def took_us(self) -> int:
        return self.pieces[-1].us if self.pieces else 0


class Writer:
    """Writes to `file`; every line is on its way to the disk when `put` returns. OSError."""

    def __init__(self, file: TextIO, port: str, setting: Setting) -> None:
        self._file = file
        self.count = 0
        head = {MARK: VERSION, "port": port, "baud": setting.baud, "framing": setting.framing}
        self._line(head | {"began_unix_ms": time.time_ns() // 1_000_000})

    def put(self, piece: Piece) -> None:
        self._line({"us": piece.us, "kind": piece.kind, "bytes": piece.data.hex()})
        self.count += 1

    def _line(self, document: dict[str, Any]) -> None:
        self._file.write(json.dumps(document) + "\n")
        self._file.flush()


def looks_like(data: bytes) -> bool:
    """Does it begin as a recording does?"""
    return MARK.encode() in data[:40]


def read(path: Path) -> Recording:
    """The recording in `path`. BadRecording, OSError."""
    with path.open("rb") as file:
        return _all(Reader(file))


def parse(data: bytes) -> Recording:
    """The recording in `data`. BadRecording."""
    return _all(Reader(io.BytesIO(data)))


def _all(reader: Reader) -> Recording:
    pieces = list(islice(reader, PIECES_MAX + 1))
    if len(pieces) > PIECES_MAX:
        raise BadRecording(f"more than {PIECES_MAX:,} lines")
    return Recording(reader.head, pieces, reader.cut)


def _head(line: bytes) -> Head:
    found = _document(line, 1)
    if found.get(MARK) != VERSION:
        raise BadRecording(f"no recording of a bus: {MARK} is not {VERSION}", 1)
    setting = Setting(_number(found, "baud", 1, 10_000_000, 1), str(found.get("framing")))
    if setting.framing not in FRAMINGS:
        raise BadRecording(f"framing {setting.framing[:20]}", 1)
    return Head(str(found.get("port")), setting, _number(found, "began_unix_ms", 0, US_MAX, 1))


def _document(line: bytes, number: int) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise BadRecording("no JSON", number) from None
    if not isinstance(found, dict):
        raise BadRecording("no JSON object", number)
    return found


def _piece(line: bytes, number: int) -> Piece:
    found = _document(line, number)
    kind, text = found.get("kind"), found.get("bytes")
    us = _number(found, "us", 0, US_MAX, number)
    try:
        data = bytes.fromhex(text if isinstance(text, str) else "-")
    except ValueError:
        raise BadRecording("bytes are no hex", number) from None
    if kind not in KINDS:
        raise BadRecording(f"kind {str(kind)[:20]!r}", number)
    if len(data) < (1 if kind == GARBAGE else 4):
        raise BadRecording("too few bytes", number)
    return Piece(us, str(kind), data)


def _number(document: dict[str, Any], key: str, least: int, most: int, line: int) -> int:
    found = document.get(key)
    if not isinstance(found, int) or isinstance(found, bool) or not least <= found <= most:
        raise BadRecording(f"{key} is no number from {least} to {most}", line)
    return found
