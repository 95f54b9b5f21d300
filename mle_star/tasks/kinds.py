"""Binary, multi-class, numbers: the kind of a task, by its labels and what its metric can judge."""

from __future__ import annotations

import pandas as pd

from mle_star.errors import TaskError
from mle_star.tasks.facts import Facts, Targets
from mle_star.tasks.metrics import Metric
from mle_star.tasks.spec import Kind

MANY_CLASSES = 50
"""More distinct numbers than this are amounts and not classes, where they are fractions or where
there is more than one to twenty rows."""


def infer_kind(
    facts: Facts, targets: Targets, labels: pd.DataFrame, metric: Metric
) -> tuple[Kind, str]:
    """Find the kind of the task and where it came from.

    Raises:
        TaskError: the metric can't judge these labels, or nothing tells classes from amounts.
    """
    told = facts.told.kind
    if told is None:
        if labels.shape[1] > 1:
            return _several(labels, metric), "data"
        return _single(targets, labels.iloc[:, 0], metric), "data"
    if told not in metric.kinds:
        raise TaskError(
            f"The metric {metric.name} can't judge a task of kind {told!r}; change kind or metric "
            "in task.toml."
        )
    numeric = all(_is_number(labels[c]) for c in labels.columns)
    most = int(labels.nunique().max())
    if told in ("multilabel", "multiclass") and (told == "multilabel") != (labels.shape[1] > 1):
        there = "is one target" if labels.shape[1] == 1 else "are several targets"
        raise TaskError(
            f"task.toml says kind = {told!r}, but there {there}; change kind or target in "
            "task.toml."
        )
    if (told == "binary" and (most > 2 or labels.shape[1] > 1)) or (
        told in ("regression", "ordinal") and not numeric
    ):
        raise TaskError(
            f"task.toml says kind = {told!r}, but the target has {most} different values"
            f"{'' if numeric else ', some of them text'}; change kind in task.toml."
        )
    return told, "task.toml"


def _is_number(y: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(y) and not pd.api.types.is_bool_dtype(y)


def _several(labels: pd.DataFrame, metric: Metric) -> Kind:
    numeric = all(pd.api.types.is_numeric_dtype(labels[c]) for c in labels.columns)
    if "multilabel" in metric.kinds and numeric and labels.isin([0, 1]).all(axis=None):
        return "multilabel"
    if "regression" in metric.kinds and numeric:
        return "regression"
    if metric.kinds == ("ordinal",) and numeric:
        return "ordinal"
    raise TaskError(
        f"The metric {metric.name} can't judge the targets {', '.join(labels.columns)} together: "
        "several targets must all be 0 or 1, or numbers; change metric or target in task.toml."
    )


def _single(targets: Targets, y: pd.Series, metric: Metric) -> Kind:
    numeric = _is_number(y)
    whole = numeric and bool((y % 1 == 0).all())
    unique = y.nunique()
    amounts = numeric and unique > MANY_CLASSES and (not whole or unique > len(y) / 20)
    if metric.own:
        return _for_own_metric(targets, y, numeric, amounts)
    if metric.kinds == ("ordinal",):
        if not whole:
            raise TaskError(
                f"The metric {metric.name} needs whole numbers, but the target {y.name!r} has "
                "others; change metric in task.toml."
            )
        return "ordinal"
    if "regression" in metric.kinds:
        if not numeric:
            raise TaskError(
                f"The metric {metric.name} needs numbers, but the target {y.name!r} is text"
                f"{_example(y)}; write plain numbers there, or change metric in task.toml."
            )
        return "regression"
    if targets.per_class and "multiclass" in metric.kinds:
        return "multiclass"
    if unique == 2:
        return "binary"
    if amounts:
        raise TaskError(
            f"The metric {metric.name} judges classes, but the target {y.name!r} holds numbers; "
            "change metric in task.toml."
        )
    if "multiclass" not in metric.kinds:
        raise TaskError(
            f"The metric {metric.name} is for two classes, but {y.name!r} has {unique}; "
            "set metric in task.toml to another, such as f1_macro."
        )
    return "multiclass"


def _example(y: pd.Series) -> str:
    """The first label that is no number."""
    texts = [str(label) for label in y.unique()]
    numbers = pd.to_numeric(pd.Series(texts), errors="coerce").notna()
    odd = [text for text, number in zip(texts, numbers, strict=True) if not number]
    return f" (such as {odd[0][:40]!r})" if odd else " (or whole numbers of more than 64 bits)"


def _for_own_metric(targets: Targets, y: pd.Series, numeric: bool, amounts: bool) -> Kind:
    if targets.per_class:
        return "multiclass"
    if y.nunique() == 2:
        return "binary"
    if not numeric:
        return "multiclass"
    if amounts or bool((y % 1 != 0).any()):
        return "regression"
    raise TaskError(
        f"The target {y.name!r} has {y.nunique()} whole numbers that may be classes or amounts; "
        "set kind in task.toml."
    )
