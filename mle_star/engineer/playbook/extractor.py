"""The extractor: which block to refine next, and the first plan for it.

The rule: a block is worth ``gain * measured * fresh``. ``gain`` is what is expected of the best
strategy for it (0 to 1: its promise on this task, and what it brought before). ``measured`` comes
from the ablation study:

- part switched off: 1 where that made no difference, up to 2 where the score got 5 % worse,
- strategy tried: 1 to 5 where it helped (5 from 2 % on, and a fifth more for every per cent;
  it is then the first plan), a half where it hurt, a twentieth where it changed nothing at all (the
  models do not look at that part),
- 1 for a block that was not studied.

A block that is trivial now has no impact when it is switched off; that says nothing about what it
could become, which is why the promise counts. ``fresh`` is a fifth for each earlier refinement of a
block of that name, so that every block has its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mle_star.engineer.base import Brief, Extraction
from mle_star.engineer.playbook.findings import Finding, findings, impact
from mle_star.engineer.playbook.planner import (
    FRESH,
    affordable,
    carry_out,
    gains,
    phrase,
    propose,
)
from mle_star.engineer.playbook.script import Block, split
from mle_star.engineer.playbook.strategies import name_of, refinable
from mle_star.engineer.policy import terms_of
from mle_star.errors import NoAnswer


@dataclass(frozen=True)
class _Choice:
    block: Block
    plan: str
    worth: float


def extract(brief: Brief, summary: str, script: str, refined: Sequence[str]) -> Extraction:
    """The block most worth refining that is not among ``refined``, and the first plan for it.

    Raises:
        NoAnswer: no block is left that a strategy suits.
    """
    measured = findings(summary)
    names = [name_of(text) for text in refined]
    choices = []
    for block in refinable(split(script)):
        if block.text in refined or script.count(block.text) != 1:
            continue
        choice = _choice(brief, block, [f for f in measured if f.block == block.name])
        if choice is not None:
            fresh = FRESH ** names.count(block.name)
            choices.append(_Choice(block, choice.plan, choice.worth * fresh))
    if not choices:
        raise NoAnswer("No block is left that a strategy of the playbook suits.")
    best = max(choices, key=lambda choice: choice.worth)
    return Extraction(best.block.text, best.plan)


def _choice(brief: Brief, block: Block, measured: list[Finding]) -> _Choice | None:
    gain = max(gains(brief, block.text).values(), default=0.0)
    if gain <= 0:
        return None
    try:
        plan = _proven(brief, block, measured) or propose(brief, block.text)
    except NoAnswer:
        return None
    return _Choice(block, plan, gain * impact(measured))


def _proven(brief: Brief, block: Block, measured: list[Finding]) -> str:
    """The plan that helped most in the study, where it can still be carried out; else empty."""
    helped = [f for f in measured if f.tried and f.change > 0]
    for finding in sorted(helped, key=lambda f: -f.change):
        terms = terms_of(f"[{finding.tried}]")
        if not affordable(brief, terms):
            continue
        try:
            carry_out(brief, block.text, terms)
        except NoAnswer:
            continue
        return phrase(brief, terms)
    return ""
