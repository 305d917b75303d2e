"""`riverpost flash BOARD`: an empty or used board gets its image, in one pass, and a label.

Rules of this file: what would be lost is shown, and agreed to, before anything is erased; a wrong chip gets nothing;
the same command once more repairs whatever a pulled cable left.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import image as images
from tools.failure import EXIT_DONE, EXIT_STOPPED

if TYPE_CHECKING:
    from tools.flash.label import Label
    from tools.flash.work import Job, SelfTest

HELP = "write a board's flash, see that it starts, print its label"
EXAMPLE = """example:
  riverpost flash esp32-rs485 --micropython ESP32_GENERIC-20250415-v1.25.0.bin --dry-run
  riverpost flash esp32-rs485 --port /dev/ttyUSB0 --station station.toml --name level --label level.svg
  riverpost flash rp2040-rs485 --image rp2040-rs485.uf2     (hold BOOTSEL while plugging in)

An ESP32 that is not reset by its cable: hold BOOT, tap RESET, let go of BOOT, then start this."""
BAUD = 460_800
BAUDS = (115_200, 230_400, 460_800, 921_600)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the board, where it is, and what it gets."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("board", metavar="BOARD", help="a type of boards/, such as esp32-rs485")
    parser.add_argument("--port", metavar="P", help="serial port, or an RP2040's drive; else the only one there is")
    parser.add_argument("--image", type=Path, metavar="FILE", help="what riverpost image made; else it is made now")
    images.add_sources(parser)
    parser.add_argument("--baud", type=int, choices=BAUDS, default=BAUD, help=f"rate while writing ({BAUD})")
    parser.add_argument("--no-stub", action="store_true", help="use the chip's own loader alone; slower")
    parser.add_argument("--keep-log", action="store_true", help="leave the rows on the board as they are")
    parser.add_argument("--discard", type=int, metavar="N", help="give up exactly N rows that nobody has stored")
    parser.add_argument("--label", type=Path, metavar="FILE", help="write the label to FILE.svg or FILE.png")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    images.add_usual(parser)


def run(args: argparse.Namespace) -> int:
    """0: written and started; 1: written, but it does not say that it is ready. `Failure` otherwise."""
    from gateway import words
    from tools.faults import NOTHING, PARTLY, left
    from tools.flash import esp32_job, rp2040_job
    from tools.flash.label import check_name
    from tools.phrases import phrase

    lang = words.language(args.lang)
    if args.label:
        check_name(args.label, lang)
    board = images.open_board(args.board, lang)
    kind = esp32_job if board.chip == "esp32" else rp2040_job
    job = kind.open_job(args, lang)
    try:
        return _flash(args, job, lang)
    except KeyboardInterrupt:
        state = left(PARTLY if job.touched else NOTHING, lang)
        print(f"\n{phrase('stopped', lang)} {state}", file=sys.stderr)
        return EXIT_STOPPED
    finally:
        job.close()


def _flash(args: argparse.Namespace, job: "Job", lang: str) -> int:
    from tools.console import READY
    from tools.faults import fault
    from tools.phrases import facts, phrase

    began_s = time.monotonic()
    quiet = str(args.json) == "-"
    talk = sys.stderr if quiet else sys.stdout
    job.look(args.dry_run)
    print(facts(job.facts(), lang), file=talk, flush=True)
    if args.dry_run:
        print(f"{phrase('dry_flash', lang)}   {phrase('next_call', lang)}", file=talk)
        _tell(args, job, None, lang, False, None)
        return EXIT_DONE
    if not args.yes:
        if not sys.stdin.isatty():
            raise fault("ask_first", lang, seen="stdin: -")
        print(phrase("question", lang), end="", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes", "是"):
            print(phrase("declined", lang), file=sys.stderr)
            return EXIT_DONE
    job.write()
    ready = job.start()
    tested = job.test() if ready else None
    label = job.label()
    _print_label(args, label, lang, talk)
    _tell(args, job, label, lang, ready, tested)
    if tested is None:
        raise job.silent()
    told = job.words().rpartition("\n")[2]
    unset = not label.station and READY.decode() not in told  # It says so in a traceback, cut off anywhere.
    print(phrase("unset_words", lang) if unset else phrase("first_words", lang, text=told), file=talk)
    _print_test(tested, lang, talk)
    next_key = "next_scan" if label.station else "next_settings"
    done = phrase("done", lang, seconds=f"{time.monotonic() - began_s:.0f}")
    print(f"{done}   {phrase(next_key, lang)}", file=talk)
    return EXIT_DONE


def _print_label(args: argparse.Namespace, label: "Label", lang: str, talk: Any) -> None:
    print("", label.terminal(), "", *label.lines(lang), "", sep="\n", file=talk)
    if args.label:
        label.save(args.label, lang)


def _print_test(tested: "SelfTest", lang: str, talk: Any) -> None:
    """What the self-test found. `Failure` where a part of the board is not right."""
    from tools import self_test
    from tools.faults import fault
    from tools.self_test_phrases import phrase

    print(*self_test.lines(list(tested.found), lang), sep="\n", file=talk)
    if tested.reason:
        print(phrase("unreached", lang, reason=tested.reason), file=talk)
    if tested.failed:
        seen = "\n".join(self_test.lines(tested.failed, lang))
        raise fault("self_test", lang, seen=seen, state="image_written")


def _tell(
    args: argparse.Namespace,
    job: "Job",
    label: "Label | None",
    lang: str,
    ready: bool,
    tested: "SelfTest | None",
) -> None:
    if args.json:
        found = {**job.document(), "written": label is not None, "ready": ready}
        found["self_test"] = list(tested.found) if tested else None
        images.write_json(args.json, {**found, "label": label.code if label else None}, lang)
