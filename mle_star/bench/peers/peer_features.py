"""The plainest preparation of a table: categories, dates, and text as hashed words."""

from __future__ import annotations

import re
import zlib
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:  # below: this folder is the first place that the interpreter searches
    from mle_star.bench.peers import peer_reading
else:
    import peer_reading

WORDS = 256
"""Columns of a text column's words."""


def prepare(train: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Columns as numbers, ``datetime64`` and ``category``, the same in both tables.

    Names are dropped, because some libraries can't bear every character in them.
    """
    left: dict[str, pd.Series] = {}
    right: dict[str, pd.Series] = {}
    for number, name in enumerate(train.columns):
        one, two = train[name], test[name]
        if is_long_text(one):
            for label, table in (("train", one), ("test", two)):
                into = left if label == "train" else right
                hashed = hash_words(table)
                into |= {
                    f"f{number}_{i}": pd.Series(hashed[:, i], index=table.index)
                    for i in range(WORDS)
                }
            continue
        left[f"f{number}"], right[f"f{number}"] = _column(one, two)
    return pd.DataFrame(left, index=train.index), pd.DataFrame(right, index=test.index)


def _column(train: pd.Series, test: pd.Series) -> tuple[pd.Series, pd.Series]:
    if pd.api.types.is_bool_dtype(train):
        test = pd.to_numeric(test.map({True: 1, False: 0, "True": 1, "False": 0}))
        return train.astype(int), test
    if pd.api.types.is_numeric_dtype(train):
        endless = [np.inf, -np.inf]
        return train.replace(endless, np.nan), pd.to_numeric(test).replace(endless, np.nan)
    if looks_like_dates(train):
        one, two = _dates(train), _dates(test)
        if one.notna().all() and two.notna().all():
            return one, two
        return _seconds(one), _seconds(two)
    texts = train.dropna().astype(str)
    kind = pd.CategoricalDtype(sorted(texts.unique()))
    present = test.dropna().astype(str).reindex(test.index)
    present = present.where(present.isin(kind.categories))
    return texts.reindex(train.index).astype(kind), present.astype(kind)


def numbers(table: pd.DataFrame) -> pd.DataFrame:
    """Dates as seconds; everything else as it is."""
    columns = {}
    for name in table.columns:
        column = table[name]
        dated = pd.api.types.is_datetime64_any_dtype(column)
        columns[name] = _seconds(column) if dated else column
    return pd.DataFrame(columns, index=table.index)


def is_long_text(column: pd.Series) -> bool:
    """Whether a column holds sentences and not names."""
    if not peer_reading.is_text(column):
        return False
    texts = column.dropna().astype(str)
    if len(texts) < 20 or texts.nunique() < 0.5 * len(texts) or looks_like_dates(column):
        return False
    return bool(texts.head(1000).map(lambda text: len(text.split())).mean() > 4)


def looks_like_dates(column: pd.Series) -> bool:
    """Whether the cells of a text column are dates."""
    if not peer_reading.is_text(column):
        return False
    texts = column.dropna().astype(str).head(500)
    pattern = r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?\s*"
    if not len(texts) or texts.str.fullmatch(pattern).mean() < 0.95:
        return False
    return bool(_dates(texts).notna().mean() > 0.95)


def _dates(column: pd.Series) -> pd.Series:
    dates = pd.to_datetime(column, errors="coerce", utc=True, format="mixed")
    return dates.dt.tz_localize(None).astype("datetime64[ns]")


def _seconds(dates: pd.Series) -> pd.Series:
    return (dates.astype("int64") / 1e9).where(dates.notna())


def hash_words(texts: pd.Series) -> npt.NDArray[np.float32]:
    """How often each of :data:`WORDS` groups of words occurs, (n, WORDS)."""
    counts = np.zeros((len(texts), WORDS), dtype=np.float32)
    for row, text in enumerate(texts.fillna("").astype(str)):
        for word in re.findall(r"\w+", text.lower()):
            counts[row, zlib.crc32(word.encode()) % WORDS] += 1
    return counts
