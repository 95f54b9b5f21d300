"""From what was found to a report: which leak counts, and the block of source it stands in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.leakage.files import forbidden_files
from mle_star.engineer.playbook.leakage.statements import Analysis
from mle_star.engineer.playbook.leakage.values import Leak, Lines
from mle_star.parsing import parse

_WORST_FIRST = ("file", "label", "feature", "target", "in-sample", "order", "fit", "test")
_NEAR = 8
"""A block reaches from learning to use when there are at most so many lines between them."""


def find_leaks(brief: Brief, script: str) -> list[Leak]:
    """Every leak of a script, the worst first; none where the script can't be parsed."""
    try:
        tree = parse(script)
    except (SyntaxError, ValueError):
        return []
    features = frozenset(c.name for c in brief.profile.columns)
    analysis = Analysis(brief.task, brief.folds, features)
    with contextlib.suppress(RecursionError):  # what was found before that still counts
        analysis.run(tree)
    given = frozenset({*brief.files, *brief.task.side_files})
    found = [*forbidden_files(tree, given), *analysis.found]
    return sorted(found, key=lambda leak: (leak.mild, _WORST_FIRST.index(leak.kind), leak.lines))


def block_of(script: str, leak: Leak) -> str:
    """The lines a leak stands in, grown by neighbouring lines until they occur once."""
    first, last = span_of(script, leak)
    lines = script.splitlines(keepends=True)
    while True:
        block = "".join(lines[first - 1 : last])
        if block.strip() and script.count(block) == 1:
            return block
        if first == 1 and last >= len(lines):
            return script
        first, last = max(1, first - 1), min(len(lines), last + 1)


def span_of(script: str, leak: Leak) -> Lines:
    """First and last line: where it is learnt and, if that is near, where it is used."""
    first, last = leak.lines
    if leak.used is not None:
        low, high = min(first, leak.used[0]), max(last, leak.used[1])
        if high - low <= _NEAR and _same_body(script, leak.lines, leak.used):
            first, last = low, high
    return max(1, first), max(1, last)


def _same_body(script: str, one: Lines, other: Lines) -> bool:
    def indent(lines: Lines) -> int:
        line = script.splitlines()[lines[0] - 1]
        return len(line) - len(line.lstrip())

    return indent(one) == indent(other)


def worst(leaks: Iterable[Leak], *, strict: bool) -> Leak | None:
    """The leak to report. Mild ones count only when there is evidence."""
    return next((leak for leak in leaks if strict or not leak.mild), None)
