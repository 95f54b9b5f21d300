"""Target columns: read off the tables and the description where nobody says them."""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from mle_star.errors import TaskError
from mle_star.tasks.description import targets_named
from mle_star.tasks.facts import Facts, Targets, some_names, sort_labels
from mle_star.tasks.formulas import label_text

TARGET_NAMES = ("target", "label", "class", "y")


def infer_targets(facts: Facts, key: str | None, copied: Sequence[str]) -> Targets:
    """Find the target columns and the submission columns that hold their predictions.

    Raises:
        TaskError: no target is found, several may be it, or it does not fit the sample submission.
    """
    predicted: list[str] | None = None
    if facts.sample is not None:
        predicted = [c for c in facts.sample.columns if c != key and c not in copied]
        if not predicted and not facts.told.target:
            raise TaskError(
                f"{facts.files.sample_submission} has no column to predict; set target in "
                "task.toml."
            )
    columns, source = _target_columns(facts, key, predicted)
    if predicted is None:
        return Targets(columns, source, None, False)
    if set(predicted) == set(columns):
        return Targets(columns, source, columns, False)
    if len(columns) == 1:
        by_class = class_columns(facts.train[columns[0]], predicted)
        if by_class is not None:
            return Targets(columns, source, by_class, True)
    if len(predicted) == len(columns):
        return Targets(columns, source, predicted, False)
    raise TaskError(
        f"The columns of {facts.files.sample_submission} ({some_names(predicted)}) are neither the "
        f"target ({', '.join(columns)}) nor one per class of it; set target in task.toml or mend "
        "the file."
    )


def check_told_target(facts: Facts) -> None:
    """Refuse a target of task.toml that the training table does not have."""
    for column in facts.told.target or []:
        if column not in facts.train.columns:
            raise TaskError(
                f"task.toml names the target {column!r}, but {facts.files.train} has no such "
                f"column; its columns are: {some_names(facts.train.columns)}."
            )


def _target_columns(
    facts: Facts, key: str | None, predicted: list[str] | None
) -> tuple[list[str], str]:
    train = facts.train
    if facts.told.target is not None:
        check_told_target(facts)
        return facts.told.target, "task.toml"
    if predicted and set(predicted) <= set(train.columns):
        return predicted, "sample submission"
    out = {key, facts.told.group, *(facts.told.time or []), *(facts.told.exclude or [])}
    only_train = [c for c in train.columns if c not in facts.features.columns and c not in out]
    if predicted:
        by_class = [c for c in only_train if class_columns(train[c], predicted) is not None]
        if len(by_class) == 1:
            return by_class, "sample submission"
    if len(only_train) == 1 and (predicted is None or len(predicted) == 1):
        return only_train, "data"
    open_columns = only_train or [c for c in train.columns if c not in out]
    named = targets_named(facts.description, open_columns)
    if len(named) == 1:
        return named, "description"
    obvious = [c for c in open_columns if c.lower() in TARGET_NAMES]
    if not only_train and not predicted and len(obvious) == 1:
        return obvious, "data"
    if predicted and len(only_train) == 1:
        raise TaskError(
            f"{facts.files.sample_submission} asks for {some_names(predicted)}, but the one column "
            f"that only {facts.files.train} has is {only_train[0]!r}; set target in task.toml or "
            "mend the file."
        )
    raise _no_target(named or only_train, train)


def _no_target(candidates: Sequence[str], train: pd.DataFrame) -> TaskError:
    if candidates:
        return TaskError(
            f"The target is ambiguous: it may be {some_names(candidates)}; set target in task.toml."
        )
    return TaskError(
        "The target was not found; set target in task.toml to one of the columns "
        f"{some_names(train.columns)}."
    )


def class_columns(labels: pd.Series, columns: Sequence[str]) -> list[str] | None:
    """Match submission columns with the classes of a target: 'Status_C' with 'C', or 'C' with 'C'.

    Returns the columns in the order of the sorted classes; None when they do not match one to one.
    """
    values = labels.dropna().unique()
    if len(values) != len(columns) or len(columns) < 2:
        return None
    classes = [label_text(label) for label in sort_labels(values)]
    prefix = _common_prefix(columns) if set(classes) != set(columns) else ""
    bare = {column[len(prefix) :].strip("_- "): column for column in columns}
    plain = {name.lower().replace(" ", "_"): column for name, column in bare.items()}
    found = [plain.get(label.lower().replace(" ", "_").strip("_- ")) for label in classes]
    matched = [column for column in found if column is not None]
    return matched if len(set(matched)) == len(columns) else None


def _common_prefix(columns: Sequence[str]) -> str:
    """Longest common start that ends in a separator."""
    first, last = min(columns), max(columns)
    length = next(
        (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
    )
    match = re.match(r".*[_\- .:]", first[:length])
    return match[0] if match else ""
