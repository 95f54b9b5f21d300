"""The policy: what to expect of a change, given what earlier changes brought.

Every plan that was tried leaves a lesson: which change, in which part of which script, what it
gained and how sure that is. They are shared by all solutions of a run, and a memory of earlier runs
may add its own. The policy turns them into expectations for the playbook, which chooses plans by
them, and into a digest for a model that plans.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from mle_star.engineer.base import Lesson

if TYPE_CHECKING:
    import numpy as np

SHARE = 0.015
"""Share of the loss that a strategy gains whose promise is 1: on tables of our own, promises of 0.3
to 0.5 brought half a per cent on average."""
SPREAD = 0.03
"""Standard deviation of a strategy's true gain around its promise: the gains of 734 plans were
foretold better with it than with half of it, all taken to promise the same (docs/measured.md)."""
KIN = 0.5
"""Correlation between the gains of two strategies that change the same thing."""
ELSEWHERE = 0.7
"""Correlation between the gains of a strategy in two scripts that build on different models."""
NOISE = 0.003
"""What a gain differs by from itself for no reason, beside its standard error."""
BEHIND = -0.02
"""Share that a change is taken to have cost whose script was stopped in a race, give or take as
much."""
UNKNOWN = 0.2
"""Promise of a strategy that was tried elsewhere together with one that is asked for here."""
MOST = 1.0
"""Gain, and error of a gain, that is told at most: where hardly any loss is left, or where its size
is not known, shares may be anything."""
SUREST = 2.0
"""Promise beyond which it makes no difference."""
LEAST = 0.01
"""Promise that is left to what is expected to harm: it comes last, but it comes."""
FAILED = 0.3
"""What is left of the promise of a change that never ran."""

_PLAN = re.compile(r"\s*\[([a-z0-9-]+(?:\s*\+\s*[a-z0-9-]+)*)\]")


def terms_of(plan: str) -> tuple[str, ...]:
    """Keys of the strategies that a plan of the playbook names; empty where it names none."""
    found = _PLAN.match(plan)
    return tuple(re.split(r"\s*\+\s*", found.group(1))) if found else ()


class _Effect(NamedTuple):
    """Gain of one strategy in one place."""

    key: str
    kin: str
    part: str
    model: str
    run: str
    """Earlier run that it was measured in; empty in this one."""
    closeness: float


@dataclass(frozen=True)
class Policy:
    """What earlier changes teach about one part of one script."""

    lessons: Sequence[Lesson] = ()
    part: str = ""
    """Name of the part that is to be changed."""
    model: str = ""
    """What the script builds on."""

    def promises(
        self, priors: Mapping[str, float], kin_of: Callable[[str], str]
    ) -> dict[str, float]:
        """The promise of each strategy after what was measured, in the order of ``priors``.

        True gains are taken to be normally distributed around what the priors promise, correlated
        between kin and between places; a lesson measures the sum of the gains of its strategies
        with its standard error. The posterior mean is that of a Gaussian process (Rasmussen and
        Williams, "Gaussian Processes for Machine Learning", 2006, eq. 2.25).

        Args:
            priors: strategy -> its promise on this task, 0 to 1.
            kin_of: strategy -> what it changes.
        """
        kins = {kin_of(key) for key in priors}
        told = [
            (lesson, terms)
            for lesson in self.lessons
            if (terms := terms_of(lesson.change)) and any(kin_of(term) in kins for term in terms)
        ]
        measured = [(lesson, terms) for lesson, terms in told if _measured(lesson)]
        posterior = self._posterior(priors, measured, kin_of) if measured else dict(priors)
        ran = {term for _, terms in measured for term in terms}
        for lesson, terms in told:
            for term in set(terms) - ran:
                own = lesson.closeness == 1 and lesson.model == self.model
                if own and term in posterior and not _measured(lesson):
                    posterior[term] = min(posterior[term], FAILED * priors[term])
        return {
            key: min(max(posterior[key], LEAST), SUREST) if priors[key] > 0 else 0.0
            for key in priors
        }

    def _posterior(
        self,
        priors: Mapping[str, float],
        measured: Sequence[tuple[Lesson, tuple[str, ...]]],
        kin_of: Callable[[str], str],
    ) -> dict[str, float]:
        import numpy as np

        here = [_Effect(key, kin_of(key), self.part, self.model, "", 1.0) for key in priors]
        seen: dict[_Effect, int] = {}
        rows = [
            [
                seen.setdefault(_Effect(term, kin_of(term), *_place(lesson)), len(seen))
                for term in terms
            ]
            for lesson, terms in measured
        ]
        effects = list(seen)
        design = np.zeros((len(measured), len(effects)))
        for number, places in enumerate(rows):
            design[number, places] = 1.0
        gains = np.array([_gain(lesson) for lesson, _ in measured])
        noise = np.array([_error(lesson) ** 2 + NOISE**2 for lesson, _ in measured])
        mean = SHARE * np.array([priors.get(effect.key, UNKNOWN) for effect in effects])
        among, across = _covariance(effects, effects), _covariance(here, effects)
        weights = np.linalg.solve(design @ among @ design.T + np.diag(noise), gains - design @ mean)
        shift = across @ design.T @ weights / SHARE
        return {key: priors[key] + float(shift[i]) for i, key in enumerate(priors)}

    def digest(self, most: int = 12) -> list[Lesson]:
        """The lessons that say most, for someone who reads: what gained and what cost beyond doubt.

        The clearest come first; a change that was tried several times is told by its clearest. What
        never ran follows.
        """
        ordered = sorted(self.lessons, key=_clarity, reverse=True)
        first = {" ".join(lesson.change.split()): lesson for lesson in reversed(ordered)}
        kept = set(map(id, first.values()))
        return [lesson for lesson in ordered if id(lesson) in kept][:most]


def read_lessons(records: Iterable[Mapping[str, Any]]) -> tuple[Lesson, ...]:
    """Lessons from plain data; what is not a sound lesson is passed over."""
    found = []
    for record in records:
        try:
            lesson = Lesson(**record)
        except TypeError:
            continue
        texts = (lesson.change, lesson.part, lesson.model, lesson.problem, lesson.run)
        numbers = (lesson.gain or 0.0, lesson.error, lesson.times, lesson.closeness)
        if all(isinstance(t, str) for t in texts) and all(map(_is_finite, numbers)):
            found.append(lesson)
    return tuple(found)


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _place(lesson: Lesson) -> tuple[str, str, str, float]:
    return lesson.part, lesson.model, lesson.run, lesson.closeness


def _measured(lesson: Lesson) -> bool:
    return lesson.gain is not None or lesson.behind


def _gain(lesson: Lesson) -> float:
    return BEHIND if lesson.gain is None else lesson.gain


def _error(lesson: Lesson) -> float:
    return -BEHIND if lesson.gain is None else lesson.error


def _covariance(one: Sequence[_Effect], other: Sequence[_Effect]) -> np.ndarray:
    """Covariance of the true gains of strategies in their places, (one, other)."""
    import numpy as np

    def same(name: str) -> np.ndarray:
        codes: dict[str, int] = {}
        left, right = (
            np.array([codes.setdefault(getattr(effect, name), len(codes)) for effect in side])
            for side in (one, other)
        )
        return np.asarray(left[:, None] == right)

    near = [np.array([effect.closeness for effect in side]) for side in (one, other)]
    kin = np.where(same("key"), 1.0, KIN) * same("kin")
    place = np.where(same("part") & same("model"), 1.0, ELSEWHERE)
    # Two lessons of one earlier run share what that run differs by.
    apart = np.where(same("run"), 1.0, near[0][:, None] * near[1])
    return np.asarray(SPREAD**2 * kin * place * apart)


def _clarity(lesson: Lesson) -> float:
    """How far a gain is from nothing, in standard errors; what never ran comes last."""
    if not _measured(lesson):
        return -1.0
    return lesson.closeness * abs(_gain(lesson)) / (_error(lesson) + NOISE)
