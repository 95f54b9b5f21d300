"""Refinement strategies: small ideas for one kind of block each."""

from __future__ import annotations

from functools import cache

from mle_star.engineer.playbook.strategies.strategy import Strategy, kind_of, name_of
from mle_star.errors import NoAnswer

__all__ = [
    "SECTIONS",
    "Strategy",
    "all_strategies",
    "kind_of",
    "name_of",
    "strategies_for",
    "strategy",
]

SECTIONS = ("features", "encode", "target", "model", "combine", "validate", "finish")
"""Kinds of blocks that strategies exist for, in the order in which a solution profits from them."""


@cache
def all_strategies() -> tuple[Strategy, ...]:
    """Every strategy, in a fixed order."""
    from mle_star.engineer.playbook.strategies import (
        boosting,
        combining,
        encodings,
        features,
        finishing,
        fitting,
        learners,
        moments,
        spaces,
        target,
        texts,
    )

    rooms = (
        *(features, moments, texts, encodings, spaces, target),
        *(boosting, fitting, learners, combining, finishing),
    )
    return tuple(item for room in rooms for item in room.ALL)


def strategies_for(section: str) -> list[Strategy]:
    """The strategies for one kind of block."""
    return [item for item in all_strategies() if item.section == section]


def strategy(key: str) -> Strategy:
    """The strategy of that key.

    Raises:
        NoAnswer: there is none.
    """
    for item in all_strategies():
        if item.key == key:
            return item
    raise NoAnswer(f"The playbook has no strategy {key!r}.")
