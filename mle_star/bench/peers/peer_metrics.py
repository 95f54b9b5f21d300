"""The task's metric, so that a peer's validation score can be set beside the hidden one.

The formulas are those of ``mle_star.tasks.metrics``; a test holds them together.
"""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:  # below: this folder is the first place that the interpreter searches
    from mle_star.bench.peers import peer_job, peer_tables
else:
    import peer_job
    import peer_tables

Array = npt.NDArray[Any]


def score(task: peer_job.Task, truth: Array, predicted: Array, folder: Path) -> float | None:
    """Judge predictions.

    Args:
        task: the task.
        truth: (n, targets), positions in ``task.classes`` or numbers.
        predicted: (n, prediction columns), positions, probabilities or numbers.
        folder: of the task, where an own metric lies.

    Returns:
        The value; None where it is not defined.
    """
    if task.own_metric:
        value = _own(task, truth, predicted, folder)
    elif task.prediction == "label":
        value = _labels(task, truth, predicted)
    elif task.prediction == "probability":
        value = _probabilities(task.metric, _indicators(truth, predicted), predicted)
    else:
        formula = _of_values(task.metric)
        pairs = zip(truth.T, predicted.T, strict=True)
        value = float(np.mean([formula(y, p) for y, p in pairs]))
    return value if np.isfinite(value) else None


@dataclass(frozen=True)
class Judge:
    """The metric as a function of two arrays that can be pickled, as AutoGluon must."""

    task: peer_job.Task
    folder: Path

    def __call__(self, truth: Any, predicted: Any) -> float:
        """Judge (n,) labels by (n,) or (n, classes) predictions; not defined is very bad."""
        p = np.asarray(predicted, dtype=float)
        y = np.asarray(truth, dtype=float)[:, None]
        value = score(self.task, y, p if p.ndim > 1 else p[:, None], self.folder)
        worst = -1e300 if self.task.maximize else 1e300
        return worst if value is None else value


def _labels(task: peer_job.Task, truth: Array, predicted: Array) -> float:
    from sklearn import metrics

    name = task.metric
    if name.startswith("f1"):
        if len(task.target) > 1 or name == "f1":
            y, p = truth == 1, predicted == 1
            average = name[3:] if len(task.target) > 1 and name != "f1" else "macro"
            y, p = (y, p) if y.shape[1] > 1 else (y[:, 0], p[:, 0])
            average = average if y.ndim > 1 else "binary"
            return float(metrics.f1_score(y, p, average=average, zero_division=0.0))
        y, p = truth[:, 0], predicted[:, 0]
        return float(metrics.f1_score(y, p, average=name[3:], zero_division=0.0))
    if name == "quadratic_weighted_kappa":
        scale = np.asarray(task.classes, dtype=float)
        truth, predicted = scale[truth.astype(int)], scale[predicted.astype(int)]
    formulas: dict[str, Callable[[Array, Array], float]] = {
        "accuracy": lambda y, p: np.mean(y == p),
        "balanced_accuracy": lambda y, p: np.mean([np.mean(p[y == c] == c) for c in np.unique(y)]),
        "mcc": metrics.matthews_corrcoef,
        "quadratic_weighted_kappa": _kappa,
    }
    pairs = zip(truth.T, predicted.T, strict=True)
    return float(np.mean([formulas[name](y, p) for y, p in pairs]))


def _kappa(y: Array, p: Array) -> float:
    expected = np.mean((y[:, None] - p[None, :]) ** 2) if len(y) < 3000 else _expected(y, p)
    return float(1 - np.mean((y - p) ** 2) / expected) if expected > 0 else 1.0


def _expected(y: Array, p: Array) -> float:
    return float(np.var(y) + np.var(p) + (y.mean() - p.mean()) ** 2)


def _indicators(truth: Array, predicted: Array) -> Array:
    if truth.shape[1] == 1 and predicted.shape[1] > 1:
        return np.asarray(truth == np.arange(predicted.shape[1])[None, :])
    return np.asarray(truth == 1)


def _probabilities(name: str, y: Array, p: Array) -> float:
    from sklearn import metrics

    per_class = y.shape[1] > 1 and bool((y.sum(axis=1) == 1).all())
    if name == "brier":
        squares = (p - y) ** 2
        return float(np.mean(squares.sum(axis=1) if per_class else squares))
    if name == "log_loss":
        p = np.clip(p, 1e-15, 1 - 1e-15)
        if per_class:
            return float(-np.log(p / p.sum(axis=1, keepdims=True))[y].mean())
        return float(-np.where(y, np.log(p), np.log1p(-p)).mean())
    ap = name == "average_precision"
    formula = metrics.average_precision_score if ap else metrics.roc_auc_score
    mixed = [i for i in range(y.shape[1]) if 0 < y[:, i].sum() < len(y)]
    return float(np.mean([formula(y[:, i], p[:, i]) for i in mixed])) if mixed else float("nan")


def _of_values(name: str) -> Callable[[Array, Array], float]:
    def root(y: Array, p: Array) -> float:
        return float(np.sqrt(np.mean((y - p) ** 2)))

    def rmsle(y: Array, p: Array) -> float:
        return root(np.log1p(y), np.log1p(np.maximum(p, 0)))

    def pearson(y: Array, p: Array) -> float:
        if np.ptp(y) == 0:
            return float("nan")
        return float(np.corrcoef(y, p)[0, 1]) if np.ptp(p) > 0 else 0.0

    def ranks(values: Array) -> Array:
        return pd.Series(values).rank().to_numpy()

    def smape(y: Array, p: Array) -> float:
        scale = np.abs(y) + np.abs(p)
        return float(np.mean(2 * np.abs(y - p) / np.where(scale == 0, 1, scale)))

    def pinball(y: Array, p: Array) -> float:
        q = peer_tables.quantile_of(name)
        return float(np.mean(np.maximum(q * (y - p), (q - 1) * (y - p))))

    if name.startswith("pinball"):
        return pinball
    tiny = np.finfo(float).eps
    return {
        "rmse": root,
        "mse": lambda y, p: root(y, p) ** 2,
        "mae": lambda y, p: float(np.mean(np.abs(y - p))),
        "median_ae": lambda y, p: float(np.median(np.abs(y - p))),
        "rmsle": rmsle,
        "mean_columnwise_rmsle": rmsle,
        "mape": lambda y, p: float(np.mean(np.abs(y - p) / np.maximum(np.abs(y), tiny))),
        "smape": smape,
        "r2": lambda y, p: float(1 - np.mean((y - p) ** 2) / np.var(y)) if np.ptp(y) else np.nan,
        "spearman": lambda y, p: pearson(ranks(y), ranks(p)),
        "pearson": pearson,
    }[name]


def _own(task: peer_job.Task, truth: Array, predicted: Array, folder: Path) -> float:
    """A function ``score(y_true, y_pred)`` of the task folder; it may take the classes as well."""
    function = _load(folder / task.metric.partition(":")[0], task.metric.partition(":")[2])
    classes = np.asarray(task.classes, dtype=object)
    y = pd.DataFrame(truth, columns=pd.Index(task.target))
    p = pd.DataFrame(predicted, columns=pd.Index(task.prediction_columns))
    if task.classes and task.prediction != "value":
        y = y.astype(int).apply(lambda c: pd.Series(list(classes[c]), index=c.index))
    if task.prediction == "label":
        p = p.astype(int).apply(lambda c: pd.Series(list(classes[c]), index=c.index))
    given: list[Any] = [y, p]
    if y.shape[1] == 1 and p.shape[1] == 1:
        given = [y.iloc[:, 0].to_numpy(), p.iloc[:, 0].to_numpy()]
    if len(inspect.signature(function).parameters) > 2:
        given.append(task.classes)
    return float(function(*given))


@cache
def _load(path: Path, name: str) -> Callable[..., Any]:
    spec = importlib.util.spec_from_file_location(f"peer_metric_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Callable[..., Any] = getattr(module, name)
    return function
