"""Which rows are held back, sampled and folded: pure functions of labels, groups and times.

Rows are stratified by sorting: they are put in the order of their label (ties at random) and each
run of neighbours is spread over the folds. Class shares stay equal, and so does the distribution of
a number.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]

AUDIT_MAXIMUM = 20_000
"""Rows that are held back at most."""
AUDIT_MINIMUM = 500
"""With fewer labelled rows than this nothing is held back: each row is worth more in training."""
FIRST_PART = 0.4
"""Share of the rows that is only trained on where folds go forward in time."""
RARE = 5
"""A class with fewer rows than this keeps all of them in training."""
HOLDOUT = 5
"""A single hold-out is one row in this many."""


def audit_size(rows: int) -> int:
    """Rows to hold back: 20 % up to 10,000 rows, 2,000 up to 20,000, then 10 %; none below 500.

    20,000 are enough to tell scores apart, and every script predicts each of them.
    """
    if rows < AUDIT_MINIMUM:
        return 0
    return min(max(rows // 10, min(rows // 5, 2000)), AUDIT_MAXIMUM)


def fold_count(rows: int) -> int:
    """Folds by the number of training rows; 1 is a single hold-out.

    Five up to the most that the search sees by default: a model of one fold in three learns from
    two thirds of the rows, which shows in its predictions (docs/measured.md).
    """
    if rows <= 50_000:
        return 5
    return 3 if rows <= 100_000 else 1


def strata(labels: pd.DataFrame, classes: bool) -> Ints:
    """Sort key of each row by its labels: class (or combination), or mean rank of the numbers."""
    if labels.shape[1] == 0:
        return np.zeros(len(labels), dtype=np.int64)
    if classes:
        groups = labels.groupby(list(labels.columns), sort=True).ngroup()
        return groups.to_numpy().astype(np.int64)
    ranks = labels.rank(method="average").mean(axis=1).rank(method="dense")
    return ranks.to_numpy().astype(np.int64)


def _sorted_rows(key: Ints, rng: np.random.Generator) -> Ints:
    return np.asarray(np.lexsort((rng.random(len(key)), key)), dtype=np.int64)


def spread(key: Ints, size: int, rng: np.random.Generator) -> Ints:
    """Choose ``size`` rows, one from each of as many runs of rows in sorted order; ascending."""
    order = _sorted_rows(key, rng)
    edges = np.linspace(0, len(order), size + 1).astype(np.int64)
    return np.sort(order[[rng.integers(a, b) for a, b in pairwise(edges)]])


def sample_rows(key: Ints, size: int, rng: np.random.Generator, *, least: int = 0) -> Ints:
    """Choose about ``size`` rows like the whole, but ``least`` of each class where it has them."""
    if size >= len(key):
        return np.arange(len(key), dtype=np.int64)
    chosen = np.zeros(len(key), dtype=bool)
    if least:
        order = _sorted_rows(key, rng)
        within = pd.Series(key[order]).groupby(key[order]).cumcount().to_numpy()
        chosen[order[within < least]] = True
    left = np.flatnonzero(~chosen)
    more = min(size - int(chosen.sum()), len(left))
    if more > 0:
        chosen[left[spread(key[left], more, rng)]] = True
    return np.flatnonzero(chosen).astype(np.int64)


def audit_rows(key: Ints, size: int, rng: np.random.Generator, *, least: int = 0) -> Ints:
    """Choose the rows to hold back; a class with fewer than ``least`` rows gives none."""
    eligible = np.arange(len(key), dtype=np.int64)
    if least:
        counts = pd.Series(key).map(pd.Series(key).value_counts()).to_numpy()
        eligible = np.flatnonzero(counts >= least).astype(np.int64)
    size = min(size, len(eligible))
    return eligible[spread(key[eligible], size, rng)] if size else eligible[:0]


def audit_groups(groups: npt.NDArray[Any], size: int, rng: np.random.Generator) -> Ints:
    """Choose whole groups at random until about ``size`` rows are held back."""
    codes, sizes = _group_codes(groups)
    held = np.zeros(len(sizes), dtype=bool)
    total = 0
    for group in rng.permutation(len(sizes)):
        if total < size and total + sizes[group] <= 1.25 * size:
            held[group] = True
            total += int(sizes[group])
    return np.flatnonzero(held[codes]).astype(np.int64)


def stratified_folds(key: Ints, folds: int, rng: np.random.Generator) -> Ints:
    """Fold of each row, 0 to folds - 1; with one fold a hold-out: fold 0, the rest -1."""
    count = max(1, min(folds if folds > 1 else HOLDOUT, len(key)))
    order = _sorted_rows(key, rng)
    runs = -(-len(order) // count)
    shuffled = rng.permuted(np.tile(np.arange(count), (runs, 1)), axis=1).ravel()
    fold = np.empty(len(key), dtype=np.int64)
    fold[order] = shuffled[: len(order)]
    return fold if folds > 1 else np.where(fold == 0, 0, -1)


def grouped_folds(groups: npt.NDArray[Any], folds: int, rng: np.random.Generator) -> Ints:
    """Fold of each row, groups kept whole: the largest group goes to the emptiest fold first."""
    codes, sizes = _group_codes(groups)
    count = min(folds if folds > 1 else HOLDOUT, len(sizes))
    filled = np.zeros(count, dtype=np.int64)
    of_group = np.empty(len(sizes), dtype=np.int64)
    for group in np.lexsort((rng.random(len(sizes)), -sizes)):
        of_group[group] = int(np.argmin(filled))
        filled[of_group[group]] += sizes[group]
    fold = of_group[codes]
    return fold if folds > 1 else np.where(fold == count - 1, 0, -1)


def forward_folds(times: Ints, folds: int) -> Ints:
    """Fold of each row of a table in time order: -1 for the first part, then 0, 1 and so on.

    ``times`` numbers the rows' times in ascending order; rows of the same time share a fold.
    """
    rows = len(times)
    first = FIRST_PART if folds > 1 else 1 - 1 / HOLDOUT
    edges = np.linspace(first * rows, rows, folds + 1)[:-1].astype(np.int64)
    # However few rows there are, the earliest is only trained on.
    edges = edges.clip(min(1, rows - 1), max(rows - 1, 0))
    starts = np.unique([whole_time(times, int(edge)) for edge in edges])
    return np.searchsorted(starts, np.arange(rows), side="right").astype(np.int64) - 1


def whole_time(times: Ints, start: int) -> int:
    """Move a cut to the nearest place that does not part rows of the same time, if there is one."""
    if start <= 0 or start >= len(times) or times[start] != times[start - 1]:
        return start
    forward = int(np.searchsorted(times, times[start], side="right"))
    back = int(np.searchsorted(times, times[start], side="left"))
    nearest = forward if forward - start <= start - back else back
    if 0 < nearest < len(times):
        return nearest
    return next((cut for cut in (back, forward) if 0 < cut < len(times)), start)


def _group_codes(groups: npt.NDArray[Any]) -> tuple[Ints, Ints]:
    codes = pd.factorize(groups)[0].astype(np.int64)
    return codes, np.bincount(codes).astype(np.int64)
