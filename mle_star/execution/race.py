"""Stopping a script whose first folds have lost already.

A script may print a line after each fold, ``Fold 0 rmse: 0.512``. Where the script it was made from
printed the same lines, the two are compared fold by fold, which is far sharper than comparing their
scores: what is hard about a fold is hard for both.
"""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

DOUBT = (3.5, 3.0, 2.5)
"""Standard errors behind which a script has lost, after one fold, two, and more: the fewer folds,
the less is known of how much this script differs from fold to fold."""
USUAL = 0.8
"""Quantile of the spreads of earlier scripts that is expected: most of those are close kin."""
LEAST = 0.15
"""Share of the folds' own standard deviation that pairs differ by at least."""
MOST_LINES = 100
"""Fold lines that are kept of one script."""
_LINE = re.compile(
    r"^fold\s+(\d{1,3})\s+([a-z][\w .@-]{0,60}?)\s*[:=]\s*"
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*$",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class FoldLine:
    """What a script said of one fold."""

    fold: int
    name: str
    """Of what was measured, in lower case; values of one name can be compared."""
    value: float


def parse_fold_line(text: str) -> FoldLine | None:
    """Read ``Fold <number> <name>: <value>``; None where the line is not that."""
    found = _LINE.match(text)
    if found is None:
        return None
    value = float(found[3])
    return FoldLine(int(found[1]), found[2].lower(), value) if math.isfinite(value) else None


@dataclass(frozen=True)
class Race:
    """The script to beat, fold by fold."""

    name: str
    """What both measure."""
    folds: Mapping[int, float] = field(default_factory=dict)
    """Fold -> value of the script to beat."""
    spread: float = 0.0
    """Standard deviation of paired differences that is expected, in units of the values."""
    maximize: bool = False

    def lost(self, lines: Iterable[FoldLine]) -> str:
        """Why the script can't win any more; empty while it may.

        With a mean difference m over k of n folds, the difference over all n is predicted with the
        standard error s * sqrt((n - k) / (n * k)) (of the folds to come, and of their mean as
        estimated by those before). s is what was expected, or what is seen where that is more.
        """
        differences = self.differences(lines)
        done, total = len(differences), len(self.folds)
        if not 0 < done < total:
            return ""
        seen = statistics.stdev(differences) if done > 1 else 0.0
        spread = max(self.spread, seen)
        mean = statistics.mean(differences)
        error = spread * math.sqrt((total - done) / (total * done))
        doubt = DOUBT[min(done, len(DOUBT)) - 1]
        if error <= 0 or mean >= -doubt * error:
            return ""
        return (
            f"its {self.name} was worse by {-mean:.3g} on average over {done} of {total} folds, "
            f"{-mean / error:.0f} standard errors"
        )

    def differences(self, lines: Iterable[FoldLine]) -> list[float]:
        """How much better each fold is, in the order of the lines; none if a fold comes twice."""
        said = [line for line in lines if line.name == self.name]
        own = {line.fold: line.value for line in said}
        if len(own) < len(said):  # lines of parts of a fold, or of several models: who knows
            return []
        sign = 1.0 if self.maximize else -1.0
        return [sign * (own[fold] - self.folds[fold]) for fold in own if fold in self.folds]


def race_against(
    lines: Sequence[FoldLine], spreads: Sequence[float], *, maximize: bool
) -> Race | None:
    """A race against the script that printed ``lines``; None where they don't bear one.

    Args:
        lines: fold lines of the script to beat, all of one name, one for each fold.
        spreads: standard deviations of paired differences seen so far. Without any, the spread of
            the folds themselves is expected, which is more.
        maximize: whether more is better.
    """
    folds = {line.fold: line.value for line in lines}
    if len(folds) < 2 or len(folds) != len(lines) or len({line.name for line in lines}) != 1:
        return None
    spread = own = statistics.stdev(folds.values())
    if spreads:
        usual = sorted(spreads)[min(len(spreads) - 1, int(USUAL * len(spreads)))]
        spread = max(usual, LEAST * own)
    return Race(lines[0].name, folds, spread, maximize)


def paired_spread(one: Sequence[FoldLine], other: Sequence[FoldLine]) -> float | None:
    """Standard deviation of two scripts' differences over their folds; None where not paired."""
    first = {(line.name, line.fold): line.value for line in one}
    second = {(line.name, line.fold): line.value for line in other}
    shared = [first[key] - second[key] for key in first if key in second]
    if len(shared) < 2 or first.keys() != second.keys():
        return None
    return statistics.stdev(shared)
