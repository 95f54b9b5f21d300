"""Small tasks and data views made by hand, and scripts' answers to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from mle_star.scoring import Predictions, Score, Soft
from mle_star.scoring.soft import first_grade, soft_columns, soft_form
from mle_star.state import Trial
from mle_star.tasks import TaskSpec, View
from mle_star.tasks.formulas import codes


def make_spec(**changed: Any) -> TaskSpec:
    """A regression task with ids, judged by rmse."""
    values: dict[str, Any] = {
        "name": "small",
        "folder": "/nowhere",
        "description": "",
        "train": "train.csv",
        "test": "test.csv",
        "sample_submission": "sample_submission.csv",
        "side_files": [],
        "target": ["y"],
        "id": "id",
        "kind": "regression",
        "metric": "rmse",
        "direction": "minimize",
        "prediction": "value",
        "classes": [],
        "copied_columns": [],
        "group": None,
        "time": [],
        "exclude": [],
        "evaluation": "harness",
        "provenance": {},
        **changed,
    }
    values.setdefault("prediction_columns", values["target"])
    ids = [values["id"]] if values["id"] else []
    values.setdefault(
        "submission_columns", [*ids, *values["copied_columns"], *values["prediction_columns"]]
    )
    return TaskSpec(**values)


BINARY: dict[str, Any] = {
    "kind": "binary",
    "metric": "roc_auc",
    "direction": "maximize",
    "prediction": "probability",
    "classes": ["no", "yes"],
}
LABELS: dict[str, Any] = {
    "kind": "multiclass",
    "metric": "accuracy",
    "direction": "maximize",
    "prediction": "label",
    "classes": ["a", "b", "c"],
}
PER_CLASS: dict[str, Any] = {
    **LABELS,
    "metric": "log_loss",
    "direction": "minimize",
    "prediction": "probability",
    "prediction_columns": ["a", "b", "c"],
}
ORDINAL: dict[str, Any] = {
    "kind": "ordinal",
    "metric": "quadratic_weighted_kappa",
    "direction": "maximize",
    "prediction": "label",
    "classes": [3, 4, 5, 7],
}
MULTILABEL: dict[str, Any] = {
    **BINARY,
    "kind": "multilabel",
    "classes": [0, 1],
    "target": ["u", "v"],
    "metric": "mean_columnwise_roc_auc",
}


@dataclass(frozen=True)
class Audit:
    """What ``View.audit()`` answers."""

    positions: np.ndarray
    truth: pd.DataFrame


@dataclass
class Sketch:
    """The part of a view that scoring asks for, from tables in memory."""

    train: pd.DataFrame
    fold: np.ndarray
    test: pd.DataFrame
    targets: Sequence[str]
    key: str | None = "id"
    hidden: Audit | None = None
    real: np.ndarray | None = None

    @property
    def test_rows(self) -> int:
        return len(self.test)

    def truth(self) -> pd.DataFrame:
        return self.train[list(self.targets)]

    def fold_of(self) -> np.ndarray:
        return self.fold

    def train_keys(self) -> pd.Series | None:
        return self.train[self.key] if self.key else None

    def test_keys(self) -> pd.Series | None:
        return self.test[self.key] if self.key else None

    def audit(self) -> Audit | None:
        return self.hidden

    def real_test(self) -> np.ndarray:
        return np.arange(len(self.test)) if self.real is None else self.real

    def view(self) -> View:
        return cast(View, self)


def sketch(spec: TaskSpec, rows: int = 200, audit_rows: int = 80, folds: int = 4) -> Sketch:
    """A view with ids 0.. (train) and 1000.. (test, of which the first rows are audit rows)."""
    chance = np.random.default_rng(3)

    def labels(count: int) -> pd.DataFrame:
        if spec.classes:
            classes = np.array(spec.classes, dtype=object)
            columns = {t: classes[chance.integers(len(classes), size=count)] for t in spec.target}
            return pd.DataFrame(columns).infer_objects()
        return pd.DataFrame({t: chance.normal(10, 2, count) for t in spec.target})

    train, test_truth = labels(rows), labels(audit_rows + 40)
    test = pd.DataFrame({"x": chance.normal(size=len(test_truth))})
    if spec.id:
        train.insert(0, spec.id, np.arange(rows))
        test.insert(0, spec.id, 1000 + np.arange(len(test)))
    fold = np.arange(rows) % folds
    hidden = None
    if audit_rows:
        hidden = Audit(np.arange(audit_rows), test_truth.iloc[:audit_rows])
    return Sketch(train, fold, test, spec.target, spec.id, hidden)


def answer(
    spec: TaskSpec, view: Sketch, seed: int = 0, noise: float = 1.0, test_noise: float | None = None
) -> Predictions:
    """Predictions that know the truth up to some noise; test rows without labels are guessed."""
    chance = np.random.default_rng(seed)
    scored = view.truth()[view.fold >= 0].reset_index(drop=True)
    test = pd.concat([scored] * 3, ignore_index=True).iloc[: len(view.test)].reset_index(drop=True)
    if view.hidden is not None:
        test.iloc[view.hidden.positions] = view.hidden.truth.to_numpy()

    def guess(truth: pd.DataFrame, noise: float) -> pd.DataFrame:
        if spec.prediction == "value":
            return truth + chance.normal(0, noise, truth.shape)
        if spec.prediction == "label":
            wrong = chance.random(truth.shape) < noise / 3
            other = chance.choice(np.array(spec.classes, dtype=object), truth.shape)
            mixed = np.where(wrong, other, truth.to_numpy(dtype=object))
            return pd.DataFrame(mixed, columns=truth.columns).infer_objects()
        return _chances(spec, truth, noise, chance)

    return Predictions(
        guess(scored, noise), guess(test, noise if test_noise is None else test_noise)
    )


def soften(spec: TaskSpec, labels: pd.DataFrame, sure: float = 1.0, seed: int = 0) -> np.ndarray:
    """What labels may have been cut from half way, (rows, width); the less sure, the noisier."""
    chance = np.random.default_rng(seed)
    places = np.column_stack([codes(labels[c], spec.classes) for c in labels.columns])
    if soft_form(spec) == "grades":
        return first_grade(spec) + places + chance.uniform(-0.45, 0.45, places.shape)
    if soft_form(spec) == "shares" or len(spec.classes) == 2:
        odds = (2 * places - 1) * chance.uniform(0.1, 3 * sure, places.shape)
        return np.asarray(1 / (1 + np.exp(-odds)))
    hit = np.eye(len(spec.classes))[places[:, 0]] * sure
    values = np.exp(hit + chance.uniform(0, sure, hit.shape))
    return np.asarray(values / values.sum(axis=1, keepdims=True))


def softened(spec: TaskSpec, member: Predictions, seed: int = 0) -> Predictions:
    """Labels together with what they may have been cut from."""
    tables = [soften(spec, table, seed=seed) for table in (member.oof, member.test)]
    return replace(member, soft=Soft(*tables))


def soft_table(spec: TaskSpec, values: np.ndarray) -> pd.DataFrame:
    """Soft predictions as a script writes them, without the id."""
    if soft_form(spec) == "classes" and len(spec.classes) == 2:
        values = np.column_stack([1 - values, values])
    return pd.DataFrame(values, columns=soft_columns(spec))


def _chances(
    spec: TaskSpec, truth: pd.DataFrame, noise: float, chance: np.random.Generator
) -> pd.DataFrame:
    if spec.per_class:
        hit = truth.to_numpy() == np.array(spec.classes, dtype=object)[None, :]
        values = np.exp(hit / max(noise, 1e-9) + chance.normal(size=hit.shape))
        values = values / values.sum(axis=1, keepdims=True)
    else:
        hit = truth.to_numpy() == spec.classes[1]
        values = 1 / (1 + np.exp(-(2 * hit - 1) / max(noise, 1e-9) - chance.normal(size=hit.shape)))
    return pd.DataFrame(values, columns=spec.prediction_columns)


def write_final(
    spec: TaskSpec,
    view: Sketch,
    predictions: Predictions,
    folder: Path,
    oof: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
    submission: Callable[[pd.DataFrame], pd.DataFrame] = lambda table: table,
) -> Path:
    """Write ``final/`` as a script would; ``oof`` and ``submission`` may spoil the tables."""
    final = folder / "final"
    final.mkdir(parents=True, exist_ok=True)
    scored, test = predictions.oof.copy(), predictions.test.copy()
    if spec.id:
        scored.insert(0, spec.id, view.train[spec.id].to_numpy()[view.fold >= 0])
        test.insert(0, spec.id, view.test[spec.id].to_numpy())
    if predictions.soft is not None:
        tables = {"oof": predictions.soft.oof, "submission": predictions.soft.test}
        for name, ids in (("oof", scored), ("submission", test)):
            table = soft_table(spec, tables[name])
            if spec.id:
                table.insert(0, spec.id, ids[spec.id].to_numpy())
            table.to_csv(final / f"{name}_soft.csv", index=False)
    for column in spec.copied_columns:
        test[column] = view.test[column]
    oof(scored).to_csv(final / "oof.csv", index=False)
    submission(test).to_csv(final / "submission.csv", index=False)
    return final


def write_input(spec: TaskSpec, view: Sketch, folder: Path) -> Path:
    """Write ``input/`` as the view would."""
    inputs = folder / "input"
    inputs.mkdir(parents=True)
    view.train.to_csv(inputs / "train.csv", index=False)
    view.test.to_csv(inputs / "test.csv", index=False)
    pd.DataFrame({"fold": view.fold}).to_csv(inputs / "folds.csv", index=False)
    sample = view.test[[c for c in spec.submission_columns if c in view.test.columns]].copy()
    for column in spec.prediction_columns:
        sample[column] = 0
    sample[spec.submission_columns].to_csv(inputs / "sample_submission.csv", index=False)
    return inputs


def make_score(value: float, alarm: str = "") -> Score:
    return Score(
        value=value,
        error=0.1,
        folds=[],
        audit=None,
        audit_error=None,
        printed=None,
        alarm=alarm,
    )


def make_trial(name: str, score: Score | None) -> Trial:
    return Trial(
        id=name,
        script=name,
        label=name,
        phase="write",
        solution=0,
        outcome="ok" if score else "error",
        score=score,
        seconds=1.0,
        problem="" if score else "it crashed",
        debugged=0,
        members=[],
    )
