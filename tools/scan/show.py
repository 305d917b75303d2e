"""What a scan found, as a table, and as JSON.

Rules of this file: no line is wider than the terminal; a row that does not fit goes on below itself; the state word
stands at the end of a row's first line.
"""

import shutil
import sys
from typing import Any, TextIO

from gateway import words
from tools.failure import wrapped
from tools.phrases import phrase as usual
from tools.scan.found import OURS, Device, Scan
from tools.scan.hints import Hint
from tools.scan.judge import Row
from tools.scan.phrases import phrase
from wire.registers import ID_PRODUCT, ID_REVISION, ID_VENDOR

PIPED = 80
NAME_LEAST = 6
INDENT = 6
FIRST = ("twins", "twins_serials", "twins_likely")  # What is told before anything else of a row.
OF_DEFINITION = "definition_"  # Notes that stand behind its digest.


def width() -> int:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else PIPED


def table(rows: list[Row], lang: str, out: TextIO) -> None:
    """A row each, with what is known of the device below it."""
    room = width()
    names = max([NAME_LEAST, *(words.columns(row.name or "?") for row in rows)])
    for row in rows:
        print("\n".join(_lines(row, names, room, lang)), file=out)


def _lines(row: Row, names: int, room: int, lang: str) -> list[str]:
    state = usual(row.state, lang)
    name = row.name or "?"
    head = f"{row.address:>5}  {name}" + " " * (names - words.columns(name))
    what, *details = _details(row, lang)
    first, below = "", []
    between = "，" if lang == "zh" else ", "
    space = room - words.columns(head) - words.columns(state) - 5
    for text in what:
        longer = f"{first}{between}{text}" if first else text
        if not below and words.columns(longer) <= space:
            first = longer
        else:
            below.append(text)
    line = f"{head}  {first}"
    lines = [line + " " * max(2, room - 1 - words.columns(line) - words.columns(state)) + state]
    for text in [*below, *details]:
        lines += [" " * (INDENT + 1) + part for part in wrapped(text, room - INDENT - 2)]
    return lines


def _details(row: Row, lang: str) -> list[Any]:
    """[what stands in the first line as far as it fits, what stands below]."""
    device = row.device
    notes = [(key, phrase(key, lang, **facts)) for key, facts in row.notes]
    twins = [text for key, text in notes if key in FIRST]
    others = [text for key, text in notes if key not in FIRST and not key.startswith(OF_DEFINITION)]
    definition = [text for key, text in notes if key.startswith(OF_DEFINITION)]
    if device is None:
        return [others]
    what = _product(device, lang)
    first = [*twins, *([what] if what else []), *others[:1]]
    below = others[1:]
    facts = " · ".join([*_facts(device, lang), *definition])
    return [first, *([facts] if facts else []), *below]


def _product(device: Device, lang: str) -> str:
    """Which board with which version, which profile; "" where nobody knows."""
    if device.kind == OURS:
        return f"{device.said.get(ID_PRODUCT, '?')} {device.said.get(ID_REVISION, '')}".rstrip()
    if device.profiles:
        return device.profiles[0]
    said = " ".join(device.said[number] for number in (ID_VENDOR, ID_PRODUCT, ID_REVISION) if device.said.get(number))
    return phrase("says", lang, text=said) if said else ""


def _facts(device: Device, lang: str) -> list[str]:
    facts = []
    if device.kind == OURS:
        facts += [phrase("serial", lang, serial=", ".join(sorted(device.serials)) or "—")]
        if device.status is not None:
            facts.append(phrase("slot", lang, slot=device.status.slot))
    for quantity, value in device.values.items():
        facts.append(f"{words.word(words.QUANTITY_WORDS[quantity], lang)} {words.shown(quantity, value)}")
    return facts


def line_hints(found: list[Hint], lang: str, out: TextIO) -> None:
    """What is to be said of the line itself."""
    room = width()
    for hint in found:
        state = usual(hint.state, lang) if hint.state != "ok" else ""
        name = phrase("Line", lang)
        first, *rest = wrapped(phrase(hint.key, lang, **hint.facts), room - INDENT - words.columns(state) - 6)
        line = f"  {name}  {first}" if words.columns(name) < INDENT else f"  {name} {first}"
        line += " " * max(2, room - 1 - words.columns(line) - words.columns(state)) + state
        print(line.rstrip(), file=out)
        for part in rest:
            print(" " * (INDENT + 1) + part, file=out)


def result(rows: list[Row], found: list[Hint], following: str, lang: str, out: TextIO) -> None:
    """The last line: how many are right, and what comes next."""
    states = [row.state for row in rows] + [hint.state for hint in found if hint.state != "ok"]
    counts = {"ok": states.count("ok"), "look": states.count("look"), "fail": states.count("FAIL")}
    text = phrase("result", lang, **counts)
    step = phrase("next", lang, what=following) if following else ""
    room = width()
    if words.columns(text) + words.columns(step) + 5 <= room:
        print(f"{text}.   {step}".rstrip() if lang == "en" else f"{text}。  {step}".rstrip(), file=out)
        return
    text += "." if lang == "en" else "。"
    for part in [*wrapped(text, room), *(wrapped(step, room) if step else [])]:
        print(part, file=out)


def document(scan: Scan, rows: list[Row], found: list[Hint]) -> dict[str, Any]:
    """For a machine."""
    return {
        "port": scan.port,
        "addresses": list(scan.addresses),
        "settings": [
            {
                "baud": look.setting.baud,
                "framing": look.setting.framing,
                "asked": look.asked,
                "idle_bytes": len(look.idle),
                "stray_bytes": look.strays,
                "counts": dict(look.counts),
                "uart_errors": look.errors._asdict() if look.errors else None,
                "cannot": look.cannot or None,
            }
            for look in scan.looks
        ],
        "users": scan.users,
        "stopped": scan.stopped,
        "devices": [row.document() for row in rows],
        "hints": [{"key": hint.key, "state": hint.state, **hint.facts} for hint in found],
    }
