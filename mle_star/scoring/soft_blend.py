"""Averages of soft predictions, cut into labels once.

Labels are cut half way, or where the metric is best. For accuracy weights are chosen by the metric;
for metrics that half way does not suit (F1, kappa, ...) it is no guide before the cut is learnt,
and they are chosen by how well the average fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mle_star.scoring import cutting
from mle_star.scoring.predictions import Predictions
from mle_star.scoring.soft import Soft, as_labels, first_grade, half_way, soft_form, true_codes
from mle_star.tasks import View
from mle_star.tasks.spec import TaskSpec

MOST_CLASSES = 50
"""With more of them there are too few rows of each to say where to cut."""
PARTS = 5
"""Parts of a single hold-out that are cut by what the others teach."""
_CRITERIA: dict[str, cutting.Criterion] = {
    "accuracy": cutting.accuracy,
    "balanced_accuracy": cutting.balanced_accuracy,
    "f1": cutting.f1,
    "f1_macro": cutting.f1_macro,
    "f1_micro": cutting.accuracy,
    "f1_weighted": cutting.f1_weighted,
    "mcc": cutting.mcc,
    "quadratic_weighted_kappa": cutting.quadratic_weighted_kappa,
}


@dataclass(frozen=True)
class Cut:
    """How averaged soft predictions are cut where the metric is best."""

    learn: cutting.Learn
    apply: cutting.Apply
    criterion: cutting.Criterion


def cut_for(spec: TaskSpec) -> Cut | None:
    """The way to cut that suits the task; None where labels are cut half way.

    In time order later folds must not teach earlier ones, and the user's own metric is known to the
    harness alone.
    """
    criterion, form = _CRITERIA.get(spec.metric), soft_form(spec)
    if criterion is None or form is None or spec.time or len(spec.classes) > MOST_CLASSES:
        return None
    if form == "shares" and spec.metric.startswith("f1"):
        criterion = cutting.f1  # of each target's second class
    if form == "grades":
        return Cut(cutting.learn_cuts, cutting.apply_cuts, criterion)
    if len(spec.classes) == 2:
        return Cut(cutting.learn_threshold, cutting.apply_cuts, criterion)
    return Cut(cutting.learn_weights, cutting.apply_weights, criterion)


def suits_half_way(spec: TaskSpec) -> bool:
    """Whether the most probable labels are the best guess, or nothing can be learnt anyway."""
    return cut_for(spec) is None or spec.metric in ("accuracy", "f1_micro")


def parts_of(view: View) -> np.ndarray:
    """Part of each scored row: what is learnt for one comes from the others.

    The folds, or :data:`PARTS` parts of a single hold-out.
    """
    folds = view.fold_of()[view.fold_of() >= 0]
    return folds if len(np.unique(folds)) > 1 else np.arange(len(folds)) % PARTS


def soft_mean(weights: Sequence[float], members: Sequence[Predictions]) -> Soft:
    """Weighted mean of the members that have a weight; all of these have soft predictions."""
    parts = [(w, m.soft) for w, m in zip(weights, members, strict=True) if w > 0 and m.soft]
    total = sum(w for w, _ in parts)
    return Soft(
        np.sum([w / total * soft.oof for w, soft in parts], axis=0),
        np.sum([w / total * soft.test for w, soft in parts], axis=0),
    )


def cut_half_way(spec: TaskSpec, mean: Soft) -> Predictions:
    """The most probable or nearest labels."""
    oof, test = (as_labels(spec, half_way(spec, values)) for values in (mean.oof, mean.test))
    return Predictions(oof, test, soft=mean)


def cut_best(spec: TaskSpec, view: View, mean: Soft, cut: Cut) -> Predictions:
    """Labels cut where the metric is best: for a fold, by what the other folds teach.

    Test rows are cut by what all scored rows teach.
    """
    truth, classes = true_codes(spec, view), len(spec.classes)
    parts = parts_of(view)
    oof = cutting.cross_cut(cut.learn, cut.apply, mean.oof, truth, parts, classes, cut.criterion)
    learnt = cutting.learn_from(cut.learn, mean.oof, truth, classes, cut.criterion)
    return Predictions(
        as_labels(spec, oof), as_labels(spec, cut.apply(mean.test, learnt)), soft=mean
    )


def fit(spec: TaskSpec, truth: np.ndarray, values: np.ndarray) -> float:
    """How well soft predictions fit, higher is better.

    Minus the mean squared error of grades, else the mean log likelihood.

    Args:
        spec: The task.
        truth: (rows, targets), places of the labels among the classes.
        values: (rows, width), soft predictions of these rows.
    """
    if soft_form(spec) == "grades":
        return -float(np.mean((values - first_grade(spec) - truth) ** 2))
    if values.shape[1] > truth.shape[1]:
        values = values[np.arange(len(values)), truth[:, 0]]
    else:
        values = np.where(truth == 1, values, 1 - values)
    return float(np.mean(np.log(np.clip(values, 1e-6, 1))))
