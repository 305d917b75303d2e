"""`riverpost rig FOLDER`: a bench without hardware, to try every command of a technician on.

Rules of this file: it starts, tells and ends; nothing of it is needed where there is hardware. Another call with --tell
does at the bench what a person would do there.
"""

import argparse
import contextlib
import select
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tools.failure import EXIT_DONE

if TYPE_CHECKING:
    from tools.emulator.blank_bench import BlankBench

HELP = "emulate a bench: blank boards, a bus, a bought sensor"
EXAMPLE = """example:
  riverpost rig bench                              blank boards until Ctrl-C; bench keeps their flash
  riverpost rig bench --tell "board1 head_mm 2500" 2.5 m of water over the probe of board1
  riverpost rig bench --tell "board2 tip 5"        the bucket of board2 tips five times
  riverpost rig bench --tell "board1 boot"         RESET with BOOT held: ready to be flashed again"""
CONTROL = "control"
WORDS_MAX = 1_000
ANSWER_S = 300.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take where the bench is, and what is done at it."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="where ports and flash of the bench are")
    parser.add_argument("--tell", metavar="WORDS", help="do this at the bench that runs in FOLDER")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def run(args: argparse.Namespace) -> int:
    """0: told, or ended by Ctrl-C. `Failure` without a bench, or for words that it does not know."""
    from gateway import words

    lang = words.language(args.lang)
    if args.tell is not None:
        tell(args.folder, args.tell, lang)
        return EXIT_DONE
    return _serve(args.folder, lang)


def tell(folder: Path, words: str, lang: str) -> None:
    """Have the bench in `folder` do it; returns when it is done. `Failure`."""
    from tools.faults import fault

    try:
        with socket.socket(socket.AF_UNIX) as control:
            control.settimeout(ANSWER_S)
            control.connect(str(folder / CONTROL))
            control.sendall(words.encode()[:WORDS_MAX] + b"\n")
            answer = control.makefile(encoding="utf-8").readline().strip()
    except OSError as error:
        raise fault("no_bench", lang, seen=error.strerror or str(error), folder=folder) from None
    if answer != "ok":
        raise fault("bench_refuses", lang, seen=answer, folder=folder)


def _serve(folder: Path, lang: str) -> int:
    from tools.emulator.blank_bench import BlankBench
    from tools.faults import fault
    from tools.phrases import facts, phrase

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / CONTROL
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as other:
        other.connect(str(path))
        raise fault("bench_runs", lang, seen=str(path), folder=folder)
    path.unlink(missing_ok=True)
    stop_read, stop_write = socket.socketpair()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop_write.send(b"x"))
    with BlankBench(folder) as bench, socket.socket(socket.AF_UNIX) as control:
        control.bind(str(path))
        control.listen()
        pairs = [("Board", f"{board.port}  {name}") for name, board in bench.boards.items()]
        print(facts([*pairs, ("Bus", str(bench.port)), ("Tells", bench.possible())], lang))
        print(phrase("next_bench", lang, folder=folder), flush=True)
        while stop_read not in (ready := select.select([control, stop_read], [], [])[0]):
            if control in ready:
                _obey(bench, control)
    path.unlink(missing_ok=True)
    return EXIT_DONE


def _obey(bench: "BlankBench", control: socket.socket) -> None:
    caller, _ = control.accept()
    with caller:
        caller.settimeout(1.0)
        try:
            words = caller.makefile(encoding="utf-8", errors="replace").readline(WORDS_MAX)
            bench.tell(words)
            answer = "ok"
        except ValueError as error:
            answer = str(error).replace("\n", " ")
        except OSError as error:  # Whoever called is gone.
            print(error, file=sys.stderr)
            return
        with contextlib.suppress(OSError):
            caller.sendall(answer.encode() + b"\n")
