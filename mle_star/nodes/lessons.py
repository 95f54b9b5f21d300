"""What the outer steps of a run teach, and the board on which its solutions read it."""

from __future__ import annotations

import math
import statistics
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mle_star.engineer import Lesson, Study, read_lessons
from mle_star.engineer.policy import MOST
from mle_star.scoring import gain, rank
from mle_star.state import Attempt, Direction, LessonRecord, Score, SolutionState, Trial
from mle_star.tasks import TaskSpec, loss_of

ALIKE = 0.3
"""Standard error of a difference on a single hold-out, against that of two scores that err apart:
the two scripts are judged on the same rows."""


@dataclass(frozen=True)
class Posted:
    """What all solutions of a run have found out so far."""

    lessons: tuple[Lesson, ...] = ()
    studies: tuple[Study, ...] = ()
    candidates: tuple[tuple[int, str], ...] = ()
    """Solution and label of each candidate that has a score."""

    def by_others(self, solution: int) -> Posted:
        """Without what this solution found out."""
        return Posted(
            tuple(lesson for lesson in self.lessons if lesson.solution != solution),
            tuple(study for study in self.studies if study.solution != solution),
            tuple(pair for pair in self.candidates if pair[0] != solution),
        )


class Board:
    """Lessons and studies of a run, in the order they came in. Thread-safe.

    The journal holds the same: a board is made from it when a run is taken up again. A step that is
    done again after a crash posts what was there already, which is taken once.
    """

    def __init__(self, events: Iterable[Mapping[str, Any]] = ()) -> None:
        self._lock = threading.Lock()
        self._posted = Posted()
        for event in events:
            if event["kind"] == "learnt":
                self.post(lessons=read_lessons(event.get("lessons", ())))
            elif event["kind"] == "ablated" and event.get("result"):
                self.post(studies=[Study(event["summary"], event["model"], event["solution"])])
            elif _is_candidate(event):
                self.post(candidates=[(event["solution"], event["label"])])

    def post(
        self,
        lessons: Iterable[Lesson] = (),
        studies: Iterable[Study] = (),
        candidates: Iterable[tuple[int, str]] = (),
    ) -> None:
        """Let the other solutions know."""
        with self._lock:
            self._posted = Posted(
                tuple(dict.fromkeys((*self._posted.lessons, *lessons))),
                tuple(dict.fromkeys((*self._posted.studies, *studies))),
                tuple(dict.fromkeys((*self._posted.candidates, *candidates))),
            )

    def read(self) -> Posted:
        """Everything so far."""
        with self._lock:
            return self._posted


def _is_candidate(event: Mapping[str, Any]) -> bool:
    """Whether a candidate got a score that counts."""
    finished = event["kind"] == "script_finished" and event.get("phase") == "write"
    return finished and event.get("score") is not None and not event.get("alarm")


def current_root(state: Mapping[str, Any], direction: Direction) -> str:
    """Id of the candidate that the script under refinement builds on; empty before any."""
    ranked = rank(state.get("candidates") or [], direction)
    return str(next(reversed(state.get("roots") or [t["id"] for t in ranked[:1]]), ""))


def root_label(state: Mapping[str, Any], direction: Direction) -> str:
    """Label of that candidate; empty before any."""
    root = current_root(state, direction)
    return next((t["label"] for t in state.get("candidates") or [] if t["id"] == root), "")


def lessons_of(state: SolutionState, task: TaskSpec) -> list[LessonRecord]:
    """What the plans of an outer step brought against the script they were carried out in."""
    base, part = state["best"], part_name(state["block"])
    if base is None or base["score"] is None or not part:
        return []
    model = root_label(state, task.direction)
    found = {trial["id"]: trial for trial in state["step_trials"]}
    lessons = []
    for attempt in state["attempts"]:
        if not attempt["plan"] or attempt.get("refused"):
            continue
        gained, error = _gain(attempt, found.get(attempt["trial"]), base["score"], task)
        lessons.append(
            LessonRecord(
                change=attempt["plan"],
                part=part,
                model=model,
                gain=gained,
                error=error,
                times=(attempt["seconds"] or 0.0) / base["seconds"] if base["seconds"] else 0.0,
                solution=state["solution"],
                behind=attempt.get("behind", False),
                problem=attempt["problem"],
                closeness=1.0,
            )
        )
    return lessons


def part_name(block: str) -> str:
    """What a block is called: its marker line without the marks, or its first line."""
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    return lines[0].strip("#= ")[:80] if lines else ""


def _gain(
    attempt: Attempt, trial: Trial | None, before: Score, task: TaskSpec
) -> tuple[float | None, float]:
    """Share of the loss that a plan gained, and its standard error; none where none counts."""
    after = trial["score"] if trial and attempt["score"] is not None else None
    if after is None:
        return None, 0.0
    loss = loss_of(task.metric, before["value"])
    gained = gain(after, before, task.direction) / loss
    return max(-MOST, min(MOST, gained)), min(MOST, paired_error(after, before) / loss)


def paired_error(one: Score, other: Score) -> float:
    """Standard error of the difference of two scores, in units of the metric.

    From the differences of the folds where there are several, else :data:`ALIKE` times what two
    independent scores would differ by.
    """
    if len(one["folds"]) == len(other["folds"]) > 1:
        differences = [a - b for a, b in zip(one["folds"], other["folds"], strict=True)]
        return statistics.stdev(differences) / math.sqrt(len(differences))
    return ALIKE * math.hypot(one["error"], other["error"])
