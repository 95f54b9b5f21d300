"""XGBoost or LightGBM as they come: default parameters, plain encodings.

A fifth of the rows (the latest where time counts, whole groups where there are groups) gives the
validation score; then the model is fitted on all rows.
"""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:  # below: this folder is the first place that the interpreter searches
    from mle_star.bench.peers import peer_features, peer_job, peer_metrics, peer_tables
else:
    import peer_features
    import peer_job
    import peer_metrics
    import peer_tables

Array = npt.NDArray[Any]
_SHARE = 0.2


def main() -> None:
    """Hand in."""
    data = peer_tables.load(peer_job.read_job())
    library = str(data.job.options.get("library", "xgboost"))
    version = peer_job.version_of(library)
    peer_job.write_report(data.job, f"{version} (unfinished)")

    def one(problem: peer_tables.Problem, seconds: float) -> tuple[Array, float | None]:
        return solve(data, problem, library, seconds)

    scores = list(peer_tables.target_by_target(data, one, reserve=1.0))
    validation = peer_tables.mean_of(scores)
    curve = [] if validation is None else [(data.job.elapsed(), validation)]
    peer_job.write_report(data.job, version, validation, curve)


def solve(
    data: peer_tables.Data, problem: peer_tables.Problem, library: str, seconds: float
) -> tuple[Array, float | None]:
    """Predictions for the test rows, and the score on the rows held out."""
    begun = time.monotonic()
    rows, test = peer_features.prepare(problem.rows, data.test)
    rows, test = peer_features.numbers(rows), peer_features.numbers(test)
    fitted, held = hold_out(problem, bool(data.job.task.time), data.job.seed)
    validation = None
    predicted = problem.constant(len(test))
    if len(held):
        model = fit(data, problem, library, rows.iloc[fitted], problem.y.iloc[fitted])
        truth = problem.true(problem.y.iloc[held])
        validation = peer_metrics.score(
            problem.task, truth, model(rows.iloc[held]), data.job.public
        )
        predicted = model(test)
        data.hand_in(problem, predicted)
    spent = time.monotonic() - begun
    if spent * (2 + _SHARE) < seconds:  # as much again, and a quarter more rows
        predicted = fit(data, problem, library, rows, problem.y)(test)
    return predicted, validation


def fit(
    data: peer_tables.Data,
    problem: peer_tables.Problem,
    library: str,
    rows: pd.DataFrame,
    y: pd.Series,
) -> Any:
    """A default model; returns a function from a table to prediction columns."""
    module = importlib.import_module(library)
    kind = "Regressor" if problem.seen is None else "Classifier"
    settings: dict[str, Any] = {"n_jobs": data.job.cores, "random_state": data.job.seed}
    settings |= {"verbose": -1} if library == "lightgbm" else {"enable_categorical": True}
    model = getattr(module, {"xgboost": "XGB", "lightgbm": "LGBM"}[library] + kind)(**settings)
    if problem.seen is None:
        model.fit(rows, y)
        return lambda table: np.asarray(model.predict(table), dtype=float)[:, None]
    # The rows at hand may lack a class.
    known, positions = np.unique(y, return_inverse=True)
    classes = len(problem.seen)
    if len(known) < 2:
        only = np.eye(classes)[known[0]]
        return lambda table: problem.from_probabilities(np.tile(only, (len(table), 1)))
    model.fit(rows, positions)

    def predict(table: pd.DataFrame) -> Array:
        chances = np.zeros((len(table), classes))
        chances[:, known] = model.predict_proba(table)
        return problem.from_probabilities(chances)

    return predict


def hold_out(problem: peer_tables.Problem, ordered: bool, seed: int) -> tuple[Array, Array]:
    """Positions of the rows to fit on and to judge on; none to judge on where there are few."""
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    everything = np.arange(len(problem.y))
    cut = len(everything) - int(_SHARE * len(everything))
    if len(everything) < 10:
        return everything, everything[:0]
    if ordered:
        return everything[:cut], everything[cut:]
    if problem.groups is not None and problem.groups.nunique() > 1:
        splitter = GroupShuffleSplit(1, test_size=_SHARE, random_state=seed)
        fitted, held = next(splitter.split(everything, groups=problem.groups.astype(str)))
        return fitted, held
    counts = problem.y.value_counts()
    usable = problem.seen is not None and counts.min() > 1
    usable = usable and int(_SHARE * len(everything)) >= len(counts)
    fitted, held = train_test_split(
        everything,
        test_size=_SHARE,
        random_state=seed,
        stratify=problem.y if usable else None,
    )
    return fitted, held


if __name__ == "__main__":
    main()
