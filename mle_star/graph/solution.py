"""One solution branch: INITIALISE, then REFINE.

INITIALISE retrieves models, writes and merges candidates and uses all data; REFINE finds the block
that matters most by an ablation study and refines it.
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from mle_star.context import Context
from mle_star.graph import routing
from mle_star.graph.evaluation import Builder, build_evaluation
from mle_star.nodes import ablate, asking, candidates, cards, merge, refine
from mle_star.state import (
    CandidateInput,
    CandidateOutput,
    CandidateState,
    SolutionInput,
    SolutionOutput,
    SolutionState,
)


def build_candidate(builder: Builder = StateGraph) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a candidate branch: write a script for one model card and evaluate it."""
    return (
        builder(
            CandidateState,
            context_schema=Context,
            input_schema=CandidateInput,
            output_schema=CandidateOutput,
        )
        .add_node("write", candidates.write)
        .add_node("evaluate", build_evaluation(builder))
        .add_node("hand_over", candidates.hand_over)
        .add_edge(START, "write")
        .add_conditional_edges("write", routing.after_write)
        .add_edge("evaluate", "hand_over")
        .add_edge("hand_over", END)
        .compile(name="candidate")
    )


def build_solution(builder: Builder = StateGraph) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile a solution branch."""
    return (
        builder(
            SolutionState,
            context_schema=Context,
            input_schema=SolutionInput,
            output_schema=SolutionOutput,
        )
        # INITIALISE
        .add_node("retrieve", candidates.retrieve)
        .add_node("candidate", build_candidate(builder))
        .add_node("rank", candidates.rank)
        .add_node("merge", merge.merge)
        .add_node("evaluate_merge", build_evaluation(builder))
        .add_node("judge_merge", merge.judge_merge)
        .add_node("check_usage", merge.check_usage)
        .add_node("evaluate_usage", build_evaluation(builder))
        .add_node("judge_usage", merge.judge_usage)
        # A model that a person asks for
        .add_node("try_card", cards.try_card)
        .add_node("evaluate_card", build_evaluation(builder))
        .add_node("judge_card", cards.judge_card)
        # REFINE, outer loop
        .add_node("ablate", ablate.ablate)
        .add_node("run_ablation", ablate.run_ablation)
        .add_node("debug_ablation", ablate.debug_ablation)
        .add_node("summarise", ablate.summarise)
        .add_node("extract", ablate.extract)
        # REFINE, inner loop
        .add_node("propose", refine.propose)
        .add_node("refine", refine.refine)
        .add_node("evaluate_refine", build_evaluation(builder))
        .add_node("learn", refine.learn)
        .add_node("accept", refine.accept)
        .add_node("finish", refine.finish)
        # Questions to people
        .add_node("ask_spend", asking.ask_spend)
        .add_node("ask_study", asking.ask_study)
        .add_node("ask_plan", asking.ask_plan)
        .add_edge(START, "retrieve")
        .add_conditional_edges("retrieve", routing.fan_out_candidates, ["candidate", "rank"])
        .add_edge("candidate", "rank")
        .add_conditional_edges("rank", routing.after_rank)
        .add_conditional_edges("merge", routing.after_merge)
        .add_edge("evaluate_merge", "judge_merge")
        .add_conditional_edges("judge_merge", routing.after_judge_merge)
        .add_conditional_edges("check_usage", routing.after_check_usage)
        .add_edge("evaluate_usage", "judge_usage")
        .add_conditional_edges("judge_usage", routing.more_outer_steps)
        .add_conditional_edges("try_card", routing.after_try_card)
        .add_edge("evaluate_card", "judge_card")
        .add_conditional_edges("judge_card", routing.after_judge_card)
        .add_conditional_edges("ablate", routing.after_ablate)
        .add_conditional_edges("run_ablation", routing.after_run_ablation)
        .add_conditional_edges("debug_ablation", routing.after_debug_ablation)
        .add_conditional_edges("summarise", routing.after_summarise)
        .add_conditional_edges("extract", routing.after_extract)
        .add_conditional_edges("propose", routing.after_propose)
        .add_conditional_edges("refine", routing.after_refine)
        .add_edge("evaluate_refine", "learn")
        .add_conditional_edges("learn", routing.more_inner_steps)
        .add_conditional_edges("accept", routing.more_outer_steps)
        .add_conditional_edges("ask_spend", routing.after_ask_spend)
        .add_conditional_edges("ask_study", routing.after_ask_study)
        .add_conditional_edges("ask_plan", routing.after_ask_plan)
        .add_edge("finish", END)
        .compile(name="solution")
    )
