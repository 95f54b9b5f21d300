"""A model that a person asks for: its script is written, scored, and merged with the best one."""

from __future__ import annotations

from mle_star.engineer import ModelCard
from mle_star.nodes.lessons import current_root
from mle_star.nodes.merge import announce
from mle_star.nodes.step import Step, Update, node
from mle_star.scoring import best_of, better, rank
from mle_star.state import Draft, SolutionState, Trial


@node
def try_card(state: SolutionState, step: Step) -> Update:
    """Write a script with the next model card that a person told."""
    told, *rest = state["told_cards"]
    card = ModelCard(told["name"], told["reason"], told["example"])
    text = step.ask(step.bench.engineer.write, card)
    update: Update = {"told_cards": rest, "card_id": told["id"], "draft": None, "trial": None}
    if text is None:
        step.heed(told["id"], "card", f"No script could be written with {card.name}.", done=False)
        return update
    step.emit("written", label=card.name)
    draft = Draft(
        script=step.bench.folder.save_script(text),
        label=card.name,
        phase="write",
        solution=state["solution"],
        members=[],
        told=True,
    )
    return {**update, "draft": draft}


@node
def judge_card(state: SolutionState, step: Step) -> Update:
    """Take the better of the model's script and the best one; the other waits to be merged."""
    trial, best = state.get("trial"), state["best"]
    update: Update = {"draft": None, "trial": None, "queue": []}
    name = (state["draft"] or {"label": "the model"})["label"]
    known = {other["id"] for other in state.get("candidates", [])}
    if trial is None or trial["id"] in known:
        why = "was not run" if trial is None else "is a script this solution has tried already"
        step.heed(state["card_id"], "card", f"{name} {why}.", done=False)
        return update
    update |= {"candidates": [trial], "trials": [trial]}
    if not rank([trial], step.bench.spec.direction):
        step.heed(state["card_id"], "card", f"{name} has no score that may win.", done=False)
        return update
    step.bench.board.post(candidates=[(state["solution"], trial["label"])])
    update["exhausted"] = False
    if best is not None and not better(trial["score"], best["score"], step.bench.spec.direction):
        step.heed(state["card_id"], "card", f"{name} is not better alone: it is merged.")
        return {**update, "queue": [trial]}
    announce(step, trial)
    step.heed(state["card_id"], "card", f"{name} is better: the solution goes on with it.")
    return {**update, **_turn_to(state, trial, step), "queue": [best] if best else []}


def _turn_to(state: SolutionState, trial: Trial, step: Step) -> Update:
    """Go on with another script, keeping the best of what was refined before."""
    direction, best = step.bench.spec.direction, state["best"]
    champion = best_of([t for t in (state.get("champion"), best) if t], direction)
    kept = state.get("champion_root") or ""
    if champion is not None and best is not None and champion["id"] == best["id"]:
        kept = current_root(state, direction)
    roots = state.get("roots") or [current_root(state, direction)]
    return {
        "best": trial,
        "champion": champion,
        "champion_root": kept,
        "roots": [*filter(None, roots), trial["id"]],
        "stale": 0,
        "summaries": [],
        "blocks": [],
    }
