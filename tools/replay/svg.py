"""A panel as SVG: hand-made, self-contained, one for a desk and one for a phone.

Rules of this file (UX.md 6): ink is data and colour is alarm; a gap is a hatched band of at least 2 px with its length,
a suspect sample a hollow circle beside the line, a failed one a cross on the bottom edge with no height; rain hangs
from the top; nothing is drawn behind the last sample.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape
from zoneinfo import ZoneInfo

from gateway import words
from gateway.config import Step
from tools.replay.panels import Panel
from tools.replay.phrases import phrase
from tools.replay.play import Episode
from wire.reading import FAIL, SUSPECT

DASHES = {"guard": "1 3", "warning": "6 4", "guarantee": "10 4", "record": "14 3 3 3"}
YEAR_DASH = "1 5"  # Return periods are grey dots.
LEVEL_DASHES = {1: "1 3", 2: "6 4", 3: "10 4", 4: "14 3 3 3"}
GAP_PX_MIN = 2
LABEL_PX = 15
MARKS_MAX = 1_500  # Circles and crosses that are drawn, one a place.
_TICKS = (1, 2, 5)


@dataclass
class Frame:
    """Size of a drawing and of its margins, in px; `wide`: thresholds are named on the right."""

    width: int
    height: int
    left: int
    right: int
    top: int = 24
    bottom: int = 26

    @property
    def wide(self) -> bool:
        return self.right > 60

    @property
    def inner(self) -> int:
        return self.width - self.left - self.right

    @property
    def tall(self) -> int:
        return self.height - self.top - self.bottom


DESK = Frame(1040, 320, 58, 150)
PHONE = Frame(336, 240, 46, 8)


class Drawing:
    """One panel in one frame."""

    def __init__(self, panel: Panel, frame: Frame, first_ms: int, last_ms: int, zone: ZoneInfo) -> None:
        self.panel = panel
        self.frame = frame
        self.first_ms = first_ms
        self.span_ms = max(1, last_ms - first_ms)
        self.zone = zone
        self.low, self.high = panel.span()
        if panel.bars:
            self.frame = Frame(frame.width, frame.height // 2 + 20, frame.left, frame.right)

    def x(self, unix_ms: int) -> float:
        return self.frame.left + (unix_ms - self.first_ms) * self.frame.inner / self.span_ms

    def y(self, value: int) -> float:
        frame, span = self.frame, max(1, self.high - self.low)
        part = (value - self.low) / span if self.panel.bars else (self.high - value) / span
        return frame.top + min(1.0, max(0.0, part)) * frame.tall

    def svg(self, episodes: list[Episode], label: dict[str, str]) -> str:
        """The whole drawing; `label`: its sentence in each language."""
        frame = self.frame
        parts = [
            f'<svg viewBox="0 0 {frame.width} {frame.height}" width="{frame.width}" height="{frame.height}" role="img" '
            f'aria-label="{escape(label["en"])}" class="{"desk" if frame.wide else "phone"}">',
            f"<title>{escape(label['zh'])} / {escape(label['en'])}</title>",
            self._bands(episodes),
            self._grid(),
            self._gaps(),
            self._steps(),
            self._bars() if self.panel.bars else self._line(),
            self._marks(),
            self._names(episodes),
            "</svg>",
        ]
        return "".join(parts)

    def _grid(self) -> str:
        frame, out = self.frame, []
        for value in ticks(self.low, self.high, 4 if frame.tall < 150 else 6):
            y = self.y(value)
            out.append(f'<path class="grid" d="M{frame.left} {y:.1f}h{frame.inner}"/>')
            text = escape(words.shown(self.panel.quantity, value).split(" ")[0])
            out.append(f'<text x="{frame.left - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>')
        bottom = frame.height - frame.bottom
        last_x = -1e9
        for at, text, bold in moments(self.first_ms, self.first_ms + self.span_ms, self.zone, frame.inner // 70):
            x = self.x(round(at.timestamp() * 1000))
            out.append(f'<path class="grid" d="M{x:.1f} {frame.top}v{frame.tall}"/>')
            if x - last_x > 44 and x < frame.width - frame.right - 12:
                weight = ' class="bold"' if bold else ""
                out.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle"{weight}>{text}</text>')
                last_x = x
        out.append(f'<path class="axis" d="M{frame.left} {frame.top}v{frame.tall}h{frame.inner}"/>')
        return "".join(out)

    def _bands(self, episodes: list[Episode]) -> str:
        frame, out = self.frame, []
        for episode in sorted(episodes, key=lambda one: one.level):  # The worst one on top, and no mixed colours.
            begin, end = self._stretch(episode)
            place = f'x="{begin:.1f}" y="{frame.top}" width="{end - begin:.1f}" height="{frame.tall}"'
            out.append(f'<rect class="clear" {place}/><rect class="band l{episode.level}" {place}/>')
        return "".join(out)

    def _names(self, episodes: list[Episode]) -> str:
        """Symbol and word of each episode over its band, the worst first, where there is room."""
        out: list[str] = []
        taken: list[tuple[float, float]] = []
        direct = {rule for _, rule in self.panel.steps}
        for episode in sorted(episodes, key=lambda one: (-one.level, one.rule not in direct, one.start_ms)):
            wide = 34 + 7 * max(len(episode.rule) + 6, 8)
            x = min(self._stretch(episode)[0], self.frame.width - wide)
            if any(x < right and left < x + wide for left, right in taken):
                continue
            taken.append((x, x + wide))
            out.append(symbol(episode.level, x + 8, self.frame.top - 11))
            for lang in words.LANGUAGES:
                text = escape(f"{words.level_word(episode.level, lang)} {episode.rule}")
                out.append(f'<text class="{lang}" x="{x + 19:.1f}" y="{self.frame.top - 7}">{text}</text>')
        return "".join(out)

    def _stretch(self, episode: Episode) -> tuple[float, float]:
        end_ms = episode.end_ms if episode.end_ms is not None else self.first_ms + self.span_ms
        begin, end = self.x(episode.start_ms), self.x(min(end_ms, self.first_ms + self.span_ms))
        return begin, max(end, begin + GAP_PX_MIN)

    def _gaps(self) -> str:
        frame, out = self.frame, []
        for begin_ms, end_ms in self.panel.gaps():
            begin, end = self.x(begin_ms), self.x(end_ms)
            width = max(GAP_PX_MIN, end - begin)
            out.append(
                f'<rect class="gap" x="{begin:.1f}" y="{frame.top}" width="{width:.1f}" height="{frame.tall}">'
                f"<title>{escape(_both('gap_length', end_ms - begin_ms))}</title></rect>"
            )
            if width > 90:
                for lang in words.LANGUAGES:
                    text = escape(phrase("gap_length", lang, length=words.age(end_ms - begin_ms, lang)))
                    out.append(
                        f'<text class="{lang} muted" x="{begin + width / 2:.1f}" y="{frame.top + frame.tall - 8}" '
                        f'text-anchor="middle">{text}</text>'
                    )
        return "".join(out)

    def _steps(self) -> str:
        """Thresholds in the picture as dashed lines with name and value; lower ones as text with an arrow."""
        frame, out = self.frame, []
        below: list[tuple[Step, str]] = []
        taken: list[float] = []
        for step, rule in sorted(self.panel.steps, key=lambda item: -item[0].at):
            if step.at < self.low:
                below.append((step, rule))
            if not self.low <= step.at <= self.high:
                continue
            y = self.y(step.at)
            year = step.name.endswith("-year")
            dash = YEAR_DASH if year else DASHES.get(step.name) or LEVEL_DASHES[step.level]
            line = f"M{frame.left} {y:.1f}h{frame.inner}"
            out.append(
                f'<path class="step {"year" if year else f"l{step.level}"}" stroke-dasharray="{dash}" d="{line}"/>'
            )
            text_y = y + 4 if frame.wide else y - 4
            while any(abs(text_y - other) < LABEL_PX for other in taken):
                text_y += 3
            taken.append(text_y)
            out.append(self._step_name(step, rule, text_y, ""))
        for number, (step, rule) in enumerate(below[:2]):
            out.append(self._step_name(step, rule, frame.top + frame.tall - 4 - LABEL_PX * number, "↓ "))
        return "".join(out)

    def _step_name(self, step: Step, rule: str, y: float, arrow: str) -> str:
        x = self.frame.width - self.frame.right + 8 if self.frame.wide else self.frame.left + 4
        value = words.shown(self.panel.quantity, step.at).split(" ")[0]
        out = []
        for lang in words.LANGUAGES:
            name = words.word(step.name, lang) if step.name in words.WORDS else step.name or rule
            mark = words.mark(step.level, lang)[1:]
            text = escape(f"{arrow}{mark} {name} {value}")
            out.append(f'<text class="{lang} name l{step.level}" x="{x}" y="{y:.1f}">{text}</text>')
        return "".join(out)

    def _line(self) -> str:
        out = []
        last: tuple[float, float] | None = None
        for run in self.panel.columns(self.first_ms, self.first_ms + self.span_ms, self.frame.inner):
            points: list[str] = []
            for column, low, high, first, end, _ in run:
                x = self.frame.left + column + 0.5
                for value in dict.fromkeys((first, low, high, end)):
                    points.append(f"{x:.1f} {self.y(value):.1f}")
                last = (x, self.y(end))
            if len(points) == 1:
                points.append(points[0])  # A round cap makes a dot of it.
            out.append(f'<path class="line" d="M{"L".join(points)}"/>')
        if last is not None:
            out.append(f'<circle class="dot" cx="{last[0]:.1f}" cy="{last[1]:.1f}" r="4"/>')
        return "".join(out)

    def _bars(self) -> str:
        out = []
        width = max(1.0, self.frame.inner * self.panel.cadence_ms / self.span_ms - 0.5)
        for run in self.panel.columns(self.first_ms, self.first_ms + self.span_ms, self.frame.inner):
            for column, _, high, _, _, _ in run:
                if high > 0:
                    x = max(self.frame.left + column + 1 - width, self.frame.left)
                    height = self.y(high) - self.frame.top
                    out.append(
                        f'<rect class="rain" x="{x:.1f}" y="{self.frame.top}" width="{width:.1f}" '
                        f'height="{height:.1f}"/>'
                    )
        return "".join(out)

    def _marks(self) -> str:
        """Suspect samples as hollow circles, failed ones as crosses on the bottom edge; one for each place."""
        out: list[str] = []
        bottom = self.frame.top + self.frame.tall
        if not self.panel.bars:
            places = {(round(self.x(t)), round(self.y(v))) for t, v in self.panel.marked(SUSPECT)}
            out += [f'<circle class="suspect" cx="{x}" cy="{y}" r="3"/>' for x, y in sorted(places)[:MARKS_MAX]]
        failed = sorted({round(self.x(t)) for t, _ in self.panel.marked(FAIL)})[:MARKS_MAX]
        out += [f'<path class="fail" d="M{x - 3} {bottom - 6}l6 6m0-6l-6 6"/>' for x in failed]
        return "".join(out)


def symbol(level: int, x: float, y: float) -> str:
    """The level's shape with its character inside: circle, triangle, diamond, octagon."""
    shapes = {
        1: f'<circle cx="{x:.1f}" cy="{y:.1f}" r="7"/>',
        2: f'<path d="M{x:.1f} {y - 8:.1f}l9 15h-18z"/>',
        3: f'<path d="M{x:.1f} {y - 9:.1f}l9 9l-9 9l-9-9z"/>',
        4: f'<path d="M{x - 3:.1f} {y - 8:.1f}h6l5 5v6l-5 5h-6l-5-5v-6z"/>',
    }
    out = [f'<g class="symbol f{level}">{shapes[level]}']
    for lang in words.LANGUAGES:
        char = words.LEVEL_MARKS[level][1][words.LANGUAGES.index(lang)]
        out.append(f'<text class="{lang}" x="{x:.1f}" y="{y + 4:.1f}" text-anchor="middle">{char}</text>')
    return "".join([*out, "</g>"])


def ticks(low: int, high: int, most: int) -> list[int]:
    """Round values of an axis, at most so many."""
    size = 1
    while True:
        for factor in _TICKS:
            step = factor * size
            first = -(-low // step) * step
            found = list(range(first, high + 1, step)) if (high - low) // step <= most else []
            if 0 < len(found) <= most:
                return found
        size *= 10
        if size > 1 << 40:
            return []


def moments(first_ms: int, last_ms: int, zone: ZoneInfo, most: int) -> list[tuple[datetime, str, bool]]:
    """Ticks of the time axis in local time: (moment, text, is it a midnight); at most about `most`."""
    begin = datetime.fromtimestamp(first_ms / 1000, zone)
    hours = (last_ms - first_ms) / 3_600_000
    found: list[tuple[datetime, str, bool]] = []
    for step_h in (1, 3, 6, 12, 24, 48, 168, 336):
        if hours / step_h <= max(2, most):
            at = begin.replace(hour=0, minute=0, second=0, microsecond=0)
            while at.timestamp() * 1000 <= last_ms:
                if at.timestamp() * 1000 >= first_ms:
                    found.append((at, f"{at:%m-%d}" if not at.hour else f"{at:%H}", not at.hour))
                at += timedelta(hours=step_h)
            if len(found) > 1:
                return found
            found.clear()
    if hours < 24:
        for minutes in (1, 2, 5, 10, 15, 30):
            if hours * 60 / minutes <= max(2, most):
                at = begin.replace(second=0, microsecond=0) + timedelta(minutes=1)
                while at.timestamp() * 1000 <= last_ms:
                    if not at.minute % minutes:
                        found.append((at, f"{at:%H:%M}", False))
                    at += timedelta(minutes=1)
                return found
    step = 1
    while hours / 730 / step > max(2, most):
        step += 1
    year, month = begin.year, begin.month
    at = begin
    while at.timestamp() * 1000 <= last_ms:
        month += 1
        year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
        at = datetime(year, month, 1, tzinfo=zone)
        if not month % step and at.timestamp() * 1000 <= last_ms:
            found.append((at, f"{at:%Y}" if month == 1 else f"{at:%m-%d}", month == 1))
    return found


def _both(key: str, length_ms: int) -> str:
    return " / ".join(phrase(key, lang, length=words.age(length_ms, lang)) for lang in words.LANGUAGES)
