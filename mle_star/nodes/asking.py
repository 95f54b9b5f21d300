"""Nodes that ask a person first.

Each does nothing before its question, as it is begun again when the answer comes.
"""

from __future__ import annotations

import difflib
import math
from typing import cast

from langgraph.errors import GraphInterrupt
from langgraph.types import interrupt

from mle_star.errors import UserError
from mle_star.nodes.step import Step, Update, node
from mle_star.runs.questions import Answer, Question, read_answer
from mle_star.state import EvaluationState, RunState, SolutionState, State

WHY = {
    "write": "A first script with this model.",
    "merge": "Two scripts, merged.",
    "check_usage": "The best script, made to use all data.",
    "refine": "A plan, carried out in the block that is refined.",
    "ensemble": "Combines predictions of earlier scripts.",
}
"""Phase of a draft -> what its script is for."""


def ask(step: Step, question: Question) -> Answer:
    """Wait for a person's answer; one that can't be used is asked for again, with the reason."""
    problem = ""
    label, kind = question["label"], question["kind"]
    while True:
        try:
            given = interrupt({**question, "problem": problem})
        except GraphInterrupt:
            step.emit("asked", about=kind, label=label)
            raise
        try:
            answer = read_answer(question, given)
        except UserError as error:
            problem = str(error)
            continue
        said, reason = answer["answer"], answer.get("reason", "")
        step.emit("answered", about=kind, label=label, answer=said, reason=reason)
        return answer


def refused(answer: Answer) -> str:
    """A person's no as the planner is told it."""
    reason = answer.get("reason", "")
    return f"a person said no: {reason}" if reason else "a person said no"


def changes(before: str, after: str) -> str:
    """Unified diff of two scripts; empty where there is nothing to compare with."""
    if not before:
        return ""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    return "".join(difflib.unified_diff(old, new, "before", "after"))


def script_question(step: Step, script: str, parent: str, label: str, why: str) -> Question:
    """The question whether a stored script may run; ``parent`` is the one it was made from."""
    folder = step.bench.folder
    text = folder.script(script)
    return Question(
        kind="script",
        solution=step.solution,
        label=label,
        why=why,
        text=text,
        path=str(folder.path / "scripts" / f"{script[:16]}.py"),
        diff=changes(folder.script(parent) if parent else "", text),
        answers=["yes", "no", "edit"],
    )


@node
def ask_script(state: EvaluationState, step: Step) -> Update:
    """Ask whether a script may run that no person has seen."""
    draft = state["draft"]
    assert draft is not None, "the router sends no empty draft here"
    script, error = state["script"], state.get("error", "")
    why = WHY.get(draft["phase"], "")
    if error:
        why = f"Repaired after: {error.strip().splitlines()[0]}"
    parent = state.get("approved") or draft.get("parent") or ""
    answer = ask(step, script_question(step, script, parent, draft["label"], why))
    if answer["answer"] == "no":
        step.note(f"{draft['label']} was not run: {refused(answer)}.")
        return {"refusal": refused(answer)}
    if answer["answer"] == "edit":
        script = step.bench.folder.save_script(answer["text"])
    return {"script": script, "approved": script, "refusal": ""}


@node
def ask_study(state: SolutionState, step: Step) -> Update:
    """Ask whether an ablation study may run that no person has seen."""
    study = state["ablation"]
    label = f"ablation study {state['t'] + 1}"
    why = "Switches parts of the best script off, to see which of them matter."
    question = script_question(step, study["script"], study.get("approved", ""), label, why)
    answer = ask(step, question)
    script = study["script"]
    if answer["answer"] == "no":
        step.note(f"The {label} was not run: {refused(answer)}.")
        given_up = step.bench.settings.debug_rounds + 1
        return {"ablation": {**study, "rounds": given_up, "error": refused(answer)}}
    if answer["answer"] == "edit":
        script = step.bench.folder.save_script(answer["text"])
    return {"ablation": {**study, "script": script, "approved": script}}


@node
def ask_plan(state: SolutionState | State, step: Step) -> Update:
    """Ask whether a plan may be carried out, for a block or for an ensemble."""
    values = cast(SolutionState, state)
    block, base = values.get("block", ""), values.get("base", "")
    path = step.bench.folder.path / "scripts" / f"{base[:16]}.py" if base else ""
    plan = values["plan"]
    question = Question(
        kind="plan",
        solution=step.solution,
        label=plan,
        why="What the planner wants to do with this block." if block else "How to combine scripts.",
        text=plan,
        path=str(path),
        block=block,
        answers=["yes", "no", "edit"],
    )
    answer = ask(step, question)
    if answer["answer"] == "no":
        step.note(f"The plan {plan!r} was not carried out: {refused(answer)}.")
        return {"refusal": refused(answer), "draft": None, "trial": None}
    return {"refusal": "", "plan": answer["text"] if answer["answer"] == "edit" else plan}


@node
def ask_spend(state: RunState, step: Step) -> Update:
    """Ask whether the search may go on, as the bill has passed the next threshold."""
    bench = step.bench
    if not bench.over_cost():
        return {}  # another solution has asked in the meantime
    usd, each = bench.cost(), bench.settings.approve_cost
    question = Question(
        kind="spend",
        solution=-1,
        label=f"${usd:.2f}",
        why=f"The models have cost ${usd:.2f} so far.",
        usd=usd,
        answers=["yes", "no"],
    )
    answer = ask(step, question)
    with bench.lock:
        if answer["answer"] == "no":
            bench.halted = True
        else:
            bench.allowed = max(bench.allowed, each * (math.floor(usd / each) + 1))
    if bench.halted:
        step.note_once("halted", f"The search ends at ${usd:.2f}: {refused(answer)}.")
    step.emit("spending", halted=bench.halted, allowed=bench.allowed)
    return {}
