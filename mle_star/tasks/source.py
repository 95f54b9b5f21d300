"""The labelled rows of a task, ready to be divided into views."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.tasks import folds as folding
from mle_star.tasks.cells import (
    as_pandas_reads,
    fresh_keys,
    labelled_rows,
    time_keys,
    unique_keys,
    without,
)
from mle_star.tasks.folds import Ints
from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.table import load_table


@dataclass
class Source:
    """Tables of a task as text, and what their rows are divided by."""

    spec: TaskSpec
    train: pd.DataFrame
    """Labelled rows, in time order where there is one; the id column holds unique keys."""
    own_ids: pd.Series | None
    """Ids as the user wrote them, before repeated ones were replaced."""
    test: pd.DataFrame | None
    sample: pd.DataFrame | None
    """The user's sample submission, where its rows can't be made anew (printed evaluation)."""
    labels: pd.DataFrame
    key: Ints
    """What rows are stratified by."""
    times: Ints | None
    """Number of each row's time, ascending."""
    groups: pd.Series | None
    classes: bool
    notes: list[str] = field(default_factory=list)

    @property
    def least(self) -> int:
        """Rows of each class that sampling must keep; 0 where there are no classes."""
        return folding.RARE if self.classes and self.labels.shape[1] == 1 else 0

    def features(self, rows: Ints) -> pd.DataFrame:
        """Labelled rows as they would stand in the test table."""
        chosen = self.train.iloc[rows]
        if self.test is None:
            return without(chosen, self.spec.target)
        return chosen.reindex(columns=self.test.columns, fill_value="")

    def fold(self, rows: Ints, count: int, rng: np.random.Generator) -> tuple[Ints, int]:
        """Fold of each of the rows, and how many folds there are in fact."""
        if self.times is not None:
            fold = folding.forward_folds(self.times[rows], count)
        elif self.groups is not None and self.groups.iloc[rows].nunique() > 1:
            fold = folding.grouped_folds(self.groups.iloc[rows].to_numpy(), count, rng)
        else:
            fold = folding.stratified_folds(self.key[rows], count, rng)
        return fold, len(np.unique(fold[fold >= 0]))


def read_source(spec: TaskSpec) -> Source:
    """Read the tables again and put the labelled rows in order.

    Raises:
        TaskError: a table of the task can't be read any more.
    """
    root = Path(spec.folder)
    cells = load_table(root / spec.train).cells
    train = labelled_rows(cells, spec.target, spec.time).reset_index(drop=True)
    notes = []
    if len(train) < len(cells):
        left = len(cells) - len(train)
        notes.append(f"{left} rows of {spec.train} without a label are left out.")
    test = load_table(root / spec.test).cells if spec.test else None
    sample = None
    if spec.evaluation == "printed" and spec.sample_submission is not None:
        sample = load_table(root / spec.sample_submission).cells
    times = _time_numbers(train, spec.time) if spec.time else None
    groups = _groups(spec, train, notes)
    own_ids, train = _with_keys(spec, train, test, notes)
    labels = pd.DataFrame(index=train.index)
    if spec.target:
        labels = as_pandas_reads(train[spec.target])
    classes = bool(spec.classes and spec.target)
    return Source(
        spec=spec,
        train=without(train, spec.exclude),
        own_ids=own_ids,
        test=None if test is None else without(test, [*spec.target, *spec.exclude]),
        sample=sample,
        labels=labels,
        key=folding.strata(labels, classes),
        times=times,
        groups=groups,
        classes=classes,
        notes=notes,
    )


def _groups(spec: TaskSpec, train: pd.DataFrame, notes: list[str]) -> pd.Series | None:
    """Group of each row; a row without one is a group of its own."""
    if spec.group is None:
        return None
    if spec.time:
        notes.append("Rows are split by time, so the group column is not used.")
        return None
    own = pd.Series([f"row {i}" for i in range(len(train))], index=train.index)
    groups = train[spec.group].astype(object).mask(train[spec.group] == "", own)
    if groups.nunique() < 2:
        notes.append(f"The group column {spec.group!r} has one value only and is not used.")
        return None
    return groups


def _with_keys(
    spec: TaskSpec, train: pd.DataFrame, test: pd.DataFrame | None, notes: list[str]
) -> tuple[pd.Series | None, pd.DataFrame]:
    """Give every training row a key of its own."""
    if spec.id is None:
        return None, train
    others = test[spec.id] if test is not None else train.iloc[:0, 0]
    if spec.id not in train.columns:
        notes.append(f"{spec.train} has no column {spec.id!r}; its rows are given new ids.")
        keyed = train.copy()
        empty = pd.Series("", index=train.index, dtype=others.dtype)
        keyed.insert(0, spec.id, fresh_keys(empty, others))
        return None, keyed
    own = train[spec.id]
    keys = unique_keys(own, others)
    if not keys.equals(own):
        notes.append(f"Repeated ids of {spec.train} are replaced by new ones.")
    return own, train.assign(**{spec.id: keys})


def _time_numbers(train: pd.DataFrame, time: list[str]) -> Ints:
    keys = time_keys(train, time)
    before = keys.shift()
    changed = ((keys != before) & ~(keys.isna() & before.isna())).any(axis=1)
    return np.cumsum(changed.to_numpy()).astype(np.int64)
