"""A user's labelled table made into a task with a hidden test part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.bench.hiding import choose_hidden, twins
from mle_star.bench.split_folder import Asked, write_split
from mle_star.errors import SettingsError, TaskError
from mle_star.tasks.cells import as_pandas_reads, has_labels, labelled_rows
from mle_star.tasks.description import metrics_named
from mle_star.tasks.facts import some_names
from mle_star.tasks.formulas import label_text
from mle_star.tasks.keys import ID_NAME
from mle_star.tasks.kinds import MANY_CLASSES
from mle_star.tasks.metrics import METRICS, canonical_name, get_metric
from mle_star.tasks.table import load_table
from mle_star.tasks.wording import in_one_sentence


@in_one_sentence
def split_csv(
    path: Path,
    target: str | Sequence[str],
    out: Path,
    *,
    share: float = 0.25,
    seed: int = 0,
    id: str | None = None,
    metric: str | None = None,
    time: str | Sequence[str] | None = None,
    group: str | None = None,
    description: str = "",
) -> Path:
    """Divide a labelled table into a task folder and hidden labels, which the bench can use.

    Written are ``out/public`` (train.csv, test.csv, sample_submission.csv, description.md,
    task.toml), ``out/private/answers.csv`` and ``out/meta.json`` (how it was made; ``notes`` are
    sentences for the user). The same arguments give the same bytes. Unless ``time`` orders them,
    rows are shuffled, so that neither their place nor a new id tells of the label.

    Args:
        path: csv, parquet or any other table of one file.
        target: label column, or columns; rows without a label are left out.
        out: folder to make; it may be there if it is empty.
        share: of the rows, to hide: spread evenly over the classes, or over the range of a number.
        seed: of what is random.
        id: column that names each row; by default one that is called so, else it is added.
        metric: name in the registry. By default what the description says, else by the labels as in
            the AutoML benchmark (Gijsbers et al., JMLR 25 (2024), 101): roc_auc for two classes,
            log_loss for more, rmse for numbers.
        time: column (or columns, the most significant first) that orders the rows: the latest are
            hidden, and rows of one moment stay together.
        group: column; whole groups are hidden.
        description: what the task is about, for those who solve it.

    Returns:
        ``out``.

    Raises:
        TaskError: the table can't be divided so, ``out`` is not empty, or the metric is open.
        SettingsError: ``share`` is not between 0 and 1, or time and group are both given.
    """
    if not 0 < share < 1:
        raise SettingsError(f"The share of rows to hide must lie between 0 and 1, and is {share}.")
    if time and group:
        raise SettingsError("Rows are hidden by time or by group, not by both: give one of them.")
    if out.is_symlink() or (out.exists() and (not out.is_dir() or any(out.iterdir()))):
        raise TaskError(f"{out} is there already and not empty; remove it, or give another folder.")
    if not path.is_file():
        raise TaskError(f"There is no file {path}; give a table with labels.")
    targets = [target] if isinstance(target, str) else list(target)
    times = [time] if isinstance(time, str) else list(time or [])
    cells = load_table(path).cells
    _check_columns(cells, path.name, [*targets, *times, *([group] if group else [])], id)
    labelled = labelled_rows(cells, targets, times).reset_index(drop=True)
    if len(labelled) < 2:
        raise TaskError(f"{path.name} has {len(labelled)} rows with a label; two are needed.")
    asked = Asked(
        name=out.name,
        target=targets,
        metric=_metric(as_pandas_reads(labelled[targets]), metric, description),
        id=id or _find_id(labelled, [*targets, *times, group]),
        time=times,
        group=group,
        share=share,
        seed=seed,
        description=description.strip(),
    )
    left = int((~has_labels(cells, targets)).sum())
    if left:
        asked.notes.append(f"{left} rows without a label are left out.")
    rng = np.random.default_rng(seed)
    if not times:
        labelled = labelled.iloc[rng.permutation(len(labelled))].reset_index(drop=True)
    if asked.id not in labelled.columns:
        labelled.insert(0, asked.id, pd.Series(range(len(labelled))).astype(str))
        asked.notes.append(f"Rows are given an id in the new column {asked.id!r}.")
    _check_id(labelled[asked.id], path.name)
    classes = _judges_classes(asked.metric)
    hidden = choose_hidden(labelled, targets, classes, times, group, share, rng)
    asked.notes += twins(labelled, hidden, targets, asked.id)
    write_split(labelled.drop(index=labelled.index[hidden]), labelled.iloc[hidden], asked, out)
    return out


def _check_columns(cells: pd.DataFrame, name: str, named: Sequence[str], key: str | None) -> None:
    everything = [*named, *([key] if key else [])]
    for column in everything:
        if column not in cells.columns:
            raise TaskError(
                f"{name} has no column {column!r}; its columns are {some_names(cells.columns)}."
            )
        if everything.count(column) > 1:
            raise TaskError(f"The column {column!r} can't be two of target, id, time and group.")


def _check_id(keys: pd.Series, name: str) -> None:
    if keys.str.strip().eq("").any() or keys.map(label_text).duplicated().any():
        raise TaskError(
            f"The id column {keys.name!r} of {name} has repeated or empty values; give another id, "
            "or none to have one added."
        )


def _find_id(cells: pd.DataFrame, taken: Sequence[str | None]) -> str:
    """A column that names each row, else the name of one that is to be added."""
    named = [
        c
        for c in cells.columns
        if c not in taken
        and ID_NAME.fullmatch(c)
        and cells[c].is_unique
        and bool(as_pandas_reads(cells[[c]])[c].notna().all())
    ]
    if named:
        return next((c for c in named if c.lower() == "id"), named[0])
    lower = {c.lower() for c in cells.columns}
    names = ["id", "row_id", *(f"row_id_{n}" for n in range(2, len(lower) + 3))]
    return next(name for name in names if name not in lower)


def _metric(labels: pd.DataFrame, metric: str | None, description: str) -> str:
    if metric is not None:
        known = canonical_name(metric)
        if known is None:
            raise TaskError(
                f"There is no metric {metric!r}; choose among {', '.join(METRICS)}. (One of your "
                "own goes into public/task.toml once the table is split.)"
            )
        amounts = [c for c in labels.columns if _amounts(labels[c])]
        if _judges_classes(known) and amounts:
            raise TaskError(
                f"The metric {known} judges classes, but the target {amounts[0]!r} holds numbers; "
                "name another metric, such as rmse."
            )
        return known
    told = [name for name in metrics_named(description) if name in METRICS]
    if len(told) == 1:
        return told[0]
    numeric = all(pd.api.types.is_numeric_dtype(labels[c]) for c in labels.columns)
    if labels.shape[1] > 1:
        flags = numeric and bool(labels.isin([0, 1]).all(axis=None))
        return "mean_columnwise_roc_auc" if flags else "rmse"
    y = labels.iloc[:, 0]
    if y.nunique() == 2:
        return "roc_auc"
    if not numeric:
        return "log_loss"
    if _amounts(y) or bool((y % 1 != 0).any()):
        return "rmse"
    raise TaskError(
        f"The target {y.name!r} has {y.nunique()} different whole numbers, which may be classes or "
        "amounts; name the metric, such as log_loss for classes or rmse for amounts."
    )


def _judges_classes(metric: str) -> bool:
    return get_metric(metric).needs != "value"


def _amounts(y: pd.Series) -> bool:
    """Whether labels are too many different numbers to be classes."""
    if not pd.api.types.is_numeric_dtype(y) or pd.api.types.is_bool_dtype(y):
        return False
    many = y.nunique() > MANY_CLASSES
    return many and (bool((y % 1 != 0).any()) or y.nunique() > len(y) / 20)
