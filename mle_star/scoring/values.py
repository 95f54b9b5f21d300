"""Checking and normalising predicted values: numbers, probabilities, labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mle_star.scoring.problem import Invalid, some
from mle_star.tasks.spec import Label, TaskSpec

OVERSHOOT = 1e-6
"""How far outside [0, 1] a probability may lie and still be taken for a rounding error."""
ABSURD = 0.05
"""Deviation of a row's sum from 1 from which the renormalisation is noted."""
DOMINANT = 0.99
"""Share of one class from which constant labels are an honest answer."""
FEW_ROWS = 50
"""Fewer rows than this may all get the same prediction by chance."""


def clean(
    spec: TaskSpec, frame: pd.DataFrame, name: str, classes: Sequence[Label]
) -> tuple[pd.DataFrame, list[str]]:
    """Check predictions and bring them into their canonical form.

    Args:
        spec: The task.
        frame: (rows, prediction columns) as read from the file.
        name: How the file is called in messages.
        classes: The labels that may be predicted (label tasks).

    Returns:
        Float columns for values and probabilities (clipped to [0, 1]; rows that hold one column per
        class sum to 1), or columns of labels typed as in the training table; and notes for the log,
        one sentence each.

    Raises:
        Invalid: a value is missing, of the wrong type, out of range or no label of the task.
    """
    if spec.prediction == "label":
        return to_labels(frame, name, classes), []
    numbers = to_numbers(spec, frame, name)
    if spec.prediction == "value":
        return numbers, []
    return _to_probabilities(spec, numbers, name)


def to_numbers(spec: TaskSpec, frame: pd.DataFrame, name: str) -> pd.DataFrame:
    """The columns as finite floats.

    Raises:
        Invalid: a value is text, missing or infinite.
    """
    numbers = {}
    for column in frame.columns:
        values = pd.to_numeric(frame[column], errors="coerce").to_numpy(dtype=float)
        missing = frame[column].isna().to_numpy()
        text = np.isnan(values) & ~missing
        if text.any():
            what = "probabilities" if spec.prediction == "probability" else "numbers"
            raise Invalid(
                f"{name} must hold {what} in column {column!r}, but it holds "
                f"{some(frame[column][text].unique())}."
            )
        if missing.any():
            raise Invalid(
                f"{name} has {int(missing.sum())} missing values (NaN) in column {column!r}."
            )
        if np.isinf(values).any():
            raise Invalid(
                f"{name} has {int(np.isinf(values).sum())} infinite values in column {column!r}."
            )
        numbers[column] = values
    return pd.DataFrame(numbers, index=frame.index)


def _to_probabilities(
    spec: TaskSpec, numbers: pd.DataFrame, name: str
) -> tuple[pd.DataFrame, list[str]]:
    values = numbers.to_numpy()
    low, high = values.min(), values.max()
    if low < -OVERSHOOT or high > 1 + OVERSHOOT:
        raise Invalid(
            f"{name} must hold probabilities between 0 and 1, but its values go from {low:g} to "
            f"{high:g}."
        )
    values = values.clip(0.0, 1.0)
    notes = []
    if np.isin(values, (0.0, 1.0)).all():
        notes.append(f"{name} holds only 0 and 1 where probabilities are asked for.")
    if spec.per_class:
        sums = values.sum(axis=1, keepdims=True)
        if (sums <= 0).any():
            raise Invalid(
                f"{name} has {int((sums <= 0).sum())} rows in which all class probabilities are 0."
            )
        worst = float(sums[np.abs(sums - 1).argmax(), 0])
        if abs(worst - 1) > ABSURD:
            notes.append(
                f"{name} has rows whose class probabilities sum to {worst:.3g}; they were divided "
                "by their sum."
            )
        values = values / sums
    return pd.DataFrame(values, columns=numbers.columns, index=numbers.index), notes


def to_labels(frame: pd.DataFrame, name: str, classes: Sequence[Label]) -> pd.DataFrame:
    """Map written labels to the classes: exactly, else as numbers (1.0 is 1), else in any case.

    Raises:
        Invalid: a label is missing or is none of the classes.
    """
    known = _spellings(classes)
    columns = {}
    for column in frame.columns:
        texts = frame[column].astype(str).str.strip()
        found = {text: _find(text, known) for text in texts.unique()}
        unknown = [text for text, code in found.items() if code is None]
        if "" in unknown or "nan" in unknown:
            count = int(texts.isin(["", "nan"]).sum())
            raise Invalid(f"{name} has {count} missing labels in column {column!r}.")
        if unknown:
            raise Invalid(
                f"{name} holds labels in column {column!r} that are none of the classes: "
                f"{some(unknown)}; the classes are {some(classes, 10)}."
            )
        codes = texts.map(found).to_numpy(dtype=int)
        columns[column] = label_array(classes)[codes]
    return pd.DataFrame(columns, index=frame.index)


def label_array(classes: Sequence[Label]) -> np.ndarray:
    """The classes as an array of their own type (objects for text), indexed by class number."""
    if all(isinstance(c, bool) for c in classes):
        return np.array(classes, dtype=bool)
    if all(isinstance(c, int) for c in classes):
        return np.array(classes, dtype=np.int64)
    if all(isinstance(c, int | float) for c in classes):
        return np.array(classes, dtype=float)
    labels = np.empty(len(classes), dtype=object)
    labels[:] = list(classes)
    return labels


def _number(text: str) -> str | None:
    """Canonical text of a number or a truth value; None for other text."""
    folded = text.casefold()
    if folded in ("true", "false"):
        return "1" if folded == "true" else "0"
    try:
        value = float(text)
    except ValueError:
        return None
    return None if value != value else repr(value).removesuffix(".0")


def _spellings(classes: Sequence[Label]) -> list[dict[str, int]]:
    """From a spelling to the class number, strictest table first; doubtful ones are left out."""
    tables: list[dict[str, int]] = [{}, {}, {}]
    doubtful: list[set[str]] = [set(), set(), set()]
    for code, label in enumerate(classes):
        text = str(label).strip()
        for table, doubt, spelling in zip(
            tables, doubtful, (text, _number(text), text.casefold()), strict=True
        ):
            if spelling is not None and table.setdefault(spelling, code) != code:
                doubt.add(spelling)
    return [
        {spelling: code for spelling, code in table.items() if spelling not in doubt}
        for table, doubt in zip(tables, doubtful, strict=True)
    ]


def _find(text: str, known: list[dict[str, int]]) -> int | None:
    exact, numbers, folded = known
    if text in exact:
        return exact[text]
    number = _number(text)
    if number is not None and number in numbers:
        return numbers[number]
    return folded.get(text.casefold())


def check_not_constant(
    spec: TaskSpec, frame: pd.DataFrame, truth: pd.DataFrame | None, name: str
) -> None:
    """Refuse predictions that are the same in every row, unless that is an honest answer.

    Args:
        spec: The task.
        frame: (rows, prediction columns), cleaned.
        truth: (rows, targets) of the same rows; None where it is not known (test rows).
        name: How the file is called in messages.

    Raises:
        Invalid: all rows are equal although the truth varies.
    """
    if len(frame) < FEW_ROWS or (frame.nunique() > 1).any():
        return
    labels = spec.prediction == "label"
    if truth is None:
        if labels:  # a small test table may well hold one class
            return
    else:
        share = min(truth[c].value_counts(normalize=True).iloc[0] for c in truth.columns)
        if share == 1.0 or (labels and share > DOMINANT):
            return
    row = ", ".join(f"{value}" for value in frame.iloc[0].tolist()[:5])
    raise Invalid(f"{name} holds the same prediction ({row}) in all {len(frame)} rows.")
