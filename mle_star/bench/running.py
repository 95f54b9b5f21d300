"""Running the cells of a bench: every system on every task, each in a process of its own.

``OUT/bench.json`` says what was asked for. Each cell has ``OUT/cells/TASK/SYSTEM/BUDGET-seedN/``
with ``log.txt`` and ``out/``, what the system printed and left, and at last ``result.json``: a cell
that has it is done.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import stat
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.bench.process import Ended, overtime, run_process
from mle_star.bench.records import BenchTask, Budget, CellResult, Grade
from mle_star.bench.systems import System
from mle_star.errors import MleStarError, SettingsError
from mle_star.execution.machine import usable_cores
from mle_star.runs.folder import write_json, write_text
from mle_star.tasks import TaskSpec, load_task

_REPORT_BYTES = 1024 * 1024
_CURVE = 2000
"""Most points of a curve that are kept."""


@dataclass(frozen=True)
class Cell:
    """One run to do."""

    task: BenchTask
    system: System
    seed: int
    budget: Budget

    @property
    def label(self) -> str:
        """For progress lines."""
        return f"{self.task.name}, {self.system.name}, {self.budget.seconds:g} s, seed {self.seed}"

    def folder(self, out: Path) -> Path:
        """Where it lies."""
        budget = f"{self.budget.seconds:g}s-{self.budget.cores}c-seed{self.seed}"
        return out / "cells" / self.task.name / self.system.name / budget


@dataclass(frozen=True)
class Bench:
    """A whole comparison."""

    tasks: Sequence[BenchTask]
    systems: Sequence[System]
    seeds: Sequence[int]
    budgets: Sequence[Budget]

    def cells(self) -> list[Cell]:
        """What is to be run, systems that are missing left out.

        Neighbours share task and seed, so that a machine that gets busy slows all systems alike.
        """
        return [
            Cell(task, system, seed, budget)
            for budget in self.budgets
            for seed in self.seeds
            for task in self.tasks
            for system in self.systems
            if not system.missing
        ]

    def missing(self) -> dict[str, str]:
        """System -> why it can't be run here."""
        return {system.name: system.missing for system in self.systems if system.missing}


OnCell = Callable[[str, Cell, CellResult | None], None]
"""Called with ``started`` or ``finished``, from several threads."""


def run_bench(
    bench: Bench,
    out: Path,
    *,
    at_once: int | None = None,
    again: bool = False,
    stopping: threading.Event | None = None,
    on_cell: OnCell | None = None,
) -> list[CellResult]:
    """Run every cell that has no result yet, and return the results of all.

    Args:
        bench: what to compare.
        out: folder that keeps everything; a bench that was stopped goes on there.
        at_once: cells side by side; None: as many as cores allow. More than that is refused, as
            they would take each other's time.
        again: run cells that failed once more.
        stopping: ends the bench when set; cells under way are thrown away.
        on_cell: hears of beginnings and ends.

    Raises:
        SettingsError: the cores don't suffice, or the folder holds a bench of other things.
    """
    stopping = stopping or threading.Event()
    free = _slots(bench, at_once)
    out.mkdir(parents=True, exist_ok=True)
    _remember(out, bench)
    cells = bench.cells()
    known = {cell.folder(out): read_cell(cell.folder(out)) for cell in cells}
    waiting = [
        cell
        for cell in cells
        if (found := known[cell.folder(out)]) is None or (again and found.score is None)
    ]
    lock = threading.Lock()

    def work(cell: Cell) -> None:
        if stopping.is_set():
            return
        with lock:
            cores = free.pop()
        try:
            if on_cell:
                on_cell("started", cell, None)
            result = run_cell(cell, out, cores, stopping)
            if result is not None and on_cell:
                on_cell("finished", cell, result)
        finally:
            with lock:
                free.append(cores)

    with ThreadPoolExecutor(max_workers=len(free)) as pool:
        futures = [pool.submit(work, cell) for cell in waiting]
        try:
            _join(futures, stopping)
        except BaseException:
            stopping.set()
            for future in futures:
                future.cancel()
            raise
    return [found for cell in cells if (found := read_cell(cell.folder(out))) is not None]


def _join(futures: list[Future[None]], stopping: threading.Event) -> None:
    """Wait for all; the first that raises ends the wait."""
    pending = set(futures)
    while pending:
        # With a time-out, so that a signal is heard.
        done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in done:
            future.result()


def _slots(bench: Bench, at_once: int | None) -> list[frozenset[int]]:
    """Disjoint sets of cores, one for each cell that runs at the same time."""
    cores = usable_cores()
    each = max(budget.cores for budget in bench.budgets)
    if each > len(cores):
        raise SettingsError(
            f"{each} cores for each run are more than the {len(cores)} here: lower --cores."
        )
    most = len(cores) // each
    wanted = most if at_once is None else at_once
    if not 1 <= wanted <= most:
        raise SettingsError(
            f"{wanted} runs at once don't fit: {len(cores)} cores hold 1 to {most} runs of {each}."
        )
    return [frozenset(cores[n * each : (n + 1) * each]) for n in range(wanted)]


def run_cell(
    cell: Cell, out: Path, cores: frozenset[int], stopping: threading.Event
) -> CellResult | None:
    """Run one cell and grade it; None where the bench was stopped meanwhile."""
    folder = cell.folder(out)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "out").mkdir(parents=True)
    public = folder / "public" / cell.task.public.resolve().parent.name
    try:
        shutil.copytree(cell.task.public, public)
        given = frozenset(sorted(cores)[: cell.budget.cores])
        ended, error = _run(cell, folder, public, given, stopping)
    finally:
        shutil.rmtree(folder / "public", ignore_errors=True)
    if ended is not None and ended.stopped:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    result = _graded(cell, folder, ended, error)
    write_text(folder / "result.json", result.model_dump_json(indent=1))
    return result


def _run(
    cell: Cell,
    folder: Path,
    public: Path,
    cores: frozenset[int],
    stopping: threading.Event,
) -> tuple[Ended | None, str]:
    try:
        job = write_job(folder / "job.json", load_task(public), cell, folder / "out")
        places = {
            "public": public,
            "out": folder / "out",
            "seconds": f"{cell.budget.seconds:g}",
            "cores": cell.budget.cores,
            "seed": cell.seed,
            "job": job,
        }
        words = cell.system.words(places)
        log = folder / "log.txt"
        return run_process(words, folder, log, cell.budget, cores, stopping), ""
    except MleStarError as error:
        return None, str(error)


def write_job(path: Path, spec: TaskSpec, cell: Cell, out: Path) -> Path:
    """Write the file that says everything about one run; returns its path."""
    wanted = (
        "train", "test", "sample_submission", "id", "target", "kind", "metric", "direction",
        "prediction", "classes", "prediction_columns", "submission_columns", "time", "group",
        "exclude",
    )  # fmt: skip
    job = {
        "public": spec.folder,
        "out": str(out),
        "seconds": cell.budget.seconds,
        "cores": cell.budget.cores,
        "seed": cell.seed,
        "task": spec.model_dump(mode="json", include=set(wanted)),
        "options": dict(cell.system.options),
    }
    path.write_text(json.dumps(job, indent=1), encoding="utf-8")
    return path


def _graded(cell: Cell, folder: Path, ended: Ended | None, error: str) -> CellResult:
    submission = folder / "out" / "submission.csv"
    grade = _grade(cell.task, submission)
    report = _report(folder / "out" / "report.json")
    if grade.score is None and ended is not None:
        error = _why(ended, cell.budget, grade.error)
    return CellResult(
        task=cell.task.name,
        system=cell.system.name,
        seed=cell.seed,
        seconds_limit=cell.budget.seconds,
        cores=cell.budget.cores,
        metric=cell.task.metric,
        direction=cell.task.direction,
        score=grade.score,
        validation=report.get("validation"),
        error=error,
        seconds=round(ended.seconds, 2) if ended else 0.0,
        timed_out=bool(ended and ended.timed_out),
        peak_memory_mb=ended.peak_memory_mb if ended else None,
        medal=grade.medal,
        above_median=grade.above_median,
        thresholds=grade.thresholds,
        curve=report.get("curve", []),
        version=report.get("version", ""),
        machine=f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    )


def _grade(task: BenchTask, submission: Path) -> Grade:
    try:
        plain = stat.S_ISREG(submission.lstat().st_mode)
    except OSError:
        return Grade(None, "It left no submission.csv.")
    if not plain:
        return Grade(None, "Its submission.csv is no plain file.")
    return task.grade(submission)


def _why(ended: Ended, budget: Budget, problem: str) -> str:
    if ended.timed_out:
        most = budget.seconds + overtime(budget.seconds)
        return f"It was ended after {most:g} s. {problem}"
    if ended.over_memory:
        return f"It was ended for using more than {budget.memory_mb} MiB. {problem}"
    if ended.exit_code != 0:
        how = "a signal" if ended.exit_code is None else f"exit code {ended.exit_code}"
        return f"It ended with {how}. {problem}"
    return problem


def _report(path: Path) -> dict[str, Any]:
    """What a system says of itself; nothing of it is believed beyond its form."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return {}
    with contextlib.suppress(OSError, ValueError, TypeError, AttributeError, RecursionError):
        with os.fdopen(descriptor, "rb") as stream:
            value = json.loads(stream.read(_REPORT_BYTES))
        curve = [(float(at), float(score)) for at, score in list(value.get("curve") or [])[:_CURVE]]
        believed = value.get("validation")
        return {
            "validation": None if believed is None else _finite(float(believed)),
            "curve": [point for point in curve if _finite(point[0] + point[1]) is not None],
            "version": str(value.get("version") or "")[:200],
        }
    return {}


def _finite(value: float) -> float | None:
    return value if abs(value) < float("inf") else None


def read_cell(folder: Path) -> CellResult | None:
    """The result of a cell; None where it was not finished."""
    try:
        return CellResult.model_validate_json((folder / "result.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def read_results(out: Path) -> list[CellResult]:
    """Every result below a bench's folder, in the order of their paths."""
    found = sorted((out / "cells").glob("*/*/*/result.json"))
    return [result for path in found if (result := read_cell(path.parent)) is not None]


def read_missing(out: Path) -> dict[str, str]:
    """Systems that were asked for and could not be run -> why."""
    return {str(k): str(v) for k, v in (_plan(out).get("missing") or {}).items()}


def _remember(out: Path, bench: Bench) -> None:
    """Write down what is compared, and refuse to mix it with something else of the same name."""
    before = _plan(out)
    # Benches that were begun before systems had an identity hold their commands.
    former = {s.name: [*s.command, dict(s.options)] for s in bench.systems}
    for kind, now in (
        ("systems", {s.name: s.identity for s in bench.systems}),
        ("tasks", {t.name: str(t.public.resolve()) for t in bench.tasks}),
    ):
        then = before.get(kind) or {}
        for name, what in json.loads(json.dumps(now)).items():
            if then.get(name, what) not in (what, former.get(name)):
                raise SettingsError(
                    f"{name!r} was something else in the bench of {out}: give it another name, or "
                    "name another folder with --out."
                )
        before[kind] = {**then, **now}
    before["missing"] = bench.missing()
    write_json(out / "bench.json", before)


def _plan(out: Path) -> dict[str, Any]:
    try:
        value = json.loads((out / "bench.json").read_text(encoding="utf-8"))
        return value if isinstance(value, dict) else {}
    except (OSError, ValueError):
        return {}
