"""INITIALISE, first half: retrieve models, write one candidate script each, rank them."""

from __future__ import annotations

from mle_star.nodes.step import Step, Update, node
from mle_star.scoring import rank as rank_trials
from mle_star.state import CandidateState, CardRecord, Draft, SolutionState


@node
def retrieve(state: SolutionState, step: Step) -> Update:
    """Find models that fit the task."""
    settings = step.bench.settings
    cards = step.ask(
        step.bench.engineer.retrieve,
        settings.num_candidates,
        state["solution"],
        settings.num_solutions,
    )
    records = [
        CardRecord(
            name=c.name,
            reason=c.reason,
            example=c.example,
            sources=list(c.sources),
            times=c.times,
        )
        for c in (cards or [])[: settings.num_candidates]
    ]
    step.emit("retrieved", cards=[{"name": c["name"], "reason": c["reason"]} for c in records])
    return {
        "cards": records,
        "t": 0,
        "k": 0,
        "best": None,
        "champion": None,
        "champion_root": "",
        "stale": 0,
        "exhausted": False,
        "summaries": [],
        "blocks": [],
    }


@node
def write(state: CandidateState, step: Step) -> Update:
    """Write a simple script with exactly the card's model."""
    from mle_star.engineer import ModelCard

    card = state["card"]
    text = step.ask(
        step.bench.engineer.write,
        ModelCard(card["name"], card["reason"], card["example"], tuple(card["sources"])),
    )
    if text is None:
        return {"draft": None, "trial": None}
    step.emit("written", label=card["name"])
    return {
        "draft": Draft(
            script=step.bench.folder.save_script(text),
            label=card["name"],
            phase="write",
            solution=state["solution"],
            members=[],
            place=state.get("place", 0),
            times=card.get("times", 1.0),
        )
    }


@node
def hand_over(state: CandidateState, step: Step) -> Update:
    """Give the candidate's trial to the solution branch."""
    trial = state.get("trial")
    if trial and trial["score"] and not trial["score"]["alarm"]:
        step.bench.board.post(candidates=[(state["solution"], trial["label"])])
    return {"candidates": [trial] if trial else []}


@node
def rank(state: SolutionState, step: Step) -> Update:
    """Order the candidates, best first: the best becomes the base, the others wait to be merged."""
    candidates = state.get("candidates", [])
    ranked = rank_trials(candidates, step.bench.spec.direction)
    if not ranked:
        step.note("No candidate of this solution ran to a score that may win.")
    elif ranked[0]["score"]:
        step.emit("best", label=ranked[0]["label"], score=ranked[0]["score"]["value"])
    return {
        "best": ranked[0] if ranked else None,
        "roots": [trial["id"] for trial in ranked[:1]],
        "queue": ranked[1:],
        "trials": candidates,
    }
