"""How the task is judged: metric, kind of task, kind of prediction, classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mle_star.errors import TaskError
from mle_star.state import Direction
from mle_star.tasks.description import metrics_named
from mle_star.tasks.facts import Facts, Targets, some_names, sort_labels
from mle_star.tasks.formulas import label_text
from mle_star.tasks.kinds import infer_kind
from mle_star.tasks.metrics import METRICS, Metric, get_metric
from mle_star.tasks.spec import Kind, Label, Prediction


@dataclass(frozen=True)
class Judgement:
    """Resolved metric, kind, prediction and classes, and where each came from."""

    metric: Metric
    direction: Direction
    kind: Kind
    prediction: Prediction
    classes: list[Label]
    provenance: dict[str, str]


def infer_judgement(facts: Facts, targets: Targets, labels: pd.DataFrame, folder: str) -> Judgement:
    """Resolve how predictions of the labels are judged.

    ``labels`` are the target columns of the labelled rows.

    Raises:
        TaskError: the metric is not found or does not fit the target, or there is one class only.
    """
    for column in labels.columns:
        if pd.api.types.is_float_dtype(labels[column]) and np.isinf(labels[column]).any():
            raise TaskError(
                f"The target {column!r} has infinite values (inf, or a number too large); replace "
                "them, or leave these cells empty."
            )
        if labels[column].nunique() < 2:
            raise TaskError(
                f"The target {column!r} has one value only ({labels[column].iloc[0]}); "
                "a model needs at least two to learn from."
            )
    metric, metric_source = _metric(facts, targets, labels, folder)
    kind, kind_source = infer_kind(facts, targets, labels, metric)
    prediction, prediction_source = _prediction(facts, targets, kind, metric)
    _check_values(metric, labels)
    classes, classes_source = _classes(facts, kind, labels)
    return Judgement(
        metric=metric,
        direction=metric.direction,
        kind=kind,
        prediction=prediction,
        classes=classes,
        provenance={
            "metric": metric_source,
            "direction": "task.toml" if facts.told.direction else "metric",
            "kind": kind_source,
            "prediction": prediction_source,
            "classes": classes_source,
        },
    )


def told_metric(facts: Facts, folder: str) -> Metric | None:
    """The metric that task.toml names.

    Raises:
        TaskError: it is unknown, or the direction is missing or contradicts it.
    """
    told = facts.told
    if told.metric is None:
        return None
    if ".py:" in told.metric and told.direction is None:
        raise TaskError(
            f"The metric {told.metric!r} needs its direction; set direction in task.toml to "
            '"minimize" or "maximize".'
        )
    return get_metric(told.metric, folder, told.direction)


def _metric(
    facts: Facts, targets: Targets, labels: pd.DataFrame, folder: str
) -> tuple[Metric, str]:
    metric = told_metric(facts, folder)
    source = "task.toml"
    if metric is None:
        metric, source = _described_metric(facts, targets, labels), "description"
    if facts.told.direction not in (None, metric.direction):
        raise TaskError(
            f"task.toml says direction = {facts.told.direction!r}, but {metric.name} is to "
            f"{metric.direction}; remove direction or correct it."
        )
    return metric, source


def _described_metric(facts: Facts, targets: Targets, labels: pd.DataFrame) -> Metric:
    where = facts.files.description or "a description.md"
    named = metrics_named(facts.description)
    unknown = [n for n in named if n not in METRICS]
    if unknown or not named:
        found = f" ({unknown[0]!r} is not in the registry)" if unknown else ""
        raise TaskError(
            f"The metric was not found in {where}{found}; set metric in task.toml to one of "
            f"{', '.join(METRICS)}, or to your own 'my_metric.py:function'."
        )
    fitting = [n for n in named if _fits(facts, targets, labels, METRICS[n])]
    if len(fitting) > 1:
        raise TaskError(
            f"The metric is ambiguous: {where} speaks of {', '.join(fitting)}; set metric in "
            "task.toml."
        )
    return METRICS[(fitting or named)[0]]


def _fits(facts: Facts, targets: Targets, labels: pd.DataFrame, metric: Metric) -> bool:
    try:
        infer_kind(facts, targets, labels, metric)
    except TaskError:
        return False
    return True


def _prediction(
    facts: Facts, targets: Targets, kind: Kind, metric: Metric
) -> tuple[Prediction, str]:
    told = facts.told.prediction
    if not metric.own:
        if told not in (None, metric.needs) or (
            targets.per_class and metric.needs != "probability"
        ):
            have = told or "probability"
            raise TaskError(
                f"The metric {metric.name} judges predictions of type {metric.needs!r}, not "
                f"{have!r}; change metric or prediction in task.toml, or the sample submission."
            )
        return metric.needs, "task.toml" if told else "metric"
    if told is not None:
        return told, "task.toml"
    if kind in ("regression", "ordinal", "other"):
        return "value", "data"
    if targets.per_class:
        return "probability", "sample submission"
    if facts.sample is not None and targets.predicted:
        shown = facts.sample[targets.predicted[0]]
        if pd.api.types.is_float_dtype(shown) and (shown % 1 != 0).any():
            return "probability", "sample submission"
        return "label", "sample submission"
    raise TaskError(
        f'It is not known what {metric.name} judges; set prediction in task.toml to "label" or '
        '"probability".'
    )


def _check_values(metric: Metric, labels: pd.DataFrame) -> None:
    if metric.name in ("rmsle", "mean_columnwise_rmsle") and (labels < 0).any(axis=None):
        raise TaskError(
            f"The metric {metric.name} needs labels of at least 0, but the target has negative "
            "ones; change metric in task.toml."
        )


def _classes(facts: Facts, kind: Kind, labels: pd.DataFrame) -> tuple[list[Label], str]:
    if kind not in ("binary", "multiclass", "multilabel", "ordinal"):
        return [], "data"
    classes = sort_labels(pd.unique(labels.to_numpy().ravel()))
    if any(isinstance(c, int) and not -(2**63) <= c < 2**63 for c in classes):
        raise TaskError(
            "Classes of the target are whole numbers of more than 63 bits, which are not safe to "
            "calculate with; write them as words, such as 'c1'."
        )
    texts = [label_text(label) for label in classes]
    if len(set(texts)) < len(texts):
        twins = [label for label in classes if texts.count(label_text(label)) > 1]
        raise TaskError(
            f"Classes of the target differ in blanks or decimals alone "
            f"({some_names(map(repr, twins))}); give each class one spelling."
        )
    positive = facts.told.positive
    if positive is None:
        return classes, "data"
    if kind != "binary" or positive not in classes:
        raise TaskError(
            f"positive = {positive!r} in task.toml is not one of the two classes "
            f"({', '.join(map(repr, classes[:5]))})."
        )
    return [*(c for c in classes if c != positive), positive], "task.toml"
