"""Rows of a script's table in the order of its data view, and the columns it must have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mle_star.scoring.problem import Invalid, some
from mle_star.scoring.reading import match_keys, place
from mle_star.tasks import View
from mle_star.tasks.spec import TaskSpec


def scored_rows(
    spec: TaskSpec, view: View, frame: pd.DataFrame, columns: Sequence[str], name: str
) -> pd.DataFrame:
    """The wanted columns of the training rows with fold >= 0, in the order of train.csv.

    Args:
        spec: The task.
        view: The view that was predicted.
        frame: Table as read; rows of other folds may be there and are left out.
        columns: Columns that must be there beside the id.
        name: How the file is called in messages.

    Raises:
        Invalid: a column is missing or was not asked for, or rows are missing, repeated or unknown.
    """
    keys, scored = _usable(view.train_keys()), view.fold_of() >= 0
    _check(spec, keys, frame, columns, ["fold"], name)
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
    return frame[list(columns)].reset_index(drop=True)


def predicted_rows(
    spec: TaskSpec, view: View, frame: pd.DataFrame, columns: Sequence[str], name: str
) -> pd.DataFrame:
    """The wanted columns of all rows of test.csv, in its order; otherwise :func:`scored_rows`."""
    keys = _usable(view.test_keys())
    _check(spec, keys, frame, columns, [], name)
    if keys is not None and spec.id is not None:
        positions = match_keys(frame[spec.id], keys, name, spec.id)
        frame = frame.iloc[place(positions, np.arange(len(keys)), name, keys)]
    elif len(frame) != view.test_rows:
        raise Invalid(
            f"{name} has {len(frame)} rows; expected {view.test_rows}, one for every row of "
            "test.csv, in its order."
        )
    return frame[list(columns)].reset_index(drop=True)


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


def _check(
    spec: TaskSpec,
    keys: pd.Series | None,
    frame: pd.DataFrame,
    columns: Sequence[str],
    ignored: Sequence[str],
    name: str,
) -> None:
    ids = [spec.id] if spec.id else []
    wanted = [*(ids if keys is not None else []), *columns]
    check_columns(frame, wanted, [*ignored, *spec.copied_columns, *ids], name)


def _usable(keys: pd.Series | None) -> pd.Series | None:
    """Keys that tell rows apart; None means that rows are matched by order."""
    if keys is None or not keys.is_unique or keys.isna().any():
        return None
    return keys.reset_index(drop=True)
