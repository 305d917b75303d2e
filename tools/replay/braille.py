"""A curve in characters: two by four dots each, thresholds as dashed rows with their names, gaps hatched on the axis.

Rules of this file: text in, text out; every line is at most as wide as was asked for, Chinese characters counted twice.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from gateway import words
from tools.replay.panels import Panel
from wire.reading import FAIL, SUSPECT

ROWS = 10
LEFT = 9  # columns of the axis's numbers
RIGHT = 18  # columns of the thresholds' names, where there is room
NARROW = 70
LONG_MS = 300 * 86_400_000  # A span for which the year must be said.
_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
_DASHES = {1: "·", 2: "╌", 3: "┄", 4: "─"}


def picture(panel: Panel, first_ms: int, last_ms: int, zone: ZoneInfo, width: int, lang: str) -> str:
    """The panel as lines of text."""
    right = RIGHT if width >= NARROW and panel.steps else 0
    cells = max(10, width - LEFT - right - 1)
    low, high = panel.span()
    grid = _curve(panel, first_ms, last_ms, cells, low, high)
    labels = _thresholds(panel, grid, low, high, right, lang)
    lines = [_title(panel, width, lang)]
    for row in range(ROWS):
        at = high - (high - low) * row // (ROWS - 1) if not panel.bars else low + (high - low) * row // (ROWS - 1)
        number = _number(panel, at) if row in (0, ROWS // 2, ROWS - 1) else ""
        lines.append(f"{number:>{LEFT - 1}} {''.join(grid[row])}{labels.get(row, '')}".rstrip())
    lines.append(f"{'':{LEFT}}{_axis(panel, first_ms, last_ms, cells)}")
    form = "%m-%d %H:%M" if last_ms - first_ms < LONG_MS else "%Y-%m-%d"
    left, end = (datetime.fromtimestamp(ms / 1000, zone).strftime(form) for ms in (first_ms, last_ms))
    lines.append(f"{'':{LEFT}}{left}{end:>{max(0, cells - len(left))}}")
    return "\n".join(lines)


def _title(panel: Panel, width: int, lang: str) -> str:
    word = words.word(words.QUANTITY_WORDS[panel.quantity], lang) if panel.quantity in words.QUANTITY_WORDS else ""
    datum = f" · {words.word(panel.datum, lang)}" if panel.datum else ""
    text = f"{word} {panel.name}{datum}"
    while words.columns(text) > width:
        text = text[:-1]
    return text


def _number(panel: Panel, value: int) -> str:
    return words.shown(panel.quantity, value).split(" ")[0]


def _curve(panel: Panel, first_ms: int, last_ms: int, cells: int, low: int, high: int) -> list[list[str]]:
    dots = [[0] * cells for _ in range(ROWS)]
    height = ROWS * 4
    span = max(1, high - low)

    def place(value: int) -> int:
        return min(height - 1, max(0, (high - value) * (height - 1) // span))

    def fill(column: int, top: int, bottom: int) -> None:
        for y in range(top, bottom + 1):
            dots[y // 4][column // 2] |= _DOTS[column % 2][y % 4]

    for run in panel.columns(first_ms, last_ms, cells * 2):
        before: tuple[int, int] | None = None
        for column, lowest, highest, first, last, _ in run:
            if panel.bars:
                if highest > 0:
                    fill(column, 0, max(0, highest * (height - 1) // span))
                continue
            top, bottom = place(highest), place(lowest)
            if before is not None and column - before[0] > 1:
                for between in range(before[0] + 1, column):  # A straight line to the next column that has a sample.
                    y = before[1] + (place(first) - before[1]) * (between - before[0]) // (column - before[0])
                    fill(between, y, y)
            elif before is not None:
                top, bottom = min(top, max(before[1], top)), max(bottom, min(before[1], bottom))
            fill(column, top, bottom)
            before = (column, place(last))
    for unix_ms, value in panel.marked(SUSPECT):
        column = min(cells * 2 - 1, (unix_ms - first_ms) * cells * 2 // max(1, last_ms - first_ms))
        fill(column, place(value), place(value))
    return [[chr(0x2800 + bits) if bits else " " for bits in row] for row in dots]


def _thresholds(panel: Panel, grid: list[list[str]], low: int, high: int, right: int, lang: str) -> dict[int, str]:
    """Draw the thresholds that lie in the picture where the curve is not; their names by row."""
    labels: dict[int, str] = {}
    for step, rule in sorted(panel.steps, key=lambda item: item[0].at):
        if not low <= step.at <= high:
            continue
        row = min(ROWS - 1, (high - step.at) * (ROWS * 4 - 1) // max(1, high - low) // 4)
        name = words.word(step.name, lang) if step.name in words.WORDS else step.name or rule
        room = (right - 1 if right else len(grid[row]) - 2) - words.columns(number := _number(panel, step.at)) - 1
        text = f"{_cut(f'{words.mark(step.level, lang)} {name}', room)} {number}"
        for column, cell in enumerate(grid[row]):
            if cell == " ":
                grid[row][column] = _DASHES[step.level]
        if right:
            labels[row] = f" {text}"
        else:
            grid[row][: words.columns(text)] = [text]
    return labels


def _cut(text: str, width: int) -> str:
    while words.columns(text) > width:
        text = text[:-1]
    return text


def _axis(panel: Panel, first_ms: int, last_ms: int, cells: int) -> str:
    """The time axis: / where something is missing, x where a sensor failed."""
    axis = ["─"] * cells
    width_ms = max(1, last_ms - first_ms)
    for begin_ms, end_ms in panel.gaps():
        for cell in range((begin_ms - first_ms) * cells // width_ms, (end_ms - first_ms) * cells // width_ms + 1):
            axis[min(cells - 1, max(0, cell))] = "/"
    for unix_ms, _ in panel.marked(FAIL):
        axis[min(cells - 1, (unix_ms - first_ms) * cells // width_ms)] = "x"
    return "".join(axis)
