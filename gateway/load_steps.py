"""Steps of an alarm as they stand in a table: one key for each level, level 1 first.

Rules of this file: steps rise; what a step does not say of its own (deadband, delays) is None here and the rule's in
the end. A step is `red = "191.50 m"`, or `red = { at = "191.50 m", deadband = "0.20 m", on_delay = "10 s" }`.
"""

from itertools import pairwise
from typing import NamedTuple

from gateway.config import Step
from gateway.toml_table import Table
from gateway.words import LEVEL_NAMES
from wire.reading import VALUE_MAX, VALUE_MIN

LEVELS = LEVEL_NAMES[1:]
DAY_MS = 86_400_000
EXAMPLES = {
    "length": "182.00 m",
    "fine_length": "30 mm",
    "angle": "0.5 deg",
    "turn_rate": "0.10 deg/d",
    "smoke": "0.10 dB/m",
}


class Defaults(NamedTuple):
    """What a rule says for those of its steps that say nothing themselves."""

    deadband: int = 0
    on_delay_ms: int = 0
    off_delay_ms: int = 0


class ReadStep(NamedTuple):
    """A step as written."""

    level: int
    at: int
    name: str
    deadband: int | None
    on_delay_ms: int | None
    off_delay_ms: int | None
    or_level: int | None = None

    def step(self, defaults: Defaults) -> Step:
        own = (self.deadband, self.on_delay_ms, self.off_delay_ms)
        used = (default if one is None else one for one, default in zip(own, defaults, strict=True))
        return Step(self.level, self.at, self.name, *used, or_level=self.or_level)


def read_steps(
    table: Table,
    keys: tuple[str, ...],
    dimension: str,
    *,
    named: bool = False,
    falling: bool = False,
    or_level: bool = False,
) -> tuple[ReadStep, ...] | None:
    """The steps that stand under `keys`, level 1 first; None where they are wrong, or there is none.

    `named`: the key is what a person calls the step. `falling`: a worse step lies lower. `or_level`: a step may have
    one.
    """
    steps: list[ReadStep] = []
    good = True
    before = ""
    for level, key in enumerate(keys, start=1):
        if not table.has(key):
            table.mark(key)
            continue
        step = _step(table, key, level, dimension, named, or_level)
        if step is None:
            good = False
            continue
        if steps and (step.at >= steps[-1].at if falling else step.at <= steps[-1].at):
            reason = f"{_text(table, key)} is not {'below' if falling else 'above'} {before} ({_text(table, before)})"
            order = "fall" if falling else "rise"
            table.problem(key, f"{reason}; thresholds must {order} from {keys[0]} to {keys[-1]}")
            good = False
        steps.append(step)
        before = key
    if not steps and good:
        table.problem("", f"has no threshold; add at least one of {', '.join(keys)}")
        good = False
    return tuple(steps) if good else None


def resolve(
    table: Table, steps: tuple[ReadStep, ...], defaults: Defaults, *, rising: bool = True
) -> tuple[Step, ...] | None:
    """The steps with what the rule says; None where of `rising` ones one would be left only below the one under it."""
    made = tuple(step.step(defaults) for step in steps)
    sign = -1 if made[-1].at < made[0].at else 1
    for lower, upper in pairwise(made if rising else ()):
        if sign * upper.at - upper.deadband <= sign * lower.at - lower.deadband:
            reason = f"the deadband of {_name(upper)} reaches beyond that of {_name(lower)}"
            table.problem("", f"{reason}; a worse level must be left first: make it smaller")
            return None
    return made


def _name(step: Step) -> str:
    return step.name or LEVELS[step.level - 1]


def _step(table: Table, key: str, level: int, dimension: str, named: bool, or_level: bool) -> ReadStep | None:
    example = EXAMPLES.get(dimension, "")
    name = key if named else ""
    if not isinstance(table.values[key], dict):
        at = table.amount(key, dimension, VALUE_MIN, VALUE_MAX, example=example)
        return None if at is None else ReadStep(level, at, name, None, None, None)
    inner = table.table(key)
    at = inner.amount("at", dimension, VALUE_MIN, VALUE_MAX, example=example)
    deadband = inner.amount("deadband", dimension, 0, VALUE_MAX, None, example)
    on_delay_ms = inner.amount("on_delay", "time", 0, DAY_MS, None, "10 s")
    off_delay_ms = inner.amount("off_delay", "time", 0, DAY_MS, None, "60 s")
    height = inner.amount("or_level", "length", VALUE_MIN, VALUE_MAX, None, "182.00 m") if or_level else None
    inner.close()
    return None if at is None else ReadStep(level, at, name, deadband, on_delay_ms, off_delay_ms, height)


def _text(table: Table, key: str) -> str:
    value = table.values[key]
    return f'"{value.get("at") if isinstance(value, dict) else value}"'
