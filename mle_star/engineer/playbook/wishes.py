"""What a person's hint changes for the playbook: the promise of the strategies it speaks of.

A hint speaks of a strategy where a word of it is one of the strategy's key (``target-encoding``,
``add-catboost``), or where it names a column that the strategy's plan names too. Words that stand
in many keys (add, more, larger ...) say nothing. A part of a sentence with a word such as ``no`` or
``without`` speaks against the strategies in it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.strategies import strategy
from mle_star.engineer.policy import LEAST, SUREST

WISH = 0.8
"""What the promise of a strategy gains that a person asks for, so that it comes first."""
_NOTHING = frozenset(
    (
        *("add", "and", "are", "for", "from", "more", "larger", "longer", "bigger", "wider", "the"),
        *("slower", "fitted", "with", "into", "across", "its", "early", "this", "that", "try"),
        *("use", "features", "columns", "model", "models", "learning"),
    )
)
_AGAINST = frozenset(
    ("no", "not", "never", "without", "avoid", "skip", "stop", "don't", "dont", "leave", "remove")
)
_PARTS = re.compile(r"[.;:,\n]| but ", re.IGNORECASE)
_WORD = re.compile(r"[a-z0-9_']+")


def wished(brief: Brief, promises: Mapping[str, float]) -> dict[str, float]:
    """The promises after the brief's hints; those of strategies that do not apply stay as they are.

    Args:
        brief: what the planner is told.
        promises: key of a strategy -> what to expect of it.
    """
    if not brief.hints:
        return dict(promises)
    parts = [part for hint in brief.hints for part in _PARTS.split(hint.lower()) if part.strip()]
    columns = {column.name.lower() for column in brief.profile.columns}
    changed = {}
    for key, promise in promises.items():
        voices = [_against(part) for part in parts if _speaks_of(part, key, brief, columns)]
        if voices and promise > 0:  # the newest counts
            promise = LEAST if voices[-1] else min(SUREST, promise + WISH)
        changed[key] = promise
    return changed


def _words(text: str) -> set[str]:
    """The words that say something, without the s of a plural."""
    found = {word.rstrip("s") for word in _WORD.findall(text) if len(word) > 2}
    return found - {word.rstrip("s") for word in _NOTHING}


def _against(part: str) -> bool:
    return bool(_AGAINST & set(_WORD.findall(part)))


def _speaks_of(part: str, key: str, brief: Brief, columns: set[str]) -> bool:
    if _words(part) & _words(key.replace("-", " ")):
        return True
    named = {name for name in columns if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", part)}
    if not named:
        return False
    plan = strategy(key).describe(brief).lower()
    return any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", plan) for name in named)
