"""What must hold for every task folder: it works, or one sentence says what to mend."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.errors import MleStarError
from mle_star.scoring import (
    Problem,
    check_submission,
    read_predictions,
    score_predictions,
    write_submission,
)
from mle_star.tasks import (
    DataProfile,
    TaskSpec,
    View,
    Views,
    build_views,
    load_task,
    profile_task,
)
from mle_star.tasks.table import load_table

LONGEST = 900
"""Characters of a sentence that a person still reads."""


@dataclass(frozen=True)
class Task:
    """A folder that works."""

    spec: TaskSpec
    profile: DataProfile
    views: Views


def open_folder(folder: Path, work: Path) -> Task | str:
    """Do what a run does before its first script: the task, or the sentence that refuses it.

    Raises:
        AssertionError: the sentence is not one that can be shown to a person.
    """
    try:
        spec = load_task(folder)
        profile = profile_task(spec)
        views = build_views(
            spec, profile, work / "views", seed=0, search_rows=30_000, folds=None, audit=True
        )
    except MleStarError as error:
        return sentence(str(error))
    return Task(spec, profile, views)


def sentence(text: str) -> str:
    """The text, which must be one sentence of printable characters."""
    assert text, "an empty sentence"
    assert text.isprintable(), f"not printable: {text!r}"
    assert text.endswith("."), f"no full stop: {text!r}"
    assert len(text) <= LONGEST, f"{len(text)} characters: {text[:200]!r} ..."
    return text


def check_task(task: Task, work: Path) -> str:
    """Check all invariants; the score of a plain prediction, or why there is none."""
    check_spec(task.spec)
    check_profile(task)
    for view in (task.views.search, task.views.smoke, task.views.full):
        check_view(task.spec, view)
    check_rows(task.spec, task.views)
    check_hidden(task)
    if task.spec.evaluation == "printed":
        return "printed"
    if any(c.startswith("Unnamed: ") for c in task.spec.submission_columns):
        return "not judged: the reader of predictions leaves columns without a name out"
    return check_predictions(task.spec, task.views.search, work)


def check_spec(spec: TaskSpec) -> None:
    """The fields agree with each other and with the tables."""
    assert TaskSpec.model_validate_json(spec.model_dump_json()) == spec
    assert json.loads(json.dumps(spec.model_dump(mode="json"))) == spec.model_dump(mode="json")
    train = load_table(Path(spec.folder) / spec.train).cells
    for columns in (spec.target, spec.submission_columns, spec.prediction_columns, spec.time):
        assert len(set(columns)) == len(columns), columns
    assert set(spec.target) <= set(train.columns)
    assert spec.id not in spec.target
    assert spec.group is None or (spec.group in train.columns and spec.group not in spec.target)
    assert not set(spec.time) & set(spec.target)
    assert not set(spec.exclude) & {*spec.target, spec.id}
    if spec.evaluation == "printed":
        return
    named = {*spec.prediction_columns, *spec.copied_columns}
    assert named <= set(spec.submission_columns)
    assert set(spec.submission_columns) - named <= {spec.id}
    assert spec.id not in named
    classes = spec.kind in ("binary", "multiclass", "multilabel", "ordinal")
    assert bool(spec.classes) == classes, (spec.kind, spec.classes)
    assert spec.kind != "binary" or len(spec.classes) == 2
    expected = len(spec.classes) if spec.per_class else len(spec.target)
    assert len(spec.prediction_columns) == expected


def check_profile(task: Task) -> None:
    """It can be stored, and every feature column is in it."""
    profile = task.profile
    stored = json.loads(json.dumps(profile.model_dump(mode="json"), allow_nan=False))
    assert DataProfile.model_validate(stored) == profile
    assert profile.rows == task.views.full.rows
    names = [column.name for column in profile.columns]
    assert len(set(names)) == len(names)
    assert not {*task.spec.target, task.spec.id, *task.spec.exclude} & set(names)


def check_view(spec: TaskSpec, view: View) -> None:
    """The files of a view fit together and are read by pandas as it stands."""
    train, test, folds = (
        pd.read_csv(view.folder / name, dtype=str, keep_default_na=False)
        for name in ("train.csv", "test.csv", "folds.csv")
    )
    fold = view.fold_of()
    assert len(train) == len(folds) == len(fold) == view.rows
    assert len(test) == view.test_rows
    assert set(fold[fold >= 0]) == set(range(view.folds)), (set(fold), view.folds)
    assert fold.min() >= (-1 if spec.time or view.folds == 1 else 0)
    assert (fold >= 0).any(), "no row is scored"
    assert not spec.time or (fold == -1).any(), "the first fold has no row before it"
    assert (np.asarray(fold) != 0).any(), "no row is left to fit on"
    sample = pd.DataFrame(index=test.index)
    if spec.submission_columns:
        sample = pd.read_csv(
            view.folder / "sample_submission.csv", dtype=str, keep_default_na=False
        )
    assert list(sample.columns) == spec.submission_columns
    if spec.target:
        truth = view.truth()
        assert list(truth.columns) == spec.target
        assert truth.notna().all(axis=None)
    if spec.evaluation == "harness":
        assert len(sample) == len(test)
        assert not set(spec.target) & set(test.columns)
    assert not set(spec.exclude) & {*train.columns, *test.columns}
    if spec.id is not None and spec.evaluation == "harness":
        assert (folds[spec.id] == train[spec.id]).all()
        assert train[spec.id].is_unique
        keys = view.test_keys()
        assert keys is not None
        assert len(keys) == len(test)


def check_rows(spec: TaskSpec, views: Views) -> None:
    """The user's test rows are where the view says, unchanged; the rest are audit rows."""
    view = views.search
    audit = view.audit()
    held = 0 if audit is None else len(audit.positions)
    real = view.real_test()
    if spec.test is None:
        assert len(real) == 0
        return
    own = load_table(Path(spec.folder) / spec.test).cells
    places = [*real, *(audit.positions if audit is not None else [])]
    assert sorted(places) == list(range(view.test_rows))
    assert len(real) == len(own)
    assert views.full.rows == view.rows + held
    shown = pd.read_csv(view.folder / "test.csv", dtype=str, keep_default_na=False)
    for column in shown.columns:
        assert (shown[column].iloc[real].to_numpy() == own[column].to_numpy()).all(), column


def check_hidden(task: Task) -> None:
    """No label of an audit row stands in a file that scripts of the search see."""
    audit = task.views.search.audit()
    if audit is None:
        return
    cells = pd.read_csv(task.views.search.harness / "audit.csv", dtype=str, keep_default_na=False)[
        task.spec.target[0]
    ]
    shown = pd.read_csv(task.views.search.folder / "train.csv", dtype=str, keep_default_na=False)
    secret = [c for c in cells if len(c) > 8 and c not in set(shown[task.spec.target[0]])]
    for view in (task.views.search, task.views.smoke):
        for path in (p for p in view.folder.rglob("*") if p.is_file()):
            content = path.read_bytes()
            assert not any(c.encode() in content for c in secret), f"labels in {path.name}"


def check_predictions(spec: TaskSpec, view: View, work: Path) -> str:
    """Predict from the view's files alone, as a plain script would; score it, hand it in."""
    final = work / "final"
    shutil.rmtree(final, ignore_errors=True)
    final.mkdir(parents=True)
    write_plain_predictions(spec, view.folder, final)
    predictions = read_predictions(spec, view, final)
    assert not isinstance(predictions, Problem), f"a plain prediction is refused: {predictions}"
    score = score_predictions(spec, view, predictions)
    if spec.test is not None:
        path = work / "submission.csv"
        write_submission(spec, view, predictions.test, path)
        wrong = check_submission(spec, path)
        assert wrong is None, f"the submission is refused: {wrong}"
        check_order(spec, view, predictions.test, path)
    if isinstance(score, Problem):
        return f"no score: {score}"
    assert np.isfinite(score["value"])
    return "scored"


def write_plain_predictions(spec: TaskSpec, data: Path, final: Path) -> None:
    """The mean, the class shares or labels as they come: different for every row."""
    train, test = (
        pd.read_csv(data / name, dtype={} if spec.id is None else {spec.id: str}, low_memory=False)
        for name in ("train.csv", "test.csv")
    )
    scored = pd.read_csv(data / "folds.csv", low_memory=False)["fold"].to_numpy() >= 0
    for name, rows in (("oof", train[scored]), ("submission", test)):
        table = pd.DataFrame(index=rows.index)
        for column in spec.submission_columns:
            if column in spec.prediction_columns:
                table[column] = _plain(spec, train, column, len(rows))
            elif name == "submission" or column == spec.id:
                table[column] = rows[column]
        table.to_csv(final / f"{name}.csv", index=False)


def _plain(spec: TaskSpec, train: pd.DataFrame, column: str, count: int) -> pd.Series | np.ndarray:
    place = spec.prediction_columns.index(column)
    target = train[spec.target[place if len(spec.target) > 1 else 0]]
    steps = np.linspace(0.25, 0.75, count) if count else np.zeros(0)
    if spec.prediction == "label":
        return np.resize(np.asarray(target.to_numpy()), count)
    if spec.prediction == "probability":
        return steps if place % 2 else 1 - steps
    low, high = float(target.min()), float(target.max())
    return low + steps * (high / 2 - low / 2) * 2


def check_order(spec: TaskSpec, view: View, predicted: pd.DataFrame, path: Path) -> None:
    """Every row of the submission holds the prediction of its own test row."""
    written = pd.read_csv(path, dtype=str, keep_default_na=False)
    assert list(written.columns) == spec.submission_columns
    test = load_table(Path(spec.folder) / str(spec.test)).cells
    order = np.arange(len(test))
    if spec.sample_submission is not None and spec.id is not None:
        sample = load_table(Path(spec.folder) / spec.sample_submission).cells
        if spec.id in sample.columns and test[spec.id].is_unique:
            known = {k.strip(): i for i, k in enumerate(test[spec.id])}
            if not all(key.strip() in known for key in sample[spec.id]):
                return  # spelt in two ways, such as 7 and 7.0: the submission was checked already
            order = np.asarray([known[key.strip()] for key in sample[spec.id]], dtype=int)
    if spec.id in spec.submission_columns:
        assert (written[spec.id].to_numpy() == test[spec.id].to_numpy()[order]).all()
    if spec.prediction == "value":
        for column in spec.prediction_columns:
            expected = predicted[column].to_numpy()[view.real_test()][order]
            found = written[column].astype(float).to_numpy()
            assert np.allclose(found, expected, rtol=1e-9, atol=0), column
