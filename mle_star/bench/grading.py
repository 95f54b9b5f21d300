"""What a submission is worth by labels that only the bench knows."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.bench.records import Grade
from mle_star.errors import TaskError
from mle_star.scoring.predictions import read_columns
from mle_star.scoring.problem import Invalid, some
from mle_star.scoring.reading import key_texts, match_keys, place
from mle_star.scoring.rows import check_columns
from mle_star.scoring.score import Judge, metric_of
from mle_star.scoring.values import clean, label_array, to_labels
from mle_star.tasks.cells import as_pandas_reads
from mle_star.tasks.metrics import Metric
from mle_star.tasks.spec import Label, TaskSpec
from mle_star.tasks.table import load_table
from mle_star.tasks.wording import in_one_sentence, shown


@dataclass(frozen=True)
class HiddenLabels:
    """The labels of a task's test rows."""

    truth: pd.DataFrame
    """(test rows, targets), typed as in the training table."""
    keys: pd.Series | None
    """Id of each row, as text; None where rows are told apart by their order."""
    unseen: list[Label] = field(default_factory=list)
    """Classes that no training row has. Nothing can predict them, so they count as missed."""


@in_one_sentence
def read_answers(spec: TaskSpec, answers: Path) -> HiddenLabels:
    """Read the hidden labels of a task.

    Args:
        spec: the task as its public folder tells it.
        answers: table with the target columns (or one 0/1 column per class, as such a submission
            has) and, in any order of rows, the id column where the task has one. Without that
            column its rows are those of the test table, in the same order.

    Raises:
        TaskError: the table can't be read, or does not fit the task.
    """
    cells = load_table(answers).cells
    if spec.test is None:
        raise TaskError(
            f"The task {spec.name} has no test table, so there is nothing to submit and to grade; "
            "add test.csv to its public folder."
        )
    test = load_table(Path(spec.folder) / spec.test).cells
    if len(cells) != len(test):
        raise TaskError(
            f"{answers.name} of {spec.name} has {len(cells)} rows but {spec.test} has {len(test)}; "
            "mend one of them."
        )
    keys = None
    if spec.id is not None:
        keys = _keys(spec, cells, test, answers.name)
    truth, unseen = _truth(spec, cells, answers.name)
    return HiddenLabels(truth, keys, unseen)


def grade_by_labels(spec: TaskSpec, answers: Path, submission: Path) -> Grade:
    """Judge a submission by the hidden labels, in the task's metric.

    The file is read as a script's own predictions are, without trusting it. Two rules of the search
    do not hold here: the same prediction in every row is graded, and so are scores of any range
    where only their order counts.

    Args:
        spec: the task as its public folder tells it.
        answers: see :func:`read_answers`.
        submission: the file; whatever is wrong with it is said in the grade.

    Raises:
        TaskError: the answers can't be used, or the user's own metric can't be loaded.
    """
    hidden = read_answers(spec, answers)
    metric = metric_of(spec)
    if not submission.exists() and not submission.is_symlink():
        return Grade(None, f"There is no {submission.name}.")
    try:
        guess = _read(spec, hidden, metric, submission)
        judge = Judge(metric, [*spec.classes, *hidden.unseen])
        value = judge.value(judge.coded(hidden.truth), judge.coded(guess))
    except Invalid as error:
        return Grade(None, shown(str(error)))
    return Grade(value)


def _read(spec: TaskSpec, hidden: HiddenLabels, metric: Metric, path: Path) -> pd.DataFrame:
    """Predictions in the order of the hidden labels.

    Raises:
        Invalid: the file can't be graded.
    """
    if metric.rank_based and not spec.per_class:  # a score does as well as a probability
        spec = spec.model_copy(update={"prediction": "value"})
    frame = read_columns(spec, path, path.name)
    keyed = [spec.id] if spec.id is not None and hidden.keys is not None else []
    ignored = [*spec.copied_columns, *([spec.id] if spec.id else [])]
    check_columns(frame, [*keyed, *spec.prediction_columns], ignored, path.name)
    rows = len(hidden.truth)
    if spec.id is not None and hidden.keys is not None:
        found = match_keys(frame[spec.id], hidden.keys, path.name, spec.id)
        frame = frame.iloc[place(found, np.arange(rows), path.name, hidden.keys)]
    elif len(frame) != rows:
        raise Invalid(f"{path.name} has {len(frame)} rows; expected {rows}, one per test row.")
    columns = frame[spec.prediction_columns].reset_index(drop=True)
    return clean(spec, columns, path.name, spec.classes or _labels_of(spec, hidden))[0]


def _labels_of(spec: TaskSpec, hidden: HiddenLabels) -> list[Label]:
    """What may be predicted where the task lists no classes; a user's own metric judges it."""
    if spec.prediction != "label":
        return []
    train = as_pandas_reads(load_table(Path(spec.folder) / spec.train).cells[spec.target])
    known = pd.unique(pd.concat([train, hidden.truth]).to_numpy().ravel())
    return sorted(label for label in known if label == label)


def _keys(spec: TaskSpec, cells: pd.DataFrame, test: pd.DataFrame, name: str) -> pd.Series:
    """Id of each answer; they must be those of the test table."""
    wanted = test[spec.id]
    if spec.id not in cells.columns:
        return wanted
    keys = cells[spec.id]
    if key_texts(keys).has_duplicates:
        raise TaskError(f"The values of {spec.id!r} in {name} of {spec.name} repeat; mend them.")
    try:
        place(match_keys(keys, wanted, name, str(spec.id)), np.arange(len(test)), name, wanted)
    except Invalid as error:
        reason = str(error).rstrip(".")
        raise TaskError(
            f"{reason}; the ids of the hidden labels of {spec.name} must be those of {spec.test}."
        ) from None
    return keys


def _truth(spec: TaskSpec, cells: pd.DataFrame, name: str) -> tuple[pd.DataFrame, list[Label]]:
    columns = set(cells.columns)
    if set(spec.target) <= columns:
        found = cells[spec.target]
    elif spec.per_class and set(spec.prediction_columns) <= columns:
        return _from_indicators(spec, cells[spec.prediction_columns], name), []
    elif len(spec.prediction_columns) == len(spec.target) and (
        set(spec.prediction_columns) <= columns
    ):
        found = cells[spec.prediction_columns].set_axis(spec.target, axis=1)
    else:
        missing = [c for c in spec.target if c not in columns]
        raise TaskError(
            f"{name} of {spec.name} lacks the target column {some(missing)}; its columns are "
            f"{some(cells.columns, 10)}."
        )
    typed = as_pandas_reads(found)
    if typed.isna().any(axis=None):
        count = int(typed.isna().any(axis=1).sum())
        raise TaskError(f"{name} of {spec.name} has {count} rows without a label; fill them in.")
    if spec.classes:
        return _as_classes(spec, found, typed, name)
    if spec.kind == "regression":
        numbers = typed.apply(pd.to_numeric, errors="coerce").astype(float)
        if not np.isfinite(numbers.to_numpy()).all():
            raise TaskError(
                f"{name} of {spec.name} must hold finite numbers in {some(spec.target)}; mend it."
            )
        return numbers, []
    return typed, []


def _as_classes(
    spec: TaskSpec, found: pd.DataFrame, typed: pd.DataFrame, name: str
) -> tuple[pd.DataFrame, list[Label]]:
    """Labels as the task's classes, and the classes among them that no training row has."""
    texts = pd.Series(pd.unique(found.to_numpy().ravel()), dtype=object)
    unseen = [text for text in texts if not _is_class(text, spec.classes)]
    if not unseen:
        return to_labels(found, name, spec.classes), []
    numeric = all(isinstance(c, int | float) for c in spec.classes)
    fits = not numeric or all(pd.api.types.is_numeric_dtype(typed[c]) for c in typed.columns)
    if spec.prediction != "label" or not fits:
        raise TaskError(
            f"{name} of {spec.name} holds labels that no row of {spec.train} has "
            f"({some(unseen)}), so they can't be predicted; take these rows out of both tables, or "
            f"give {spec.train} rows of them."
        )
    plain = as_pandas_reads(pd.DataFrame({"label": unseen}))["label"].tolist()
    labels: list[Label] = plain if numeric else list(unseen)
    return to_labels(found, name, [*spec.classes, *labels]), labels


def _is_class(text: str, classes: list[Label]) -> bool:
    try:
        to_labels(pd.DataFrame({"label": [text]}), "", classes)
    except Invalid:
        return False
    return True


def _from_indicators(spec: TaskSpec, cells: pd.DataFrame, name: str) -> pd.DataFrame:
    """Labels from one column of 0 and 1 per class."""
    flags = cells.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    if not (np.isin(flags, (0.0, 1.0)).all() and (flags.sum(axis=1) == 1).all()):
        raise TaskError(
            f"{name} of {spec.name} must hold one 1 in each row, in the column of the row's class, "
            "and 0 elsewhere; mend it."
        )
    return pd.DataFrame({spec.target[0]: label_array(spec.classes)[flags.argmax(axis=1)]})
