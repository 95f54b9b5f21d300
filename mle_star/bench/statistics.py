"""What the cells of a bench say, all together.

The parts: :mod:`~mle_star.bench.scores` over seeds, :mod:`~mle_star.bench.ranking` over tasks,
:mod:`~mle_star.bench.duels` of two systems, :mod:`~mle_star.bench.gaps` of validation and test.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mle_star.bench.cells import Limit, limits_of, score_of
from mle_star.bench.duels import Duel, duels
from mle_star.bench.gaps import Gap, Optimism, gaps, optimism
from mle_star.bench.ranking import Ranking, rank
from mle_star.bench.records import CellResult
from mle_star.bench.scores import Score, scores

MEDALS = ("gold", "silver", "bronze")


@dataclass(frozen=True)
class Usage:
    """What a system used, and how often it failed."""

    system: str
    versions: list[str]
    runs: int
    valid: int
    timed_out: int
    """Runs that had to be ended; what they had handed in by then counts."""
    time_used: float
    """Wall clock over limit, median of the runs; 1 is all of it."""
    time_most: float
    """The largest of these."""
    peak_memory_mb: float | None
    medals: dict[str, int]
    above_median: int
    with_median: int
    """Runs on tasks with a leaderboard."""


@dataclass(frozen=True)
class Summary:
    """All that the report shows."""

    systems: list[str]
    """Best mean rank over all budgets first."""
    tasks: list[str]
    limits: list[Limit]
    seeds: list[int]
    machines: list[str]
    missing: dict[str, str]
    """System that could not run -> why, with the remedy."""
    thresholds: dict[str, dict[str, float]]
    """Task -> scores of its leaderboard's medals and median, where it has one."""
    scores: list[Score]
    rankings: list[Ranking]
    """One per budget; where there are several, one more for all together, the last."""
    duels: list[Duel]
    gaps: list[Gap]
    optimism: list[Optimism]
    usage: list[Usage]

    @property
    def overall(self) -> Ranking:
        """The ranking over all budgets."""
        return self.rankings[-1]


def summarise(results: Sequence[CellResult], missing: Mapping[str, str] | None = None) -> Summary:
    """Everything of this module for the cells of a bench.

    Args:
        results: at least one cell; each (task, system, seed, budget) once.
        missing: system that was asked for and could not run -> why.

    Raises:
        ValueError: there is no cell.
    """
    if not results:
        raise ValueError("A bench without cells has no statistics.")
    limits = limits_of(results)
    rankings = [rank(results, limit) for limit in limits]
    if len(limits) > 1:
        rankings.append(rank(results))
    systems = rankings[-1].systems
    all_gaps = gaps(results)
    return Summary(
        systems,
        sorted({cell.task for cell in results}),
        limits,
        sorted({cell.seed for cell in results}),
        sorted({cell.machine for cell in results if cell.machine}),
        dict(sorted((missing or {}).items())),
        {cell.task: cell.thresholds for cell in results if cell.thresholds},
        scores(results),
        rankings,
        [one for ranking in rankings for one in duels(results, ranking.limit)],
        all_gaps,
        [optimism(name, all_gaps) for name in systems],
        [usage(name, results) for name in systems],
    )


def usage(system: str, results: Sequence[CellResult]) -> Usage:
    """Time, memory, failures, medals of a system that ran."""
    cells = [cell for cell in results if cell.system == system]
    shares = [cell.seconds / cell.seconds_limit for cell in cells if cell.seconds_limit > 0]
    peaks = [cell.peak_memory_mb for cell in cells if cell.peak_memory_mb is not None]
    medals = Counter(cell.medal for cell in cells)
    ranked = [cell.above_median for cell in cells if cell.above_median is not None]
    return Usage(
        system,
        sorted({cell.version for cell in cells if cell.version}),
        len(cells),
        sum(score_of(cell) is not None for cell in cells),
        sum(cell.timed_out for cell in cells),
        median(shares) if shares else 0.0,
        max(shares, default=0.0),
        max(peaks, default=None),
        {medal: medals[medal] for medal in MEDALS},
        sum(ranked),
        len(ranked),
    )
