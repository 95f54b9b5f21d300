"""JSON as models write it: objects found in any text and read with patience.

Read beside JSON proper: single, triple and typographic quotes, Python's ``True`` and ``None``, bare
keys, comments, trailing commas, raw line ends within strings, backslashes that escape nothing.
Nothing is ever evaluated. The work is bounded by a multiple of the text's length.
"""

from __future__ import annotations

import json
import re
from typing import Any

_DEEPEST = 40
_WORK = 4
"""Most characters read per character of text, over all places where an object may begin."""
_GAP = re.compile(r"(?:\s+|//[^\n]*|#[^\n]*)*")
_BRACE = re.compile(r"\{")
_OPENING = re.compile(r"\{|(?:^|[:=])[ \t]*\[", re.MULTILINE)
_NUMBER = re.compile(r"[-+]?(?:\d{1,300}(?:\.\d{0,300})?|\.\d{1,300})(?:[eE][-+]?\d{1,4})?")
_WORD = re.compile(r"[A-Za-z_][\w-]{0,60}")
_WORDS = {"true": True, "false": False, "null": None, "none": None, "nan": None}
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "„": "“", "‘": "’", "«": "»"}
_PLAIN = {end: re.compile(rf"[^\\{end}]*") for end in set(_QUOTES.values())}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}
_HEX = re.compile(r"u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|U00((?:0[0-9a-fA-F]|10)[0-9a-fA-F]{4})")


class Malformed(ValueError):
    """No object begins here; ``at`` is where reading ended."""

    def __init__(self, wanted: str, at: int) -> None:
        """``wanted`` is what should have stood there."""
        super().__init__(wanted)
        self.at = at


def whole_value(text: str) -> Any:
    """The value of a text that is JSON and nothing else.

    Raises:
        ValueError: it is something else.
    """
    try:
        return json.loads(text, strict=False)
    except RecursionError:
        raise ValueError("too many brackets within brackets") from None


def find_values(text: str, lists: bool = True) -> tuple[list[Any], Malformed | None]:
    """Objects and lists of a text, in order, and what stopped the reading that went furthest.

    Args:
        text: any text.
        lists: whether lists count, too, that begin a line or follow a colon. What lies within a
            value is part of it.
    """
    found: list[Any] = []
    furthest: Malformed | None = None
    left = _WORK * len(text) + 10_000
    opening = _OPENING if lists else _BRACE
    match = opening.search(text)
    while match and left > 0:
        start = match.end() - 1
        try:
            value, end = _value(text, start, _DEEPEST)
            found.append(value)
        except Malformed as failure:
            left -= failure.at - start + 20
            if furthest is None or failure.at > furthest.at:
                furthest = failure
            end = start + 1
        match = opening.search(text, end)
    return found, furthest


def _skip(text: str, at: int) -> int:
    """Where the blanks and comments that begin at ``at`` end."""
    while True:
        match = _GAP.match(text, at)
        at = match.end() if match else at
        if not text.startswith("/*", at):
            return at
        end = text.find("*/", at + 2)
        if end < 0:
            raise Malformed("the closing */", len(text))
        at = end + 2


def _value(text: str, at: int, depth: int) -> tuple[Any, int]:
    """The value that begins at ``at``, and where it ends."""
    first = text[at : at + 1]
    if first in ("{", "[") and not depth:
        raise Malformed("fewer brackets within brackets", at)
    if first == "{":
        return _object(text, at + 1, depth - 1)
    if first == "[":
        return _list(text, at + 1, depth - 1)
    if first in _QUOTES:
        return _string(text, at)
    if number := _NUMBER.match(text, at):
        digits = number[0]
        return (float(digits) if set(digits) & set(".eE") else int(digits)), number.end()
    word = _WORD.match(text, at)
    if word and word[0].lower() in _WORDS:
        return _WORDS[word[0].lower()], word.end()
    raise Malformed("a value", at)


def _object(text: str, at: int, depth: int) -> tuple[dict[str, Any], int]:
    entries: dict[str, Any] = {}
    at = _skip(text, at)
    while text[at : at + 1] != "}":
        key, at = _key(text, at)
        at = _skip(text, at)
        if text[at : at + 1] not in (":", "："):
            raise Malformed("':' after a key", at)
        entries[key], at = _value(text, _skip(text, at + 1), depth)
        at = _separator(text, at, "}")
    return entries, at + 1


def _list(text: str, at: int, depth: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    at = _skip(text, at)
    while text[at : at + 1] != "]":
        item, at = _value(text, at, depth)
        items.append(item)
        at = _separator(text, at, "]")
    return items, at + 1


def _separator(text: str, at: int, closing: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] == ",":
        return _skip(text, at + 1)
    if text[at : at + 1] != closing:
        raise Malformed(f"',' or '{closing}'", at)
    return at


def _key(text: str, at: int) -> tuple[str, int]:
    if text[at : at + 1] in _QUOTES:
        return _string(text, at)
    word = _WORD.match(text, at)
    if not word:
        raise Malformed("a key in double quotes", at)
    return word[0], word.end()


def _string(text: str, at: int) -> tuple[str, int]:
    """The string that begins at ``at``; three quotes in a row open a string of several lines."""
    end = _QUOTES[text[at]]
    triple = text[at : at + 3] in ('"""', "'''", "```")
    if triple:
        return _triple(text, at)
    parts: list[str] = []
    at += 1
    plain = _PLAIN[end]
    while True:
        match = plain.match(text, at)
        stop = match.end() if match else at
        parts.append(text[at:stop])
        if stop >= len(text):
            raise Malformed(f"the closing {end}", len(text))
        if text[stop] == end:
            return _joined(parts), stop + 1
        piece, at = _escape(text, stop + 1)
        parts.append(piece)


def _triple(text: str, at: int) -> tuple[str, int]:
    mark = text[at : at + 3]
    stop = text.find(mark, at + 3)
    if stop < 0:
        raise Malformed(f"the closing {mark}", len(text))
    return text[at + 3 : stop], stop + 3


def _escape(text: str, at: int) -> tuple[str, int]:
    """What the escape whose backslash stands before ``at`` means."""
    sign = text[at : at + 1]
    if digits := _HEX.match(text, at):
        return chr(int(digits[1] or digits[2] or digits[3], 16)), digits.end()
    if sign in _ESCAPES:
        return _ESCAPES[sign], at + 1
    if sign and sign in "\"'\\/`":
        return sign, at + 1
    return "\\" + sign, at + 1  # a regular expression's \d, a line that goes on


def _joined(parts: list[str]) -> str:
    """One text; halves of one character, as JSON escapes them, become that character."""
    text = "".join(parts)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
