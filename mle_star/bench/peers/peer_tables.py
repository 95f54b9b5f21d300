"""The tables of a task as a peer gets them, and the submission it hands in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:  # below: this folder is the first place that the interpreter searches
    from mle_star.bench.peers import peer_job, peer_reading
else:
    import peer_job
    import peer_reading

Array = npt.NDArray[Any]
_ABSOLUTE = ("mae", "median_ae", "mape", "smape")


@dataclass(frozen=True)
class Problem:
    """One target of a task."""

    task: peer_job.Task
    """With this target alone."""
    rows: pd.DataFrame
    """Features of the training rows that have a label; earliest first where time counts."""
    y: pd.Series
    """Classes as 0, 1, ... (positions in ``seen``), or numbers."""
    seen: Array | None
    """Positions in ``task.classes`` of the classes that occur; None for numbers."""
    groups: pd.Series | None
    columns: slice
    """Its columns among the prediction columns."""

    def from_probabilities(self, chances: Array) -> Array:
        """Prediction columns from one probability per class that occurs, (n, classes)."""
        assert self.seen is not None
        if self.task.prediction == "label":
            return self.from_labels(chances.argmax(axis=1))
        every = np.zeros((len(chances), max(len(self.task.classes), 2)))
        every[:, self.seen] = chances
        return every if self.task.per_class else every[:, 1:2]

    def from_labels(self, labels: Array) -> Array:
        """Prediction columns from positions in ``seen``, (n,)."""
        assert self.seen is not None
        return np.asarray(self.seen[np.asarray(labels, dtype=int)][:, None], dtype=float)

    def constant(self, rows: int) -> Array:
        """The same prediction for every row: shares of the classes, commonest class, or middle."""
        if self.seen is not None:
            shares = np.bincount(self.y, minlength=len(self.seen)) / max(len(self.y), 1)
            return self.from_probabilities(np.tile(shares, (rows, 1)))
        return np.full((rows, 1), _middle(self.task.metric, self.y.to_numpy(dtype=float)))

    def true(self, y: pd.Series) -> Array:
        """Labels as the metrics take them, (n, 1): positions in ``task.classes``, or numbers."""
        if self.seen is None:
            return y.to_numpy(dtype=float)[:, None]
        return self.from_labels(y.to_numpy())


def _middle(metric: str, y: Array) -> float:
    if not len(y):
        return 0.0
    if metric in _ABSOLUTE:
        return float(np.median(y))
    if "rmsle" in metric:
        return float(np.expm1(np.log1p(np.maximum(y, 0)).mean()))
    if metric.startswith("pinball"):
        return float(np.quantile(y, quantile_of(metric)))
    return float(y.mean())


def quantile_of(metric: str) -> float:
    """The quantile that ``pinball`` or ``pinball:0.9`` judges."""
    return float(metric[8:] or 0.5)


@dataclass
class Data:
    """Everything that is known of a task, and the predictions so far."""

    job: peer_job.Job
    problems: list[Problem]
    test: pd.DataFrame
    """Features of the test rows."""
    copied: dict[str, pd.Series]
    """Submission columns that are not predicted, as text."""
    predictions: Array
    """(test rows, prediction columns): class positions, probabilities or numbers."""

    def hand_in(self, problem: Problem, predicted: Array) -> None:
        """Take predictions of a target, (test rows, its columns), and write the submission."""
        usable = np.isfinite(predicted).all(axis=1, keepdims=True)
        fallback = problem.constant(len(predicted))
        self.predictions[:, problem.columns] = np.where(usable, predicted, fallback)
        self.write()

    def write(self) -> None:
        """Write the submission."""
        task = self.job.task
        table = {name: column.to_numpy() for name, column in self.copied.items()}
        for number, name in enumerate(task.prediction_columns):
            column: Any = self.predictions[:, number]
            if task.prediction == "label":
                column = np.asarray(task.classes, dtype=object)[column.astype(int)]
            table[name] = column
        frame = pd.DataFrame(table, columns=pd.Index(task.submission_columns))
        peer_job.write_text(
            self.job.out / "submission.csv", frame.to_csv(index=False, lineterminator="\n")
        )


def load(job: peer_job.Job) -> Data:
    """Read a task, and hand in a constant so that there is a submission from now on."""
    task = job.task
    train, test = (
        peer_reading.read_table(job.public / task.train),
        peer_reading.read_table(job.public / task.test),
    )
    if task.time:
        train = train.iloc[peer_reading.time_order(train, task.time)].reset_index(drop=True)
    left_out = {task.id, task.group, *task.target, *task.exclude}
    features = [c for c in test.columns if c in train.columns and c not in left_out]
    for column in features:
        train[column], test[column] = peer_reading.numbers_in_text(train[column], test[column])
    task = _with_classes(task, train)
    job = replace(job, task=task)
    problems = [_problem(task, number, train, features) for number in range(len(task.target))]
    constant = np.hstack([problem.constant(len(test)) for problem in problems])
    data = Data(job, problems, test[features], copied_columns(job, len(test)), constant)
    data.write()
    return data


def _with_classes(task: peer_job.Task, train: pd.DataFrame) -> peer_job.Task:
    if task.classes or task.prediction != "label":
        return task
    known = {label_text(label) for c in task.target for label in train[c].dropna().unique()}
    return replace(task, classes=sorted(known))


def _problem(task: peer_job.Task, number: int, train: pd.DataFrame, features: list[str]) -> Problem:
    labelled = train[train[task.target].notna().all(axis=1)].reset_index(drop=True)
    y, seen = labelled[task.target[number]], None
    if task.classes:
        known = {label_text(label): code for code, label in enumerate(task.classes)}
        codes = y.map({label: known.get(label_text(label), -1) for label in y.unique()})
        labelled = labelled[(codes >= 0).to_numpy()].reset_index(drop=True)
        y = codes[codes >= 0].reset_index(drop=True).astype(int)
        if task.prediction == "value":
            y = pd.to_numeric(labelled[task.target[number]], errors="coerce").fillna(y)
        else:
            seen, positions = np.unique(y, return_inverse=True)
            y = pd.Series(positions)
    if seen is None:
        y = y.astype(float)
    groups = labelled[task.group] if task.group in labelled.columns else None
    columns = slice(0, len(task.prediction_columns))
    if len(task.target) > 1:
        columns = slice(number, number + 1)
    return Problem(task.alone(number), labelled[features], y, seen, groups, columns)


def label_text(label: object) -> str:
    """One spelling for a label, whether it was read as 1, 1.0 or '1'."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return str(label).strip()


def copied_columns(job: peer_job.Job, rows: int) -> dict[str, pd.Series]:
    """Id and other submission columns that are not predicted, with the characters of the file."""
    task = job.task
    wanted = [c for c in task.submission_columns if c not in task.prediction_columns]
    if not wanted:
        return {}
    test = peer_reading.read_table(job.public / task.test, text=True)
    found = {c: test[c] for c in wanted if c in test.columns}
    rest = [c for c in wanted if c not in found]
    if rest and task.sample_submission:
        sample = peer_reading.read_table(job.public / task.sample_submission, text=True)
        if task.id in found and task.id in sample.columns:
            sample = sample.drop_duplicates(task.id).set_index(task.id)
            sample = sample.reindex(found[str(task.id)]).reset_index()
        found |= {c: sample[c] for c in rest if c in sample.columns and len(sample) == rows}
    return {c: found.get(c, pd.Series([""] * rows)) for c in wanted}


def target_by_target(
    data: Data, solve: Callable[[Problem, float], tuple[Array, float | None]], reserve: float
) -> Iterator[float | None]:
    """Solve one target after the other in equal shares of the time, handing in after each.

    Args:
        data: the task.
        solve: given a target and its seconds, returns predictions for the test rows and their
            validation score.
        reserve: seconds to keep for the end.

    Yields:
        The validation score of each target; None where it is not known, or where the time or the
        number of classes did not allow for more than the constant.
    """
    for number, problem in enumerate(data.problems):
        seconds = (data.job.left() - reserve) / (len(data.problems) - number)
        enough = seconds > 1.0 and (problem.seen is None or len(problem.seen) > 1)
        if not enough or not len(problem.rows.columns):
            yield None
            continue
        predicted, validation = solve(problem, seconds)
        data.hand_in(problem, predicted)
        yield validation


def mean_of(values: list[float | None]) -> float | None:
    """The mean over targets, as the metrics take it; None where one is not known."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known and len(known) == len(values) else None
