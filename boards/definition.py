"""Where definitions stand, and the one spelling that their hash is taken of."""

import hashlib
import json
from pathlib import Path
from typing import Any

from boards.strict import Findings, nearest, parse

FOLDER = Path(__file__).resolve().parent


def names(kind: str = "") -> tuple[str, ...]:
    """Names of the built-in definitions of `kind` ("board", "profile"), sorted; of both without it."""
    found = []
    for path in sorted(FOLDER.glob("*.toml")):
        if not kind or parse(path, Findings(path.name)).get("kind") == kind:
            found.append(path.stem)
    return tuple(found)


def open_definition(name: str, kind: str) -> tuple[Path, dict[str, Any], Findings]:
    """(file, document, what is wrong so far) of the definition `name`; DefinitionError when it is no `kind` at all."""
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    findings = Findings(path.name if path.parent == FOLDER else str(path))
    if not name.endswith(".toml") and name not in names():
        findings.add("", f"no {kind} has this name; {nearest(name, names(kind))}")
        findings.stop_if_any()
    document = parse(path, findings)
    if document.get("kind") != kind:
        findings.add("kind", f'is {document.get("kind")!r} where a {kind} is wanted; write kind = "{kind}"')
        findings.stop_if_any()
    return path, document, findings


def canonical(value: Any) -> bytes:
    """`value` as JSON with one possible spelling: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def digest(value: Any) -> str:
    """SHA-256 of `value` in canonical JSON, in hex."""
    return hashlib.sha256(canonical(value)).hexdigest()
