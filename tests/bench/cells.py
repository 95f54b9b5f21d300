"""Made-up results of a bench."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

from mle_star.bench.records import CellResult, Direction

METRICS: dict[str, Direction] = {"roc_auc": "maximize", "rmse": "minimize"}


def cell(
    system: str = "mle-star", score: float | None = 1.0, seed: int = 0, **fields: Any
) -> CellResult:
    """One run; lower is better."""
    usual: dict[str, Any] = {
        "task": "houses",
        "seconds_limit": 120.0,
        "cores": 2,
        "metric": "rmse",
        "direction": "minimize",
        "validation": None,
        "seconds": 60.0,
    }
    return CellResult(system=system, score=score, seed=seed, **{**usual, **fields})


def runs(task: str = "houses", /, **scores: Sequence[float | None]) -> list[CellResult]:
    """A run for each system and score, with seeds 0, 1, ..."""
    return [
        cell(system, score, seed, task=task)
        for system, values in scores.items()
        for seed, score in enumerate(values)
    ]


def bench(
    systems: int = 5,
    tasks: int = 7,
    seeds: int = 3,
    limits: tuple[float, ...] = (120.0, 600.0),
    **fields: Any,
) -> list[CellResult]:
    """A whole bench: the first system is ours and the best, the last one always fails on task 0."""
    chance = random.Random(5)
    made = []
    for task in range(tasks):
        metric = list(METRICS)[task % 2]
        sign = 1 if METRICS[metric] == "maximize" else -1
        for limit in limits:
            for number in range(systems):
                for seed in range(seeds):
                    score = 5 - sign * (number + chance.gauss(0, 0.2))
                    failed = task == 0 and number == systems - 1
                    usual: dict[str, Any] = {
                        "task": f"task-{task}",
                        "metric": metric,
                        "direction": METRICS[metric],
                        "seconds_limit": limit,
                        "validation": None if number == 1 else score + sign * 0.1 * number,
                        "curve": [(1.0, score - sign), (30.0, score)] if number < 2 else [],
                        "error": "It left no submission.csv." if failed else "",
                        "version": f"system {number}.0",
                        "machine": "x86_64, 2 cores",
                    }
                    name = f"peer-{number}" if number else "mle-star"
                    made.append(cell(name, None if failed else score, seed, **{**usual, **fields}))
    return made


@st.composite
def benches(draw: st.DrawFn) -> list[CellResult]:
    """Few tasks, systems, seeds and budgets, all ran; few different scores, so that some tie."""
    systems = draw(st.integers(1, 4))
    shape = st.integers(1, 3)
    tasks, seeds, limits = draw(shape), draw(shape), draw(st.integers(1, 2))
    score = st.one_of(st.none(), st.sampled_from([0.0, 0.5, 1.0, 1.5]), st.floats(-2, 2))
    return [
        cell(
            f"s{system}",
            draw(score),
            seed,
            task=f"t{task}",
            seconds_limit=60.0 * (limit + 1),
            validation=draw(st.one_of(st.none(), st.floats(-2, 2))),
            metric=list(METRICS)[task % 2],
            direction=list(METRICS.values())[task % 2],
        )
        for task in range(tasks)
        for limit in range(limits)
        for seed in range(seeds)
        for system in range(systems)
    ]


def flipped(results: list[CellResult]) -> list[CellResult]:
    """The same bench with the other sign: what was higher is now lower, and the better."""
    other: dict[Direction, Direction] = {"maximize": "minimize", "minimize": "maximize"}
    return [
        one.model_copy(
            update={
                "direction": other[one.direction],
                "score": None if one.score is None else -one.score,
                "validation": None if one.validation is None else -one.validation,
            }
        )
        for one in results
    ]
