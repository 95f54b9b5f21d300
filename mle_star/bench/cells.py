"""Cells put side by side: by budget, task and seed, and by system."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from mle_star.bench.records import CellResult, Direction

_LARGEST = 1e100


class Limit(NamedTuple):
    """What each run may use."""

    seconds: float
    cores: int


class Case(NamedTuple):
    """One task at one budget: what a row of a table is about."""

    task: str
    limit: Limit


class Block(NamedTuple):
    """What the cells have in common that are compared with each other."""

    case: Case
    seed: int


Blocks = Mapping[Block, Mapping[str, CellResult]]
"""Block -> system -> its cell, in the order of the blocks."""


def limit_of(cell: CellResult) -> Limit:
    """The budget of a cell."""
    return Limit(cell.seconds_limit, cell.cores)


def case_of(cell: CellResult) -> Case:
    """The task and the budget of a cell."""
    return Case(cell.task, limit_of(cell))


def blocks(results: Iterable[CellResult], limit: Limit | None = None) -> Blocks:
    """The cells by block and system, in an order that does not depend on theirs.

    Args:
        results: cells, each system at most once in a block.
        limit: keep this budget alone; None: every budget.
    """
    found: dict[Block, dict[str, CellResult]] = {}
    for cell in results:
        if limit is None or limit_of(cell) == limit:
            found.setdefault(Block(case_of(cell), cell.seed), {})[cell.system] = cell
    return {block: found[block] for block in sorted(found)}


def by_case(results: Iterable[CellResult]) -> dict[tuple[Case, str], list[CellResult]]:
    """The cells by case and system, in an order that does not depend on theirs."""
    found: dict[tuple[Case, str], list[CellResult]] = {}
    for cell in sorted(results, key=lambda one: (case_of(one), one.system, one.seed)):
        found.setdefault((case_of(cell), cell.system), []).append(cell)
    return found


def score_of(cell: CellResult) -> float | None:
    """The score of a valid submission; None where there is none."""
    return usable(cell.score)


def usable(value: float | None) -> float | None:
    """A number that can be reckoned with; None for what a metric gives when it overflows."""
    return value if value is not None and abs(value) <= _LARGEST else None


def gain(ours: float, theirs: float, direction: Direction) -> float:
    """By how much the first score is better than the second; negative where it is worse."""
    return ours - theirs if direction == "maximize" else theirs - ours


def systems_of(results: Iterable[CellResult]) -> list[str]:
    """Every system that ran, by name."""
    return sorted({cell.system for cell in results})


def limits_of(results: Iterable[CellResult]) -> list[Limit]:
    """Every budget, the smallest first."""
    return sorted({limit_of(cell) for cell in results})
