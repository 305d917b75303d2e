"""`riverpost replay --scenario`: a flood whose stages were worked out by hand, judged scan by scan.

Rules of this file: the station is the scenario's own, its clock is virtual; each stage must be raised once and left
once, within one scan of the table, and there must be no other alarm.
"""

import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway import words
from gateway.alarms import CLEARED, ESCALATED, LOWERED, RAISED
from gateway.toml_lines import lines_of
from gateway.toml_table import Problems
from tools import flood
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT
from tools.replay import site, write_json
from tools.replay.document import episode_document, exact, iso
from tools.replay.phrases import phrase
from tools.replay.play import Change, Player
from tools.replay.progress import Progress
from tools.replay.recording import Ask, Row, wrong

TALK_SCANS = 5_000
OWN_TABLES = ("name", "title", "start", "end", "gauge", "stage")


def run_scenario(name: str, scan_ms: int, json_path: Path | None, lang: str) -> int:
    """0: every stage at its time and no other alarm; 1: not so. Failure for no such scenario."""
    if name not in flood.names():
        raise wrong(
            f"There is no scenario {name!r} with a table of times",
            f"known: {', '.join(flood.names())}",
            "a slip in the name",
            "give one of these",
        )
    it = flood.read(name)
    player = play(it, scan_ms, Progress(name, lang))
    stages, others = compare(it, player, scan_ms)
    good = not others and all(stage["agrees"] for stage in stages)
    if str(json_path) != "-":
        _show(it, player.site.config.time_zone, stages, others, good, lang)
    if json_path is not None:
        document = {
            "scenario": name, "title": it.title, "scan_s": scan_ms / 1000, "agrees": good, "stages": stages,
            "episodes": [episode_document(episode) for episode in player.episodes], "not_expected": others,
            "flags": [
                {"value": lane.label, "kind": kind, "count": flag.count}
                for lane in player.lanes
                for kind, flag in sorted(lane.flags.items())
            ],
        }  # fmt: skip
        write_json(json_path, document)
    return EXIT_DONE if good else EXIT_NOT_RIGHT


def play(it: flood.Flood, scan_ms: int, progress: Progress) -> Player:
    """Judge the whole flood, each gauge at every scan."""
    gauges = list(it.gauges)
    ask = Ask(Path(f"{it.name}.toml"), "", gauges, "level", "m", zone="UTC")
    document = {key: value for key, value in tomllib.loads(it.text).items() if key not in OWN_TABLES}
    made = site.build(document, Problems(ask.file.name, lines_of(it.text)), ask, scan_ms)
    start_ms = it.start_unix_s * 1000
    player = Player(made, start_ms)
    levels = [it.gauges[gauge] for gauge in gauges]
    scans = it.duration_s * 1000 // scan_ms + 1
    for scan in range(scans):
        t_s = scan * scan_ms / 1000
        player.row(Row(start_ms + scan * scan_ms, [_level(at(t_s)) for at in levels], None))
        if not scan % TALK_SCANS:
            progress.show(scan / scans, scan)
    player.end()
    progress.end()
    return player


def compare(it: flood.Flood, player: Player, scan_ms: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Each stage with what was found of it, and every change that no stage asked for."""
    left = list(player.changes)
    steps = {(rule.name, step.name): step for rule in player.site.config.rules for step in rule.steps}
    levels = {rule.name: [0, *(step.level for step in rule.steps)] for rule in player.site.config.rules}
    stages = []
    for stage in it.stages:
        level = steps[stage.rule, stage.name].level
        before = levels[stage.rule][levels[stage.rule].index(level) - 1]
        up = _take(left, stage.rule, (RAISED, ESCALATED), level)
        down = _take(left, stage.rule, (LOWERED, CLEARED), before)
        up_ms, down_ms = stage.up_unix_s * 1000, stage.down_unix_s * 1000
        stages.append(
            {
                "rule": stage.rule,
                "stage": stage.name,
                "level": exact("level_mm", stage.level_mm),
                "word": words.LEVEL_NAMES[level],
                "up_expected": iso(up_ms),
                "up": iso(up),
                "down_expected": iso(down_ms),
                "down": iso(down),
                "agrees": up is not None and down is not None
                and abs(up - up_ms) <= scan_ms and abs(down - down_ms) <= scan_ms,
            }
        )  # fmt: skip
    return stages, [f"{change.kind} by {change.rule} to level {change.level} at {iso(change.at_ms)}" for change in left]


def _take(left: list[Change], rule: str, kinds: tuple[str, ...], level: int) -> int | None:
    """The time of the first such change, which is then taken: a second one is not expected."""
    for change in left:
        if change.rule == rule and change.kind in kinds and change.level == level:
            left.remove(change)
            return change.at_ms
    return None


def _level(level_mm: int | None) -> int | str:
    return "missing" if level_mm is None else level_mm


def _show(
    it: flood.Flood, time_zone: str, stages: list[dict[str, Any]], others: list[str], good: bool, lang: str
) -> None:
    console = Console(highlight=False)
    zone = ZoneInfo(time_zone)
    console.print(Text(it.title, style="bold"))
    console.print(Text(phrase("rehearsal", lang), style="bold"))
    console.print(Text(phrase("zone", lang, zone=time_zone)))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for key in ("rule", "value", "start", "end"):
        name = words.word(key, lang) if key in words.WORDS else phrase(key, lang)
        table.add_column(name, no_wrap=True, overflow="ellipsis")
    table.add_column("")
    for stage in stages:
        mark = words.mark(words.LEVEL_NAMES.index(stage["word"]), lang)
        verdict = phrase("agrees" if stage["agrees"] else "differs", lang)
        name = f"{mark} {stage['rule']} {words.word(stage['stage'], lang)}"
        table.add_row(name, stage["level"], _short(stage["up"], zone), _short(stage["down"], zone), verdict)
    console.print(table)
    for stage in stages:
        if not stage["agrees"]:
            wanted = f"{stage['up_expected']} … {stage['down_expected']}"
            console.print(Text(phrase("stage_differs", lang, name=f"{stage['rule']} {stage['stage']}", wanted=wanted)))
    for text in others:
        console.print(Text(phrase("not_expected", lang, what=text)))
    console.print(Text(phrase("scenario_agrees" if good else "scenario_differs", lang), style="bold"))


def _short(text: str | None, zone: ZoneInfo) -> str:
    return "—" if text is None else f"{datetime.fromisoformat(text).astimezone(zone):%m-%d %H:%M:%S}"
