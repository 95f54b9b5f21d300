"""ENSEMBLE(s^1..s^L, R): a numeric blend of everything first, then planned ensembles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mle_star.engineer import MemberView
from mle_star.nodes.refine import attempt_of, tried_plans
from mle_star.nodes.step import Step, Update, node
from mle_star.nodes.workbench import Workbench
from mle_star.scoring import (
    Blend,
    Predictions,
    Problem,
    average_blend,
    best_of,
    better,
    blend_script,
    correlation,
    greedy_blend,
    rank,
    sharpen,
)
from mle_star.state import Draft, Member, State, Trial

POOL = 30
"""Trials the numeric blend chooses from, best first."""
PLANNED_MEMBERS = 8
"""Most members of a planned ensemble."""
ROUND = 2.0
"""Seconds of a first round besides its script; later ones are measured."""
LEAST_MEMBERS = 3
"""Members a planned ensemble is filled up to, where there are as many scored scripts."""


@node
def select(state: State, step: Step) -> Update:
    """Look at what the branches brought: the best single script so far."""
    best = best_of(state.get("trials", []), step.bench.spec.direction)
    step.emit(
        "selected",
        label=best["label"] if best else "",
        score=best["score"]["value"] if best and best["score"] else None,
    )
    return {"best": best, "round": 0, "attempts": []}


@node
def blend(state: State, step: Step) -> Update:
    """Choose weights for a blend of all kept trials from their out-of-fold predictions.

    Greedy selection with replacement: Caruana et al., "Ensemble Selection from Libraries of
    Models", ICML 2004. The average is sharpened where the metric gains by it
    (:mod:`mle_star.scoring.sharpening`).
    """
    bench = step.bench
    members, predictions = _pool(bench, state.get("trials", []))
    if len(members) < 2:
        return {"draft": None, "trial": None}
    chosen = _best_blend(bench, state, members, predictions)
    if isinstance(chosen, Problem):
        step.note(f"No numeric blend: {chosen}")
        return {"draft": None, "trial": None}
    triples = zip(members, chosen.weights, predictions, strict=True)
    weighted = sorted(((m, w, p) for m, w, p in triples if w > 0), key=lambda triple: -triple[1])
    kept = weighted[: len(bench.affordable([member for member, _, _ in weighted]))]
    if len(kept) < 2:
        step.note("The best blend is a single script: nothing to average.")
        return {"draft": None, "trial": None}
    weights = [float(weight) for _, weight, _ in kept]
    sharpening, value = sharpen(
        bench.spec, bench.views.search, chosen.mode, weights, [p for _, _, p in kept]
    )
    value = chosen.score["value"] if value is None else value
    step.emit(
        "blended",
        mode=chosen.mode,
        members=[m["label"] for m, _, _ in kept],
        weights=weights,
        sharpened=sharpening.factor if sharpening else 1.0,
    )
    return {
        "draft": Draft(
            script=bench.folder.save_script(
                blend_script(bench.spec, weights, chosen.mode, value, sharpening)
            ),
            label=f"blend ({chosen.mode}) of {len(kept)} scripts",
            phase="blend",
            solution=-1,
            members=[Member(trial=m["id"], weight=float(w)) for m, w, _ in kept],
        ),
        "trial": None,
    }


@node
def propose_ensemble(state: State, step: Step) -> Update:
    """Plan an ensemble from every earlier plan and its score."""
    bench = step.bench
    empty: Update = {"draft": None, "trial": None, "plan": "", "refusal": ""}
    empty["round"] = state["round"] + 1
    members, predictions = _planned_members(bench, state)
    if len(members) < 2:
        return empty
    if not _can_wait(bench, state):
        step.note("No further ensemble is tried: the final run needs the time that is left.")
        return {**empty, "round": state["settings"]["ensemble_rounds"]}
    bench.rounds.begin(bench.clock.elapsed())
    views, tried = _views(bench, members, predictions), tried_plans(state["attempts"])
    plan = step.ask(bench.engineer.plan_ensemble, views, tried) or ""
    return {**empty, "plan": plan, "planned": [member["id"] for member in members]}


@node
def ensemble(state: State, step: Step) -> Update:
    """Write the script of the planned ensemble."""
    bench, plan = step.bench, state["plan"]
    members, predictions = _those(bench, state, state["planned"])
    text = step.ask(bench.engineer.ensemble, plan, _views(bench, members, predictions))
    labels = [member["label"] for member in members]
    step.emit("ensembled", plan=plan, written=text is not None, members=labels)
    if text is None:
        return {"draft": None, "trial": None}
    return {
        "trial": None,
        "draft": Draft(
            script=bench.folder.save_script(text),
            label=plan,
            phase="ensemble",
            solution=-1,
            members=[Member(trial=member["id"], weight=1.0) for member in members],
        ),
    }


@node
def judge_ensemble(state: State, step: Step) -> Update:
    """Remember what the ensemble scored; the best of all trials, singles included, stays ahead."""
    trial, draft = state.get("trial"), state.get("draft")
    step.bench.rounds.end(step.bench.clock.elapsed())
    attempts = list(state.get("attempts", []))
    if draft is not None or state.get("plan"):
        plan = described(state, draft) if draft else state["plan"]
        attempts.append(attempt_of(plan, trial, state.get("refusal", "")))
    before = state.get("best")
    best = best_of([t for t in (before, trial) if t], step.bench.spec.direction)
    if best is not None and best is not before and best["score"]:
        step.emit("best", label=best["label"], score=best["score"]["value"])
    return {
        "attempts": attempts,
        "best": best,
        "trials": [trial] if trial else [],
        "draft": None,
        "trial": None,
        "plan": "",
    }


def _can_wait(bench: Workbench, state: State) -> bool:
    """Whether the best so far can learn from all it should after another round as well.

    More rows are worth more than another ensemble: a run on 75,000 flights lost three times as much
    by learning from 30,000 of them in the end as three rounds had gained.
    """
    best = state.get("best")
    if best is None:
        return True
    trials = state.get("trials", [])
    ids = {member["trial"] for member in best["members"]}
    again = [best, *(trial for trial in trials if trial["id"] in ids)]
    if bench.views.search.answers and not bench.final_rows(again):
        return True  # nothing runs again: the search's own predictions are handed in
    scripts = [trial["seconds"] for trial in trials if trial["phase"] in ("blend", "ensemble")]
    return bench.fits(again, later=bench.rounds.longest or ROUND + 2 * max(scripts, default=0.0))


def described(state: State, draft: Draft) -> str:
    """An ensemble as the planner sees it; the numeric blend with its members and weights."""
    if draft["phase"] != "blend":
        return draft["label"]
    labels = {trial["id"]: trial["label"] for trial in state.get("trials", [])}
    parts = (f"{m['weight']:.2f} x {labels.get(m['trial'], '')[:80]}" for m in draft["members"])
    return f"{draft['label']}: {'; '.join(parts)}"


def _best_blend(
    bench: Workbench, state: State, members: list[Trial], predictions: list[Predictions]
) -> Blend | Problem:
    """The greedy blend of the pool, or the plain average of the solutions where that is better."""
    greedy = greedy_blend(bench.spec, bench.views.search, predictions)
    finals = {trial["id"] for trial in state.get("solutions", [])}
    places = [i for i, member in enumerate(members) if member["id"] in finals]
    if len(places) < 2 or isinstance(greedy, Problem):
        return greedy
    plain = average_blend(bench.spec, bench.views.search, [predictions[i] for i in places])
    if isinstance(plain, Problem) or not better(plain.score, greedy.score, bench.spec.direction):
        return greedy
    weights = [0.0] * len(members)
    for place, weight in zip(places, plain.weights, strict=True):
        weights[place] = weight
    return replace(plain, weights=weights)


def _pool(bench: Workbench, trials: list[Trial]) -> tuple[list[Trial], list[Predictions]]:
    """The best distinct single scripts with readable predictions, best first."""
    if bench.spec.evaluation == "printed":
        return [], []  # rows can't be mapped, so predictions can't be averaged
    members: list[Trial] = []
    predictions: list[Predictions] = []
    for trial in rank(trials, bench.spec.direction):
        if len(members) == POOL:
            break
        if trial["members"] or any(trial["id"] == other["id"] for other in members):
            continue
        read = bench.predictions.read(bench.spec, bench.views.search, _final(bench, trial))
        if isinstance(read, Predictions):
            members.append(trial)
            predictions.append(read)
    return members, predictions


def _planned_members(bench: Workbench, state: State) -> tuple[list[Trial], list[Predictions]]:
    """The branches' solutions first, then what the numeric blend chose.

    Where that is less than a handful (one solution, or a blend that found one script best), the
    best other scripts join.
    """
    wanted = [trial["id"] for trial in state.get("solutions", [])]
    for trial in state.get("trials", []):
        wanted.extend(member["trial"] for member in trial["members"])
    members, predictions = _pool(bench, state.get("trials", []))
    for member in members:
        if len(set(wanted)) < LEAST_MEMBERS:
            wanted.append(member["id"])
    order = {key: place for place, key in reversed(list(enumerate(wanted)))}
    chosen = sorted(
        (i for i, member in enumerate(members) if member["id"] in order),
        key=lambda i: order[members[i]["id"]],
    )[:PLANNED_MEMBERS]
    chosen = chosen[: len(bench.affordable([members[i] for i in chosen]))]
    return [members[i] for i in chosen], [predictions[i] for i in chosen]


def _those(bench: Workbench, state: State, ids: list[str]) -> tuple[list[Trial], list[Predictions]]:
    """The members that a plan speaks of, in its order."""
    members, predictions = _pool(bench, state.get("trials", []))
    places = {member["id"]: place for place, member in enumerate(members)}
    chosen = [places[name] for name in ids]
    return [members[i] for i in chosen], [predictions[i] for i in chosen]


def _views(
    bench: Workbench, members: list[Trial], predictions: list[Predictions]
) -> list[MemberView]:
    matrix = correlation(bench.spec, predictions)
    return [
        MemberView(
            number=number,
            label=member["label"],
            score=member["score"]["value"] if member["score"] else float("nan"),
            script=bench.folder.script(member["script"]),
            correlations=tuple(float(value) for value in matrix[number]),
            soft=predictions[number].soft is not None,
        )
        for number, member in enumerate(members)
    ]


def _final(bench: Workbench, trial: Trial) -> Path:
    return bench.folder.path / "trials" / trial["id"] / "final"
