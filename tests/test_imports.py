"""Imports flow one way: a room imports from the rooms below it, not from above or the side."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mle_star"

LEVELS: list[set[str]] = [
    {"errors", "parsing", "state", "context", "events", "keywords", "roles"},
    {"tasks", "execution", "scoring", "search", "models"},
    {"engineer", "runs"},
    {"nodes", "report"},
    {"observe"},
    {"graph"},
    {"bench", "mcp"},
    {"cli"},
    {"__main__"},
]
SIDEWAYS = {
    ("scoring", "tasks"),
    ("scoring", "execution"),
    ("context", "errors"),
    ("context", "roles"),
    ("search", "models"),
}
"""Pairs on one level where the first may import the second."""

LEVEL = {room: number for number, rooms in enumerate(LEVELS) for room in rooms}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """First name below the package: a folder or a root module; '' is the package itself."""
    part = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if part == "__init__" else part


def imported_rooms(source: str) -> set[str]:
    """Rooms of mle_star that a module imports, anywhere in its text."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names if name.split(".")[0] == "mle_star"]
    return {part[1] for part in parts if len(part) > 1}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_flow_one_way(path: Path) -> None:
    room = room_of(path)
    if not room:  # the package gathers public names from every room
        return
    assert room in LEVEL, f"{room} has no place in the order of rooms"
    for other in imported_rooms(path.read_text(encoding="utf-8")):
        if other == room or other not in LEVEL:  # mle_star.__version__ and the like
            continue
        below = LEVEL[other] < LEVEL[room] or (room, other) in SIDEWAYS
        assert below, f"mle_star.{room} must not import mle_star.{other}"


def test_the_rule_sees_every_form_of_import() -> None:
    source = (
        "import mle_star.graph.pipeline\n"
        "def f():\n"
        "    from mle_star import nodes\n"
        "    from mle_star.runs.log import x\n"
    )
    assert imported_rooms(source) == {"graph", "nodes", "runs"}


def test_every_room_has_a_place() -> None:
    assert {room_of(path) for path in MODULES} - {""} <= set(LEVEL)
