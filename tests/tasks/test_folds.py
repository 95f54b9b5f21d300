from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.tasks.folds import (
    Ints,
    audit_groups,
    audit_rows,
    audit_size,
    fold_count,
    forward_folds,
    grouped_folds,
    sample_rows,
    spread,
    strata,
    stratified_folds,
    whole_time,
)


def ints(values: list[int]) -> Ints:
    return np.asarray(values, dtype=np.int64)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_sizes_follow_the_contract() -> None:
    assert audit_size(499) == 0
    assert audit_size(500) == 100
    assert audit_size(1000) == 200
    assert audit_size(15_000) == 2000
    assert audit_size(50_000) == 5000
    assert audit_size(10**7) == 20_000
    assert [fold_count(n) for n in (50_000, 50_001, 100_000, 100_001)] == [5, 3, 3, 1]


@given(st.integers(500, 200_000))
def test_the_audit_part_is_10_to_20_percent(rows: int) -> None:
    assert 0.099 <= audit_size(rows) / rows <= 0.2
    assert audit_size(rows) >= min(200, rows // 5)


keys = st.lists(st.integers(0, 6), min_size=10, max_size=200).map(ints)


@settings(max_examples=80, deadline=None)
@given(keys, st.integers(1, 8))
def test_stratified_folds_are_even_and_keep_class_shares(key: Ints, folds: int) -> None:
    fold = stratified_folds(key, folds, rng())
    if folds == 1:
        assert set(fold) == {-1, 0}
        assert abs((fold == 0).sum() - len(key) / 5) < 1
        return
    counts = np.bincount(fold, minlength=folds)
    assert counts.max() - counts.min() <= 1
    for label in np.unique(key):
        per_fold = np.bincount(fold[key == label], minlength=folds)
        assert per_fold.max() - per_fold.min() <= 2


def test_folds_of_numbers_have_the_same_distribution() -> None:
    values = pd.DataFrame({"y": rng().exponential(size=1000)})
    fold = stratified_folds(strata(values, classes=False), 5, rng())
    means = values["y"].groupby(fold).mean()
    assert means.max() - means.min() < 0.1


@settings(max_examples=80, deadline=None)
@given(keys, st.integers(1, 8))
def test_a_group_is_never_parted(groups: Ints, folds: int) -> None:
    fold = grouped_folds(groups, folds, rng())
    assert pd.Series(fold).groupby(groups).nunique().max() == 1
    if folds > 1:
        assert set(fold) == set(range(min(folds, len(np.unique(groups)))))
    held = audit_groups(groups, 20, rng())
    assert len(held) <= 25
    assert not set(groups[held]) & set(np.delete(groups, held))


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=10, max_size=120), st.integers(1, 6))
def test_time_folds_go_forward_and_part_no_moment(steps: list[int], folds: int) -> None:
    times = np.cumsum(ints([0, *steps]))
    fold = forward_folds(times, folds)
    assert (np.diff(fold) >= 0).all()
    assert fold[-1] == len(set(fold[fold >= 0])) - 1
    if times[-1] > 0:
        assert pd.Series(fold).groupby(times).nunique().max() == 1
        assert fold[0] == -1
    if steps and min(steps) > 0:
        assert fold.max() == folds - 1


def test_a_time_split_trains_first_on_two_fifths() -> None:
    fold = forward_folds(np.arange(1000), 3)
    assert list(np.unique(fold, return_counts=True)[1]) == [400, 200, 200, 200]
    assert (forward_folds(np.arange(1000), 1) == 0).sum() == 200


def test_cuts_move_to_the_nearest_new_moment() -> None:
    times = ints([0, 0, 0, 1, 1, 1])
    assert [whole_time(times, cut) for cut in range(6)] == [0, 3, 3, 3, 3, 3]
    assert whole_time(ints([5, 5, 5]), 2) == 2


@settings(max_examples=80, deadline=None)
@given(keys, st.integers(1, 60), st.integers(0, 4))
def test_samples_keep_every_class(key: Ints, size: int, least: int) -> None:
    rows = sample_rows(key, size, rng(), least=least)
    assert (np.diff(rows) > 0).all()
    for label, count in zip(*np.unique(key, return_counts=True), strict=True):
        assert (key[rows] == label).sum() >= min(count, least)
    if least == 0:
        assert len(rows) == min(size, len(key))


@settings(max_examples=80, deadline=None)
@given(keys, st.integers(1, 40))
def test_rare_classes_are_not_held_back(key: Ints, size: int) -> None:
    held = audit_rows(key, size, rng(), least=5)
    counts = pd.Series(key).value_counts()
    assert len(held) <= size
    assert all(counts[label] >= 5 for label in key[held])


def test_rows_are_spread_over_the_classes() -> None:
    key = ints([0] * 900 + [1] * 100)
    chosen = spread(key, 100, rng())
    assert len(set(chosen)) == 100
    assert (key[chosen] == 1).sum() == 10


@pytest.mark.parametrize("classes", [True, False])
def test_strata_without_labels_are_all_one(classes: bool) -> None:
    empty = pd.DataFrame(index=range(4))
    assert set(strata(empty, classes)) == {0}
