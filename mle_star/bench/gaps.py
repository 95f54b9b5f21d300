"""Validation minus test: how much too well systems think of themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, quantiles, stdev

from mle_star.bench.cells import Case, by_case, gain, score_of, usable
from mle_star.bench.records import CellResult
from mle_star.bench.scores import scores


@dataclass(frozen=True)
class Gap:
    """By how much a system believed too well of itself, on one task at one budget."""

    case: Case
    system: str
    raw: float
    """Validation minus test, in the metric's units, mean over runs; positive: optimistic."""
    relative: float | None
    """``raw`` over the spread of the task's test scores, see :func:`spread`; None without one."""
    runs: int
    """Runs that have both scores."""


@dataclass(frozen=True)
class Optimism:
    """A system's relative gaps over tasks and budgets."""

    system: str
    median: float | None
    lowest: float | None
    highest: float | None
    cases: int
    """Tasks (at each budget) that have a relative gap."""


def spread(values: Sequence[float]) -> float | None:
    """A robust standard deviation: 1.4826 times the median absolute deviation from the median.

    Where half of the values or more are equal that is 0, and the interquartile range over 1.349
    stands in, then the standard deviation (Rousseeuw and Croux, JASA 88, 1993, section 1; both
    factors make it the standard deviation of normal data).

    Returns:
        None where the values do not differ or there are fewer than two.
    """
    if len(values) < 2:
        return None
    middle = median(values)
    low, _, high = quantiles(values, n=4, method="inclusive")
    least = 1e-9 * max(abs(value) for value in values)  # less is rounding
    estimates = (
        1.4826 * median(abs(value - middle) for value in values),
        (high - low) / 1.349,
        stdev(values),
    )
    return next((estimate for estimate in estimates if estimate > least), None)


def gaps(results: Sequence[CellResult]) -> list[Gap]:
    """Validation minus test of every system that says what it believes, by task and budget.

    The sign is turned where lower is better, so that positive is optimistic everywhere. To compare
    metrics, it is divided by the spread of the task's test scores: one value per system and budget,
    the mean over seeds. So 1 is a gap as large as the typical distance between systems there.
    """
    test_scores: dict[str, list[float]] = {}
    for score in scores(results):
        if score.mean is not None:
            test_scores.setdefault(score.case.task, []).append(score.mean)
    units = {task: spread(values) for task, values in test_scores.items()}
    made = []
    for (case, system), cells in by_case(results).items():
        found = [value for cell in cells if (value := _gap(cell)) is not None]
        if found:
            raw, unit = fmean(found), units[case.task]
            made.append(Gap(case, system, raw, raw / unit if unit else None, len(found)))
    return made


def _gap(cell: CellResult) -> float | None:
    score = score_of(cell)
    believed = usable(cell.validation)
    if score is None or believed is None:
        return None
    return gain(believed, score, cell.direction)


def optimism(system: str, found: Sequence[Gap]) -> Optimism:
    """Median and range of a system's relative gaps."""
    values = [gap.relative for gap in found if gap.system == system and gap.relative is not None]
    if not values:
        return Optimism(system, None, None, None, 0)
    return Optimism(system, median(values), min(values), max(values), len(values))
