"""The metric as a script computes it: source text, so that an ensemble script stands on its own."""

from __future__ import annotations

from dataclasses import dataclass

from mle_star.engineer.playbook.ensembles.form import Form
from mle_star.tasks.spec import TaskSpec


@dataclass(frozen=True)
class Metric:
    """An expression in ``t`` (truth) and ``p`` (predictions), and what it imports."""

    expression: str
    imports: tuple[str, ...] = ()


def _sklearn(call: str) -> Metric:
    return Metric(call, (f"from sklearn.metrics import {call.partition('(')[0]}",))


_VALUES = {
    "rmse": Metric("np.sqrt(np.mean((t - p) ** 2))"),
    "mse": Metric("np.mean((t - p) ** 2)"),
    "mae": Metric("np.mean(np.abs(t - p))"),
    "median_ae": Metric("np.median(np.abs(t - p))"),
    "rmsle": Metric("np.sqrt(np.mean((np.log1p(t) - np.log1p(np.maximum(p, 0))) ** 2))"),
    "mean_columnwise_rmsle": Metric(
        "np.sqrt(np.mean((np.log1p(t) - np.log1p(np.maximum(p, 0))) ** 2))"
    ),
    "mape": Metric("np.mean(np.abs(t - p) / np.maximum(np.abs(t), 1e-12))"),
    "smape": Metric("np.mean(2 * np.abs(t - p) / np.maximum(np.abs(t) + np.abs(p), 1e-12))"),
    "r2": _sklearn("r2_score(t, p)"),
    "spearman": Metric("spearmanr(t, p).statistic", ("from scipy.stats import spearmanr",)),
    "pearson": Metric("np.corrcoef(t, p)[0, 1]"),
    "pinball": _sklearn("mean_pinball_loss(t, p)"),
    "quadratic_weighted_kappa": Metric(
        'cohen_kappa_score(t.astype(int), p.astype(int), weights="quadratic")',
        ("from sklearn.metrics import cohen_kappa_score",),
    ),
}
_LABELS = {
    "accuracy": Metric("np.mean(t == p)"),
    "balanced_accuracy": _sklearn("balanced_accuracy_score(t, p)"),
    "f1": _sklearn("f1_score(t, p)"),
    "f1_binary": _sklearn("f1_score(t, p)"),
    "f1_macro": _sklearn('f1_score(t, p, average="macro")'),
    "f1_micro": _sklearn('f1_score(t, p, average="micro")'),
    "f1_weighted": _sklearn('f1_score(t, p, average="weighted")'),
    "mcc": _sklearn("matthews_corrcoef(t, p)"),
    "quadratic_weighted_kappa": _sklearn('cohen_kappa_score(t, p, weights="quadratic")'),
}
_SHARES = {
    "roc_auc": _sklearn("roc_auc_score(t, p)"),
    "mean_columnwise_roc_auc": _sklearn("roc_auc_score(t, p)"),
    "average_precision": _sklearn("average_precision_score(t, p)"),
    "log_loss": _sklearn("log_loss(t, p, labels=[0, 1])"),
    "brier": Metric("np.mean((t - p) ** 2)"),
}
_CLASSES = {
    "log_loss": _sklearn("log_loss(truth, predicted, labels=range(len(CLASSES)))"),
    "roc_auc": _sklearn('roc_auc_score(truth, predicted, multi_class="ovr")'),
    "brier": Metric("np.mean(np.sum((np.eye(len(CLASSES))[truth] - predicted) ** 2, axis=1))"),
    "accuracy": Metric("np.mean(truth == predicted.argmax(axis=1))"),
}
_STAND_IN = {
    "values": ("rmse", _VALUES),
    "grades": ("rmse", _LABELS | _VALUES),
    "shares": ("log_loss", _SHARES),
    "classes": ("log_loss", _CLASSES),
    "votes": ("accuracy", _LABELS),
    "codes": ("accuracy", _LABELS),
    "soft": ("accuracy", _LABELS),
    "places": ("rmse", _LABELS | _VALUES),
}


def metric_of(task: TaskSpec, form: Form) -> tuple[str, Metric]:
    """The task's metric, or the usual loss of the form where the script can't know the metric."""
    name, table = _STAND_IN[form]
    metric = table.get(task.metric)
    return (task.metric, metric) if metric else (name, table[name])
