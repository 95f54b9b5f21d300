"""How the scripted good engineer plans: by turning the constants at the head of a section."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

from tests.support.llm_scripts import sections

IDEAS: dict[str, tuple[str, tuple[str, ...]]] = {
    "RATIOS": ("Add ratio features", ()),
    "SQUARES": ("Add squared features", ()),
    "LOGS": ("Change the logarithms of the columns", ()),
    "WORDS": ("Change how columns of words are used", ()),
    "CLIP_AT": ("Cut outliers elsewhere", ("3.0", "8.0")),
    "SCALE": ("Change the scaling", ()),
    "LEVELS": ("Tell more levels apart", ("30", "60")),
    "SHRINKAGE": ("Use {} shrinkage", ("0.3", "10.0", "0.01", "100.0")),
    "NEIGHBOURS_COUNT": ("Average {} neighbours", ("8", "30", "60")),
    "ROUNDS": ("Boost for {} rounds", ("120", "30", "200")),
    "RATE": ("Learn at a rate of {}", ("0.1", "0.2")),
    "TREES": ("Grow {} trees", ("30", "45")),
    "LEAF": ("Keep {} rows in a leaf", ("1", "6", "10")),
    "LEAVES": ("Let trees have {} leaves", ("31", "7")),
    "WAVES_COUNT": ("Draw {} waves", ("120", "30", "200")),
    "WEIGHT": ("Weigh the model by {}", ("2.0", "0.5", "4.0")),
    "DIGITS": ("Keep {} digits", ("6", "4")),
    "FLOOR": ("Keep probabilities above {}", ("0.01", "0.0001")),
}
"""End of a constant's name -> what a change of it is called, and values worth trying."""

KNOB = r"(?m)^( *{name}) = (True|False|-?\d+(?:\.\d*)?(?:e-?\d+)?)(?=\s|$)"
ARGUMENT = r"\b({name}) ?= ?(-?\d+(?:\.\d+)?)(?=[,)\s])"
LAST = ("load", "validate", "write")
"""Sections that are no matter of taste."""


def knobs(block: str) -> dict[str, str]:
    """Constants that may be changed, in order; those of other people's code as well."""
    ours = re.findall(KNOB.format(name=r"[A-Z][A-Z0-9_]*"), block)
    ours = ours or re.findall(ARGUMENT.format(name=r"[A-Za-z_]{2,}"), block)
    found: dict[str, str] = {}
    for name, value in ours:
        found.setdefault(name.strip(), value)
    return found


def turned(block: str, name: str, value: str) -> str:
    """The block with a constant set."""
    for form, sign in ((KNOB, " = "), (ARGUMENT, "=")):
        new, count = re.subn(form.format(name=name), rf"\g<1>{sign}{value}", block, count=1)
        if count:
            return new
    return block


def scaled(value: str, factor: float) -> str:
    """A number made larger or smaller, a switch turned; never the same."""
    if value in ("True", "False"):
        return str(value == "False")
    if re.fullmatch(r"-?\d+", value):
        new = round(int(value) * factor)
        return str(new if new != int(value) else new + 1)
    return f"{float(value) * factor or factor:.4g}"


def proposals(block: str) -> Iterator[str]:
    """Plans for a block without end, best first."""
    current = knobs(block)
    ends = {n: next((e for e in IDEAS if n.endswith(e)), "") for n in current}
    order = sorted(current, key=lambda n: list(IDEAS).index(ends[n]) if ends[n] else 99)
    for name in order:
        idea, values = IDEAS.get(ends[name], (f"Try another {name}", ()))
        for value in values or (scaled(current[name], 1.5),):
            if value != current[name]:
                yield f"{idea.format(value)}: {name} = {value}"
    for one, other in combinations(order, 2):
        both = f"{one} = {scaled(current[one], 1.3)}, {other} = {scaled(current[other], 1.3)}"
        yield f"Change two things at once: {both}"
    for number in range(1, 1000):
        factor = 1.0 + 0.1 * number
        changes = ", ".join(f"{n} = {scaled(v, factor)}" for n, v in current.items())
        yield f"Attempt {number}: {changes or 'say in a comment what the block does'}"


def next_plan(block: str, tried: str) -> str:
    """The first proposal that does not stand in ``tried``."""
    before = " ".join(tried.lower().split())
    return next(plan for plan in proposals(block) if " ".join(plan.lower().split()) not in before)


def carry_out(block: str, plan: str) -> str:
    """The block as the plan wants it, which is never the block as it was."""
    new, current = block, knobs(block)
    for name, value in re.findall(r"\b([A-Za-z]\w+) = (True|False|-?[\d.]*\d(?:e-?\d+)?)\b", plan):
        if name in current:
            new = turned(new, name, value)
    if new == block:  # somebody else's words
        number = re.search(r"-?\d+(?:\.\d+)?", plan)
        less = re.search(r"\b(fewer|less|lower|smaller|weaker)\b", plan.lower())
        named = [n for n in current if n.split("_")[-1].rstrip("S").lower() in plan.lower()]
        for name in (named or list(current))[:1]:
            flag = current[name] in ("True", "False")
            value = scaled(current[name], 0.5 if less else 2.0)
            new = turned(block, name, number[0] if number and named and not flag else value)
    if new == block:
        said = " ".join(plan.split())[:80]
        new = f"{block.rstrip()}\n# {said}\n"
    return new


def weakened(part: str) -> tuple[str, str]:
    """A section with its first constant far off, and what was changed."""
    for name, value in knobs(part).items():
        new = scaled(value, 10.0 if "." in value else 0.25)
        return turned(part, name, new), f"{name} = {new}"
    return f"{part}\n", "an empty line more"


def varied(part: str, variant: int) -> str:
    """A section with another value of its first constant."""
    name, value = next(iter(knobs(part).items()))
    return turned(part, name, scaled(value, 1.0 + 0.5 * variant))


def with_constants(script: str, old: str) -> str:
    """The script with the constants that an older one has under the same names."""
    for name, value in knobs(old).items():
        script = turned(script, name, value)
    return script


def refinable(script: str) -> dict[str, str]:
    """Name -> text of the sections worth changing; the whole script where none is marked."""
    found = {name: part for name, part in sections(script).items() if name not in LAST}
    if len([name for name in found if name.startswith("model:")]) < 2:
        found.pop("combine", None)  # the weight of a single model is no matter
    return found or {"script": script}


def choose(script: str, impact: Mapping[str, float], refined: Sequence[str]) -> str:
    """A block that occurs once and was not refined: by impact first, then by its place.

    When every section had its turn, single lines come next.
    """
    parts = refinable(script)
    order = sorted(parts, key=lambda name: -impact.get(name, -1.0))
    done = {text.strip() for text in refined}
    heads = {text.strip().split("\n")[0] for text in refined}
    lines = [line for line in script.split("\n") if knobs(line)]
    lines += [line for line in script.split("\n") if line.strip() and line[0] not in " #@"]
    for block in [*(parts[name].strip() for name in order), *lines]:
        fresh = block.strip() not in done and block.split("\n")[0] not in heads
        if fresh and script.count(block) == 1:
            return block
    return script.strip()


def next_ensemble(members: int, tried: str) -> str:
    """Weights that were not tried: equal ones, then more for one member after the other."""
    before = " ".join(tried.split())
    for number in range(1000):
        weights = [1.0] * members
        if number:
            weights[(number - 1) % members] += 1.0 + (number - 1) // members
        plan = f"Average the members with the weights {weights}"
        if plan not in before:
            return plan
    raise AssertionError("more plans were tried than there are")


def weights_in(plan: str) -> list[float]:
    """Weights that a plan names in brackets; none otherwise."""
    found = re.search(r"\[([-\d., e]+)\]", plan)
    return [float(part) for part in found[1].split(",") if part.strip()] if found else []
