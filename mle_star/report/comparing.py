"""The page that compares several runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mle_star.errors import RunError
from mle_star.report import plots
from mle_star.report.drawing import drawn
from mle_star.report.headline import leading
from mle_star.report.money import money
from mle_star.report.page import NO_PLOT, NOT_DRAWN, Run
from mle_star.report.rendering import fill
from mle_star.report.settings import PLACES
from mle_star.report.text import better_is, clean, count, duration, plus_minus

MOST = 20
"""Runs that one page compares."""


def render_comparison(paths: Sequence[Path]) -> str:
    """The page of several runs.

    Args:
        paths: their folders, two or more.

    Raises:
        RunError: they are too few or too many, one is named twice, or one is no whole run.
    """
    if not 2 <= len(paths) <= MOST:
        raise RunError(f"2 to {MOST} runs can be compared, not {len(paths)}: name them one by one.")
    twice = [path for path, times in Counter(p.resolve() for p in paths).items() if times > 1]
    if twice:
        raise RunError(f"{twice[0]} is named twice: name each run once.")
    runs = dict(zip(_names(paths), map(Run.read, paths), strict=True))
    tasks = {run.report.task for run in runs.values()}
    groups = [_group(members) for members in _grouped(runs)]
    drawings = drawn({f"g{number}": group["spec"] for number, group in enumerate(groups)})
    return fill(
        "compare.html",
        runs=runs,
        names=list(runs),
        said=f"{count(len(tasks), 'task')}: {', '.join(sorted(clean(t, 60) for t in tasks))}.",
        notices=list(_notices(groups)),
        groups=list(zip(groups, drawings.values(), strict=True)),
        no_plot=NO_PLOT,
        not_drawn=NOT_DRAWN,
        differing=_differing(list(runs.values())),
    )


def _names(paths: Sequence[Path]) -> list[str]:
    """Names of the folders; those that are not unique as paths."""
    times = Counter(path.resolve().name for path in paths)
    names = [clean(p.resolve().name, 60) for p in paths]
    return [
        name if times[path.resolve().name] == 1 else clean(path.resolve())
        for name, path in zip(names, paths, strict=True)
    ]


def _grouped(runs: dict[str, Run]) -> Iterable[dict[str, Run]]:
    """Runs whose scores compare: of one task and metric."""
    groups: dict[tuple[str, ...], dict[str, Run]] = {}
    for name, run in runs.items():
        key = (run.report.task, run.report.metric, run.report.direction)
        groups.setdefault(key, {})[name] = run
    return groups.values()


def _group(runs: dict[str, Run]) -> dict[str, Any]:
    report = next(iter(runs.values())).report
    best = _best(list(runs.values()))
    curves = {
        name: (
            plots.best_so_far(run.tried.attempts, report.direction),
            run.report.seconds,
        )
        for name, run in runs.items()
    }
    rows = [_row(name, run, best) for name, run in runs.items()]
    return {
        "title": f"{clean(report.task, 60)}: {clean(report.metric, 40) or 'metric unknown'}, "
        f"{better_is(report.direction)}",
        "rows": rows,
        "audited": any(row["audit"] != "–" for row in rows),
        "spec": plots.overlaid(curves, report.metric, report.direction),
        "views": {_view(run) for run in runs.values()},
    }


def _best(runs: Sequence[Run]) -> float | None:
    scores = [entry.score for run in runs if (entry := leading(run.report)) and not entry.alarm]
    known = [score for score in scores if score is not None]
    choose = max if runs[0].report.direction == "maximize" else min
    return choose(known) if known else None


def _row(name: str, run: Run, best: float | None) -> dict[str, Any]:
    entry, report = leading(run.report), run.report
    return {
        "name": name,
        "status": run.status,
        "score": plus_minus(entry.score, entry.error) if entry else "–",
        "audit": plus_minus(entry.audit, entry.audit_error) if entry else "–",
        "time": duration(report.seconds),
        "cost": money(report.bill) if report.bill else "nothing",
        "scripts": len(report.scripts),
        "what": clean(entry.label, 100) if entry else "",
        "first": entry is not None and best is not None and entry.score == best,
    }


def _view(run: Run) -> str:
    """What decides on which rows and folds a run's scores were measured."""
    return repr([run.settings.get(name) for name in ("seed", "folds", "search_rows", "audit")])


def _notices(groups: Sequence[dict[str, Any]]) -> Iterable[str]:
    if len(groups) > 1:
        yield "The runs are of different tasks or metrics: only scores of one table compare."
    if any(len(group["views"]) > 1 for group in groups):
        yield (
            "Runs of one task had another seed, other folds, rows or audit: their validation "
            "scores were measured on different splits, so small differences mean nothing."
        )


def _differing(runs: Sequence[Run]) -> dict[str, list[Any]]:
    """Setting or version -> its value in each run, where these are not all the same."""
    values = [{**run.settings, **_versions(run)} for run in runs]
    names = dict.fromkeys(name for one in values for name in one if name not in PLACES)
    found = {name: [one.get(name) for one in values] for name in names}
    return {name: row for name, row in found.items() if any(one != row[0] for one in row)}


def _versions(run: Run) -> dict[str, Any]:
    versions = run.record.get("versions")
    pairs = versions.items() if isinstance(versions, dict) else ()
    return {f"version of {name}": value for name, value in pairs}
