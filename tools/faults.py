"""What may go wrong under a technician's command, in both languages: the table is tools/faults.toml.

Rules of this file: `fault` finds a failure and fills in its facts; what was seen is said by whoever saw it.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from tools.failure import Failure

TABLE = Path(__file__).with_suffix(".toml")
NOTHING, PARTLY = "nothing", "partly"  # States that several failures leave behind.


@cache
def table() -> dict[str, Any]:
    """The whole table."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))


def left(state: str, lang: str) -> str:
    """The sentence of a state; one that is no name of the table is its own sentence."""
    return table()["state"].get(state, {lang: state})[lang]


def fault(key: str, lang: str, seen: str = "", state: str = "", **facts: object) -> Failure:
    """The failure `key` with its facts; `state` in the place of what the table says. KeyError for an unknown one."""
    found = table()["fault"][key]
    told = found[lang]
    return Failure(
        told["what"].format(**facts),
        seen=seen,
        likely=told["likely"].format(**facts),
        do=[step.format(**facts) for step in told["do"]],
        state=left(state, lang) if state else left(told["state"], lang).format(**facts),
        exit_code=found["exit"],
        lang=lang,
        code=found["code"],
    )


class _Name(str):
    """A fact that is not known: its name in capitals, whatever its format is."""

    def __format__(self, spec: str) -> str:
        return self.upper()


class _Names(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return _Name(name)


def codes() -> dict[str, str]:
    """Code -> key of every failure, in the order of the codes."""
    found = {fault["code"]: key for key, fault in table()["fault"].items()}
    return dict(sorted(found.items()))


def explained(key: str, lang: str) -> dict[str, Any]:
    """All that the table says of the failure `key`; its facts are names in capitals."""
    found = table()["fault"][key]
    told = found[lang]
    names = _Names()
    return {
        "code": found["code"],
        "family": table()["family"][found["code"][3]][lang],
        "what": told["what"].format_map(names),
        "likely": told["likely"].format_map(names),
        "do": [step.format_map(names) for step in told["do"]],
        "state": left(told["state"], lang).format_map(names),
        "exit": found["exit"],
        "exit_means": table()["exit"][str(found["exit"])][lang],
    }
