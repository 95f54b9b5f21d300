"""The summariser of ablation studies: what a study measured, in words and read back from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mle_star.engineer.base import Brief, Lesson
from mle_star.engineer.policy import MOST
from mle_star.errors import NoAnswer
from mle_star.tasks.metrics import loss_of


@dataclass(frozen=True)
class Finding:
    """What a study says of one part."""

    block: str
    """Name of the part's section."""
    tried: str
    """Keys of the strategies tried there, joined by `` + ``; empty where it was switched off."""
    change: float
    """Relative change of the metric, positive where it got better."""
    scored: bool = True
    """Whether the variant ran to a score."""


STUDIED = 0.01
"""Standard error that is taken of what a study measures: it looks at a few folds and rows."""

_LINE = re.compile(r"^Ablation (?P<label>(?:model: )?[^:]+): (?P<rest>.+)$")
_BASE = re.compile(r"^Baseline: (?P<score>\S+)$", re.MULTILINE)
_LABEL = re.compile(r"^(?P<block>.+?)(?: \[(?P<keys>[a-z0-9+ -]+)\])?$")


def summarise(brief: Brief, study: str, output: str) -> str:
    """What the study measured, one line per part, the largest impact first.

    Raises:
        NoAnswer: the output holds no baseline score.
    """
    base = _BASE.search(output)
    before = _number(base.group("score")) if base else None
    if before is None:
        raise NoAnswer("The study printed no baseline score.")
    sign = 1.0 if brief.task.maximize else -1.0
    measured: list[tuple[float, str]] = []
    failed: list[str] = []
    for line in output.splitlines():
        found = _LINE.match(line.strip())
        if not found:
            continue
        label = _LABEL.match(found.group("label"))
        assert label is not None
        what = f"trying [{label.group('keys')}]" if label.group("keys") else "switching it off"
        after = _number(found.group("rest"))
        if after is None:
            failed.append(f"{label.group('block')}: {what} gave no score ({found.group('rest')})")
            continue
        change = sign * (after - before) / max(abs(before), 1e-12)
        verdict = f"{'better' if change > 0 else 'worse'} by {abs(change):.2%}".replace("%", " %")
        verdict = verdict if change else "no change"
        measured.append(
            (
                abs(change),
                f"{label.group('block')}: {what} changes {brief.task.metric} "
                f"from {before:.6g} to {after:.6g} ({verdict})",
            )
        )
    lines = [text for _, text in sorted(measured, key=lambda pair: -pair[0])]
    return "\n".join([*lines, *failed]) or "The study scored the script but none of its variants."


_SUMMARY = re.compile(
    r"^(?P<block>[^\n:]+(?:: [^\n:]+?)?): (?:trying \[(?P<keys>[a-z0-9+ -]+)\]|switching it off) "
    r"(?:changes .*\((?:(?P<way>better|worse) by (?P<size>[\d.]+) %|no change)\)"
    r"|(?P<failed>gave no score).*)$",
    re.MULTILINE,
)


def findings(summary: str) -> list[Finding]:
    """A summary read back; lines of other shapes are passed over."""
    found = []
    for match in _SUMMARY.finditer(summary):
        size = float(match.group("size") or 0) / 100
        change = size if match.group("way") == "better" else -size
        scored = match.group("failed") is None
        found.append(Finding(match.group("block"), match.group("keys") or "", change, scored))
    return found


def impact(measured: list[Finding]) -> float:
    """What an ablation study says of a block, as a factor on what is expected of refining it."""
    factor = 1.0
    for finding in measured:
        change = finding.change
        if not finding.tried:
            factor *= 1 + min(max(-change, 0.0) / 0.05, 1.0)
        elif change == 0:
            factor *= 0.05
        else:
            factor *= 1 + min(change / 0.005, 4.0) + 20 * change if change > 0 else 0.5
    return factor


def of_studies(brief: Brief) -> list[Lesson]:
    """What the studies of this run say of strategies that they tried, as lessons."""
    score = brief.base_score
    # Studies tell changes relative to the score itself, which is close to 1 for many metrics.
    scale = abs(score) / loss_of(brief.task.metric, score) if score is not None else 1.0
    return [
        Lesson(
            change=f"[{finding.tried}]",
            part=finding.block,
            model=study.model,
            gain=max(-MOST, min(MOST, finding.change * scale)),
            error=STUDIED,
            times=0.0,
            solution=study.solution,
        )
        for study in brief.studies
        for finding in findings(study.summary)
        if finding.tried and finding.scored
    ]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if value == value else None
