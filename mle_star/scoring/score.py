"""What predictions are worth: the harness's score, its error, the audit, the leakage alarm."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mle_star.scoring.order import height
from mle_star.scoring.predictions import Predictions, classes_of
from mle_star.scoring.problem import Invalid, Problem
from mle_star.state import Score
from mle_star.tasks import Metric, View, get_metric
from mle_star.tasks.formulas import codes
from mle_star.tasks.spec import Label, TaskSpec

DRAWS = 200
"""Bootstrap samples behind a standard error."""
BOOTSTRAP_ROWS = 2000
"""Rows of one bootstrap sample at most."""
ALARM = 3.0
"""Standard errors by which validation may be better than the audit rows before it is called a
leak."""
SLICES = 10
"""Consecutive slices of the scored rows from which drift is estimated where rows have a time."""
TINY = 1e-9
"""Distance from the perfect value that is still rounding."""


def metric_of(spec: TaskSpec) -> Metric:
    """The task's metric.

    Raises:
        TaskError: the user's own metric can't be loaded.
    """
    return get_metric(spec.metric, spec.folder, spec.direction)


def score_predictions(
    spec: TaskSpec, view: View, predictions: Predictions, printed: float | None = None
) -> Score | Problem:
    """Score predictions by the task's metric.

    ``value`` is the metric over all scored rows at once, so that it means the same for every number
    of folds. ``error`` is the standard deviation of the folds' metrics divided by the root of their
    number; where fewer than two folds have a value it is a bootstrap over rows. Folds in which the
    metric is undefined are left out.

    Args:
        spec: The task.
        view: The view that was predicted.
        predictions: Aligned predictions on it.
        printed: What the script claimed; carried along, never used.

    Returns:
        The score, or why there is none.
    """
    metric = metric_of(spec)
    fold_of = view.fold_of()
    truth = view.truth()[fold_of >= 0].reset_index(drop=True)
    fold_of = fold_of[fold_of >= 0]
    classes = classes_of(spec, truth)
    judge = Judge(metric, classes)
    truth, oof = judge.coded(truth), judge.coded(predictions.oof)
    try:
        value = judge.value(truth, oof)
    except Invalid as error:
        return error.problem
    parts = [np.flatnonzero(fold_of == fold) for fold in sorted(set(fold_of.tolist()))]
    folds = judge.parts(truth, oof, parts)
    spread_error = _fold_error(folds)
    if spread_error is None:
        spread_error = judge.bootstrap(truth, oof)
    score = Score(
        value=value,
        error=spread_error,
        folds=folds,
        audit=None,
        audit_error=None,
        printed=printed,
        alarm="",
    )
    audit = view.audit()
    if audit is not None:
        guess = judge.coded(predictions.test.iloc[audit.positions].reset_index(drop=True))
        hidden = judge.coded(audit.truth.reset_index(drop=True))
        try:
            score["audit"] = judge.value(hidden, guess)
            score["audit_error"] = judge.bootstrap(hidden, guess)
        except Invalid:
            pass  # undefined on so few rows: the trial keeps its validation score
    spread = _spread(spec, folds, judge, truth, oof)
    score["alarm"] = alarm(metric, score, spread)
    return score


def alarm(metric: Metric, score: Score, spread: float | None = None) -> str:
    """Say why a score looks like leakage; empty when it does not.

    Two signs are known: validation better than the audit rows by more than :data:`ALARM` standard
    errors of that difference, and a perfect validation that the audit rows do not confirm.

    Args:
        metric: The task's metric.
        score: The score so far.
        spread: Standard error of "one more fold" against the mean of the folds, where the audit
            rows are not drawn like the scored ones (a later slice of time, other groups). None:
            they are exchangeable, and the standard error of ``value`` is used.
    """
    value, audit = score["value"], score["audit"]
    if metric.perfect is not None and abs(value - metric.perfect) <= TINY:
        if audit is None:
            return f"validation {metric.name} is perfect ({value:g}) and no audit rows confirm it"
        if abs(audit - metric.perfect) > TINY:
            return (
                f"validation {metric.name} is perfect ({value:g}), but on the audit rows, which no "
                f"script ever saw, it is {audit:.6g}"
            )
        return ""
    if audit is None:
        return ""
    ahead = height(value, metric.direction) - height(audit, metric.direction)
    own = score["error"] if spread is None else spread
    unit = math.hypot(own, score["audit_error"] or 0.0)
    if ahead <= ALARM * unit or ahead <= TINY * max(1.0, abs(value)):
        return ""
    times = f"{ahead / unit:.1f}" if unit > 0 else "infinitely many"
    return (
        f"validation {metric.name} {value:.6g} is better than {audit:.6g} on the audit rows, which "
        f"no script ever saw, by {ahead:.3g}: {times} standard errors ({unit:.2g}) of the gap"
    )


class Judge:
    """A metric that answers with a finite number or says that it is undefined."""

    def __init__(self, metric: Metric, classes: Sequence[Label]) -> None:
        self.metric = metric
        self.classes = classes
        self._labels: Sequence[Label] = []
        own = ".py:" in metric.name  # only the registry's metrics look at classes by their place
        if not own and not all(isinstance(c, int | float) for c in classes):
            self._labels, self.classes = classes, range(len(classes))

    def coded(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Labels as the numbers of their classes where that changes nothing but the speed.

        Metrics look labels up one by one, 200 times over in a bootstrap, and numbers are found
        seven times faster than text. Columns of numbers are left alone.
        """
        if not self._labels:
            return frame
        text = [c for c in frame.columns if not pd.api.types.is_float_dtype(frame[c])]
        return frame.assign(**{c: codes(frame[c], self._labels) for c in text})

    def value(self, truth: pd.DataFrame, guess: pd.DataFrame) -> float:
        """Metric of (n, targets) against (n, prediction columns), rows by position.

        Raises:
            Invalid: it fails or is not finite.
        """
        try:
            with np.errstate(all="ignore"):
                value = float(self.metric.compute(truth, guess, self.classes))
        except Exception as error:  # noqa: BLE001 - a user's own metric may raise anything
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise Invalid(
                f"The metric {self.metric.name} can't be computed on these predictions: {reason}."
            ) from None
        if not math.isfinite(value):
            raise Invalid(f"The metric {self.metric.name} is undefined on these predictions.")
        return value

    def parts(
        self, truth: pd.DataFrame, guess: pd.DataFrame, parts: Sequence[np.ndarray]
    ) -> list[float]:
        """Metric of each group of rows (positions); groups where it is undefined are left out."""
        values = []
        true, guessed = _Rows(truth), _Rows(guess)
        for rows in parts:
            try:
                values.append(self.value(true.at(rows), guessed.at(rows)))
            except Invalid:
                continue
        return values

    def bootstrap(self, truth: pd.DataFrame, guess: pd.DataFrame) -> float:
        """Standard error by the bootstrap (Efron, Annals of Statistics 7 (1979), 1).

        Of many rows n only samples of m < n are drawn and their standard deviation is scaled by
        the root of m/n (Bickel, Götze and van Zwet, Statistica Sinica 7 (1997), 1), so that the
        cost does not grow with the data.
        """
        rows = len(truth)
        size = min(rows, BOOTSTRAP_ROWS)
        draws = np.random.default_rng(0).integers(rows, size=(DRAWS, size))
        values = self.parts(truth, guess, list(draws))
        if len(values) < 2:
            return 0.0
        return float(np.std(values, ddof=1) * math.sqrt(size / rows))


class _Rows:
    """Rows of a table, drawn many times over: ten times faster from an array than from a table."""

    def __init__(self, table: pd.DataFrame) -> None:
        self._table = table
        # Mixed types would become objects in one array.
        alike = table.shape[1] > 0 and len(set(table.dtypes)) == 1
        self._values = table.to_numpy() if alike and table.dtypes.iloc[0].kind in "iufb" else None

    def at(self, positions: np.ndarray) -> pd.DataFrame:
        if self._values is None:
            return self._table.iloc[positions]
        return pd.DataFrame(self._values[positions], columns=self._table.columns, copy=False)


def _fold_error(folds: Sequence[float]) -> float | None:
    """Standard error of the mean over folds; None where there are fewer than two."""
    if len(folds) < 2:
        return None
    return float(np.std(folds, ddof=1) / math.sqrt(len(folds)))


def _spread(
    spec: TaskSpec,
    folds: Sequence[float],
    judge: Judge,
    truth: pd.DataFrame,
    guess: pd.DataFrame,
) -> float | None:
    """How far one more part lies from the mean of k parts: s * sqrt(1 + 1/k), a prediction error.

    Used where the audit part is such a part of its own: the next slice of time, or other groups.
    The standard deviation s over two or three folds is itself too uncertain for a threshold of
    three (an honest script would ring on one task in ten), so time is cut into more slices.
    """
    if spec.time:
        slices = np.array_split(np.arange(len(truth)), SLICES)  # the rows are in order of time
        folds = judge.parts(truth, guess, [rows for rows in slices if len(rows)])
    elif spec.group is None:
        return None
    if len(folds) < 2:
        return None
    return float(np.std(folds, ddof=1) * math.sqrt(1 + 1 / len(folds)))
