"""Leaving fitted models in the solution folder (setting ``save_model``).

The members run once more on the full view with the lines of :mod:`mle_star.runs.keeper`, in the
sandbox like every script. What they leave is copied and never opened here: unpickling runs code.
"""

from __future__ import annotations

from pathlib import Path

from mle_star.nodes.evaluate import make_job, run_job
from mle_star.nodes.step import Step
from mle_star.nodes.workbench import Workbench
from mle_star.runs.deliver import pins
from mle_star.runs.folder import write_bytes, write_text
from mle_star.runs.keeper import keeping, model_name
from mle_star.state import Trial


def save_models(bench: Workbench, step: Step, scripts: list[Trial], solution: Path) -> None:
    """Keep what the scripts of a solution fit on all data; a note says where that can't be done.

    Args:
        bench: the run's.
        step: this step.
        scripts: members and winner; what combines predictions fits nothing and is left out.
        solution: the solution folder.
    """
    saved = 0
    problems: dict[str, list[str]] = {}
    for trial in scripts:
        if trial["members"]:
            continue
        text = bench.folder.script(trial["script"])
        known = keeping(text)
        if known is None:
            problem = "it is not of the playbook's form"
        else:
            problem = _fit(bench, trial, known, solution / "model" / model_name(text))
        if problem:
            problems.setdefault(problem, []).append(trial["label"].rstrip("."))
        saved += not problem
    for problem, labels in problems.items():
        which = labels[0] if len(labels) == 1 else f"{len(labels)} scripts"
        again = "it" if len(labels) == 1 else "them"
        step.note(f"No fitted model of {which}: {problem}. predict.py fits {again} again.")
    if saved:
        file = solution / "requirements.txt"
        write_text(file, file.read_text(encoding="utf-8") + pins({"cloudpickle"}))


def _fit(bench: Workbench, trial: Trial, text: str, target: Path) -> str:
    """Run a script that keeps what it fits; returns what went wrong, or nothing."""
    left, rows = bench.time_left(), bench.views.full.rows
    if left < trial["seconds"] or not (bench.settled or bench.final_rows([trial]) == rows):
        return "there is no time left"
    job = make_job(
        bench, text, trial["label"], bench.views.full, [], bench.folder.path / "final",
        seconds=left,
    )  # fmt: skip
    done = run_job(bench, job)
    if done.outcome != "ok":
        return (done.problem or done.outcome).rstrip(".")
    fitted = job.folder / "final" / "model.pkl"
    if fitted.is_symlink() or not fitted.is_file():
        return "the script left none"
    target.parent.mkdir(exist_ok=True)
    write_bytes(target, fitted.read_bytes())
    return ""
