"""The events of a run as types: what :func:`mle_star.stream` yields and a journal holds.

Every event has when it happened and where; each kind adds its own fields. The class of a kind is
its name in capitals: ``script_finished`` is :class:`ScriptFinished`. A kind that is not known here,
or one whose fields have other types (a journal of another version), becomes a plain :class:`Event`
that holds the fields as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError


class Event(BaseModel):
    """Something that happened in a run."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    time: datetime
    """Wall clock, UTC."""
    elapsed: float = 0.0
    """Active seconds of the run so far, over all its sittings."""
    node: str = ""
    """Node of the graph; empty for the run as a whole."""
    solution: int = -1
    """Index of the solution branch, from 0; -1 for the run as a whole."""


class Card(BaseModel):
    """A model that was retrieved for a task."""

    name: str
    reason: str = ""


class Tokens(BaseModel):
    """Tokens of one request. ``input`` includes ``cached``, ``output`` includes ``thinking``."""

    input: int = 0
    cached: int = 0
    output: int = 0
    thinking: int = 0


class RunStarted(Event):
    """The task is read and the run begins."""

    kind: Literal["run_started"]
    task: str
    """The task folder."""
    metric: str
    direction: Literal["minimize", "maximize"]
    rows: int
    """Labelled rows."""
    settings: dict[str, Any]
    """Every setting of the run, decided."""
    engineer: dict[str, Any] = Field(default_factory=dict)
    """Who leads."""
    isolation: dict[str, Any] = Field(default_factory=dict)
    """What keeps the scripts in."""


class NodeStarted(Event):
    """A node of the graph begins."""

    kind: Literal["node_started"]


class NodeFinished(Event):
    """A node of the graph has ended."""

    kind: Literal["node_finished"]
    seconds: float


class Retrieved(Event):
    """Models were found for a solution."""

    kind: Literal["retrieved"]
    cards: list[Card]


class Written(Event):
    """A candidate's script was written."""

    kind: Literal["written"]
    label: str


class Merged(Event):
    """Two scripts were made into one."""

    kind: Literal["merged"]
    label: str


class UsageChecked(Event):
    """Somebody looked whether a script uses all that the task provides."""

    kind: Literal["usage_checked"]
    unused: list[str]
    note: str
    rewritten: bool


class LeakageChecked(Event):
    """Somebody looked whether a script learns from what it may not know."""

    kind: Literal["leakage_checked"]
    leaking: bool
    reason: str
    label: str


class ScriptStarted(Event):
    """A script begins to run."""

    kind: Literal["script_started"]
    label: str
    phase: str
    limit: float | None = None
    """Seconds it may take; None: no limit is known (a journal of an older version)."""


class ScriptFinished(Event):
    """A script has ended, and was scored where it wrote predictions."""

    kind: Literal["script_finished"]
    trial: str
    """Names its folder below ``trials/``."""
    label: str
    """What it tries, in one line."""
    phase: str
    """``write``, ``merge``, ``check_usage``, ``refine``, ``ablate``, ``blend``, ``ensemble``,
    ``smoke`` or ``submit``."""
    outcome: str
    """``ok``, or how it failed: ``error``, ``timeout``, ``behind``, ..."""
    score: float | None
    """In the units of the task's metric."""
    error: float | None
    """Standard error of the score."""
    audit: float | None = None
    """Score on labelled rows that no script saw."""
    audit_error: float | None = None
    alarm: str = ""
    """Why the leakage alarm rang; empty where it did not."""
    seconds: float
    problem: str = ""
    cached: bool = False
    """Whether the same script was run before, so that it did not run again."""


class Debugged(Event):
    """A script that failed was repaired."""

    kind: Literal["debugged"]
    label: str
    error: str
    """The end of what it failed with."""


class AblationWritten(Event):
    """The script of an ablation study was written, or was not."""

    kind: Literal["ablation_written"]
    written: bool


class Ablated(Event):
    """An ablation study has ended."""

    kind: Literal["ablated"]
    summary: str
    model: str = ""
    """Label of the candidate that was studied."""
    result: bool = True
    """Whether the study had a result."""


class Extracted(Event):
    """A block of the script was chosen, with a first plan for it."""

    kind: Literal["extracted"]
    block: str
    plan: str


class Refined(Event):
    """A plan was put into the script, or could not be."""

    kind: Literal["refined"]
    plan: str
    written: bool


class Accepted(Event):
    """An outer step ended with a better script."""

    kind: Literal["accepted"]
    label: str
    gain: float | None
    """Improvement in the metric's units; positive is better."""


class Learnt(Event):
    """What a plan brought, for later ones and for the other solutions."""

    kind: Literal["learnt"]
    lessons: list[dict[str, Any]]


class Turned(Event):
    """A solution turned to another of its candidates."""

    kind: Literal["turned"]
    label: str
    from_label: str


class SolutionFinished(Event):
    """A solution handed over its best script."""

    kind: Literal["solution_finished"]
    label: str


class Selected(Event):
    """The best of all solutions was chosen."""

    kind: Literal["selected"]
    label: str
    score: float | None


class Blended(Event):
    """Predictions were combined by weights."""

    kind: Literal["blended"]
    mode: str
    members: list[str]
    """Their labels."""
    weights: list[float]
    sharpened: float = 1.0
    """Power of the averaged probabilities, or stretch of the averaged numbers; 1 for none."""


class Ensembled(Event):
    """A planned ensemble was written, or could not be."""

    kind: Literal["ensembled"]
    plan: str
    written: bool
    members: list[str]


class Best(Event):
    """A branch, or the whole run, has a new best script."""

    kind: Literal["best"]
    label: str
    score: float


class ModelCalled(Event):
    """A request was sent to a language model."""

    kind: Literal["model_called"]
    agent: str
    phase: str
    model: str
    """``provider:name``."""
    outcome: str
    """``answered``, or the kind of failure."""
    seconds: float
    usd: float | None
    """None where its price is not known."""
    tokens: Tokens


class StoodIn(Event):
    """The playbook answered in place of the model."""

    kind: Literal["stood_in"]
    agent: str
    reason: str


class Told(Event):
    """What a person told the run, as it was heard; see :mod:`mle_star.runs.steering`."""

    kind: Literal["told"]
    id: int = 0
    """Number of the record, from 1."""
    hint: str = ""
    card: dict[str, Any] | None = None
    block: str = ""
    meant_for: int | None = None
    """Number of the solution it is meant for; None: all of them."""


class Heeded(Event):
    """What became of something a person told."""

    kind: Literal["heeded"]
    id: int = 0
    """Number of the record that was told."""
    act: str
    """``hint``, ``card`` or ``block``."""
    text: str
    done: bool = True
    """Whether it could be done."""


class Asked(Event):
    """The run waits for a person's answer; see :mod:`mle_star.runs.questions`."""

    kind: Literal["asked"]
    about: str
    """``script`` (ablation studies are scripts too), ``plan`` or ``spend``."""
    label: str


class Answered(Event):
    """What the person answered."""

    kind: Literal["answered"]
    about: str
    label: str
    answer: str
    """``yes``, ``no`` or ``edit``."""
    reason: str = ""


class Spending(Event):
    """What a person decided on money."""

    kind: Literal["spending"]
    halted: bool
    """Whether the search spends no more."""
    allowed: float
    """US dollars up to which nobody is asked again."""


class RunResumed(Event):
    """A later sitting of the run begins."""

    kind: Literal["run_resumed"]
    settings: dict[str, Any] = Field(default_factory=dict)
    """The settings as they are now."""


class Note(Event):
    """Something a person should know."""

    kind: Literal["note"]
    text: str
    passing: bool = False
    """Whether it is of use only while one watches: why an agent moved on, say. What a run ends
    with leaves it out."""


class RunFinished(Event):
    """The run has come to its end."""

    kind: Literal["run_finished"]
    submission: str
    """Path; empty where there is none."""
    source: str
    """View the submission came from: ``full``, ``part``, ``search`` or ``none``."""
    score: dict[str, Any] | None
    """A :class:`mle_star.state.Score`."""
    trial: str
    label: str
    seconds: float
    bill: dict[str, Any] | None = None


class RunStopped(Event):
    """Somebody stopped the run; it can be resumed."""

    kind: Literal["run_stopped"]


class RunFailed(Event):
    """The run broke; it can be resumed."""

    kind: Literal["run_failed"]


class Submitted(Event):
    """``mle-star submit`` sent a file, or heard of what it sent."""

    kind: Literal["submitted"]
    competition: str
    file: str
    message: str = ""
    sent: str
    """When, in UTC."""
    number: int | None = None
    """Of the submission at Kaggle; None where it gave none."""
    status: str = ""
    public: str = ""
    """Public score, as Kaggle writes it; empty until it is known."""
    private: str = ""
    problem: str = ""
    """Why Kaggle did not take it."""


KINDS: dict[str, type[Event]] = {
    str(kind.model_fields["kind"].annotation.__args__[0]): kind  # type: ignore[union-attr]
    for kind in Event.__subclasses__()
}
"""Every known kind -> its class."""


def typed(event: Mapping[str, Any]) -> Event:
    """An event of the journal as its type; whatever is wrong with it, none is lost."""
    try:
        return KINDS.get(str(event.get("kind")), Event).model_validate(event)
    except ValidationError:
        pass
    try:
        return Event.model_validate(event)
    except ValidationError:
        known = Event.model_fields
        rest = {str(name): value for name, value in event.items() if name not in known}
        return Event(kind=str(event.get("kind", "")), time=datetime.fromtimestamp(0, UTC), **rest)


def typed_all(events: Iterable[Mapping[str, Any]]) -> list[Event]:
    """All events of a journal as their types."""
    return [typed(event) for event in events]
