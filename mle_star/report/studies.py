"""Results of ablation studies, read from what they print."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mle_star.report.attempts import finite

_RESULT = re.compile(
    r"^\W*(?:Ablation\s+)?(?P<name>[^\d\W].{1,120}?)(?:\s*[:=|,]\s*|\s{2,})"
    r"(?:score\s*[=:]?\s*)?(?P<score>[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:e[-+]?\d+)?)(?![\w.])",
    re.IGNORECASE,
)
_OTHER = re.compile(r"fold|final validation|seed|row|time|second|\[|warning", re.IGNORECASE)
"""Lines that hold a number but no variant of the script."""
_UNCHANGED = re.compile(r"base|unchanged|original|full|reference", re.IGNORECASE)
_MOST = 30
"""Variants that are shown of one study."""


@dataclass(frozen=True)
class Variant:
    """A part of the script that was switched off or replaced."""

    name: str
    score: float
    change: float
    """Relative to the unchanged script, positive where the score got better."""


@dataclass(frozen=True)
class Study:
    """What a study measured."""

    baseline: float
    variants: list[Variant]


def read_study(output: str, direction: str) -> Study | None:
    """The scores in a study's output; None where it holds no baseline followed by variants.

    The playbook's studies print ``Baseline: SCORE`` and ``Ablation NAME: SCORE``; a model's print
    name and score in a form of their own, the unchanged script first.

    Args:
        output: what the study printed.
        direction: of the metric.
    """
    sign = 1.0 if direction == "maximize" else -1.0
    baseline: float | None = None
    variants: list[Variant] = []
    for line in output.splitlines():
        found = _RESULT.match(line.strip()[:400])
        if found is None or _OTHER.match(found["name"]):
            continue
        score = finite(float(found["score"]))
        if score is None:
            continue
        if baseline is None:
            if not _UNCHANGED.search(found["name"]):
                continue
            baseline = score
        elif len(variants) < _MOST:
            change = sign * (score - baseline) / max(abs(baseline), 1e-12)
            variants.append(Variant(found["name"].strip(), score, change + 0.0))
    if baseline is None or not variants:
        return None
    return Study(baseline, sorted(variants, key=lambda v: -abs(v.change)))
