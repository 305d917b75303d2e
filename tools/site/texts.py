"""What the wizard says, in both languages: the tables are questions.toml, comments.toml and wiring.toml.

Rules of this file: nothing is said that stands in no table.
"""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@cache
def table(name: str) -> dict[str, Any]:
    """The whole table `name`."""
    return tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))


def asked(key: str, part: str, lang: str, /, **facts: object) -> str:
    """`part` ("ask", "why", "example") of the question `key`."""
    found = table("questions")["ask"][key]
    return str(found[lang].get(part, found.get(part, ""))).format(**facts)


def said(file: str, section: str, key: str, lang: str, /, **facts: object) -> str:
    """The sentence `key` of a section. KeyError for an unknown one, or a fact that is missing."""
    return str(table(file)[section][key][lang]).format(**facts)
