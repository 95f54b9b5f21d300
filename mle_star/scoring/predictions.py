"""A script's predictions: read, checked, and aligned with the rows of its data view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mle_star.scoring.problem import Invalid, Problem
from mle_star.scoring.reading import read_csv
from mle_star.scoring.rows import predicted_rows, scored_rows
from mle_star.scoring.soft import Soft, read_soft
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
    soft: Soft | None = None
    """Of labels: what they were cut from, where the script wrote it."""


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
        name = "final/oof.csv"
        table = read_columns(spec, final / "oof.csv", name)
        rows = scored_rows(spec, view, table, spec.prediction_columns, name)
        oof, notes = clean(spec, rows, name, classes)
        check_not_constant(spec, oof, truth[scored], name)
        name = "final/submission.csv"
        table = read_columns(spec, final / "submission.csv", name)
        rows = predicted_rows(spec, view, table, spec.prediction_columns, name)
        test, more = clean(spec, rows, name, classes)
        check_not_constant(spec, test, None, name)
    except Invalid as error:
        return error.problem
    soft, wrong = read_soft(spec, view, final)
    return Predictions(oof, test, (*notes, *more, *wrong), soft)


def classes_of(spec: TaskSpec, truth: pd.DataFrame) -> Sequence[Label]:
    """The labels that may be predicted: the task's, else those that occur in the training table."""
    if spec.classes or spec.prediction != "label":
        return spec.classes
    return sorted({label for column in truth.columns for label in truth[column].dropna().unique()})


def read_columns(spec: TaskSpec, path: Path, name: str) -> pd.DataFrame:
    """Read a predictions file with ids and labels as text.

    Raises:
        Invalid: the file can't be read.
    """
    labels = spec.prediction_columns if spec.prediction == "label" else []
    numeric = [] if labels else spec.prediction_columns
    ids = [spec.id] if spec.id else []
    return read_csv(path, name, text=[*ids, *labels], numeric=numeric)
