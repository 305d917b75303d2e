"""Answers that were given before, for scripts: what was read at the staff, what was heard, what is left out and why.

    [staff]                        # by channel, as read at the staff gauge
    river = "177.20 m"
    [heard]
    siren = true
    [skip]                         # by step, as --dry-run names them
    "radar/move" = "hangs over the river"

Rules of this file: every error of the file at once, with its key and the remedy; what hands do is not typed.
"""

import tomllib
from pathlib import Path
from typing import Any

from gateway.amounts import AmountError, amount
from tools.check.asked import SirenStep, StaffStep
from tools.check.person import Answers
from tools.check.plan import Plan
from tools.faults import fault

TABLES = ("staff", "heard", "skip")
REASON_MAX = 100


def read_answers(path: Path, plan: Plan, lang: str) -> Answers:
    """The answers in `path` to the steps of `plan`. `Failure` names everything that is wrong or missing."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise fault("unreadable", lang, seen=error.strerror or str(error), file=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise fault("check_answers", lang, seen=str(error), file=path) from None
    problems = [f"{key}: no such table; use [staff], [heard], [skip]" for key in document if key not in TABLES]
    tables: dict[str, dict[str, Any]] = {}
    for name in TABLES:
        found = document.get(name, {})
        if isinstance(found, dict):
            tables[name] = found
        else:
            tables[name] = {}
            problems.append(f"{name}: is no table; write [{name}]")
    skip = _skips(tables["skip"], plan, problems)
    staff_mm = _staff(tables["staff"], plan, problems)
    heard = _heard(tables["heard"], problems)
    for step in plan.hands:
        if step.id in skip:
            continue
        if isinstance(step, StaffStep) and not step.report_s and step.channel.name not in tables["staff"]:
            problems.append(f'staff.{step.channel.name}: is missing; write what the staff reads, as "177.20 m"')
        if isinstance(step, SirenStep) and not step.absent and "siren" not in tables["heard"]:
            problems.append("heard.siren: is missing; write true or false")
    if problems:
        raise fault("check_answers", lang, seen="\n".join(problems), file=path)
    return Answers(staff_mm, heard, skip)


def _skips(table: dict[str, Any], plan: Plan, problems: list[str]) -> dict[str, str]:
    known = {step.id for step in plan.steps}
    found = {}
    for key, reason in table.items():
        if key not in known:
            problems.append(f"skip.{key}: no step is called so; --dry-run names them")
        elif not isinstance(reason, str) or not 1 <= len(reason.strip()) <= REASON_MAX:
            problems.append(f"skip.{key}: write why, in up to {REASON_MAX} characters")
        else:
            found[key] = reason.strip()
    return found


def _staff(table: dict[str, Any], plan: Plan, problems: list[str]) -> dict[str, int]:
    known = {step.channel.name for step in plan.hands if isinstance(step, StaffStep)}
    found = {}
    for name, text in table.items():
        if name not in known:
            problems.append(f"staff.{name}: no channel over a datum is called so")
            continue
        try:
            found[name] = amount(text, "length")
        except AmountError as error:
            problems.append(f"staff.{name}: {error}")
    return found


def _heard(table: dict[str, Any], problems: list[str]) -> dict[str, bool]:
    found = {}
    for name, answer in table.items():
        if name != "siren" or not isinstance(answer, bool):
            problems.append(f"heard.{name}: write siren = true or siren = false")
        else:
            found[name] = answer
    return found
