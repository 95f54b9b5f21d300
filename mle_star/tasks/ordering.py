"""Columns that order the rows in time."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mle_star.errors import TaskError
from mle_star.tasks.cells import parse_dates
from mle_star.tasks.facts import Facts

COMPONENTS = (
    ("year", "yr"),
    ("month", "mnth"),
    ("day",),
    ("hour", "hr"),
    ("minute",),
    ("second",),
)
"""Names of calendar columns, most significant first."""

_DATE_LIKE = (
    r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\b.*"
    r"|.*\d{1,2}:\d{2}.*"
    r"|.*\d{1,2},? \d{4}.*"
    r"|.*[A-Za-z]{3}[- ]\d{2,4}\s*"
)

NUMERIC_NAMES = ("timestamp", "time", "date", "datetime", "unix_time", "date_block_num", "week")


def infer_time(facts: Facts, target: list[str]) -> tuple[list[str], str]:
    """Find the columns that order the rows, given that every test row follows every training row.

    Raises:
        TaskError: a column that task.toml names does not exist, or holds neither numbers nor dates.
    """
    if facts.told.time is not None:
        for column in facts.told.time:
            _check_time_column(facts, column)
        return facts.told.time, "task.toml"
    if facts.test is None:
        return [], "default"
    out = {*target, *(facts.told.exclude or [])}
    columns = [c for c in facts.test.columns if c in facts.train.columns and c not in out]
    for names in [[c] for c in columns if _may_be_time(facts.train[c], c)]:
        if _test_follows_train(facts.train, facts.test, names):
            return [*names, *_finer_parts(facts.train, names[0], columns)], "data"
    parts = _calendar_parts(columns)
    if parts and _test_follows_train(facts.train, facts.test, parts):
        return parts, "data"
    return [], "default"


def _check_time_column(facts: Facts, column: str) -> None:
    for name, table in ((facts.files.train, facts.train), (facts.files.test, facts.test)):
        if table is None:
            continue
        if column not in table.columns:
            raise TaskError(
                f"task.toml names the time column {column!r}, but {name} has no such column."
            )
        if not pd.api.types.is_numeric_dtype(table[column]) and not is_datetime(table[column], 1.0):
            raise TaskError(
                f"The time column {column!r} of {name} holds values that are neither numbers nor "
                "dates; mend it or remove time from task.toml."
            )


def _may_be_time(values: pd.Series, name: str) -> bool:
    if pd.api.types.is_numeric_dtype(values):
        return name.lower() in NUMERIC_NAMES and not pd.api.types.is_bool_dtype(values)
    return is_datetime(values, 1.0)


def is_datetime(values: pd.Series, share: float = 0.95) -> bool:
    """Whether at least this share of a text column's present values are dates or times of a day.

    Texts without a digit or a separator ('May', 'Sunday', '12') are not taken for dates.
    """
    present = values.dropna()
    if (
        not len(present)
        or pd.api.types.is_bool_dtype(values)
        or pd.api.types.is_numeric_dtype(values)
    ):
        return False
    text = present.astype(str)
    # A look at the first values spares the parsing of long texts.
    for part in (text.head(50), text):
        if part.str.fullmatch(_DATE_LIKE).mean() < share:
            return False
        if parse_dates(part).notna().mean() < share:
            return False
    return True


def _ends(table: pd.DataFrame, columns: list[str]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Earliest and latest time of a table, as comparable tuples."""
    keys = pd.DataFrame(
        {
            c: table[c] if pd.api.types.is_numeric_dtype(table[c]) else parse_dates(table[c])
            for c in columns
        }
    ).sort_values(columns)
    return tuple(keys.iloc[0]), tuple(keys.iloc[-1])


def _test_follows_train(train: pd.DataFrame, test: pd.DataFrame, columns: list[str]) -> bool:
    if train[columns].isna().any(axis=None) or test[columns].isna().any(axis=None) or test.empty:
        return False
    if any(train[c].dtype != test[c].dtype for c in columns):
        return False
    return bool(_ends(test, columns)[0] > _ends(train, columns)[1])


def _calendar_parts(columns: list[str]) -> list[str]:
    """The calendar columns there are, from the year down without a gap."""
    by_name = {c.lower(): c for c in columns}
    parts: list[str] = []
    for names in COMPONENTS:
        found = [by_name[n] for n in names if n in by_name]
        if not found:
            break
        parts.append(found[0])
    return parts


def _finer_parts(train: pd.DataFrame, date: str, columns: list[str]) -> list[str]:
    """An hour column beside a column of whole days."""
    if pd.api.types.is_numeric_dtype(train[date]):
        return []
    days = parse_dates(train[date])
    if (days != days.dt.normalize()).any():
        return []
    by_name = {c.lower(): c for c in columns}
    return [by_name[n] for names in COMPONENTS[3:] for n in names if n in by_name]
