"""Writing the data views of a run to disk."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mle_star.tasks.audit import choose_audit, no_audit
from mle_star.tasks.cells import constant_submission, write_cells
from mle_star.tasks.large import write_large
from mle_star.tasks.plans import Plan, plan_full, plan_part, plan_search, plan_smoke, sees_all
from mle_star.tasks.profile import DataProfile
from mle_star.tasks.sidefiles import COPY_LIMIT, place_side_files, total_size
from mle_star.tasks.source import Source, read_source
from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.views import INDEX, View, Views, load_views
from mle_star.tasks.wording import in_one_sentence


@in_one_sentence
def build_views(
    spec: TaskSpec,
    profile: DataProfile | None,
    folder: Path,
    *,
    seed: int,
    search_rows: int,
    folds: int | None,
    audit: bool | None,
) -> Views:
    """Write the views ``search``, ``smoke`` and ``full`` below ``folder``, or read them back.

    Nothing changes once it is written; a build that was cut short is started over. ``search_rows``
    caps the training rows of ``search`` (but a table that has less than half as many more is seen
    whole), ``folds`` overrides the number of folds, ``audit`` asks for rows to be held back where
    the task allows it; None: only where that costs the search no rows, as it does not look at all.
    Where nothing is held back and the search sees every row, ``search`` and ``full`` are the same.
    Which rows go where follows from the task and the seed alone; ``profile`` is not needed for it.

    Raises:
        TaskError: a table of the task can't be read any more.
    """
    del profile
    if (folder / INDEX).is_file():
        return load_views(folder)
    rng = np.random.default_rng(seed)
    source = read_source(spec)
    if audit is None and sees_all(len(source.train), search_rows):
        held = no_audit(source, "every labelled row is needed to learn from")
    else:
        held = choose_audit(source, rng, audit is not False)
    search = plan_search(source, held, rng, search_rows, folds)
    smoke = plan_smoke(source, search, rng)
    full = plan_full(source, rng, folds, search)
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    _write(source, [full, search, smoke], partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
    return load_views(folder)


@in_one_sentence
def build_part(
    spec: TaskSpec, views: Views, folder: Path, *, rows: int, seed: int, folds: int | None
) -> View:
    """Write the view ``part`` below ``folder``: some of the labelled rows, the real test rows.

    For a final run that has no time for all of them. Whatever an earlier try left is replaced.

    Args:
        spec: the task.
        views: its views, as :func:`build_views` made them below the same folder.
        folder: of the views.
        rows: how many labelled rows; fewer than there are.
        seed: of the sample and its folds.
        folds: as in :func:`build_views`.

    Raises:
        TaskError: a table of the task can't be read any more.
    """
    source = read_source(spec)
    plan = plan_part(source, np.random.default_rng(seed), rows, folds)
    view = folder / plan.name
    shutil.rmtree(view, ignore_errors=True)
    view.mkdir()
    _place_side_files(spec, view, folder / "full", plan.moves)
    _write_tables(source, plan, views.constants, view)
    hidden = (folder / INDEX).with_name(f"{plan.name}.json")
    hidden.unlink(missing_ok=True)  # a fork has the file of its original, under a second name
    hidden.write_text(_hidden(plan))
    return replace(
        views.full,
        name=plan.name,
        folder=view,
        digest=_digest(view),
        rows=len(plan.train),
        test_rows=len(plan.test),
        folds=plan.folds,
    )


def _hidden(plan: Plan) -> str:
    """What scripts must not know of a view: where audit rows and the user's test rows stand."""
    return json.dumps({"audit": plan.audit_at.tolist(), "real_test": plan.real_at.tolist()})


def _write(source: Source, plans: list[Plan], folder: Path) -> None:
    """Write the full view first: the side files of the others are links to its own."""
    index = folder / INDEX
    index.parent.mkdir(parents=True)
    constants = _constants(source)
    stored: dict[str, Any] = {}
    for plan in plans:
        view = folder / plan.name
        view.mkdir()
        _place_side_files(source.spec, view, folder / "full", plan.moves)
        _write_tables(source, plan, constants, view)
        (index.parent / f"{plan.name}.json").write_text(_hidden(plan))
        if len(plan.audit):
            labels = source.train[source.spec.target].iloc[plan.audit]
            write_cells(labels, index.parent / "audit.csv")
        stored[plan.name] = {
            "digest": _digest(view),
            "rows": len(plan.train),
            "test_rows": len(plan.test),
            "folds": plan.folds,
            "answers": plan.answers(source),
        }
    content = {
        "views": stored,
        "target": source.spec.target,
        "id": source.spec.id,
        "classification": source.classes,
        "notes": source.notes,
        "constants": constants,
    }
    index.write_text(json.dumps(content, indent=1))


def _write_tables(source: Source, plan: Plan, constants: dict[str, str], view: Path) -> None:
    spec = source.spec
    train = source.train.iloc[plan.train]
    folds = pd.DataFrame({"fold": plan.fold.astype(str)}, index=train.index)
    if spec.id is not None:
        folds.insert(0, spec.id, train[spec.id])
    sample = source.sample
    if sample is None:
        sample = constant_submission(plan.test, spec.submission_columns, constants)
    tables = {
        "train.csv": train,
        "test.csv": plan.test,
        "folds.csv": folds,
        "sample_submission.csv": sample,
    }
    for name, table in tables.items():
        if table.columns.empty:  # of a printed task that does not say what is handed in
            continue
        write_large(table, view / name)
        (view / name).chmod(0o444)


def _place_side_files(spec: TaskSpec, view: Path, full: Path, moves: dict[Path, Path]) -> None:
    """Take the side files from the task folder once, into the full view; link the rest to those."""
    names = spec.side_files
    if view == full:
        small = total_size(Path(spec.folder), names) <= COPY_LIMIT
        place_side_files(Path(spec.folder), names, view, moves, copy=small)
    else:
        place_side_files(full, names, view, moves, copy=False)


def _constants(source: Source) -> dict[str, str]:
    """What sample submissions predict for every row: a mean, a share, or the commonest label."""
    spec, labels = source.spec, source.labels
    values: list[object]
    if not spec.target:
        values = [0] * len(spec.prediction_columns)
    elif spec.prediction == "label":
        values = [labels[c].mode().iloc[0] for c in spec.target]
    elif spec.prediction == "probability" and spec.per_class:
        first = labels[spec.target[0]]
        values = [round(float((first == label).mean()), 6) for label in spec.classes]
    elif spec.prediction == "probability" and spec.classes:
        positive = spec.classes[-1]
        values = [round(float((labels[c] == positive).mean()), 6) for c in spec.target]
    elif spec.evaluation == "printed":
        values = [0] * len(spec.prediction_columns)
    else:
        values = [float(labels[c].mean()) for c in spec.target]
    return {c: str(value) for c, value in zip(spec.prediction_columns, values, strict=True)}


def _digest(view: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(p for p in view.rglob("*") if p.is_file()):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        name = os.fsencode(path.relative_to(view).as_posix())  # names need not be valid UTF-8
        total.update(name + f"\0{content}\n".encode())
    return total.hexdigest()
