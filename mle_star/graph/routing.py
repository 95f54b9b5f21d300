"""Every conditional edge: pure functions of the state that name the next node."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, Literal, TypeVar, cast

from langgraph.types import Send

from mle_star.nodes.evaluate import LEAKAGE_ROUNDS
from mle_star.state import CandidateState, EvaluationState, RunState, SolutionState, State


def may_search(state: RunState) -> bool:
    """Whether the search may go on: there is time, and somebody to ask.

    The rest of the budget is the reserve for ensemble and final run.
    """
    in_time = state["elapsed"] < state["settings"]["time_budget"] * (1 - _reserve(state))
    return bool(in_time and not state.get("spent") and not state.get("halted"))


def ensemble_time_left(state: RunState) -> bool:
    """Whether another ensemble may be tried: half of the reserve belongs to the final run."""
    return bool(state["elapsed"] < state["settings"]["time_budget"] * (1 - _reserve(state) / 2))


def _reserve(state: RunState) -> float:
    return float(state.get("reserve", state["settings"]["reserve"]))


def asked_about(state: RunState, what: str) -> bool:
    """Whether a person is asked about scripts or plans first."""
    return what in state["settings"].get("approve", ())


def _branch(state: RunState) -> dict[str, Any]:
    shared = {"run": state["run"], "settings": state["settings"], "elapsed": state["elapsed"]}
    hints = {"hints": state["hints"]} if state.get("hints") else {}
    return {**shared, "reserve": _reserve(state), **hints}


Router = TypeVar("Router", bound=Callable[..., Any])


def giving_up_at(place: str) -> Callable[[Router], Router]:
    """Let a router send a level that failed unexpectedly to ``place``."""

    def decorate(router: Router) -> Router:
        @functools.wraps(router)
        def route(state: RunState) -> Any:
            return place if state.get("failure") else router(state)

        return cast(Router, route)

    return decorate


# pipeline


def fan_out_solutions(state: State) -> list[Send]:
    """L solution branches, side by side."""
    count = state["settings"]["num_solutions"]
    return [Send("solution", {**_branch(state), "solution": i}) for i in range(count)]


@giving_up_at("submit")
def after_propose_ensemble(
    state: State,
) -> Literal["ask_plan", "ensemble", "judge_ensemble", "submit"]:
    """Write what was planned, if anything was; a person may be asked first."""
    if not state.get("plan"):
        return "judge_ensemble"
    return "ask_plan" if asked_about(state, "plans") else "ensemble"


@giving_up_at("submit")
def after_ask_ensemble(state: State) -> Literal["ensemble", "judge_ensemble", "submit"]:
    """Write what a person agreed to; a plan that was refused counts as an attempt."""
    return "judge_ensemble" if state["refusal"] else "ensemble"


@giving_up_at("submit")
def after_blend(state: State) -> Literal["evaluate_ensemble", "judge_ensemble", "submit"]:
    """Score the blend, if there is one."""
    return "evaluate_ensemble" if state.get("draft") else "judge_ensemble"


after_ensemble = after_blend
"""A planned ensemble goes the same way."""


@giving_up_at("submit")
def more_ensembles(state: State) -> Literal["propose_ensemble", "ask_spend", "submit"]:
    """R planned ensembles after the numeric blend, while there is time and something to combine."""
    if (
        state["round"] >= state["settings"]["ensemble_rounds"]
        or not state.get("best")
        or not ensemble_time_left(state)
        or state.get("halted")
    ):
        return "submit"
    return "ask_spend" if state.get("over") else "propose_ensemble"


@giving_up_at("submit")
def after_ask_spend_ensemble(state: State) -> Literal["propose_ensemble", "submit"]:
    """Go on with planned ensembles, unless a person has ended the search."""
    agreed: Any = {**state, "over": False}
    return "propose_ensemble" if more_ensembles(agreed) == "propose_ensemble" else "submit"


# solution


@giving_up_at("rank")
def fan_out_candidates(state: SolutionState) -> list[Send] | Literal["rank"]:
    """M candidate branches, side by side."""
    sends = [
        Send(
            "candidate",
            {**_branch(state), "solution": state["solution"], "card": card, "place": place},
        )
        for place, card in enumerate(state["cards"])
    ]
    return sends or "rank"


@giving_up_at("finish")
def after_rank(
    state: SolutionState,
) -> Literal["merge", "check_usage", "try_card", "ask_spend", "finish"]:
    """Merge while candidates wait.

    Without any scored script the branch is over, unless a person has told it another model.
    """
    if not may_search(state):
        return "finish"
    if not state.get("best"):
        return "try_card" if state.get("told_cards") else "finish"
    if state["queue"]:
        return "ask_spend" if state.get("over") else "merge"
    return "check_usage"


after_judge_merge = after_rank
"""After a merge the same question is asked again."""


@giving_up_at("finish")
def after_merge(
    state: SolutionState,
) -> Literal["evaluate_merge", "merge", "check_usage", "try_card", "ask_spend", "finish"]:
    """Score the merged script; a pair that can't be merged is passed over."""
    return "evaluate_merge" if state.get("draft") else after_rank(state)


@giving_up_at("finish")
def after_check_usage(
    state: SolutionState,
) -> Literal["evaluate_usage", "ablate", "try_card", "ask_spend", "finish"]:
    """Score the rewrite, if there is one."""
    return "evaluate_usage" if state.get("draft") else more_outer_steps(state)


@giving_up_at("finish")
def more_outer_steps(
    state: SolutionState,
) -> Literal["ablate", "try_card", "ask_spend", "finish"]:
    """T outer steps, while there is time and something to refine; what people told comes first."""
    more = (
        state["t"] < state["settings"]["outer_steps"]
        and state.get("best")
        and (not state.get("exhausted") or state.get("told_block"))
    )
    if not may_search(state) or not (more or state.get("told_cards")):
        return "finish"
    if state.get("over"):
        return "ask_spend"
    return "try_card" if state.get("told_cards") else "ablate"


@giving_up_at("finish")
def after_ask_spend(
    state: SolutionState,
) -> Literal["merge", "check_usage", "propose", "accept", "ablate", "try_card", "finish"]:
    """Go on where the question came up: among plans, before a merge, or between outer steps."""
    agreed: Any = {**state, "over": False}
    router: Any = more_inner_steps
    if not state["k"]:
        router = after_rank if state.get("queue") else more_outer_steps
    place: Literal["merge", "check_usage", "propose", "accept", "ablate", "try_card", "finish"]
    place = router(agreed)
    return place


@giving_up_at("finish")
def after_try_card(
    state: SolutionState,
) -> Literal["evaluate_card", "ablate", "try_card", "ask_spend", "finish"]:
    """Score the script that was written with a told model."""
    return "evaluate_card" if state.get("draft") else more_outer_steps(state)


@giving_up_at("finish")
def after_judge_card(
    state: SolutionState,
) -> Literal["merge", "ablate", "try_card", "ask_spend", "finish"]:
    """Merge the told model's script with the best one, where it has a score."""
    return "merge" if state["queue"] and may_search(state) else more_outer_steps(state)


@giving_up_at("finish")
def after_ablate(
    state: SolutionState,
) -> Literal["ask_study", "run_ablation", "summarise", "finish"]:
    """Run the study that was written; a person may be asked first."""
    if not state["ablation"]["script"]:
        return "summarise"
    return "ask_study" if asked_about(state, "scripts") else "run_ablation"


@giving_up_at("finish")
def after_ask_study(state: SolutionState) -> Literal["run_ablation", "summarise", "finish"]:
    """Run a study that a person has seen; one that was refused is given up."""
    given_up = state["ablation"]["rounds"] > state["settings"]["debug_rounds"]
    return "summarise" if given_up else "run_ablation"


@giving_up_at("finish")
def after_run_ablation(state: SolutionState) -> Literal["debug_ablation", "summarise", "finish"]:
    """Repair a failed study, at most D times."""
    study = state["ablation"]
    again = study["error"] and study["rounds"] < state["settings"]["debug_rounds"]
    return "debug_ablation" if again and may_search(state) else "summarise"


@giving_up_at("finish")
def after_debug_ablation(
    state: SolutionState,
) -> Literal["ask_study", "run_ablation", "summarise", "finish"]:
    """Run the repaired study; one that could not be repaired is given up."""
    if state["ablation"]["rounds"] > state["settings"]["debug_rounds"]:
        return "summarise"
    return "ask_study" if asked_about(state, "scripts") else "run_ablation"


@giving_up_at("finish")
def after_summarise(state: SolutionState) -> Literal["extract", "finish"]:
    """Look for the block that matters."""
    return "extract"


@giving_up_at("finish")
def after_extract(state: SolutionState) -> Literal["ask_plan", "refine", "accept", "finish"]:
    """Refine the block; without one the outer step is skipped."""
    if not state["block"]:
        return "accept"
    return "ask_plan" if asked_about(state, "plans") else "refine"


@giving_up_at("finish")
def after_ask_plan(state: SolutionState) -> Literal["refine", "learn", "finish"]:
    """Carry out what a person agreed to; a plan that was refused counts as an attempt."""
    return "learn" if state["refusal"] else "refine"


@giving_up_at("finish")
def after_propose(state: SolutionState) -> Literal["ask_plan", "refine", "accept", "finish"]:
    """Carry the plan out, or ask a person first; no plan ends the loop."""
    if not state["plan"]:
        return "accept"
    return "ask_plan" if asked_about(state, "plans") else "refine"


@giving_up_at("finish")
def after_refine(state: SolutionState) -> Literal["evaluate_refine", "learn", "finish"]:
    """Score the new script; a plan that could not be implemented counts as tried."""
    return "evaluate_refine" if state.get("draft") else "learn"


@giving_up_at("finish")
def more_inner_steps(
    state: SolutionState,
) -> Literal["propose", "accept", "ask_spend", "finish"]:
    """K inner steps, while there is time."""
    if state["k"] >= state["settings"]["inner_steps"] or not may_search(state):
        return "accept"
    return "ask_spend" if state.get("over") else "propose"


# candidate


@giving_up_at("hand_over")
def after_write(state: CandidateState) -> Literal["evaluate", "hand_over"]:
    """Score the script that was written."""
    return "evaluate" if state.get("draft") else "hand_over"


# evaluation


@giving_up_at("__end__")
def after_check_leakage(
    state: EvaluationState,
) -> Literal["fix_leakage", "ask_script", "execute", "__end__"]:
    """Fix a leak, at most twice.

    A script that was asked about again and is found clean keeps its trial.
    """
    if state.get("leak") and state.get("leak_rounds", 0) < LEAKAGE_ROUNDS:
        return "fix_leakage"
    return "__end__" if _already_run(state) else _run(state)


@giving_up_at("__end__")
def after_fix_leakage(
    state: EvaluationState,
) -> Literal["check_leakage", "ask_script", "execute", "__end__"]:
    """Check a fixed script again; what could not be fixed is run as it is, and can't win."""
    if not state.get("leak"):
        return "check_leakage"
    return "__end__" if _already_run(state) else _run(state)


@giving_up_at("__end__")
def after_ask_script(state: EvaluationState) -> Literal["execute", "__end__"]:
    """Run what a person has seen and agreed to."""
    return "__end__" if state["refusal"] else "execute"


def _run(state: EvaluationState) -> Literal["ask_script", "execute"]:
    """Run the script; a person may be asked first. The harness's own blend is not asked about."""
    draft = state.get("draft")
    own = draft is not None and draft["phase"] == "blend"
    seen = state.get("approved") == state.get("script")
    return "ask_script" if asked_about(state, "scripts") and not (own or seen) else "execute"


def _already_run(state: EvaluationState) -> bool:
    trial = state.get("trial")
    return trial is not None and trial["script"] == state["script"]


@giving_up_at("__end__")
def after_execute(state: EvaluationState) -> Literal["score", "debug", "__end__"]:
    """Score a script that ran; repair one that failed, at most D times.

    One that was not tried, or was stopped because it had lost, is done with.
    """
    trial = state.get("trial")
    if trial is None or trial["outcome"] == "behind":
        return "__end__"
    if not state["error"]:
        return "score"
    return _repair(state)


@giving_up_at("__end__")
def after_score(state: EvaluationState) -> Literal["check_leakage", "debug", "__end__"]:
    """Repair unusable predictions; ask the leakage checker again when the alarm rang."""
    if state["error"]:
        return _repair(state)
    return "check_leakage" if state["recheck"] else "__end__"


@giving_up_at("__end__")
def after_debug(state: EvaluationState) -> Literal["ask_script", "execute", "__end__"]:
    """Run the repaired script; one that could not be repaired is given up."""
    given_up = state["debug_rounds"] > state["settings"]["debug_rounds"]
    return "__end__" if given_up else _run(state)


def _repair(state: EvaluationState) -> Literal["debug", "__end__"]:
    again = state.get("debug_rounds", 0) < state["settings"]["debug_rounds"]
    return "debug" if again and ensemble_time_left(state) else "__end__"
