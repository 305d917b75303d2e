"""What a reader of one kind gives: what it found, or why the bytes are not of its kind.

Rules of this file: records only. A reader raises `NotThis` and nothing else, whatever the bytes are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.center.decode import CatalogueMessage, Source
from tools.decode.phrases import phrase


class NotThis(Exception):
    """Not of this kind. `near`: it begins or is built like it, so that the reason is worth telling."""

    def __init__(self, reason: str, near: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.near = near


@dataclass(frozen=True)
class Ask:
    """What the caller knows beside the bytes. `forced`: the kind was named, so keys of a later version are let pass."""

    lang: str
    epoch: int | None = None
    catalogue: CatalogueMessage | None = None
    register: int | None = None
    key: bytes | None = None
    forced: bool = False

    def say(self, key: str, **facts: object) -> str:
        return phrase(key, self.lang, **facts)

    def source(self, epoch: int) -> Source | None:
        """The source of the catalogue whose log has `epoch`."""
        sources = self.catalogue.sources if self.catalogue else ()
        return next((one for one in sources if one.epoch == epoch), None)


@dataclass(frozen=True)
class Line:
    """One row of a table, for a person and for a machine."""

    text: str
    document: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """`title`: what it is, as a sentence. `wrong`: what is not right in it, or "". `parts`: frames of a stream."""

    kind: str
    title: str
    facts: list[tuple[str, str]]
    document: dict[str, Any]
    wrong: str = ""
    lines: Sequence[Line] = ()
    parts: list["Found"] = field(default_factory=list)
