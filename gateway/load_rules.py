"""Rules of station.toml: each is read by its kind (gateway/kinds), then joined by the default ones for lost sources.

Rules of this file: a rule is taken only if its channel, its unit, its datum and the order of its steps are right. Every
source that no rule of kind "lost" names gets one.
"""

from gateway.config import Bus, Local, Rule
from gateway.kinds import KINDS
from gateway.kinds.lost import default_rule
from gateway.load_buses import Declared
from gateway.load_sets import Known, ThresholdSet, read_sets
from gateway.rule_table import RuleTable
from gateway.toml_table import Table


def read_rules(root: Table, places: tuple[Bus | Local, ...], declared: Declared) -> tuple[Rule, ...]:
    """All rules, the default ones for lost sources included."""
    sources = {source.name: place for place in places for source in place.sources}
    channels = {channel.name: channel for place in places for source in place.sources for channel in source.channels}
    scans_ms = {name: sources[channel.source].scan_ms for name, channel in channels.items()}
    scans_ms |= {name: place.scan_ms for name, place in sources.items()}
    known = Known(channels, scans_ms, declared)
    sets = read_sets(root, known)
    rules: list[Rule] = []
    names: dict[str, int] = {}
    for table in root.tables("rule"):
        rule = _read_rule(table, known, sets)
        name = table.values.get("name")
        if isinstance(name, str):
            if name in names:
                table.problem("name", f'"{name}" is the name of the rule in line {names[name]} too; choose another')
            names.setdefault(name, table.line("name"))
        if rule:
            rules.append(rule)
    watched = {rule.channel for rule in rules if rule.kind == "lost"}
    watched |= {channels[name].source for name in watched if name in channels}
    for source, place in sources.items():
        if source not in watched:
            rules.append(default_rule(_free(f"lost-{source}", names), source, place.scan_ms))
    return tuple(rules)


def _read_rule(table: Table, known: Known, sets: dict[str, ThresholdSet]) -> Rule | None:
    kind = table.choice("kind", KINDS)
    if kind is None:
        return None  # What the other keys mean hangs on the kind: one error is enough.
    rule = KINDS[kind].read(RuleTable(table, kind, known, sets))
    table.close()
    return rule


def _free(name: str, taken: dict[str, int]) -> str:
    while name in taken:
        name += "-source"
    return name
