"""Who may import what from outside the package (test_imports.py has the order of our own rooms)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "mle_star"
MODULES = sorted(PACKAGE.rglob("*.py"))

TERMINAL = {"typer", "rich", "click"}
"""Only the command line talks to a terminal."""
HEAVY = {"sklearn", "scipy", "lightgbm", "xgboost", "catboost", "optuna"}
"""Slow to import: inside the functions that use them, so that commands start at once."""


def imported(tree: ast.AST) -> set[str]:
    """Top-level packages that are imported anywhere below a node."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found


def at_start(tree: ast.Module) -> set[str]:
    """Packages that importing the module imports: not those inside functions or for types alone."""

    def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for statement in body:
            if isinstance(statement, ast.If) and "TYPE_CHECKING" in ast.unparse(statement.test):
                continue
            if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            if isinstance(statement, ast.Import | ast.ImportFrom):
                yield statement
            for field in ("body", "orelse", "finalbody"):
                yield from statements(getattr(statement, field, []))
            for handler in getattr(statement, "handlers", []):
                yield from statements(handler.body)

    return {name for statement in statements(tree.body) for name in imported(statement)}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_outside_imports(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    everything = imported(tree)
    assert "tests" not in everything, "the package must not need its tests"
    room = path.relative_to(PACKAGE).parts[0]
    if room != "cli":
        drawing = {"rich"} if room in ("observe", "mcp") else set()  # text in colours, or without
        assert not everything & TERMINAL - drawing, "only mle_star.cli may talk to a terminal"
    assert not at_start(tree) & HEAVY, "import it inside the function that uses it"


def test_the_rule_tells_late_imports_from_early_ones() -> None:
    tree = ast.parse(
        "import pandas\n"
        "if TYPE_CHECKING:\n    import optuna\n"
        "def f():\n    import sklearn.metrics\n"
        "class A:\n    from scipy import stats\n"
        "try:\n    import xgboost\nexcept ImportError:\n    import rich\n"
    )
    assert at_start(tree) == {"pandas", "scipy", "xgboost", "rich"}
    assert imported(tree) == {"pandas", "optuna", "sklearn", "scipy", "xgboost", "rich"}
