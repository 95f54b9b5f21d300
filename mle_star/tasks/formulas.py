"""The formulas behind the metric registry.

They bear with labels of any type, classes that do not occur, and probabilities of exactly 0 or 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mle_star.tasks.spec import Label

Array = npt.NDArray[Any]
Compute = Callable[[pd.DataFrame, pd.DataFrame, Sequence[Label]], float]

EPSILON = 1e-15
"""Probabilities are kept this far from 0 and 1, as Kaggle and older scikit-learn versions do."""


def label_text(value: object) -> str:
    """One spelling for a label, whether it was read as 1, 1.0, True-as-text or '1'."""
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value).strip()


def codes(labels: pd.Series, classes: Sequence[Label]) -> Array:
    """Index of each label in ``classes``; -1 for a label that is none of them."""
    known = {label_text(label): code for code, label in enumerate(classes)}
    unique = {value: known.get(label_text(value), -1) for value in labels.dropna().unique()}
    return labels.map(unique).fillna(-1).to_numpy(dtype=int)


def _labels(y: pd.DataFrame, classes: Sequence[Label]) -> Sequence[Label]:
    if classes:
        return classes
    values: Any = pd.unique(y.to_numpy().ravel())
    return sorted(values, key=label_text)


def of_labels(formula: Callable[[Array, Array], float]) -> Compute:
    """Lift a formula over class indices to tables, as the mean over the target columns."""

    def compute(y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label]) -> float:
        labels = _labels(y_true, classes)
        return float(
            np.mean(
                [
                    formula(codes(y_true.iloc[:, i], labels), codes(y_pred.iloc[:, i], labels))
                    for i in range(y_true.shape[1])
                ]
            )
        )

    return compute


def accuracy(y: Array, p: Array) -> float:
    """Share of labels that are right."""
    return float(np.mean(y == p))


def balanced_accuracy(y: Array, p: Array) -> float:
    """Mean recall over the classes that occur."""
    return float(np.mean([np.mean(p[y == label] == label) for label in np.unique(y)]))


def f1_binary(y: Array, p: Array) -> float:
    """F1 of the positive class, index 1."""
    hits = float(np.sum((y == 1) & (p == 1)))
    wrong = float(np.sum((y == 1) != (p == 1)))
    return 2 * hits / (2 * hits + wrong) if hits else 0.0


def mcc(y: Array, p: Array) -> float:
    """Matthews correlation coefficient."""
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(y, p))


def f1_average(average: str) -> Compute:
    """F1 averaged over classes, or over label columns in a multi-label task."""

    def compute(y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label]) -> float:
        from sklearn.metrics import f1_score

        labels = _labels(y_true, classes)
        y = np.column_stack([codes(y_true[c], labels) for c in y_true.columns])
        p = np.column_stack([codes(y_pred.iloc[:, i], labels) for i in range(y_pred.shape[1])])
        if y.shape[1] == 1:
            return float(f1_score(y[:, 0], p[:, 0], average=average, zero_division=0.0))
        return float(f1_score(y == 1, p == 1, average=average, zero_division=0.0))

    return compute


def quadratic_kappa(y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label]) -> float:
    """Cohen's kappa with quadratic weights on the integer scale of the labels.

    Predictions are rounded to the nearest integer of the scale; several targets are averaged.
    Cohen, Psychological Bulletin 70 (1968), 213.
    """
    scale = np.asarray(list(classes) or np.unique(y_true.to_numpy()), dtype=float)
    low, high = round(scale.min()), round(scale.max())
    values = []
    for i in range(y_true.shape[1]):
        y = y_true.iloc[:, i].to_numpy(dtype=float)
        p = np.clip(np.rint(y_pred.iloc[:, i].to_numpy(dtype=float)), low, high)
        expected = np.mean((y[:, None] - np.unique(p)[None, :]) ** 2 @ _shares(p))
        values.append(1.0 - np.mean((y - p) ** 2) / expected if expected > 0 else 1.0)
    return float(np.mean(values))


def _shares(values: Array) -> Array:
    counts = np.unique(values, return_counts=True)[1]
    return np.asarray(counts / counts.sum())


def _indicators(y_true: pd.DataFrame, columns: int, classes: Sequence[Label]) -> Array:
    """Matrix (n, columns) of 0 and 1: what each probability column should be."""
    labels = _labels(y_true, classes)
    if y_true.shape[1] > 1:
        return np.column_stack([codes(y_true[c], labels) == 1 for c in y_true.columns])
    y: Array = codes(y_true.iloc[:, 0], labels)
    if columns == 1:
        return np.asarray(y == 1)[:, None]
    return np.asarray(y[:, None] == np.arange(columns)[None, :])


def of_probabilities(formula: Callable[[Array, Array], float]) -> Compute:
    """Lift a formula over 0/1 and scores to tables: the mean over the columns it is defined for."""

    def compute(y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label]) -> float:
        p = y_pred.to_numpy(dtype=float)
        y = _indicators(y_true, p.shape[1], classes).astype(int)
        mixed = [i for i in range(p.shape[1]) if 0 < y[:, i].sum() < len(y)]
        return float(np.mean([formula(y[:, i], p[:, i]) for i in mixed])) if mixed else float("nan")

    return compute


def roc_auc(y: Array, p: Array) -> float:
    """Area under the receiver operating characteristic curve.

    From the rank sum (Mann and Whitney 1947), ties counted half; nan where there is one class.
    The value is scikit-learn's at a fraction of the time; ensembles ask for it thousands of times.
    """
    from scipy.stats import rankdata

    positive = np.asarray(y, dtype=bool)
    ones, zeros = int(positive.sum()), int((~positive).sum())
    if not ones or not zeros:
        return float("nan")
    ranks = rankdata(p)[positive].sum()
    return float((ranks - ones * (ones + 1) / 2) / (ones * zeros))


def average_precision(y: Array, p: Array) -> float:
    """Area under the precision-recall curve as a step function."""
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(y, p))


def _distribution(y_pred: pd.DataFrame, y_true: pd.DataFrame) -> Array:
    """Clipped probabilities; those of several classes are made to sum to one."""
    p = np.clip(y_pred.to_numpy(dtype=float), EPSILON, 1 - EPSILON)
    if y_true.shape[1] == 1 and p.shape[1] > 1:
        p = p / p.sum(axis=1, keepdims=True)
    return np.asarray(p)


def log_loss(y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label]) -> float:
    """Mean negative log likelihood; the mean over the columns in a multi-label task."""
    p = _distribution(y_pred, y_true)
    y = _indicators(y_true, p.shape[1], classes)
    if y_true.shape[1] == 1 and p.shape[1] > 1:
        return float(-np.mean(np.sum(np.where(y, np.log(p), 0.0), axis=1)))
    return float(-np.mean(np.where(y, np.log(p), np.log1p(-p))))


def brier(y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label]) -> float:
    """Mean squared error of the probabilities, summed over the classes of a multi-class task.

    Brier, Monthly Weather Review 78 (1950), 1. A multi-class value lies between 0 and 2; the binary
    value is half of the original's, as everywhere today.
    """
    p = y_pred.to_numpy(dtype=float)
    squares = (p - _indicators(y_true, p.shape[1], classes)) ** 2
    one_target = y_true.shape[1] == 1
    return float(np.mean(squares.sum(axis=1) if one_target else squares.mean(axis=1)))


def of_values(formula: Callable[[Array, Array], float]) -> Compute:
    """Lift a formula over numbers to tables, as the mean over the target columns."""

    def compute(y_true: pd.DataFrame, y_pred: pd.DataFrame, classes: Sequence[Label]) -> float:
        y, p = y_true.to_numpy(dtype=float), y_pred.to_numpy(dtype=float)
        return float(np.mean([formula(y[:, i], p[:, i]) for i in range(y.shape[1])]))

    return compute


def mse(y: Array, p: Array) -> float:
    """Mean squared error."""
    return float(np.mean((y - p) ** 2))


def rmse(y: Array, p: Array) -> float:
    """Root mean squared error."""
    return float(np.sqrt(mse(y, p)))


def mae(y: Array, p: Array) -> float:
    """Mean absolute error."""
    return float(np.mean(np.abs(y - p)))


def median_ae(y: Array, p: Array) -> float:
    """Median absolute error."""
    return float(np.median(np.abs(y - p)))


def rmsle(y: Array, p: Array) -> float:
    """Root mean squared error of log(1 + value); negative predictions count as 0."""
    return rmse(np.log1p(y), np.log1p(np.maximum(p, 0.0)))


def mape(y: Array, p: Array) -> float:
    """Mean absolute error relative to the true value, as a fraction."""
    return float(np.mean(np.abs(y - p) / np.maximum(np.abs(y), np.finfo(float).eps)))


def smape(y: Array, p: Array) -> float:
    """Mean absolute error relative to the mean of both magnitudes, 0 to 2; 0 where both are 0."""
    scale = np.abs(y) + np.abs(p)
    return float(np.mean(2 * np.abs(y - p) / np.where(scale == 0, 1.0, scale)))


def r2(y: Array, p: Array) -> float:
    """Coefficient of determination; nan where the labels do not vary."""
    spread = float(np.mean((y - y.mean()) ** 2))
    return 1 - mse(y, p) / spread if spread > 0 else float("nan")


def pearson(y: Array, p: Array) -> float:
    """Linear correlation; 0 for constant predictions, nan where the labels do not vary."""
    if np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(y, p)[0, 1]) if np.ptp(p) > 0 else 0.0


def spearman(y: Array, p: Array) -> float:
    """Correlation of the ranks."""
    from scipy.stats import rankdata

    return pearson(rankdata(y), rankdata(p))


def pinball(quantile: float) -> Callable[[Array, Array], float]:
    """Loss that a forecast of the given quantile minimises."""

    def formula(y: Array, p: Array) -> float:
        error = y - p
        return float(np.mean(np.maximum(quantile * error, (quantile - 1) * error)))

    return formula
