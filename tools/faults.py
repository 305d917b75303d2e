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
        state=left(state or told["state"], lang),
        exit_code=found["exit"],
        lang=lang,
    )
