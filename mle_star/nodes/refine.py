"""REFINE, inner loop: plans for one block, each implemented in the original block and scored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import cast

from mle_star.engineer import Tried, read_lessons
from mle_star.engineer.splice import replace_once
from mle_star.nodes.lessons import current_root, lessons_of
from mle_star.nodes.merge import announce, not_worse
from mle_star.nodes.step import Step, Update, node
from mle_star.scoring import best_of, better, gain, rank
from mle_star.state import Attempt, Draft, SolutionState, Trial
from mle_star.tasks import loss_of

FAR = 1.5
"""Times the best script's loss beyond which a candidate is not worth refining."""
PRICE = 0.004
"""Share of the loss that a change must gain for each doubling of a script's time, where all of the
time is left: less where there is less that it could slow down."""
STALE = 2
"""Outer steps in a row without a gain after which a branch turns to another candidate."""


@node
def propose(state: SolutionState, step: Step) -> Update:
    """Plan, from the second inner step on: the first plan comes with the block."""
    bench = step.bench
    base, tried = bench.folder.script(state["base"]), tried_plans(state["attempts"])
    plan = _weighing(state, step).ask(bench.engineer.plan, base, state["block"], tried)
    return {"plan": plan or "", "draft": None, "trial": None, "refusal": ""}


def _weighing(state: SolutionState, step: Step) -> Step:
    """The step with what it brought so far, by which the playbook may leave the block.

    A model is told the plans as such; the paper goes on to the last inner step.
    """
    if not step.bench.settings.trusted or step.bench.settings.preset == "paper":
        return step
    learnt = read_lessons(lessons_of(state, step.bench.spec))
    return replace(step, lessons=(*step.lessons, *learnt))


@node
def refine(state: SolutionState, step: Step) -> Update:
    """Rewrite the block by the plan.

    Every plan starts from the original block, not from the plan before.
    """
    bench = step.bench
    base = bench.folder.script(state["base"])
    block, plan = state["block"], state["plan"]
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
            parent=state["base"],
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
    """Remember and tell what the plan scored. The counter moves here and nowhere else."""
    trial = state.get("trial")
    attempt = attempt_of(state["plan"], trial, state.get("refusal", ""))
    trials = [trial] if trial else []
    alone = cast(SolutionState, {**state, "attempts": [attempt], "step_trials": trials})
    if lessons := lessons_of(alone, step.bench.spec):
        step.teach(lessons)
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

    What is better but takes much longer is kept for the ensemble and not refined any further:
    every later step would take as much longer.

    A branch that stagnates, or finds no block any more, turns to its next best candidate: its
    variants err in other ways, which the ensemble gains from even where none is the best.
    """
    direction = step.bench.spec.direction
    best = best_of(state["step_trials"], direction)
    gained = False
    update: Update = {"t": state["t"] + 1, "k": 0, "step_trials": [], "draft": None, "trial": None}
    if lessons := lessons_of(state, step.bench.spec):
        update["lessons"] = lessons
    if state["block"]:
        update["blocks"] = [*state.get("blocks", []), state["block"]]
    if best is not None and not_worse(best, state["best"], step):
        champion = state.get("champion")
        if not_worse(best, champion, step):  # what was refined before may still be ahead
            announce(step, best)
        base = _base(state, step)
        if base is not best and _ahead(best, state["best"], champion, step):
            update |= {"champion": best, "champion_root": current_root(state, direction)}
        if base is not None:
            step.emit("accepted", label=base["label"], gain=_gain(base, state["best"], step))
            update["best"] = base
            gained = (_gain(base, state["best"], step) or 0.0) > 0
    update["stale"] = 0 if gained else state.get("stale", 0) + 1
    # The playbook means it when it finds no block; a model may have been misunderstood.
    nothing = not state["block"] and step.bench.settings.trusted
    if (nothing or update["stale"] >= STALE) and step.bench.settings.preset != "paper":
        update |= _turn(cast(SolutionState, {**state, **update}), step)
    return update


def _ahead(best: Trial, before: Trial | None, champion: Trial | None, step: Step) -> bool:
    """Whether a script that is not built upon is better than all before; a tie is not."""
    direction = step.bench.spec.direction
    return all(
        better(best["score"], other["score"], direction) for other in (before, champion) if other
    )


def _base(state: SolutionState, step: Step) -> Trial | None:
    """The plan's script that the next outer step starts from; None: the one as it was.

    The best one, or where the playbook plans (a model thinks for longer than scripts run) the one
    whose gain is largest after its time is paid for.
    """
    before = state["best"]
    trials = rank(state["step_trials"], step.bench.spec.direction)
    if before is None or before["score"] is None or not step.bench.settings.trusted:
        return trials[0]
    loss = loss_of(step.bench.spec.metric, before["score"]["value"])
    left = step.bench.seconds_left() / step.bench.settings.time_budget
    price = PRICE * left if step.bench.settings.preset != "paper" else 0.0

    def worth(trial: Trial) -> float:
        times = max(trial["seconds"], 1e-3) / max(before["seconds"], 1e-3)
        return (_gain(trial, before, step) or 0.0) / loss - price * max(0.0, math.log2(times))

    best = max(trials, key=worth)
    pays = worth(best) >= 0 and not_worse(best, before, step)
    return best if pays else None


def _turn(state: SolutionState, step: Step) -> Update:
    """Begin with the best candidate that was not refined yet; after the last, with the best script.

    What is far behind is left alone: no refinement makes up for that.
    """
    direction = step.bench.spec.direction
    champion = best_of([t for t in (state.get("champion"), state["best"]) if t], direction)
    ranked = rank(state.get("candidates", []), direction)
    roots = state.get("roots") or [trial["id"] for trial in ranked[:1]]
    left = [t for t in ranked if t["id"] not in roots and not _far_behind(t, champion, step)]
    kept = state.get("champion_root") or ""
    best = state["best"]  # after a resume equal to the champion, and not the same object
    own = champion is not None and best is not None and champion["id"] == best["id"]
    from_label = best["label"] if best else ""
    if own:
        kept = current_root(state, direction)
    anew: Update = {"champion": champion, "champion_root": kept}
    anew |= {"stale": 0, "summaries": [], "blocks": []}
    if left:
        step.emit("turned", label=left[0]["label"], from_label=from_label)
        return {**anew, "best": left[0], "roots": [*roots, left[0]["id"]]}
    if champion is not None and not own:
        step.emit("turned", label=champion["label"], from_label=from_label)
        return {**anew, "best": champion, "roots": [*roots, kept]}
    return {"exhausted": not state["block"]}


def _far_behind(trial: Trial, champion: Trial | None, step: Step) -> bool:
    """Whether a candidate loses so much more than the best that refining it is no use."""
    if champion is None or champion["score"] is None or trial["score"] is None:
        return False
    metric = step.bench.spec.metric
    loss, least = (loss_of(metric, t["score"]["value"]) for t in (trial, champion) if t["score"])
    return loss > FAR * least


def _gain(best: Trial, before: Trial | None, step: Step) -> float | None:
    """How much better the new best is, in the metric's units; positive is better."""
    if not best["score"] or not before or not before["score"]:
        return None
    return gain(best["score"], before["score"], step.bench.spec.direction)


@node
def finish(state: SolutionState, step: Step) -> Update:
    """Hand the branch's best script over."""
    found = [trial for trial in (state.get("best"), state.get("champion")) if trial]
    best = best_of(found, step.bench.spec.direction) or state.get("best")
    if state.get("failure"):
        step.note(f"This solution gave up early: {state['failure']}")
    _say_what_waits(state, step)
    step.emit("solution_finished", label=best["label"] if best else "")
    return {"solutions": [best] if best else []}


def _say_what_waits(state: SolutionState, step: Step) -> None:
    """Whoever told something that the search has no time for any more should know."""
    for card in state.get("told_cards") or ():
        text = f"{card['name']} came too late: the search of this solution is over."
        step.heed(card["id"], "card", text, done=False)
    if told := state.get("told_block"):
        text = "The block came too late: the search of this solution is over."
        step.heed(told["id"], "block", text, done=False)


def attempt_of(plan: str, trial: Trial | None, refusal: str = "") -> Attempt:
    """What became of a plan. A score with a leakage alarm does not count.

    Args:
        plan: the plan.
        trial: of its script; None where there is none.
        refusal: why a person did not let it be tried.
    """
    score = trial["score"] if trial else None
    counts = score is not None and not score["alarm"]
    if trial is None:
        problem = refusal or "it could not be implemented"
    else:  # a person may have refused a repair of what ran
        problem = trial["problem"] or (score["alarm"] if score else "")
        problem = f"{problem.rstrip('.')}; {refusal}" if refusal and not counts else problem
    return Attempt(
        plan=plan,
        score=score["value"] if score and counts else None,
        error=score["error"] if score and counts else None,
        seconds=trial["seconds"] if trial else None,
        problem=problem,
        trial=trial["id"] if trial else "",
        behind=trial is not None and trial["outcome"] == "behind",
        refused=bool(refusal) and trial is None,
    )


def tried_plans(attempts: Sequence[Attempt]) -> list[Tried]:
    """The attempts as the planner sees them."""
    return [
        Tried(a["plan"], a["score"], a["error"], a["seconds"], a["problem"], a.get("behind", False))
        for a in attempts
    ]
