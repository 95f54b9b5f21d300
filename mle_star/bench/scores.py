"""Scores on hidden labels, summed up over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from mle_star.bench.cells import Case, by_case, score_of
from mle_star.bench.records import CellResult, Direction


@dataclass(frozen=True)
class Score:
    """A system's scores on one task at one budget, over seeds."""

    case: Case
    system: str
    metric: str
    direction: Direction
    mean: float | None
    """Of the valid runs; None where there are none."""
    sd: float | None
    """Standard deviation over seeds (n - 1); None for fewer than two valid runs."""
    valid: int
    """Runs with a score."""
    runs: int


def scores(results: Sequence[CellResult]) -> list[Score]:
    """Mean, standard deviation and number of valid runs, by task, budget and system."""
    made = []
    for (case, system), cells in by_case(results).items():
        values = [value for cell in cells if (value := score_of(cell)) is not None]
        made.append(
            Score(
                case,
                system,
                cells[0].metric,
                cells[0].direction,
                fmean(values) if values else None,
                stdev(values) if len(values) > 1 else None,
                len(values),
                len(cells),
            )
        )
    return made


def best_of(row: Sequence[Score]) -> set[str]:
    """The systems with the best mean of a row: one task at one budget.

    Only those with the most valid runs come into question: who hands in once, on a lucky seed, is
    not the best. Means that agree in ten significant digits are equally good.
    """
    most = max((score.valid for score in row), default=0)
    means = {
        score.system: float(f"{score.mean:.10g}")
        for score in row
        if score.mean is not None and score.valid == most
    }
    if not means:
        return set()
    best = (max if row[0].direction == "maximize" else min)(means.values())
    return {name for name, mean in means.items() if mean == best}
