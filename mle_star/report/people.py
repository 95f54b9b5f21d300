"""What people told a run and what it asked them, with what became of each, from its journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mle_star.report.text import clean

_Event = Mapping[str, Any]
_WIDTH = 400
"""Most characters of what a person said."""


@dataclass(frozen=True)
class Said:
    """Something a person told the run, or was asked by it."""

    at: float
    """Active seconds of the run."""
    whom: str
    """The part of the run that it is about."""
    text: str
    became: list[str]
    """What became of it; the answer, where it is a question."""


@dataclass(frozen=True)
class People:
    """The part that people took in a run; false where they took none."""

    told: list[Said] = field(default_factory=list)
    asked: list[Said] = field(default_factory=list)
    """Questions whose answer was more than yes, or that have none."""
    agreed: str = ""
    """How many questions of each kind were answered by yes; empty where none was."""

    def __bool__(self) -> bool:
        return bool(self.told or self.asked or self.agreed)


def read_people(events: Iterable[_Event]) -> People:
    """What a journal tells of people.

    Args:
        events: all of the journal, oldest first.
    """
    every = list(events)
    asked, agreed = _questions(every)
    return People(_told(every), asked, agreed)


def _told(events: list[_Event]) -> list[Said]:
    became: dict[Any, dict[str, list[int]]] = {}
    for event in events:
        if event.get("kind") == "heeded":
            texts = became.setdefault(event.get("id"), {})
            texts.setdefault(clean(event.get("text"), _WIDTH), []).append(_branch(event))
    found: dict[Any, Said] = {}
    for event in events:
        if event.get("kind") != "told" or event.get("id") in found:
            continue
        meant = event.get("meant_for")
        whom = _name(meant) if isinstance(meant, int) else "all solutions"
        outcomes = became.get(event.get("id"), {})
        said = [f"{_named(who)}: {text}" for text, who in outcomes.items()]
        found[event.get("id")] = Said(_at(event), whom, wish(event), said)
    return list(found.values())


def wish(event: _Event, width: int = _WIDTH) -> str:
    """What a person told the run, in one line; ``width`` bounds the characters of a hint."""
    card = event.get("card")
    parts = [
        clean(event.get("hint") or "", width),
        f"try {clean(card.get('name', ''), 60)}" if isinstance(card, Mapping) and card else "",
        f"refine {clean(event.get('block'), 60)}" if event.get("block") else "",
    ]
    return "; ".join(filter(None, parts))


def _questions(events: list[_Event]) -> tuple[list[Said], str]:
    """Questions with their answers; one that was asked again in a later sitting counts once."""
    open_: dict[tuple[int, str, str], Said] = {}
    found: list[Said] = []
    agreed: Counter[str] = Counter()
    for event in events:
        if event.get("kind") not in ("asked", "answered"):
            continue
        about, label = str(event.get("about", "")), str(event.get("label", ""))
        key = (_branch(event), about, label)
        text = f"{about}: {clean(label, _WIDTH)}"
        waiting = Said(_at(event), _name(key[0]), text, ["no answer yet"])
        waiting = open_.pop(key, waiting)
        if event["kind"] == "asked":
            open_[key] = waiting
            continue
        answer, reason = str(event.get("answer", "")), clean(event.get("reason") or "", _WIDTH)
        if answer == "yes":
            agreed[about] += 1
        else:
            became = "changed" if answer == "edit" else answer
            said = f"{became}: {reason}" if reason else became
            found.append(Said(waiting.at, waiting.whom, text, [said]))
    said_yes = ", ".join(f"{_KINDS.get(kind, kind)} {times}" for kind, times in agreed.items())
    return sorted([*found, *open_.values()], key=lambda one: one.at), said_yes


_KINDS = {"script": "scripts", "plan": "plans", "spend": "spending"}
"""What questions are about, in words."""


def _named(branches: list[int]) -> str:
    return ", ".join(_name(number) for number in dict.fromkeys(branches))


def _name(branch: int) -> str:
    return "the run" if branch < 0 else f"solution {branch + 1}"


def _branch(event: _Event) -> int:
    number = event.get("solution")
    return number if isinstance(number, int) else -1


def _at(event: _Event) -> float:
    elapsed = event.get("elapsed")
    return float(elapsed) if isinstance(elapsed, int | float) else 0.0
