"""What a change did to a script, line by line."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

_CONTEXT = 2
"""Unchanged lines around a change."""
_LONGEST = 3_000
"""Lines of a script that are still compared: the time grows with the square of them."""


@dataclass(frozen=True)
class Line:
    """One line of a difference."""

    kind: str
    """``added``, ``removed``, ``same`` or ``place`` (where in the script)."""
    text: str


def difference(before: str, after: str) -> list[Line] | None:
    """The lines that differ with some around them; None where the scripts are too long to compare.

    Args:
        before: text of the script that was changed.
        after: text of the changed one.
    """
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > _LONGEST:
        return None
    kinds = {"+": "added", "-": "removed", " ": "same", "@": "place"}
    lines = list(difflib.unified_diff(old, new, n=_CONTEXT, lineterm=""))
    return [Line(kinds[line[0]], line) for line in lines[2:]]  # the first two name the files
