"""Plots of the pages as Vega-Lite specifications."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mle_star.report.attempts import WHOLE, Attempt
from mle_star.report.drawing import INK, SHAPES, SOFT, Spec, clock, coloured
from mle_star.report.text import better_is, clean, duration, plus_minus

KINDS = {
    "write": "first script",
    "merge": "merge",
    "check_usage": "data use",
    "refine": "refinement",
    "blend": "ensemble",
    "ensemble": "ensemble",
}
"""Phase of a script -> what a person reads."""
_CUT = 0.85
"""Share of the scores, the best ones, that a plot shows in full; worse ones lie on its edge."""


def branch_name(solution: int) -> str:
    """Name of a branch as people count: from one."""
    return "ensemble" if solution == WHOLE else f"solution {solution + 1}"


def said(attempt: Attempt) -> str:
    """An attempt in one line, for whoever points at it."""
    score = "" if attempt.score is None else f" {plus_minus(attempt.score, attempt.error)}"
    return clean(
        f"{branch_name(attempt.solution)}, {KINDS.get(attempt.phase, attempt.phase)}, "
        f"{attempt.verdict}{score}, {duration(attempt.seconds)}: {attempt.label}",
        240,
    )


def limits(values: Sequence[float], direction: str) -> tuple[float, float]:
    """Range of a score axis: from the best value to the worst of the better ones, and some room."""
    ranked = sorted(values, reverse=direction == "maximize")
    best, worst = ranked[0], ranked[min(len(ranked) - 1, int(_CUT * len(ranked)))]
    room = 0.07 * abs(best - worst) or 0.05 * abs(best) or 1.0
    return min(best, worst) - room, max(best, worst) + room


def best_so_far(attempts: Sequence[Attempt], direction: str) -> list[tuple[float, float]]:
    """(second, score) each time that a score that may win beat all before it."""
    sign = 1.0 if direction == "maximize" else -1.0
    steps: list[tuple[float, float]] = []
    for attempt in sorted(attempts, key=lambda one: one.at):
        if attempt.score is None or attempt.alarm:
            continue
        if not steps or sign * attempt.score > sign * steps[-1][1]:
            steps.append((attempt.at, attempt.score))
    return steps


def over_time(attempts: Sequence[Attempt], metric: str, direction: str, end: float) -> Spec | None:
    """Score of every script against the run's clock, with the best so far; None without a score.

    Args:
        attempts: of the run; those without a score are marked at the lower edge.
        metric: its name.
        direction: minimize or maximize.
        end: seconds of the run.
    """
    ran = [a for a in attempts if a.outcome]
    scored = [a.score for a in ran if a.score is not None]
    if not scored:
        return None
    low, high = limits(scored, direction)
    steps = best_so_far(ran, direction)
    line = [{"at": at, "score": score} for at, score in _to_the_end(steps, end)]
    kinds = [k for k in dict.fromkeys(KINDS.values()) if any(_kind(a) == k for a in ran)]
    branches = sorted({a.solution for a in ran}, key=lambda n: (n == WHOLE, n))
    scale = {"domain": [low, high], "clamp": True, "nice": False, "zero": False}
    last = max(end, *(a.at for a in ran), 1.0)
    time = {"domain": [0, last], "nice": False}
    x = {"field": "at", "type": "quantitative", "scale": time, "axis": clock(last)}
    title = f"{clean(metric, 40)} ({better_is(direction)})"
    y = {"field": "score", "type": "quantitative", "scale": scale, "title": title}
    points = {
        "data": {"values": [_point(a, low if direction == "maximize" else high) for a in ran]},
        "encoding": {
            "x": x,
            "description": {"field": "said", "type": "nominal"},
            "href": {"field": "link", "type": "nominal"},
            "color": coloured("branch", [branch_name(n) for n in branches]),
        },
    }
    shapes = {"domain": kinds, "range": list(SHAPES[: len(kinds)])}
    dots = {
        "transform": [{"filter": "datum.scored"}],
        "mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.9},
        "encoding": {"y": y, "shape": {"field": "kind", "type": "nominal", "scale": shapes}},
    }
    crosses = {
        "transform": [{"filter": "!datum.scored"}],
        "mark": {"type": "point", "filled": False, "size": 50, "strokeWidth": 1.5,
                 "shape": "M-1,-1L1,1M1,-1L-1,1", "clip": False},
        "encoding": {"y": {"value": 240}},
    }  # fmt: skip
    best = {
        "data": {"values": line},
        "mark": {"type": "line", "interpolate": "step-after", "color": INK, "strokeWidth": 1.5},
        "encoding": {"x": x, "y": y, "order": {"field": "at", "type": "quantitative"}},
    }
    return {"height": 240, "layer": [best, {**points, "layer": [dots, crosses]}]}


def _to_the_end(steps: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """A best-so-far line that goes on to the end of its run."""
    return [*steps, *((max(end, at), score) for at, score in steps[-1:])]


def _kind(attempt: Attempt) -> str:
    return KINDS.get(attempt.phase, "refinement")


def _point(attempt: Attempt, edge: float) -> Mapping[str, Any]:
    return {
        "at": attempt.at,
        "score": edge if attempt.score is None else attempt.score,
        "scored": attempt.score is not None,
        "kind": _kind(attempt),
        "branch": branch_name(attempt.solution),
        "said": said(attempt),
        "link": f"#try-{attempt.number}",
    }


def against_audit(attempts: Sequence[Attempt], metric: str) -> Spec | None:
    """Audit score against validation score with standard errors; None with less than two."""
    rows = [_pair(a) for a in attempts if a.score is not None and a.audit is not None]
    if len(rows) < 2:
        return None
    low = min(min(row["left"], row["low"]) for row in rows)
    high = max(max(row["right"], row["high"]) for row in rows)
    room = 0.05 * (high - low) or 1.0
    domain = [low - room, high + room]
    scale = {"domain": domain, "nice": False, "zero": False}
    name = clean(metric, 40)
    x = {"field": "score", "type": "quantitative", "scale": scale, "title": f"validation {name}"}
    y = {"field": "audit", "type": "quantitative", "scale": scale, "title": f"audit {name}"}
    seen = {row["verdict"] for row in rows}
    verdicts = [v for v in ("accepted", "not better", "leakage alarm") if v in seen]
    bar = {"type": "rule", "color": SOFT, "opacity": 0.6}
    across = {"x": {**x, "field": "left"}, "x2": {"field": "right"}, "y": y}
    up = {"x": x, "y": {**y, "field": "low"}, "y2": {"field": "high"}}
    point = {
        "x": x,
        "y": y,
        "color": coloured("verdict", verdicts),
        "shape": {"field": "verdict", "type": "nominal", "legend": None,
                  "scale": {"domain": verdicts, "range": list(SHAPES[: len(verdicts)])}},
        "description": {"field": "said", "type": "nominal"},
        "href": {"field": "link", "type": "nominal"},
    }  # fmt: skip
    diagonal = {
        "data": {"values": [{"score": value, "audit": value} for value in domain]},
        "mark": {"type": "line", "color": SOFT, "strokeDash": [4, 4]},
        "encoding": {"x": x, "y": y},
    }
    layers = [
        {"mark": bar, "encoding": across},
        {"mark": bar, "encoding": up},
        {"mark": {"type": "point", "filled": True, "size": 70, "opacity": 0.9}, "encoding": point},
    ]
    return {"height": 260, "layer": [diagonal, {"data": {"values": rows}, "layer": layers}]}


def _pair(attempt: Attempt) -> dict[str, Any]:
    score, audit = attempt.score or 0.0, attempt.audit or 0.0
    error, audit_error = attempt.error or 0.0, attempt.audit_error or 0.0
    verdict = "leakage alarm" if attempt.alarm else "not better"
    return {
        "score": score, "left": score - error, "right": score + error,
        "audit": audit, "low": audit - audit_error, "high": audit + audit_error,
        "verdict": "accepted" if attempt.accepted else verdict,
        "said": f"audit {plus_minus(attempt.audit, attempt.audit_error)}; {said(attempt)}",
        "link": f"#try-{attempt.number}",
    }  # fmt: skip


def overlaid(
    curves: Mapping[str, tuple[Sequence[tuple[float, float]], float]], metric: str, direction: str
) -> Spec | None:
    """Best score so far of several runs of one metric; None where no run has a score.

    Args:
        curves: name of the run -> its (second, score) points and its seconds.
        metric: its name.
        direction: minimize or maximize.
    """
    rows: list[dict[str, Any]] = [
        {"at": at, "score": score, "run": name}
        for name, (points, end) in curves.items()
        for at, score in _to_the_end(points, end)
    ]
    if not rows:
        return None
    seen = [p[1] for points, _ in curves.values() for p in points[len(points) // 2 :]]
    low, high = limits(seen, direction)
    names = [name for name, (points, _) in curves.items() if points]
    last = max(row["at"] for row in rows)
    dashes = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3]]
    return {
        "height": 260,
        "data": {"values": rows},
        "mark": {"type": "line", "interpolate": "step-after", "strokeWidth": 2, "clip": True},
        "encoding": {
            "x": {"field": "at", "type": "quantitative", "axis": clock(last),
                  "scale": {"domain": [0, last], "nice": False}},
            "y": {"field": "score", "type": "quantitative",
                  "title": f"{clean(metric, 40)} ({better_is(direction)})",
                  "scale": {"domain": [low, high], "nice": False, "zero": False}},
            "color": {**coloured("run", names), "legend": {"symbolType": "stroke",
                      "columns": 1, "symbolSize": 300, "symbolStrokeColor":
                      {"expr": "scale('color', datum.value)"}}},
            "strokeDash": {"field": "run", "type": "nominal",
                           "scale": {"domain": names,
                                     "range": [dashes[n % 4] for n in range(len(names))]}},
            "order": {"field": "at", "type": "quantitative"},
        },
    }  # fmt: skip
