"""Rules of station.toml: each is read by its kind (gateway/kinds), then joined by the default ones for lost sources.

Rules of this file: a rule is taken only if its channel, its unit, its datum and the order of its steps are right. Every
source that no rule of kind "lost" names gets one.
"""

from typing import NamedTuple

from gateway.config import Bus, Fusion, Local, Rule, ThresholdSet
from gateway.kinds import KINDS
from gateway.kinds.lost import default_rule
from gateway.load_asleep import check_asleep
from gateway.load_buses import Declared
from gateway.load_fusion import read_fusions
from gateway.load_sets import Known, ReadSet, read_sets
from gateway.rule_table import RuleTable
from gateway.toml_table import Table


class Judging(NamedTuple):
    """What a station judges by."""

    rules: tuple[Rule, ...]
    sets: tuple[ThresholdSet, ...]
    fusions: tuple[Fusion, ...]


def read_rules(root: Table, places: tuple[Bus | Local, ...], declared: Declared) -> Judging:
    """All rules, the default ones for lost sources and fused channels included; threshold sets and fusions."""
    sources = {source.name: place for place in places for source in place.sources}
    channels = {channel.name: channel for place in places for source in place.sources for channel in source.channels}
    reports_ms = {source.name: source.report_s * 1_000 for place in places for source in place.sources}
    scans_ms = {name: reports_ms[name] or place.scan_ms for name, place in sources.items()}
    scans_ms |= {name: scans_ms[channel.source] for name, channel in channels.items() if name not in scans_ms}
    known = Known(channels, scans_ms, declared)
    fusions = read_fusions(root, known)
    for fusion in fusions:
        for name in (fusion.low, fusion.high):
            if reports_ms[channels[name].source]:
                root.problem(
                    "fusion", f'"{name}" of "{fusion.name}" sleeps; only sensors that are always awake are one'
                )
    sets = read_sets(root, known)
    rules: list[Rule] = []
    names: dict[str, int] = {}
    for table in root.tables("rule"):
        rule = _read_rule(table, known, sets)
        if rule is not None:
            check_asleep(table, rule, channels, reports_ms)
        name = table.values.get("name")
        if isinstance(name, str):
            if name in names:
                table.problem("name", f'"{name}" is the name of the rule in line {names[name]} too; choose another')
            names.setdefault(name, table.line("name"))
        if rule:
            rules.append(rule)
    watched = {rule.channel for rule in rules if rule.kind == "lost"}
    watched |= {channels[name].source for name in watched if name in channels}
    for target in (*sources, *(fusion.name for fusion in fusions)):
        if target not in watched:
            asleep = bool(reports_ms.get(target))
            rules.append(default_rule(_free(f"lost-{target}", names), target, scans_ms[target], asleep=asleep))
    made = tuple(one for name, found in sets.items() if (one := found.made(name)) is not None)
    return Judging(tuple(rules), made, fusions)


def _read_rule(table: Table, known: Known, sets: dict[str, ReadSet]) -> Rule | None:
    kind = table.choice("kind", KINDS)
    if kind is None:
        return None  # What the other keys mean hangs on the kind: one error is enough.
    rule = KINDS[kind].read(RuleTable(table, kind, known, sets, KINDS[kind].channel))
    table.close()
    return rule


def _free(name: str, taken: dict[str, int]) -> str:
    while name in taken:
        name += "-source"
    return name
