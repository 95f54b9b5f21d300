"""EVALUATE(s): leakage check -> run -> score, with a repair loop.

Used by every phase that scores a script.
"""

from __future__ import annotations

from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from mle_star.context import Context
from mle_star.graph import routing
from mle_star.nodes import asking, evaluate
from mle_star.state import EvaluationInput, EvaluationOutput, EvaluationState

Builder = type[StateGraph[Any, Any, Any, Any]]
"""What a graph is built with: LangGraph's own, or one whose nodes tell what they did."""


def build_evaluation(builder: Builder = StateGraph) -> CompiledStateGraph[Any, Any, Any, Any]:
    """Compile the evaluation loop: in goes a draft, out comes a trial."""
    return (
        builder(
            EvaluationState,
            context_schema=Context,
            input_schema=EvaluationInput,
            output_schema=EvaluationOutput,
        )
        .add_node("check_leakage", evaluate.check_leakage)
        .add_node("fix_leakage", evaluate.fix_leakage)
        .add_node("ask_script", asking.ask_script)
        .add_node("execute", evaluate.execute)
        .add_node("score", evaluate.score)
        .add_node("debug", evaluate.debug)
        .add_edge(START, "check_leakage")
        .add_conditional_edges("check_leakage", routing.after_check_leakage)
        .add_conditional_edges("fix_leakage", routing.after_fix_leakage)
        .add_conditional_edges("ask_script", routing.after_ask_script)
        .add_conditional_edges("execute", routing.after_execute)
        .add_conditional_edges("score", routing.after_score)
        .add_conditional_edges("debug", routing.after_debug)
        .compile(name="evaluation")
    )
