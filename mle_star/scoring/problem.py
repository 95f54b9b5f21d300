"""What is wrong with a script's predictions, as a value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LONGEST = 60
"""Characters of a script's own text that a sentence quotes at most."""


@dataclass(frozen=True)
class Problem:
    """One sentence for the debugger: what is wrong with a script's files, and what was expected."""

    text: str

    def __str__(self) -> str:
        """The sentence."""
        return self.text


class Invalid(Exception):
    """Carries the sentence of a :class:`Problem` up to the public function that returns it.

    Never leaves :mod:`mle_star.scoring`.
    """

    @property
    def problem(self) -> Problem:
        """The sentence as a value."""
        return Problem(str(self))


def some(values: Iterable[object], limit: int = 3) -> str:
    """The first few values, shortened, for a sentence; an ellipsis where there are more."""
    listed = list(values)
    shown = ", ".join(repr(str(value)[:LONGEST]) for value in listed[:limit])
    return shown + (", ..." if len(listed) > limit else "")
