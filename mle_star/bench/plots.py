"""Plots of the report: SVG with classes for colours, so that one drawing serves light and dark.

Every text goes through Markup's ``format``, which escapes what it is given.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from markupsafe import Markup

from mle_star.bench.cells import Case, Limit, case_of, usable
from mle_star.bench.formatting import label, limit_name, number
from mle_star.bench.gaps import Gap
from mle_star.bench.ranking import Ranking
from mle_star.bench.records import CellResult
from mle_star.bench.scores import Score

Colours = Mapping[str, int]
"""System -> number of its colour."""
COLOURS = 10
_GAP_TICKS = (0, 1, 3, 10, 30, 100, 300, 1000)
_FIRST_SECOND = 1.0
_SECONDS = (1, 3, 10, 30, 100, 300, 1000, 3600, 10_800, 36_000, 86_400)
_WIDTH, _HEIGHT = 300.0, 190.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 56.0, 10.0, 8.0, 26.0


def colours(systems: Iterable[str]) -> dict[str, int]:
    """A colour for each system, by name, so that it stays when ranks change."""
    return {name: number % COLOURS for number, name in enumerate(sorted(systems))}


def _svg(width: float, height: float, title: str, parts: Iterable[Markup]) -> Markup:
    opening = Markup(
        '<svg class="plot" viewBox="0 0 {w:.0f} {h:.0f}" width="{w:.0f}" height="{h:.0f}" '
        'role="img"><title>{title}</title>'
    ).format(w=width, h=height, title=title)
    return opening + Markup("").join(parts) + Markup("</svg>")


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> Markup:
    return Markup('<line x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}" class="{}"/>').format(
        x1, y1, x2, y2, style
    )


def _text(x: float, y: float, text: str, anchor: str = "middle", style: str = "") -> Markup:
    return Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}" class="{}">{}</text>').format(
        x, y, anchor, style, text
    )


def _path(points: Iterable[tuple[float, float]], style: str, title: str = "") -> Markup:
    data = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return Markup('<path d="M{}" class="{}"><title>{}</title></path>').format(
        data, style, label(title)
    )


def _dot(x: float, y: float, style: str, title: str) -> Markup:
    return Markup(
        '<circle cx="{:.1f}" cy="{:.1f}" r="3.5" class="{}"><title>{}</title></circle>'
    ).format(x, y, style, label(title))


def critical_difference_plot(ranking: Ranking, colour: Colours) -> Markup:
    """Mean ranks on a line, the best on the left; bars join systems that are not told apart.

    Demšar 2006, figure 1.
    """
    names, k = ranking.systems, max(2, len(ranking.systems))
    width, side, axis = 820.0, 230.0, 52.0
    unit = (width - 2 * side) / (k - 1)
    left = (len(names) + 1) // 2
    bars = axis + 14
    first = bars + 9 * len(ranking.groups) + 14
    height = first + 22 * left

    def x(rank: float) -> float:
        return side + (rank - 1) * unit

    parts = [_line(x(1), axis, x(k), axis, "axis")]
    for rank in range(1, k + 1):
        parts += [_line(x(rank), axis - 5, x(rank), axis, "axis")]
        parts += [_text(x(rank), axis - 9, str(rank), style="tick")]
    if ranking.critical_difference is not None:
        shown = min(ranking.critical_difference, k - 1.0)
        ruler = f"critical difference {ranking.critical_difference:.2f}"
        parts += [_line(x(1), 20, x(1 + shown), 20, "bar")]
        parts += [_text(x(1), 12, ruler, "start", "tick")]
    for number_, group in enumerate(ranking.groups):
        y = bars + 9 * number_
        a, b = ranking.mean[group[0]], ranking.mean[group[-1]]
        parts.append(_line(x(a) - 4, y, x(b) + 4, y, "bar"))
    for place, name in enumerate(names):
        at = x(ranking.mean[name])
        on_left = place < left
        y = first + 22 * (place if on_left else len(names) - 1 - place)
        end = side - 14 if on_left else width - side + 14
        line = f"series stroke{colour[name]}"
        parts.append(_path([(at, axis), (at, y), (end, y)], line, name))
        text = f"{label(name, 24)}  {ranking.mean[name]:.2f}"
        anchor = "end" if on_left else "start"
        parts.append(_text(end + (-6 if on_left else 6), y + 4, text, anchor))
    return _svg(width, height, "Mean ranks and critical difference", parts)


class _Frame:
    """Axes of a small plot, and where a pair of values lies in it."""

    def __init__(self, x: tuple[float, float], y: tuple[float, float]) -> None:
        self._x, self._y = x, _padded(y)

    def at(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self._x[0]) / ((self._x[1] - self._x[0]) or 1.0)
        up = (y - self._y[0]) / (self._y[1] - self._y[0])
        plot = _HEIGHT - _TOP - _BOTTOM
        # Far outside is as good as outside, and keeps absurd numbers out of the drawing.
        return _LEFT + across * (_WIDTH - _LEFT - _RIGHT), _TOP + plot * (1 - min(9, max(-9, up)))

    def draw(self, x_ticks: Sequence[tuple[float, str]]) -> list[Markup]:
        parts = []
        ticks = _ticks(*self._y)
        step = ticks[1] - ticks[0] if len(ticks) > 1 else 1.0
        form = f".{max(0, -math.floor(math.log10(step) + 1e-9))}f" if 1e-6 < step < 1e6 else ".3g"
        for value in ticks:
            _, y = self.at(self._x[0], value)
            parts.append(_line(_LEFT, y, _WIDTH - _RIGHT, y, "grid"))
            parts.append(_text(_LEFT - 5, y + 4, f"{value:{form}}", "end", "tick"))
        for value, text in x_ticks:
            x, _ = self.at(value, self._y[0])
            parts.append(_text(x, _HEIGHT - 9, text, "middle", "tick"))
        bottom = _HEIGHT - _BOTTOM
        return [*parts, _line(_LEFT, bottom, _WIDTH - _RIGHT, bottom, "axis")]


def _padded(limits: tuple[float, float]) -> tuple[float, float]:
    low, high = limits
    more = 0.07 * (high - low) or 0.05 * abs(low) or 1.0
    return low - more, high + more


def _ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round values in a range, evenly spaced, about so many at most."""
    raw = (high - low) / most
    size = 10.0 ** math.floor(math.log10(raw))
    step = next((m * size for m in (1, 2, 5) if m * size >= raw), 10 * size)
    return [n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def budget_plot(scores: Sequence[Score], limits: Sequence[Limit], colour: Colours) -> Markup:
    """Test score of each system on one task against the budget: mean, and one sd up and down."""
    place = {limit: float(number_) for number_, limit in enumerate(limits)}
    drawn = [score for score in scores if score.mean is not None]
    values = [
        s.mean + side * (s.sd or 0.0) for s in drawn for side in (-1, 1) if s.mean is not None
    ]
    if not values:
        return Markup("")
    frame = _Frame((-0.3, len(limits) - 0.7), (min(values), max(values)))
    parts = frame.draw([(place[limit], limit_name(limit, limits)) for limit in limits])
    names = sorted({score.system for score in drawn})
    for order, name in enumerate(names):
        mine = sorted((s for s in drawn if s.system == name), key=lambda s: place[s.case.limit])
        shift = 0.12 * (order / max(1, len(names) - 1) - 0.5)
        points = []
        for score in mine:
            mean = score.mean or 0.0
            x, y = frame.at(place[score.case.limit] + shift, mean)
            points.append((x, y))
            title = f"{name}, {limit_name(score.case.limit, limits)}: {number(mean)}"
            if score.sd:
                low, high = frame.at(0, mean - score.sd)[1], frame.at(0, mean + score.sd)[1]
                parts.append(_line(x, low, x, high, f"series stroke{colour[name]}"))
            parts.append(_dot(x, y, f"fill{colour[name]}", title))
        parts.append(_path(points, f"series stroke{colour[name]}", name))
    return _svg(_WIDTH, _HEIGHT, "Test score against budget", parts)


def curve_plot(cells: Sequence[CellResult], colour: Colours) -> Markup:
    """Best validation score so far of each run of one task at one budget.

    The first, worst values are cut off, so that the rest can be told apart: a curve is seen from
    its middle point on at least. The time axis is logarithmic.
    """
    curves = [(cell, _finite(cell.curve)) for cell in cells]
    curves = [(cell, points) for cell, points in curves if points]
    if not curves:
        return Markup("")
    seen = [p[1] for _, points in curves for p in points[len(points) // 2 :]]
    end = max(_FIRST_SECOND, *(max(c.seconds_limit, points[-1][0]) for c, points in curves))
    begin = min(max(_FIRST_SECOND, min(points[0][0] for _, points in curves)), end / 2)
    frame = _Frame((math.log(begin), math.log(end)), (min(seen), max(seen)))
    parts = frame.draw(
        [(math.log(at), f"{at:g} s") for at in _SECONDS if begin <= at <= end * 1.001]
    )
    inside = []
    for cell, points in sorted(curves, key=lambda one: (one[0].system, one[0].seed)):
        steps: list[tuple[float, float]] = []
        for at, score in points:
            if steps:
                steps.append((at, steps[-1][1]))
            steps.append((at, score))
        steps.append((min(max(cell.seconds, points[-1][0]), end), steps[-1][1]))
        title = f"{cell.system}, seed {cell.seed}: {number(points[-1][1])}"
        style = f"series thin stroke{colour[cell.system]}"
        inside.append(
            _path((frame.at(math.log(max(at, begin)), y) for at, y in steps), style, title)
        )
    window = Markup(
        '<svg x="0" y="{:.1f}" width="{:.0f}" height="{:.1f}" viewBox="0 {:.1f} {:.0f} {:.1f}">'
    )
    plot = _HEIGHT - _TOP - _BOTTOM
    parts.append(window.format(_TOP, _WIDTH, plot, _TOP, _WIDTH, plot))
    return _svg(
        _WIDTH, _HEIGHT, "Best validation score so far", [*parts, *inside, Markup("</svg>")]
    )


def _finite(points: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    return [p for p in sorted(points) if p[0] >= 0 and None not in (usable(p[0]), usable(p[1]))]


def gap_plot(gaps: Sequence[Gap], medians: Mapping[str, float], colour: Colours) -> Markup:
    """Relative gap of each system, a dot for each task and budget, a bar for the median.

    The axis is linear near 0 and logarithmic far from it (inverse hyperbolic sine).
    """
    shown = [gap for gap in gaps if gap.relative is not None and gap.system in medians]
    if not shown:
        return Markup("")
    far = max(abs(gap.relative or 0.0) for gap in shown)
    end = next((tick for tick in _GAP_TICKS[1:] if tick >= far), _GAP_TICKS[-1])
    width, side, row = 820.0, 230.0, 30.0
    names = list(medians)
    height = row * len(names) + 34

    def x(value: float) -> float:
        share = math.asinh(max(-end, min(end, value))) / math.asinh(end)
        return side + (width - side - 20) * (share + 1) / 2

    ticks = [tick for tick in _GAP_TICKS if tick <= end]
    parts = []
    for tick in sorted({sign * tick for tick in ticks for sign in (-1, 1)}):
        parts.append(_line(x(tick), 6, x(tick), height - 26, "axis" if tick == 0 else "grid"))
        parts.append(_text(x(tick), height - 10, f"{tick:+d}" if tick else "0", style="tick"))
    for order, name in enumerate(names):
        y = 6 + row * (order + 0.5)
        parts.append(_text(side - 24, y + 4, label(name, 24), "end"))
        for gap in shown:
            if gap.system == name:
                title = f"{gap.case.task}, {limit_name(gap.case.limit)}: {gap.relative:+.2f}"
                dot = _dot(x(gap.relative or 0.0), y, f"faint fill{colour[name]}", title)
                parts.append(dot)
        at = x(medians[name])
        parts.append(_line(at, y - 10, at, y + 10, f"median stroke{colour[name]}"))
    return _svg(width, height, "Validation minus test by system", parts)


def by_task(results: Sequence[CellResult]) -> dict[Case, list[CellResult]]:
    """The cells with a curve, for each task at its largest budget that has one."""
    found: dict[str, dict[Case, list[CellResult]]] = {}
    for cell in results:
        if _finite(cell.curve):
            found.setdefault(cell.task, {}).setdefault(case_of(cell), []).append(cell)
    largest = {task: max(cases) for task, cases in found.items()}
    return {largest[task]: found[task][largest[task]] for task in sorted(found)}
