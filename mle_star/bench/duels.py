"""Two systems against each other: wins, ties, losses, and the share of wins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

import numpy as np

from mle_star.bench.cells import Case, Limit, blocks, gain, score_of, systems_of
from mle_star.bench.records import CellResult

TOLERANCE = 1e-4
"""Scores whose difference is at most this share of the larger one are a tie."""
CONFIDENCE = 0.95
RESAMPLES = 10_000


@dataclass(frozen=True)
class Tally:
    """Outcomes counted from the side of the first system."""

    wins: int
    ties: int
    losses: int


@dataclass(frozen=True)
class Duel:
    """What the pairs of runs say of two systems; pairs share task, budget and seed."""

    system: str
    against: str
    limit: Limit | None
    """None: all budgets."""
    runs: Tally
    """Pairs of runs. A tie: see :func:`outcome`."""
    cases: Tally
    """Tasks (at each budget). A tie: not told apart over the seeds, see :func:`verdict`."""
    win_rate: float | None
    """Share of runs won, a tie half, mean within tasks and then over tasks; None without pairs."""
    low: float | None
    """Lower end of its 95 % interval; None for fewer than two tasks."""
    high: float | None


@dataclass(frozen=True)
class _Pair:
    outcome: int
    gain: float | None
    size: float


def duel(
    results: Sequence[CellResult], system: str, against: str, limit: Limit | None = None
) -> Duel:
    """Compare two systems on all blocks in which both ran.

    Args:
        results: cells, of any systems.
        system: whose wins are counted.
        against: the other.
        limit: of this budget alone; None: of all.
    """
    cases: dict[Case, list[_Pair]] = {}
    for block, cells in blocks(results, limit).items():
        if system in cells and against in cells:
            cases.setdefault(block.case, []).append(_pair(cells[system], cells[against]))
    tasks: dict[str, list[int]] = {}
    for case, pairs in cases.items():
        tasks.setdefault(case.task, []).extend(pair.outcome for pair in pairs)
    rates = [(fmean(outcomes) + 1) / 2 for outcomes in tasks.values()]
    low, high = bootstrap(rates)
    return Duel(
        system,
        against,
        limit,
        _tally([pair.outcome for pairs in cases.values() for pair in pairs]),
        _tally([_verdict(pairs) for pairs in cases.values()]),
        fmean(rates) if rates else None,
        low,
        high,
    )


def duels(results: Sequence[CellResult], limit: Limit | None = None) -> list[Duel]:
    """Every system against every other."""
    systems = systems_of(results)
    return [duel(results, a, b, limit) for a in systems for b in systems if a != b]


def _pair(ours: CellResult, theirs: CellResult) -> _Pair:
    a, b = score_of(ours), score_of(theirs)
    if a is None or b is None:
        return _Pair((a is not None) - (b is not None), None, 0.0)
    size = max(abs(a), abs(b))
    difference = gain(a, b, ours.direction)
    return _Pair(outcome(difference, size), difference, size)


def outcome(difference: float, size: float, tolerance: float = TOLERANCE) -> int:
    """1 for a win, 0 for a tie, -1 for a loss of one run against another.

    Args:
        difference: how much better the first score is.
        size: the larger absolute value of the two scores.
        tolerance: a tie is ``|difference| <= tolerance * size``.
    """
    if abs(difference) <= tolerance * size:
        return 0
    return 1 if difference > 0 else -1


def verdict(differences: Sequence[float], size: float) -> int:
    """1, 0 or -1 for one task from the paired differences of its seeds.

    It is a tie where the mean difference is one by :func:`outcome`, and where Student's paired test
    does not tell it from 0 at 5 %: |mean| <= t(0.975, n - 1) s / sqrt(n), with s the standard
    deviation of the n differences. This noise is that of the systems over seeds; the one of which
    rows were hidden is not in it, as every seed is judged by the same rows. With one seed nothing
    is known of noise, and the tolerance alone decides.

    Args:
        differences: per seed, how much better the first score is.
        size: the largest absolute score.
    """
    mean = fmean(differences)
    n = len(differences)
    if n > 1:
        from scipy import stats

        noise = float(stats.t.ppf(0.975, n - 1)) * stdev(differences) / math.sqrt(n)
        if abs(mean) <= noise:
            return 0
    return outcome(mean, size)


def _verdict(pairs: Sequence[_Pair]) -> int:
    """Where a run failed there is no mean difference: the majority of pairs decides."""
    differences = [pair.gain for pair in pairs if pair.gain is not None]
    if len(differences) < len(pairs):
        total = sum(pair.outcome for pair in pairs)
        return (total > 0) - (total < 0)
    return verdict(differences, max(pair.size for pair in pairs))


def _tally(outcomes: Sequence[int]) -> Tally:
    return Tally(outcomes.count(1), outcomes.count(0), outcomes.count(-1))


def bootstrap(
    values: Sequence[float], confidence: float = CONFIDENCE, seed: int = 0
) -> tuple[float | None, float | None]:
    """Percentile interval of a mean, the values drawn again with replacement.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), chapter 13. The values are one
    per task, so that runs on one task, which are not independent, stay together.

    Returns:
        Lower and upper end; None for fewer than two values.
    """
    n = len(values)
    if n < 2:
        return None, None
    ordered = np.sort(np.asarray(values, dtype=float))  # no matter in which order they come
    draws = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=RESAMPLES)
    # A draw and its mirror image, so that the loser's interval mirrors the winner's exactly.
    means = np.concatenate([draws @ ordered, draws[:, ::-1] @ ordered]) / n
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)
