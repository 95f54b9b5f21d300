"""The file the user hands in: in the columns, ids, order and spelling of their own tables."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.errors import TaskError
from mle_star.scoring.predictions import read_columns
from mle_star.scoring.problem import Invalid, Problem
from mle_star.scoring.reading import match_keys, place
from mle_star.scoring.rows import check_columns
from mle_star.scoring.values import check_not_constant, clean
from mle_star.tasks import View
from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.table import load_table


def write_submission(
    spec: TaskSpec, view: View, predictions_test: pd.DataFrame, path: Path
) -> None:
    """Write the submission for the user's test table.

    Ids and copied columns are written as they stand in the user's files, labels as they stand in
    the training table, rows in the order of the sample submission (of the test table where there is
    none). The file appears whole or not at all.

    Args:
        spec: The task.
        view: The view that was predicted; its audit rows are left out.
        predictions_test: (rows of the view's test.csv, prediction columns), such as
            :attr:`Predictions.test`.
        path: Where the file is written; an older one is replaced.

    Raises:
        TaskError: there is no test table, a table can't be read, or sample submission and test
            table hold different rows.
    """
    test = _test_cells(spec)
    positions = np.asarray(view.real_test(), dtype=int)
    if len(positions) != len(test):
        raise TaskError(
            f"{spec.test} has {len(test)} rows but had {len(positions)} when the run began; "
            "restore it or start a new run."
        )
    predicted = predictions_test.iloc[positions].reset_index(drop=True)
    table = pd.DataFrame(index=range(len(test)))
    for column in spec.submission_columns:
        if column in spec.prediction_columns:
            table[column] = _as_written(spec, column, predicted[column])
        else:
            table[column] = test[column]
    _write(table.iloc[_order(spec, test)], path)


def check_submission(spec: TaskSpec, path: Path) -> Problem | None:
    """Check a finished submission against the user's sample submission and test table.

    Returns:
        The first thing that is wrong with it; None when it can be handed in.

    Raises:
        TaskError: one of the user's tables can't be read.
    """
    test = _test_cells(spec)
    wanted = len(_order(spec, test))
    try:
        frame = read_columns(spec, path, path.name)
        check_columns(frame, spec.submission_columns, [], path.name)
        if list(frame.columns) != spec.submission_columns:
            raise Invalid(
                f"{path.name} has its columns in the order {', '.join(frame.columns)}; "
                f"wanted is {', '.join(spec.submission_columns)}."
            )
        if len(frame) != wanted:
            raise Invalid(f"{path.name} has {len(frame)} rows; expected {wanted}.")
        if spec.id is not None and test[spec.id].is_unique:
            keys = test[spec.id]
            found = match_keys(frame[spec.id], keys, path.name, spec.id)
            place(found, _order(spec, test), path.name, keys)
        values, _ = clean(spec, frame[spec.prediction_columns], path.name, _labels(spec))
        check_not_constant(spec, values, None, path.name)
    except Invalid as error:
        return error.problem
    return None


def _test_cells(spec: TaskSpec) -> pd.DataFrame:
    """The user's test table as text."""
    if spec.test is None:
        raise TaskError(
            f"Task {spec.name} has no test table, so there is nothing to submit; "
            "add test.csv to its folder."
        )
    return load_table(Path(spec.folder) / spec.test).cells


def _order(spec: TaskSpec, test: pd.DataFrame) -> np.ndarray:
    """Rows of the test table in the order in which they are submitted."""
    everything = np.arange(len(test))
    if spec.sample_submission is None:
        return everything
    sample = load_table(Path(spec.folder) / spec.sample_submission).cells
    if spec.id is None or not test[spec.id].is_unique or spec.id not in sample.columns:
        if len(sample) != len(test):
            raise TaskError(
                f"{spec.sample_submission} has {len(sample)} rows but {spec.test} has {len(test)}; "
                "mend one of them."
            )
        return everything
    try:
        return match_keys(sample[spec.id], test[spec.id], spec.sample_submission, spec.id)
    except Invalid as error:
        reason = str(error).rstrip(".")
        raise TaskError(f"{reason}; its ids must be those of {spec.test}.") from None


def _labels(spec: TaskSpec) -> Sequence[str | int | float | bool]:
    if spec.classes or spec.prediction != "label":
        return spec.classes
    cells = load_table(Path(spec.folder) / spec.train).cells
    return sorted({str(label) for column in spec.target for label in cells[column]})


def _as_written(spec: TaskSpec, column: str, values: pd.Series) -> pd.Series:
    """Predictions as they are written: labels in the training table's spelling (true, 1.0, 01)."""
    if spec.prediction != "label" or all(isinstance(c, str) for c in spec.classes):
        return values
    cells = load_table(Path(spec.folder) / spec.train).cells
    target = (
        spec.target[spec.prediction_columns.index(column)]
        if len(spec.target) > 1
        else spec.target[0]
    )
    spelling: dict[object, str] = {}
    for text in cells[target].unique():
        for label in _same(str(text), spec.classes):
            spelling.setdefault(label, str(text))
    return values.map(lambda label: spelling.get(label, str(label)))


def _same(text: str, classes: Sequence[str | int | float | bool]) -> list[object]:
    """The class that a cell of the training table stands for."""
    from mle_star.scoring.values import to_labels

    try:
        found = to_labels(pd.DataFrame({"label": [text]}), "train", classes)
    except Invalid:
        return []
    return [found["label"].iloc[0]]


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write a temporary file beside it, flush to disk, rename: a crash leaves no half file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            table.to_csv(file, index=False)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
