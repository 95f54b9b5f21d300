"""Finding the lines of a script that a model meant when it copied a block of it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise

from mle_star.engineer.llm.nearest import nearest
from mle_star.engineer.llm.text import LONGEST, Unusable, fences, plain_lines

_FORM = "copy consecutive lines of the script, exactly as they are"
_NUMBERED = re.compile(r"^[ \t]*(\d{1,6})(?:[ \t]*[:|→)][ \t]?|\t| {1,3}(?=\S)|\.[ \t]|[ \t]*$)")
_QUOTES = str.maketrans({**dict.fromkeys('"“”„«»‘’`', "'"), "\u00a0": " ", "\u200b": None})
_BLANKS = re.compile(r"[ \t]+")
_SIMILAR = 0.9
"""Least share of equal characters between the block and the lines it is taken for."""
_CLEARLY = 0.05
"""How much more similar the lines must be than any others."""
_MOST_PLACES = 50
"""Places of a block that are told apart by blanks and quotes."""
_MOST_LINES = 20_000
"""Most lines of all these places together."""


def align(script: str, block: str) -> str:
    """The substring of ``script`` that ``block`` means; it occurs once, and is not the whole.

    Line ends, blanks at line ends, tabs, a common shift of the indentation, blank lines, the kind
    of quotes, fences, line numbers and a few changed characters may differ.

    Raises:
        Unusable: no lines, or more than one place, are meant.
    """
    if not block.strip():
        raise Unusable("the block is empty", _FORM)
    if len(block) > LONGEST or len(block) > 2 * len(script) + 1000:
        raise Unusable("the block is longer than the script", _FORM)
    if _stands_alone(script, block) and script.count(block) == 1:
        return _part(script, block)
    lines = _Lines(script)
    wanted, places = [""], []
    for wanted in _copies(block):
        if places := lines.places(wanted):
            break
    if len(places) > 1:
        numbers = " and ".join(str(lines.number(start)) for start, _ in places[:3])
        times = "twice" if len(places) == 2 else f"{len(places)} times"
        raise Unusable(
            f"the block occurs {times} in the script (lines {numbers})", "copy more lines around it"
        )
    place = places[0] if places else _near(lines, wanted)
    return _part(script, _unique(script, *lines.span(*place)))


class _Lines:
    """The lines of a script that are not blank, as they are and made comparable."""

    def __init__(self, script: str) -> None:
        self._script = script
        self._kept: list[tuple[int, int, int]] = []  # number, start, end
        at = 0
        for number, line in enumerate(script.split("\n"), start=1):
            if line.strip():
                self._kept.append((number, at, at + len(line)))
            at += len(line) + 1
        self.texts = [script[start:end] for _, start, end in self._kept]
        self.plain = [_comparable(text) for text in self.texts]

    def number(self, index: int) -> int:
        """Line number of the ``index``-th kept line, from 1."""
        return self._kept[index][0]

    def span(self, first: int, end: int) -> tuple[int, int]:
        """Characters that the kept lines from ``first`` up to ``end`` take up."""
        return self._kept[first][1], self._kept[end - 1][2]

    def places(self, wanted: list[str]) -> list[tuple[int, int]]:
        """Where the wanted lines stand, whatever their blanks and quotes; the exact ones first."""
        size = len(wanted)
        if not size:
            return []
        # As one text, whose search takes time linear in its length however often lines repeat.
        whole = "\n" + "\n".join(self.plain) + "\n"
        sought = "\n" + "\n".join(_comparable(line) for line in wanted) + "\n"
        found: list[tuple[int, int]] = []
        at = whole.find(sought)
        while at >= 0 and len(found) < _MOST_PLACES:
            start = whole.count("\n", 0, at)
            found.append((start, start + size))
            at = whole.find(sought, at + 1)
        if len(found) * size > _MOST_LINES:
            return found  # a text that repeats itself so often is too vague to be told apart
        for closeness in (_same_text, _same_shape):
            closer = [(a, b) for a, b in found if closeness(self.texts[a:b], wanted)]
            if closer and len(found) > 1:
                found = closer
        return found


def _same_text(texts: list[str], wanted: list[str]) -> bool:
    return [text.rstrip() for text in texts] == [line.rstrip() for line in wanted]


def _same_shape(texts: list[str], wanted: list[str]) -> bool:
    return textwrap.dedent("\n".join(texts)) == textwrap.dedent("\n".join(wanted))


def _comparable(line: str) -> str:
    return _BLANKS.sub(" ", line.translate(_QUOTES)).strip()


def _copies(block: str) -> Iterator[list[str]]:
    """The block's lines that are not blank, then without what was pasted along with them."""
    text = plain_lines(block)
    yield _filled(text)
    if "\n" not in text.strip() and "\\n" in text:  # the line ends were escaped twice
        text = text.replace("\\n", "\n").replace("\\t", "\t").replace('\\"', '"')
    fenced = fences(text)
    if len(fenced) == 1 and fenced[0].code.strip():
        text = fenced[0].code
    yield _without_numbers([line for line in _filled(text) if not line.startswith("```")])


def _filled(text: str) -> list[str]:
    return [line for line in text.split("\n") if line.strip()]


def _without_numbers(lines: list[str]) -> list[str]:
    """The lines without line numbers, where each has one and they count up."""
    numbered = [match for match in map(_NUMBERED.match, lines) if match]
    steps = [int(after[1]) - int(before[1]) for before, after in pairwise(numbered)]
    if len(numbered) < len(lines) or not all(0 < step < 10 for step in steps):
        return lines
    bare = [line[match.end() :] for line, match in zip(lines, numbered, strict=True)]
    return [line for line in bare if line.strip()]


def _near(lines: _Lines, wanted: list[str]) -> tuple[int, int]:
    """The lines that all but equal the wanted ones, where no others come close."""
    if any(line.strip() in ("...", "# ...", "…", "# …") for line in wanted):
        raise Unusable("the block leaves lines out", f"{_FORM}, every one of them")
    found = nearest(lines.plain, [_comparable(line) for line in wanted])
    if found is None:
        raise Unusable("the block is not in the script", _FORM)
    if found.similarity >= _SIMILAR and found.similarity - found.runner_up >= _CLEARLY:
        return found.start, found.end
    where = f"line {lines.number(found.start)}: {lines.texts[found.start].strip()[:120]!r}"
    raise Unusable(f"the block is not in the script; nearest is {where}", _FORM)


def _stands_alone(script: str, block: str) -> bool:
    """Whether the first occurrence cuts no word in two: ``x = 1`` is not meant by ``max = 12``."""
    start = script.find(block)
    if start < 0:
        return False
    before, after = script[start - 1 : start], script[start + len(block) :][:1]
    return not (_joined(before, block[0]) or _joined(block[-1], after))


def _joined(left: str, right: str) -> bool:
    return bool(left and right) and (left + right).replace("_", "a").replace(".", "a").isalnum()


def _unique(script: str, start: int, end: int) -> str:
    """The lines, with the line ends around them where only these tell them from other places."""
    for first, last in ((start, end), (start, end + 1), (start - 1, end + 1)):
        text = script[max(0, first) : last]
        if script.count(text) == 1:
            return text
    raise Unusable("the block occurs more than once in the script", "copy more lines around it")


def _part(script: str, found: str) -> str:
    if found.strip() == script.strip():
        raise Unusable("the block is the whole script", "pick the part that matters")
    return found
