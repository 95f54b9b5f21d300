"""Blends are too cautious: one number puts that right.

An average lies nearer to the middle than what it averages: the mean of several calibrated forecasts
is underconfident (Ranjan and Gneiting, "Combining probability forecasts", 2010). So probabilities
are taken to a power (temperature scaling, Guo et al. 2017), and numbers are stretched about their
mean; the factor is the one that the metric likes best on the out-of-fold predictions.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from mle_star.scoring.blend import blend_predictions
from mle_star.scoring.encoding import Mode
from mle_star.scoring.order import height
from mle_star.scoring.predictions import Predictions, classes_of
from mle_star.scoring.problem import Invalid, Problem
from mle_star.scoring.score import Judge, metric_of, score_predictions
from mle_star.scoring.selection import selected
from mle_star.tasks import View, loss_of
from mle_star.tasks.spec import TaskSpec

LEAST = 0.0003
"""Share of the loss that it must gain; less is noise."""
SURE = 1.5
"""Standard errors that the mean gain of the parts must be from nothing: a square error of outliers
likes what costs all other rows."""
PARTS = 5
"""Parts of the rows that the gain is looked at in as well, where there are not as many folds."""
PROBABILITIES = (0.6, 2.0)
"""Least and largest power."""
NUMBERS = (0.8, 1.25)
"""Least and largest stretch."""
POINTS = 9
"""Factors that are tried at once."""
EDGE = 1e-9
"""Distance that probabilities keep from 0 and 1, which no power moves."""


@dataclass(frozen=True)
class Sharpening:
    """How averaged predictions are moved away from the middle, or towards it."""

    factor: float
    """Power of probabilities, or stretch of numbers; 1 changes nothing."""
    middle: tuple[float, ...] = ()
    """Of each column of numbers; empty for probabilities."""
    low: tuple[float, ...] = ()
    """Least true value of each column: numbers fall below only as far as the average does."""
    high: tuple[float, ...] = ()
    """Largest true value of each column."""

    def apply(self, spec: TaskSpec, frame: pd.DataFrame) -> pd.DataFrame:
        """The predictions, moved; columns and rows stay as they are."""
        values = frame.to_numpy(dtype=float)
        if spec.prediction == "value":
            middle = np.array(self.middle)
            moved = middle + self.factor * (values - middle)
            low, high = np.minimum(values, self.low), np.maximum(values, self.high)
            values = np.clip(moved, low, high)
        elif spec.per_class:
            powers = np.clip(values, EDGE, 1) ** self.factor
            values = powers / powers.sum(axis=1, keepdims=True)
        else:
            inner = np.clip(values, EDGE, 1 - EDGE)
            values = inner**self.factor
            values = values / (values + (1 - inner) ** self.factor)
        return pd.DataFrame(values, columns=frame.columns, index=frame.index)


def sharpen(
    spec: TaskSpec,
    view: View,
    mode: Mode,
    weights: Sequence[float],
    members: Sequence[Predictions],
) -> tuple[Sharpening | None, float | None]:
    """How the members' weighted mean is sharpened, and what it is worth then.

    Returns:
        The sharpening, None where there is none; the metric out of fold, None where the mode is
        another one than ``mean`` or it has no value.
    """
    if mode != "mean":
        return None, None
    average = blend_predictions(spec, mode, weights, members, view)
    found = find_sharpening(spec, view, average)
    if found is not None:
        average = replace(average, oof=found.apply(spec, average.oof))
    score = score_predictions(spec, view, average)
    return found, None if isinstance(score, Problem) else score["value"]


def find_sharpening(spec: TaskSpec, view: View, average: Predictions) -> Sharpening | None:
    """The sharpening of averaged predictions that the metric likes best out of fold.

    Where rows have a time, a factor that is learnt on the earlier half must gain on the later one.

    Returns:
        The sharpening; None where it does not clearly gain, or where the metric looks at labels or
        at the order of the rows only.
    """
    metric = metric_of(spec)
    if spec.prediction == "label" or metric.rank_based:
        return None
    folds = view.fold_of()[view.fold_of() >= 0]
    truth = view.truth()[view.fold_of() >= 0].reset_index(drop=True)
    numeric = all(map(pd.api.types.is_numeric_dtype, truth.dtypes))
    if len(truth) < 2 * PARTS or (spec.prediction == "value" and not numeric):
        return None
    judge = Judge(metric, classes_of(spec, truth))
    fitting = _Fitting(spec, judge, judge.coded(truth), average.oof.reset_index(drop=True))
    rows = np.arange(len(truth))
    if spec.time:  # the rows are in its order
        early, late = np.array_split(rows, 2)
        if not fitting.gains(fitting.best(early), np.array_split(late, PARTS)):
            return None
    found = fitting.best(rows)
    ways = _partings(folds, in_time=bool(spec.time))
    return found if all(fitting.gains(found, parts) for parts in ways) else None


def _partings(folds: np.ndarray, *, in_time: bool) -> list[list[np.ndarray]]:
    """Ways to part the rows (positions): by fold, and where folds are few, evenly or by time."""
    rows, names = np.arange(len(folds)), np.unique(folds)
    ways = [[np.flatnonzero(folds == name) for name in names]] if len(names) > 1 else []
    if len(names) < PARTS:
        even = [rows[place::PARTS] for place in range(PARTS)]
        ways.append(np.array_split(rows, PARTS) if in_time else even)
    return ways


@dataclass(frozen=True)
class _Fitting:
    """Averaged predictions and what they are judged by."""

    spec: TaskSpec
    judge: Judge
    truth: pd.DataFrame
    guess: pd.DataFrame

    def best(self, rows: np.ndarray) -> Sharpening:
        """What the metric likes best on these rows, or on a sample of them."""
        bounds, plain = PROBABILITIES, Sharpening(1.0)
        if self.spec.prediction == "value":
            true, middle = self.truth.iloc[rows].astype(float), self.guess.iloc[rows].mean()
            columns = (tuple(map(float, found)) for found in (middle, true.min(), true.max()))
            bounds, plain = NUMBERS, Sharpening(1.0, *columns)
        sample = rows[selected(len(rows))]
        factor = _highest(lambda f: self.worth(replace(plain, factor=f), sample), *bounds)
        return replace(plain, factor=factor)

    def worth(self, sharpening: Sharpening, rows: np.ndarray) -> float:
        """The metric on these rows, higher is better; -inf where it has no value."""
        moved = sharpening.apply(self.spec, self.guess.iloc[rows])
        try:
            value = self.judge.value(self.truth.iloc[rows], moved)
        except Invalid:
            return -math.inf
        return height(value, self.spec.direction)

    def gains(self, found: Sharpening, parts: Sequence[np.ndarray]) -> bool:
        """Whether it gains on all the rows at once, and on their parts beyond chance."""
        plain, rows = replace(found, factor=1.0), np.concatenate(parts)
        before = self.worth(plain, rows)
        each = [self.worth(found, part) - self.worth(plain, part) for part in parts]
        if not all(map(math.isfinite, (before, *each))):
            return False
        least = LEAST * loss_of(self.spec.metric, height(before, self.spec.direction))
        error = statistics.stdev(each) / math.sqrt(len(each))
        return self.worth(found, rows) - before >= least and statistics.mean(each) >= SURE * error


def _highest(worth: Callable[[float], float], low: float, high: float) -> float:
    """Where a function of one peak is highest, on a grid that is refined twice."""
    best, least, most = 1.0, low, high
    for _ in range(3):
        best = max((best, *map(float, np.linspace(low, high, POINTS))), key=worth)
        width = (high - low) / (POINTS - 1)
        low, high = max(best - width, least), min(best + width, most)
    return round(best, 4)
