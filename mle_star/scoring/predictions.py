"""A script's predictions: read, checked, and aligned with the rows of its data view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.scoring.problem import Invalid, Problem, some
from mle_star.scoring.reading import match_keys, place, read_csv
from mle_star.scoring.values import check_not_constant, clean
from mle_star.tasks import View
from mle_star.tasks.spec import Label, TaskSpec


@dataclass(frozen=True)
class Predictions:
    """What a script predicted, in the canonical form of :func:`mle_star.scoring.values.clean`."""

    oof: pd.DataFrame
    """(scored rows, prediction columns): the view's training rows with fold >= 0, in the order of
    train.csv."""
    test: pd.DataFrame
    """(test rows, prediction columns) in the order of the view's test.csv."""
    notes: tuple[str, ...] = ()
    """What was odd but could be used, one sentence each."""


def read_predictions(spec: TaskSpec, view: View, final: Path) -> Predictions | Problem:
    """Read ``oof.csv`` and ``submission.csv`` of a script that ran on a view.

    Args:
        spec: The task.
        view: The view that was the script's ``./input``.
        final: The script's ``./final`` folder. Nothing in it is trusted.

    Returns:
        The aligned predictions, or the first thing that is wrong with them.
    """
    try:
        truth, scored = view.truth(), view.fold_of() >= 0
        classes = classes_of(spec, truth)
        oof, notes = _read_oof(spec, view, final / "oof.csv", scored, classes)
        check_not_constant(spec, oof, truth[scored], "final/oof.csv")
        test, more = _read_test(spec, view, final / "submission.csv", classes)
        check_not_constant(spec, test, None, "final/submission.csv")
    except Invalid as error:
        return error.problem
    return Predictions(oof, test, (*notes, *more))


def classes_of(spec: TaskSpec, truth: pd.DataFrame) -> Sequence[Label]:
    """The labels that may be predicted: the task's, else those that occur in the training table."""
    if spec.classes or spec.prediction != "label":
        return spec.classes
    return sorted({label for column in truth.columns for label in truth[column].dropna().unique()})


def check_columns(
    frame: pd.DataFrame, wanted: Sequence[str], ignored: Sequence[str], name: str
) -> None:
    """Check that a table has the wanted columns and no unknown ones; their order is free.

    Raises:
        Invalid: a column is missing or was not asked for.
    """
    missing = [column for column in wanted if column not in frame.columns]
    if missing:
        raise Invalid(
            f"{name} lacks the column {some(missing)}; its columns must be {some(wanted, 10)} "
            f"and are {some(frame.columns, 10)}."
        )
    extra = [c for c in frame.columns if c not in wanted and c not in ignored]
    if extra:
        raise Invalid(
            f"{name} has columns that were not asked for: {some(extra)}; its columns must be "
            f"{some(wanted, 10)}."
        )


def read_columns(spec: TaskSpec, path: Path, name: str) -> pd.DataFrame:
    """Read a predictions file with ids and labels as text.

    Raises:
        Invalid: the file can't be read.
    """
    labels = spec.prediction_columns if spec.prediction == "label" else []
    numeric = [] if labels else spec.prediction_columns
    ids = [spec.id] if spec.id else []
    return read_csv(path, name, text=[*ids, *labels], numeric=numeric)


def _read_oof(
    spec: TaskSpec, view: View, path: Path, scored: np.ndarray, classes: Sequence[Label]
) -> tuple[pd.DataFrame, list[str]]:
    name = "final/oof.csv"
    frame = read_columns(spec, path, name)
    keys = _usable(view.train_keys())
    by_key = spec.id is not None and keys is not None
    wanted = [*([spec.id] if by_key and spec.id else []), *spec.prediction_columns]
    optional = ["fold", *spec.copied_columns, *([spec.id] if spec.id else [])]
    check_columns(frame, wanted, optional, name)
    if keys is not None and spec.id is not None:
        positions = match_keys(frame[spec.id], keys, name, spec.id)
        frame = frame.iloc[place(positions, np.flatnonzero(scored), name, keys)]
    elif len(frame) == len(scored):
        frame = frame[scored]  # rows that no fold predicts are there as well
    elif len(frame) != scored.sum():
        raise Invalid(
            f"{name} has {len(frame)} rows; expected {int(scored.sum())}, one per training row "
            "with fold >= 0, in the order of train.csv."
        )
    columns = frame[spec.prediction_columns].reset_index(drop=True)
    return clean(spec, columns, name, classes)


def _read_test(
    spec: TaskSpec, view: View, path: Path, classes: Sequence[Label]
) -> tuple[pd.DataFrame, list[str]]:
    name = "final/submission.csv"
    frame = read_columns(spec, path, name)
    keys = _usable(view.test_keys())
    optional = [*spec.copied_columns, *([spec.id] if spec.id else [])]
    by_key = [spec.id] if spec.id and keys is not None else []
    check_columns(frame, [*by_key, *spec.prediction_columns], optional, name)
    if keys is not None and spec.id is not None:
        positions = match_keys(frame[spec.id], keys, name, spec.id)
        frame = frame.iloc[place(positions, np.arange(len(keys)), name, keys)]
    elif len(frame) != view.test_rows:
        raise Invalid(
            f"{name} has {len(frame)} rows; expected {view.test_rows}, one for every row of "
            "test.csv, in its order."
        )
    columns = frame[spec.prediction_columns].reset_index(drop=True)
    return clean(spec, columns, name, classes)


def _usable(keys: pd.Series | None) -> pd.Series | None:
    """Keys that tell rows apart; None means that rows are matched by order."""
    if keys is None or not keys.is_unique or keys.isna().any():
        return None
    return keys.reset_index(drop=True)
