"""How a task folder is understood, for the tool that shows it before a run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mle_star.context import resolve
from mle_star.mcp.answers import Column, TaskAnswer
from mle_star.report.text import clean


def inspected(folder: str) -> TaskAnswer:
    """Read a task folder as a run would, with the settings a run would have.

    Raises:
        TaskError: the folder can't be used as a task.
    """
    from mle_star.tasks import build_views, load_task, profile_task

    settings = resolve()
    spec = load_task(Path(folder).expanduser())
    profile = profile_task(spec)
    with tempfile.TemporaryDirectory(prefix="mle-star-") as place:
        views = build_views(
            spec,
            profile,
            Path(place),
            seed=settings.seed,
            search_rows=settings.search_rows,
            folds=settings.folds,
            audit=settings.audit_asked,
        )
        audit = views.search.audit()
    return TaskAnswer(
        name=spec.name,
        folder=spec.folder,
        kind=spec.kind,
        target=spec.target,
        metric=spec.metric,
        direction=spec.direction,
        prediction=spec.prediction,
        id=spec.id,
        train_rows=profile.rows,
        test_rows=profile.test_rows,
        search_rows=views.search.rows,
        audit_rows=0 if audit is None else len(audit.positions),
        folds=views.search.folds,
        columns=[
            Column(name=clean(c.name, 80), kind=c.kind, missing=c.missing, distinct=c.unique)
            for c in profile.columns
        ],
        provenance=spec.provenance,
        notes=[clean(note) for note in views.notes],
    )
