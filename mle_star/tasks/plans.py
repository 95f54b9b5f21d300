"""Which rows each data view holds, in which order and in which fold."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.tasks import folds as folding
from mle_star.tasks.audit import Audit
from mle_star.tasks.folds import Ints
from mle_star.tasks.source import Source

SEARCH_TEST_ROWS = 5_000
"""The user's test rows that the search predicts at most, where it does not see all labelled rows
either: its scripts run again on all of both, and every model of every script predicts each row."""
SMOKE_ROWS = 300
SMOKE_TEST_ROWS = 50
STAND_IN_ROWS = 200
"""Training rows that stand in for a missing test table, so that scripts run unchanged."""

_NONE = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class Plan:
    """Rows of one view."""

    name: str
    train: Ints
    """Positions in the source's training table."""
    fold: Ints
    folds: int
    test: pd.DataFrame
    """Cells of test.csv."""
    audit: Ints = field(default_factory=lambda: _NONE)
    """Positions of the audit rows in the source's training table."""
    audit_at: Ints = field(default_factory=lambda: _NONE)
    """Their positions in ``test``."""
    real_at: Ints = field(default_factory=lambda: _NONE)
    """Position in ``test`` of each row of the user's test table."""
    moves: dict[Path, Path] = field(default_factory=dict)

    def answers(self, source: Source) -> bool:
        """Whether predictions for ``test`` hold one for each row of the user's test table."""
        return source.test is None or len(self.real_at) == len(source.test)


def plan_search(
    source: Source,
    audit: Audit,
    rng: np.random.Generator,
    search_rows: int,
    folds: int | None,
) -> Plan:
    """The view of every scored run: labelled rows minus the audit part; test rows with it.

    Where it is a sample of the labelled rows, it has no more than a sample of the test rows either.
    """
    rest = np.setdiff1d(np.arange(len(source.train)), audit.rows)
    rows = _search_rows(source, rest, rng, search_rows)
    fold, count = source.fold(rows, folds or folding.fold_count(len(rows)), rng)
    hidden = source.features(audit.rows)
    if source.spec.id is not None and audit.ids is not None:
        hidden = hidden.assign(**{source.spec.id: audit.ids})
    shown = source.test
    if shown is not None and len(rows) < len(rest):
        shown = _search_test(source, shown, rng)
    parts = [hidden] if shown is None else [hidden, shown]
    test = pd.concat(parts, ignore_index=True)
    if test.empty:
        source.notes.append(
            "There is neither a test table nor an audit part: test.csv repeats training rows."
        )
        test = source.features(rows[:STAND_IN_ROWS]).reset_index(drop=True)
    order = np.arange(len(test))
    # In time order the audit rows come first: they lie between training and test rows.
    if source.times is None and len(audit.rows):
        order = rng.permutation(len(test))
    place = np.argsort(order)
    return Plan(
        name="search",
        train=rows,
        fold=fold,
        folds=count,
        test=test.iloc[order].reset_index(drop=True),
        audit=audit.rows,
        audit_at=place[: len(audit.rows)],
        real_at=_NONE if shown is None else place[len(audit.rows) :],
        moves=audit.moves,
    )


def _search_test(source: Source, test: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The test rows that the search predicts: some of all, in their order."""
    if len(test) <= SEARCH_TEST_ROWS or source.spec.evaluation == "printed":
        return test  # what a script of the printed protocol writes is handed in as it is
    source.notes.append(f"It predicts {SEARCH_TEST_ROWS} of {len(test)} test rows.")
    return test.iloc[np.sort(rng.choice(len(test), SEARCH_TEST_ROWS, replace=False))]


def sees_all(rows: int, search_rows: int) -> bool:
    """Whether the search looks at all of so many rows.

    A few more than its cap cost less than a second run on all of them.
    """
    return rows <= search_rows + search_rows // 2


def _search_rows(source: Source, rest: Ints, rng: np.random.Generator, search_rows: int) -> Ints:
    if sees_all(len(rest), search_rows):
        return rest
    latest = " (the latest ones)" if source.times is not None else ""
    source.notes.append(f"The search sees {search_rows} of {len(rest)} training rows{latest}.")
    if source.times is not None:
        return rest[-search_rows:]
    return rest[folding.sample_rows(source.key[rest], search_rows, rng, least=source.least)]


def plan_smoke(source: Source, search: Plan, rng: np.random.Generator) -> Plan:
    """A few hundred rows of the search view that keep every class."""
    if source.times is not None:
        rows = search.train[-SMOKE_ROWS:]
        test = search.test.head(SMOKE_TEST_ROWS)
    else:
        key = source.key[search.train]
        least = max(2, search.folds) if source.least else 0
        size = max(SMOKE_ROWS, least * len(np.unique(key)) if least else 0)
        rows = search.train[folding.sample_rows(key, size, rng, least=least)]
        count = min(SMOKE_TEST_ROWS, len(search.test))
        test = search.test.iloc[np.sort(rng.choice(len(search.test), count, replace=False))]
    if source.sample is not None:
        test = search.test
    fold, count = source.fold(rows, search.folds, rng)
    return Plan("smoke", rows, fold, count, test.reset_index(drop=True), moves=search.moves)


def plan_part(source: Source, rng: np.random.Generator, rows: int, folds: int | None) -> Plan:
    """The view of a final run that has no time for all rows: so many of them, the real test rows.

    The latest ones where time orders them, else a sample that keeps every class.
    """
    every = np.arange(len(source.train), dtype=np.int64)
    if source.times is not None:
        chosen = every[-rows:]
    else:
        chosen = every[folding.sample_rows(source.key, rows, rng, least=source.least)]
    fold, count = source.fold(chosen, folds or folding.fold_count(len(chosen)), rng)
    if source.test is None:
        return Plan("part", chosen, fold, count, source.features(every[:STAND_IN_ROWS]))
    real = np.arange(len(source.test), dtype=np.int64)
    return Plan("part", chosen, fold, count, source.test, real_at=real)


def plan_full(source: Source, rng: np.random.Generator, folds: int | None, search: Plan) -> Plan:
    """The view of the final run: every labelled row, the real test rows.

    Where the search sees just that, its folds are taken too: then nothing needs to be run again.
    """
    rows = np.arange(len(source.train), dtype=np.int64)
    if len(search.train) == len(rows):
        fold, count = search.fold, search.folds
    else:
        fold, count = source.fold(rows, folds or folding.fold_count(len(rows)), rng)
    if source.test is None:
        return Plan("full", rows, fold, count, source.features(rows[:STAND_IN_ROWS]))
    real = np.arange(len(source.test), dtype=np.int64)
    return Plan("full", rows, fold, count, source.test, real_at=real)
