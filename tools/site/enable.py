"""`riverpost site enable`: switches on the rules of a station.toml that waited, where what they waited for is there.

Rules of this file: a rule is switched on only if a gateway takes the file with it; everything else stays as it stands.
"""

import argparse
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import tomlkit

from gateway.config import ConfigError, Station
from gateway.load import build
from gateway.toml_lines import lines_of
from gateway.toml_table import Problems
from tools import image
from tools.failure import EXIT_DONE, EXIT_NOT_RIGHT, laid_out
from tools.faults import fault
from tools.phrases import phrase, room
from tools.site.station_text import UNTIL, WAITS
from tools.site.texts import said
from tools.station_edit import StationFile


class Block(NamedTuple):
    """Lines [begin, end) of a rule that waits."""

    begin: int
    end: int
    name: str
    channel: str


class Tried(NamedTuple):
    """A rule that waited: is it on now, and if not, why."""

    name: str
    on: bool
    reason: str = ""


def waiting(lines: list[str]) -> list[Block]:
    """The rules that wait in the lines of a file."""
    found = []
    begin = None
    for number, line in enumerate([*lines, ""]):
        if line.startswith(WAITS):
            begin = number if begin is None else begin
        elif begin is not None:
            found.append(_block(lines, begin, number))
            begin = None
    return found


def enable(text: str, path: Path, lang: str) -> tuple[str, list[Tried]]:
    """(the file with all rules on that may be, what became of each)."""
    tried = []
    lines = text.splitlines()
    for block in waiting(lines):
        changed = _without_stand_in(_on(lines, block), block.name)
        problems = problems_of("\n".join(changed) + "\n", path)
        if problems:
            tried.append(Tried(block.name, False, _reason(lines, path, block, problems, lang)))
        else:
            lines = changed
            tried.append(Tried(block.name, True))
    return "\n".join(lines) + "\n", tried


def problems_of(text: str, path: Path) -> list[str]:
    """What a gateway would say is wrong with the file."""
    try:
        _built(text, path)
    except ConfigError as error:
        return error.problems
    except ValueError as error:
        return [str(error)]
    return []


def _built(text: str, path: Path) -> Station:
    return build(tomllib.loads(text), Problems(path.name, lines_of(text)), path.absolute().parent)


def _block(lines: list[str], begin: int, end: int) -> Block:
    name = channel = ""
    try:
        rule = tomllib.loads("\n".join(line.removeprefix(WAITS) for line in lines[begin:end]))["rule"][0]
        name, channel = str(rule.get("name", "")), str(rule.get("channel", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        name = f"line {begin + 1}"  # Somebody edited it; what is wrong with it comes out when it is tried.
    return Block(begin, end, name, channel)


def _on(lines: list[str], block: Block) -> list[str]:
    inner = [line.removeprefix(WAITS) for line in lines[block.begin : block.end]]
    return [*lines[: block.begin], *inner, *lines[block.end :]]


def _without_stand_in(lines: list[str], name: str) -> list[str]:
    """The rule that stood in for `name` becomes a comment."""
    found = list(lines)
    if f"{UNTIL}{name}" in found:
        at = found.index(f"{UNTIL}{name}")
        while at < len(found) and found[at].strip():
            found[at] = f"# {found[at]}"
            at += 1
    return found


def _reason(lines: list[str], path: Path, block: Block, problems: list[str], lang: str) -> str:
    """Why it waits still: its converter, where the file without it says so, else what a gateway says."""
    try:
        station = _built("\n".join(lines) + "\n", path)
    except (ConfigError, ValueError):
        return "\n".join(problems)
    channel = next((one for one in station.channels if one.name == block.channel and one.uncalibrated), None)
    if channel is None:
        return "\n".join(problems)
    port = channel.uncalibrated.replace(" ", ".")
    return said("talk", "look", "uncalibrated", lang, channel=channel.name, board=channel.source, port=port)


def run(args: argparse.Namespace, lang: str) -> int:
    """0: none waits any more; 1: some still do. `Failure` otherwise."""
    station = StationFile(args.where, lang)
    problems = problems_of(station.text(), args.where)
    if problems:
        raise fault("bad_station", lang, seen="\n".join(problems), file=args.where)
    text, tried = enable(station.text(), args.where, lang)
    on = sum(one.on for one in tried)
    if on and not args.dry_run:
        station.document = tomlkit.parse(text)
        station.save()
    if args.json:
        found = {"rules": [one._asdict() for one in tried], "written": bool(on and not args.dry_run)}
        image.write_json(args.json, found, lang)
    if str(args.json) != "-":
        _show_tried(tried, lang)
    if not tried:
        print(said("talk", "look", "none", lang, file=args.where), file=sys.stderr)
        return EXIT_DONE
    state = said("talk", "ask", "dry", lang) if args.dry_run else said("talk", "look", "restart", lang) if on else ""
    print(f"{said('talk', 'look', 'still', lang, on=on, count=len(tried) - on)} {state}".rstrip(), file=sys.stderr)
    return EXIT_DONE if on == len(tried) else EXIT_NOT_RIGHT


def _show_tried(tried: list[Tried], lang: str) -> None:
    for one in tried:
        told = said("talk", "look", "on", lang) if one.on else one.reason
        print(laid_out([(phrase("ok" if one.on else "look", lang), [f"{one.name}  {told}"])], room()))
