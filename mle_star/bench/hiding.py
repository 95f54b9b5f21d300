"""Which rows of a labelled table the bench hides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mle_star.errors import TaskError
from mle_star.tasks import folds as folding
from mle_star.tasks.cells import as_pandas_reads, time_keys
from mle_star.tasks.folds import Ints


def choose_hidden(
    cells: pd.DataFrame,
    target: Sequence[str],
    classes: bool,
    time: Sequence[str],
    group: str | None,
    share: float,
    rng: np.random.Generator,
) -> Ints:
    """Positions of the rows to hide, ascending: about ``share`` of them, at least one.

    Args:
        cells: the labelled rows as text; in order of time where ``time`` is not empty.
        target: label columns.
        classes: whether the labels are classes and not amounts.
        time: columns that order the rows; the latest are hidden.
        group: column whose groups stay whole.
        share: of the rows.
        rng: of what is random.

    Raises:
        TaskError: no part of about this size can be split off, or a part would hold one label only.
    """
    rows = len(cells)
    size = min(max(round(share * rows), 1), rows - 1)
    labels = as_pandas_reads(cells[list(target)])
    if time:
        keys = time_keys(cells, time)
        moments = keys.groupby(list(time), sort=False, dropna=False).ngroup()
        start = folding.whole_time(moments.to_numpy().astype(np.int64), rows - size)
        hidden = np.arange(start, rows, dtype=np.int64)
    elif group is not None:
        hidden = _groups(cells[group], size, rng)
    else:
        hidden = _stratified(labels, classes, size, rng)
    for column in labels.columns:
        for name, part in (
            ("hidden", labels[column].iloc[hidden]),
            ("visible", labels[column].drop(index=labels.index[hidden])),
        ):
            if part.nunique() < 2:
                raise TaskError(
                    f"The {name} part ({len(part)} of {rows} rows) would hold fewer than two "
                    f"different values of {column!r}; choose another share, or give more rows."
                )
    return hidden


def _groups(named: pd.Series, size: int, rng: np.random.Generator) -> Ints:
    """Rows of whole groups; a row without a group is one of its own."""
    own = pd.Series([f"row {i}" for i in range(len(named))], index=named.index)
    groups = named.astype(object).mask(named == "", own)
    hidden = folding.audit_groups(groups.to_numpy(), size, rng)
    if not size / 2 <= len(hidden) < len(named):
        raise TaskError(
            f"The groups of {named.name!r} are too large to hide about {size} of {len(named)} "
            "rows; choose another share, or another group column."
        )
    return hidden


def _stratified(labels: pd.DataFrame, classes: bool, size: int, rng: np.random.Generator) -> Ints:
    key = folding.strata(labels, classes)
    hidden = folding.audit_rows(key, size, rng, least=2 if classes else 0)
    if not classes:
        return hidden
    # What no visible row has can't be learnt: such rows are given back.
    left = labels.drop(index=labels.index[hidden])
    for column in labels.columns:
        known = labels[column].iloc[hidden].isin(left[column].unique())
        hidden = hidden[known.to_numpy()]
    return hidden


def twins(cells: pd.DataFrame, hidden: Ints, target: Sequence[str], key: str) -> list[str]:
    """Say where rows are repeated: a hidden row with a visible twin is no test of anything."""
    plain = cells.drop(columns=key)
    features = [c for c in plain.columns if c not in target]
    notes = []
    repeated = int(_digests(plain).duplicated().sum())
    if repeated:
        notes.append(f"{repeated} rows repeat an earlier one in every column but the id.")
    digests = _digests(plain[features])
    visible = digests.drop(index=digests.index[hidden])
    shared = int(digests.iloc[hidden].isin(visible).sum()) if features else 0
    if shared:
        notes.append(
            f"{shared} of the {len(hidden)} hidden rows have a visible row with the same values in "
            "every column but id and target."
        )
    return notes


def _digests(cells: pd.DataFrame) -> pd.Series:
    return pd.util.hash_pandas_object(cells, index=False)
