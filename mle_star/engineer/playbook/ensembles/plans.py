"""Which way to combine the members next."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mle_star.engineer.base import Brief, MemberView, Tried
from mle_star.engineer.playbook.ensembles.form import Form, form_of
from mle_star.errors import NoAnswer

PLANS = {
    "weights": (
        "Give the members weights that add up to one, chosen greedily by the metric "
        "on the other folds"
    ),
    "simplex": "Give the members non-negative weights that minimise the loss on the other folds",
    "weights-per-column": (
        "Choose the members' weights for each predicted column by itself, on the other folds"
    ),
    "rank-average": "Average the members' ranks, since the metric looks at the order alone",
    "rank-weights": "Weight the members' ranks, chosen greedily by the metric on the other folds",
    "geometric-mean": "Average the members on the log scale",
    "median": "Take the median of the members' predictions",
    "trimmed-mean": (
        "Leave out the lowest and the highest prediction of each row and average the rest"
    ),
    "stack-linear": "Fit a regularised linear model to the members' predictions on the other folds",
    "stack-trees": "Fit small boosted trees to the members' predictions on the other folds",
    "vote": "Let the members vote; the best member decides ties",
    "mean": "Average the members",
}
"""Key -> what is done, for a person."""

_FAMILY = {
    "weights": "weights",
    "simplex": "weights",
    "weights-per-column": "weights",
    "rank-average": "ranks",
    "rank-weights": "ranks",
    "median": "robust",
    "trimmed-mean": "robust",
    "stack-linear": "stack",
    "stack-trees": "stack",
}
_RANKED = {"roc_auc", "mean_columnwise_roc_auc", "average_precision", "spearman"}
_ABSOLUTE = {"mae", "median_ae", "mape", "smape", "pinball"}
_KEY = re.compile(r"\[([a-z-]+)\]\s*$")


def plan_ensemble(brief: Brief, members: Sequence[MemberView], tried: Sequence[Tried]) -> str:
    """The next plan: a sentence that ends with its key in brackets.

    The metric and the kind of prediction fix the order; a family of plans that scored worse than
    another goes to the end.

    Raises:
        NoAnswer: fewer than two members, or every plan was tried.
    """
    if len(members) < 2:
        raise NoAnswer("An ensemble needs two members.")
    done = {key_of(t.plan) for t in tried}
    left = [key for key in _order(brief, members) if key not in done]
    if not left:
        raise NoAnswer("Every way to combine these members was tried.")
    poor = _poor_families(brief, tried)
    left.sort(key=lambda key: _FAMILY.get(key, key) in poor)
    return f"{PLANS[left[0]]} [{left[0]}]"


def key_of(plan: str) -> str:
    """The key of a plan, "" where it has none."""
    found = _KEY.search(plan)
    return found.group(1) if found and found.group(1) in PLANS else ""


def _order(brief: Brief, members: Sequence[MemberView]) -> list[str]:
    """Plans that make sense for the task, most promising first."""
    task = brief.task
    form = form_of(task, members)
    order = _by_form(form, task.metric)
    columns = len(task.prediction_columns)
    if len(members) < 3:
        order = [key for key in order if key not in ("median", "vote")]
    if len(members) < 4:
        order = [key for key in order if key != "trimmed-mean"]
    if columns < 2 or task.metric not in _SEPARABLE:
        order = [key for key in order if key != "weights-per-column"]
    low = brief.profile.target_min
    if form == "values" and (low is None or low < 0):
        order = [key for key in order if key != "geometric-mean"]
    return order


_SEPARABLE = {
    "rmse",
    "mse",
    "mae",
    "median_ae",
    "rmsle",
    "mean_columnwise_rmsle",
    "mean_columnwise_roc_auc",
    "roc_auc",
    "log_loss",
    "brier",
    "r2",
}
"""Metrics that are a mean over columns: weights can be chosen column by column."""


def _by_form(form: Form, metric: str) -> list[str]:
    if form == "codes":
        return ["vote"]
    if form == "votes":
        return ["weights", "stack-linear", "stack-trees", "vote"]
    if form == "grades":
        return ["weights", "stack-linear", "median", "stack-trees", "trimmed-mean", "mean"]
    if form == "places":
        return ["stack-linear", "simplex", "median", "stack-trees", "trimmed-mean", "mean"]
    if form in ("classes", "soft"):
        return [
            "stack-linear",
            "geometric-mean",
            "simplex",
            "weights",
            "stack-trees",
            "median",
            "mean",
        ]
    if metric in _RANKED:
        ranked = ["rank-weights", "rank-average", "stack-linear", "weights", "weights-per-column"]
        return [*ranked, "stack-trees", "geometric-mean", "median", "mean"]
    if form == "shares":
        first = ["stack-linear", "simplex", "geometric-mean", "weights", "weights-per-column"]
        return [*first, "stack-trees", "median", "trimmed-mean", "mean"]
    last = ["stack-trees", "weights", "weights-per-column", "trimmed-mean", "mean"]
    if metric in _ABSOLUTE:
        return ["simplex", "median", "stack-linear", *last, "geometric-mean"]
    if metric in ("rmsle", "mean_columnwise_rmsle"):
        return ["geometric-mean", "stack-linear", "simplex", "median", *last]
    return ["stack-linear", "simplex", *last, "median", "geometric-mean"]


def _poor_families(brief: Brief, tried: Sequence[Tried]) -> set[str]:
    """Families whose best plan scored worse than another family's best, or never ran."""
    best: dict[str, float] = {}
    sign = 1.0 if brief.task.maximize else -1.0
    for attempt in tried:
        key = key_of(attempt.plan)
        worth = float("-inf") if attempt.score is None else sign * attempt.score
        family = _FAMILY.get(key, key)
        best[family] = max(best.get(family, float("-inf")), worth)
    top = max(best.values(), default=float("-inf"))
    return {family for family, worth in best.items() if worth < top or worth == float("-inf")}
