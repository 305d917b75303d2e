"""Two board.json, key by key: what a person sees before one takes the other's place.

Rules of this file: pure; a secret is told as changed or not, never by its value.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tools.provision.keys import SECRET

LEFT_OUT = ("definition",)  # It follows from the others.
SHOWN_CHARS = 60


class Change(NamedTuple):
    """`before`, `after`: as a person reads them; "" where the key is not there. `secret`: neither is told."""

    key: str
    before: str
    after: str
    secret: bool = False


def changes(
    before: Mapping[str, Any] | None, after: Mapping[str, Any], hidden: Mapping[str, str], wanted: Mapping[str, str]
) -> list[Change]:
    """What differs, in the order of the keys. `hidden`, `wanted`: salted hashes of the secrets on both sides."""
    old, new = dict(_flat(before or {})), dict(_flat(after))
    found = [
        Change(key, _short(old.get(key, "")), _short(new.get(key, "")))
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    secrets = [key for key in SECRET if hidden.get(key) != wanted.get(key)]
    return found + [Change(f"link.{key}", "", "", secret=True) for key in secrets]


def _flat(table: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        name = f"{path}{key}"
        if name in LEFT_OUT or (path == "link." and key in SECRET):
            continue
        if key == "sensors" and isinstance(value, list):
            yield from _flat({str(sensor.get("driver", "?")): sensor for sensor in value}, "sensors.")
        elif isinstance(value, Mapping):
            yield from _flat(value, f"{name}.")
        else:
            yield name, _told(value)


def _told(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
