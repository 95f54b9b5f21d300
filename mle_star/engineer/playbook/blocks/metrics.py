"""The metric, written out with scikit-learn, for the score line of a script.

The harness computes the score that counts from the written files; this one is for whoever runs the
script by hand. Formulas and averaging follow :mod:`mle_star.tasks.formulas`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from mle_star.engineer.playbook.blocks.data import zero_one
from mle_star.engineer.playbook.blocks.facts import Facts, literal


@dataclass(frozen=True)
class ScoreCode:
    """Lines that set ``score`` from ``oof[scored]``, and what they import."""

    lines: tuple[str, ...]
    imports: tuple[str, ...] = ()


_SKLEARN = {
    "rmse": "root_mean_squared_error",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "median_ae": "median_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "rmsle": "root_mean_squared_log_error",
    "mean_columnwise_rmsle": "root_mean_squared_log_error",
    "r2": "r2_score",
    "pinball": "mean_pinball_loss",
    "accuracy": "accuracy_score",
    "balanced_accuracy": "balanced_accuracy_score",
    "mcc": "matthews_corrcoef",
    "quadratic_weighted_kappa": "cohen_kappa_score",
    "f1": "f1_score",
    "f1_macro": "f1_score",
    "f1_micro": "f1_score",
    "f1_weighted": "f1_score",
    "roc_auc": "roc_auc_score",
    "mean_columnwise_roc_auc": "roc_auc_score",
    "average_precision": "average_precision_score",
    "log_loss": "log_loss",
    "brier": "brier_score_loss",
}

_OPTIONS = {
    "quadratic_weighted_kappa": ', weights="quadratic"',
    "f1_macro": ', average="macro"',
    "f1_micro": ', average="micro"',
    "f1_weighted": ', average="weighted"',
}

_TABLES = {
    "rmse",
    "mse",
    "mae",
    "median_ae",
    "mape",
    "rmsle",
    "mean_columnwise_rmsle",
    "r2",
    "pinball",
    "f1_macro",
    "f1_micro",
    "f1_weighted",
    "roc_auc",
    "mean_columnwise_roc_auc",
    "average_precision",
}
"""Metrics for which scikit-learn takes several target columns and averages as we do."""


def score_of(facts: Facts) -> ScoreCode:
    """Code for the task's metric; for one that is not known here, the nearest that is."""
    metric = facts.metric.partition(":")[0]
    if metric.endswith(".py"):
        return _own(facts)
    if facts.learning == "multiclass" and not facts.labels:
        return _per_class(metric)
    if metric in ("pearson", "spearman", "smape"):
        return _formula(facts, metric)
    return _of_sklearn(facts, metric)


def fold_line(facts: Facts, rows: str = "valid_rows") -> ScoreCode:
    """Code that prints a line of the fold whose rows are marked by ``rows``.

    It compares the models' output before ``finish``, so that a fold needs no other: the metric
    itself where it is one of numbers or probabilities, else one that models of its kind are fitted
    for. Two scripts of a task print the same and can be compared fold by fold.
    """
    if facts.labels and facts.learning == "multiclass" and facts.metric in _SKLEARN:
        score = _of_codes(facts, rows)
    else:
        facts = _before_finish(facts)
        score = score_of(facts)
    lines = [line.replace("scored", rows) for line in score.lines]
    oof = f"oof[{rows}]"
    if facts.metric == "log_loss" and facts.learning == "multiclass":
        # What models of classes give need not sum to one before ``finish``.
        shares = f"shares = {oof} / np.maximum({oof}.sum(axis=1, keepdims=True), 1e-9)"
        lines = [shares, *(line.replace(oof, "shares") for line in lines)]
    if facts.metric == "log_loss" and facts.learning == "binary" and not facts.several:
        lines = [f"{line[:-1]}, labels=[0, 1])" for line in lines]
    if facts.logarithmic:
        lines = [line.replace(oof, f"np.clip({oof}, 0, None)") for line in lines]
    lines.append(_printed(facts))
    if guard := _guard(facts, rows):
        lines = [guard, *(f"    {line}" for line in lines)]
    return ScoreCode(tuple(lines), score.imports)


def _before_finish(facts: Facts) -> Facts:
    """The task as if numbers or probabilities were handed in, with a metric that judges those."""
    changes: dict[str, object] = {}
    if facts.metric.partition(":")[0] not in _SKLEARN:
        changes = {"metric": "log_loss" if facts.learning != "regression" else "rmse"}
    elif facts.ordinal:
        changes = {"metric": "rmse"}
    elif facts.labels:
        changes = {"metric": "roc_auc" if facts.learning == "binary" else "log_loss"}
    if facts.labels:
        changes["prediction"] = "value" if facts.learning == "regression" else "probability"
    if facts.ordinal:
        changes["classes"] = []
    task = facts.brief.task.model_copy(update=changes)
    return Facts(replace(facts.brief, task=task))


def _guard(facts: Facts, rows: str) -> str:
    """Condition under which a fold has such a score: some have none where a class is missing."""
    if facts.learning == "regression" or (facts.metric == "log_loss" and not facts.several):
        return ""
    if facts.learning == "binary":
        return f"if np.all(y[{rows}].min(axis=0) < y[{rows}].max(axis=0)):"
    return f"if len(set(y[{rows}])) == len(CLASSES):"


def _printed(facts: Facts) -> str:
    name = re.sub("[_:]", " ", facts.metric)
    return f'print(f"Fold {{fold}} {name}: {{score:.6g}}", flush=True)'


def _of_codes(facts: Facts, rows: str) -> ScoreCode:
    """The metric on the most probable classes."""
    function = _SKLEARN[facts.metric]
    options = _OPTIONS.get(facts.metric, "")
    return ScoreCode(
        (f"score = {function}(y[{rows}], oof[{rows}].argmax(axis=1){options})",),
        (f"from sklearn.metrics import {function}",),
    )


def _of_sklearn(facts: Facts, metric: str) -> ScoreCode:
    if metric not in _SKLEARN:
        metric = (
            "rmse" if facts.learning == "regression" else "accuracy" if facts.labels else "log_loss"
        )
    function = _SKLEARN[metric]
    options = _OPTIONS.get(metric, "")
    if metric == "pinball" and facts.quantile != 0.5:
        options = f", alpha={facts.quantile}"
    loop = facts.several and metric not in _TABLES
    rows = "scored, j" if loop else "scored"
    true, predicted = _compared(facts, rows)
    if metric == "quadratic_weighted_kappa":
        true = f"{true}.astype(int)" if facts.grades else true
        predicted = f"{predicted}.astype(int)" if facts.grades else predicted
    code = f"{function}({true}, {predicted}{options})"
    if loop:
        code = f"np.mean([{code} for j in range(len(TARGETS))])"
    imports = (f"from sklearn.metrics import {function}",)
    return ScoreCode((f"score = {code}",), imports)


def _compared(facts: Facts, rows: str) -> tuple[str, str]:
    """Code for the truth and for what is compared with it."""
    true, predicted = f"y[{rows}]", f"oof[{rows}]"
    if facts.labels and facts.learning == "binary" and not zero_one(facts):
        return true, f"{predicted} == CLASSES[1]"
    if facts.labels and facts.learning == "multiclass":
        if any(isinstance(label, float) and label % 1 for label in facts.classes):
            # Fractions are labels here, which scikit-learn takes from text alone.
            return "train.loc[scored, TARGET].astype(str)", f"{predicted}.astype(str)"
        return "train.loc[scored, TARGET]", predicted
    if facts.ordinal and not facts.grades and not facts.several:
        return "train.loc[scored, TARGET]", predicted
    return true, predicted


def _per_class(metric: str) -> ScoreCode:
    """Metrics on one probability per class."""
    function = _SKLEARN.get(metric, "log_loss")
    imports = (f"from sklearn.metrics import {function}",)
    one_hot = "labels = np.eye(len(CLASSES))[y[scored]]"
    if metric == "brier":
        return ScoreCode((one_hot, "score = np.mean(np.sum((oof[scored] - labels) ** 2, axis=1))"))
    if metric in ("roc_auc", "mean_columnwise_roc_auc", "average_precision"):
        return ScoreCode((one_hot, f"score = {function}(labels, oof[scored])"), imports)
    labels = "labels=range(len(CLASSES))"
    return ScoreCode(
        (f"score = log_loss(y[scored], oof[scored], {labels})",),
        ("from sklearn.metrics import log_loss",),
    )


def _formula(facts: Facts, metric: str) -> ScoreCode:
    """Metrics that scikit-learn does not have."""
    rows = "scored, j" if facts.several else "scored"
    true, predicted = _compared(facts, rows)
    imports: tuple[str, ...] = ()
    if metric == "smape":
        true, predicted = _compared(facts, "scored")
        return ScoreCode(
            (
                f"scale = np.abs({true}) + np.abs({predicted})",
                f"errors = 2 * np.abs({true} - {predicted})",
                "score = np.mean(errors / np.where(scale == 0, 1, scale))",
            )
        )
    if metric == "pearson":
        code = f"np.corrcoef({true}, {predicted})[0, 1]"
    else:
        code = f"spearmanr({true}, {predicted}).statistic"
        imports = ("from scipy.stats import spearmanr",)
    if facts.several:
        code = f"np.mean([{code} for j in range(len(TARGETS))])"
    return ScoreCode((f"score = {code}",), imports)


def _own(facts: Facts) -> ScoreCode:
    """The user's own function, imported from the input folder where it is there."""
    file, _, function = facts.metric.partition(":")
    if file not in facts.brief.files or not file.removesuffix(".py").isidentifier():
        return _of_sklearn(facts, "")
    single = not facts.several and len(facts.brief.task.prediction_columns) == 1
    columns = "TARGETS" if facts.several else "TARGET" if single else "[TARGET]"
    true = f"train.loc[scored, {columns}]" + (".to_numpy()" if single else "")
    predicted = "oof[scored]" if single else "pd.DataFrame(oof[scored])"
    return ScoreCode(
        (
            'sys.path.append("input")',
            f"own = importlib.import_module({literal(file.removesuffix('.py'))})",
            f"score = own.{function}({true}, {predicted})",
        ),
        ("import importlib", "import sys"),
    )
