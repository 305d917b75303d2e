"""`riverpost check`: the five-minute acceptance test at a site, through its running gateway.

Rules of this file: nothing is touched before it was said; the station's mode is put back however a check ends; what was
looked at ends in a report, also when the check was stopped.
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools import station_now
from tools.failure import EXIT_DONE

if TYPE_CHECKING:
    from gateway.config import Station
    from tools.check.course import Course
    from tools.check.person import Person
    from tools.check.plan import Plan
    from tools.check.screen import Screen

HELP = "accept a site: every channel by hand, and a report to sign"
EXAMPLE = """example:
  riverpost check --station station.toml --by 07
  riverpost check --dry-run                       the steps, what you will be asked, and the limits
  riverpost check --unattended                    only what needs nobody; changes nothing
  riverpost check --only rain.rain --pour 100     one channel again, with 100 mL of water
  riverpost check --answers answers.toml          staff readings and "heard" given before, for scripts

exit codes: 0 accepted (--unattended, --only: in order), 1 not accepted, 2 wrong call or configuration,
3 no gateway, 4 the gateway is gone, 5 a real alarm stands, 130 stopped by hand"""
POLLS, POLLS_MAX = 60, 100_000
WAIT_S, WAIT_S_MAX = 120.0, 3_600.0
POUR_ML_MAX = 10_000
FUNNEL_MM, FUNNEL_MM_MAX = 200, 1_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which station, who checks it, and what of it."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    station_now.add_arguments(parser)
    parser.add_argument("--by", metavar="NAME", help="who checks it, for events and report; else your login")
    parser.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="this channel, source or step alone"
    )
    nobody = parser.add_mutually_exclusive_group()
    nobody.add_argument("--unattended", action="store_true", help="only what needs no person; the mode stays as it is")
    nobody.add_argument("--answers", type=Path, metavar="FILE", help="a TOML file with what a person reads and hears")
    parser.add_argument(
        "--pour", type=_number(1, POUR_ML_MAX), metavar="ML", default=0, help="pour so much water, not tip"
    )
    parser.add_argument(
        "--funnel", type=_number(10, FUNNEL_MM_MAX), metavar="MM", default=FUNNEL_MM,
        help=f"inner diameter of the rain gauge ({FUNNEL_MM})",
    )  # fmt: skip
    parser.add_argument(
        "--polls", type=_number(1, POLLS_MAX), metavar="N", default=POLLS, help=f"count errors over so many ({POLLS})"
    )
    parser.add_argument(
        "--wait", type=_seconds, metavar="S", default=WAIT_S, help=f"how long your hands have for a step ({WAIT_S:.0f})"
    )
    parser.add_argument("--siren", action="store_true", help="let the siren sound for what the test raises")
    parser.add_argument("--report", type=Path, metavar="FILE", help="where it goes (check-STATION-YYYYMMDD-HHMM.html)")
    parser.add_argument("--dry-run", action="store_true", help="show the steps, do none; needs no gateway")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write the result there; - for standard output")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def run(args: argparse.Namespace) -> int:
    """0: accepted, or in order; 1: not accepted; 130: stopped. `Failure` otherwise."""
    from gateway import words
    from tools.check.plan import Wanted, make_plan, names_of
    from tools.check.screen import Screen
    from tools.faults import fault

    lang = words.language(args.lang)
    config = station_now.read_station(args.station, lang)
    plan = make_plan(config, Wanted(tuple(args.only), args.pour, args.funnel, args.polls))
    steps = [step.id for step in make_plan(config, Wanted()).steps]
    unknown = [name for name in args.only if name not in (*names_of(config), *steps)]
    if unknown:
        raise fault("check_no_name", lang, seen=", ".join(unknown), names=", ".join(names_of(config)))
    screen = Screen(lang, out=sys.stderr if str(args.json) == "-" else sys.stdout)
    if args.dry_run:
        return _dry_run(args, config, plan, screen)
    return _check(args, config, plan, screen)


def _check(args: argparse.Namespace, config: "Station", plan: "Plan", screen: "Screen") -> int:
    from tools.check import course as courses
    from tools.check.mode import TestMode
    from tools.check.site import Site

    lang = screen.lang
    _see_that_it_can_be_written(args.report, lang)
    now = station_now.StationNow(config, args.status, lang)
    person = _person(args, plan, screen)
    heard = [number for number in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(number) != signal.SIG_IGN]
    handlers = [(number, signal.signal(number, _stop)) for number in heard]  # nohup wants it to go on.
    try:
        site = Site(now, person, args.by or _login(), args.wait, args.polls)
        courses.refuse_other_file(site, lang)
        if any(not person.skips(step) for step in plan.hands):
            courses.refuse_while_alarmed(site, lang)
        course = courses.Course(site, plan, person, TestMode(site, args.siren, lang), not args.only)
        _head(screen, course)
        course.run()
    finally:
        person.close()
        for number, handler in handlers:
            signal.signal(number, handler)
    return _end(args, course, screen)


def _person(args: argparse.Namespace, plan: "Plan", screen: "Screen") -> "Person":
    """Whoever answers. `Failure` where nobody is there and nobody said so."""
    from tools.check.answers import read_answers
    from tools.check.person import Person, Prepared
    from tools.faults import fault

    if args.unattended:
        return Person(screen)
    if args.answers:
        return Prepared(screen, read_answers(args.answers, plan, screen.lang))
    if not plan.hands:
        return Person(screen)
    if not sys.stdin.isatty() or not sys.stderr.isatty():
        raise fault("check_no_terminal", screen.lang, seen="stdin, stderr: -")
    from tools.check.keys import Terminal

    return Terminal(screen)


def _head(screen: "Screen", course: "Course") -> None:
    from tools.check.said import Both, said
    from tools.check.still import local_time

    config = course.site.config
    at = local_time(course.site.began["unix_ms"], config.time_zone)
    name = Both(config.name, config.name_en)
    screen.lines(
        [said("head", name=name, id=config.id, time=f"{at[:16]}{at[19:]}", by=course.site.by).text(screen.lang)]
    )


def _end(args: argparse.Namespace, course: "Course", screen: "Screen") -> int:
    """Result, report and JSON; then what stopped it, if something did."""
    from tools.check.course import result_lines
    from tools.check.document import document
    from tools.check.report import report
    from tools.image import write, write_json

    path = args.report or Path(_report_name(course))
    write(path, report(course).encode(), screen.lang)
    screen.lines(result_lines(course, str(path), f"riverpost check{station_now.station_words(args)}", screen.lang))
    if args.json:
        write_json(args.json, {**document(course), "report": str(path)}, screen.lang)
    if course.failure is not None:
        raise course.failure
    return course.exit_code


def _report_name(course: "Course") -> str:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    config = course.site.config
    at = datetime.fromtimestamp(course.site.began["unix_ms"] / 1000, ZoneInfo(config.time_zone))
    return f"check-{config.id}-{at:%Y%m%d-%H%M}.html"


def _dry_run(args: argparse.Namespace, config: "Station", plan: "Plan", screen: "Screen") -> int:
    from tools.check.said import Both, said
    from tools.check.step import both
    from tools.image import write_json

    lang = screen.lang
    name = Both(config.name, config.name_en).text(lang)
    screen.lines([f"{name} {config.id}", said("dry_head").text(lang)])
    for number, step in enumerate(plan.steps, 1):
        texts = [step.title, said("dry_limit", limit=step.limit)]
        texts += [said("dry_do", prompt=step.ask)] if step.ask else []
        screen.plan(number, step, [*texts, said("dry_id", id=step.id)])
    if args.json:
        found: list[dict[str, Any]] = [
            {
                "id": step.id,
                "title": both(step.title),
                "limit": both(step.limit),
                "person": step.person,
                "ask": both(step.ask),
            }
            for step in plan.steps
        ]
        write_json(args.json, {"station": config.id, "steps": found}, lang)
    return EXIT_DONE


def _see_that_it_can_be_written(path: Path | None, lang: str) -> None:
    """Better now than after ten minutes in the rain. `Failure`."""
    from tools.faults import fault

    folder = Path() if path is None else path.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK) or (path is not None and path.is_dir()):
        raise fault("unwritable", lang, seen=str(folder), file=path or folder.resolve())


def _stop(number: int, frame: object) -> None:
    """A line that broke, or an order to end, is as good as Ctrl-C: the mode is put back."""
    raise KeyboardInterrupt


def _login() -> str:
    import getpass

    try:
        return os.environ.get("SUDO_USER") or getpass.getuser()
    except (KeyError, OSError):
        return str(os.getuid())  # A user without a name.


def _number(lowest: int, highest: int):
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number") from None
        if not lowest <= value <= highest:
            raise argparse.ArgumentTypeError(f"{value} is not between {lowest} and {highest}")
        return value

    return read


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds") from None
    if not 0 < value <= WAIT_S_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and up to {WAIT_S_MAX:.0f}")
    return value
