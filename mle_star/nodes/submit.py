"""Last node: the winner runs on all data, and the user gets submission, solution and score.

Where the search saw all data, what the winner predicted there is the result. Where there is no time
for all rows, it learns from as many as there is time for.

A run that has any scored trial always ends with a valid submission: if the full run fails or its
time is up, the submission comes from the winner's run on the search view. Where that has a sample
of the test rows only, single scripts learn once more from as many rows as the search saw, until one
runs: only if several fail on the other test rows there is no submission.
"""

from __future__ import annotations

from concurrent.futures import CancelledError, Future
from dataclasses import asdict, dataclass
from pathlib import Path

from mle_star.errors import RunStopped
from mle_star.execution import Execution
from mle_star.nodes.evaluate import distrust_full_disk, make_job, summary
from mle_star.nodes.fitted import save_models
from mle_star.nodes.step import Step, Update, node
from mle_star.nodes.workbench import LEAST_SECONDS, Workbench
from mle_star.runs.deliver import write_solution
from mle_star.runs.folder import write_bytes
from mle_star.runs.memory import facets, remember
from mle_star.scoring import (
    Problem,
    best_of,
    check_submission,
    rank,
    read_predictions,
    write_submission,
)
from mle_star.state import State, Trial
from mle_star.tasks import View, build_part

RESCUES = 4
"""Single scripts that are tried where the final run failed."""


@node
def submit(state: State, step: Step) -> Update:
    """Run the winner on the full view, write the submission and the solution folder."""
    bench = step.bench
    trials = state.get("trials", [])
    winner = best_of(trials, bench.spec.direction, allow_alarm=True)
    if winner is None:
        problem = next(
            (t["problem"] for t in reversed(trials) if t["problem"]), "no script was written"
        )
        step.note(
            f"No script ran to a score, so there is no submission. The last problem: {problem}"
        )
        return _conclude(state, step, None, "none", None)
    if winner["score"] and winner["score"]["alarm"]:
        step.note(
            "Every scored script raised the leakage alarm; the best of them is used. "
            + winner["score"]["alarm"]
        )
    done = _hand_in(bench, step, trials, winner)
    if done.problem:
        step.note(f"No submission could be written: {done.problem}")
        return _conclude(state, step, winner, "none", None)
    folder = write_solution(
        bench.folder, bench.spec, bench.views, done.winner, done.members, done.source
    )
    if bench.settings.save_model:
        save_models(bench, step, [*done.members, done.winner], folder)
    return _conclude(state, step, done.winner, done.source, folder)


@dataclass(frozen=True)
class _HandedIn:
    """Whose predictions the submission holds, or why there is none."""

    winner: Trial
    members: list[Trial]
    source: str
    """Name of the view they learnt from."""
    problem: str = ""


def _hand_in(bench: Workbench, step: Step, trials: list[Trial], winner: Trial) -> _HandedIn:
    """Write the submission: of a run on all rows if possible, else the next best thing."""
    members = [t for m in winner["members"] for t in _find(trials, m["trial"])]
    if bench.settled:
        problem = search_submission(bench, winner)
        if problem:  # what the search left may be damaged
            problem = final_run(bench, step, bench.views.full, winner, members)
        return _HandedIn(winner, members, "full", problem)
    view = final_view(bench, step, [winner, *members])
    if view is not bench.views.search:
        problem = final_run(bench, step, view, winner, members)
        if not problem:
            return _HandedIn(winner, members, view.name)
        said = f"The final run did not give a submission ({problem})"
        if not bench.views.search.answers:
            return _rescue(bench, step, [*trials, winner], said)
        step.note(f"{said}; the search run's is used.")
    return _HandedIn(winner, members, "search", search_submission(bench, winner))


def final_view(bench: Workbench, step: Step, trials: list[Trial]) -> View:
    """The view of the final run: all labelled rows, or as many as there is time for.

    That of the search where these are not many more than it saw: then nothing is run again.
    """
    rows, every = bench.final_rows(trials), bench.views.full.rows
    if rows == every:
        return bench.views.full
    if not rows:
        step.note(
            "There was no time left to learn from many more rows than the search saw, so the "
            "search run's submission is used; a larger time budget mends that."
        )
        return bench.views.search
    step.note(
        f"The final run learns from {rows:,} of {every:,} labelled rows: there was no time for all "
        "of them."
    )
    return _part(bench, rows)


def _part(bench: Workbench, rows: int) -> View:
    return build_part(
        bench.spec,
        bench.views,
        bench.folder.views,
        rows=rows,
        seed=bench.settings.seed,
        folds=bench.settings.folds,
    )


def final_run(bench: Workbench, step: Step, view: View, winner: Trial, members: list[Trial]) -> str:
    """Run the winner (its members first) on a view; returns what went wrong, or nothing."""
    parent = bench.folder.path / "final"
    running = [_start(bench, step, view, member, [], parent) for member in members]
    for member, (folder, future) in zip(members, running, strict=True):
        problem = _wait(step, member, folder, future)
        if not problem:
            read = read_predictions(bench.spec, view, folder / "final")
            problem = f"{member['label']}: {read}" if isinstance(read, Problem) else ""
        if problem:
            for _, other in running:
                other.cancel()
            return problem
    folder, future = _start(bench, step, view, winner, [folder for folder, _ in running], parent)
    if problem := _wait(step, winner, folder, future):
        return problem
    return _write(bench, view, folder)


def rescuers(bench: Workbench, trials: list[Trial]) -> list[Trial]:
    """Single scripts that may run again on as many rows as in the search.

    Those first that surely have time for it, best first, then the others, fastest first.
    """
    ranked = rank(trials, bench.spec.direction) or rank(trials, bench.spec.direction, True)
    single = list({trial["id"]: trial for trial in ranked if not trial["members"]}.values())
    allowed = max(LEAST_SECONDS, bench.time_left()) / 2
    quick = [trial for trial in single if bench.again_seconds(trial) <= allowed]
    slow = [trial for trial in single if trial not in quick]
    return [*quick, *sorted(slow, key=lambda trial: trial["seconds"])]


def _rescue(bench: Workbench, step: Step, trials: list[Trial], said: str) -> _HandedIn:
    """Let single scripts learn from as many rows as the search saw, until one can be handed in.

    A script has the time it needs, even beyond the budget: late is better than nothing.
    """
    view = _part(bench, bench.views.search.rows)
    parent = bench.folder.path / "final"
    for trial in rescuers(bench, trials)[:RESCUES]:
        step.note(f"{said}; {trial['label']!r} alone learns from {view.rows:,} rows instead.")
        seconds = max(LEAST_SECONDS, bench.time_left(), 3 * bench.again_seconds(trial))
        folder, future = _start(bench, step, view, trial, [], parent, seconds)
        problem = _wait(step, trial, folder, future, seconds) or _write(bench, view, folder)
        if not problem:
            break
        said = f"{trial['label']!r} did not give a submission either ({problem})"
    return _HandedIn(trial, [], view.name, problem)


def search_submission(bench: Workbench, winner: Trial) -> str:
    """Take the submission from the winner's run on the search view.

    Returns what went wrong, or nothing.
    """
    return _write(bench, bench.views.search, bench.folder.path / "trials" / winner["id"])


def _start(
    bench: Workbench,
    step: Step,
    view: View,
    trial: Trial,
    members: list[Path],
    parent: Path,
    seconds: float = 0.0,
) -> tuple[Path, Future[Execution]]:
    job = make_job(
        bench,
        bench.folder.script(trial["script"]),
        trial["label"],
        view,
        members,
        parent,
        seconds=seconds or max(LEAST_SECONDS, bench.time_left()),
    )
    step.script_started(trial["label"], "submit", job.limits.wall_seconds)
    if bench.stopping.is_set():
        raise RunStopped("stopped before the final run")
    future = bench.executor.submit(job)
    if bench.stopping.is_set():  # the stop came between the question and the submission
        future.cancel()
    return job.folder, future


def _wait(
    step: Step, trial: Trial, folder: Path, future: Future[Execution], seconds: float = 0.0
) -> str:
    try:
        done = future.result(timeout=seconds or max(LEAST_SECONDS, step.bench.time_left()))
    except TimeoutError:
        future.cancel()
        return "the time budget was spent"
    except CancelledError:
        raise RunStopped("stopped before the final run") from None
    if done.outcome == "cancelled":
        raise RunStopped("stopped during the final run")
    distrust_full_disk(done, folder)
    step.script_finished(trial["label"], "submit", summary(done))
    return "" if done.outcome == "ok" else done.problem or done.outcome


def _write(bench: Workbench, view: View, folder: Path) -> str:
    if bench.spec.test is None:
        return ""  # nothing to predict: the solution and its score are the result
    if bench.spec.evaluation == "printed":
        return _copy(bench, folder / "final" / "submission.csv")
    read = read_predictions(bench.spec, view, folder / "final")
    if isinstance(read, Problem):
        return str(read)
    write_submission(bench.spec, view, read.test, bench.folder.submission)
    problem = check_submission(bench.spec, bench.folder.submission)
    return str(problem) if problem else ""


def _copy(bench: Workbench, source: Path) -> str:
    """Hand over a submission whose rows can't be mapped, as the script wrote it."""
    if source.is_symlink() or not source.is_file():
        return "submission.csv is not a regular file"
    write_bytes(bench.folder.submission, source.read_bytes())
    return ""


def _remember(bench: Workbench, step: Step) -> None:
    """Add what the run learnt to the memory; a run that can't is none the worse for it."""
    lessons = [asdict(lesson) for lesson in bench.board.read().lessons]
    about = facets(bench.spec, bench.profile)
    try:
        remember(Path(bench.settings.memory), str(bench.folder.path), about, lessons)
    except OSError as error:
        step.note(f"The memory can't be written: {error}")


def _find(trials: list[Trial], key: str) -> list[Trial]:
    return [t for t in trials if t["id"] == key][:1]


def _conclude(
    state: State, step: Step, winner: Trial | None, source: str, folder: Path | None
) -> Update:
    bench = step.bench
    submission = ""
    if source != "none" and bench.spec.test is not None:
        submission = str(bench.folder.submission)
    score = winner["score"] if winner else None
    bench.folder.update(
        status="finished",
        seconds=round(bench.clock.elapsed(), 3),
        best=score["value"] if score else None,
        bill=bench.bill(),
    )
    if bench.settings.memory:
        _remember(bench, step)
    final = {
        "source": source,
        "score": score,
        "trial": winner["id"] if winner else "",
        "label": winner["label"] if winner else "",
        "seconds": round(bench.clock.elapsed(), 3),
        "bill": bench.bill(),
    }
    step.emit("run_finished", submission=submission, **final)
    return {
        "best": winner,
        "submission": submission,
        "solution_folder": str(folder) if folder else "",
        "final": final,
    }
