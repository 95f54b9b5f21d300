"""Refinement strategies: small ideas for one kind of block each."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from mle_star.engineer.playbook.script import ENCODE, FEATURES, Block
from mle_star.engineer.playbook.strategies.strategy import Strategy, kind_of, name_of
from mle_star.errors import NoAnswer

__all__ = [
    "SECTIONS",
    "Strategy",
    "all_strategies",
    "kind_of",
    "name_of",
    "refinable",
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
        families,
        features,
        finishing,
        fitting,
        histories,
        labels,
        learners,
        moments,
        readers,
        searching,
        sequences,
        spaces,
        strings,
        target,
        texts,
    )

    rooms = (
        *(features, moments, sequences, texts, strings, encodings, histories, spaces, target),
        *(boosting, fitting, searching, learners, readers, families, combining, finishing, labels),
    )
    return tuple(item for room in rooms for item in room.ALL)


def refinable(blocks: Iterable[Block]) -> list[Block]:
    """The blocks that strategies exist for; those that no model looks at are left out.

    Models that read nothing but raw text see neither new features nor encodings.
    """
    found = [block for block in blocks if kind_of(block.text) in SECTIONS]
    models = [block.text for block in found if block.family]
    text_only = ["Vectorizer(" in text and '"numbers"' not in text for text in models]
    drop = {FEATURES, ENCODE} if models and all(text_only) else set()
    return [block for block in found if block.name not in drop]


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
