"""The metric registry: how predictions are judged.

Values agree with scikit-learn's where it has the metric. Over several target columns a metric is
the mean of its value for each column (scikit-learn's ``uniform_average``).
"""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mle_star.errors import TaskError
from mle_star.state import Direction
from mle_star.tasks import formulas
from mle_star.tasks.spec import Kind, Label, Prediction

Compute = Callable[[pd.DataFrame, pd.DataFrame, Sequence[Label]], float]

CLASSES: tuple[Kind, ...] = ("binary", "multiclass", "multilabel", "ordinal")
NUMBERS: tuple[Kind, ...] = ("regression", "ordinal")
ANY: tuple[Kind, ...] = ("binary", "multiclass", "multilabel", "regression", "ordinal", "other")


@dataclass(frozen=True)
class Metric:
    """A way to judge predictions."""

    name: str
    direction: Direction
    needs: Prediction
    """What the predictions must be: class labels, probabilities, or numbers."""
    kinds: tuple[Kind, ...]
    """Kinds of task it can judge."""
    perfect: float | None
    """Value of predictions without any fault; None where it is not known."""
    rank_based: bool
    """Whether only the order of the predictions counts."""
    function: Compute

    @property
    def own(self) -> bool:
        """Whether it is the user's own function."""
        return ".py:" in self.name

    def compute(
        self, y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label] = ()
    ) -> float:
        """Judge ``y_pred`` (n, prediction columns) against ``y_true`` (n, targets).

        Rows are matched by position. ``classes`` are the task's labels in order; probabilities of a
        multi-class task have one column per class in that order, those of a binary task are of
        ``classes[1]``. The value is nan where the metric is not defined, such as a ranking metric
        on rows of a single class.

        Raises:
            ValueError: the tables do not have the same number of rows, or have none.
        """
        if len(y_true) != len(y_pred) or len(y_true) == 0:
            raise ValueError(
                f"{len(y_true)} labels can't be compared with {len(y_pred)} predictions"
            )
        return float(self.function(y_true, y_pred, classes))


def _metric(
    name: str,
    direction: Direction,
    needs: Prediction,
    kinds: tuple[Kind, ...],
    function: Compute,
    *,
    rank_based: bool = False,
) -> Metric:
    perfect = 0.0 if direction == "minimize" else 1.0
    return Metric(name, direction, needs, kinds, perfect, rank_based, function)


def _registry() -> dict[str, Metric]:
    label, chance, value = formulas.of_labels, formulas.of_probabilities, formulas.of_values
    low: Direction = "minimize"
    high: Direction = "maximize"
    found = [
        _metric("accuracy", high, "label", CLASSES, label(formulas.accuracy)),
        _metric("balanced_accuracy", high, "label", CLASSES, label(formulas.balanced_accuracy)),
        _metric("f1", high, "label", ("binary",), label(formulas.f1_binary)),
        _metric("f1_macro", high, "label", CLASSES, formulas.f1_average("macro")),
        _metric("f1_micro", high, "label", CLASSES, formulas.f1_average("micro")),
        _metric("f1_weighted", high, "label", CLASSES, formulas.f1_average("weighted")),
        _metric("mcc", high, "label", CLASSES, label(formulas.mcc)),
        _metric(
            "quadratic_weighted_kappa",
            high,
            "label",
            ("ordinal",),
            formulas.quadratic_kappa,
        ),
        _metric(
            "roc_auc", high, "probability", CLASSES[:3], chance(formulas.roc_auc), rank_based=True
        ),
        _metric(
            "mean_columnwise_roc_auc",
            high,
            "probability",
            CLASSES[:3],
            chance(formulas.roc_auc),
            rank_based=True,
        ),
        _metric(
            "average_precision",
            high,
            "probability",
            CLASSES[:3],
            chance(formulas.average_precision),
            rank_based=True,
        ),
        _metric("log_loss", low, "probability", CLASSES[:3], formulas.log_loss),
        _metric("brier", low, "probability", CLASSES[:3], formulas.brier),
        _metric("rmse", low, "value", NUMBERS, value(formulas.rmse)),
        _metric("mse", low, "value", NUMBERS, value(formulas.mse)),
        _metric("mae", low, "value", NUMBERS, value(formulas.mae)),
        _metric("median_ae", low, "value", NUMBERS, value(formulas.median_ae)),
        _metric("rmsle", low, "value", NUMBERS, value(formulas.rmsle)),
        _metric("mean_columnwise_rmsle", low, "value", NUMBERS, value(formulas.rmsle)),
        _metric("mape", low, "value", NUMBERS, value(formulas.mape)),
        _metric("smape", low, "value", NUMBERS, value(formulas.smape)),
        _metric("r2", high, "value", NUMBERS, value(formulas.r2)),
        _metric("spearman", high, "value", NUMBERS, value(formulas.spearman), rank_based=True),
        _metric("pearson", high, "value", NUMBERS, value(formulas.pearson)),
        _metric("pinball", low, "value", NUMBERS, value(formulas.pinball(0.5))),
    ]
    return {metric.name: metric for metric in found}


METRICS: dict[str, Metric] = _registry()
"""Every metric by its name. ``pinball`` judges the median; ``pinball:0.9`` another quantile."""

ALIASES: dict[str, str] = {
    "acc": "accuracy",
    "accuracy_score": "accuracy",
    "categorization_accuracy": "accuracy",
    "bacc": "balanced_accuracy",
    "balanced_accuracy_score": "balanced_accuracy",
    "f1_score": "f1",
    "f1_binary": "f1",
    "macro_f1": "f1_macro",
    "micro_f1": "f1_micro",
    "weighted_f1": "f1_weighted",
    "matthews_corrcoef": "mcc",
    "matthews_correlation_coefficient": "mcc",
    "qwk": "quadratic_weighted_kappa",
    "quadratic_kappa": "quadratic_weighted_kappa",
    "auc": "roc_auc",
    "auroc": "roc_auc",
    "rocauc": "roc_auc",
    "roc_auc_score": "roc_auc",
    "auc_roc": "roc_auc",
    "mean_columnwise_auc": "mean_columnwise_roc_auc",
    "ap": "average_precision",
    "auprc": "average_precision",
    "pr_auc": "average_precision",
    "average_precision_score": "average_precision",
    "logloss": "log_loss",
    "binary_logloss": "log_loss",
    "binary_log_loss": "log_loss",
    "multi_logloss": "log_loss",
    "multiclass_logloss": "log_loss",
    "multi_class_log_loss": "log_loss",
    "mlogloss": "log_loss",
    "cross_entropy": "log_loss",
    "binary_cross_entropy": "log_loss",
    "mean_columnwise_log_loss": "log_loss",
    "brier_score": "brier",
    "brier_score_loss": "brier",
    "root_mean_squared_error": "rmse",
    "root_mean_square_error": "rmse",
    "mcrmse": "rmse",
    "mean_columnwise_rmse": "rmse",
    "mean_squared_error": "mse",
    "mean_absolute_error": "mae",
    "median_absolute_error": "median_ae",
    "medae": "median_ae",
    "root_mean_squared_log_error": "rmsle",
    "root_mean_squared_logarithmic_error": "rmsle",
    "mcrmsle": "mean_columnwise_rmsle",
    "mean_absolute_percentage_error": "mape",
    "symmetric_mean_absolute_percentage_error": "smape",
    "r2_score": "r2",
    "r_squared": "r2",
    "coefficient_of_determination": "r2",
    "spearman_correlation": "spearman",
    "spearmanr": "spearman",
    "pearson_correlation": "pearson",
    "pearsonr": "pearson",
    "pinball_loss": "pinball",
    "mean_pinball_loss": "pinball",
    "quantile_loss": "pinball",
}
"""Other names of the registry's metrics, in lower case with underscores."""


def canonical_name(name: str) -> str | None:
    """The registry's name of a metric, however it is spelt; None for one it does not have."""
    key = re.sub(r"[\s\-_]+", "_", name.strip().lower())
    key = ALIASES.get(key, key)
    if key in METRICS or _quantile(key) is not None:
        return key
    return None


def get_metric(
    name: str, folder: str | Path | None = None, direction: Direction | None = None
) -> Metric:
    """Find a metric by its name, or load the user's ``file.py:function`` from ``folder``.

    ``direction`` tells which way a user's function is better (default: minimize).

    Raises:
        TaskError: there is no such metric, or the user's function can't be loaded.
    """
    if ".py:" in name:
        return _own_metric(name, Path(folder or "."), direction)
    known = canonical_name(name)
    if known is None:
        raise TaskError(
            f"There is no metric {name!r}; set metric in task.toml to one of {', '.join(METRICS)}, "
            "or to your own 'my_metric.py:function'."
        )
    quantile = _quantile(known)
    if quantile is not None:
        function = formulas.of_values(formulas.pinball(quantile))
        return _metric(known, "minimize", "value", NUMBERS, function)
    return METRICS[known]


def loss_of(name: str, value: float) -> float:
    """What a value lacks of that of perfect predictions, in units of the metric; never 0.

    The value's own size where a perfect one is not known (a function of the user's own, or a metric
    that only the scripts compute).
    """
    known = None if ".py:" in name else canonical_name(name)
    perfect = get_metric(known).perfect or 0.0 if known else 0.0
    return max(abs(perfect - value), 1e-9)


def _quantile(name: str) -> float | None:
    match = re.fullmatch(r"pinball[:_](0?\.\d+)", name)
    return float(match[1]) if match and 0 < float(match[1]) < 1 else None


def _own_metric(name: str, folder: Path, direction: Direction | None) -> Metric:
    """Load ``score(y_true, y_pred)`` of a file in the task folder.

    It is given 1-D arrays where there is one target and one prediction column, else the two tables;
    it may take the list of classes as a third argument.
    """
    file, _, attribute = name.partition(":")
    path = folder / file
    if Path(file).is_absolute() or ".." in Path(file).parts:
        raise TaskError(
            f"The metric's file {file!r} must lie in the task folder; copy it there and correct "
            "metric in task.toml."
        )
    if not path.is_file():
        raise TaskError(f"The metric's file {file} is not in the task folder.")
    spec = importlib.util.spec_from_file_location(f"mle_star_task_metric_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise TaskError(f"The metric's file {file} can't be imported.")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        function = getattr(module, attribute)
        arguments = len(inspect.signature(function).parameters)
    except Exception as error:  # noqa: BLE001 - the user's code may raise anything
        raise TaskError(
            f"The metric {name!r} can't be loaded: {type(error).__name__}: {error}."
        ) from None

    def compute(y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label]) -> float:
        given: list[Any] = [y_true, y_pred]
        if y_true.shape[1] == 1 and y_pred.shape[1] == 1:
            given = [y_true.iloc[:, 0].to_numpy(), y_pred.iloc[:, 0].to_numpy()]
        if arguments > 2:
            given.append(list(classes))
        return float(function(*given))

    return Metric(name, direction or "minimize", "value", ANY, None, False, compute)
