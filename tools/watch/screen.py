"""One picture of a station as lines of a terminal, and the same as plain lines.

Rules of this file: pure; no line is wider than asked for, Chinese characters counted twice; what does not fit into the
height is left out from the bottom and counted. Colour only repeats the mark of an alarm's level.
"""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from gateway import words
from gateway.config import Step
from tools.failure import wrapped
from tools.phrases import phrase as usual
from tools.replay import braille
from tools.watch import parts
from tools.watch.history import SPAN_MS, History
from tools.watch.phrases import phrase
from tools.watch.rows import FAIL, NONE, Errors, Row, rows

WIDE = 70
NAME_MAX = 16
CURVE_LEAST, CURVE_MOST = 4, 24
PLOT_LINES = braille.ROWS + 3
TABLE_LEAST = 3  # Rows that stay in sight before a plot is drawn.
LEVEL_COLOURS = ("", "\033[97;44m", "\033[30;103m", "\033[30;48;5;208m", "\033[97;41m")
PLAIN = "\033[0m"


@dataclass
class Look:
    """What a person wants to see. `plot`: a channel's name, "" = none.

    `frozen_ms`: for how long the gateway has been silent; `file`: where it writes its state.
    """

    lang: str
    zone: ZoneInfo
    plot: str = ""
    paused: bool = False
    frozen_ms: int | None = None
    file: str = ""


Painted = tuple[str, int]  # a line, and the level whose colour its mark has


def picture(
    status: dict[str, Any],
    history: History,
    errors: Errors,
    look: Look,
    width: int,
    height: int,
    steps: dict[str, list[tuple[Step, str]]],
) -> list[Painted]:
    """At most `height` lines of at most `width` columns."""  # fmt: skip
    lang = look.lang
    above = _above(status, look, width)
    found = rows(status, errors, lang, look.frozen_ms is not None)
    table = _table(found, history, width, lang)
    below = [(line, 0) for line in _below(status, width, lang)]
    room = height - len(above)
    plot: list[Painted] = []
    if look.plot and look.frozen_ms is None and room >= PLOT_LINES + TABLE_LEAST + len(below):
        plot = [(line, 0) for line in _plot(status, history, look, width, steps)]
    space = room - len(plot) - len(below)
    if len(table) > space:
        below = below[:1]
        space = room - len(plot) - len(below)
    if len(table) > space:
        shown = max(0, space - 1)
        more = phrase("more_rows", lang, count=sum(bool(line.strip()) for line, _ in table[shown:]))
        table = [*table[:shown], (more, 0)]
    lines = [*above, *table, *plot, *below]
    return [(_cut(line, width), level) for line, level in lines[:height]]


def _above(status: dict[str, Any], look: Look, width: int) -> list[Painted]:
    """Who and when with the keys, what makes the picture no present, alarms."""
    lang = look.lang
    left, keys = parts.head(status, look.zone, lang), phrase("keys" if width >= WIDE else "keys_narrow", lang)
    gap = width - words.columns(left) - words.columns(keys) - 1
    lines: list[Painted] = [(left + " " * gap + keys if gap >= 2 else left, 0)]
    if look.frozen_ms is not None:
        text = phrase("frozen", lang, age=words.age(look.frozen_ms, lang), file=look.file)
        lines += [(line, 0) for line in wrapped(text, width)]
    if look.paused:
        lines += [(line, 0) for line in wrapped(phrase("paused", lang), width)]
    for text, level in parts.alarms(status, look.zone, lang):
        first, *rest = wrapped(text, width)
        lines += [(first, level), *((f"  {line}" if words.columns(line) <= width - 2 else line, 0) for line in rest)]
    return [*lines, ("", 0)]


def _below(status: dict[str, Any], width: int, lang: str) -> list[str]:
    lines = [""]
    for text in (*parts.boards(status, lang), *parts.buses(status, lang), *parts.delivery(status, lang)):
        lines += wrapped(text, width)
    return lines


def _table(found: list[Row], history: History, width: int, lang: str) -> list[Painted]:
    if not found:
        return [(phrase("no_channels", lang), 0)]
    wide = width >= WIDE
    names = min(NAME_MAX if wide else 12, max(words.columns(row.name) for row in found))
    lines = [_titles(names, width, found, lang)] if wide else []
    for row in found:
        lines += _wide(row, history, names, width, found, lang) if wide else _narrow(row, history, names, width, lang)
    return lines


def _sizes(found: list[Row], lang: str) -> tuple[int, int, int, int]:
    """Columns of value, datum, age and state."""
    value = max([8, *(words.columns(row.value) for row in found)])
    datum = max(words.columns(row.datum) for row in found)
    age = max([words.columns(words.word("age", lang)), *(words.columns(row.age) for row in found)])
    state = max(words.columns(usual(key, lang)) for key in ("ok", "look", "FAIL", "skip"))
    return value, datum, age, state


def _titles(names: int, width: int, found: list[Row], lang: str) -> Painted:
    value, datum, age, state = _sizes(found, lang)
    left = _right(phrase("address", lang), 5) + " " + _left(words.word("channel", lang), names)
    left += " " + _right(words.word("value", lang), value) + (" " + " " * datum if datum else "")
    left += "     " + _right(words.word("age", lang), age) + "  " + phrase("curve", lang)
    errors = phrase("errors", lang)
    right = _right(errors, 7) + "  " + _right("", state)
    return _left(left, width - words.columns(right) - 1) + right, 0


def _wide(row: Row, history: History, names: int, width: int, found: list[Row], lang: str) -> list[Painted]:
    value, datum, age, state = _sizes(found, lang)
    mark = words.mark(row.level, lang) if row.level else ""
    left = _right(row.address, 5) + " " + _left(_cut(row.name, names), names) + " " + _right(row.value, value)
    left += (" " + _left(row.datum, datum) if datum else "") + " " + _left(mark, 3)
    right = _right(row.errors, 7) + "  " + _right(usual(row.state, lang), state)
    room = width - 1 - words.columns(left) - words.columns(right)
    if row.value == NONE:
        middle = _cut("   " + row.why, room)
    else:
        middle = " " + _right(row.age, age) + "  "
        why = f"{row.why} " if row.why else ""
        cells = min(CURVE_MOST, room - words.columns(middle) - words.columns(why) - 1)
        curve = history.curve(row.name, cells, row.step) if cells >= CURVE_LEAST else ""
        middle = _cut(middle + why + curve, room)
    return [(_left(left + middle, width - 1 - words.columns(right)) + right, row.level)]


def _narrow(row: Row, history: History, names: int, width: int, lang: str) -> list[Painted]:
    """Two lines: what and how good; then how old, which way, or why there is nothing."""
    mark = words.mark(row.level, lang) if row.level else ""
    state = usual(row.state, lang)
    left = f"{_left(_cut(row.name, names), names)} {row.value} {mark}".rstrip()
    gap = max(1, width - 1 - words.columns(left) - words.columns(state))
    lines: list[Painted] = [(left + " " * gap + state, row.level)]
    facts = [f"[{row.address}]" if row.address else "", row.datum, row.why, row.age]
    text = "  " + " ".join(fact for fact in facts if fact)
    cells = min(CURVE_MOST, width - 2 - words.columns(text))
    if row.value != NONE and cells >= CURVE_LEAST:
        text += " " + history.curve(row.name, cells, row.step)
    lines.append((_cut(text, width - 1), 0))
    return lines


def _plot(
    status: dict[str, Any], history: History, look: Look, width: int, steps: dict[str, list[tuple[Step, str]]]
) -> list[str]:
    channel = next((one for one in status["channels"] if one["name"] == look.plot), None)
    if channel is None:
        return []
    panel = history.panel(channel, steps.get(look.plot, []))
    if len(panel.times) < 2:
        return ["", f"{look.plot}: {phrase('plot_empty', look.lang)}"]
    last_ms = history.now_ms
    first_ms = max(last_ms - SPAN_MS, panel.times[0])
    text = braille.picture(panel, first_ms, last_ms, look.zone, width - 1, look.lang)
    return ["", *text.splitlines()]


def plain(status: dict[str, Any], errors: Errors, look: Look) -> list[str]:
    """One line a channel, for a pipe or a file."""
    when = parts.when(status, look.zone)
    lines = []
    for row in rows(status, errors, look.lang, look.frozen_ms is not None):
        mark = words.mark(row.level, look.lang) if row.level else ""
        facts = [when, row.name, row.value, row.datum, mark, row.age, row.why, usual(row.state, look.lang)]
        lines.append("  ".join(fact for fact in facts if fact))
    return lines


def document(status: dict[str, Any], errors: Errors, look: Look) -> dict[str, Any]:
    """For a machine: as the gateway says it, with our state words."""
    states = {row.name: row.state for row in rows(status, errors, "en", look.frozen_ms is not None)}
    channels = [{**channel, "state": states[channel["name"]]} for channel in status["channels"]]
    told = ("station", "unix_ms", "mode", "alarms", "buses", "boards", "store", "center", "connected")
    kept = {key: status[key] for key in told}
    return {**kept, "frozen_ms": look.frozen_ms, "channels": channels}


def is_right(status: dict[str, Any], errors: Errors) -> bool:
    """Has no channel a failure?"""
    return all(row.state != FAIL for row in rows(status, errors, "en"))


def painted(line: str, level: int) -> str:
    """`line` with the colour of the level on its mark."""
    mark = next((words.mark(level, lang) for lang in words.LANGUAGES if level and words.mark(level, lang) in line), "")
    return line.replace(mark, f"{LEVEL_COLOURS[level]}{mark}{PLAIN}", 1) if mark else line


def _left(text: str, size: int) -> str:
    return text + " " * max(0, size - words.columns(text))


def _right(text: str, size: int) -> str:
    return " " * max(0, size - words.columns(text)) + text


def _cut(text: str, size: int) -> str:
    if words.columns(text) <= size:
        return text
    while text and words.columns(text) > size - 1:
        text = text[:-1]
    return text + "…" if size > 0 else ""
