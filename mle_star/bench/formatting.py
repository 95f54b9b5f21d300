"""Numbers and names as the bench's reports show them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from mle_star.bench.cells import Limit
from mle_star.bench.duels import Tally
from mle_star.tasks.wording import shown

NONE = "–"


def label(text: object, width: int | None = None) -> str:
    """A name or a sentence from outside on one line, nothing in it obeyed by a terminal.

    Args:
        text: anything.
        width: most characters to keep; a longer text ends in an ellipsis.
    """
    line = shown(" ".join(str(text).split()))
    if width is not None and len(line) > width:
        return line[: max(0, width - 1)].rstrip() + "…"
    return line


def number(value: float | None, digits: int = 5) -> str:
    """A number with so many significant digits; a dash for None."""
    if value is None:
        return NONE
    if not _is_plain(value):
        return f"{value:.3g}"
    return f"{value:.{_decimals(value, digits)}f}"


def places(mean: float | None, sd: float | None, digits: int = 5) -> int:
    """Decimal places that show a mean: to the second digit of its standard deviation, or coarser.

    Args:
        mean: None: nothing is shown.
        sd: None or 0: nothing is known of it.
        digits: most significant digits of the mean.
    """
    if mean is None or not _is_plain(mean):
        return 0
    most = _decimals(mean, digits)
    return min(most, _decimals(sd, 2)) if sd else most


def mean_sd(mean: float | None, sd: float | None, decimals: int) -> str:
    """A mean with its standard deviation; a dash for None."""
    if mean is None:
        return NONE
    form = f".{decimals}f" if _is_plain(mean) else ".3g"
    return f"{mean:{form}}" if sd is None else f"{mean:{form}} ±{sd:{form}}"


def _is_plain(value: float) -> bool:
    return math.isfinite(value) and (value == 0 or 1e-4 <= abs(value) < 1e7)


def _decimals(value: float, digits: int) -> int:
    if value == 0:
        return 3
    return min(7, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def signed(value: float | None, form: str = ".2f") -> str:
    """A number with its sign."""
    return NONE if value is None else f"{value:+{form}}"


def limit_name(limit: Limit | None, limits: Sequence[Limit] = ()) -> str:
    """A budget in words; its cores only where they are not the same in all of ``limits``."""
    if limit is None:
        return "all budgets"
    seconds = f"{limit.seconds:g} s"
    if len({other.cores for other in limits}) == 1:
        return seconds
    return f"{seconds}, {limit.cores} core{'' if limit.cores == 1 else 's'}"


def tally(counts: Tally) -> str:
    """Wins, ties and losses."""
    return f"{counts.wins} / {counts.ties} / {counts.losses}"


def percent(value: float | None) -> str:
    """A share in percent."""
    return NONE if value is None else f"{100 * value:.0f} %"


def interval(low: float | None, high: float | None) -> str:
    """An interval of shares in percent."""
    return NONE if low is None or high is None else f"{100 * low:.0f} to {100 * high:.0f} %"


def p_value(p: float) -> str:
    """A probability; what is tiny is only bounded."""
    return "p < 0.0001" if p < 1e-4 else f"p = {p:.2g}"


def better_is(direction: str) -> str:
    """A metric's direction in words."""
    return "higher is better" if direction == "maximize" else "lower is better"
