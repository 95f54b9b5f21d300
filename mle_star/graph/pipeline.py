"""The whole run: prepare -> L solutions side by side -> ensemble loop -> submit."""

from __future__ import annotations

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Checkpointer

from mle_star.context import Context
from mle_star.graph import routing
from mle_star.graph.evaluation import Builder, build_evaluation
from mle_star.graph.solution import build_solution
from mle_star.graph.telling import TellingGraph
from mle_star.nodes import asking, ensemble
from mle_star.nodes.prepare import prepare
from mle_star.nodes.submit import submit
from mle_star.state import InputState, OutputState, State


def build_graph(
    checkpointer: Checkpointer = None, *, telling: bool = False
) -> CompiledStateGraph[State, Context, InputState, OutputState]:
    """Compile MLE-STAR.

    Args:
        checkpointer: where LangGraph keeps its checkpoints; None for a run that can't be resumed
            (and for Studio, whose server brings its own).
        telling: let the nodes keep what they did and the script at work in the state, as text.

    Returns:
        A graph for ``invoke({"task": folder}, config, context=Context(...))``.
    """
    builder: Builder = TellingGraph if telling else StateGraph
    return (
        builder(State, context_schema=Context, input_schema=InputState, output_schema=OutputState)
        .add_node("prepare", prepare)
        .add_node("solution", build_solution(builder))
        .add_node("select", ensemble.select)
        .add_node("blend", ensemble.blend)
        .add_node("propose_ensemble", ensemble.propose_ensemble)
        .add_node("ensemble", ensemble.ensemble)
        .add_node("evaluate_ensemble", build_evaluation(builder))
        .add_node("judge_ensemble", ensemble.judge_ensemble)
        .add_node("ask_spend", asking.ask_spend)
        .add_node("ask_plan", asking.ask_plan)
        .add_node("submit", submit)
        .add_edge(START, "prepare")
        .add_conditional_edges("prepare", routing.fan_out_solutions, ["solution"])
        .add_edge("solution", "select")
        .add_edge("select", "blend")
        .add_conditional_edges("blend", routing.after_blend)
        .add_conditional_edges("propose_ensemble", routing.after_propose_ensemble)
        .add_conditional_edges("ensemble", routing.after_ensemble)
        .add_edge("evaluate_ensemble", "judge_ensemble")
        .add_conditional_edges("judge_ensemble", routing.more_ensembles)
        .add_conditional_edges("ask_spend", routing.after_ask_spend_ensemble)
        .add_conditional_edges("ask_plan", routing.after_ask_ensemble)
        .add_edge("submit", END)
        .compile(checkpointer=checkpointer, name="MLE-STAR")
    )


graph = build_graph(telling=True)
"""What ``langgraph.json`` names: compiled without a checkpointer, as the server brings its own."""
