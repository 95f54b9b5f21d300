"""A playbook script as a list of blocks.

A block opens with a line ``# === <name> ===`` and ends before the next one. What stands before
the first one (docstring, imports, constants) is the block ``header``. Splitting and joining lose
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

HEADER = "header"
LOAD = "load"
FEATURES = "features"
ENCODE = "encode"
TARGET = "target"
MODEL = "model: "
"""What the name of a model's block starts with; the model's family follows."""
COMBINE = "combine"
VALIDATE = "validate"
FINISH = "finish"
WRITE = "write"

_MARKER = re.compile(r"^# === (\S.*?) ===[ \t]*$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A named part of a script; ``text`` holds its marker line too."""

    name: str
    text: str

    @property
    def family(self) -> str:
        """Family of the model this block fits; empty for every other block."""
        return self.name.removeprefix(MODEL) if self.name.startswith(MODEL) else ""


def marker(name: str) -> str:
    """The line that opens a block, with its line end."""
    return f"# === {name} ===\n"


def split(script: str) -> list[Block]:
    """Cut a script at its marker lines; ``join(split(script)) == script``."""
    found = list(_MARKER.finditer(script))
    starts = [match.start() for match in found]
    names = [match.group(1) for match in found]
    if not starts or starts[0] > 0:
        starts, names = [0, *starts], [HEADER, *names]
    ends = [*starts[1:], len(script)]
    texts = [script[start:end] for start, end in zip(starts, ends, strict=True)]
    return [Block(name, text) for name, text in zip(names, texts, strict=True) if text]


def join(blocks: Iterable[Block]) -> str:
    """The script again."""
    return "".join(block.text for block in blocks)


def find(script: str, name: str) -> Block | None:
    """The first block of that name; None where there is none."""
    return next((block for block in split(script) if block.name == name), None)


def models(script: str) -> list[Block]:
    """The model blocks, in order."""
    return [block for block in split(script) if block.family]


def replace(script: str, old_text: str, new_text: str) -> str:
    """Replace a block's text.

    Raises:
        ValueError: the old text is empty or does not occur exactly once.
    """
    count = script.count(old_text) if old_text else 0
    if count != 1:
        raise ValueError(f"The text to replace occurs {count} times, not once.")
    return script.replace(old_text, new_text)
