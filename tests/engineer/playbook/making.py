"""Small tasks of every kind, made up, and scripts run on them in real processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.engineer.base import Brief
from mle_star.execution.race import FoldLine, parse_fold_line
from mle_star.tasks import View, build_views, get_metric, load_task, profile_task
from mle_star.tasks.metrics import canonical_name

INSTALLED = frozenset({"numpy", "pandas", "scipy", "sklearn", "lightgbm", "xgboost"})


@dataclass(frozen=True)
class Task:
    """A task with its search view, and the brief that an engineer gets."""

    brief: Brief
    view: View


@dataclass(frozen=True)
class Result:
    """What a script left."""

    oof: pd.DataFrame
    submission: pd.DataFrame
    printed: float
    folds: tuple[FoldLine, ...] = ()


def build(
    folder: Path,
    train: pd.DataFrame,
    test: pd.DataFrame,
    sample: pd.DataFrame | None = None,
    *,
    folds: int | None = 2,
    search_rows: int = 10_000,
    **toml: str | list[str],
) -> Task:
    """Write the tables as a task folder, and load, profile and build its views as a run does."""
    source = folder / "task"
    source.mkdir(parents=True)
    train.to_csv(source / "train.csv", index=False)
    test.to_csv(source / "test.csv", index=False)
    if sample is not None:
        sample.to_csv(source / "sample_submission.csv", index=False)
    (source / "description.md").write_text("Predict the target.\n")
    lines = [f"{key} = {json.dumps(value)}" for key, value in toml.items()]
    (source / "task.toml").write_text("\n".join(lines) + "\n")
    spec = load_task(source)
    profile = profile_task(spec)
    views = build_views(
        spec, profile, folder / "views", seed=0, search_rows=search_rows, folds=folds, audit=False
    )
    view = views.search
    brief = Brief(
        task=spec,
        profile=profile,
        rows=view.rows,
        test_rows=view.test_rows,
        folds=view.folds,
        files=tuple(sorted(p.name for p in view.folder.iterdir())),
        installed=INSTALLED,
    )
    return Task(brief, view)


def run(script: str, task: Task, folder: Path) -> Result:
    """Run a script as the harness would; it must end well and without a warning."""
    folder.mkdir(parents=True)
    (folder / "input").symlink_to(task.view.folder)
    (folder / "final").mkdir()
    (folder / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    line = done.stdout.strip().splitlines()[-1]
    assert line.startswith("Final Validation Performance: ")
    return Result(
        pd.read_csv(folder / "final" / "oof.csv"),
        pd.read_csv(folder / "final" / "submission.csv"),
        float(line.split(": ")[1]),
        tuple(filter(None, map(parse_fold_line, done.stdout.splitlines()))),
    )


def check(task: Task, result: Result) -> float:
    """Hold the files against the contract and the printed score against the harness's metric."""
    spec = task.brief.task
    scored = task.view.fold_of() >= 0
    keyed = [spec.id] if spec.id else []
    assert list(result.oof.columns) == [*keyed, *spec.prediction_columns]
    assert list(result.submission.columns) == spec.submission_columns
    assert len(result.oof) == scored.sum()
    assert len(result.submission) == task.view.test_rows
    train_keys, test_keys = task.view.train_keys(), task.view.test_keys()
    if spec.id and train_keys is not None and test_keys is not None:
        assert result.oof[spec.id].tolist() == train_keys[scored].tolist()
        assert result.submission[spec.id].tolist() == test_keys.tolist()
    for table in (result.oof, result.submission):
        assert not table[spec.prediction_columns].isna().any(axis=None)
    metric = get_metric(spec.metric, folder=spec.folder)
    value = metric.compute(
        task.view.truth()[scored].reset_index(drop=True),
        result.oof[spec.prediction_columns],
        spec.classes,
    )
    assert np.isclose(value, result.printed, rtol=1e-6), (value, result.printed)
    check_folds(task, result)
    return value


def check_folds(task: Task, result: Result) -> None:
    """Hold each fold's line against the harness's metric, where it is of the task's own."""
    spec, fold_of = task.brief.task, task.view.fold_of()
    said = {line.fold: line for line in result.folds}
    assert sorted(said) == sorted(set(fold_of[fold_of >= 0].tolist()))
    [name] = {line.name for line in result.folds}
    metric = get_metric(name)  # the harness knows which way is better
    if canonical_name(name) != spec.metric or spec.prediction == "label":
        return
    truth, scored = task.view.truth(), fold_of[fold_of >= 0]
    for fold, line in said.items():
        guess = result.oof.loc[scored == fold, spec.prediction_columns]
        value = metric.compute(
            truth[fold_of == fold].reset_index(drop=True),
            guess.reset_index(drop=True),
            spec.classes,
        )
        assert np.isclose(value, line.value, rtol=1e-3, atol=1e-4), (line, value)


ODD = 'say "hi"\n{braces} [x], <y>: z'
"""A column name that libraries and templates trip over."""


def table(rows: int, seed: int = 0) -> pd.DataFrame:
    """Features of every tidy kind; the columns ``x`` and ``colour`` carry the signal."""
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "x": rng.normal(size=rows).round(4),
            ODD: rng.normal(size=rows).round(4),
            "gap": np.where(rng.random(rows) < 0.2, np.nan, rng.normal(size=rows).round(3)),
            "dirty": np.where(rng.random(rows) < 0.1, " ", rng.integers(0, 99, rows).astype(str)),
            "flag": rng.random(rows) < 0.5,
            "colour": rng.choice(["red", "green", "blue", "?"], rows, p=[0.4, 0.3, 0.2, 0.1]),
            "size": rng.choice(["1", "2", "10", "XL"], rows),
            "same": "a",
        }
    )


def signal(features: pd.DataFrame, seed: int = 1) -> pd.Series:
    """A number that depends on the features, with noise."""
    noise = np.random.default_rng(seed).normal(size=len(features))
    return features["x"] * 2 + (features["colour"] == "red") * 3 + noise * 0.5


def sentences(rows: int, positive: np.ndarray, seed: int = 2) -> list[str]:
    """Short texts; those of positive rows speak of other things."""
    rng = np.random.default_rng(seed)
    good = ["prize", "win", "free", "claim", "urgent", "cash"]
    bad = ["lunch", "home", "later", "sorry", "mum", "bus"]
    common = ["the", "you", "now", "please", "today", "call"]
    texts = []
    for i in range(rows):
        words = rng.choice(good if positive[i] else bad, 3).tolist()
        number = str(rng.integers(1_000_000))
        texts.append(" ".join([*words, *rng.choice(common, 5).tolist(), number]))
    return texts
