"""Do the station's rules judge? A rule that never got a value looks like one that is calm.

Rules of this file: it reads the gateway's state; a rule that needs time (a baseline, days of a rate) is waited for only
as long as a person would.
"""

from typing import Any

from gateway import words
from gateway.config import Rule, Station
from gateway.level import judged_quantity
from tools.check.said import Word, listed, said, shown
from tools.check.site import Site
from tools.check.step import FAIL, LOOK, OK, Outcome, Reading, Step, worst
from wire.reading import QUANTITIES

BY_SIGHT = ("lost", "fault")  # Kinds that judge whether there is a value, not which.
SLOW = ("tilt", "tilt_rate")  # Kinds that need a baseline, or days.
WAIT_S = 15.0
BASELINE_S = 90.0  # A tilt takes its baseline from 30 samples, behind the median of its window.


class RulesStep(Step):
    """Every rule at once: has it its thresholds, and has it judged a value?"""

    def __init__(self, config: Station) -> None:
        self.rules = config.rules
        super().__init__("rules", said("rules"), said("title_rules", count=len(config.rules)), said("limit_rules"))

    def run(self, site: Site) -> Outcome:
        if not self.rules:
            return Outcome(LOOK, said("no_rules"))
        wait_s = BASELINE_S if any(rule.kind == "tilt" for rule in self.rules) else WAIT_S
        site.until(lambda: not _waiting(site), wait_s, lambda: said("rules_wait", names=", ".join(_waiting(site))))
        states = {rule.name: _state(rule, site) for rule in self.rules}
        readings = [_reading(rule, site) for rule in self.rules]
        told = [reason for _, reason in states.values() if reason]
        state = worst([state for state, _ in states.values()])
        return Outcome(state, listed(told) if told else said("rules_ok", count=len(self.rules)), readings)


def _judged(rule: Rule, site: Site) -> int | None:
    return next((one["value"] for one in site.latest["rules"] if one["rule"] == rule.name), None)


def _waiting(site: Site) -> list[str]:
    """Rules that judge nothing yet and could soon."""
    return [
        rule.name
        for rule in site.config.rules
        if rule.kind not in (*BY_SIGHT, "tilt_rate") and _judged(rule, site) is None and _seen(rule, site)
    ]


def _seen(rule: Rule, site: Site) -> bool:
    """Are there values that it could judge? What has none is told by the step of its source."""
    if rule.kind == "storage":
        return not site.latest["store"]["failed"]
    return all(site.channel(name).get("value") is not None for name in rule.axes or (rule.channel,))


def _state(rule: Rule, site: Site) -> tuple[str, Any]:
    aside = _alarm(rule, site)
    if aside in ("out of service", "shelved"):
        return LOOK, said("rule_aside", rule=rule.name, state=Word(aside))
    if rule.kind in BY_SIGHT or _judged(rule, site) is not None:
        return OK, ""
    if rule.kind in SLOW and _seen(rule, site):
        return LOOK, said("rule_no_baseline" if rule.kind == "tilt" else "rule_needs_days", rule=rule.name)
    return FAIL, said("rule_blind", rule=rule.name)


def _alarm(rule: Rule, site: Site) -> str:
    """State of its alarm, "" while that is normal."""
    return next((one["state"] for one in site.latest["alarms"] if one["rule"] == rule.name), "")


def _reading(rule: Rule, site: Site) -> Reading:
    """Its kind and newest value, and its thresholds."""
    quantity = _quantity(rule, site.config)
    value = _judged(rule, site)
    if rule.kind == "lost":
        seconds = rule.steps[0].at // 1000
        return Reading(rule.name, said("watches", channel=rule.channel), said("seconds", seconds=seconds))
    limits = listed(_step_text(step, quantity) for step in rule.steps)
    name = said("rule_over", rule=rule.name, datum=Word(rule.datum)) if rule.datum else rule.name
    if rule.kind == "fault":
        return Reading(rule.name, said("watches", channel=rule.channel), "")
    told = said("not_judged") if value is None else _shown(quantity, value)
    return Reading(name, told, limits, quantity, value, rule.datum)


def _step_text(step: Any, quantity: str) -> Any:
    return said("threshold", level=LevelWord(step.level), at=_shown(quantity, step.at))


class LevelWord:
    """The word for a level, in each language."""

    def __init__(self, level: int) -> None:
        self._level = level

    def text(self, lang: str) -> str:
        return words.level_word(self._level, lang)


def _shown(quantity: str, value: int) -> Any:
    if quantity == "permil":
        return f"{value / 10:.1f} %"
    return shown(quantity, value)


def _quantity(rule: Rule, config: Station) -> str:
    """What the rule judges."""
    if rule.kind == "storage":
        return "permil"
    if rule.kind == "tilt_rate":
        return "turn_mdeg_per_day"
    if rule.kind == "tilt":
        return "turn_mdeg"
    channel = next((one for one in config.channels if one.name == rule.channel), None)
    return QUANTITIES[judged_quantity(channel)][0] if channel is not None else "level_mm"
