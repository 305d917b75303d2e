"""`riverpost demo`: the main job, for real: an emulated station on real recordings, up to the district center."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from gateway import words
from tools.demo.phrases import phrase

HELP = "run a whole emulated station on real recordings, up to a center"
EXAMPLE = "riverpost demo --once --json result.json"
SKIPPED_PERMIL_MAX = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--once", action="store_true", help="no live table: run through once, print a summary (about three minutes)"
    )
    parser.add_argument("--json", type=Path, metavar="PATH", help="write what was measured there")
    parser.add_argument(
        "--speed", type=float, default=None, metavar="N", help="station seconds per second (default 60)"
    )
    parser.add_argument(
        "--lang", choices=words.LANGUAGES, default=None, help="language of the table (default: from LANG)"
    )
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep logs, databases and flash images there")
    parser.add_argument(
        "--sabotage",
        choices=("drop", "twice", "early-ack"),
        default="",
        help="plant a fault at the center that the accounting must find (exit code 1)",
    )


def run(args: argparse.Namespace) -> int:
    """0: nothing lost or doubled, at most 1 % of scans skipped; 1: looked and not right; 4: a part failed."""
    from tools.demo.course import Course  # The emulator and rich take half a second: not for --help.

    folder = Path(args.keep) if args.keep else Path(tempfile.mkdtemp(prefix="riverpost-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    lang = words.language(args.lang)
    live = not args.once and sys.stdout.isatty()
    started_s = time.monotonic()
    try:
        course = Course(folder, speed=args.speed, sabotage=args.sabotage, lang=lang, live=live)
        result = course.run()
        result["wall_s"] = round(time.monotonic() - started_s, 1)
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if args.json:
        args.json.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    problems = verdict(result)
    print(summary(result, problems, lang))
    return 1 if problems else 0


def verdict(result: dict[str, Any]) -> list[str]:
    """What is not right with a result, in words; [] if all is."""
    problems = []
    if result["lost"]:
        problems.append(f"{result['lost']} rows lost on the way to the center")
    if result["duplicated"]:
        problems.append(f"{result['duplicated']} rows at the center that nobody made")
    if not result["rows_stored"]:
        problems.append("nothing reached the center")
    if result["scans_skipped"] * 1000 > result["scans"] * SKIPPED_PERMIL_MAX:
        problems.append(f"{result['scans_skipped']} of {result['scans']} scans skipped, more than 1 %")
    for rule, kinds in EXPECTED.items():
        seen = {alarm["kind"] for alarm in result["alarms"] if alarm["rule"] == rule}
        problems += [f"{rule}: {kind} did not happen" for kind in kinds if kind not in seen]
    return problems


EXPECTED = {"flood": ("alarm raised", "alarm escalated", "alarm cleared"), "rain-1h": ("alarm raised",)}


def summary(result: dict[str, Any], problems: list[str], lang: str) -> str:
    """The last lines of the demo: aligned facts, then the result, then what is next."""
    said = partial(phrase, lang=lang)
    siren, center = (said("delay", **result["latency_ms"][which]) for which in ("siren", "center"))
    facts = [
        ("Rows", said("rows", made=result["rows_made"], stored=result["rows_stored"])),
        ("Lost", str(result["lost"])),
        ("Doubled", str(result["duplicated"])),
        ("Readings", said("readings", count=result["readings_stored"], size=result["bytes_per_reading"])),
        ("Channels", str(len(result["channels"]))),
        *(("Alarms" if i == 0 else "", line) for i, line in enumerate(_alarm_lines(result))),
        ("Siren after", siren),
        ("Center after", center),
        (
            "Scans",
            said(
                "scanned",
                scans=result["scans"],
                scan_s=result["scan_s"],
                skipped=result["scans_skipped"],
                percent=result["bus_use"] * 100,
            ),
        ),
        ("Gateway", said("costs", mib=result["gateway_rss_mib"], cpu_s=result["gateway_cpu_s"])),
        ("Time", said("took", wall_s=result["wall_s"], hours=result["station_s"] / 3600, speed=result["speed"])),
    ]
    names = [said(name) if name else "" for name, _ in facts]
    width = max(words.columns(name) for name in names) + 2
    lines = [name + " " * (width - words.columns(name)) + value for name, (_, value) in zip(names, facts, strict=True)]
    lines += [f"{said('FAIL')}  {problem}" for problem in problems]
    return "\n".join(lines if problems else [*lines, said("well")])


def _alarm_lines(result: dict[str, Any]) -> list[str]:
    """A line a rule: what happened to it, and how often."""
    counts: dict[str, dict[str, int]] = {}
    for alarm in result["alarms"]:
        kinds = counts.setdefault(alarm["rule"], {})
        kind = alarm["kind"].removeprefix("alarm ")
        kinds[kind] = kinds.get(kind, 0) + 1
    return [
        f"{rule}: " + ", ".join(kind + (f" ×{count}" if count > 1 else "") for kind, count in kinds.items())
        for rule, kinds in counts.items()
    ] or ["—"]
