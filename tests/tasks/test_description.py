from __future__ import annotations

import pytest

from mle_star.tasks.description import metrics_named, targets_named
from mle_star.tasks.metrics import METRICS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Metric\n\nroot_mean_squared_error", ["rmse"]),
        ("# Metric\n\nbinary_logloss (lower is better)", ["log_loss"]),
        ("# Metric\n\nqwk (higher is better)", ["quadratic_weighted_kappa"]),
        ("Submissions are judged by log loss (lower is better).", ["log_loss"]),
        ("evaluated on the multi-class logarithmic loss", ["log_loss"]),
        ("evaluated on area under the ROC curve between the predicted and observed", ["roc_auc"]),
        (
            "We use the Area Under the Receiver Operating Characteristic Curve (AUC-ROC).",
            ["roc_auc"],
        ),
        ("scored using RMSLE", ["rmsle"]),
        ("the metric is the Root Mean Squared Logarithmic Error (RMSLE)", ["rmsle"]),
        (
            "evaluated on Root-Mean-Squared-Error (RMSE) between the logarithm of the predicted "
            "value and the logarithm of the observed sales price.",
            ["rmsle"],
        ),
        ("Metric: mean column-wise root mean squared logarithmic error", ["mean_columnwise_rmsle"]),
        ("Metric: mean column-wise AUC", ["mean_columnwise_roc_auc"]),
        ("Metric: MCRMSE", ["rmse"]),
        ("evaluation: mean squared error", ["mse"]),
        ("evaluation: Symmetric Mean Absolute Percentage Error", ["smape"]),
        ("evaluation: mean absolute percentage error (MAPE)", ["mape"]),
        ("scored by the quadratic weighted kappa", ["quadratic_weighted_kappa"]),
        ("scored by macro F1", ["f1_macro"]),
        ("scored by the F1 score", ["f1"]),
        ("scored by balanced accuracy", ["balanced_accuracy"]),
        ("Your score is the percentage of passengers you correctly predict.", ["accuracy"]),
        ("Metric: Matthews correlation coefficient (MCC)", ["mcc"]),
        ("Metric: area under the precision-recall curve", ["average_precision"]),
        ("Metric: Spearman's rank correlation coefficient", ["spearman"]),
        ("Metric: R^2", ["r2"]),
        ("Metric: brier score", ["brier"]),
    ],
)
def test_metrics_are_recognised(text: str, expected: list[str]) -> None:
    assert metrics_named(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "evaluated on the weighted mean absolute error",
        "evaluated on mean average precision",
        "evaluated on MAP@5",
        "evaluated on the normalized Gini coefficient",
        "evaluated on Cohen's kappa",
        "evaluated on the weighted multi-class logarithmic loss",
    ],
)
def test_a_similar_metric_is_not_taken_for_one_of_ours(text: str) -> None:
    assert metrics_named(text)
    assert not set(metrics_named(text)) & set(METRICS)


def test_what_is_said_about_evaluation_counts_first() -> None:
    text = "Of high accuracy.\n\n## Evaluation\n\nRMSE.\n\n## Data\n\nMAE of 3 is common."
    assert metrics_named(text) == ["rmse"]
    assert metrics_named("No judge here. A model with low RMSE wins.") == ["rmse"]
    assert metrics_named("Scored by RMSE. Also scored by MAE.") == ["rmse", "mae"]
    assert metrics_named("Maeve aucted a crmser.") == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("train.csv: 10 rows, with the target column `pm2.5`", ["pm2.5"]),
        ("Predict the median_house_value.", ["median_house_value"]),
        ("Predict the median house value.", ["median_house_value"]),
        ("Target: price", ["price"]),
        ("Predict the probability that it is spam.", ["spam"]),
        ("The goal is to forecast daily sales", ["sales"]),
        ("Prices vary. Nothing else.", []),
    ],
)
def test_targets_are_recognised(text: str, expected: list[str]) -> None:
    columns = ["pm2.5", "median_house_value", "price", "spam", "sales"]
    assert targets_named(text, columns) == expected
