"""Model blocks of gradient boosted trees.

Settings are fixed first guesses in the range that published portfolios agree on (FLAML zero-shot,
arXiv 2202.09927; TabRepo, arXiv 2311.02971; tuned defaults of arXiv 2407.04491): a small learning
rate, some row and column sampling, and as many rounds as the number of rows bears.
"""

from __future__ import annotations

from mle_star.engineer.playbook.blocks.facts import Facts, literal
from mle_star.engineer.playbook.blocks.fitting import (
    call,
    estimator,
    function,
    growing,
    predicting,
    prepared,
)
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.script import MODEL


def _class(facts: Facts, stem: str) -> str:
    return stem + ("Regressor" if facts.learning == "regression" else "Classifier")


def _loss(facts: Facts, name: str, absolute: str, quantile: str, level: str) -> dict[str, object]:
    """Settings for the loss that the metric asks for: none where that is the default."""
    if facts.learning != "regression" or facts.loss == "squared":
        return {}
    if facts.loss == "absolute":
        return {name: literal(absolute)}
    if level:
        return {name: literal(quantile), level: facts.quantile}
    return {name: literal(f"{quantile}{facts.quantile}")}


def _sized(facts: Facts, regression: tuple[int, int], classes: tuple[int, int]) -> int:
    """A setting for few fitting rows or for many; labels bear smaller models than numbers do."""
    few, many = regression if facts.learning == "regression" else classes
    return few if facts.fit_rows < 5_000 else many


def _rounds(facts: Facts, regression: tuple[int, int], classes: tuple[int, int]) -> int:
    """Boosting rounds; fewer where every round fits a tree per class."""
    rounds = _sized(facts, regression, classes)
    if facts.learning == "multiclass":
        return max(60, min(rounds, 3 * rounds // len(facts.classes)))
    return rounds


def _rate(facts: Facts) -> float:
    return 0.04 if facts.fit_rows < 5_000 else 0.06


def _leaves(name: str) -> dict[str, str]:
    """As many times the leaves as rows, up to 255.

    On 75,000 rows of flights 63 leaves gained 3.4 % of the loss on 31, which were the better ones
    on 30,000 (docs/measured.md).
    """
    return {name: f"min(255, round((model.get_params().get({literal(name)}) or 31) * more))"}


def _depth(name: str) -> dict[str, str]:
    """One level more for four times the rows, up to ten: each doubles the leaves."""
    now = f"(model.get_params().get({literal(name)}) or 6)"  # the libraries' default is not shown
    return {name: f"min(10, round({now} + np.log2(more) / 2))"}


def lightgbm(facts: Facts) -> Part:
    """LightGBM: leaf-wise trees on histograms (Ke et al. 2017)."""
    name = _class(facts, "LGBM")
    settings = _loss(facts, "objective", "l1", "quantile", "alpha")
    many = facts.learning == "regression" and facts.fit_rows >= 20_000
    settings |= {
        "n_estimators": _rounds(facts, (450, 400), (200, 300)),
        "learning_rate": _rate(facts),
        "num_leaves": 63 if many else _sized(facts, (15, 40), (10, 31)),
        "min_child_samples": _sized(facts, (10, 20), (20, 20)),
        "subsample": 0.8,
        "subsample_freq": 1,
        "colsample_bytree": 0.8,
        "reg_lambda": 1.0,
        "n_jobs": "THREADS",
        "random_state": "seed",
        "verbose": -1,
    }
    line = f"from lightgbm import {name}"
    return estimator(facts, "lightgbm", "LightGBM", line, name, settings, _leaves("num_leaves"))


def xgboost(facts: Facts) -> Part:
    """XGBoost: depth-wise trees with second-order steps (Chen and Guestrin 2016)."""
    name = _class(facts, "XGB")
    settings = _loss(facts, "objective", "reg:absoluteerror", "reg:quantileerror", "quantile_alpha")
    settings |= {
        "n_estimators": _rounds(facts, (450, 400), (200, 300)),
        "learning_rate": _rate(facts),
        "max_depth": _sized(facts, (5, 7), (4, 6)),
        "min_child_weight": 3,
        "subsample": 0.8,
        "colsample_bytree": 0.6,
        "reg_lambda": 1.0,
        "n_jobs": "THREADS",
        "random_state": "seed",
    }
    line = f"from xgboost import {name}"
    grown = _depth("max_depth")
    if facts.learning != "multiclass":
        return estimator(facts, "xgboost", "XGBoost", line, name, settings, grown)
    prepare = prepared(facts)
    built = call(name, settings)
    body = [
        f"model = {built[0]}",
        *built[1:],
        *growing(facts, grown),
        "present, codes = np.unique(y, return_inverse=True)",
        f"model.fit({prepare.format('X')}, codes)",
        *predicting(facts, prepare, "present"),
    ]
    doc = "XGBoost, which wants class codes without a gap."
    return Part(MODEL + "xgboost", function("xgboost", doc, body), (line,))


def catboost(facts: Facts) -> Part:
    """CatBoost: symmetric trees, ordered boosting (Prokhorenkova et al. 2018)."""
    name = _class(facts, "CatBoost")
    settings = _loss(facts, "loss_function", "MAE", "Quantile:alpha=", "")
    settings |= {
        "iterations": _rounds(facts, (750, 600), (300, 500)),
        "learning_rate": _sized(facts, (6, 10), (4, 8)) / 100,
        "depth": _sized(facts, (6, 6), (5, 6)),
        "l2_leaf_reg": 3.0,
        "thread_count": "THREADS",
        "random_seed": "seed",
        "allow_writing_files": False,
        "verbose": False,
    }
    line = f"from catboost import {name}"
    return estimator(facts, "catboost", "CatBoost", line, name, settings, _depth("depth"))


def hist_gradient_boosting(facts: Facts) -> Part:
    """Histogram gradient boosting of scikit-learn."""
    name = _class(facts, "HistGradientBoosting")
    settings = _loss(facts, "loss", "absolute_error", "quantile", "quantile")
    settings |= {
        "max_iter": _rounds(facts, (450, 300), (200, 250)),
        "learning_rate": _rate(facts),
        "max_leaf_nodes": _sized(facts, (15, 31), (10, 25)),
        "l2_regularization": 1.0,
        "max_features": 0.7,
        "early_stopping": False,
        "random_state": "seed",
    }
    return estimator(
        facts,
        "hist_gradient_boosting",
        "Histogram gradient boosting",
        f"from sklearn.ensemble import {name}",
        name,
        settings,
        _leaves("max_leaf_nodes"),
    )
