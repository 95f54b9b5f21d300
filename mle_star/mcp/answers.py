"""What the tools answer: typed for programs, and in a few lines for whoever reads.

Every answer has ``words``: all that an assistant needs to go on, as not every client hands it the
structured part.
"""

from __future__ import annotations

from typing import Any, Protocol

from pydantic import BaseModel, Field

from mle_star.report.text import better_is, count, duration, number, plus_minus

SHOWN = 40
"""Most rows of a list that are put into words; the structured answer has all of them."""


class Answer(Protocol):
    """A model that can be put into words."""

    def words(self) -> str:
        """The answer for a reader."""

    def model_dump(self, *, mode: str) -> dict[str, Any]:
        """The answer for a program."""


class Score(BaseModel):
    """A score with one standard error; ``audit`` is on labelled rows that no script saw."""

    value: float
    error: float | None = None
    audit: float | None = None
    audit_error: float | None = None

    def words(self) -> str:
        """Validation and audit score."""
        audit = "" if self.audit is None else f", audit {plus_minus(self.audit, self.audit_error)}"
        return plus_minus(self.value, self.error) + audit


class Column(BaseModel):
    """A feature column."""

    name: str
    kind: str
    missing: float = Field(description="share of the rows, 0 to 1")
    distinct: int


class TaskAnswer(BaseModel):
    """How a task folder is understood."""

    name: str
    folder: str
    kind: str
    target: list[str]
    metric: str
    direction: str
    prediction: str
    id: str | None
    train_rows: int
    test_rows: int
    search_rows: int = Field(description="training rows that a script sees in the search")
    audit_rows: int = Field(description="labelled rows held back from every script")
    folds: int
    columns: list[Column]
    provenance: dict[str, str] = Field(description="field -> where its value came from")
    notes: list[str]

    def words(self) -> str:
        """The task in a few lines."""
        lines = [
            f"{self.name}: {self.kind}; target {', '.join(self.target)}; {self.metric} "
            f"({better_is(self.direction)}, from: {self.provenance.get('metric', 'default')})",
            f"{count(self.train_rows, 'training row')}, {count(self.test_rows, 'test row')}; "
            f"scripts see {count(self.search_rows, 'row')} in {count(self.folds, 'fold')}; "
            f"{count(self.audit_rows, 'audit row')} held back",
        ]
        lines += [
            f"- {column.name}: {column.kind}, {column.distinct:,} distinct"
            + (f", {column.missing:.1%} missing" if column.missing else "")
            for column in self.columns[:SHOWN]
        ]
        rest = len(self.columns) - SHOWN
        lines += [f"and {count(rest, 'more column')}"] if rest > 0 else []
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


class RunLine(BaseModel):
    """A run in a list."""

    run: str
    task: str
    status: str = Field(description="running, stopped, failed, finished or interrupted (killed)")
    started: str
    seconds: float
    best: float | None
    metric: str
    direction: str


class RunsAnswer(BaseModel):
    """The runs there are, newest first."""

    folder: str
    runs: list[RunLine]
    total: int

    def words(self) -> str:
        """One line per run."""
        if not self.runs:
            return f"No runs in {self.folder} yet: start one with start_run."
        lines = [
            f"{run.run}: {run.status}, {run.metric or 'no metric yet'} {number(run.best)}, "
            f"{duration(run.seconds)}, task {run.task}"
            for run in self.runs
        ]
        rest = self.total - len(self.runs)
        return "\n".join([*lines, *([f"and {count(rest, 'older run')}"] if rest else [])])


class StatusAnswer(BaseModel):
    """How a run stands, and what happened since the cursor."""

    run: str
    status: str = Field(description="running, stopped, failed, finished or interrupted (killed)")
    metric: str
    direction: str
    phases: dict[str, str] = Field(description="solution (or the whole run) -> what it is doing")
    best: Score | None
    best_script: str = Field(description="what the leading script is")
    scripts: int = Field(description="scripts that were run")
    failed: int = Field(description="scripts without a score")
    elapsed: float = Field(description="seconds")
    budget: float = Field(description="seconds the whole run may take")
    usd: float | None = Field(description="US dollars spent on models; null: unknown price")
    events: list[str] = Field(description="what happened after 'since', oldest first")
    cursor: int = Field(description="give it as 'since' to see only what is new next time")
    problem: str = Field(default="", description="why the run failed, where that is known")
    waits: list[str] = Field(
        default_factory=list, description="what the run asks a person before it goes on"
    )

    def words(self) -> str:
        """The state of the run, then its news."""
        budget = f" of {duration(self.budget)}" if self.budget else ""
        best = f"{self.metric} {self.best.words()} ({self.best_script})" if self.best else "none"
        lines = [
            f"{self.run}: {self.status} after {duration(self.elapsed)}{budget}; "
            f"{count(self.scripts, 'script')} run, {self.failed} without a score; "
            f"spent on models: {'unknown' if self.usd is None else f'${self.usd:.2f}'}",
            f"best so far: {best}" + (f"; {better_is(self.direction)}" if self.best else ""),
        ]
        lines += [f"problem: {self.problem}"] if self.problem else []
        if self.waits:
            lines += [f"waits for a person: {question}" for question in self.waits]
            lines += ["No tool answers: the user does, on a terminal, with mle-star resume."]
        if self.status == "running":
            lines += [f"{who}: {phase}" for who, phase in self.phases.items()]
        return "\n".join([*lines, *self.events, f"cursor: {self.cursor}"])


class TrialLine(BaseModel):
    """One idea that was tried, after all repairs of its script."""

    number: int
    trial: str = Field(description="key for read_script and diff_scripts; empty: no script was run")
    phase: str
    solution: int = Field(description="from 0; -1: ensembles")
    label: str
    score: Score | None
    verdict: str
    seconds: float
    problem: str

    def words(self) -> str:
        """One line."""
        score = self.score.words() if self.score else "no score"
        problem = f": {self.problem}" if self.problem else ""
        return f"{self.number}. [{self.phase}] {score}, {self.verdict}; {self.label}{problem}"


class RunAnswer(BaseModel):
    """What a run came to, or has come to so far."""

    run: str
    task: str
    status: str
    metric: str
    direction: str
    engineer: str
    seconds: float
    best: Score | None
    best_script: str
    best_trial: str
    source: str = Field(
        description="what the submission was trained on: full, part (no time for all rows), search "
        "or none"
    )
    submission: str = Field(description="path; empty: there is none yet")
    solution: str = Field(description="folder with run.py, which makes the submission again")
    trials: list[TrialLine]
    total: int = Field(description="trials of the run, those left out of this answer as well")
    notes: list[str]

    def words(self) -> str:
        """Result, trials, notes, files."""
        best = f"{self.best.words()} ({self.best_script})" if self.best else "none"
        lines = [
            f"{self.run} ({self.task}): {self.status} after {duration(self.seconds)}",
            f"best {self.metric}, {better_is(self.direction)}: {best}",
            f"submission: {self.submission or 'none yet'}",
            f"solution: {self.solution or 'none yet'}",
            self.engineer,
            f"{count(len(self.trials), 'trial')} of {self.total}:",
        ]
        lines += [trial.words() for trial in self.trials[-SHOWN:]]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


class StepLine(BaseModel):
    """A step: one call of a node that came to its end."""

    step: int = Field(description="give it to fork_run as 'at'")
    elapsed: float = Field(description="active seconds of the run")
    who: str
    node: str
    did: str = Field(description="plan, score, verdict in a few words")


class HistoryAnswer(BaseModel):
    """The steps of a run, oldest first."""

    run: str
    steps: list[StepLine]
    total: int

    def words(self) -> str:
        """One line per step."""
        lines = [
            f"{step.step}. {duration(step.elapsed)} {step.who}: {step.node}; {step.did}"
            for step in self.steps
        ]
        return "\n".join([f"{self.run}: {count(self.total, 'step')}", *lines])


class ScriptAnswer(BaseModel):
    """The text of a script, or a difference between two of them."""

    run: str
    trial: str
    label: str
    base: str = Field(default="", description="trial it is compared with; empty: the whole script")
    text: str

    def words(self) -> str:
        """The text under a line that says what it is."""
        compared = f", compared with {self.base}" if self.base else ""
        return f"# {self.run}, trial {self.trial}{compared}: {self.label}\n{self.text}"


class PathAnswer(BaseModel):
    """A file or a folder on this machine, and what it is."""

    run: str
    path: str
    message: str

    def words(self) -> str:
        """The message with the path."""
        return f"{self.message} {self.path}"


class DoneAnswer(BaseModel):
    """What a request to a run has led to."""

    run: str
    status: str
    message: str

    def words(self) -> str:
        """The message."""
        return self.message
