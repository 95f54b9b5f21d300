"""The line on which a script claims its score: ``Final Validation Performance: <number>``.

Models print it in many dresses (bold, colours, ``np.float64(0.91)``, ``0.91 (+/- 0.02)``). A line
from which more than one number could be meant is refused with the reason rather than guessed at.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|\x00")
# Before the label: marks of lists and emphasis, time stamps and levels of a logger, but no prose.
_LABEL = re.compile(
    r"^(?:[\s>*_`#|:,.\-\d]|\[[^\[\]]*\]|(?:INFO|DEBUG|WARNING|root|__main__)\b)*"
    r"final\s+validation\s+(?:performance|score)(?![a-z])",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(
    r"""^[\s*_`|]*
    (?:\([^()]*\)[\s*_`|]*)?              # (RMSE)
    (?::|=|\bis\b)[\s*_`|:=]*
    (?:[A-Za-z][\w-]*\s*[:=][\s*_`|]*)?   # RMSE =
    (?:(?:[a-z]+\.)?(?:float\d*|double|tensor|array|Decimal)\()?
    [\[('"]*""",
    re.VERBOSE | re.IGNORECASE,
)
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?(?!\w|\.\d)")
_AFTER = re.compile(
    r"""
    [\s*_`|)\]'"]*
    (?:,\s*[a-z_]+=[^,)]*)*[\s*_`|)\]'"]*                             # dtype=..., device=...
    (?:[(\[]?\s*(?:\+\s*/?\s*-|±|(?:std|sd|standard\ deviation)\b\s*[:=]?)\s*
       (?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?\s*[)\]]?\s*)?            # +/- 0.02
    (?:[(\[]?\s*(?:[a-z][\w-]*|\d+-fold)(?:\s+(?:[a-z][\w-]*|\d+-fold))*\s*[)\]]?)?  # (accuracy)
    [\s*_`|)\]'".,;!]*
    """,
    re.VERBOSE | re.IGNORECASE,
)
_REFUSED = (
    (re.compile(r"\s*$"), "no number follows"),
    (
        re.compile(r"[+-]?(?:nan|inf|infinity|none|null)\b", re.IGNORECASE),
        "it is not a finite number",
    ),
    (re.compile(r"[+-]?0x", re.IGNORECASE), "a hexadecimal number is not a score"),
    (re.compile(r"[+-]?[\d.]+,\d"), "a comma inside the number makes it ambiguous"),
    (re.compile(r"[+-]?[\d.]+\s*%"), "a percentage is ambiguous"),
)


@dataclass(frozen=True)
class ScoreLine:
    """What the last score line of an output says."""

    value: float | None = None
    """The number; None when there is no such line or it can't be used."""
    reason: str = ""
    """Why the line can't be used, as a clause; empty otherwise."""


def is_score_line(line: str) -> bool:
    """Whether a line claims to be the score line, usable or not."""
    return _LABEL.match(_ANSI.sub("", line)) is not None


def parse_score_line(text: str) -> ScoreLine:
    """Read the last score line in a text; a carriage return ends a line too."""
    for line in reversed(re.split(r"[\r\n]+", text)):
        plain = _ANSI.sub("", line)
        label = _LABEL.match(plain)
        if label:
            return _parse(plain[label.end() :].replace("\N{MINUS SIGN}", "-"))
    return ScoreLine()


def _parse(rest: str) -> ScoreLine:
    separator = _SEPARATOR.match(rest)
    if separator is None:
        return ScoreLine(reason="no ':' follows the label")
    rest = rest[separator.end() :]
    for pattern, reason in _REFUSED:
        if pattern.match(rest):
            return ScoreLine(reason=reason)
    number = _NUMBER.match(rest)
    if number is None:
        return ScoreLine(reason="what follows is not a plain number")
    after = rest[number.end() :]
    if not _AFTER.fullmatch(after):
        return ScoreLine(reason=f"it is unclear what {after.strip()[:40]!r} after the number means")
    value = float(number.group())
    if not math.isfinite(value):
        return ScoreLine(reason="the number is too large")
    return ScoreLine(value)
