"""How long a candidate may run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from mle_star.nodes.evaluate import CANDIDATE, candidate_limit


@pytest.mark.parametrize(
    ("begun", "timeout", "left", "limit"),
    [
        (set(), 300.0, 500.0, 300.0),
        ({1}, 300.0, 500.0, 300.0),  # another solution's
        ({0}, 300.0, 500.0, CANDIDATE * 800.0),
        ({0}, 100.0, 500.0, 100.0),
        ({0}, 300.0, 50.0, 50.0),
    ],
)
def test_a_further_candidate_may_take_a_part_of_the_search(
    begun: set[int], timeout: float, left: float, limit: float
) -> None:
    bench = SimpleNamespace(
        begun=begun,
        reserve=0.2,
        settings=SimpleNamespace(time_budget=1000.0, script_timeout=timeout),
        search_seconds=lambda: left,
    )
    assert candidate_limit(cast(Any, bench), 0) == limit
