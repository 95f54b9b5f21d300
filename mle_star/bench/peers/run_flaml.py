"""FLAML's AutoML with its own defaults, searching on the task's metric.

FLAML fits the best model on all rows after its time budget is spent, so some seconds are kept.
Where its search takes more time than it was given, the best that it found by then is fitted.
"""

from __future__ import annotations

import _thread
import contextlib
import importlib
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # below: this folder is the first place that the interpreter searches
    from mle_star.bench.peers import peer_features, peer_job, peer_metrics, peer_tables
else:
    import peer_features
    import peer_job
    import peer_metrics
    import peer_tables

Array = npt.NDArray[Any]

METRICS = {
    "accuracy": "accuracy",
    "f1": "f1",
    "log_loss": "log_loss",
    "rmse": "rmse",
    "mse": "mse",
    "mae": "mae",
    "mape": "mape",
    "r2": "r2",
    "roc_auc": "roc_auc",
    "mean_columnwise_roc_auc": "roc_auc",
    "average_precision": "ap",
}
"""Metrics that FLAML has as well. It minimises them, those that should be large as 1 - value."""
_SEVERAL = {"f1_macro": "macro_f1", "f1_micro": "micro_f1"}
"""Over the classes of one target."""


def main() -> None:
    """Hand in."""
    data = peer_tables.load(peer_job.read_job())
    version = peer_job.version_of("flaml")
    peer_job.write_report(data.job, f"{version} (unfinished)")
    curve: list[tuple[float, float]] = []

    def one(problem: peer_tables.Problem, seconds: float) -> tuple[Array, float | None]:
        predicted, points = solve(data, problem, seconds)
        curve[:] = points
        return predicted, points[-1][1] if points else None

    validation = peer_tables.mean_of(list(peer_tables.target_by_target(data, one, reserve=1.0)))
    alone = len(data.problems) == 1
    peer_job.write_report(data.job, version, validation, curve if alone else ())


def solve(
    data: peer_tables.Data, problem: peer_tables.Problem, seconds: float
) -> tuple[Array, list[tuple[float, float]]]:
    """Predictions for the test rows, and (seconds since the start, best validation so far)."""
    job, task = data.job, problem.task
    end = job.elapsed() + seconds
    module = importlib.import_module("flaml")
    rows, test = peer_features.prepare(problem.rows, data.test)
    name = known_metric(problem)
    log = job.out / "flaml.log"
    log.unlink(missing_ok=True)
    settings = {
        "X_train": rows,
        "y_train": problem.y,
        "task": "regression" if problem.seen is None else "classification",
        "n_jobs": job.cores,
        "log_file_name": str(log),
        **splitting(problem),
    }
    automl = module.AutoML()
    searching = job.elapsed()
    try:
        with overtime(end - searching):
            automl.fit(
                metric=name or own_metric(data, problem),
                time_budget=max(1.0, end - searching - margin(seconds)),
                seed=job.seed,
                verbose=1,
                **settings,
            )
    except TimeoutError:
        if not read_log(log):
            return problem.constant(len(test)), []
        automl = module.AutoML()
        automl.retrain_from_log(train_best=True, train_full=True, **settings)

    def value(loss: float) -> float:
        if not task.maximize:
            return loss
        return 1 - loss if name else -loss

    points = [(searching + at, value(loss)) for at, loss in read_log(log)]
    log.unlink(missing_ok=True)
    return outputs(automl, problem, test), points


def splitting(problem: peer_tables.Problem) -> dict[str, Any]:
    """How FLAML splits rows that are not exchangeable."""
    if problem.task.time:
        return {"split_type": "time"}
    if problem.groups is not None and problem.groups.nunique() >= 10:
        return {"split_type": "group", "groups": problem.groups.astype(str).to_numpy()}
    return {}


@contextlib.contextmanager
def overtime(seconds: float) -> Iterator[None]:
    """Raise TimeoutError after so many seconds: a trial of FLAML's may last long beyond its time.

    It may be raised a little later, when the code of a library in C is through.
    """
    rang = threading.Event()

    def ring() -> None:
        rang.set()
        _thread.interrupt_main()

    timer = threading.Timer(max(seconds, 0.0), ring)
    timer.daemon = True
    timer.start()
    try:
        yield
    except KeyboardInterrupt:
        if not rang.is_set():
            raise
        raise TimeoutError from None
    finally:
        timer.cancel()


def margin(seconds: float) -> float:
    """Seconds for the last fit on all rows and the predictions."""
    return max(1.5, 0.12 * seconds)


def known_metric(problem: peer_tables.Problem) -> str | None:
    """FLAML's name of the task's metric; None where it needs a function."""
    task = problem.task
    classes = 0 if problem.seen is None else len(problem.seen)
    name = METRICS.get(task.metric)
    if task.metric in _SEVERAL:
        name = "f1" if task.kind == "multilabel" else _SEVERAL[task.metric]
    if name == "roc_auc" and classes > 2:
        return "roc_auc_ovr"
    return None if name in ("ap", "f1") and classes > 2 else name


def own_metric(
    data: peer_tables.Data, problem: peer_tables.Problem
) -> Callable[..., tuple[float, dict[str, float]]]:
    """The task's metric as FLAML takes functions: (loss, values to log)."""

    def metric(
        X_val: Any, y_val: Any, estimator: Any, *rest: Any, **named: Any
    ) -> tuple[float, dict[str, float]]:
        truth = problem.true(problem.y.__class__(np.asarray(y_val)))
        found = peer_metrics.score(
            problem.task, truth, outputs(estimator, problem, X_val), data.job.public
        )
        if found is None:
            return float("inf"), {}
        return -found if problem.task.maximize else found, {"value": found}

    return metric


def outputs(model: Any, problem: peer_tables.Problem, table: Any) -> Array:
    """Prediction columns of a fitted model."""
    if problem.seen is None:
        return np.asarray(model.predict(table), dtype=float).reshape(-1, 1)
    if problem.task.prediction == "label":
        return problem.from_labels(np.asarray(model.predict(table)).ravel())
    return problem.from_probabilities(np.asarray(model.predict_proba(table)))


def read_log(path: Path) -> list[tuple[float, float]]:
    """(seconds of search, loss) of each trial that was better than those before."""
    if not path.is_file():
        return []
    points: list[tuple[float, float]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            entry = json.loads(line)
            at, loss = float(entry["wall_clock_time"]), float(entry["validation_loss"])
        except (ValueError, KeyError, TypeError):
            continue
        if not points or loss < points[-1][1]:
            points.append((at, loss))
    return points


if __name__ == "__main__":
    main()
