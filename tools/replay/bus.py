"""The bus side of `riverpost replay`: a recording printed, or devices that answer out of it.

Rules of this file: the file is only read; `--as-devices` answers and never asks.
"""

import argparse
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway import words
from tools.failure import EXIT_DONE, EXIT_STOPPED
from tools.faults import fault
from tools.record import view
from tools.record.file import BadRecording, Reader, Recording, read
from tools.record.phrases import phrase
from tools.record.splitter import GARBAGE, Piece
from tools.record.tally import Tally
from tools.scan.settings import shown

Pair = tuple[Piece, bytes | None]


def show(args: argparse.Namespace, lang: str) -> int:
    """Print every frame of the recording `args.bus`, or those of some addresses. `Failure` where it is none."""
    from tools.decode.found import Ask

    ask = Ask(lang)
    try:
        with args.bus.open("rb") as file:
            reader = Reader(file)
            tally = Tally(reader.head.setting)
            pairs = _counted(view.with_requests(reader), tally)
            if args.json:
                _write_json(args, pairs, ask, lang)
            else:
                _print(args, pairs, ask)
                print()
                print(view.title(reader.head, tally.last_us, lang))
                for name, text in view.facts(reader.head, tally, reader.cut, ask):
                    print(f"{name}  {text}")
    except (BadRecording, OSError) as error:
        raise _bad(error, args.bus, lang) from None
    return EXIT_DONE


def _counted(pairs: Iterator[Pair], tally: Tally) -> Iterator[Pair]:
    for piece, asked in pairs:
        tally.take(piece)
        yield piece, asked
    tally.end()


def _chosen(args: argparse.Namespace, pairs: Iterator[Pair]) -> Iterator[Pair]:
    wanted = set(args.address or ())
    return (pair for pair in pairs if not wanted or (pair[0].kind != GARBAGE and pair[0].data[0] in wanted))


def _print(args: argparse.Namespace, pairs: Iterator[Pair], ask: Any) -> None:
    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
    for piece, asked in _chosen(args, pairs):
        text = view.line(piece, asked, ask).text
        if room and words.columns(text) > room:
            while words.columns(text) >= room:
                text = text[:-1]
            text += "…"
        print(text)


def _write_json(args: argparse.Namespace, pairs: Iterator[Pair], ask: Any, lang: str) -> None:
    from tools.decode.show import write_lines

    write_lines(args.json, (view.line(piece, asked, ask).document for piece, asked in _chosen(args, pairs)), lang)


def _bad(error: BadRecording | OSError, path: Path, lang: str) -> Exception:
    if isinstance(error, BadRecording):
        return fault("bad_recording", lang, seen=str(error), file=path)
    return fault("unreadable", lang, seen=error.strerror or str(error), file=path)


def serve(args: argparse.Namespace, lang: str) -> int:
    """Answer as the recorded devices until Ctrl-C. `Failure` where there is no recording, or no port."""
    from tools.replay.devices import Devices
    from tools.scan.port import PortLost

    try:
        recording = read(args.bus)
    except (BadRecording, OSError) as error:
        raise _bad(error, args.bus, lang) from None
    devices = Devices(recording, args.address or (), args.pace)
    if not devices.addresses:
        raise fault("bad_recording", lang, seen="answers: 0", file=args.bus)
    path, mine = _port(args.port, recording, lang)
    try:
        print(phrase("serves", lang, port=path, addresses=shown(tuple(devices.addresses))), flush=True)
        mine.run(devices)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    except PortLost as error:
        raise fault("bus_lost", lang, seen=str(error), port=path) from None
    finally:
        mine.close()
        counts = devices.counts
        print(phrase("served", lang, exact=f"{counts['exact']:,}", made=f"{counts['made']:,}"), file=sys.stderr)
        if passed := counts["refused"] + counts["silent"]:
            print(phrase("passed", lang, asked=f"{passed:,}"), file=sys.stderr)
    return EXIT_STOPPED


def _port(named: str | None, recording: Recording, lang: str) -> tuple[str, Any]:
    """(its path, who answers there) of the port that was named, or of a new pseudo-terminal."""
    from tools.emulator.line import open_port
    from tools.replay.answering import Answering, Terminal
    from tools.scan.port import CannotSet, PortLost, SerialPort

    if named is None:
        master, slave, path = open_port()
        return path, Answering(Terminal(master, slave))
    port = SerialPort(named, lang)
    try:
        port.use(recording.head.setting)
    except CannotSet as error:
        raise fault("bus_setting", lang, seen=str(error), port=named, setting=str(recording.head.setting)) from None
    except PortLost as error:
        raise fault("bus_lost", lang, seen=str(error), port=named) from None
    return named, Answering(port)
