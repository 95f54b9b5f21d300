"""REFINE, inner loop: plans for one block, each implemented in the original block and scored."""

from __future__ import annotations

from collections.abc import Sequence

from mle_star.engineer import Tried
from mle_star.engineer.splice import replace_once
from mle_star.nodes.merge import announce, not_worse
from mle_star.nodes.step import Step, Update, node
from mle_star.scoring import best_of, gain
from mle_star.state import Attempt, Draft, SolutionState, Trial


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
    return {
        "draft": Draft(
            script=bench.folder.save_script(replace_once(base, block, new)),
            label=plan,
            phase="refine",
            solution=state["solution"],
            members=[],
        ),
        "trial": None,
        "plan": plan,
    }


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
    """End the outer step: the best of all its plans replaces the script if it is not worse."""
    best = best_of(state["step_trials"], step.bench.spec.direction)
    update: Update = {"t": state["t"] + 1, "step_trials": [], "draft": None, "trial": None}
    if state["block"]:
        update["blocks"] = [*state.get("blocks", []), state["block"]]
    if best is not None and not_worse(best, state["best"], step):
        announce(step, best)
        step.emit("accepted", label=best["label"], gain=_gain(best, state["best"], step))
        update["best"] = best
    return update


def _gain(best: Trial, before: Trial | None, step: Step) -> float | None:
    """How much better the new best is, in the metric's units; positive is better."""
    if not best["score"] or not before or not before["score"]:
        return None
    return gain(best["score"], before["score"], step.bench.spec.direction)


@node
def finish(state: SolutionState, step: Step) -> Update:
    """Hand the branch's best script over."""
    best = state.get("best")
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
    )


def tried_plans(attempts: Sequence[Attempt]) -> list[Tried]:
    """The attempts as the planner sees them."""
    return [Tried(a["plan"], a["score"], a["error"], a["seconds"], a["problem"]) for a in attempts]
