"""What each model and each refinement strategy of the playbook gains, task by task.

    python benchmarks/strategies.py OUT TASK... [--families 2] [--models] [--only KEY ...]

A task is a folder with ``public/`` and ``private/`` as ``mle-star bench`` takes it. For each, the
playbook's first candidates are written and run on all labelled rows; then every strategy that
applies is carried out on them, alone, and the script is run again. Gains are shares of the loss
(what the score lacks of a perfect one), out of fold and on the hidden labels, so that tasks can be
averaged. Nothing here feeds back into a run: the hidden labels are graded after the fact.

OUT keeps every script's result, so that a measurement that was stopped goes on.
"""

from __future__ import annotations

import argparse
import csv
import math
import statistics
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import TypeVar

from mle_star.bench.records import BenchTask
from mle_star.bench.sources import find_tasks
from mle_star.context import context_from, resolve
from mle_star.engineer.base import Brief
from mle_star.engineer.playbook import script as shape
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.catalogue import MODELS
from mle_star.engineer.playbook.planner import carry_out
from mle_star.engineer.playbook.strategies import strategies_for, strategy
from mle_star.engineer.playbook.strategies.strategy import kind_of
from mle_star.engineer.playbook.writer import compose
from mle_star.errors import MleStarError, NoAnswer
from mle_star.execution import CachedExecutor, Execution, Job, Limits, LocalExecutor, job_key
from mle_star.nodes.workbench import make_brief
from mle_star.scoring import Problem, read_predictions, score_predictions, write_submission
from mle_star.tasks import View, build_part, build_views, get_metric, load_task, profile_task

T = TypeVar("T")
ROWS = 30_000
"""Labelled rows that scripts see at most."""


@dataclass(frozen=True)
class Row:
    """One script against the one it was made from; gains are shares of the loss."""

    task: str
    family: str
    section: str
    """Empty for the base script itself; ``model`` for another model."""
    change: str
    outcome: str
    seconds: float
    times: float
    """Seconds against those of the base."""
    value: float
    hidden: float
    gain: float
    """Out of fold."""
    error: float
    """Its standard error over the folds, paired."""
    hidden_gain: float


@dataclass(frozen=True)
class _Ran:
    seconds: float
    value: float
    folds: list[float]
    hidden: float


class Bench:
    """Runs scripts of one task and scores them."""

    def __init__(self, task: BenchTask, out: Path, seconds: float, seed: int) -> None:
        self.task, self.out, self.seconds, self.seed = task, out / task.name, seconds, seed
        self.spec = load_task(task.public)
        profile = profile_task(self.spec)
        views = build_views(
            self.spec,
            profile,
            self.out / "views",
            seed=seed,
            search_rows=ROWS,
            folds=None,
            audit=False,
        )
        self.view: View = views.search
        if not self.view.answers:  # its predictions could not be graded
            self.view = build_part(
                self.spec, views, self.out / "views", rows=ROWS, seed=seed, folds=None
            )
        settings = resolve(context_from({"engineer": "playbook", "seed": seed}))
        self.brief: Brief = replace(
            make_brief(settings, self.spec, profile, views), script_seconds=seconds, cpus=1
        )
        self.perfect = get_metric(self.spec.metric, self.spec.folder, self.spec.direction).perfect

    def job(self, text: str) -> Job:
        """The job of a script, on the view without audit rows."""
        job = Job(
            script=text,
            folder=self.out / "jobs",
            inputs={"": self.view.folder},
            digest=self.view.digest,
            limits=Limits(wall_seconds=self.seconds),
            seed=self.seed,
        )
        return replace(job, folder=self.out / "jobs" / job_key(job)[:16])

    def read(self, job: Job, done: Execution) -> _Ran | str:
        """What a script is worth, or why nothing."""
        if done.outcome != "ok":
            return done.problem or done.outcome
        read = read_predictions(self.spec, self.view, job.folder / "final")
        if isinstance(read, Problem):
            return str(read)
        score = score_predictions(self.spec, self.view, read)
        if isinstance(score, Problem):
            return str(score)
        path = job.folder / "graded.csv"
        write_submission(self.spec, self.view, read.test, path)
        grade = self.task.grade(path)
        if grade.score is None:
            return grade.error
        return _Ran(done.wall_seconds, score["value"], score["folds"], grade.score)

    def gain(self, new: float, old: float) -> float:
        """Share of the loss that is gone; where a perfect score is unknown, of the old score."""
        sign = 1.0 if self.spec.maximize else -1.0
        lacking = abs((0.0 if self.perfect is None else self.perfect) - old)
        return sign * (new - old) / lacking if lacking > 0 else 0.0


def compare(
    bench: Bench, family: str, section: str, change: str, new: _Ran | str, old: _Ran
) -> Row:
    """The row of a script that was made from the ``old`` one."""
    nothing = (math.nan,) * 6
    if isinstance(new, str):
        return Row(bench.task.name, family, section, change, new, 0.0, *nothing)
    folds = [bench.gain(a, b) for a, b in zip(new.folds, old.folds, strict=False)]
    error = statistics.stdev(folds) / len(folds) ** 0.5 if len(folds) > 1 else math.nan
    return Row(
        bench.task.name,
        family,
        section,
        change,
        "ok",
        round(new.seconds, 2),
        round(new.seconds / max(old.seconds, 0.01), 2),
        new.value,
        new.hidden,
        bench.gain(new.value, old.value),
        error,
        bench.gain(new.hidden, old.hidden),
    )


def changes(brief: Brief, text: str, only: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Section, key and script of every strategy that applies to a script."""
    for block in shape.split(text):
        section = kind_of(block.text)
        for item in strategies_for(section):
            if only and item.key not in only:
                continue
            if item.applies(brief, block.text) <= 0:
                continue
            try:
                new = carry_out(brief, block.text, (item.key,))
            except NoAnswer:
                continue
            yield section, item.key, shape.replace(text, block.text, new)


def measure(bench: Bench, executor: CachedExecutor, asked: argparse.Namespace) -> list[Row]:
    """All rows of one task."""
    facts = Facts(bench.brief)
    suited = sorted((m for m in MODELS if m.suits(facts)), key=lambda m: -m.fit(facts))
    if asked.families and not asked.models:
        named = [m for m in suited if m.family in asked.family] if asked.family else suited
        suited = named[: asked.families]
    scripts = {model.family: compose(facts, model) for model in suited}
    base = _run(bench, executor, scripts)
    first = next((r for r in base.values() if isinstance(r, _Ran)), None)
    rows = []
    for family, ran in base.items():
        if first is not None:
            rows.append(compare(bench, family, "", family, ran, first))
    if asked.models:
        return rows
    for family, ran in base.items():
        if isinstance(ran, str):
            continue
        found = {(s, k): text for s, k, text in changes(bench.brief, scripts[family], asked.only)}
        results = _run(bench, executor, found)
        rows += [compare(bench, family, *key, new, ran) for key, new in results.items()]
    return rows


def _run(bench: Bench, executor: CachedExecutor, scripts: dict[T, str]) -> dict[T, _Ran | str]:
    jobs = {key: bench.job(text) for key, text in scripts.items()}
    running: dict[T, Future[Execution]] = {key: executor.submit(job) for key, job in jobs.items()}
    return {key: bench.read(jobs[key], future.result()) for key, future in running.items()}


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """One line per change: tasks, mean gains with their errors, wins and losses, time."""
    yield (
        f"{'change':<28}{'n':>4}{'oof %':>9}{'±':>6}{'hidden %':>10}{'±':>6}{'won':>5}{'lost':>5}"
        + (f"{'time':>7}{'failed':>8}")
    )
    lines = []
    for change in sorted({row.change for row in rows}):
        own = [row for row in rows if row.change == change]
        ran = [row for row in own if row.outcome == "ok"]
        if not ran:
            lines.append((0.0, f"{change:<28}{0:>4}{'':>53}{len(own):>8}"))
            continue
        gains, hidden = [100 * r.gain for r in ran], [100 * r.hidden_gain for r in ran]
        won = sum(value > 0.01 for value in hidden)
        lost = sum(value < -0.01 for value in hidden)
        lines.append(
            (
                -statistics.mean(hidden),
                f"{change:<28}{len(ran):>4}{statistics.mean(gains):>9.2f}{_error(gains):>6.2f}"
                f"{statistics.mean(hidden):>10.2f}{_error(hidden):>6.2f}{won:>5}{lost:>5}"
                f"{statistics.median(r.times for r in ran):>7.1f}{len(own) - len(ran):>8}",
            )
        )
    yield from (line for _, line in sorted(lines, key=lambda pair: pair[0]))


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("tasks", type=Path, nargs="+")
    parser.add_argument("--families", type=int, default=2, help="best-fitting models to start from")
    parser.add_argument("--family", nargs="*", default=[], help="start from these models alone")
    parser.add_argument("--models", action="store_true", help="compare the models themselves")
    parser.add_argument("--only", nargs="*", default=[], help="keys of strategies; default: all")
    parser.add_argument("--seconds", type=float, default=120.0, help="time of a script")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    for key in asked.only:
        strategy(key)
    executor = CachedExecutor(LocalExecutor(level="process"))
    rows: list[Row] = []
    asked.out.mkdir(parents=True, exist_ok=True)
    try:
        for task in find_tasks(asked.tasks):
            try:
                found = measure(Bench(task, asked.out, asked.seconds, asked.seed), executor, asked)
            except MleStarError as error:
                say(f"{task.name}: {error}")
                continue
            rows += found
            say(f"{task.name}: {len(found)} scripts")
    finally:
        executor.shutdown()
        waiting = asked.out / ".rows.csv"
        with waiting.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, [field.name for field in fields(Row)])
            writer.writeheader()
            writer.writerows(asdict(row) for row in rows)
        waiting.replace(asked.out / "rows.csv")
    for line in summary(rows):
        say(line)


if __name__ == "__main__":
    main()
