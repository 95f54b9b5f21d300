"""Soft predictions: what labels are cut from, so that scripts can be averaged before the cut.

A script of a label task may write ``final/oof_soft.csv`` and ``final/submission_soft.csv``, with
the rows and ids of ``oof.csv`` and ``submission.csv``. Their columns:

    classes  one target, not ordinal: the probability of every class, headed by its label
    grades   ordinal: the number that is cut into a label, one column per target; on the labels' own
             scale where they are whole numbers without a gap, else their place from 0
    shares   several targets of two classes: the probability of the second class, one per target

A script is judged by its labels alone: files that can't be used are ignored.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from mle_star.scoring.problem import Invalid, some
from mle_star.scoring.reading import read_csv
from mle_star.scoring.rows import predicted_rows, scored_rows
from mle_star.scoring.values import OVERSHOOT, label_array, to_numbers
from mle_star.tasks import View
from mle_star.tasks.formulas import codes
from mle_star.tasks.spec import TaskSpec

SoftForm = Literal["classes", "grades", "shares"]
SOFT_FILES = ("oof_soft.csv", "submission_soft.csv")
"""Their names below ``final/``."""


@dataclass(frozen=True)
class Soft:
    """Soft predictions as numbers.

    One column per class for several classes of one target, rows summing to 1; else one per target:
    the probability of the second class, or the grade.
    """

    oof: np.ndarray
    """(scored rows, width)"""
    test: np.ndarray
    """(test rows, width)"""


def soft_form(spec: TaskSpec) -> SoftForm | None:
    """What the columns of the soft files are; None where the task has none."""
    if spec.prediction != "label" or len(spec.classes) < 2 or spec.evaluation == "printed":
        return None
    if spec.kind == "ordinal":
        return "grades"
    if len(spec.prediction_columns) == 1:
        return "classes"
    return "shares" if len(spec.classes) == 2 else None


def soft_columns(spec: TaskSpec) -> list[str]:
    """Columns of the soft files beside the id; none where the task has no such files."""
    form = soft_form(spec)
    if form == "classes":
        return [str(label) for label in spec.classes]
    return list(spec.prediction_columns) if form else []


def first_grade(spec: TaskSpec) -> float:
    """The number of the lowest class in soft predictions of grades."""
    numbers = [float(c) for c in spec.classes if isinstance(c, int | float)]
    if len(numbers) < len(spec.classes) or not numbers[0].is_integer():
        return 0.0
    return numbers[0] if np.array_equal(np.diff(numbers), np.ones(len(numbers) - 1)) else 0.0


def read_soft(spec: TaskSpec, view: View, final: Path) -> tuple[Soft | None, tuple[str, ...]]:
    """Read the soft files of a script that ran on a view.

    Returns:
        The aligned predictions, or None where there are none of use; and what is wrong with files
        that are there, in a sentence.
    """
    if not soft_columns(spec) or not any(os.path.lexists(final / name) for name in SOFT_FILES):
        return None, ()
    try:
        oof, test = (
            _read(spec, view, final / name, rows)
            for name, rows in zip(SOFT_FILES, (scored_rows, predicted_rows), strict=True)
        )
    except Invalid as error:
        return None, (f"{error.problem} Soft predictions are not used.",)
    return Soft(oof, test), ()


def true_codes(spec: TaskSpec, view: View) -> np.ndarray:
    """Place of each scored row's labels among the classes, (rows, targets)."""
    truth = view.truth()[view.fold_of() >= 0]
    return np.column_stack([codes(truth[column], spec.classes) for column in truth.columns])


def half_way(spec: TaskSpec, values: np.ndarray) -> np.ndarray:
    """Classes of soft predictions: the most probable, or the nearest; (rows, targets)."""
    if values.shape[1] > len(spec.target):
        return np.asarray(values.argmax(axis=1)[:, None])
    start = first_grade(spec) if soft_form(spec) == "grades" else 0.0
    return np.searchsorted(start + np.arange(len(spec.classes) - 1) + 0.5, values, side="right")


def as_labels(spec: TaskSpec, classes: np.ndarray) -> pd.DataFrame:
    """Labels from places among the classes, (rows, targets)."""
    return pd.DataFrame(label_array(spec.classes)[classes], columns=list(spec.prediction_columns))


_Rows = Callable[[TaskSpec, View, pd.DataFrame, list[str], str], pd.DataFrame]


def _read(spec: TaskSpec, view: View, path: Path, rows: _Rows) -> np.ndarray:
    name, columns = f"final/{path.name}", soft_columns(spec)
    frame = read_csv(path, name, text=[spec.id] if spec.id else [], numeric=columns)
    values = to_numbers(spec, rows(spec, view, frame, columns, name), name).to_numpy()
    form = soft_form(spec)
    if form == "grades":
        return np.asarray(values)
    if ((values < -OVERSHOOT) | (values > 1 + OVERSHOOT)).any():
        raise Invalid(f"{name} must hold probabilities between 0 and 1 in {some(columns)}.")
    values = values.clip(0.0, 1.0)
    if form == "shares":
        return np.asarray(values)
    sums = values.sum(axis=1, keepdims=True)
    if (sums <= 0).any():
        raise Invalid(f"{name} has rows in which all class probabilities are 0.")
    values = values / sums
    return np.asarray(values[:, 1:] if len(columns) == 2 else values)
