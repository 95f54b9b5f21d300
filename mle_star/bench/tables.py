"""The bench's tables as text: what the terminal and the page show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_high

from mle_star.bench.cells import Case
from mle_star.bench.formatting import (
    NONE,
    better_is,
    interval,
    label,
    limit_name,
    mean_sd,
    number,
    percent,
    places,
    signed,
    tally,
)
from mle_star.bench.records import CellResult
from mle_star.bench.scores import Score, best_of
from mle_star.bench.statistics import Summary

OURS = "mle-star"
_NAME = 32
"""Most characters of a name in a table."""


@dataclass(frozen=True)
class Table:
    """A table of text; nothing in it steers a terminal."""

    title: str
    headings: list[str]
    rows: list[list[str]]
    """As many texts in each as there are headings."""
    names: int
    """How many of the first columns name the row."""
    best: set[tuple[int, int]] = field(default_factory=set)
    """(row, column) of what is to stand out."""


def tables(summary: Summary, results: Sequence[CellResult]) -> list[Table]:
    """Scores, one table per metric; mean ranks; ours against each other system."""
    by_metrics = by_metric(summary.scores).items()
    return [
        *(_scores(metric, scores, summary) for metric, scores in by_metrics),
        _ranks(summary),
        _duels(summary, ours(summary, results)),
    ]


def notes(summary: Summary) -> list[str]:
    """What the tables do not cover: systems that could not run, runs that are not done."""
    found = [
        f"not compared: {label(name, _NAME)}: {label(why)}" for name, why in summary.missing.items()
    ]
    return [*found, left_out(summary)] if left_out(summary) else found


def left_out(summary: Summary) -> str:
    """What the ranks do not cover, in one sentence; empty where they cover all."""
    ranking = summary.overall
    if not ranking.left_out:
        return ""
    return (
        f"{ranking.left_out} of {ranking.left_out + ranking.compared} combinations of task, budget "
        "and seed do not count for the ranks, as not every system ran there; the bench goes on "
        "with the same command."
    )


def by_metric(scores: Sequence[Score]) -> dict[str, list[Score]]:
    """Scores by metric, in alphabetical order."""
    return {
        metric: [score for score in scores if score.metric == metric]
        for metric in sorted({score.metric for score in scores})
    }


def by_case(scores: Sequence[Score]) -> dict[Case, dict[str, Score]]:
    """Rows of a table: case -> system -> its scores."""
    rows: dict[Case, dict[str, Score]] = {}
    for score in scores:
        rows.setdefault(score.case, {})[score.system] = score
    return rows


def ours(summary: Summary, results: Sequence[CellResult]) -> list[str]:
    """The systems that are compared with each other one, best first.

    Those of this project, by name or by the version that they report; without any, the best.
    """
    found = {
        cell.system
        for cell in results
        if cell.system.startswith(OURS) or cell.version.startswith(f"{OURS} ")
    }
    return [name for name in summary.systems if name in found] or summary.systems[:1]


def row_texts(row: Mapping[str, Score], systems: Sequence[str]) -> dict[str, str]:
    """A row of a table of scores, all to the same decimal place; runs that failed are counted."""
    found = [places(score.mean, score.sd) for score in row.values() if score.mean is not None]
    decimals = median_high(found) if found else 0
    return {name: _score(row.get(name), decimals) for name in systems}


def _score(score: Score | None, decimals: int) -> str:
    if score is None:
        return NONE
    if score.valid == 0:
        return "failed"
    text = mean_sd(score.mean, score.sd, decimals)
    return text if score.valid == score.runs else f"{text} ({score.valid} of {score.runs})"


def _scores(metric: str, scores: Sequence[Score], summary: Summary) -> Table:
    several = len(summary.limits) > 1
    rows: list[list[str]] = []
    best: set[tuple[int, int]] = set()
    before = ""
    for case, row in by_case(scores).items():
        names = [label(case.task, _NAME) if case.task != before else ""]
        names += [limit_name(case.limit, summary.limits)] if several else []
        columns = enumerate(summary.systems, len(names))
        winners = best_of(list(row.values()))
        best |= {(len(rows), column) for column, name in columns if name in winners}
        rows.append([*names, *row_texts(row, summary.systems).values()])
        before = case.task
    headings = ["task", "budget"] if several else ["task"]
    return Table(
        f"{label(metric, 60)}, {better_is(scores[0].direction)}",
        [*headings, *(label(name, _NAME) for name in summary.systems)],
        rows,
        len(headings),
        best,
    )


def _ranks(summary: Summary) -> Table:
    optimism = {one.system: one.median for one in summary.optimism}
    rows = [
        [
            label(used.system, _NAME),
            *(number(ranking.mean.get(used.system), 3) for ranking in summary.rankings),
            f"{used.valid} of {used.runs}",
            percent(used.time_used),
            str(used.timed_out),
            signed(optimism[used.system]),
        ]
        for used in summary.usage
    ]
    budgets = [limit_name(ranking.limit, summary.limits) for ranking in summary.rankings]
    headings = ["system", *budgets, "with a score", "time used", "ended", "optimism"]
    return Table("mean rank, 1 is best", headings, rows, 1)


def _duels(summary: Summary, names: Sequence[str]) -> Table:
    rows = [
        [
            label(duel.system, _NAME),
            label(duel.against, _NAME),
            limit_name(duel.limit, summary.limits),
            tally(duel.cases),
            tally(duel.runs),
            percent(duel.win_rate),
            interval(duel.low, duel.high),
        ]
        for duel in summary.duels
        if duel.system in names and duel.against not in names[: names.index(duel.system)]
    ]
    headings = ["system", "against", "budget", "tasks", "runs", "win rate", "95 % interval"]
    return Table("wins / ties / losses", headings, rows, 3)
