"""`riverpost replay --all`: every known recording by the path of `--csv`, against what was worked out by hand.

Rules of this file: a recording that is not on this machine, or not the file that was looked at, is named; a difference
is spelled out; exit 1 on any.
"""

import copy
import hashlib
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, EXIT_NOTHING_FOUND, Failure
from tools.replay import expected as known
from tools.replay import write_json
from tools.replay.ask import site_of
from tools.replay.compare import differences
from tools.replay.document import document
from tools.replay.expected import Expected
from tools.replay.judging import Result, judge
from tools.replay.phrases import phrase
from tools.replay.progress import Progress

NARROW = 70
AGREES, DIFFERS, SKIPPED = "agrees", "differs", "skipped"


def run_all(json_path: Path | None, lang: str) -> int:
    """Judge and compare all; the table, the JSON, the exit code."""
    began_s = time.monotonic()
    entries = [check(one, lang) for one in known.load_all()]
    counts = {verdict: sum(entry["verdict"] == verdict for entry in entries) for verdict in (AGREES, DIFFERS, SKIPPED)}
    if str(json_path) != "-":
        _show(entries, counts, lang)
    if json_path is not None:
        took_s = round(time.monotonic() - began_s, 2)
        write_json(json_path, {"agree": not counts[DIFFERS], **counts, "took_s": took_s, "recordings": entries})
    if counts[DIFFERS]:
        return EXIT_NOT_RIGHT
    return EXIT_DONE if counts[AGREES] else EXIT_NOTHING_FOUND


def check(one: Expected, lang: str = "en") -> dict[str, Any]:
    """One recording: what was found, and its differences."""
    path = one.path()
    if path is None:
        return {"name": one.name, "verdict": SKIPPED, "why": phrase("absent", "en", file=one.file), "differences": []}
    if hashlib.sha256(path.read_bytes()).hexdigest() != one.sha256:
        text = f"{one.file} is not the recording that was looked at: its SHA-256 is another"
        return {"name": one.name, "verdict": DIFFERS, "differences": [text]}
    try:
        result = replay(one, path, lang)
    except Failure as failure:
        return {"name": one.name, "verdict": DIFFERS, "differences": [f"{failure.what}: {failure.seen}"]}
    found = differences(one, result)
    return {
        "name": one.name,
        "verdict": DIFFERS if found else AGREES,
        "differences": found,
        **document(result),
        "file": one.file,
    }


def replay(one: Expected, path: Path, lang: str = "en") -> Result:
    """What `--csv` does for this file."""
    ask = copy.deepcopy(one.ask)
    ask.file = path
    ask.neighbours = []  # As if nobody had named them: they are found beside the file.
    make_site = site_of(one, ask)
    return judge(ask, make_site, Progress(one.name, lang))


def _show(entries: list[dict[str, Any]], counts: dict[str, int], lang: str) -> None:
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    narrow = console.width < NARROW
    for key in ("",) if narrow else ("", "rows", "episodes", "flags"):
        table.add_column("" if not key else phrase(key, lang), no_wrap=True, overflow="ellipsis")
    marks = {AGREES: "ok", DIFFERS: "FAIL", SKIPPED: "skip"} if lang == "en" else {
        AGREES: "通过", DIFFERS: "不通过", SKIPPED: "跳过"
    }  # fmt: skip
    for entry in entries:
        cells = [f"{marks[entry['verdict']]:<4} {entry['name']}"]
        if entry["verdict"] == SKIPPED:
            cells += ["—", "—", "—"]
        else:
            cells += [
                f"{entry.get('rows', 0):,}",
                str(len(entry.get("episodes", []))),
                str(sum(flag["count"] for flag in entry.get("flags", []))),
            ]
        table.add_row(*cells[:1] if narrow else cells)
    console.print(table)
    for entry in entries:
        for text in [entry["why"]] if "why" in entry else entry["differences"]:
            console.print(Text(f"{entry['name']}: {text}"))
    console.print(Text(phrase("all_result", lang, **{key: str(count) for key, count in counts.items()}), style="bold"))
