"""Looking at the data once: column kinds, what is missing or dirty, drift, duplicates."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from mle_star.tasks.cells import as_pandas_reads, has_labels, parse_dates
from mle_star.tasks.formulas import label_text
from mle_star.tasks.keys import ID_NAME
from mle_star.tasks.ordering import is_datetime
from mle_star.tasks.pictures import find_picture_column
from mle_star.tasks.profile import ColumnKind, ColumnProfile, DataProfile
from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.table import load_table
from mle_star.tasks.wording import in_one_sentence

MARKERS = frozenset({"", "?", "-", "--", ".", "na", "n/a", "nan", "null", "none", "nil", "#n/a"})
"""Words (stripped, lower case) that stand for a missing value wherever they are found."""
NUMBER_MARKERS = MARKERS | {"unknown", "missing", "not available", "undefined", "inf", "-inf"}
"""Words that do so among numbers, where they can't be a category."""
LARGEST = 3e38
"""Numbers beyond this are as good as missing: the largest of 32 bits is 3.4e38."""
EXAMPLES = 4
LONGEST_EXAMPLE = 80
DRIFT_ROWS = 100_000
"""Values of each of two samples, or up to twice as many, that are compared: the distance of two
such samples is good to half a per cent."""
WORD_ROWS = 10_000
"""Values of a column, or up to twice as many, whose words are counted."""


@in_one_sentence
def profile_task(spec: TaskSpec) -> DataProfile:
    """Profile the labelled rows and the test rows of a task.

    Raises:
        TaskError: a table of the task can't be read any more.
    """
    root = Path(spec.folder)
    table = load_table(root / spec.train)
    train = table.typed()
    if spec.target:
        labelled = has_labels(table.cells, spec.target)
        # Labels are typed anew: whole numbers with gaps were read as fractions.
        labels = as_pandas_reads(table.cells.loc[labelled, spec.target])
        train = (
            train[labelled.to_numpy()]
            .reset_index(drop=True)
            .assign(**{str(c): labels[c] for c in labels.columns})
        )
    test = load_table(root / spec.test).typed() if spec.test else None
    out = {*spec.target, spec.id, *spec.exclude}
    features = [c for c in train.columns if c not in out]
    y = train[spec.target[0]] if spec.target else None
    numeric = y is not None and pd.api.types.is_numeric_dtype(y) and not spec.classes
    # A task whose score is printed may have infinite labels, or none.
    finite = y[np.isfinite(y)] if y is not None and numeric else pd.Series(dtype=float)
    shares = y.value_counts(normalize=True) if y is not None and spec.classes else pd.Series()
    return DataProfile(
        rows=len(train),
        test_rows=0 if test is None else len(test),
        columns=[_profile_column(train[c], _in_test(test, c)) for c in features],
        duplicates=int(train.duplicated(subset=features).sum()) if features else 0,
        target_missing=len(table.cells) - len(train),
        target_unique=0 if y is None else int(y.nunique()),
        target_skew=_skew(finite) if len(finite) else None,
        target_min=float(finite.min()) if len(finite) else None,
        target_max=float(finite.max()) if len(finite) else None,
        target_spread=_spread(finite),
        class_shares={label_text(label): float(share) for label, share in shares.items()},
        side_files=spec.side_files,
        picture_column=find_picture_column(
            root,
            spec.side_files,
            train,
            [*([spec.id] if spec.id else []), *(c for c in features if _is_text(train[c]))],
        )
        if spec.side_files
        else None,
    )


def _in_test(test: pd.DataFrame | None, column: str) -> pd.Series | None:
    return test[column] if test is not None and column in test.columns else None


def _profile_column(values: pd.Series, test: pd.Series | None) -> ColumnProfile:
    dirty, markers = _find_markers(values)
    if _beyond(values).any() or (test is not None and _beyond(test).any()):
        markers = ["inf", "-inf"]
    present = _clean(values, dirty, markers)
    kind = column_kind(present, rows=len(values))
    numbers = kind in ("numeric", "boolean")
    return ColumnProfile(
        name=str(values.name),
        kind=kind,
        dtype=str(values.dtype),
        missing=1 - len(present) / len(values) if len(values) else 0.0,
        unique=int(present.nunique()),
        skew=_skew(present) if kind == "numeric" else None,
        examples=[str(v)[:LONGEST_EXAMPLE] for v in present.drop_duplicates().head(EXAMPLES)],
        in_test=test is not None,
        drift=None if test is None else _drift(kind, present, _clean(test, dirty, markers)),
        dirty=dirty and numbers,
        markers=markers,
        words=_mean_words(present) if kind == "text" else None,
    )


def _beyond(values: pd.Series) -> pd.Series:
    """Which numbers are infinite, or too large for models that count with 32 bits."""
    if not pd.api.types.is_float_dtype(values):
        return pd.Series(False, index=values.index)
    return values.abs() > LARGEST


def _is_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _find_markers(values: pd.Series) -> tuple[bool, list[str]]:
    """Whether a text column is a dirty numeric one, and the strings that mean 'missing' in it."""
    if not _is_text(values):
        return False, []
    distinct = values.dropna().astype(str).value_counts()
    words = distinct.index.to_series()
    lower = words.str.strip().str.lower()
    numbers = pd.to_numeric(words, errors="coerce").notna() & ~lower.isin(NUMBER_MARKERS)
    odd = words[~numbers]
    share = distinct[numbers].sum() / max(distinct.sum(), 1)
    known = lower[~numbers].isin(NUMBER_MARKERS)
    if len(odd) and ((share >= 0.5 and known.all()) or (share >= 0.95 and len(odd) <= 3)):
        return True, sorted(odd)
    return False, sorted(words[lower.isin(MARKERS)])


def _clean(values: pd.Series, dirty: bool, markers: list[str]) -> pd.Series:
    """Present values, numbers as numbers."""
    present = values.dropna()
    present = present[~_beyond(present)]
    if markers:
        present = present[~present.isin(markers)]
    return pd.to_numeric(present, errors="coerce").dropna() if dirty else present


def column_kind(present: pd.Series, rows: int) -> ColumnKind:
    """Kind of a column by its present values; ``rows`` counts the missing ones too."""
    unique = present.nunique()
    if unique == 0 or (unique == 1 and len(present) == rows):
        return "constant"
    if unique <= 2 and set(present.unique()) <= {True, False}:
        return "boolean"
    if pd.api.types.is_numeric_dtype(present):
        whole = pd.api.types.is_integer_dtype(present) and unique == rows and rows > 20
        counter = whole and int(present.max()) - int(present.min()) + 1 == rows
        named = whole and ID_NAME.fullmatch(str(present.name)) is not None
        return "id" if counter or named else "numeric"
    return _kind_of_text(present.astype(str), unique)


def _kind_of_text(present: pd.Series, unique: int) -> ColumnKind:
    if is_datetime(present):
        return "datetime"
    share = unique / len(present)
    words = _mean_words(present)
    if unique > 20 and share > 0.3 and (words >= 3 or present.str.len().mean() >= 40):
        return "text"
    if words >= 8 and unique > 20:
        return "text"
    if share >= 0.95 and len(present) > 20:
        return "text" if words >= 1.5 and _speaks(present) else "id"
    return "categorical"


def _speaks(present: pd.Series) -> bool:
    """Whether most values hold a word that others hold too, as titles do and keys do not."""
    words = present.head(5_000).astype(str).str.lower().str.findall(r"[^\W\d_]{2,}")
    tally = words.map(set).explode().value_counts()
    common = set(tally.index[tally >= max(3, 0.001 * len(words))])
    return float(words.map(lambda row: not common.isdisjoint(row)).mean()) > 0.5


def _mean_words(present: pd.Series) -> float:
    counts = [len(text.split()) for text in _every(present, WORD_ROWS).astype(str)]
    return float(np.mean(counts)) if counts else 0.0


def _every(values: pd.Series, many: int) -> pd.Series:
    """So many values, or up to twice as many, at even distances."""
    return values.iloc[:: max(1, len(values) // many)]


def _spread(values: pd.Series) -> float | None:
    with np.errstate(over="ignore", invalid="ignore"):
        spread = float(np.std(values.to_numpy(dtype=float))) if len(values) else np.nan
    return spread if np.isfinite(spread) else None


def _skew(values: pd.Series) -> float | None:
    finite = values.astype(float).replace([np.inf, -np.inf], np.nan).dropna()
    skew = float(cast(float, finite.skew())) if len(finite) > 2 else np.nan
    return skew if np.isfinite(skew) else None


def _drift(kind: ColumnKind, train: pd.Series, test: pd.Series) -> float | None:
    """Distance of two samples: Kolmogorov-Smirnov where there is an order, else total variation."""
    if not len(train) or not len(test) or kind in ("text", "id", "constant"):
        return None
    train, test = _every(train, DRIFT_ROWS), _every(test, DRIFT_ROWS)
    if kind == "categorical":
        a = train.astype(str).value_counts(normalize=True)
        b = test.astype(str).value_counts(normalize=True)
        return float(a.sub(b, fill_value=0).abs().sum() / 2)
    if kind == "datetime":
        train, test = parse_dates(train).dropna(), parse_dates(test).dropna()
    if train.dtype.kind not in "iufbM" or test.dtype.kind not in "iufbM":
        return None
    return _kolmogorov_smirnov(train.sort_values().to_numpy(), test.sort_values().to_numpy())


def _kolmogorov_smirnov(a: npt.NDArray[Any], b: npt.NDArray[Any]) -> float | None:
    """Largest difference of the two empirical distribution functions; both samples sorted."""
    if not len(a) or not len(b):
        return None
    both = np.concatenate([a, b])
    below_a = np.searchsorted(a, both, side="right") / len(a)
    below_b = np.searchsorted(b, both, side="right") / len(b)
    return float(np.abs(below_a - below_b).max())
