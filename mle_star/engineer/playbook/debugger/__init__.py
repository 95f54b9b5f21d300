"""Repairing a script by rules: a table of small functions, each for one kind of failure.

The first rule whose result differs from the script and compiles is the answer. A rule sees the
newest error only.
"""

from __future__ import annotations

from collections.abc import Callable

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.debugger import (
    columns,
    contract,
    data,
    libraries,
    names,
    paths,
    predictions,
    resources,
    syntax,
)
from mle_star.engineer.playbook.debugger.source import Failure, failure_of
from mle_star.errors import NoAnswer

Rule = Callable[[str, Failure, Brief], "str | None"]

RULES: tuple[Rule, ...] = (
    *syntax.RULES,
    *names.RULES,
    *paths.RULES,
    *libraries.RULES,
    *columns.RULES,
    *data.RULES,
    *predictions.RULES,
    *resources.RULES,
    *contract.RULES,
)

__all__ = ["RULES", "debug"]


def debug(brief: Brief, script: str, error: str) -> str:
    """The script, repaired for this error.

    Args:
        brief: the task.
        script: the script that failed.
        error: its newest traceback, or the harness's sentence about its output.

    Raises:
        NoAnswer: no rule knows the error, or none leads to a script that compiles.
    """
    failure = failure_of(script, error)
    for rule in RULES:
        try:
            repaired = rule(script, failure, brief)
        except SyntaxError:
            continue  # this rule needs a script that can be parsed; rules for syntax come first
        if repaired is not None and repaired != script and _compiles(repaired):
            return repaired
    said = failure.type or "this error"
    raise NoAnswer(f"The playbook has no repair for {said}.")


def _compiles(script: str) -> bool:
    try:
        compile(script, "script.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True
