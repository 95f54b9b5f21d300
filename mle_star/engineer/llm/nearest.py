"""The run of lines that is most like a given one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import SequenceMatcher

_SLACK = 2
"""Lines that a copy may have more or fewer than the original."""
_LINE_PENALTY = 0.03
"""What a line more or fewer takes from the similarity when runs are compared."""
_CHECKED = 24
"""Runs that are compared closely."""
_LARGEST = 4_000
"""Most characters of changed lines that are compared one by one."""
_MOST_PAIRS = 1_000_000
"""Most pairs of lines that are worth comparing."""


@dataclass(frozen=True)
class Nearest:
    """The lines ``start`` to ``end`` (exclusive) are most like the given ones."""

    start: int
    end: int
    similarity: float
    """Share of equal characters, 0 to 1."""
    runner_up: float
    """The same of the best run that does not overlap it."""


def nearest(lines: list[str], wanted: list[str]) -> Nearest | None:
    """Compare ``wanted`` to every run of about as many lines; None where there is none."""
    if not wanted or not lines or len(lines) * len(wanted) > _MOST_PAIRS:
        return None
    size = len(wanted)
    runs: list[tuple[float, int, int]] = []
    for length in range(max(1, size - _SLACK), min(len(lines), size + _SLACK) + 1):
        runs += _bounds(lines, wanted, length)
    runs.sort(key=lambda run: (-run[0], run[1]))
    compared = [
        (similarity(lines[start:end], wanted), start, end) for _, start, end in runs[:_CHECKED]
    ]
    if not compared:
        return None
    # A line of a single sign weighs too little to tell which run has one line too many.
    best, start, end = max(
        compared, key=lambda run: run[0] - _LINE_PENALTY * abs(run[2] - run[1] - size)
    )
    others = [each for each, first, last in compared if last <= start or first >= end]
    return Nearest(start, end, best, max(others, default=0.0))


def _bounds(lines: list[str], wanted: list[str], length: int) -> list[tuple[float, int, int]]:
    """No run is more similar than this: its characters in any order, compared with the wanted."""
    aim = Counter("".join(wanted))
    total = sum(aim.values())
    counts = Counter("".join(lines[:length]))
    found = []
    for start in range(len(lines) - length + 1):
        if start:
            counts.subtract(lines[start - 1])
            counts.update(lines[start + length - 1])
        equal = sum(min(number, counts[sign]) for sign, number in aim.items())
        size = sum(counts.values())
        found.append((2 * equal / max(1, size + total), start, start + length))
    return found


def similarity(left: list[str], right: list[str]) -> float:
    """Share of characters in equal lines, and of equal characters in the lines between them."""
    total = sum(map(len, left)) + sum(map(len, right))
    equal = 0
    for tag, a, b, c, d in SequenceMatcher(None, left, right, autojunk=False).get_opcodes():
        if tag == "equal":
            equal += 2 * sum(map(len, left[a:b]))
        elif tag == "replace":
            old, new = "\n".join(left[a:b]), "\n".join(right[c:d])
            if max(len(old), len(new)) <= _LARGEST:
                # Line ends are no characters of the lines.
                matcher = SequenceMatcher(None, old, new, autojunk=False)
                equal += 2 * sum(block.size for block in matcher.get_matching_blocks())
                equal -= 2 * min(b - a - 1, d - c - 1)
    return equal / max(1, total)
