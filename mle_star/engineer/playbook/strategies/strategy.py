"""A refinement strategy: one idea for one kind of block, as a rewrite of its source."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from mle_star.engineer.base import Brief
from mle_star.errors import NoAnswer


@dataclass(frozen=True)
class Strategy:
    """One idea. The functions are pure: the same brief and block always give the same text."""

    key: str
    """Names the strategy in a plan: lower-case words joined by hyphens."""
    section: str
    """Kind of block it rewrites: features, encode, target, model, combine, validate or finish."""
    kin: str
    """Strategies of one kin change the same thing: they are not combined, and fail together."""
    potential: Callable[[Brief, str], float]
    """How much to expect for this task and block, 0 (not applicable) to 1."""
    describe: Callable[[Brief], str]
    """The plan in one sentence for a person."""
    rewrite: Callable[[str, Brief], str]
    """New text of a block; raises NoAnswer where the block lacks what it builds on."""
    overrides: frozenset[str] = frozenset()
    """Kins that have no effect beside it, so that they are not combined with it either."""

    def applies(self, brief: Brief, block: str) -> float:
        """Expected gain on this block, 0 to 1; 0 where it can't be carried out or was before."""
        return self.potential(brief, block) if self._attempt(block, brief) else 0.0

    def apply(self, block: str, brief: Brief) -> str:
        """The block with the idea carried out; a comment names the strategy where code is added.

        Raises:
            NoAnswer: the strategy does not suit the task or the block, or was carried out before.
        """
        new = self._attempt(block, brief)
        if not new:
            raise NoAnswer(f"The strategy {self.key!r} does not suit this block.")
        return new

    def _attempt(self, block: str, brief: Brief) -> str:
        """The new text; empty where there is none."""
        if kind_of(block) != self.section or f"# {self.key}: " in block:
            return ""
        try:
            if self.potential(brief, block) <= 0:
                return ""
            new = self.rewrite(block, brief)
        except NoAnswer:
            return ""
        return new if new != block else ""


def comment(key: str, text: str) -> str:
    """A comment that says what the code below does; its key marks the strategy as carried out."""
    return "\n".join(textwrap.wrap(f"# {key}: {text}", 92, subsequent_indent="# ")) + "\n"


def named(columns: Iterable[str], most: int = 4) -> str:
    """Column names for a sentence."""
    names = list(columns)
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def kind_of(block: str) -> str:
    """Kind of a block by its marker: ``model`` for ``model: <family>``; empty without a marker."""
    first = block.lstrip("\n").partition("\n")[0].strip()
    if not (first.startswith("# === ") and first.endswith(" ===")):
        return ""
    name = first.removeprefix("# === ").removesuffix(" ===").strip()
    return name.partition(":")[0].strip()


def name_of(block: str) -> str:
    """Name of a block by its marker line; empty without one."""
    first = block.lstrip("\n").partition("\n")[0].strip()
    if not (first.startswith("# === ") and first.endswith(" ===")):
        return ""
    return first.removeprefix("# === ").removesuffix(" ===").strip()
