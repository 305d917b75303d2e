"""A check as data: for JSON, and the facts that the report prints.

Rules of this file: every text in both languages; times are the station's, in unix milliseconds.
"""

from importlib.metadata import version
from typing import Any

from tools.check.course import Course, Done
from tools.check.site import source_of
from tools.check.step import both


def document(course: Course) -> dict[str, Any]:
    """All of it."""
    site, config = course.site, course.site.config
    return {
        "riverpost": version("riverpost"),
        "station": config.id,
        "name": {"zh": config.name, "en": config.name_en},
        "time_zone": config.time_zone,
        "by": site.by,
        "began_ms": site.began["unix_ms"],
        "ended_ms": site.latest["unix_ms"],
        "result": course.result,
        "accepted": course.result == "accepted",
        "counts": course.counts,
        "failed": [done.step.id for done in course.failed],
        "failure": None if course.failure is None else course.failure.text(),
        "mode_before": course.mode.before["mode"],
        "mode_left": course.mode.left,
        "gateway": {
            "serial": config.gateway_serial,
            "version": site.began.get("version"),
            "station_toml": f"{site.began['config']:08x}",
        },
        "boards": [board_facts(course, board["name"]) for board in site.latest["boards"]],
        "steps": [step_document(done) for done in course.done],
    }


def board_facts(course: Course, name: str) -> dict[str, Any]:
    """Who board `name` is, as it said last."""
    site = course.site
    source = next(source for source in site.config.sources if source.name == name)
    said = site.board_now(name)
    definition = said.get("definition") or source_of(site.latest, name).get("definition")
    return {
        "name": name,
        "type": source.board_type,
        "bus": source.bus,
        "address": source.address or None,
        "serial": said.get("serial") or None,
        "version": said.get("version"),
        "slot": said.get("slot"),
        "definition": definition,
        "definition_wanted": source.definition[:16] or None,
    }


def step_document(done: Done) -> dict[str, Any]:
    """One step."""
    step, outcome = done.step, done.outcome
    return {
        "id": step.id,
        "name": both(step.name),
        "title": both(step.title),
        "limit": both(step.limit),
        "person": step.person,
        "state": outcome.state,
        "said": both(outcome.said),
        "readings": [reading.document() for reading in outcome.readings],
        "began_ms": done.began_ms or None,
        "ended_ms": done.ended_ms or None,
        "attempts": done.attempts,
        "curve": {"quantity": outcome.curve_quantity, "points": outcome.curve} if outcome.curve else None,
    }
