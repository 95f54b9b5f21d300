"""Ensembles computed from predictions: greedy selection, averages, ranks and votes.

Every way of combining is linear between an encoding and a decoding: predictions are encoded as
numbers (themselves, their ranks, one-hot votes, or what labels were cut from), averaged with the
members' weights, and decoded again. So the greedy search only ever adds one encoded member to a
running sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mle_star.scoring.encoding import Mode, decode, encode, modes
from mle_star.scoring.order import better, height
from mle_star.scoring.predictions import Predictions, classes_of
from mle_star.scoring.problem import Invalid, Problem
from mle_star.scoring.score import Judge, metric_of, score_predictions
from mle_star.scoring.selection import POOL, STEPS, greedy_weights, selected
from mle_star.scoring.soft import half_way, true_codes
from mle_star.scoring.soft_blend import (
    cut_best,
    cut_for,
    cut_half_way,
    fit,
    soft_mean,
    suits_half_way,
)
from mle_star.scoring.values import label_array
from mle_star.state import Score
from mle_star.tasks import View
from mle_star.tasks.spec import Label, TaskSpec


@dataclass(frozen=True)
class Blend:
    """A combination of members and what it is worth."""

    weights: list[float]
    """One per given member, in their order, summing to 1; 0 for those left out."""
    mode: Mode
    score: Score
    predictions: Predictions


def average_blend(
    spec: TaskSpec, view: View, members: Sequence[Predictions], only: Sequence[Mode] = ()
) -> Blend | Problem:
    """All members with equal weight, combined in whichever mode scores best.

    Modes that need soft predictions are tried where all members have them. ``only`` names the modes
    that may be; without it all may.
    """
    equal = [1 / len(members)] * len(members)
    tried: list[Mode] = [*modes(spec), *(_soft_modes(spec) if _all_soft(members) else [])]
    return _best(spec, view, members, [(m, equal) for m in tried if not only or m in only])


def greedy_blend(
    spec: TaskSpec, view: View, members: Sequence[Predictions], steps: int = STEPS, pool: int = POOL
) -> Blend | Problem:
    """Greedy ensemble selection with replacement on out-of-fold predictions, in the best mode.

    Labels are voted on by all members. Where two members or more have soft predictions, those are
    averaged as well, and the better of both counts.

    Args:
        spec: The task.
        view: The view the members predicted.
        members: At least one member's predictions.
        steps: Members to add at most.
        pool: Members to choose from: the best ones on their own.

    Returns:
        The blend, or why no member can be scored.
    """
    truth = view.truth()[view.fold_of() >= 0].reset_index(drop=True)
    rows = selected(len(truth))
    judge = Judge(metric_of(spec), classes_of(spec, truth))
    truth = judge.coded(truth).iloc[rows]

    def worth(guess: pd.DataFrame) -> float:
        try:
            return height(judge.value(truth, guess), spec.direction)
        except Invalid:
            return -np.inf

    classes = _classes(spec, members)
    frames = [m.oof.iloc[rows].reset_index(drop=True) for m in members]
    chosen: list[tuple[Mode, list[float]]] = []
    for mode in modes(spec):

        def decoded(mean: np.ndarray, mode: Mode = mode) -> float:
            return worth(decode(mode, mean, spec.prediction_columns, judge.classes))

        encoded = [encode(mode, frame, classes, n) for n, frame in enumerate(frames)]
        chosen.append((mode, greedy_weights(encoded, decoded, steps, pool)))
    if spec.prediction == "label":
        chosen += _soft_chosen(spec, view, members, rows, judge.classes, worth, steps, pool)
    chosen = [(mode, weights) for mode, weights in chosen if weights]
    if not chosen:
        return Problem("No member can be scored by the task's metric.")
    return _best(spec, view, members, chosen)


def blend_predictions(
    spec: TaskSpec,
    mode: Mode,
    weights: Sequence[float],
    members: Sequence[Predictions],
    view: View | None = None,
) -> Predictions:
    """Combine the members' predictions; the weights are scaled to sum to 1.

    Mode ``cut`` learns where to cut and needs the ``view`` that was predicted.
    """
    kept = [(w, n, m) for n, (w, m) in enumerate(zip(weights, members, strict=True)) if w > 0]
    if not kept:
        raise ValueError("A blend needs at least one positive weight.")
    if mode == "soft":
        return cut_half_way(spec, soft_mean(weights, members))
    if mode == "cut":
        cut = cut_for(spec)
        if cut is None or view is None:
            raise ValueError("Where to cut is learnt on a view, by a metric of the registry.")
        return cut_best(spec, view, soft_mean(weights, members), cut)
    total = sum(w for w, _, _ in kept)
    classes = _classes(spec, members)

    def combine(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        parts = zip(kept, frames, strict=True)
        mean = sum(w / total * encode(mode, frame, classes, n) for (w, n, _), frame in parts)
        return decode(mode, np.asarray(mean), spec.prediction_columns, classes)

    return Predictions(combine([m.oof for _, _, m in kept]), combine([m.test for _, _, m in kept]))


def correlation(spec: TaskSpec, members: Sequence[Predictions]) -> np.ndarray:
    """Pearson correlation of the members' out-of-fold predictions, (members, members).

    Columns are standardised first, so that each counts the same; labels are compared as one-hot
    columns, or by what they were cut from where all members tell it. A member that does not vary
    correlates 0 with the others.
    """
    mode: Mode = "vote" if spec.prediction == "label" else "mean"
    classes, soft = _classes(spec, members), _all_soft(members)
    rows = []
    for member in members:
        if soft and member.soft is not None:
            values = member.soft.oof
        else:
            values = encode(mode, member.oof, classes, 0)
        spread = values.std(axis=0)
        values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        norm = np.linalg.norm(values)
        rows.append((values / norm if norm > 0 else values).ravel())
    stack = np.stack(rows)
    matrix = np.clip(stack @ stack.T, -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


def _best(
    spec: TaskSpec,
    view: View,
    members: Sequence[Predictions],
    chosen: Sequence[tuple[Mode, list[float]]],
) -> Blend | Problem:
    """Score every choice on all rows and keep the best; the earlier of equals."""
    best: Blend | None = None
    problem = Problem("There is nothing to blend.")
    for mode, shares in chosen:
        predictions = blend_predictions(spec, mode, shares, members, view)
        score = score_predictions(spec, view, predictions)
        if isinstance(score, Problem):
            problem = score
        elif best is None or better(score, best.score, spec.direction):
            best = Blend(shares, mode, score, predictions)
    return best or problem


def _soft_modes(spec: TaskSpec) -> list[Mode]:
    if cut_for(spec) is None:
        return ["soft"]
    return ["soft", "cut"] if suits_half_way(spec) else ["cut"]


def _all_soft(members: Sequence[Predictions]) -> bool:
    return all(member.soft is not None for member in members)


def _soft_chosen(
    spec: TaskSpec,
    view: View,
    members: Sequence[Predictions],
    rows: np.ndarray,
    classes: Sequence[Label],
    worth: Callable[[pd.DataFrame], float],
    steps: int,
    pool: int,
) -> list[tuple[Mode, list[float]]]:
    """Modes and weights for members with soft predictions; none where fewer than two have any.

    The weights are chosen by the metric, or by the fit where labels cut half way don't suit it.
    """
    places = [n for n, member in enumerate(members) if member.soft is not None]
    truth = true_codes(spec, view)[rows] if len(places) > 1 else np.full((1, 1), -1)
    if truth.min() < 0:  # a label is missing
        return []
    encoded = [member.soft.oof[rows] for member in members if member.soft is not None]
    labels, names = label_array(classes), list(spec.prediction_columns)

    def half_way_worth(mean: np.ndarray) -> float:
        return worth(pd.DataFrame(labels[half_way(spec, mean)], columns=names))

    def fit_worth(mean: np.ndarray) -> float:
        return fit(spec, truth, mean)

    criterion = half_way_worth if suits_half_way(spec) else fit_worth
    weights = greedy_weights(encoded, criterion, steps, pool)
    shares = _spread(weights, places, len(members)) if weights else []
    return [(mode, shares) for mode in _soft_modes(spec)]


def _spread(weights: Sequence[float], places: Sequence[int], count: int) -> list[float]:
    """The weights of some members as weights of all."""
    shares = [0.0] * count
    for place, weight in zip(places, weights, strict=True):
        shares[place] = weight
    return shares


def _classes(spec: TaskSpec, members: Sequence[Predictions]) -> Sequence[Label]:
    if spec.classes or spec.prediction != "label":
        return spec.classes
    return classes_of(spec, pd.concat([m.oof for m in members], ignore_index=True))
