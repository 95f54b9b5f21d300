"""Text that is safe to print, and numbers as people read them.

Labels, errors and notes may hold what a script or a data file contains. A terminal must not obey
any of it, so everything of that kind goes through :func:`clean`.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable

_UNSAFE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Unicode categories that steer a terminal or hide text: controls, direction marks, surrogates."""


def clean(value: object, width: int | None = None) -> str:
    """One line of text in which control characters are shown, not obeyed.

    Args:
        value: anything; its ``str`` is shown.
        width: most characters to keep; a longer text ends in an ellipsis.
    """
    text = " ".join(str(value).split(" ")).replace("\r\n", "\n").replace("\t", " ")
    text = "".join(_visible(char) for char in text.strip())
    if width is not None and len(text) > width:
        return text[: max(0, width - 1)].rstrip() + "…"
    return text


def visible(text: str) -> str:
    """Text of several lines in which other control characters are shown, not obeyed."""
    text = text.replace("\r\n", "\n")
    if text.isprintable():
        return text
    return "".join(char if char in "\n\t" else _visible(char) for char in text)


def _visible(char: str) -> str:
    if char == "\n":
        return " "
    if char.isprintable():
        return char
    if unicodedata.category(char) not in _UNSAFE:
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


def decimals(value: float, digits: int = 5) -> int:
    """Decimal places that show a number with so many significant digits; 0 to 6."""
    if value == 0 or not math.isfinite(value):
        return 3
    return min(6, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def number(value: float | None, like: float | None = None) -> str:
    """A score with five significant digits, or the decimals of ``like``; a dash for None."""
    if value is None:
        return "–"
    reference = value if like is None else like
    if value and not 1e-4 <= abs(value) < 1e9:
        return f"{value:.3g}"
    return f"{value:.{decimals(reference)}f}"


def plus_minus(value: float | None, error: float | None) -> str:
    """A score with its standard error."""
    if value is None or error is None:
        return number(value)
    return f"{number(value)} ± {number(error, like=value)}"


def duration(seconds: float) -> str:
    """Seconds as 4.2 s, 2:05 or 1:02:05."""
    if seconds < 60:
        return f"{max(0.0, seconds):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def better_is(direction: str) -> str:
    """The metric's direction in words."""
    return "higher is better" if direction == "maximize" else "lower is better"


def count(number_of: int, noun: str) -> str:
    """A count with its noun, in the plural where needed: 1 row, 2,400 rows."""
    return f"{number_of:,} {noun}" + ("" if number_of == 1 else "s")


def shape(text: str) -> str:
    """A text without its numbers: notes of one shape say the same again."""
    return re.sub(r"\d[\d.,]*", "#", text)


def once_each(texts: Iterable[str]) -> list[str]:
    """Texts that differ in their numbers alone become one: the last, with how often it came."""
    last: dict[str, str] = {}
    times: dict[str, int] = {}
    for text in texts:
        key = shape(text)
        last[key] = text
        times[key] = times.get(key, 0) + 1
    return [
        text if times[key] == 1 else f"{text} (and {times[key] - 1} more like it)"
        for key, text in last.items()
    ]
