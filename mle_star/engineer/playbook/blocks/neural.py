"""Model blocks of deep networks for tables, by the scikit-learn interface of pytabkit."""

from __future__ import annotations

from collections.abc import Mapping

from mle_star.engineer.playbook.blocks.facts import Facts, literal
from mle_star.engineer.playbook.blocks.fitting import call, function, predicting
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.script import MODEL

PACKAGE = "pytabkit"
REALMLP_COST = 65e-6
"""Seconds of one core that RealMLP takes per row and epoch with a dozen columns, measured."""
TABM_COST = 170e-6
"""The same of TabM with the settings below."""
SHARE = 0.5
"""Part of a script's time that fitting a network may take."""
LEAST_EPOCHS = 24
"""With fewer a network has not learnt a table."""
VALIDATION = {
    "log_loss": "cross_entropy",
    "brier": "brier",
    "roc_auc": "cross_entropy",
    "average_precision": "cross_entropy",
    "mean_columnwise_roc_auc": "cross_entropy",
}
"""What the best epoch of a classifier is chosen by; classification error where none is named."""


def epochs(facts: Facts, cost: float) -> int:
    """Epochs that the time of a script bears, 0 where they are too few to learn anything.

    Args:
        facts: the task.
        cost: seconds of one core per row and epoch.
    """
    fits = max(facts.brief.folds + facts.ordered, 2) * max(len(facts.targets), 1)
    seconds = SHARE * facts.brief.script_seconds * facts.brief.cpus / fits
    found = int(seconds / (cost * facts.fit_rows))
    return min(found, 256) if found >= LEAST_EPOCHS else 0


def realmlp(facts: Facts) -> Part:
    """RealMLP with the settings tuned on many tables (Holzmüller et al. 2024, arXiv 2407.04491)."""
    settings: dict[str, object] = {"n_epochs": max(epochs(facts, REALMLP_COST), LEAST_EPOCHS)}
    if facts.learning != "regression" and facts.metric in VALIDATION:
        settings["use_ls"] = False  # smoothed labels make for blunt probabilities
    return _network(facts, "realmlp", "RealMLP_TD", "RealMLP", settings)


def tabm(facts: Facts) -> Part:
    """TabM: many small networks that share most weights (Gorishniy et al. 2025, arXiv 2410.24210).

    Smaller than the authors' own, so that it can be fitted without a graphics card.
    """
    settings: dict[str, object] = {
        "tabm_k": 16,
        "d_block": 128,
        "n_epochs": max(epochs(facts, TABM_COST), LEAST_EPOCHS),
    }
    return _network(facts, "tabm", "TabM_D", "TabM", settings)


def _network(
    facts: Facts, family: str, stem: str, title: str, settings: Mapping[str, object]
) -> Part:
    """A block that fills gaps and names the categories; the network scales and codes by itself."""
    regression = facts.learning == "regression"
    name = stem + ("_Regressor" if regression else "_Classifier")
    chosen = {"val_metric_name": literal(_validation(facts))} if _validation(facts) else {}
    built = call(name, {**settings, **chosen, "n_threads": "THREADS", "random_state": "seed"})
    table = "table.drop(columns=TEXT)" if facts.drop_text else "table"
    start = "X.drop(columns=TEXT)" if facts.drop_text else "X"
    categories = ", cat_col_names=CATEGORICAL" if facts.categorical else ""
    body = [
        f"medians = {start}.median().fillna(0)",
        "",
        "def filled(table: pd.DataFrame) -> pd.DataFrame:",
        f"    return {table}.fillna(medians)",
        "",
        f"model = {built[0]}",
        *built[1:],
        f"model.fit(filled(X), y{categories})",
        *predicting(facts, "filled({})"),
    ]
    doc = f"{title}, a deep network for tables; its best epoch is chosen on a part of the rows."
    return Part(MODEL + family, function(family, doc, body), (f"from {PACKAGE} import {name}",))


def _validation(facts: Facts) -> str:
    """What the best epoch is chosen by; empty for the library's own choice."""
    if facts.learning == "regression":
        return "mae" if facts.loss == "absolute" else ""
    return VALIDATION.get(facts.metric, "")
