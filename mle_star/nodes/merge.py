"""INITIALISE, second half: merge candidates into the base, then check that all data are used."""

from __future__ import annotations

from dataclasses import replace

from mle_star.nodes.step import Step, Update, node
from mle_star.nodes.workbench import Workbench
from mle_star.scoring import Blend, Mode, Predictions, average_blend, better
from mle_star.state import Draft, SolutionState, Trial


@node
def merge(state: SolutionState, step: Step) -> Update:
    """Graft the next candidate's model into the base script."""
    bench, base, reference = step.bench, state["best"], state["queue"][0]
    assert base is not None, "the router merges only where there is a base"
    known = {
        "reference_seconds": reference["seconds"],
        "average_score": average_score(bench, base, reference),
    }
    text = replace(step, known=known).ask(
        bench.engineer.merge,
        bench.folder.script(base["script"]),
        bench.folder.script(reference["script"]),
    )
    if text is None:
        return {"draft": None, "trial": None, "queue": state["queue"][1:]}
    step.emit("merged", label=f"{base['label']} + {reference['label']}")
    return {
        "draft": Draft(
            script=bench.folder.save_script(text),
            label=f"{base['label']} + {reference['label']}",
            phase="merge",
            solution=state["solution"],
            members=[],
            parent=base["script"],
        ),
        "trial": None,
    }


def average_score(bench: Workbench, base: Trial, reference: Trial) -> float | None:
    """What the plain average of two trials' predictions scores; None where there is none.

    Labels can be voted on only, which says little of the average of what lies behind them: they are
    cut from that average, where both scripts wrote what is behind theirs.
    """
    if bench.spec.evaluation == "printed":
        return None
    view = bench.views.search
    folders = [bench.folder.trial(trial["id"]) / "final" for trial in (base, reference)]
    read = [bench.predictions.read(bench.spec, view, folder) for folder in folders]
    members = [one for one in read if isinstance(one, Predictions)]
    modes: tuple[Mode, ...] = ("soft", "cut") if bench.spec.prediction == "label" else ()
    blend = average_blend(bench.spec, view, members, modes) if len(members) == len(read) else None
    return blend.score["value"] if isinstance(blend, Blend) else None


@node
def judge_merge(state: SolutionState, step: Step) -> Update:
    """Keep a merge that is not worse; the first one that does not help ends merging."""
    trial = state.get("trial")
    if trial is not None and not_worse(trial, state["best"], step):
        announce(step, trial)
        return {"best": trial, "queue": state["queue"][1:], "trials": [trial]}
    if trial is None and state.get("refusal"):  # a person passed this pair over
        return {"queue": state["queue"][1:]}
    return {"queue": [], "trials": [trial] if trial else []}


@node
def check_usage(state: SolutionState, step: Step) -> Update:
    """Look for given data that the script ignores; draft a rewrite that uses them."""
    bench, base = step.bench, state["best"]
    assert base is not None, "the router checks only where there is a script"
    text = bench.folder.script(base["script"])
    report = step.ask(bench.engineer.check_usage, text)
    step.emit(
        "usage_checked",
        unused=list(report.unused) if report else [],
        note=report.note if report else "",
        rewritten=bool(report and report.script),
    )
    if report is None or report.script is None or report.script == text:
        return {"draft": None, "trial": None}
    return {
        "draft": Draft(
            script=bench.folder.save_script(report.script),
            label=f"{base['label']}, using {', '.join(report.unused) or 'all data'}",
            phase="check_usage",
            solution=state["solution"],
            members=[],
            parent=base["script"],
        ),
        "trial": None,
    }


@node
def judge_usage(state: SolutionState, step: Step) -> Update:
    """Keep the rewrite only if it runs and is not worse."""
    trial = state.get("trial")
    if trial is not None and not_worse(trial, state["best"], step):
        announce(step, trial)
        return {"best": trial, "trials": [trial]}
    return {"trials": [trial] if trial else []}


def not_worse(trial: Trial, best: Trial | None, step: Step) -> bool:
    """Whether a trial may replace the best so far; ties are accepted, alarms never."""
    return better(
        trial["score"], best["score"] if best else None, step.bench.spec.direction, or_equal=True
    )


def announce(step: Step, trial: Trial) -> None:
    """Tell the journal about a new best script of the branch."""
    if trial["score"]:
        step.emit("best", label=trial["label"], score=trial["score"]["value"])
