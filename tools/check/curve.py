"""The curve of what moved in a step: small, black on white, read without colour.

Rules of this file: a value that was missing breaks the line; the dashed lines are the limits; the numbers at the edges
are what was really read.
"""

from html import escape

from tools.check.said import shown as told
from tools.check.said import tell
from tools.check.step import Curve

WIDTH, HEIGHT = 320, 120
LEFT, RIGHT, TOP, BOTTOM = 62, 10, 10, 20
POINTS_MAX = 400


def svg(curve: Curve, quantity: str, limits: tuple[int, ...], label: str) -> str:
    """The drawing; "" where there is nothing to draw."""
    points = _thinned(curve)
    values = [value for _, value in points if value is not None]
    if len(values) < 2:
        return ""
    low, high = min(*values, *limits, values[0]), max(*values, *limits, values[0])
    begin_ms, span_ms = points[0][0], max(1, points[-1][0] - points[0][0])

    def x(at_ms: int) -> float:
        return LEFT + (at_ms - begin_ms) * (WIDTH - LEFT - RIGHT) / span_ms

    def y(value: int) -> float:
        return TOP + (high - value) * (HEIGHT - TOP - BOTTOM) / max(1, high - low)

    base = HEIGHT - BOTTOM
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">',
        f'<path class="axis" d="M{LEFT} {TOP}V{base}H{WIDTH - RIGHT}"/>',
        *(f'<path class="limit" d="M{LEFT} {y(limit):.1f}H{WIDTH - RIGHT}"/>' for limit in limits),
        *(f'<path class="line" d="M{"L".join(run)}"/>' for run in _runs([(x(t), v) for t, v in points], y)),
        *_edges(quantity, low, high, y),
        f'<text x="{LEFT}" y="{HEIGHT - 5}">0 s</text>',
        f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 5}" text-anchor="end">{span_ms / 1000:,.0f} s</text>',
        "</svg>",
    ]
    return "".join(parts)


def _edges(quantity: str, low: int, high: int, y) -> list[str]:
    """The lowest and the highest value, at the axis."""
    return [
        f'<text x="{LEFT - 4}" y="{min(max(y(value) + 4, TOP + 8), HEIGHT - BOTTOM):.1f}" text-anchor="end">'
        f"{escape(tell(told(quantity, value), 'en'))}</text>"
        for value in dict.fromkeys((high, low))
    ]


def _runs(points: list[tuple[float, int | None]], y) -> list[list[str]]:
    runs: list[list[str]] = [[]]
    for x, value in points:
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:.1f} {y(value):.1f}")
    return [run if len(run) > 1 else run * 2 for run in runs if run]


def _thinned(curve: Curve) -> Curve:
    """At most POINTS_MAX of it: of each piece the point that is furthest from the first value."""
    size = -(-len(curve) // POINTS_MAX)
    if size <= 1:
        return curve
    first = next((value for _, value in curve if value is not None), 0)
    pieces = [curve[at : at + size] for at in range(0, len(curve), size)]
    return [max(piece, key=lambda point: -1 if point[1] is None else abs(point[1] - first)) for piece in pieces]
