"""Predictions as numbers that can be averaged, and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from mle_star.scoring.score import metric_of
from mle_star.scoring.values import label_array
from mle_star.tasks.spec import Label, TaskSpec

Mode = Literal["mean", "rank", "vote", "round", "soft", "cut"]
"""mean of values or probabilities; mean of their ranks; weighted vote over labels; mean of numeric
labels, rounded to the nearest class; mean of soft predictions, cut half way; the same, cut where
the metric is best."""

TIE = 1e-6
"""Each member's vote counts this much less than the one before, so that ties go to the earlier
member."""


def modes(spec: TaskSpec) -> list[Mode]:
    """Ways of combining what is handed in that suit the task, the plainest first."""
    if spec.prediction == "label":
        numeric = all(isinstance(c, int | float) for c in spec.classes) and bool(spec.classes)
        return ["vote", "round"] if spec.kind == "ordinal" and numeric else ["vote"]
    ranked = metric_of(spec).rank_based and not spec.per_class
    return ["mean", "rank"] if ranked else ["mean"]


def encode(mode: Mode, frame: pd.DataFrame, classes: Sequence[Label], number: int) -> np.ndarray:
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


def decode(
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
