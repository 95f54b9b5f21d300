"""Blends are too cautious: one number puts that right.

An average lies nearer to the middle than what it averages: the mean of several calibrated forecasts
is underconfident (Ranjan and Gneiting, "Combining probability forecasts", 2010). So probabilities
are taken to a power (temperature scaling, Guo et al. 2017), and numbers are stretched about their
mean; the factor is the one that the metric likes best on the out-of-fold predictions.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mle_star.scoring.encoding import Mode
from mle_star.scoring.order import gain, height
from mle_star.scoring.predictions import Predictions, classes_of
from mle_star.scoring.problem import Invalid, Problem
from mle_star.scoring.score import Judge, metric_of, score_predictions
from mle_star.scoring.selection import selected
from mle_star.tasks import View, loss_of
from mle_star.tasks.spec import TaskSpec

LEAST = 0.0003
"""Share of the loss that it must gain; less is noise."""
SURE = 1.5
"""Standard errors that the mean gain of the folds must be from nothing: a square error of outliers
likes what costs all other rows."""
PROBABILITIES = (0.6, 2.0)
"""Least and largest power."""
NUMBERS = (0.8, 1.25)
"""Least and largest stretch."""
POINTS = 9
"""Factors that are tried at once."""
EDGE = 1e-9
"""Distance that probabilities keep from 0 and 1 while their logarithms are taken."""


@dataclass(frozen=True)
class Sharpening:
    """How averaged predictions are moved away from the middle, or towards it."""

    factor: float
    """Power of probabilities, or stretch of numbers; 1 changes nothing."""
    middle: tuple[float, ...] = ()
    """Of each column of numbers; empty for probabilities."""
    floor: float | None = None
    """What numbers may not fall below; None where they may be anything."""

    def apply(self, spec: TaskSpec, frame: pd.DataFrame) -> pd.DataFrame:
        """The predictions, moved; columns and rows stay as they are."""
        values = frame.to_numpy(dtype=float)
        if spec.prediction == "value":
            middle = np.array(self.middle)
            values = middle + self.factor * (values - middle)
            if self.floor is not None:
                values = np.maximum(values, self.floor)
        elif spec.per_class:
            powers = np.clip(values, EDGE, 1) ** self.factor
            values = powers / powers.sum(axis=1, keepdims=True)
        else:
            inner = np.clip(values, EDGE, 1 - EDGE)
            values = inner**self.factor
            values = values / (values + (1 - inner) ** self.factor)
        return pd.DataFrame(values, columns=frame.columns, index=frame.index)


def find_sharpening(
    spec: TaskSpec, view: View, mode: Mode, blended: Predictions
) -> Sharpening | None:
    """The sharpening that the metric likes best out of fold.

    Args:
        spec: The task.
        view: The view that was predicted.
        mode: How the members were combined.
        blended: What came of it.

    Returns:
        The sharpening; None where it hardly gains, or where the metric looks at labels or at the
        order of the rows only.
    """
    metric = metric_of(spec)
    if mode != "mean" or spec.prediction == "label" or metric.rank_based:
        return None
    truth = view.truth()[view.fold_of() >= 0].reset_index(drop=True)
    rows = selected(len(truth))
    judge = Judge(metric, classes_of(spec, truth))
    truth, guess = judge.coded(truth).iloc[rows], blended.oof.iloc[rows].reset_index(drop=True)
    numbers = spec.prediction == "value"
    if numbers and not all(map(pd.api.types.is_numeric_dtype, truth.dtypes)):
        return None
    middle = tuple(map(float, guess.mean())) if numbers else ()
    lowest = float(truth.to_numpy(dtype=float).min()) if numbers else 0.0
    floor = 0.0 if numbers and lowest >= 0 else None

    def worth(factor: float) -> float:
        moved = Sharpening(factor, middle, floor).apply(spec, guess)
        try:
            return height(judge.value(truth, moved), spec.direction)
        except Invalid:
            return -np.inf

    factor = _highest(worth, *(NUMBERS if numbers else PROBABILITIES))
    found = Sharpening(factor, middle, floor)
    return found if factor != 1 and _clearly_gains(spec, view, blended, found) else None


def _clearly_gains(spec: TaskSpec, view: View, blended: Predictions, found: Sharpening) -> bool:
    """Whether it gains on all scored rows at once, and on the folds one by one."""
    before = score_predictions(spec, view, blended)
    moved = replace(blended, oof=found.apply(spec, blended.oof))
    after = score_predictions(spec, view, moved)
    if isinstance(before, Problem) or isinstance(after, Problem):
        return False
    least = LEAST * loss_of(spec.metric, before["value"])
    pairs = list(zip(after["folds"], before["folds"], strict=False))
    gains = [height(a, spec.direction) - height(b, spec.direction) for a, b in pairs]
    if len(gains) > 1:
        error = statistics.stdev(gains) / math.sqrt(len(gains))
        if statistics.mean(gains) < SURE * error:
            return False
    return gain(after, before, spec.direction) >= least


def _highest(worth: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one peak is highest, on a grid that is refined twice."""
    best, least, most = 1.0, low, high
    for _ in range(3):
        best = max((best, *map(float, np.linspace(low, high, POINTS))), key=worth)
        width = (high - low) / (POINTS - 1)
        low, high = max(best - width, least), min(best + width, most)
    return round(best, 4)
