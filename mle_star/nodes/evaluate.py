"""EVALUATE(s) of the algorithm: leakage check, run, score, repair.

A script that fails is a result: the loop always ends with a trial, with or without a score.
"""

from __future__ import annotations

import math
from concurrent.futures import CancelledError
from dataclasses import replace
from pathlib import Path
from typing import Any

from mle_star.engineer.splice import replace_once
from mle_star.errors import RunError, RunStopped
from mle_star.execution import Execution, Job, Race, job_key, paired_spread, race_against
from mle_star.execution.record import recorded_folds
from mle_star.execution.workspace import drop_record
from mle_star.nodes.step import Step, Update, node
from mle_star.nodes.workbench import Workbench, plain
from mle_star.runs.storage import refuse_full_disk
from mle_star.scoring import SOFT_FILES, Problem, Score, read_predictions, score_predictions
from mle_star.state import Draft, EvaluationState, Member, Trial
from mle_star.tasks import View

LEAKAGE_ROUNDS = 2
"""Fixes of a leaking script before it is run as it is (and can't win)."""
SMOKE_SECONDS = 20.0
"""Scripts that take longer than this are tried on the smoke view first."""
CANDIDATE = 0.2
"""Part of the search's time that a further candidate of a solution may take."""
SIZELESS = frozenset(
    {
        "SyntaxError",
        "IndentationError",
        "ImportError",
        "ModuleNotFoundError",
        "NameError",
        "UnboundLocalError",
        "AttributeError",
        "KeyError",
        "TypeError",
        "FileNotFoundError",
    }
)
"""Errors that a script makes on any number of rows."""


@node
def check_leakage(state: EvaluationState, step: Step) -> Update:
    """Ask whether validation or test rows are used to fit anything.

    The harness's own blend of predictions is not asked about.
    """
    draft = _draft(state)
    script = state.get("script") or draft["script"]
    if draft["phase"] == "blend":
        return {"script": script, "leak": "", "leak_reason": "", "error": "", "refusal": ""}
    report = step.ask(
        step.bench.engineer.check_leakage,
        step.bench.folder.script(script),
        state.get("evidence", ""),
    )
    leaking = report is not None and report.leaking
    step.emit(
        "leakage_checked",
        leaking=leaking,
        reason=report.reason if report else "",
        label=draft["label"],
    )
    return {
        "script": script,
        "leak": report.block if report and leaking else "",
        "leak_reason": report.reason if report and leaking else "",
        "error": "",
        "refusal": "",
    }


@node
def fix_leakage(state: EvaluationState, step: Step) -> Update:
    """Replace the leaking block; a fix that can't be used leaves the script as it is."""
    bench = step.bench
    text = bench.folder.script(state["script"])
    rounds = state.get("leak_rounds", 0) + 1
    fixed = step.ask(bench.engineer.fix_leakage, text, state["leak"], state["leak_reason"])
    if fixed is None:
        # The next check would find the same block and ask for the same fix.
        return {"leak_rounds": LEAKAGE_ROUNDS}
    try:
        script = bench.folder.save_script(replace_once(text, state["leak"], fixed))
    except ValueError as error:
        step.note(f"fix_leakage: {error}")
        return {"leak_rounds": LEAKAGE_ROUNDS}
    return {"script": script, "leak_rounds": rounds, "leak": "", "leak_reason": ""}


@node
def execute(state: EvaluationState, step: Step) -> Update:
    """Run the script on the search view."""
    bench, draft = step.bench, _draft(state)
    text = bench.folder.script(state["script"])
    if not _is_candidate(draft) or state.get("trial") is not None:
        return run_draft(state, step, draft, text)  # what was repaired is not given up
    with bench.turns.take(draft.get("place", 0), draft["solution"]):
        if bench.late(draft["solution"], draft.get("times", 1.0)):
            step.note(f"{draft['label']} was not tried: the search needs the time that is left.")
            return {"execution": {}, "error": "", "trial": None}
        done = run_draft(state, step, draft, text)
        if not done["error"]:
            bench.begun.add(draft["solution"])
            bench.units.append(done["execution"]["seconds"] / draft.get("times", 1.0))
        return done


def run_draft(state: EvaluationState, step: Step, draft: Draft, text: str) -> Update:
    """Run a draft's script, on few rows first where scripts take long."""
    bench = step.bench
    done = None
    # The playbook's scripts hardly ever crash: a run on few rows would cost more than it saves.
    doubtful = not (draft["members"] or bench.settings.trusted)
    if doubtful and bench.typical_seconds() > SMOKE_SECONDS:
        done = smoke_run(step, text, draft["label"])
    if done is None:
        job = search_job(bench, text, draft["label"], draft["members"])
        if draft["phase"] == "write":
            job = replace(job, limits=bench.limits(candidate_limit(bench, draft["solution"])))
        step.script_started(draft["label"], draft["phase"], job.limits.wall_seconds)
        done = run_job(
            bench, replace(job, race=race(bench, draft.get("race", []), draft.get("bar", [])))
        )
        if not done.cached:
            bench.pace.append(done.wall_seconds)
    error = "" if done.outcome in ("ok", "behind") else explain(done)
    if done.outcome != "ok":
        step.script_finished(draft["label"], draft["phase"], summary(done))
    return {
        "execution": {**summary(done), "printed": done.printed},
        "error": error,
        "trial": _trial(state, done.key, done.outcome, None, done.wall_seconds, done.problem),
    }


def smoke_run(step: Step, text: str, label: str) -> Execution | None:
    """Run the script on a few hundred rows first: a crash shows in seconds instead of minutes.

    Returns:
        The failed run; None where it ran, so that the real run can follow.
    """
    bench = step.bench
    job = make_job(
        bench,
        text,
        label,
        bench.views.smoke,
        [],
        bench.folder.path / "smoke",
        search_limit(bench),
    )
    step.script_started(label, "smoke", job.limits.wall_seconds)
    done = run_job(bench, job)
    step.script_finished(label, "smoke", summary(done))
    # Few rows can upset a sound script (fewer rows than neighbours): those errors are not its own.
    own = done.exception is not None and done.exception.type in SIZELESS
    return done if done.outcome == "error" and own else None


@node
def score(state: EvaluationState, step: Step) -> Update:
    """Score what the script wrote, by the harness's own metric."""
    bench, draft, run = step.bench, _draft(state), state["execution"]
    result = measure(bench, bench.folder.trial(run["key"]), run["printed"])
    if isinstance(result, Problem):
        failed = {**run, "outcome": "no_score", "problem": str(result)}
        step.script_finished(draft["label"], draft["phase"], failed)
        return {
            "error": str(result),
            "recheck": False,
            "trial": _trial(state, run["key"], "no_score", None, run["seconds"], str(result)),
        }
    if reason := state.get("leak_reason"):
        if result["audit"] is None:
            result = {**result, "alarm": f"the leakage found was not removed: {reason}"}
        elif not result["alarm"]:
            # A checker that cries wolf must not end a run: hidden labels speak against it.
            step.note(
                f"A leak was found in {draft['label']!r} and not removed ({reason}), but the score "
                "on the audit rows agrees with the validation score: it stays in the race."
            )
    step.script_finished(draft["label"], draft["phase"], run, result)
    # A measured alarm sends the script back to the checker once, with the figures.
    again = result["alarm"] and not state.get("evidence") and not state.get("leak_reason")
    return {
        "error": "",
        "evidence": result["alarm"] if again else state.get("evidence", ""),
        "recheck": bool(again),
        "trial": plain(_trial(state, run["key"], "ok", result, run["seconds"], "")),
    }


@node
def debug(state: EvaluationState, step: Step) -> Update:
    """Repair the script from its newest error."""
    bench = step.bench
    text = bench.folder.script(state["script"])
    rounds = state.get("debug_rounds", 0) + 1
    draft = _draft(state)
    # What would not be begun any more is not begun again either.
    late = bench.hopeless() or (
        _is_candidate(draft) and bench.late(draft["solution"], draft.get("times", 1.0))
    )
    if state["execution"].get("outcome") == "timeout" and late:
        step.note(f"{draft['label']} is given up: there is no time for it any more.")
        return {"debug_rounds": bench.settings.debug_rounds + 1}
    repaired = step.ask(bench.engineer.debug, text, state["error"])
    if repaired is None or repaired == text:
        return {"debug_rounds": bench.settings.debug_rounds + 1}
    step.emit("debugged", label=draft["label"], error=state["error"][-500:])
    return {"script": bench.folder.save_script(repaired), "debug_rounds": rounds}


def _is_candidate(draft: Draft) -> bool:
    """Whether it is one of the first scripts, and not one that a person asked for."""
    return draft["phase"] == "write" and not draft.get("told")


def _draft(state: EvaluationState) -> Draft:
    draft = state["draft"]
    assert draft is not None, "the router sends no empty draft here"
    return draft


def _trial(
    state: EvaluationState,
    key: str,
    outcome: Any,
    result: Score | None,
    seconds: float,
    problem: str,
) -> Trial:
    draft = _draft(state)
    return Trial(
        id=key[:16],
        script=state["script"],
        label=draft["label"],
        phase=draft["phase"],
        solution=draft["solution"],
        outcome=outcome,
        score=result,
        seconds=round(float(seconds), 3),
        problem=problem,
        debugged=state.get("debug_rounds", 0),
        members=draft["members"],
    )


def search_limit(bench: Workbench) -> float:
    """Wall clock of a script of the search: its time-out, or what the budget still allows."""
    return min(bench.settings.script_timeout, bench.search_seconds())


def candidate_limit(bench: Workbench, solution: int) -> float:
    """Wall clock of a candidate: a small part of the search where the solution has one that ran."""
    limit = search_limit(bench)
    if solution not in bench.begun:
        return limit
    return min(limit, CANDIDATE * bench.settings.time_budget * (1 - bench.reserve))


def search_job(bench: Workbench, script: str, label: str, members: list[Member]) -> Job:
    """The job that runs a script on the search view.

    An ensemble finds its members' predictions beside the data.
    """
    folders = [bench.folder.path / "trials" / member["trial"] for member in members]
    parent = bench.folder.path / "trials"
    return make_job(bench, script, label, bench.views.search, folders, parent, search_limit(bench))


def race(bench: Workbench, rivals: list[str], bar: list[float]) -> Race | None:
    """The race against the first of the trials; the others tell how much folds usually differ.

    Printed lines are believed only where those of the first are what the harness measured on its
    folds (``bar``): a script that is judged by something else than the task's metric, or adjusts
    its predictions when all folds are there, is not raced against.
    """
    if not (rivals and bench.settings.racing):
        return None
    best, *others = (recorded_folds(bench.folder.path / "trials" / key) for key in rivals)
    said = [line.value for line in sorted(best, key=lambda line: line.fold)]
    if len(said) != len(bar) or not all(
        math.isclose(a, b, rel_tol=1e-3, abs_tol=1e-6) for a, b in zip(said, bar, strict=True)
    ):
        return None
    spreads = [spread for other in others if (spread := paired_spread(best, other)) is not None]
    return race_against(best, spreads, maximize=bench.spec.maximize)


def make_job(
    bench: Workbench,
    script: str,
    label: str,
    view: View,
    members: list[Path],
    parent: Path,
    seconds: float | None = None,
) -> Job:
    """A job on a view; its folder below ``parent`` is named by its content key."""
    inputs = {"": view.folder}
    digest = view.digest
    for number, folder in enumerate(members):
        soft = [name for name in SOFT_FILES if (folder / "final" / name).is_file()]
        for name in ("oof.csv", "submission.csv", *soft):
            inputs[f"members/{number}/{name}"] = folder / "final" / name
        digest += ":" + folder.name
    printed = bench.spec.evaluation == "printed"
    job = Job(
        script=script,
        folder=parent,
        inputs=inputs,
        digest=digest,
        required=("final/submission.csv",)
        if printed
        else ("final/oof.csv", "final/submission.csv"),
        limits=bench.limits(seconds),
        seed=bench.settings.seed,
        cpus=bench.settings.cpus_per_script,
        label=label,
    )
    return replace(
        job, folder=parent / job_key(job, bench.settings.python, bench.settings.image)[:16]
    )


def run_job(bench: Workbench, job: Job) -> Execution:
    """Run a job and wait for it.

    Raises:
        RunStopped: the run was asked to stop; the job has no result.
    """
    if bench.stopping.is_set():
        raise RunStopped("stopped before the script started")
    future = bench.executor.submit(job)
    if bench.stopping.is_set():  # the stop came between the question and the submission
        future.cancel()
    try:
        done = future.result()
    except CancelledError:
        raise RunStopped("stopped before the script started") from None
    if done.outcome == "cancelled":
        raise RunStopped("stopped while the script ran")
    distrust_full_disk(done, job.folder)
    return done


def distrust_full_disk(done: Execution, folder: Path) -> None:
    """Drop the result of a script that failed while the disk was full, and end the run.

    Raises:
        RunError: that is so.
    """
    if done.outcome == "ok":
        return
    try:
        refuse_full_disk(folder)
    except RunError:
        drop_record(folder)
        raise


def summary(done: Execution) -> dict[str, Any]:
    """What the state and the journal keep of a run."""
    return {
        "key": done.key,
        "outcome": done.outcome,
        "seconds": done.wall_seconds,
        "problem": done.problem,
        "cached": done.cached,
    }


def explain(done: Execution) -> str:
    """The newest error as the debugger should see it: the sentence, then the traceback."""
    parts = [done.problem]
    if done.exception is not None:
        parts.append(done.exception.traceback)
    elif done.stderr.tail.strip() or done.stderr.head.strip():
        parts.append(done.stderr.text[-4000:])
    return "\n".join(part for part in parts if part)


def measure(bench: Workbench, folder: Path, printed: float | None) -> Score | Problem:
    """Score the predictions a script left in its folder."""
    if bench.spec.evaluation == "printed":
        if printed is None:
            return Problem(
                "The script printed no line 'Final Validation Performance: <number>', so it has "
                "no score."
            )
        return Score(
            value=printed,
            error=0.0,
            folds=[],
            audit=None,
            audit_error=None,
            printed=printed,
            alarm="",
        )
    view = bench.views.search
    predictions = read_predictions(bench.spec, view, folder / "final")
    if isinstance(predictions, Problem):
        return predictions
    result = score_predictions(bench.spec, view, predictions, printed)
    if isinstance(result, Problem) or not bench.settings.trusted or result["audit"] is not None:
        return result
    # Our own scripts don't leak. Some tasks are easy; in others a column tells the answer.
    return {**result, "alarm": ""}
