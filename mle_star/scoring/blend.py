"""Ensembles computed from predictions: greedy selection, averages, ranks and votes.

Every way of combining is linear between an encoding and a decoding: predictions are encoded as
numbers (themselves, their ranks, or one-hot votes), averaged with the members' weights, and decoded
again. So the greedy search only ever adds one encoded member to a running sum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from mle_star.scoring.order import better, height
from mle_star.scoring.predictions import Predictions, classes_of
from mle_star.scoring.problem import Invalid, Problem
from mle_star.scoring.score import Judge, metric_of, score_predictions
from mle_star.scoring.values import label_array
from mle_star.state import Score
from mle_star.tasks import View
from mle_star.tasks.spec import Label, TaskSpec

Mode = Literal["mean", "rank", "vote", "round"]
"""mean of values or probabilities; mean of their ranks; weighted vote over labels; mean of numeric
labels, rounded to the nearest class."""

STEPS = 25
"""Members the greedy search adds at most, repeats counted."""
PATIENCE = 5
"""Steps in a row that bring no better ensemble before the search ends."""
POOL = 30
"""Members it chooses from: the best single ones."""
SELECTION_ROWS = 10_000
"""Scored rows the search looks at; the result is scored on all."""
TIE = 1e-6
"""Each member's vote counts this much less than the one before, so that ties go to the earlier
member."""


@dataclass(frozen=True)
class Blend:
    """A combination of members and what it is worth."""

    weights: list[float]
    """One per given member, in their order, summing to 1; 0 for those left out."""
    mode: Mode
    score: Score
    predictions: Predictions


def modes(spec: TaskSpec) -> list[Mode]:
    """Ways of combining that suit the task, the plainest first."""
    if spec.prediction == "label":
        numeric = all(isinstance(c, int | float) for c in spec.classes) and bool(spec.classes)
        return ["vote", "round"] if spec.kind == "ordinal" and numeric else ["vote"]
    ranked = metric_of(spec).rank_based and not spec.per_class
    return ["mean", "rank"] if ranked else ["mean"]


def average_blend(spec: TaskSpec, view: View, members: Sequence[Predictions]) -> Blend | Problem:
    """All members with equal weight, combined in whichever mode scores best."""
    equal = [1 / len(members)] * len(members)
    return _best(spec, view, members, {mode: equal for mode in modes(spec)})


def greedy_blend(
    spec: TaskSpec, view: View, members: Sequence[Predictions], steps: int = STEPS, pool: int = POOL
) -> Blend | Problem:
    """Greedy ensemble selection with replacement on out-of-fold predictions.

    Caruana, Niculescu-Mizil, Crew and Ksikes, "Ensemble selection from libraries of models", ICML
    2004. From nothing, the member that improves the average most is added, up to ``steps`` times,
    and the best ensemble on the way is kept (the best single member is the first of them).

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
    rows = _selection(len(truth))
    judge = Judge(metric_of(spec), classes_of(spec, truth))
    truth = judge.coded(truth)
    chosen = {
        mode: weights
        for mode in modes(spec)
        if (weights := _select(spec, mode, judge, truth.iloc[rows], members, rows, steps, pool))
    }
    if not chosen:
        return Problem("No member can be scored by the task's metric.")
    return _best(spec, view, members, chosen)


def blend_predictions(
    spec: TaskSpec, mode: Mode, weights: Sequence[float], members: Sequence[Predictions]
) -> Predictions:
    """Combine the members' predictions; the weights are scaled to sum to 1."""
    kept = [(w, n, m) for n, (w, m) in enumerate(zip(weights, members, strict=True)) if w > 0]
    if not kept:
        raise ValueError("A blend needs at least one positive weight.")
    total = sum(w for w, _, _ in kept)
    classes = _classes(spec, members)

    def combine(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
        parts = zip(kept, frames, strict=True)
        mean = sum(w / total * _encode(mode, frame, classes, n) for (w, n, _), frame in parts)
        return _decode(mode, np.asarray(mean), spec.prediction_columns, classes)

    return Predictions(combine([m.oof for _, _, m in kept]), combine([m.test for _, _, m in kept]))


def correlation(spec: TaskSpec, members: Sequence[Predictions]) -> np.ndarray:
    """Pearson correlation of the members' out-of-fold predictions, (members, members).

    Columns are standardised first, so that each counts the same; labels are compared as one-hot
    columns. A member that does not vary correlates 0 with the others.
    """
    mode: Mode = "vote" if spec.prediction == "label" else "mean"
    classes = _classes(spec, members)
    rows = []
    for member in members:
        values = _encode(mode, member.oof, classes, 0)
        spread = values.std(axis=0)
        values = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
        norm = np.linalg.norm(values)
        rows.append((values / norm if norm > 0 else values).ravel())
    stack = np.stack(rows)
    matrix = np.clip(stack @ stack.T, -1.0, 1.0)
    np.fill_diagonal(matrix, 1.0)
    return np.asarray(matrix)


def _best(
    spec: TaskSpec, view: View, members: Sequence[Predictions], weights: dict[Mode, list[float]]
) -> Blend | Problem:
    """Score every mode on all rows and keep the best; the earlier of equals."""
    best: Blend | None = None
    problem = Problem("There is nothing to blend.")
    for mode, shares in weights.items():
        predictions = blend_predictions(spec, mode, shares, members)
        score = score_predictions(spec, view, predictions)
        if isinstance(score, Problem):
            problem = score
        elif best is None or better(score, best.score, spec.direction):
            best = Blend(shares, mode, score, predictions)
    return best or problem


def _select(
    spec: TaskSpec,
    mode: Mode,
    judge: Judge,
    truth: pd.DataFrame,
    members: Sequence[Predictions],
    rows: np.ndarray,
    steps: int,
    pool: int,
) -> list[float]:
    """Weights found by the greedy search in one mode; empty when no member can be scored."""
    classes = _classes(spec, members)

    def worth(mean: np.ndarray) -> float:
        try:
            guess = _decode(mode, mean, spec.prediction_columns, judge.classes)
            return height(judge.value(truth, guess), spec.direction)
        except Invalid:
            return -np.inf

    encoded = [
        _encode(mode, m.oof.iloc[rows].reset_index(drop=True), classes, n)
        for n, m in enumerate(members)
    ]
    single = [worth(values) for values in encoded]
    order = sorted(range(len(members)), key=lambda n: -single[n])[:pool]
    order = [n for n in order if single[n] > -np.inf]
    counts = np.zeros(len(members))
    total = np.zeros_like(encoded[0])
    best, best_counts, last = -np.inf, counts, 0
    for step in range(steps if order else 0):
        tried = [
            single[n] if step == 0 else worth((total + encoded[n]) / (step + 1)) for n in order
        ]
        pick = int(np.argmax(tried))
        total = total + encoded[order[pick]]
        counts = counts.copy()
        counts[order[pick]] += 1
        if tried[pick] > best:
            best, best_counts, last = tried[pick], counts, step
        elif step - last >= PATIENCE:
            break
    return [float(c) for c in best_counts / best_counts.sum()] if order else []


def _selection(rows: int) -> np.ndarray:
    """Scored rows the search looks at."""
    if rows <= SELECTION_ROWS:
        return np.arange(rows)
    return np.sort(np.random.default_rng(0).choice(rows, SELECTION_ROWS, replace=False))


def _classes(spec: TaskSpec, members: Sequence[Predictions]) -> Sequence[Label]:
    if spec.classes or spec.prediction != "label":
        return spec.classes
    return classes_of(spec, pd.concat([m.oof for m in members], ignore_index=True))


def _encode(mode: Mode, frame: pd.DataFrame, classes: Sequence[Label], number: int) -> np.ndarray:
    """Numbers to average, (rows, width); ``number``, the member's place, breaks ties of a vote."""
    if mode == "rank":
        return frame.rank(pct=True).to_numpy(dtype=float)
    if mode != "vote":
        return frame.to_numpy(dtype=float)
    codes = {label: code for code, label in enumerate(classes)}
    votes = np.zeros((len(frame), frame.shape[1], len(classes)))
    for i, column in enumerate(frame.columns):
        votes[np.arange(len(frame)), i, frame[column].map(codes).to_numpy(dtype=int)] = (
            1 - TIE * number
        )
    return votes.reshape(len(frame), -1)


def _decode(
    mode: Mode, mean: np.ndarray, columns: Sequence[str], classes: Sequence[Label]
) -> pd.DataFrame:
    """Predictions from averaged numbers."""
    if mode == "vote":
        winners = mean.reshape(len(mean), len(columns), -1).argmax(axis=2)
        mean = label_array(classes)[winners]
    elif mode == "round":
        scale = label_array(classes)
        numbers = scale.astype(float)
        mean = scale[np.digitize(mean, (numbers[1:] + numbers[:-1]) / 2)]
    return pd.DataFrame(mean, columns=list(columns))
