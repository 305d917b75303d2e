"""What a check says, kept as what it means: the report shows it in both languages, the terminal in one.

Rules of this file: no text of its own but numbers and units; words come from phrases.py and gateway/words.py.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from gateway import words
from tools.check.phrases import PHRASES

IN_MM = ("level_mm", "gap_mm", "head_mm")  # A difference of levels is told in millimetres.


class Speaks(Protocol):
    """Whatever has a text in each language."""

    def text(self, lang: str) -> str: ...


class Said(NamedTuple):
    """The sentence `key` with its facts; a fact that speaks itself is told in the same language."""

    key: str
    facts: dict[str, Any]

    def text(self, lang: str) -> str:
        told = {name: tell(fact, lang) for name, fact in self.facts.items()}
        return PHRASES[self.key][words.LANGUAGES.index(lang)].format(**told)


class Word(NamedTuple):
    """A word of gateway/words.py."""

    key: str

    def text(self, lang: str) -> str:
        return words.word(self.key, lang)


class Both(NamedTuple):
    """Something that is called otherwise in each language."""

    zh: str
    en: str

    def text(self, lang: str) -> str:
        return self.zh if lang == "zh" else self.en


class Listed(NamedTuple):
    """Several, one behind the other."""

    parts: tuple[Any, ...]

    def text(self, lang: str) -> str:
        return ("，" if lang == "zh" else ", ").join(tell(part, lang) for part in self.parts)


def said(key: str, **facts: object) -> Said:
    """The sentence `key`."""
    return Said(key, facts)


def listed(parts: Iterable[object]) -> Listed:
    """`parts` one behind the other."""
    return Listed(tuple(parts))


def tell(fact: Any, lang: str) -> str:
    """A fact in `lang`; what does not speak is what it is in every language."""
    return fact.text(lang) if hasattr(fact, "text") else str(fact)


def height(value: int | None, datum: str | None) -> Speaks | str:
    """An elevation with its datum: "177.14 m Wusong datum"."""
    shown = words.shown("level_mm", value)
    return said("height", value=shown, datum=Word(datum)) if datum in words.WORDS else shown


def exact_height(value: int, datum: str) -> Speaks:
    """The same to the millimetre, where that is what it is about."""
    return said("height", value=f"{value / 1000:,.3f} m".replace("-", "−"), datum=Word(datum))


def shown(quantity: str, value: int | None, datum: str | None = None) -> Speaks | str:
    """A value with its unit, and its datum where it has one."""
    if datum:
        return height(value, datum)
    if quantity == "smoke_contact" and value is not None:
        return said("closed" if value else "open")
    return words.shown(quantity, value)


def difference(quantity: str, value: int, *, sign: bool = True) -> str:
    """How far apart two values are: "+0.12°", "−60 mm"."""
    mark = "" if not sign else "−" if value < 0 else "+"
    if quantity in IN_MM:
        return f"{mark}{abs(value):,} mm"
    return mark + words.shown(quantity, abs(value))
