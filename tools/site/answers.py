"""What a person has answered: texts by the names of the questions, as they stand in a TOML file.

Rules of this file: an answer is kept as it was typed; a number in a name counts what there are several of
("board.2.type").
"""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FILE_BYTES_MAX = 1_000_000
ANSWERS_MAX = 2_000
FILE_NAME = "site-answers.toml"


class NotAnswers(Exception):
    """A file of answers that cannot be read as one; the text says why."""


def flat(document: Mapping[str, Any], before: str = "") -> dict[str, str]:
    """{name: text} of a document's tables. A list of tables counts from 1 and answers how many there are."""
    found: dict[str, str] = {}
    for key, value in document.items():
        name = f"{before}{key}"
        if isinstance(value, Mapping):
            found |= flat(value, f"{name}.")
        elif isinstance(value, list) and value and all(isinstance(item, Mapping) for item in value):
            plural = name if name.endswith("s") else f"{name}s"
            found[plural] = str(len(value))
            for number, item in enumerate(value, start=1):
                found |= flat(item, f"{name}.{number}.")
        elif isinstance(value, list):
            found[name] = " ".join(_text(item) for item in value)
        else:
            found[name] = _text(value)
    return found


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "y" if value else "n"
    return str(value)


def read(path: Path) -> dict[str, str]:
    """The answers in a file. NotAnswers."""
    try:
        raw = path.read_bytes()
        if len(raw) > FILE_BYTES_MAX:
            raise NotAnswers(f"more than {FILE_BYTES_MAX} bytes")
        found = flat(tomllib.loads(raw.decode("utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        raise NotAnswers(str(error)) from None
    if len(found) > ANSWERS_MAX:
        raise NotAnswers(f"more than {ANSWERS_MAX} answers")
    return found


def written(answers: Mapping[str, str], head: str) -> str:
    """The answers as a file that `read` takes, below a comment."""
    lines = [f"# {line}" for line in head.splitlines()]
    part = ""
    for name, value in answers.items():
        if name.partition(".")[0] != part:
            part = name.partition(".")[0]
            lines.append("")
        lines.append(f"{name} = {quoted(value)}")
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """`text` as a basic string of TOML; what JSON leaves as it is and TOML does not take is DEL alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
