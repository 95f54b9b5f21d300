"""Putting a block's new text into its place: the old block's indentation and line ends."""

from __future__ import annotations

from collections.abc import Iterator

from mle_star.engineer.llm.syntax import compiles


def fitted(script: str, block: str, new: str) -> str:
    """The new text as it must read in place of ``block``, which occurs once in the script.

    Indentation is made to match first: text that is shifted to the left may compile too, but then
    says that a function ends before it.

    Raises:
        SyntaxError: the script would not compile; of the likeliest form of the text.
    """
    lead = block[: len(block) - len(block.lstrip("\n"))]
    tail = block[len(block.rstrip()) :]
    start = script.find(block) + len(lead)
    before = script[script.rfind("\n", 0, start) + 1 : start]
    inner = block[len(lead) :]
    lines = [line if line.strip() else "" for line in new.strip("\n").split("\n")]
    first: SyntaxError | None = None
    for shaped in _shapes(lines, before if not before.strip() else "", _indent(inner)):
        text = lead + "\n".join(shaped).rstrip() + tail
        error = compiles(script.replace(block, text, 1))
        if error is None:
            return text
        first = first or error
    raise first or SyntaxError("the block is empty")


def middle(script: str, block: str, new: str) -> str:
    """The block's new text where the answer is the whole script with it; else the answer."""
    head, _, foot = (part.strip() for part in script.partition(block))
    bare = new.strip()
    if not (head or foot) or not (bare.startswith(head) and bare.endswith(foot)):
        return new
    between = bare[len(head) : len(bare) - len(foot)]
    # A short block may begin as the script before it does by accident.
    return between if between.strip() and len(bare) > len(head) + len(foot) else new


def repeats(script: str, block: str, new: str) -> bool:
    """Whether the new text says again most of the script around the block."""
    around = script.replace(block, "\n", 1).split("\n")
    kept = {line.strip() for line in around if len(line.strip()) > 8}
    said = {line.strip() for line in new.split("\n")} - {line.strip() for line in block.split("\n")}
    return len(kept) >= 4 and len(kept & said) >= 0.6 * len(kept)


def _shapes(lines: list[str], before: str, own: str) -> Iterator[list[str]]:
    """The lines in the indentations they may be meant in, likeliest first.

    Args:
        lines: the new text.
        before: blanks that stand before the block in its first line.
        own: blanks that the block itself begins with.
    """
    wanted = before + own
    if before and len(lines) > 1 and not _indent(lines[0]):
        # The block begins after its line's blanks, and the answer may begin in the same way.
        rest = [len(_indent(line)) for line in lines[1:] if line]
        if rest and min(rest) >= len(wanted):
            yield lines
    shifted = _shifted(lines, wanted)
    if shifted is not None:
        yield [shifted[0][len(before) :], *shifted[1:]]
    yield [lines[0].lstrip(" \t") if before else lines[0], *lines[1:]]


def _shifted(lines: list[str], wanted: str) -> list[str] | None:
    """The lines moved so that the first has the wanted indentation; None where one can't move."""
    first = _indent(lines[0])
    if wanted.startswith(first):
        old, new = "", wanted[len(first) :]
    elif first.startswith(wanted):
        old, new = first[len(wanted) :], ""
    else:  # tabs here, spaces there
        old, new = first, wanted
    if any(line and not line.startswith(old) for line in lines):
        return None
    return [new + line[len(old) :] if line else "" for line in lines]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
