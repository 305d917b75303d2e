"""Records the store program over several starts, and reads what it promised."""

import subprocess
import sys
from binascii import crc32
from collections.abc import Iterable
from pathlib import Path

from gateway.ranges import Ranges
from tools.emulator.whole import ROOT
from tools.soak.crash import trace
from tools.soak.crash.load import STATION, Recorded
from tools.soak.crash.recording import OUT, Piece, Recorder
from tools.soak.crash.store_program import BOARD, CAP_MIB, EPOCH, board_row
from tools.soak.crash.talk import Key, Promise, Talk

TIMEOUT_S = 120.0
STEPS = (9, 81, 20)  # of each start; an odd number ends with a kill


def record_store(folder: Path, seed: int, steps: Iterable[int] = STEPS, tree: Path = ROOT) -> Recorded:
    """The store's recording in a new `folder`; `tree`: the checkout whose gateway it is. TimeoutError."""
    data = folder / "data"
    data.mkdir(parents=True)
    station = folder / "station.toml"
    text = STATION.format(port="/dev/null", siren=folder / "siren.txt", spool=data / "spool.db", broker=1883)
    station.write_text(text, encoding="utf-8")
    recorder = Recorder(data)
    starts = 0
    for starts, count in enumerate(steps, 1):
        trace_file = folder / f"trace-{starts}"
        program = [sys.executable, "-c", _AT.format(tree=str(tree), root=str(ROOT), module=_MODULE)]
        command = trace.command(trace_file, [*program, str(station), str(2 * seed + starts + 1), str(count)])
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=tree)
        process.wait(TIMEOUT_S)
        trace.wait_for_end(trace_file, process.pid)
        recorder.add_run(trace_file, data)
        trace_file.unlink()
    talk = read_lines(recorder.recording.pieces)
    return Recorded(recorder.recording, talk, text, "spool.db", starts, CAP_MIB)


# The gateway of `tree`, this program of the checkout itself: a copy has no tools.
_MODULE = "tools.soak.crash.store_program"
_AT = (
    "import sys; sys.path[:0] = [{tree!r}, {root!r}]; import runpy; "
    "runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)


def read_lines(pieces: Iterable[Piece]) -> Talk:
    """What the program told on its output. Each line is one write."""
    talk = Talk()
    for piece in pieces:
        word, *rest = piece.data.decode(errors="replace").split() or [""]
        if piece.way == OUT and word in _READERS:
            talk.counts[word] += 1
            _READERS[word](talk, piece.moment, rest)
    return talk


def _board(talk: Talk, moment: int, rest: list[str]) -> None:
    for seq in range(int(rest[0]), int(rest[1]) + 1):
        packed = board_row(seq)
        talk.promises[BOARD, EPOCH, seq] = Promise(moment, crc32(packed[:-4], EPOCH), "stored for its board")


def _made(talk: Talk, moment: int, rest: list[str]) -> None:
    key = _key(rest)
    for seq in range(int(rest[2]), int(rest[3]) + 1):
        talk.promises[(*key, seq)] = Promise(moment, None, "stored for a bought sensor")


def _event(talk: Talk, moment: int, rest: list[str]) -> None:
    talk.promises[(*_key(rest), int(rest[2]))] = Promise(moment, int(rest[3]), "stored as an event")


def _center(talk: Talk, moment: int, rest: list[str]) -> None:
    talk.stated.append((moment, _key(rest), Ranges([(1, int(rest[2]))])))


def _key(rest: list[str]) -> Key:
    return bytes.fromhex(rest[0]), int(rest[1])


def _refused(talk: Talk, moment: int, rest: list[str]) -> None:
    """Nothing was promised: the rows come again later."""


_READERS = {"refused": _refused, "board": _board, "made": _made, "event": _event, "center": _center}
