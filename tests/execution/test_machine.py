from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mle_star.execution.machine import (
    available_memory_mb,
    oom_kills,
    share_cores,
    usable_cores,
)


@given(st.integers(1, 64), st.lists(st.integers(1, 4), min_size=1, max_size=16))
def test_cores_are_divided_evenly_and_completely(count: int, wanted: list[int]) -> None:
    cores = list(range(100, 100 + count))
    shares = share_cores(cores, wanted)
    sizes = [len(share) for share in shares]
    assert all(size >= min(want, count) for size, want in zip(sizes, wanted, strict=True))
    assert all(share <= set(cores) for share in shares)
    if sum(wanted) <= count:
        assert sum(sizes) == count
        assert len(frozenset[int]().union(*shares)) == count
        if len(set(wanted)) == 1:
            assert max(sizes) - min(sizes) <= 1


def test_a_lone_job_has_all_cores() -> None:
    assert share_cores([3, 5, 7], [1]) == [frozenset({3, 5, 7})]
    assert share_cores([3, 5, 7], []) == []


def test_this_machine_has_something() -> None:
    assert usable_cores()
    assert available_memory_mb() > 0
    assert oom_kills() >= 0
