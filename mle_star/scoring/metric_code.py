"""The metric as lines of a script that has nothing of ours installed.

Every registry metric is a formula for one column ``metric(y, p)`` and a way to put the columns
together. ``y`` and ``p`` are what :mod:`mle_star.scoring.blend_script` prepares: numbers; 0/1
against probabilities; or class numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

from mle_star.tasks.spec import TaskSpec


@dataclass(frozen=True)
class MetricCode:
    """Source of a metric."""

    formula: str
    """Expression in ``y`` and ``p``, 1-D arrays of one column."""
    imports: tuple[str, ...] = ()
    total: str = "np.mean"
    """How the columns' values become one."""


def _sklearn(name: str, arguments: str = "") -> MetricCode:
    return MetricCode(f"{name}(y, p{arguments})", (f"from sklearn.metrics import {name}",))


_CODE: dict[str, MetricCode] = {
    "accuracy": MetricCode("np.mean(y == p)"),
    "balanced_accuracy": MetricCode("np.mean([np.mean(p[y == c] == c) for c in np.unique(y)])"),
    "f1": _sklearn("f1_score"),
    "f1_macro": _sklearn("f1_score", ', average="macro"'),
    "f1_micro": _sklearn("f1_score", ', average="micro"'),
    "f1_weighted": _sklearn("f1_score", ', average="weighted"'),
    "mcc": _sklearn("matthews_corrcoef"),
    "quadratic_weighted_kappa": MetricCode(
        "1 - np.mean((y - p) ** 2) / (np.var(y) + np.var(p) + (np.mean(y) - np.mean(p)) ** 2)"
    ),
    "roc_auc": _sklearn("roc_auc_score"),
    "mean_columnwise_roc_auc": _sklearn("roc_auc_score"),
    "average_precision": _sklearn("average_precision_score"),
    "log_loss": MetricCode(
        "-np.mean(np.where(y == 1, np.log(np.clip(p, 1e-15, 1)), np.log(np.clip(1 - p, 1e-15, 1))))"
    ),
    "brier": MetricCode("np.mean((y - p) ** 2)"),
    "rmse": MetricCode("np.sqrt(np.mean((y - p) ** 2))"),
    "mse": MetricCode("np.mean((y - p) ** 2)"),
    "mae": MetricCode("np.mean(np.abs(y - p))"),
    "median_ae": MetricCode("np.median(np.abs(y - p))"),
    "rmsle": MetricCode("np.sqrt(np.mean((np.log1p(y) - np.log1p(np.maximum(p, 0))) ** 2))"),
    "mape": MetricCode("np.mean(np.abs(y - p) / np.maximum(np.abs(y), np.finfo(float).eps))"),
    "smape": MetricCode("np.mean(2 * np.abs(y - p) / np.maximum(np.abs(y) + np.abs(p), 1e-300))"),
    "r2": MetricCode("1 - np.mean((y - p) ** 2) / np.var(y)"),
    "pearson": MetricCode("np.corrcoef(y, p)[0, 1]"),
    "spearman": MetricCode(
        "np.corrcoef(rankdata(y), rankdata(p))[0, 1]", ("from scipy.stats import rankdata",)
    ),
}
_CODE["mean_columnwise_rmsle"] = _CODE["rmsle"]

_PER_CLASS: dict[str, MetricCode] = {
    "log_loss": MetricCode("-np.mean(y * np.log(np.clip(p, 1e-15, 1)))", total="sum"),
    "brier": MetricCode("np.mean((y - p) ** 2)", total="sum"),
}
"""Over one column per class these are sums, not means."""


def metric_code(spec: TaskSpec) -> MetricCode | None:
    """Source of the task's metric; None for the user's own function."""
    if spec.per_class and spec.metric in _PER_CLASS:
        return _PER_CLASS[spec.metric]
    if spec.metric.startswith("pinball") and ".py:" not in spec.metric:
        quantile = float(spec.metric[8:] or 0.5)
        return MetricCode(f"np.mean(np.maximum({quantile} * (y - p), ({quantile} - 1) * (y - p)))")
    return _CODE.get(spec.metric)
