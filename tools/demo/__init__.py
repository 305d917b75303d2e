"""`riverpost demo`: the main job, for real: an emulated station on real recordings, up to the district center."""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gateway import words

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
    live = not args.once and sys.stdout.isatty()
    started_s = time.monotonic()
    try:
        course = Course(folder, speed=args.speed, sabotage=args.sabotage, lang=words.language(args.lang), live=live)
        result = course.run()
        result["wall_s"] = round(time.monotonic() - started_s, 1)
    finally:
        if not args.keep:
            shutil.rmtree(folder, ignore_errors=True)
    if args.json:
        args.json.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
    problems = verdict(result)
    print(summary(result, problems))
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


def summary(result: dict[str, Any], problems: list[str]) -> str:
    """The last lines of the demo: aligned facts, then the result, then what is next."""
    siren, center = (result["latency_ms"].get(which, {}) for which in ("siren", "center"))
    facts = [
        ("Rows", f"{result['rows_made']:,} made, {result['rows_stored']:,} stored at the center"),
        ("Lost", f"{result['lost']}"),
        ("Doubled", f"{result['duplicated']}"),
        ("Readings", f"{result['readings_stored']:,}, {result['bytes_per_reading']:.2f} bytes each"),
        ("Channels", f"{len(result['channels'])}"),
        ("Alarms", ", ".join(_alarm_lines(result))),
        ("Siren after", f"{siren.get('p50', 0):.0f} ms (p50), {siren.get('p99', 0):.0f} ms (p99) at 1x"),
        ("Center after", f"{center.get('p50', 0):.0f} ms (p50), {center.get('p99', 0):.0f} ms (p99) at 1x"),
        (
            "Scans",
            f"{result['scans']:,} of {result['scan_s']} s, {result['scans_skipped']} skipped, "
            f"bus {result['bus_use'] * 100:.0f} % used",
        ),
        ("Gateway", f"{result['gateway_rss_mib']:.0f} MiB, {result['gateway_cpu_s']:.1f} s of CPU"),
        (
            "Time",
            f"{result['wall_s']:.0f} s for {result['station_s'] / 3600:.1f} h at the station ({result['speed']:.0f}x)",
        ),
    ]
    lines = [f"{name:<13} {value}" for name, value in facts]
    lines += [f"FAIL  {problem}" for problem in problems]
    if not problems:
        lines.append("ok  Nothing lost, nothing doubled.   Next: README.md, or riverpost test")
    return "\n".join(lines)


def _alarm_lines(result: dict[str, Any]) -> list[str]:
    counts: dict[tuple[str, str], int] = {}
    for alarm in result["alarms"]:
        key = (alarm["rule"], alarm["kind"].removeprefix("alarm "))
        counts[key] = counts.get(key, 0) + 1
    return [f"{rule} {kind}" + (f" ×{count}" if count > 1 else "") for (rule, kind), count in counts.items()]
