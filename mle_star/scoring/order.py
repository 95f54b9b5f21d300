"""The order of scores and trials. One place decides what "better" means.

A missing score loses to everything, and so does a score whose leakage alarm rang: its value can't
be believed.
"""

from __future__ import annotations

from collections.abc import Iterable

from mle_star.state import Direction, Score, Trial


def height(value: float, direction: Direction) -> float:
    """The value turned so that higher is better: h(s) of the algorithm."""
    return value if direction == "maximize" else -value


def better(a: Score | None, b: Score | None, direction: Direction, or_equal: bool = False) -> bool:
    """Whether ``a`` beats ``b`` (with ``or_equal``: is at least as good).

    Without a score, or with an alarm, ``a`` never beats anything, not even another missing score;
    every other score beats such a ``b``.
    """
    if a is None or a["alarm"]:
        return False
    if b is None or b["alarm"]:
        return True
    high, low = height(a["value"], direction), height(b["value"], direction)
    return high > low or (or_equal and high == low)


def gain(a: Score, b: Score, direction: Direction) -> float:
    """How much better ``a`` is than ``b``, in units of the metric; negative when it is worse."""
    return height(a["value"], direction) - height(b["value"], direction)


def rank(trials: Iterable[Trial], direction: Direction, allow_alarm: bool = False) -> list[Trial]:
    """Scored trials, best first; equal values stay in the given order.

    Trials with an alarm are left out; with ``allow_alarm`` they follow after all others.
    """
    scored = [
        (bool(score["alarm"]), -height(score["value"], direction), trial)
        for trial in trials
        if (score := trial["score"]) is not None
    ]
    kept = [entry for entry in scored if allow_alarm or not entry[0]]
    return [trial for _, _, trial in sorted(kept, key=lambda entry: entry[:2])]


def best_of(
    trials: Iterable[Trial], direction: Direction, allow_alarm: bool = False
) -> Trial | None:
    """The best scored trial; the earlier of equals; None where there is none.

    A trial with an alarm is returned only with ``allow_alarm`` and only when nothing else has a
    score.
    """
    ranked = rank(trials, direction, allow_alarm)
    return ranked[0] if ranked else None
