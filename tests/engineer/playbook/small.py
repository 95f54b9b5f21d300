"""Small tasks, their briefs and their ./input folders, for the checking side of the playbook."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mle_star.engineer.base import Brief
from mle_star.tasks.profile import ColumnProfile, DataProfile
from mle_star.tasks.spec import TaskSpec

ROWS, TEST_ROWS = 180, 30
THREADS = importlib.import_module("threadpoolctl")


def column(name: str, kind: str = "numeric", **more: Any) -> ColumnProfile:
    values: dict[str, Any] = {
        "name": name,
        "kind": kind,
        "dtype": "float64" if kind == "numeric" else "str",
        "missing": 0.0,
        "unique": 50,
        "skew": 0.0 if kind == "numeric" else None,
        "examples": [],
        "in_test": True,
        "drift": 0.0,
        "dirty": False,
        "markers": [],
        "words": None,
        **more,
    }
    return ColumnProfile.model_validate(values)


def brief(
    *,
    kind: str = "regression",
    metric: str = "rmse",
    direction: str = "minimize",
    prediction: str = "value",
    target: Sequence[str] = ("price",),
    classes: Sequence[Any] = (),
    id: str | None = "id",
    columns: Sequence[ColumnProfile] = (),
    folds: int = 3,
    time: Sequence[str] = (),
    group: str | None = None,
    side_files: Sequence[str] = (),
    target_min: float | None = 1.0,
    **task: Any,
) -> Brief:
    """A brief for the table that :func:`write_input` writes."""
    columns = columns or (column("area"), column("rooms"), column("city", "categorical"))
    per_class = prediction == "probability" and kind == "multiclass"
    predicted = [str(c) for c in classes] if per_class else list(target)
    spec = {
        "name": "small",
        "folder": "/nowhere",
        "description": "",
        "train": "train.csv",
        "test": "test.csv",
        "sample_submission": "sample_submission.csv",
        "side_files": list(side_files),
        "target": list(target),
        "id": id,
        "kind": kind,
        "metric": metric,
        "direction": direction,
        "prediction": prediction,
        "classes": list(classes),
        "submission_columns": [*([id] if id else []), *predicted],
        "prediction_columns": predicted,
        "copied_columns": [],
        "group": group,
        "time": list(time),
        "exclude": [],
        "evaluation": "harness",
        "provenance": {},
        **task,
    }
    profile = DataProfile(
        rows=ROWS,
        test_rows=TEST_ROWS,
        columns=list(columns),
        duplicates=0,
        target_missing=0,
        target_unique=len(classes) or ROWS,
        target_skew=None if classes else 0.0,
        target_min=None if classes else target_min,
        target_max=None if classes else 100.0,
        class_shares={str(c): 1 / len(classes) for c in classes},
        side_files=list(side_files),
    )
    return Brief(
        task=TaskSpec.model_validate(spec),
        profile=profile,
        rows=ROWS,
        test_rows=TEST_ROWS,
        folds=folds,
        files=("train.csv", "test.csv", "folds.csv", "sample_submission.csv", *side_files),
        installed=frozenset({"numpy", "pandas", "scipy", "sklearn", "lightgbm", "xgboost"}),
    )


def labels_of(told: Brief, signal: np.ndarray, chance: np.random.Generator) -> pd.DataFrame:
    """Target columns that depend on the signal."""
    task = told.task
    table = {}
    for number, name in enumerate(task.target):
        noisy = signal + chance.normal(0, 0.3 + 0.2 * number, len(signal))
        if task.classes:
            cuts = np.quantile(noisy, np.linspace(0, 1, len(task.classes) + 1)[1:-1])
            table[name] = np.asarray(task.classes, dtype=object)[np.searchsorted(cuts, noisy)]
        else:
            table[name] = 10 + 3 * (noisy - noisy.min())
    return pd.DataFrame(table)


def write_input(folder: Path, told: Brief) -> pd.DataFrame:
    """Write ./input below the folder and an empty ./final; returns train.csv."""
    task, chance = told.task, np.random.default_rng(0)
    (folder / "input").mkdir(parents=True)
    (folder / "final").mkdir()
    count = ROWS + TEST_ROWS
    area, rooms = chance.normal(size=count), chance.integers(1, 6, count).astype(float)
    features = pd.DataFrame({"area": area, "rooms": rooms})
    features["city"] = chance.choice(["Rome", "Oslo", "Bern"], count)
    if task.id:
        features.insert(0, task.id, np.arange(1000, 1000 + count))
    table = features.join(labels_of(told, area + 0.3 * rooms, chance))
    train, test = table[:ROWS], features[ROWS:]
    parts = (
        np.arange(ROWS) * (told.folds + 1) // ROWS - 1
        if task.time
        else np.arange(ROWS) % told.folds
    )
    if told.folds == 1:
        parts = np.where(np.arange(ROWS) % 4 == 0, 0, -1)
    folds = pd.DataFrame({"fold": parts})
    if task.id:
        folds.insert(0, task.id, train[task.id].to_numpy())
    sample = test[[task.id]].copy() if task.id else pd.DataFrame(index=test.index)
    for name in task.prediction_columns:
        sample[name] = 0.5
    for name, what in {
        "train": train,
        "test": test,
        "folds": folds,
        "sample_submission": sample,
    }.items():
        what.to_csv(folder / "input" / f"{name}.csv", index=False)
    return train


@dataclass(frozen=True)
class Ran:
    """What came of a script: its output, and its traceback where it failed."""

    stdout: str
    error: str


def run(folder: Path, script: str) -> Ran:
    """Run a script in the folder, in this process: a child per script would take a second each."""
    before, printed = Path.cwd(), io.StringIO()
    os.chdir(folder)
    try:
        with (
            contextlib.redirect_stdout(printed),
            warnings.catch_warnings(),
            THREADS.threadpool_limits(1),
        ):
            warnings.simplefilter("ignore")
            exec(compile(script, "script.py", "exec"), {"__name__": "__main__"})
    except BaseException as error:  # noqa: BLE001 - whatever a script raises is its result
        inside = error.__traceback__.tb_next if error.__traceback__ else None
        return Ran(
            printed.getvalue(), "".join(traceback.format_exception(error.with_traceback(inside)))
        )
    finally:
        os.chdir(before)
    return Ran(printed.getvalue(), "")
