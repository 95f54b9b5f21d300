"""REFINE, inner loop: plans for one block, each implemented in the original block and scored."""

from __future__ import annotations

from collections.abc import Sequence

from mle_star.engineer import Tried
from mle_star.engineer.splice import replace_once
from mle_star.nodes.lessons import lessons_of
from mle_star.nodes.merge import announce, not_worse
from mle_star.nodes.step import Step, Update, node
from mle_star.scoring import best_of, gain, rank
from mle_star.state import Attempt, Draft, SolutionState, Trial

STALE = 2
"""Outer steps in a row without a gain after which a branch turns to another candidate."""


@node
def refine(state: SolutionState, step: Step) -> Update:
    """Plan (from the second inner step on), then rewrite the block.

    Every plan starts from the original block, not from the plan before.
    """
    bench, k = step.bench, state["k"]
    base = bench.folder.script(state["base"])
    block, plan = state["block"], state["plan"]
    if k > 0:
        plan = step.ask(bench.engineer.plan, base, block, tried_plans(state["attempts"])) or ""
    if not plan:
        return {"draft": None, "trial": None, "plan": ""}
    new = step.ask(bench.engineer.refine, base, block, plan)
    step.emit("refined", plan=plan, written=new is not None)
    if new is None:
        return {"draft": None, "trial": None, "plan": plan}
    rivals, bar = _rivals(state, step)
    return {
        "draft": Draft(
            script=bench.folder.save_script(replace_once(base, block, new)),
            label=plan,
            phase="refine",
            solution=state["solution"],
            members=[],
            race=rivals,
            bar=bar,
        ),
        "trial": None,
        "plan": plan,
    }


def _rivals(state: SolutionState, step: Step) -> tuple[list[str], list[float]]:
    """Trials that a script races against, the one to beat first, and the folds of that one."""
    direction = step.bench.spec.direction
    own = best_of([t for t in (state["best"], *state["step_trials"]) if t], direction)
    others = rank(state.get("trials", []), direction)
    if own is None or own["score"] is None:
        return [], []
    found = [own["id"], *(trial["id"] for trial in others if not trial["members"])]
    return list(dict.fromkeys(found)), own["score"]["folds"]


@node
def learn(state: SolutionState, step: Step) -> Update:
    """Remember what the plan scored. The counter moves here and nowhere else."""
    trial = state.get("trial")
    attempt = attempt_of(state["plan"], trial)
    trials = [trial] if trial else []
    return {
        "k": state["k"] + 1,
        "attempts": [*state["attempts"], attempt],
        "step_trials": [*state["step_trials"], *trials],
        "trials": trials,
        "draft": None,
        "trial": None,
    }


@node
def accept(state: SolutionState, step: Step) -> Update:
    """End the outer step: the best of all its plans replaces the script if it is not worse.

    A branch that stagnates, or finds no block any more, turns to its next best candidate: its
    variants err in other ways, which the ensemble gains from even where none is the best.
    """
    best = best_of(state["step_trials"], step.bench.spec.direction)
    gained = False
    update: Update = {"t": state["t"] + 1, "step_trials": [], "draft": None, "trial": None}
    lessons = lessons_of(state, step.bench.spec)
    if lessons:
        step.teach(lessons)
        update["lessons"] = lessons
    if state["block"]:
        update["blocks"] = [*state.get("blocks", []), state["block"]]
    if best is not None and not_worse(best, state["best"], step):
        champion = state.get("champion")
        if not_worse(best, champion, step):  # what was refined before may still be ahead
            announce(step, best)
        step.emit("accepted", label=best["label"], gain=_gain(best, state["best"], step))
        update["best"] = best
        gained = (_gain(best, state["best"], step) or 0.0) > 0
    update["stale"] = 0 if gained else state.get("stale", 0) + 1
    # The playbook means it when it finds no block; a model may have been misunderstood.
    nothing = not state["block"] and step.bench.settings.trusted
    if (nothing or update["stale"] >= STALE) and step.bench.settings.preset != "paper":
        update |= _turn(state, update.get("best", state["best"]), step)
    return update


def _turn(state: SolutionState, best: Trial | None, step: Step) -> Update:
    """Begin with the best candidate that was not refined yet, if there is one."""
    direction = step.bench.spec.direction
    ranked = rank(state.get("candidates", []), direction)
    roots = state.get("roots") or [trial["id"] for trial in ranked[:1]]
    left = [trial for trial in ranked if trial["id"] not in roots]
    if not left:
        return {"exhausted": not state["block"]}
    step.emit("turned", label=left[0]["label"], from_label=best["label"] if best else "")
    return {
        "champion": best_of([t for t in (state.get("champion"), best) if t], direction),
        "best": left[0],
        "roots": [*roots, left[0]["id"]],
        "stale": 0,
        "summaries": [],
        "blocks": [],
    }


def _gain(best: Trial, before: Trial | None, step: Step) -> float | None:
    """How much better the new best is, in the metric's units; positive is better."""
    if not best["score"] or not before or not before["score"]:
        return None
    return gain(best["score"], before["score"], step.bench.spec.direction)


@node
def finish(state: SolutionState, step: Step) -> Update:
    """Hand the branch's best script over."""
    found = [trial for trial in (state.get("champion"), state.get("best")) if trial]
    best = best_of(found, step.bench.spec.direction) or state.get("best")
    if state.get("failure"):
        step.note(f"This solution gave up early: {state['failure']}")
    step.emit("solution_finished", label=best["label"] if best else "")
    return {"solutions": [best] if best else []}


def attempt_of(plan: str, trial: Trial | None) -> Attempt:
    """What became of a plan. A score with a leakage alarm does not count."""
    score = trial["score"] if trial else None
    counts = score is not None and not score["alarm"]
    if trial is None:
        problem = "it could not be implemented"
    else:
        problem = trial["problem"] or (score["alarm"] if score else "")
    return Attempt(
        plan=plan,
        score=score["value"] if score and counts else None,
        error=score["error"] if score and counts else None,
        seconds=trial["seconds"] if trial else None,
        problem=problem,
        trial=trial["id"] if trial else "",
        behind=trial is not None and trial["outcome"] == "behind",
    )


def tried_plans(attempts: Sequence[Attempt]) -> list[Tried]:
    """The attempts as the planner sees them."""
    return [
        Tried(a["plan"], a["score"], a["error"], a["seconds"], a["problem"], a.get("behind", False))
        for a in attempts
    ]
