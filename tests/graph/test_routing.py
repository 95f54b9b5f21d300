"""Every conditional edge, as a table: state in, next node out."""

from __future__ import annotations

from typing import Any

import pytest

from mle_star.context import Context, resolve
from mle_star.graph import routing

SETTINGS = resolve(
    Context(
        num_candidates=2,
        num_solutions=2,
        outer_steps=2,
        inner_steps=3,
        ensemble_rounds=2,
        debug_rounds=2,
        time_budget=100.0,
        reserve=0.2,
    ),
    environ={},
).model_dump()
RUN = {"script": "s", "trial": {"script": "s", "outcome": "ok"}}  # this very script has been run
BEHIND = {"script": "s", "trial": {"script": "s", "outcome": "behind"}}
TRIAL = {"id": "a", "score": {"alarm": ""}}


def state(**fields: Any) -> Any:
    """A state with time left, unless ``elapsed`` says otherwise."""
    return {"run": "r", "settings": SETTINGS, "elapsed": 10.0, **fields}


BLOCK = {"told_block": {"id": 1, "block": "b"}}
CARD = {"told_cards": [{"id": 1, "name": "n"}]}
LATE = 85.0  # past the search's share of the budget, within the ensemble's
OVER = 95.0  # past the ensemble's share too


@pytest.mark.parametrize(
    ("elapsed", "search", "ensemble"), [(0, 1, 1), (79, 1, 1), (81, 0, 1), (91, 0, 0)]
)
def test_the_reserve_is_kept_for_ensemble_and_final_run(
    elapsed: float, search: int, ensemble: int
) -> None:
    assert routing.may_search(state(elapsed=elapsed)) is bool(search)
    assert routing.ensemble_time_left(state(elapsed=elapsed)) is bool(ensemble)


@pytest.mark.parametrize(
    ("router", "fields", "expected"),
    [
        (routing.after_blend, {"draft": {"script": "s"}}, "evaluate_ensemble"),
        (routing.after_blend, {"draft": None}, "judge_ensemble"),
        (routing.more_ensembles, {"round": 0, "best": TRIAL}, "propose_ensemble"),
        (routing.more_ensembles, {"round": 1, "best": TRIAL}, "propose_ensemble"),
        (routing.after_propose_ensemble, {"plan": "p"}, "ensemble"),
        (routing.after_propose_ensemble, {"plan": ""}, "judge_ensemble"),
        (routing.more_ensembles, {"round": 2, "best": TRIAL}, "submit"),
        (routing.more_ensembles, {"round": 0, "best": None}, "submit"),
        (
            routing.more_ensembles,
            {"round": 0, "best": TRIAL, "elapsed": LATE},
            "propose_ensemble",
        ),
        (routing.more_ensembles, {"round": 0, "best": TRIAL, "elapsed": OVER}, "submit"),
        (routing.after_rank, {"best": None, "queue": []}, "finish"),
        (routing.after_rank, {"best": TRIAL, "queue": [TRIAL]}, "merge"),
        (routing.after_rank, {"best": TRIAL, "queue": []}, "check_usage"),
        (routing.after_rank, {"best": TRIAL, "queue": [TRIAL], "elapsed": LATE}, "finish"),
        (routing.after_merge, {"draft": {"script": "s"}}, "evaluate_merge"),
        (routing.after_merge, {"draft": None, "best": TRIAL, "queue": [TRIAL]}, "merge"),
        (routing.after_merge, {"draft": None, "best": TRIAL, "queue": []}, "check_usage"),
        (routing.after_check_usage, {"draft": {"script": "s"}}, "evaluate_usage"),
        (routing.after_check_usage, {"draft": None, "t": 0, "best": TRIAL}, "ablate"),
        (routing.after_check_usage, {"draft": None, "t": 0, "elapsed": LATE}, "finish"),
        (routing.more_outer_steps, {"t": 1, "best": TRIAL}, "ablate"),
        (routing.more_outer_steps, {"t": 1, "best": TRIAL, "exhausted": True}, "finish"),
        (routing.more_outer_steps, {"t": 1, "best": TRIAL, "exhausted": True, **BLOCK}, "ablate"),
        (routing.more_outer_steps, {"t": 2, "best": TRIAL, **BLOCK}, "finish"),
        (routing.more_outer_steps, {"t": 2, "best": TRIAL, **CARD}, "try_card"),
        (routing.more_outer_steps, {"t": 1, "best": TRIAL, **CARD, "elapsed": LATE}, "finish"),
        (routing.after_rank, {"best": None, "queue": [], **CARD}, "try_card"),
        (routing.after_try_card, {"draft": {"script": "s"}}, "evaluate_card"),
        (routing.after_try_card, {"draft": None, "t": 1, "best": TRIAL}, "ablate"),
        (routing.after_judge_card, {"queue": [TRIAL], "best": TRIAL}, "merge"),
        (routing.after_judge_card, {"queue": [], "t": 1, "best": TRIAL}, "ablate"),
        (routing.after_judge_card, {"queue": [], "t": 1, "best": None}, "finish"),
        (routing.after_propose, {"plan": "p"}, "refine"),
        (routing.after_propose, {"plan": ""}, "accept"),
        (routing.more_outer_steps, {"t": 2}, "finish"),
        (routing.more_outer_steps, {"t": 1, "elapsed": LATE}, "finish"),
        (routing.after_ablate, {"ablation": {"script": "s"}}, "run_ablation"),
        (routing.after_ablate, {"ablation": {"script": ""}}, "summarise"),
        (routing.after_run_ablation, {"ablation": {"error": "", "rounds": 0}}, "summarise"),
        (routing.after_run_ablation, {"ablation": {"error": "e", "rounds": 1}}, "debug_ablation"),
        (routing.after_run_ablation, {"ablation": {"error": "e", "rounds": 2}}, "summarise"),
        (
            routing.after_run_ablation,
            {"ablation": {"error": "e", "rounds": 0}, "elapsed": LATE},
            "summarise",
        ),
        (routing.after_debug_ablation, {"ablation": {"rounds": 2}}, "run_ablation"),
        (routing.after_debug_ablation, {"ablation": {"rounds": 3}}, "summarise"),
        (routing.after_summarise, {}, "extract"),
        (routing.after_extract, {"block": "b"}, "refine"),
        (routing.after_extract, {"block": ""}, "accept"),
        (routing.after_refine, {"draft": {"script": "s"}, "plan": "p"}, "evaluate_refine"),
        (routing.after_refine, {"draft": None, "plan": "p"}, "learn"),
        (routing.more_inner_steps, {"k": 2}, "propose"),
        (routing.more_inner_steps, {"k": 3}, "accept"),
        (routing.more_inner_steps, {"k": 1, "elapsed": LATE}, "accept"),
        (routing.after_write, {"draft": {"script": "s"}}, "evaluate"),
        (routing.after_write, {"draft": None}, "hand_over"),
        (routing.after_check_leakage, {"leak": ""}, "execute"),
        (routing.after_check_leakage, {"leak": "b", "leak_rounds": 0}, "fix_leakage"),
        (routing.after_check_leakage, {"leak": "b", "leak_rounds": 1}, "fix_leakage"),
        (routing.after_check_leakage, {"leak": "b", "leak_rounds": 2}, "execute"),
        (routing.after_check_leakage, {"leak": "", **RUN}, "__end__"),
        (routing.after_check_leakage, {"leak": "", **RUN, "script": "fixed"}, "execute"),
        (routing.after_check_leakage, {"leak": "b", **RUN}, "fix_leakage"),
        (routing.after_check_leakage, {"leak": "b", "leak_rounds": 2, **RUN}, "__end__"),
        (routing.after_fix_leakage, {"leak": ""}, "check_leakage"),
        (routing.after_fix_leakage, {"leak": "b"}, "execute"),
        (routing.after_fix_leakage, {"leak": "b", **RUN}, "__end__"),
        (routing.after_execute, {"error": "", **RUN}, "score"),
        (routing.after_execute, {"error": "e", **RUN}, "debug"),
        (routing.after_execute, {"error": "e", "debug_rounds": 2, **RUN}, "__end__"),
        (routing.after_execute, {"error": "e", "elapsed": OVER, **RUN}, "__end__"),
        (routing.after_execute, {"error": "", "trial": None}, "__end__"),
        (routing.after_execute, {"error": "", **BEHIND}, "__end__"),
        (routing.after_score, {"error": "", "recheck": False}, "__end__"),
        (routing.after_score, {"error": "", "recheck": True}, "check_leakage"),
        (routing.after_score, {"error": "bad file", "recheck": False}, "debug"),
        (
            routing.after_score,
            {"error": "bad file", "recheck": False, "debug_rounds": 2},
            "__end__",
        ),
        (routing.after_debug, {"debug_rounds": 2}, "execute"),
        (routing.after_debug, {"debug_rounds": 3}, "__end__"),
    ],
)
def test_router(router: Any, fields: dict[str, Any], expected: str) -> None:
    assert router(state(**fields)) == expected


def test_l_solutions_are_sent_with_what_a_branch_needs_and_nothing_else() -> None:
    sends = routing.fan_out_solutions(state(task="t", trials=[TRIAL]))
    assert [send.node for send in sends] == ["solution", "solution"]
    assert [send.arg["solution"] for send in sends] == [0, 1]
    assert set(sends[0].arg) == {"run", "settings", "elapsed", "reserve", "solution"}
    assert sends[0].arg["reserve"] == 0.2


def test_m_candidates_are_sent_one_for_each_card() -> None:
    cards = [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    sends = routing.fan_out_candidates(state(solution=1, cards=cards))
    assert not isinstance(sends, str)
    assert [send.arg["card"] for send in sends] == cards
    assert {send.arg["solution"] for send in sends} == {1}


def test_without_cards_the_branch_goes_straight_to_ranking() -> None:
    assert routing.fan_out_candidates(state(solution=0, cards=[])) == "rank"


@pytest.mark.parametrize(
    ("router", "place"),
    [
        (routing.after_blend, "submit"),
        (routing.more_ensembles, "submit"),
        (routing.fan_out_candidates, "rank"),
        (routing.after_rank, "finish"),
        (routing.after_merge, "finish"),
        (routing.after_check_usage, "finish"),
        (routing.more_outer_steps, "finish"),
        (routing.after_ablate, "finish"),
        (routing.after_run_ablation, "finish"),
        (routing.after_debug_ablation, "finish"),
        (routing.after_summarise, "finish"),
        (routing.after_extract, "finish"),
        (routing.after_refine, "finish"),
        (routing.more_inner_steps, "finish"),
        (routing.after_write, "hand_over"),
        (routing.after_check_leakage, "__end__"),
        (routing.after_fix_leakage, "__end__"),
        (routing.after_execute, "__end__"),
        (routing.after_score, "__end__"),
        (routing.after_debug, "__end__"),
    ],
)
def test_a_level_that_failed_unexpectedly_gives_up(router: Any, place: str) -> None:
    assert router(state(failure="a bug")) == place
