"""`riverpost replay`: history judged by the gateway's own code, before a threshold set goes live; and a recording of a
bus, printed or answered out of.
"""

import argparse
import json
import sys
from pathlib import Path

from tools.failure import EXIT_DONE, EXIT_WRONG_CALL, Failure

HELP = "judge a recording by a station's rules; replay a bus"
EXAMPLE = """example:
  ./riverpost replay --csv river.csv --time time --value stage --quantity level --unit m \\
      --zone Asia/Shanghai --station station.toml --html replay.html
  ./riverpost replay --all --json out.json
  ./riverpost replay --bus bus.jsonl --address 11         what passed on a bus
  ./riverpost replay --bus bus.jsonl --as-devices         answer out of it

exit codes: 0 done, 1 --all or --scenario found a difference, 2 wrong call or file"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.epilog = EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--csv", type=Path, metavar="FILE", help="a recording, columns named in its first line")
    what.add_argument("--all", action="store_true", help="every known recording, against what was worked out by hand")
    what.add_argument("--scenario", metavar="NAME", help="a scenario with its table, such as cuntan-2020")
    what.add_argument("--bus", type=Path, metavar="FILE", help="a recording of a bus (riverpost record): print it")
    _add_bus(parser)
    parser.add_argument("--time", metavar="COLUMN", help="column of the times")
    parser.add_argument(
        "--value", metavar="COLUMN", action="append", default=[], help="column of values; may be repeated"
    )
    parser.add_argument("--quantity", metavar="Q", help="level, rain, rain-tips, tilt, smoke or pressure")
    parser.add_argument("--unit", help="m, ft, mm, in, deg, …; scaled too: '0.01 in'")
    parser.add_argument("--zone", help="zone of times that name none: Asia/Shanghai, UTC, +08:00")
    parser.add_argument("--dates", choices=("day-first", "month-first"), help="how to read 06/03/2018")
    parser.add_argument("--start", metavar="TIME", help="when the seconds of a count began")
    parser.add_argument("--station", type=Path, metavar="FILE", help="a station.toml, or an expected.toml")
    parser.add_argument("--channel", metavar="NAME", action="append", help="the channel of each value, in their order")
    parser.add_argument("--where", metavar="COLUMN=VALUE", help="only the rows of one station")
    parser.add_argument("--unit-column", metavar="COLUMN", help="rows that name another unit here are flagged")
    parser.add_argument("--temperature", metavar="COLUMN", help="temperature of the same instrument, degC")
    parser.add_argument("--neighbour", metavar="FILE", type=Path, action="append", help="a rain gauge beside it")
    parser.add_argument("--invalid", metavar="CODE", action="append", help="a value that means 'none', such as -99999")
    parser.add_argument("--cadence", metavar="TIME", help="how often there should be a row: '5 min'; else it is seen")
    parser.add_argument("--since", metavar="TIME", help="leave out what is before")
    parser.add_argument("--until", metavar="TIME", help="leave out what is behind")
    parser.add_argument("--json", type=Path, metavar="PATH", help="write everything there; - for standard output")
    parser.add_argument("--html", type=Path, metavar="PATH", help="write a page with the curve there")
    parser.add_argument("--lang", choices=("zh", "en"), help="language; else LANG decides")


def _add_bus(parser: argparse.ArgumentParser) -> None:
    from tools.scan.settings import addresses

    group = parser.add_argument_group("a recording of a bus")
    group.add_argument("--address", type=addresses, metavar="A", help="only these: 11, or 11,12,20-30")
    group.add_argument("--as-devices", action="store_true", help="answer on a port as the recorded devices did")
    group.add_argument("--port", metavar="P", help="where they answer; else at a new pseudo-terminal, which is named")
    group.add_argument(
        "--pace", choices=("recorded", "next"), default="recorded",
        help="what was answered at that time (recorded), or one answer after the other, at once",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """0: done; 1: a difference from what was expected; 2: wrong call or file."""
    from gateway import words

    lang = words.language(args.lang)
    if args.bus:
        from tools.replay import bus

        return bus.serve(args, lang) if args.as_devices else bus.show(args, lang)
    if args.as_devices or args.address or args.port:
        from tools.replay.recording import wrong

        example = "riverpost replay --bus bus.jsonl --as-devices"
        raise wrong("there is no recording of a bus", "no --bus", "a part of the call is missing", example)
    if args.all:
        from tools.replay.every import run_all

        return run_all(args.json, lang)
    if args.scenario:
        from tools.replay.ask import duration_ms
        from tools.replay.rehearsed import run_scenario

        scan_ms = duration_ms(args.cadence or "1 s", "--cadence")
        return run_scenario(args.scenario, scan_ms, args.json, lang)
    return _replay(args, lang)


def _replay(args: argparse.Namespace, lang: str) -> int:
    from tools.replay import ask as asked
    from tools.replay.document import document
    from tools.replay.judging import judge
    from tools.replay.page import page
    from tools.replay.phrases import phrase
    from tools.replay.progress import Progress
    from tools.replay.screen import show

    ask, make_site = asked.from_arguments(args)
    result = judge(ask, make_site, Progress(ask.file.name, lang))
    if args.html:
        write(args.html, page(result, lang))
    if args.json:
        write_json(args.json, document(result))
    if args.json is None or str(args.json) != "-":
        show(result, lang)
        written = [str(path) for path in (args.html, args.json) if path is not None]
        key = "wrote" if written else "next_page" if result.site.judged else "next_site"
        print(phrase(key, lang, path=", ".join(written)))
    return EXIT_DONE


def write_json(path: Path, found: object) -> None:
    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
    if str(path) == "-":
        sys.stdout.write(text)
    else:
        write(path, text)


def write(path: Path, text: str) -> None:
    """Failure where the file cannot be written."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise Failure(
            f"{path} cannot be written",
            seen=error.strerror or str(error),
            likely="its folder is not there, or may not be written to",
            do=["name another path"],
            state="the recording was judged, nothing was written",
            exit_code=EXIT_WRONG_CALL,
        ) from None
