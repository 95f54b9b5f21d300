"""Ranks over tasks, and which systems they tell apart.

The method is that of Demšar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR
7 (2006), section 3.2: rank the systems on each data set, test by Friedman whether any differ, then
by Nemenyi which. A task is one data set, however many seeds and budgets ran on it, as those are not
independent of each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from mle_star.bench.cells import Limit, blocks, score_of
from mle_star.bench.records import CellResult

ALPHA = 0.05
"""Level of the tests."""
SHUFFLES = 10_000


@dataclass(frozen=True)
class Friedman:
    """Whether any two systems differ in rank."""

    chi_square: float
    """Corrected for ties; about chi-square with ``systems - 1`` degrees of freedom."""
    chi_square_p: float
    """By that distribution, which is right for more than some ten tasks."""
    p: float
    """By random permutations, right for any number of tasks: what decides."""


@dataclass(frozen=True)
class Ranking:
    """The systems by rank, over all tasks at one budget or at all."""

    limit: Limit | None
    """None: all budgets, averaged within each task."""
    systems: list[str]
    """Best mean rank first."""
    ranks: dict[str, dict[str, float]]
    """Task -> system -> rank, 1 the best, mean over budgets and seeds."""
    mean: dict[str, float]
    """System -> mean rank over tasks."""
    friedman: Friedman | None
    """None where there are fewer than two tasks or systems."""
    critical_difference: float | None
    """Mean ranks that differ by less are not told apart (Nemenyi)."""
    groups: list[list[str]]
    """Systems that are not told apart, as large as can be; one alone makes no group."""
    compared: int
    """Blocks (task, budget, seed) in which every system ran."""
    left_out: int
    """Blocks in which some did not run: they count for nobody."""


def rank_scores(scores: Mapping[str, float | None], maximize: bool) -> dict[str, float]:
    """Ranks of systems in one block: 1 for the best, the mean of their ranks for equals.

    Systems without a score (None) share the last ranks. Scores that agree in ten significant digits
    are equal: less than that is rounding. The ranks of k systems always add up to k (k + 1) / 2.
    """
    keys = {name: _key(score, maximize) for name, score in scores.items()}
    values = sorted(keys.values())
    return {name: values.index(key) + (values.count(key) + 1) / 2 for name, key in keys.items()}


def _key(score: float | None, maximize: bool) -> float:
    if score is None:
        return math.inf
    rounded = float(f"{score:.10g}")
    return -rounded if maximize else rounded


def rank(results: Sequence[CellResult], limit: Limit | None = None) -> Ranking:
    """Rank the systems on every task and test whether the ranks differ.

    Within a task, ranks of single blocks are averaged, over seeds first and then over budgets, so
    that no budget counts more for having more seeds. Blocks in which a system did not run at all (a
    bench that was stopped) are left out; a run that failed ranks last.

    Args:
        results: cells.
        limit: of this budget alone; None: of all.
    """
    every = blocks(results, limit)
    systems = sorted({name for cells in every.values() for name in cells})
    whole = {block: cells for block, cells in every.items() if len(cells) == len(systems)}
    ranks: dict[str, dict[Limit, list[dict[str, float]]]] = {}
    for block, cells in whole.items():
        maximize = next(iter(cells.values())).direction == "maximize"
        ranked = rank_scores({name: score_of(cell) for name, cell in cells.items()}, maximize)
        ranks.setdefault(block.case.task, {}).setdefault(block.case.limit, []).append(ranked)
    tasks = {
        task: {name: fmean(_mean(found, name) for found in by_limit.values()) for name in systems}
        for task, by_limit in ranks.items()
    }
    mean = {name: _mean(tasks.values(), name) for name in systems} if tasks else {}
    ordered = sorted(mean, key=lambda name: (mean[name], name))
    test = friedman([[row[name] for name in ordered] for row in tasks.values()])
    critical = critical_difference(len(ordered), len(tasks)) if test else None
    return Ranking(
        limit,
        ordered or systems,
        tasks,
        mean,
        test,
        critical,
        groups(mean, critical if test and test.p < ALPHA else None),
        len(whole),
        len(every) - len(whole),
    )


def _mean(rows: Iterable[Mapping[str, float]], name: str) -> float:
    return fmean(row[name] for row in rows)


def friedman(ranks: Sequence[Sequence[float]]) -> Friedman | None:
    """Friedman's test on ranks (tasks, systems); None for fewer than two of either.

    With N tasks, k systems, ranks r_ij and mean ranks R_j,

        chi2 = (k - 1) N^2 sum_j (R_j - (k+1)/2)^2 / sum_ij (r_ij - (k+1)/2)^2,

    the form that stays right under ties and for ranks that are means over seeds (Conover,
    "Practical Nonparametric Statistics", 1999, section 5.8). For few tasks its distribution is far
    from chi-square (Demšar 2006, section 3.2.2), so the systems' ranks are shuffled within each
    task B times, and p = (1 + number of shuffles with as large a chi2) / (1 + B) (Phipson and
    Smyth, 2010).
    """
    n, k = len(ranks), len(ranks[0]) if ranks else 0
    if n < 2 or k < 2:
        return None
    from scipy import stats

    centred = np.asarray(ranks, dtype=float) - (k + 1) / 2
    total = float((centred**2).sum())
    if total < 1e-12:  # all systems are equal on all tasks
        return Friedman(0.0, 1.0, 1.0)
    between = float((centred.sum(axis=0) ** 2).sum())
    shuffled = np.tile(centred, (SHUFFLES, 1, 1))
    np.random.default_rng(0).permuted(shuffled, axis=2, out=shuffled)
    as_large = int(((shuffled.sum(axis=1) ** 2).sum(axis=1) >= between - 1e-9).sum())
    chi2 = (k - 1) * between / total
    return Friedman(chi2, float(stats.chi2.sf(chi2, k - 1)), (1 + as_large) / (1 + SHUFFLES))


def critical_difference(systems: int, tasks: int, alpha: float = ALPHA) -> float:
    """Nemenyi's critical difference of mean ranks: q sqrt(k (k + 1) / (6 N)).

    q is the studentized range of k means and infinitely many degrees of freedom at ``alpha``,
    divided by sqrt(2) (Demšar 2006, section 3.2.2 and table 5a). Averaging ranks over seeds makes
    it conservative.
    """
    from scipy import stats

    q = float(stats.studentized_range.ppf(1 - alpha, systems, math.inf)) / math.sqrt(2)
    return q * math.sqrt(systems * (systems + 1) / (6 * tasks))


def groups(mean: Mapping[str, float], critical: float | None) -> list[list[str]]:
    """Systems whose mean ranks all differ by less than the critical difference, as large as can be.

    Args:
        mean: system -> mean rank.
        critical: None where Friedman's test finds no difference at all: then they are one group, as
            pairs may be told apart only after it (Demšar 2006, section 3.2.2).
    """
    ordered = sorted(mean, key=lambda name: (mean[name], name))
    if critical is None:
        return [ordered] if len(ordered) > 1 else []
    found: list[list[str]] = []
    reached = 0
    for start, first in enumerate(ordered):
        end = start + sum(mean[name] - mean[first] < critical for name in ordered[start:])
        if end > reached and end - start > 1:
            found.append(ordered[start:end])
        reached = max(reached, end)
    return found
