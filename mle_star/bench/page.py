"""The page of a bench: everything in one file, nothing loaded from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from mle_star.bench import formatting, plots
from mle_star.bench.cells import score_of
from mle_star.bench.duels import TOLERANCE, Duel
from mle_star.bench.ranking import ALPHA, Ranking
from mle_star.bench.records import CellResult
from mle_star.bench.scores import Score, best_of
from mle_star.bench.statistics import Summary
from mle_star.bench.tables import by_case, by_metric, left_out, ours, row_texts

_FAILURES = 200
"""Most failed runs that are listed."""


def render(summary: Summary, results: Sequence[CellResult]) -> str:
    """The whole page as HTML; every text of the results is escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("mle_star.bench"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        label=formatting.label, number=formatting.number, percent=formatting.percent
    )
    limits = summary.limits
    colour = plots.colours(summary.systems)
    curves = plots.by_task(results)
    failed = [cell for cell in results if score_of(cell) is None]
    medians = {o.system: o.median for o in summary.optimism if o.median is not None}
    return environment.get_template("report.html").render(
        summary=summary,
        colour=colour,
        results=results,
        limit_name=lambda limit: formatting.limit_name(limit, limits),
        signed=formatting.signed,
        better={cell.task: _better(cell) for cell in results},
        with_curve={cell.system for cells in curves.values() for cell in cells},
        colours=plots.COLOURS,
        left_out=left_out(summary),
        rankings=[_ranking(one, colour) for one in summary.rankings],
        duels=[
            _duel(one)
            for name in ours(summary, results)
            for one in summary.duels
            if one.system == name
        ],
        matrix=_matrix(summary),
        tables=[_table(m, scores, summary) for m, scores in by_metric(summary.scores).items()],
        budget_plots=_budget_plots(summary, colour),
        curve_plots={case: plots.curve_plot(cells, colour) for case, cells in curves.items()},
        gap_plot=plots.gap_plot(summary.gaps, medians, colour),
        gaps=_gaps(summary),
        failures=failed[:_FAILURES],
        failed=len(failed),
        tolerance=TOLERANCE,
    )


def _better(cell: CellResult) -> str:
    return f"{formatting.label(cell.metric, 30)}, {formatting.better_is(cell.direction)}"


def _ranking(ranking: Ranking, colour: plots.Colours) -> dict[str, Any]:
    test = ranking.friedman
    p = formatting.p_value(test.p) if test else ""
    if test is None:
        said = "Too few tasks or systems that ran everywhere: nothing can be tested."
    elif ranking.critical_difference is None or test.p >= ALPHA:
        said = f"Friedman's test finds no difference between the systems ({p})."
    else:
        said = (
            f"Friedman's test: the systems differ ({p}). Those that a bar joins are not "
            "told apart by Nemenyi's test at 5 %."
        )
    plot = plots.critical_difference_plot(ranking, colour) if ranking.mean else Markup("")
    return {"ranking": ranking, "said": said, "plot": plot}


def _duel(duel: Duel) -> dict[str, Any]:
    return {
        "duel": duel,
        "cases": formatting.tally(duel.cases),
        "runs": formatting.tally(duel.runs),
        "interval": formatting.interval(duel.low, duel.high),
    }


def _matrix(summary: Summary) -> Mapping[tuple[str, str], Duel]:
    limit = summary.overall.limit
    return {(duel.system, duel.against): duel for duel in summary.duels if duel.limit == limit}


def _table(metric: str, scores: Sequence[Score], summary: Summary) -> dict[str, Any]:
    rows: list[dict[str, Any]] = []
    for case, row in by_case(scores).items():
        best = best_of(list(row.values()))
        cells = [
            {"text": text, "best": name in best, "failed": name in row and not row[name].valid}
            for name, text in row_texts(row, summary.systems).items()
        ]
        first = not rows or rows[-1]["case"].task != case.task
        rows.append({"case": case, "cells": cells, "first": first})
    return {"metric": metric, "better": formatting.better_is(scores[0].direction), "rows": rows}


def _budget_plots(summary: Summary, colour: plots.Colours) -> dict[str, Markup]:
    if len(summary.limits) < 2:
        return {}
    return {
        task: plots.budget_plot(
            [s for s in summary.scores if s.case.task == task], summary.limits, colour
        )
        for task in summary.tasks
    }


def _gaps(summary: Summary) -> dict[Any, dict[str, Any]]:
    rows: dict[Any, dict[str, Any]] = {}
    for gap in summary.gaps:
        rows.setdefault(gap.case, {})[gap.system] = gap
    return rows
