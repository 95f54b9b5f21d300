"""What the steps of a run did, in a few words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from mle_star.report.text import better_is, clean, count, number, plus_minus
from mle_star.runs.history import Step

WIDTH = 110
"""Most characters of what one event says."""

_Event = Mapping[str, Any]


def in_words(step: Step) -> str:
    """What a step did: plan, score, verdict; never empty."""
    return said(step.events) or _WORDLESS.get(step.node, "done")


def said(events: Iterable[_Event]) -> str:
    """What events say; empty where nothing they tell is of interest."""
    texts = (_SAYS[event["kind"]](event) for event in events if event.get("kind") in _SAYS)
    return "; ".join(dict.fromkeys(text.removesuffix(".") for text in texts if text))


def _started(event: _Event) -> str:
    metric, rows = event.get("metric", ""), int(event.get("rows") or 0)
    better = better_is(str(event.get("direction", "")))
    return f"task read: {count(rows, 'labelled row')}, {clean(metric)}, {better}"


def _retrieved(event: _Event) -> str:
    names = [str(card.get("name", "")) for card in event.get("cards") or ()]
    return f"models: {_text(', '.join(names))}" if names else "no model was found"


def _leakage(event: _Event) -> str:
    label = _text(event.get("label"), 50)
    if not event.get("leaking"):
        return f"no leak in {label}"
    return f"leak in {label}: {_text(event.get('reason'))}"


def _usage(event: _Event) -> str:
    unused = ", ".join(map(str, event.get("unused") or ()))
    if event.get("rewritten"):
        return f"rewritten to use {_text(unused) or 'all data'}"
    return _text(event.get("note")) or (f"unused: {_text(unused)}" if unused else "")


def _script(event: _Event) -> str:
    label = _text(event.get("label"), 80)
    score = event.get("score")
    if score is not None:
        alarm = f"; leakage alarm: {_text(event['alarm'])}" if event.get("alarm") else ""
        return f"{plus_minus(score, event.get('error'))}: {label}{alarm}"
    if event.get("outcome") == "ok":
        result = "ran"
    else:
        result = f"{clean(event.get('outcome'))}: {_text(event.get('problem'))}".rstrip(": ")
    return f"{label}: {result}"


def _planned(event: _Event) -> str:
    plan = _text(event.get("plan"))
    return plan if event.get("written") else f"not written: {plan}"


def _accepted(event: _Event) -> str:
    gain = event.get("gain")
    better = f" ({number(gain)} better)" if gain else ""
    return f"accepted {_text(event.get('label'), 80)}{better}"


def _best(event: _Event) -> str:
    return f"best so far {number(event.get('score'))}: {_text(event.get('label'), 80)}"


def _selected(event: _Event) -> str:
    if not event.get("label"):
        return "no script has a score"
    return f"best single script {number(event.get('score'))}: {_text(event.get('label'), 80)}"


def _finished(event: _Event) -> str:
    score = (event.get("score") or {}).get("value")
    return f"handed in {_text(event.get('label'), 80)}, {number(score)}"


def _answered(event: _Event) -> str:
    reason = f" ({_text(event.get('reason'))})" if event.get("reason") else ""
    about = f"{clean(event.get('about'))} {_text(event.get('label'), 60)}"
    return f"a person said {clean(event.get('answer'))}{reason} to the {about}"


def _text(value: object, width: int = WIDTH) -> str:
    return clean(value or "", width)


_SAYS: dict[str, Callable[[_Event], str]] = {
    "run_started": _started,
    "retrieved": _retrieved,
    "written": lambda event: f"wrote {_text(event.get('label'))}",
    "leakage_checked": _leakage,
    "script_finished": _script,
    "debugged": lambda event: f"repaired {_text(event.get('label'))}",
    "best": _best,
    "merged": lambda event: f"merged {_text(event.get('label'))}",
    "usage_checked": _usage,
    "ablation_written": lambda event: "" if event.get("written") else "no study was written",
    "ablated": lambda event: _text(event.get("summary")),
    "extracted": lambda event: f"plan: {_text(event.get('plan'))}",
    "refined": _planned,
    "accepted": _accepted,
    "turned": lambda event: f"turned to {_text(event.get('label'))}",
    "solution_finished": lambda event: f"ends with {_text(event.get('label')) or 'no script'}",
    "selected": _selected,
    "blended": lambda event: f"blend of {count(len(event.get('members') or ()), 'script')}",
    "ensembled": _planned,
    "run_finished": _finished,
    "heeded": lambda event: _text(event.get("text")).rstrip("."),
    "answered": _answered,
    "note": lambda event: _text(event.get("text")),
}
"""Kind of event -> what it says; every other kind says nothing."""

_WORDLESS = {
    "fix_leakage": "the leak was rewritten",
    "execute": "the script ran",
    "hand_over": "candidate handed over",
    "merge": "nothing was merged",
    "judge_merge": "the merge was no better",
    "judge_usage": "the rewrite was no better",
    "judge_ensemble": "the best stays the best",
    "ablate": "ablation study written",
    "propose": "another plan was made",
    "learn": "plan and score noted",
    "ask_spend": "another solution has asked",
    "accept": "the script stays as it was",
}
"""What a node did that said nothing else."""
