"""A piece of a script and what it imports."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mle_star.engineer.playbook.script import marker


@dataclass(frozen=True)
class Part:
    """A block before it is put into a script."""

    name: str
    code: str
    imports: tuple[str, ...] = ()
    """Import lines; those of all blocks are sorted into the header."""

    @property
    def text(self) -> str:
        """The block with its marker line and the two blank lines that end it."""
        return marker(self.name) + self.code.strip("\n") + "\n\n\n"


STANDARD = ("importlib", "itertools", "os", "sys", "warnings")
"""Modules of the standard library that blocks import."""


def import_lines(imports: Iterable[str]) -> str:
    """Import lines as formatters sort them; names of one module are joined."""
    plain: set[str] = set()
    named: dict[str, set[str]] = {}
    for line in imports:
        if line.startswith("from "):
            module, names = line.removeprefix("from ").split(" import ")
            named.setdefault(module, set()).update(name.strip() for name in names.split(","))
        else:
            plain.add(line)
    lines = sorted(plain) + [_joined(module, names) for module, names in sorted(named.items())]
    standard = [line for line in lines if line.split()[1].split(".")[0] in STANDARD]
    others = [line for line in lines if line not in standard]
    return "\n\n".join("\n".join(group) for group in (standard, others) if group)


def _joined(module: str, names: set[str]) -> str:
    ordered = sorted(names, key=lambda name: (not name.isupper(), name))
    line = f"from {module} import {', '.join(ordered)}"
    if len(line) <= 100:
        return line
    return f"from {module} import (\n" + "".join(f"    {name},\n" for name in ordered) + ")"
