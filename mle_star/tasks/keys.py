"""The key that ties the rows of test table and submission together."""

from __future__ import annotations

import re

import pandas as pd

from mle_star.errors import TaskError
from mle_star.tasks.facts import Facts
from mle_star.tasks.formulas import label_text

ID_NAME = re.compile(r"(?i:id|uid|key|index|row_?id|row|unnamed: 0|.+[_ ]id)|.*[a-z]I[dD]")
"""How key columns are called: id, row_id, PassengerId, customerID; not: paid."""


def check_sample_rows(facts: Facts) -> None:
    """Refuse a sample submission whose number of rows is not the test table's."""
    if facts.sample is None or facts.test is None or len(facts.sample) == len(facts.test):
        return
    raise TaskError(
        f"{facts.files.sample_submission} has {len(facts.sample)} rows but {facts.files.test} has "
        f'{len(facts.test)}; mend one of them, or set evaluation = "printed" in task.toml.'
    )


def infer_id(facts: Facts) -> tuple[str | None, str]:
    """Find the key column of test table and submission.

    Raises:
        TaskError: the named column does not exist, or the sample submission's keys are not those of
            the test table.
    """
    told = facts.told
    if told.id is not None:
        if told.id not in facts.features.columns:
            name = facts.files.test or facts.files.train
            raise TaskError(f"task.toml names {told.id!r} as id, but {name} has no such column.")
        if not _distinct(facts.features[told.id]):
            raise TaskError(
                f"The id column {told.id!r} has repeated values (or such as differ in blanks "
                "alone); choose another id in task.toml."
            )
        if facts.sample is not None and facts.test is not None:
            _check_keys(facts, told.id)
        return told.id, "task.toml"
    if facts.sample is not None and facts.test is not None:
        return _id_of_sample(facts, facts.sample, facts.test)
    return _id_by_name(facts), "data"


def _distinct(values: pd.Series) -> bool:
    """Whether values tell rows apart; predictions are matched without the blanks around them."""
    if not values.is_unique or pd.api.types.is_numeric_dtype(values):
        return bool(values.is_unique)
    return bool(values.dropna().astype(str).str.strip().is_unique)


def _id_of_sample(facts: Facts, sample: pd.DataFrame, test: pd.DataFrame) -> tuple[str | None, str]:
    shared = [
        c
        for c in sample.columns
        if c in test.columns and c not in (facts.told.target or []) and sample[c].nunique() > 1
    ]
    if len(test) == 1:
        shared = [c for c in sample.columns if c in test.columns and ID_NAME.fullmatch(c)]
    whole = [c for c in shared if _distinct(test[c]) and test[c].notna().all()]
    keys = [c for c in whole if same_values(sample[c], test[c])]
    if keys:
        return next((c for c in keys if ID_NAME.fullmatch(c)), keys[0]), "sample submission"
    for column in shared:
        # Keys that repeat, but stand there row by row as in the test table, are merely copied.
        aligned = list(map(label_text, sample[column])) == list(map(label_text, test[column]))
        named = ID_NAME.fullmatch(column) or list(sample.columns).index(column) == 0
        if named and not aligned:
            _check_keys(facts, column)
    return None, "sample submission"


def _id_by_name(facts: Facts) -> str | None:
    told = facts.told
    others = {*(told.target or []), *(told.time or []), *(told.exclude or []), told.group}
    tables = [facts.train] if facts.test is None else [facts.test, facts.train]
    named = [
        c
        for c in facts.features.columns
        if ID_NAME.fullmatch(c)
        and c not in others
        and all(c in table and _distinct(table[c]) and table[c].notna().all() for table in tables)
    ]
    return next((c for c in named if c.lower() == "id"), named[0] if named else None)


def _check_keys(facts: Facts, column: str) -> None:
    sample, test = facts.sample, facts.test
    if sample is None or test is None:
        return
    name = facts.files.sample_submission
    if column not in sample.columns:
        raise TaskError(f"{name} lacks the id column {column!r}; add it, or set id in task.toml.")
    if test[column].isna().any():
        raise TaskError(
            f"The id column {column!r} of {facts.files.test} has empty cells, or words that pandas "
            "takes for missing ones (NA, null, None); give each row an id."
        )
    if not _distinct(sample[column]):
        raise TaskError(
            f"The values of {column!r} in {name} repeat, so its rows can't be told apart; give "
            f"each row of {facts.files.test} and {name} an id of its own."
        )
    if not same_values(sample[column], test[column]):
        raise TaskError(
            f"{name} does not match {facts.files.test}: the values of {column!r} are not the same; "
            "mend one of the files."
        )


def same_values(a: pd.Series, b: pd.Series) -> bool:
    """Whether two columns hold the same values, in any order."""
    return sorted(map(label_text, a)) == sorted(map(label_text, b))


def copied_columns(facts: Facts, key: str | None) -> list[str]:
    """Columns of the sample submission that merely repeat the test table's."""
    sample, test = facts.sample, facts.test
    if sample is None or test is None:
        return []
    if key is not None:
        order = dict(zip(map(label_text, sample[key]), range(len(sample)), strict=True))
        sample = sample.iloc[[order[label_text(value)] for value in test[key]]]
    copied = []
    for column in sample.columns:
        if column in test.columns and column != key and column not in (facts.told.target or []):
            same = all(
                label_text(a) == label_text(b)
                for a, b in zip(sample[column], test[column], strict=True)
            )
            copied += [column] if same else []
    return copied
