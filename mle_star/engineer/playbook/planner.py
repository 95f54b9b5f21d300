"""The planner and the coder: which strategy comes next for a block, and how it is carried out.

A plan opens with the keys of its strategies in brackets, ``[ratios + products] Add ...``;
everything else in it is for people. What to expect of a strategy is its promise on this task,
corrected by the policy (:mod:`mle_star.engineer.policy`) for what it brought earlier in this outer
step and in those before, of other solutions too. What earlier plans of the same block scored guides
the choice as well: plans are compared among themselves, a plan that extends another one and scores
better speaks for what it added, one that scores worse speaks against it and its kin. When another
part of the script promises more than what is left to try here, the block has no further plan.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mle_star.engineer.base import Brief, Tried
from mle_star.engineer.playbook.findings import findings, impact, of_studies
from mle_star.engineer.playbook.script import split
from mle_star.engineer.playbook.strategies import (
    Strategy,
    kind_of,
    name_of,
    refinable,
    strategies_for,
    strategy,
)
from mle_star.engineer.playbook.strategies.edits import checked
from mle_star.engineer.playbook.wishes import wished
from mle_star.engineer.policy import Policy, terms_of
from mle_star.errors import NoAnswer

PROMISING = 0.4
"""Expected gain from which a strategy is part of the first plan."""
TOGETHER = {"features": 3, "encode": 2, "model": 2}
"""Strategies that the first plan carries out at once, by kind of block; one where none is named.

New columns add up, and trees leave useless ones aside; settings of a model depend on each other.
"""
HURRY = 0.7
"""Share of the time that is left to the search that a plan may be expected to take."""
FEW = 0.4
"""Share of that time that a plan may take though it is longer than a script should be."""
ENOUGH = 0.7
"""Share of what a plan for another part promises that one more for the same block has to."""
PATIENCE = 0.9
"""Share of a script's time that a plan may be expected to take."""
TIME = 0.1
"""What a plan is worth less for each doubling of a script's time: others could be tried in it."""
HARM = -0.3
"""What a strategy is worth whose kin made a plan worse."""
CRASH = -0.5
"""What a strategy is worth that was part of a plan that did not run."""
MOST = 5
"""Strategies in one plan at most."""
FRESH = 0.2
"""What is left of the worth of a part for each time it was refined, so that all have their turn."""
COSTS = {
    "slower-learning": 2.0,
    "more-rounds": 2.0,
    "larger-trees": 1.5,
    "seed-bagging": 4.0,
    "row-bagging": 5.0,
    "early-stopping": 1.5,
    "fitted-rounds": 2.5,
    "group-statistics": 1.5,
    "lags": 2.0,
    "target-history": 1.3,
    "repeated-measures": 1.1,
    "category-crosses": 1.6,
    "string-parts": 1.1,
    "tags": 1.3,
    "spelling": 1.2,
    "settings-search": 6.0,
    "bigger-forest": 2.0,
    "wider-network": 1.5,
    "repeat-seeds": 3.0,
    "longer-letters": 2.0,
    "letters-across-words": 2.0,
    "target-encoding": 1.3,
    "neighbour-target": 1.3,
    "text-opinion": 1.5,
    "letter-topics": 1.5,
    "learnt-weights": 1.8,
    "add-catboost": 2.5,
    "add-lightgbm": 1.7,
    "add-extra-trees": 1.8,
    "add-xgboost": 1.7,
    "add-mlp": 1.8,
    "add-kernel": 1.8,
    "add-linear": 1.3,
    "add-hist-gradient-boosting": 1.7,
}
"""How many times as long a script takes with the strategy, roughly; 1 where none is named."""

Terms = tuple[str, ...]


def plan(brief: Brief, script: str, block: str, tried: Sequence[Tried]) -> str:
    """The next plan for the block, never one whose text was tried before.

    Raises:
        NoAnswer: no strategy is left for this block, or another part of the script promises more.
    """
    terms, hope = _next(brief, block, tried)
    if _learnt(brief, tried) and hope < ENOUGH * _elsewhere(brief, script, block):
        raise NoAnswer("Another part of the script promises more by now.")
    return phrase(brief, terms)


def propose(brief: Brief, block: str, tried: Sequence[Tried] = ()) -> str:
    """As :func:`plan`, whatever other parts of the script promise.

    Raises:
        NoAnswer: no strategy is left for this block.
    """
    return phrase(brief, _next(brief, block, tried)[0])


def _next(brief: Brief, block: str, tried: Sequence[Tried]) -> tuple[Terms, float]:
    """What to try next, and by how much it is hoped to be better than the best so far."""
    options = _options(brief, block)
    seen = {block, *_texts(brief, block, tried)}
    record = _record(brief, tried)
    for terms in sorted(_candidates(options, record), key=lambda t: -_utility(t, options, record)):
        if not affordable(brief, terms):
            continue
        try:
            new = carry_out(brief, block, terms)
        except NoAnswer:
            continue
        if new not in seen:
            return terms, _hope(terms, record.best, options)
    raise NoAnswer("Every strategy that suits this block and the time has been tried.")


def _learnt(brief: Brief, tried: Sequence[Tried]) -> bool:
    """Whether what this step brought so far is among the lessons, so that it can be weighed."""
    own = {lesson.change for lesson in brief.own_lessons}
    return bool(tried) and all(item.plan in own for item in tried)


def _elsewhere(brief: Brief, script: str, block: str) -> float:
    """The most that a strategy for another part of the script promises."""
    done = {lesson.part for lesson in brief.own_lessons if lesson.model == brief.base_model}
    studies = [study.summary for study in brief.studies if study.solution == brief.solution]
    measured = findings(studies[-1]) if studies else []
    most = 0.0
    for other in refinable(split(script)):
        if other.text != block:
            fresh = FRESH if other.name in done else 1.0
            # What a study says for a strategy is among the lessons; this is what it says against.
            fresh *= min(impact([f for f in measured if f.block == other.name]), 1.0)
            options = _options(brief, other.text)
            plans = [(key,) for key in options if affordable(brief, (key,))]
            most = max([most, *(fresh * _worth(terms, options) for terms in plans)])
    return most


def refine(brief: Brief, block: str, plan: str) -> str:
    """The block with the plan carried out.

    Raises:
        NoAnswer: the plan names no strategy of ours, or the block lacks what a strategy builds on.
    """
    terms = terms_of(plan)
    if not terms:
        raise NoAnswer("The plan names no strategy of the playbook.")
    return carry_out(brief, block, terms)


def carry_out(brief: Brief, block: str, terms: Terms) -> str:
    """The block with the strategies applied one after the other."""
    text = block
    for key in terms:
        item = strategy(key)
        if item.section != kind_of(block):
            raise NoAnswer(f"The strategy {key!r} is not for a block of this kind.")
        text = item.apply(text, brief)
    return checked(text)


def phrase(brief: Brief, terms: Terms) -> str:
    """The plan in words."""
    return f"[{' + '.join(terms)}] " + " ".join(strategy(key).describe(brief) for key in terms)


@dataclass(frozen=True)
class _Option:
    strategy: Strategy
    gain: float


@dataclass(frozen=True)
class _Record:
    """What the tried plans teach."""

    best: Terms
    """Best scored plan; empty when none has a score."""
    harmful: frozenset[str]
    """Kinds whose addition made a plan worse."""
    failed: frozenset[str]
    """Strategies that were part of plans without a score and of none with one."""
    empty: bool
    """Whether nothing was tried yet."""


def gains(brief: Brief, block: str) -> dict[str, float]:
    """What to expect of each strategy that suits the block, the best first.

    That is its promise on this task, what it and its kin brought before, and whether a person asks
    for it.
    """
    own = strategies_for(kind_of(block))
    idle = {kin for item in own if f"# {item.key}: " in block for kin in item.overrides}
    priors = {item.key: item.applies(brief, block) for item in own if item.kin not in idle}
    priors = {key: promise for key, promise in priors.items() if promise > 0}
    policy = Policy((*brief.lessons, *of_studies(brief)), name_of(block), brief.base_model)
    promises = wished(brief, policy.promises(priors, kin_of))
    return dict(sorted(promises.items(), key=lambda pair: -pair[1]))


def kin_of(key: str) -> str:
    """What a strategy changes; empty for one of another version, which a memory may hold."""
    try:
        return strategy(key).kin
    except NoAnswer:
        return ""


def _options(brief: Brief, block: str) -> dict[str, _Option]:
    return {key: _Option(strategy(key), gain) for key, gain in gains(brief, block).items()}


def _texts(brief: Brief, block: str, tried: Iterable[Tried]) -> list[str]:
    texts = []
    for item in tried:
        try:
            texts.append(refine(brief, block, item.plan))
        except NoAnswer:
            continue
    return texts


def _record(brief: Brief, tried: Sequence[Tried]) -> _Record:
    sign = 1.0 if brief.task.maximize else -1.0
    scored = [(terms_of(t.plan), sign * t.score) for t in tried if t.score is not None]
    scored = [(terms, worth) for terms, worth in scored if terms]
    harmful: set[str] = set()
    for terms, worth in scored:
        for fewer, before in scored:
            added = set(terms) - set(fewer)
            if set(fewer) < set(terms) and worth < before:
                harmful |= _kins(added)
    best = max(scored, key=lambda pair: pair[1])[0] if scored else ()
    if len(scored) > 1:
        worst = min(scored, key=lambda pair: pair[1])[0]
        harmful |= _kins(set(worst) - set(best))
    lost = [terms_of(t.plan) for t in tried if t.behind]
    for terms in lost:
        kept = next((set(fewer) for fewer, _ in scored if set(fewer) < set(terms)), set[str]())
        harmful |= _kins(set(terms) - kept)
    ran = {key for terms in [*(terms for terms, _ in scored), *lost] for key in terms}
    crashed = {key for t in tried if t.score is None for key in terms_of(t.plan)}
    return _Record(best, frozenset(harmful), frozenset(crashed - ran), not tried)


def _kins(keys: Iterable[str]) -> set[str]:
    return {kin for key in keys if (kin := kin_of(key))}


def _candidates(options: dict[str, _Option], record: _Record) -> list[Terms]:
    """Plans worth thinking about: starters, singles, the best with one more or one less, pairs."""
    keys = list(options)
    plans: list[Terms] = [(key,) for key in keys]
    usual = TOGETHER.get(options[keys[0]].strategy.section, 1) if keys else 1
    for count in range(2, usual + 1):
        plans.append(_compatible(keys[: count + 3], options)[:count])
    if record.best:
        kept = tuple(key for key in record.best if key in options)
        plans += [_compatible((*kept, key), options) for key in keys]
        plans += [kept[:i] + kept[i + 1 :] for i in range(len(kept))]
    plans += [
        _compatible((first, second), options)
        for i, first in enumerate(keys)
        for second in keys[i + 1 :]
    ]
    return list(dict.fromkeys(terms for terms in plans if 0 < len(terms) <= MOST))


def _compatible(keys: Sequence[str], options: dict[str, _Option]) -> Terms:
    """The keys without those whose kin came before, or that one of the two would undo."""
    kept: dict[str, Strategy] = {}
    for key in keys:
        item = options[key].strategy
        undone = any(other.kin in item.overrides for other in kept.values())
        if not undone and not any(item.kin in other.overrides for other in kept.values()):
            kept.setdefault(item.kin, item)
    return tuple(item.key for item in kept.values())


def slower(terms: Terms) -> float:
    """How many times as long a script takes with the strategies, roughly; at least 1."""
    return max(1.0, math.prod(COSTS.get(key, 1.0) for key in terms))


def _measured(brief: Brief, terms: Terms) -> float:
    """How many times as long the same strategies, or some of them, made a script of this run."""
    known = [(set(terms_of(item.change)), item.times) for item in brief.lessons if not item.run]
    return max((times for keys, times in known if keys and keys <= set(terms)), default=0.0)


def affordable(brief: Brief, terms: Terms) -> bool:
    """Whether the script is expected to stay within its time; not known before it ran once."""
    times = max(slower(terms), _measured(brief, terms))
    expected, left = brief.base_seconds * times, brief.seconds_left
    if expected > HURRY * left:
        return False
    # Large tables leave time for a few plans only, but for those.
    enough = PATIENCE * brief.script_seconds
    return times <= 1 or expected <= (enough if math.isinf(left) else max(enough, FEW * left))


def _worth(terms: Iterable[str], options: dict[str, _Option]) -> float:
    """What a plan promises after its time is paid for; its strategies that are no option do not."""
    known = tuple(key for key in terms if key in options)
    if not known:
        return 0.0
    gains = sorted((options[key].gain for key in known), reverse=True)
    weight = _weight(options[known[0]])
    return sum(gain * weight**i for i, gain in enumerate(gains)) - TIME * math.log2(slower(known))


def _hope(terms: Terms, best: Terms, options: dict[str, _Option]) -> float:
    """By how much a plan promises to be better than the best one, or than the block as it is."""
    if _worth(best, options) <= 0:
        return _worth(terms, options)
    added, dropped = set(terms) - set(best), set(best) - set(terms)
    return _worth(added, options) - _worth(dropped, options)


def _weight(option: _Option) -> float:
    """What a further strategy of a plan counts for, against the one before."""
    return 0.7 if TOGETHER.get(option.strategy.section, 1) > 1 else 0.4


def _utility(terms: Terms, options: dict[str, _Option], record: _Record) -> float:
    """How much to expect of a plan: its gains, added up with falling weight, and its record."""
    gains = []
    for key in terms:
        option = options[key]
        gain = HARM if option.strategy.kin in record.harmful else option.gain
        gains.append(CRASH if key in record.failed else gain)
    gains.sort(reverse=True)
    usual = TOGETHER.get(options[terms[0]].strategy.section, 1)
    weight = _weight(options[terms[0]])
    total = sum(gain * weight**i for i, gain in enumerate(gains))
    total -= TIME * math.log2(slower(terms))
    if record.empty:
        # The first plan: promising strategies alone, not more of them than add up.
        total -= sum(1.0 for i, gain in enumerate(gains) if i and (gain < PROMISING or i >= usual))
    elif record.best and set(record.best) < set(terms):
        total += 0.2
    elif record.best and set(terms) < set(record.best):
        total -= 0.3
    return total
