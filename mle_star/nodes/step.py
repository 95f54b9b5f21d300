"""What every node has in common: its workbench, its events, its clock, and how it stops."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Protocol, TypeVar, cast

from langgraph.errors import GraphBubbleUp, GraphDrained
from langgraph.runtime import Runtime

from mle_star.context import Context
from mle_star.engineer import Brief, Lesson, Study, read_lessons
from mle_star.engineer.asides import hearing
from mle_star.errors import NoAnswer, RunStopped, SandboxUnavailable, UserError
from mle_star.models.base import Call, ModelRefused, WalletEmpty
from mle_star.models.wallet import listen
from mle_star.nodes.heeding import Heard, hear
from mle_star.nodes.lessons import Posted, root_label
from mle_star.nodes.workbench import Workbench, driven, open_workbench
from mle_star.runs.storage import is_storage_error
from mle_star.scoring import rank
from mle_star.state import LessonRecord, Score, Trial

logger = logging.getLogger(__name__)

Update = dict[str, Any]
T = TypeVar("T")
S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)


INITIALISE = ("retrieve", "write", "merge", "check_usage")
"""Phases that a warm start leaves to the playbook."""

PHASES = {
    "try_card": "write",
    "judge_card": "write",
    "propose": "refine",
    "propose_ensemble": "ensemble",
    "debug_ablation": "ablate",
    "run_ablation": "ablate",
    "summarise": "ablate",
    "extract": "ablate",
}
"""Node -> phase, where a phase has several nodes; the nodes of EVALUATE belong to their draft's."""

EVALUATE = ("check_leakage", "fix_leakage", "ask_script", "execute", "score", "debug")
"""Nodes of EVALUATE(s)."""

DEAF = frozenset({*EVALUATE, "write", "hand_over", "ask_study", "ask_plan", "ask_spend"})
"""Nodes that take in nothing people tell: the branch around them does, or the next node."""


MOVING_ON = ("merge", "ablate", "extract", "plan", "plan_ensemble")
"""Agents of the playbook that have no answer in the ordinary course of a run."""


@dataclass(frozen=True)
class Step:
    """One call of a node: the live objects of the run, and a pen for its journal."""

    bench: Workbench
    node: str
    solution: int
    write: Callable[[Any], None]
    """LangGraph's stream writer: whoever streams with mode ``custom`` sees every event."""
    phase: str = ""
    """Phase the node belongs to; see :class:`mle_star.engineer.Brief`."""
    best: Trial | None = None
    """The branch's best script so far."""
    known: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the brief that the engineer gets."""
    root: str = ""
    """Label of the candidate that the branch's script builds on."""
    pool: tuple[str, ...] = ()
    """Labels of the branch's own candidates that have a score."""
    lessons: tuple[Lesson, ...] = ()
    """What the branch's own outer steps brought."""
    studies: tuple[Study, ...] = ()
    """What its own ablation studies of this script showed."""
    hints: tuple[str, ...] = ()
    """What people told planner and coder."""

    def emit(self, kind: str, **fields: Any) -> None:
        """Write an event to the journal and to the stream."""
        self.write(
            self.bench.events.append(
                kind,
                node=self.node,
                solution=self.solution,
                elapsed=self.bench.clock.elapsed(),
                **fields,
            )
        )

    def note(self, text: str, *, passing: bool = False) -> None:
        """Tell the person who watches something they should know; see :class:`events.Note`."""
        self.emit("note", text=text, passing=passing)

    def note_once(self, about: str, text: str, *, passing: bool = False) -> None:
        """Like :meth:`note`, but only the first time this sitting that it is about this."""
        with self.bench.lock:
            new = about not in self.bench.said
            self.bench.said.add(about)
        if new:
            self.note(text, passing=passing)

    @property
    def moves_on(self) -> bool:
        """Whether no answer is no news: the playbook has nothing more to try at a place."""
        return self.bench.team.choice.lead == "playbook"

    def heed(self, record: int, act: str, text: str, *, done: bool = True) -> None:
        """Say what became of something a person told.

        Args:
            record: its id.
            act: hint, card or block.
            text: what is done about it, or why nothing is.
            done: whether something is.
        """
        if act != "hint":
            with self.bench.lock:
                self.bench.heeded.add(record)
        self.emit("heeded", id=record, act=act, text=text, done=done)

    def teach(self, lessons: Sequence[LessonRecord]) -> None:
        """Let the other solutions know what a plan brought."""
        self.emit("learnt", lessons=lessons)
        self.bench.board.post(lessons=read_lessons(lessons))

    def found(self, summary: str, *, result: bool) -> None:
        """Let the other solutions know what an ablation study showed, if it had a result."""
        self.emit("ablated", summary=summary, model=self.root, result=result)
        if result:
            self.bench.board.post(studies=[Study(summary, self.root, self.solution)])

    def script_started(self, label: str, phase: str, limit: float) -> None:
        """A script is about to run, for at most ``limit`` seconds."""
        self.emit("script_started", label=label, phase=phase, limit=round(limit, 3))

    def script_finished(
        self,
        label: str,
        phase: str,
        run: Mapping[str, Any],
        score: Score | None = None,
    ) -> None:
        """A script ended; ``run`` holds its outcome, seconds, problem and whether it was cached."""
        self.emit(
            "script_finished",
            trial=run["key"][:16],
            label=label,
            phase=phase,
            outcome=run["outcome"],
            score=score["value"] if score else None,
            error=score["error"] if score else None,
            audit=score["audit"] if score else None,
            audit_error=score["audit_error"] if score else None,
            alarm=score["alarm"] if score else "",
            seconds=round(float(run["seconds"]), 3),
            problem=run["problem"],
            cached=run["cached"],
        )

    def ask(self, agent: Callable[..., T], *arguments: Any) -> T | None:
        """Ask the engineer, and where it has no usable answer whoever stands in for it.

        Returns:
            The answer; None (and a note) when nobody has one.
        """
        name, team = agent.__name__, self.bench.team
        if team.starter is not None and self.phase in INITIALISE and self.node != "try_card":
            agent = getattr(team.starter, name)
        brief, reason = self._brief(), ""
        with self._listening():
            try:
                return agent(brief, *arguments)
            except WalletEmpty as empty:
                self.note_once("wallet", str(empty))
                reason = "the wallet is empty"
            except NoAnswer as failed:
                reason = str(failed)
                if team.stand_in is None:  # near the end of the time every step would say it again
                    self.note_once(
                        f"{name} {self.solution} {failed}",
                        f"{name}: {failed}",
                        passing=self.moves_on and name in MOVING_ON,
                    )
            except ModelRefused as refused:
                # Before the first script a wrong key ends the run; later there is work to save.
                if team.stand_in is None or not self.bench.pace:
                    raise
                self.note_once("refused", f"The model can't be asked any more: {refused}")
                reason = "the model refuses"
            except (UserError, RunStopped, SandboxUnavailable, GraphBubbleUp):
                raise
            except Exception as broken:
                if team.stand_in is None:
                    raise
                logger.exception("%s failed", name)
                reason = f"it broke ({type(broken).__name__}: {broken})"
        return None if team.stand_in is None else self._stand_in(name, brief, reason, arguments)

    def _stand_in(
        self, name: str, brief: Brief, reason: str, arguments: tuple[Any, ...]
    ) -> Any | None:
        """Let the playbook answer; it may meet scripts of a shape it was not made for."""
        try:
            answer = getattr(self.bench.team.stand_in, name)(brief, *arguments)
        except NoAnswer as failed:
            self.note(f"{name}: {reason} The playbook has no answer either: {failed}")
            return None
        except (ValueError, LookupError, TypeError, AttributeError, SyntaxError) as broken:
            logger.warning("the playbook's %s failed", name, exc_info=True)
            kind = type(broken).__name__
            self.note(f"{name}: {reason} The playbook has no answer either ({kind}).")
            return None
        self.emit("stood_in", agent=name, reason=reason)
        return answer

    def _brief(self) -> Brief:
        best = self.best
        score = best["score"] if best else None
        posted = Posted()
        if self.bench.settings.share_lessons:
            posted = self.bench.board.read().by_others(self.solution)
        return replace(
            self.bench.brief,
            base_seconds=float(best["seconds"]) if best else 0.0,
            base_score=score["value"] if score else None,
            base_error=score["error"] if score else None,
            base_model=self.root,
            pool=(*self.pool, *(label for _, label in posted.candidates)),
            lessons=(*self.bench.brief.lessons, *self.lessons, *posted.lessons),
            studies=(*self.studies, *posted.studies),
            hints=self.hints,
            seconds_left=self.bench.seconds_left(),
            solution=self.solution,
            phase=self.phase,
            **self.known,
        )

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Write to the journal what this block's calls cost and what the engineer says aside."""

        def bill(call: Call) -> None:
            values = asdict(call)
            self.emit(
                "model_called",
                agent=values["role"],
                phase=values["phase"],
                model=values["model"],
                outcome=values["outcome"],
                seconds=round(values["seconds"], 3),
                usd=values["usd"],
                tokens=values["usage"],
            )

        with listen(bill), hearing(self.note):
            yield


class NodeFunction(Protocol[S_contra]):
    """A node as LangGraph calls it."""

    __name__: str

    def __call__(self, state: S_contra, *, runtime: Runtime[Context]) -> Update:
        """Take the state, return the keys that changed."""


def node(function: Callable[[S, Step], Update]) -> NodeFunction[S]:
    """Make a LangGraph node from a function of the state and the step.

    The node opens the run's workbench, announces itself in the journal, counts its time, refreshes
    ``settings``, ``elapsed`` and ``spent`` for the routers, and turns a request to stop into a
    clean drain of the graph, which leaves the node to be done again on resume. An unexpected error
    ends in ``failure``: the routers then let this branch give up, and the run goes on with what it
    and the others found.
    """
    name = function.__name__

    def call(state: S, *, runtime: Runtime[Context]) -> Update:
        values = cast(Mapping[str, Any], state)
        bench = open_workbench(driven(values["run"]))
        heard = Heard() if name in DEAF else hear(bench, values, _solution(values))
        values = {**values, **heard.update}
        root = root_label(values, bench.spec.direction)
        step = Step(
            bench,
            name,
            _solution(values),
            runtime.stream_writer,
            phase=_phase(name, values),
            best=values.get("best"),
            root=root,
            pool=tuple(
                trial["label"]
                for trial in rank(values.get("candidates") or (), bench.spec.direction)
            ),
            lessons=read_lessons(values.get("lessons") or ()),
            studies=tuple(
                Study(text, root, _solution(values)) for text in values.get("summaries") or ()
            ),
            hints=tuple(values.get("hints") or ()),
        )
        if bench.stopping.is_set():
            raise GraphDrained("stopped")
        started = time.monotonic()
        with bench.clock.working():
            step.emit("node_started")
            _acknowledge(step, heard)
            try:
                update = function(cast(S, values), step)
            except RunStopped:
                raise GraphDrained("stopped") from None
            except (GraphBubbleUp, UserError, SandboxUnavailable):
                raise  # what a person must mend, and LangGraph's own signals, end the run
            except Exception as error:
                if is_storage_error(error, bench.folder.path):
                    raise  # no fault of this step: it is done again when there is space
                logger.exception("%s failed", name)
                update = {"failure": f"{name}: {type(error).__name__}: {error}"}
                step.note(f"{name} failed unexpectedly and was given up: {update['failure']}")
            step.emit("node_finished", seconds=round(time.monotonic() - started, 3))
            return {
                **heard.update,
                **update,
                "settings": bench.settings.model_dump(),
                "elapsed": bench.clock.elapsed(),
                "reserve": bench.reserve,
                "spent": bench.spent(),
                "over": bench.over_cost(),
                "halted": bench.halted,
            }

    call.__name__ = call.__qualname__ = name
    call.__doc__ = function.__doc__
    return call


def _acknowledge(step: Step, heard: Heard) -> None:
    """Write to the journal what was told, and what follows from it at once."""
    for record in heard.told:
        told = {name: record[name] for name in ("id", "hint", "card", "block")}
        step.emit("told", **told, meant_for=record["solution"])
    for record in heard.hints:
        step.heed(record["id"], "hint", "Planner and coder know it from now on.")
    for record in heard.late:
        act = "card" if record["card"] else "block"
        step.heed(record["id"], act, "It came too late: the solutions are finished.", done=False)


def _solution(state: Mapping[str, Any]) -> int:
    draft = state.get("draft")
    if "solution" in state:
        return int(state["solution"])
    return int(draft["solution"]) if draft else -1


def _phase(name: str, state: Mapping[str, Any]) -> str:
    draft = state.get("draft")
    if name in EVALUATE and draft:
        return str(draft["phase"])
    return PHASES.get(name, name)
