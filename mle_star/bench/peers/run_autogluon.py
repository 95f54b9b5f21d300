"""AutoGluon's TabularPredictor with one of its presets, judged by the task's metric.

Where groups count, a bagging preset gets blocks of whole groups as its folds; one without bagging
gets the later rows, or some whole groups, as its tuning data. In time order a bagging preset keeps
its own folds, as its users have them: with blocks of time as folds it can't use a forest's rows out
of the bag, and on 33,000 rows it had no model after two minutes in any of three runs; with its own
it had one in two of three.
"""

from __future__ import annotations

import importlib
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:  # below: this folder is the first place that the interpreter searches
    from mle_star.bench.peers import peer_job, peer_metrics, peer_tables
else:
    import peer_job
    import peer_metrics
    import peer_tables

Array = npt.NDArray[Any]

METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced_accuracy",
    "f1": "f1",
    "f1_macro": "f1_macro",
    "f1_micro": "f1_micro",
    "f1_weighted": "f1_weighted",
    "mcc": "mcc",
    "quadratic_weighted_kappa": "quadratic_kappa",
    "roc_auc": "roc_auc",
    "mean_columnwise_roc_auc": "roc_auc",
    "average_precision": "average_precision",
    "log_loss": "log_loss",
    "rmse": "root_mean_squared_error",
    "mse": "mean_squared_error",
    "mae": "mean_absolute_error",
    "median_ae": "median_absolute_error",
    "mape": "mean_absolute_percentage_error",
    "r2": "r2",
    "spearman": "spearmanr",
    "pearson": "pearsonr",
}
"""Metrics that AutoGluon has as well, with the same value but for the sign."""
POSTPONED = {"refit_full": False, "set_best_to_refit_full": False, "save_bag_folds": True}
"""The last step of some presets, the refit on all rows, is taken by itself: its time is not
bounded, and there should be something to hand in before."""
_LABEL, _FOLD = "__label__", "__fold__"
_STACKING = 60.0
"""Seconds below which it does not try first whether stacking pays: it gives up where that has taken
all its time."""
_BLOCKS = 8
"""Folds of AutoGluon's bagging."""
_HELD = 0.1
"""Share of the rows that is AutoGluon's tuning data from some thousand rows on."""


def main() -> None:
    """Hand in."""
    data = peer_tables.load(peer_job.read_job())
    preset = str(data.job.options.get("preset", "good_quality"))
    version = f"{peer_job.version_of('autogluon.tabular')} {preset}"
    peer_job.write_report(data.job, f"{version} (unfinished)")

    def one(problem: peer_tables.Problem, seconds: float) -> tuple[Array, float | None]:
        return solve(data, problem, preset, seconds)

    validation = peer_tables.mean_of(list(peer_tables.target_by_target(data, one, reserve=1.0)))
    curve = [] if validation is None else [(data.job.elapsed(), validation)]
    peer_job.write_report(data.job, version, validation, curve)


def solve(
    data: peer_tables.Data, problem: peer_tables.Problem, preset: str, seconds: float
) -> tuple[Array, float | None]:
    """Predictions for the test rows, and the validation score of the model that made them."""
    end = data.job.elapsed() + seconds
    module = importlib.import_module("autogluon.tabular")
    bagged, refits = not preset.startswith("medium"), preset.startswith(("good", "high"))
    table, tuning = split(problem, bagged)
    kind = problem_type(problem)
    metric, comparable = eval_metric(data, problem)
    named: dict[str, Any] = {"learner_kwargs": {"random_state": data.job.seed}}
    if _FOLD in table.columns:
        named["groups"] = _FOLD
    if kind == "quantile":
        named["quantile_levels"] = [peer_tables.quantile_of(problem.task.metric)]
    path = data.job.out / "autogluon"
    predictor = module.TabularPredictor(
        label=_LABEL, problem_type=kind, eval_metric=metric, path=str(path), **named
    )
    try:
        limit = max(1.0, end - data.job.elapsed() - margin(seconds, bagged))
        changed = POSTPONED if refits else {}
        if bagged and limit < _STACKING:
            changed = {**changed, "dynamic_stacking": False}
        predictor.fit(
            train_data=table,
            tuning_data=tuning,
            presets=preset,
            time_limit=limit,
            num_cpus=data.job.cores,
            num_gpus=0,
            **changed,
        )
        predicted = outputs(predictor, problem, data.test)
        found = validation_score(predictor) if comparable else None
        if refits:
            data.hand_in(problem, predicted)
            predictor.refit_full(set_best_to_refit_full=True)
            predicted = outputs(predictor, problem, data.test)
        return predicted, found
    finally:
        shutil.rmtree(path, ignore_errors=True)


def margin(seconds: float, bagged: bool) -> float:
    """Seconds that are kept for refits on all rows, which its time limit does not hold."""
    return max(2.0, 0.15 * seconds if bagged else 0.05 * seconds)


def problem_type(problem: peer_tables.Problem) -> str:
    """AutoGluon's name for the kind of problem."""
    if problem.seen is None:
        return "quantile" if problem.task.metric.startswith("pinball") else "regression"
    return "binary" if len(problem.seen) == 2 else "multiclass"


def split(problem: peer_tables.Problem, bagged: bool) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Training table and tuning data; None where AutoGluon should split as it likes."""
    table = problem.rows.assign(**{_LABEL: problem.y.to_numpy()})
    blocks = row_blocks(problem, _BLOCKS if bagged else round(1 / _HELD), in_time=not bagged)
    if blocks is None:
        return table, None
    held = blocks == blocks.max()
    if bagged:
        # Without a class in one of its training parts, AutoGluon fails.
        enough = problem.seen is None or all(
            len(np.unique(problem.y[blocks != b])) == len(problem.seen) for b in np.unique(blocks)
        )
        return (table.assign(**{_FOLD: blocks}) if enough else table), None
    return table[~held].reset_index(drop=True), table[held].reset_index(drop=True)


def row_blocks(problem: peer_tables.Problem, count: int, *, in_time: bool) -> Array | None:
    """Number of a block for each row, by time (if wished) or group; None where neither counts."""
    rows = len(problem.rows)
    if rows < 5 * count:
        return None
    if in_time and problem.task.time:
        return np.arange(rows) * count // rows
    if problem.groups is None or problem.groups.nunique() < count:
        return None
    # Largest groups first, each to the smallest block so far.
    codes = pd.factorize(problem.groups.astype(str))[0]
    sizes, block_of = np.zeros(count), {}
    for code, size in pd.Series(codes).value_counts().items():
        block_of[code] = int(sizes.argmin())
        sizes[block_of[code]] += size
    return np.array([block_of[code] for code in codes])


def eval_metric(data: peer_tables.Data, problem: peer_tables.Problem) -> tuple[Any, bool]:
    """AutoGluon's metric, and whether its value is the task's (but for the sign)."""
    task = problem.task
    classes = 0 if problem.seen is None else len(problem.seen)
    if task.metric.startswith("pinball"):
        return "pinball_loss", True
    if task.kind == "multilabel" and task.metric.startswith("f1"):
        return "f1", task.metric == "f1_macro"
    name = METRICS.get(task.metric)
    if classes > 2 and name == "roc_auc":
        return "roc_auc_ovr", True
    if name and not (classes > 2 and name in ("average_precision", "f1")):
        return name, True
    alone = len(data.problems) == 1
    if (task.own_metric and not alone) or (problem.seen is not None and task.metric != "brier"):
        # Ours would have to know which classes AutoGluon has left out as too rare.
        default = {"label": "accuracy", "probability": "log_loss"}
        return default.get(task.prediction, "root_mean_squared_error"), False
    return _scorer(data, problem), True


def _scorer(data: peer_tables.Data, problem: peer_tables.Problem) -> Any:
    maximize = problem.task.maximize
    needs = {"needs_pred": True} if problem.seen is None else {"needs_proba": True}
    make = importlib.import_module("autogluon.core.metrics").make_scorer
    return make(
        problem.task.metric,
        peer_metrics.Judge(problem.task, data.job.public),
        optimum=1 if maximize else 0,
        greater_is_better=maximize,
        **needs,
    )


def validation_score(predictor: Any) -> float | None:
    """The task's metric of the best model, as AutoGluon found it before it fitted on all rows."""
    board = predictor.leaderboard().set_index("model")["score_val"]
    best = str(predictor.model_best)
    if best in board.index and pd.notna(board[best]):
        return _in_task_units(predictor, float(board[best]))
    before = {after: name for name, after in predictor.model_refit_map().items()}
    original = before.get(best, best.removesuffix("_FULL"))
    if original in board.index and pd.notna(board[original]):
        return _in_task_units(predictor, float(board[original]))
    return None


def _in_task_units(predictor: Any, value: float) -> float:
    return float(predictor.eval_metric.convert_score_to_original(value))


def outputs(predictor: Any, problem: peer_tables.Problem, test: pd.DataFrame) -> Array:
    """Prediction columns for the test rows."""
    if problem.seen is None:
        return np.asarray(predictor.predict(test), dtype=float).reshape(-1, 1)
    if problem.task.prediction == "label":
        return problem.from_labels(np.asarray(predictor.predict(test)))
    chances = predictor.predict_proba(test).reindex(columns=range(len(problem.seen)), fill_value=0)
    return problem.from_probabilities(chances.to_numpy(dtype=float))


if __name__ == "__main__":
    main()
