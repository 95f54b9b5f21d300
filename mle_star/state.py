"""The state of a run: what LangGraph carries from node to node and checkpoints after each.

Everything here is plain data (str, int, float, bool, list, dict), so that a checkpoint can be read
without
importing anything and nothing stored in it can revive code. Scripts and predictions are not in the
state:
they lie in the run folder and are named by their content hash.
"""

from __future__ import annotations

import operator
from typing import Annotated, Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

Direction = Literal["minimize", "maximize"]

Outcome = Literal[
    "ok",
    "no_score",
    "behind",
    "error",
    "timeout",
    "out_of_memory",
    "disk_limit",
    "output_limit",
    "killed",
    "cancelled",
    "lost",
]
"""How a script's run ended. Only ``ok`` can carry a score; ``behind`` was stopped because its first
folds had lost already."""


class Score(TypedDict):
    """What a trial is worth, in the metric's own units."""

    value: float
    """Metric on the out-of-fold predictions, computed by the harness. The search compares this."""
    error: float
    """Standard error of ``value`` over the folds (bootstrap over rows where there is one fold)."""
    folds: list[float]
    """Metric of each fold, in fold order."""
    audit: float | None
    """Metric on the hidden audit rows; None when the task has no audit part."""
    audit_error: float | None
    """Standard error of ``audit``, bootstrap over rows."""
    printed: float | None
    """What the script claimed on its score line; reported, never trusted."""
    alarm: str
    """Why the leakage alarm rang; empty when it did not. A trial with an alarm can't win."""


class Member(TypedDict):
    """One part of an ensemble."""

    trial: str
    weight: float


class Trial(TypedDict):
    """One attempt: a script that was run on the search view, and what came of it."""

    id: str
    """Content key of the run: script, data view, inputs, versions, seed. Names the folder under
    ``trials/``."""
    script: str
    """sha256 of the script text. Names the file under ``scripts/``."""
    label: str
    """What it is, for a person, in one line: a model's name or a plan."""
    phase: str
    """Node that asked for it: write, merge, check_usage, refine, blend, ensemble."""
    solution: int
    """Index of the solution branch, from 0; -1 for ensembles."""
    outcome: Outcome
    score: Score | None
    seconds: float
    problem: str
    """Why there is no score, in one sentence; empty for a scored trial."""
    debugged: int
    """Repair rounds that were needed before the script ran."""
    members: list[Member]
    """What an ensemble is made of; empty for a single script."""


class Draft(TypedDict):
    """A script on its way to become a trial: the input of the evaluation loop."""

    script: str
    label: str
    phase: str
    solution: int
    members: list[Member]
    place: NotRequired[int]
    """Of a candidate: its card's place among those of the solution, the most promising first."""
    times: NotRequired[float]
    """Of a candidate: how many times as long as a typical one it is expected to take."""
    bar: NotRequired[list[float]]
    """Metric of each fold of the first trial in ``race``, as the harness measured it."""
    told: NotRequired[bool]
    """Whether a person asked for it: it is run however late it is."""
    parent: NotRequired[str]
    """sha256 of the script it was made from."""
    race: NotRequired[list[str]]
    """Trials: the one that the script must beat, then others of its branch; without any, it runs to
    its end."""


class Attempt(TypedDict):
    """A plan of the inner loop (or of the ensemble loop) and what it scored."""

    plan: str
    score: float | None
    error: float | None
    """Standard error of the score."""
    seconds: float | None
    problem: str
    """Why there is no score that counts; empty where there is one."""
    trial: str
    behind: NotRequired[bool]
    """Whether it was stopped because its first folds had lost already."""
    refused: NotRequired[bool]
    """Whether a person said no, so that it was not tried."""


class LessonRecord(TypedDict):
    """What a plan brought, for later steps (see :class:`mle_star.engineer.Lesson`)."""

    change: str
    part: str
    model: str
    gain: float | None
    error: float
    times: float
    solution: int
    behind: bool
    problem: str
    closeness: float


class CardRecord(TypedDict):
    """A retrieved model: its name, why it fits, example code and where it was found."""

    name: str
    reason: str
    example: str
    sources: list[str]
    times: NotRequired[float]
    """How many times as long as a typical candidate its script is expected to take."""


class InputState(TypedDict):
    """What a caller passes to ``graph.invoke``."""

    task: Annotated[
        str, Field(description="Path of the task folder: train.csv, test.csv, description.md")
    ]
    """Path of the task folder."""


class RunState(TypedDict, total=False):
    """Keys that every level of the graph has."""

    run: str
    """Path of the run folder."""
    settings: dict[str, Any]
    """The settings the run goes by, frozen by the first node."""
    elapsed: float
    """Seconds the run has been active, over all its sittings, when the last node ended."""
    reserve: float
    """Part of the time budget that is kept for ensemble and final run."""
    failure: str
    """Why this level gave up early after an unexpected error; empty when it did not."""
    spent: bool
    """Whether the search's share of the wallet is spent and nobody stands in for the model."""
    over: bool
    """Whether the bill has passed what people allowed so far."""
    halted: bool
    """Whether people ended the search, as it had cost enough."""
    told: int
    """Newest record of ``told.jsonl`` that this level has taken in; 0 before any."""
    hints: list[str]
    """What people told planner and coder, the newest last."""


class Told(TypedDict, total=False):
    """What Studio's graph keeps for whoever looks at the state; no node goes by it."""

    messages: Annotated[list[dict[str, Any]], operator.add]
    """What the nodes did, a message of a few words each: ``type``, ``name``, ``content``."""
    code: str
    """Text of the script at work: the one under evaluation, the draft, or the best."""


class State(RunState, Told, total=False):
    """State of the whole run."""

    task: str
    spec: dict[str, Any]
    """The resolved task (see :class:`mle_star.tasks.TaskSpec`), for whoever looks at the state."""
    solutions: Annotated[list[Trial], operator.add]
    """The best trial of every solution branch, in branch order."""
    trials: Annotated[list[Trial], operator.add]
    """Every trial of every branch and of the ensemble loop."""
    attempts: list[Attempt]
    """Ensemble plans so far."""
    round: int
    best: Trial | None
    plan: str
    refusal: str
    """Why a person said no to the newest plan or script; empty where nobody did."""
    planned: list[str]
    """Trials that the planned ensemble combines, in the order of the plan."""
    draft: Draft | None
    trial: Trial | None
    submission: str
    """Path of the final submission."""
    solution_folder: str
    final: dict[str, Any]
    """What the last node handed over: where the submission came from, its score, the files."""


class OutputState(TypedDict, total=False):
    """What ``graph.invoke`` returns."""

    run: str
    best: Trial | None
    solutions: list[Trial]
    submission: str
    solution_folder: str
    final: dict[str, Any]


class SolutionInput(RunState):
    """What a solution branch starts from."""

    solution: int


class SolutionState(SolutionInput, Told, total=False):
    """State of one solution branch: INITIALISE, then REFINE."""

    cards: list[CardRecord]
    candidates: Annotated[list[Trial], operator.add]
    """Trials of the candidate scripts, in the order of the cards."""
    queue: list[Trial]
    """Scored candidates still to be merged, best first."""
    best: Trial | None
    """The best script of what is being refined."""
    champion: Trial | None
    """The best of what was refined before, where the branch turned to another candidate since, and
    the best of all where it takes too long to be refined further."""
    champion_root: str
    """Candidate that the champion builds on."""
    roots: list[str]
    """Candidates whose refinement was begun, the one at work last."""
    stale: int
    """Outer steps in a row that brought nothing better."""
    exhausted: bool
    """Whether nothing is left to refine."""
    told_cards: list[dict[str, Any]]
    """Model cards that people told and that wait for the next outer step: id, name, reason,
    example."""
    card_id: int
    """Record that the card came from which is tried."""
    told_block: dict[str, Any]
    """The block that a person wants refined next: id, block; empty for none."""
    draft: Draft | None
    trial: Trial | None
    t: int
    """Outer steps finished."""
    k: int
    """Inner steps finished in this outer step."""
    ablation: dict[str, Any]
    """The ablation study of this outer step: script, outcome, output."""
    summaries: list[str]
    blocks: list[str]
    """Blocks that were refined in earlier outer steps (and blocks that could not be used)."""
    block: str
    """The block under refinement: an exact substring of ``base``, occurring once."""
    base: str
    """Script the outer step started from; every inner step replaces ``block`` in this script."""
    refusal: str
    """Why a person said no to the newest plan or script; empty where nobody did."""
    plan: str
    attempts: list[Attempt]
    """Plans of this outer step with their scores."""
    lessons: Annotated[list[LessonRecord], operator.add]
    """What the plans of the outer steps so far brought."""
    step_trials: list[Trial]
    """Trials of this outer step."""
    trials: Annotated[list[Trial], operator.add]
    solutions: Annotated[list[Trial], operator.add]


class SolutionOutput(TypedDict, total=False):
    """What a solution branch hands back."""

    solutions: Annotated[list[Trial], operator.add]
    trials: Annotated[list[Trial], operator.add]
    messages: Annotated[list[dict[str, Any]], operator.add]


class CandidateInput(RunState):
    """What a candidate branch starts from."""

    solution: int
    card: CardRecord
    place: NotRequired[int]
    """The card's place among those of the solution."""


class CandidateState(CandidateInput, Told, total=False):
    """State of one candidate branch: write, evaluate."""

    refusal: str
    """Why a person said no to the newest plan or script; empty where nobody did."""
    draft: Draft | None
    trial: Trial | None
    candidates: Annotated[list[Trial], operator.add]


class CandidateOutput(TypedDict, total=False):
    """What a candidate branch hands back."""

    candidates: Annotated[list[Trial], operator.add]
    messages: Annotated[list[dict[str, Any]], operator.add]


class EvaluationInput(RunState, total=False):
    """What the evaluation loop starts from."""

    draft: Draft | None


class EvaluationState(EvaluationInput, Told, total=False):
    """State of EVALUATE(s): leakage check, run, debug."""

    approved: str
    """The script that a person let run last; empty before any."""
    refusal: str
    script: str
    """sha256 of the script as it stands after fixes and repairs."""
    leak: str
    """The leaking block the checker found; empty when the script is clean."""
    leak_reason: str
    leak_rounds: int
    debug_rounds: int
    evidence: str
    """What the leakage alarm measured, for the checker's second look; empty before the alarm
    rang."""
    recheck: bool
    """Whether the alarm has just rung for the first time."""
    error: str
    """The newest error of the script; empty when it ran."""
    execution: dict[str, Any]
    """Outcome, seconds and the trial folder of the newest run."""
    trial: Trial | None


class EvaluationOutput(TypedDict, total=False):
    """What the evaluation loop hands back."""

    trial: Trial | None
    messages: Annotated[list[dict[str, Any]], operator.add]
    refusal: str
