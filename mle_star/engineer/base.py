"""Who thinks: one typed method per agent of the paper.

An engineer sees neither the state nor the disk: typed inputs in, typed answers out. Scripts are
text. Whoever
implements this protocol (the built-in playbook, a language model, a person) may raise
:class:`mle_star.errors.NoAnswer` from any method; the step is then skipped with a note.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mle_star.tasks.profile import DataProfile
from mle_star.tasks.spec import TaskSpec


@dataclass(frozen=True)
class Lesson:
    """What a change to a script brought, as it was measured."""

    change: str
    """The plan."""
    part: str
    """Name of the part of the script that was changed, or its first line."""
    model: str
    """What the script builds on: the label of the candidate it came from."""
    gain: float | None
    """Share of the loss (what the score lacks of a perfect one) that it gained, negative where it
    cost; None where there is no score."""
    error: float
    """Standard error of the gain, paired over the folds; 0.0 where there is no score."""
    times: float
    """Seconds of the script against those of the one it was made from; 0.0 where not known."""
    solution: int
    """Index of the solution branch."""
    behind: bool = False
    """Whether the script was stopped in a race."""
    problem: str = ""
    """Why there is no score, in one sentence."""
    closeness: float = 1.0
    """How much what happened there says about here: 1 in this run, less for an earlier run on
    another task."""
    run: str = ""
    """Which earlier run; empty for this one."""


@dataclass(frozen=True)
class Study:
    """What an ablation study showed."""

    summary: str
    model: str
    """What the script under study builds on."""
    solution: int


@dataclass(frozen=True)
class Brief:
    """What every agent is told.

    But for what is said of the script under refinement, ``lessons``, ``hints``, ``seconds_left``,
    ``solution`` and ``phase`` it is the same for a whole run.
    """

    task: TaskSpec
    profile: DataProfile
    rows: int
    """Training rows of the search view."""
    test_rows: int
    folds: int
    """Folds to predict (1: a single hold-out, fold 0)."""
    files: tuple[str, ...]
    """Paths below ./input, top level."""
    metric_source: str = ""
    """Python source of a metric of the user's own; empty for those of the registry."""
    seed: int = 0
    script_seconds: float = 60.0
    """A script should finish well within this time on ``cpus`` cores."""
    base_seconds: float = 0.0
    """Seconds that the script under refinement took; 0.0 where none is."""
    base_score: float | None = None
    """Validation score of the script under refinement; None where none is."""
    base_error: float | None = None
    """Its standard error."""
    reference_seconds: float = 0.0
    """Seconds that the script took that is to be merged into the base; 0.0 in other phases."""
    average_score: float | None = None
    """In phase ``merge``: score of the plain average of what both scripts predict; None where it is
    not known."""
    base_model: str = ""
    """What the script under refinement builds on: the label of the candidate it came from."""
    lessons: tuple[Lesson, ...] = ()
    """What the plans of earlier outer steps brought, and every one of other solutions."""
    pool: tuple[str, ...] = ()
    """Labels of the candidates of all solutions that have a score, which the ensemble can average
    as they are."""
    studies: tuple[Study, ...] = ()
    """What the ablation studies showed so far, those of other solutions included."""
    hints: tuple[str, ...] = ()
    """What people told planner and coder in plain words, the newest last."""
    seconds_left: float = math.inf
    """Wall clock that is left to the search."""
    solution: int = -1
    """Index of the solution branch that asks; -1 for the run as a whole."""
    phase: str = ""
    """Phase that asks: ``write``, ``merge``, ``check_usage``, ``ablate``, ``refine``, ``ensemble``
    (a failing study is repaired in phase ``ablate``, a candidate in phase ``write``)."""
    cpus: int = 1
    installed: frozenset[str] = frozenset()
    """Import names a script may use beyond the standard library."""

    @property
    def own_lessons(self) -> tuple[Lesson, ...]:
        """The lessons of the branch that asks, of this run."""
        return tuple(
            lesson for lesson in self.lessons if lesson.solution == self.solution and not lesson.run
        )


@dataclass(frozen=True)
class ModelCard:
    """A model worth trying (the retriever's answer)."""

    name: str
    reason: str
    example: str
    """Short example code."""
    sources: tuple[str, ...] = ()
    times: float = 1.0
    """How many times as long as a typical candidate its script is expected to take."""


@dataclass(frozen=True)
class Tried:
    """A plan that was tried. ``score`` is None where the script never ran."""

    plan: str
    score: float | None
    error: float | None = None
    """Standard error of the score."""
    seconds: float | None = None
    """Wall clock of the script."""
    problem: str = ""
    """Why there is no score that counts, in one sentence."""
    behind: bool = False
    """Whether it was stopped because its first folds were worse than the best script's beyond
    doubt."""


@dataclass(frozen=True)
class Extraction:
    """The block to refine next.

    ``block`` is an exact substring of the script that occurs once; ``plan`` is the first for it.
    """

    block: str
    plan: str


@dataclass(frozen=True)
class LeakageReport:
    """Whether validation or test rows are used to fit anything."""

    leaking: bool
    block: str = ""
    """Exact substring of the script that leaks; empty when clean."""
    reason: str = ""


@dataclass(frozen=True)
class UsageReport:
    """Which of the given data the script does not use, and a rewrite that does.

    ``script`` is None where there is nothing to change.
    """

    unused: tuple[str, ...]
    script: str | None
    note: str


@dataclass(frozen=True)
class MemberView:
    """A scored trial as the ensemble planner sees it.

    Its files lie at ./input/members/<number>/.
    """

    number: int
    label: str
    score: float
    script: str
    correlations: tuple[float, ...] = field(default=())
    """Correlation of its out-of-fold predictions with those of each member, in member order."""
    soft: bool = False
    """Of labels: whether what they were cut from lies there too, as oof_soft.csv and
    submission_soft.csv."""


class Engineer(Protocol):
    """The agents of MLE-STAR (arXiv 2506.15692, section 3 and appendix A)."""

    def retrieve(self, brief: Brief, count: int, solution: int, solutions: int) -> list[ModelCard]:
        """Find up to ``count`` models. Different ``solution`` indices should start differently."""

    def write(self, brief: Brief, card: ModelCard) -> str:
        """Write one simple script with exactly this model: no tuning, no ensemble."""

    def merge(self, brief: Brief, base: str, reference: str) -> str:
        """Graft the reference's model into the base script and average their predictions."""

    def check_usage(self, brief: Brief, script: str) -> UsageReport:
        """Find data the script ignores and rewrite it to use them."""

    def ablate(self, brief: Brief, script: str, summaries: Sequence[str]) -> str:
        """Write a study that runs the script with two or three of its parts switched off.

        Parts that earlier ``summaries`` studied are left alone. The study prints its results; it
        need not write predictions.
        """

    def summarise(self, brief: Brief, study: str, output: str) -> str:
        """Say in a few lines what the study's output shows."""

    def extract(
        self, brief: Brief, summary: str, script: str, refined: Sequence[str]
    ) -> Extraction:
        """Pick the block with the largest impact that is not among ``refined``.

        And give the first plan for it.
        """

    def plan(self, brief: Brief, script: str, block: str, tried: Sequence[Tried]) -> str:
        """Propose the next plan for the block, knowing every earlier plan and its score."""

    def refine(self, brief: Brief, script: str, block: str, plan: str) -> str:
        """Implement the plan: the new text of the block, which is to fit the rest of the script."""

    def plan_ensemble(
        self, brief: Brief, members: Sequence[MemberView], tried: Sequence[Tried]
    ) -> str:
        """Propose how to combine the members, knowing every earlier ensemble plan and its score."""

    def ensemble(self, brief: Brief, plan: str, members: Sequence[MemberView]) -> str:
        """Write the ensemble script.

        Reads ./input/members/<n>/{oof,submission}.csv, writes ./final as any script.
        """

    def debug(self, brief: Brief, script: str, error: str) -> str:
        """Repair the script.

        ``error`` is its newest traceback, or what was wrong with its output.
        """

    def check_leakage(self, brief: Brief, script: str, evidence: str = "") -> LeakageReport:
        """Look for leakage. ``evidence`` says what the harness measured, when it asks again."""

    def fix_leakage(self, brief: Brief, script: str, block: str, reason: str) -> str:
        """The new text of the leaking block."""
