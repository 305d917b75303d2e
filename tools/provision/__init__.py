"""`riverpost provision NAME`: the settings of a station's board go onto it through its console, and a label.

Rules of this file: what would change is shown, and agreed to, before anything is written; once more changes nothing.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.failure import EXIT_DONE, EXIT_STOPPED

if TYPE_CHECKING:
    from tools.console import Console
    from tools.provision.course import Course

HELP = "put a station's settings and keys onto a board"
EXAMPLE = """example:
  riverpost provision level --station station.toml --dry-run
  riverpost provision level --station station.toml --by 07 --label level.svg

The board was flashed before (riverpost flash) and is connected by its USB port.
The same once more changes nothing."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the board's name, its station, and where it is connected."""
    from tools import image as images

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("name", metavar="NAME", help="a board of station.toml, by its name there")
    parser.add_argument("--station", type=Path, required=True, metavar="FILE", help="the station.toml")
    parser.add_argument("--port", metavar="P", help="the board's serial port; else the only one there is")
    parser.add_argument("--by", default="", metavar="WHO", help="who does it, for the record")
    parser.add_argument("--discard", type=int, metavar="N", help="a board that moves: give up exactly N unstored rows")
    parser.add_argument("--label", type=Path, metavar="FILE", help="write the label to FILE.svg or FILE.png")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    images.add_usual(parser)


def run(args: argparse.Namespace) -> int:
    """0: the board has its settings, and runs. `Failure` otherwise."""
    from gateway import words
    from tools.console import Console
    from tools.faults import left
    from tools.flash import ports
    from tools.flash.label import check_name
    from tools.phrases import phrase
    from tools.provision.course import Course

    lang = words.language(args.lang)
    if args.label:
        check_name(args.label, lang)
    course = Course(args, lang)
    console = Console(ports.choose(args.port, lang), lang)
    try:
        with console:
            return _provision(args, course, console, lang)
    except KeyboardInterrupt:
        print(f"\n{phrase('stopped', lang)} {left(console.state or 'nothing', lang)}", file=sys.stderr)
        return EXIT_STOPPED


def _provision(args: argparse.Namespace, course: "Course", console: "Console", lang: str) -> int:
    from tools.phrases import facts
    from tools.provision.phrases import phrase
    from tools.steps import Steps

    began_s = time.monotonic()
    talk = sys.stderr if str(args.json) == "-" else sys.stdout
    steps = Steps(2, lang)
    with steps.step("connect"):
        course.meet(console)
    with steps.step("compare"):
        course.look(console)
    print(facts(course.facts(), lang), file=talk, flush=True)
    if args.dry_run or not course.to_do:
        _restart(console, course, lang)
        return _nothing_written(args, course, lang, talk)
    course.check_rows()
    if not args.yes:
        _restart(console, course, lang)  # It measures on while somebody thinks.
        if not _agreed(lang):
            return EXIT_DONE
    steps = Steps((0 if args.yes else 1) + (4 if course.differs else 2), lang)
    if not args.yes:
        with steps.step("connect"):
            course.meet(console)
            course.look(console)
    if course.differs:
        course.write(console, steps)
    course.test(console, steps)
    ready = course.start(console, steps)
    course.enter(console)
    course.print_test(talk)
    _finish(args, course, lang, talk, ready)
    course.check_result(console, ready)
    _last(phrase("done", lang, seconds=f"{time.monotonic() - began_s:.0f}"), course.next_step(), talk)
    return EXIT_DONE


def _nothing_written(args: argparse.Namespace, course: "Course", lang: str, talk: Any) -> int:
    """A dry run, or a board that has all already."""
    from tools.provision.phrases import phrase

    if args.dry_run:
        _last(phrase("dry", lang), phrase("next_call", lang), talk)
        _tell(args, course, lang, written=False)
        return EXIT_DONE
    course.keep_access()
    _print_label(args, course, lang, talk)
    _tell(args, course, lang, written=False)
    _last(phrase("nothing_to_do", lang), course.next_step(), talk)
    return EXIT_DONE


def _last(result: str, next_step: str, talk: Any) -> None:
    """The last line: what came of it, and what is next; below each other where a terminal is too narrow."""
    from gateway.words import columns
    from tools.failure import to_be_copied, wrapped
    from tools.phrases import room

    line = f"{result}   {next_step}"
    short = "\n" not in line and columns(line) < room()
    lines = [line] if short else [result, *next_step.split("\n")]
    for one in lines:
        copied = to_be_copied(one)
        print(*([one] if copied else wrapped(one, room() - 1)), sep="\n", file=talk)


def _restart(console: "Console", course: "Course", lang: str) -> None:
    from tools.console import READY, UNSET
    from tools.steps import Steps

    with Steps(1, lang).step("start"):
        console.restart(wanted=UNSET if course.blank else (READY,))


def _agreed(lang: str) -> bool:
    """Has somebody said yes? `Failure` where nobody is there."""
    from tools.faults import fault
    from tools.provision.phrases import phrase

    if not sys.stdin.isatty():
        raise fault("ask_first", lang, seen="stdin: -")
    print(phrase("question", lang), end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() in ("y", "yes", "是"):
        return True
    print(phrase("declined", lang), file=sys.stderr)
    return False


def _finish(args: argparse.Namespace, course: "Course", lang: str, talk: Any, ready: bool) -> None:
    _print_label(args, course, lang, talk)
    _tell(args, course, lang, written=True, ready=ready)


def _print_label(args: argparse.Namespace, course: "Course", lang: str, talk: Any) -> None:
    label = course.label()
    print("", label.terminal(), "", *label.lines(lang), "", sep="\n", file=talk)
    if args.label:
        label.save(args.label, lang)


def _tell(args: argparse.Namespace, course: "Course", lang: str, *, written: bool, ready: bool | None = None) -> None:
    from tools import image as images

    if args.json:
        images.write_json(args.json, {**course.document(), "written": written, "ready": ready}, lang)
