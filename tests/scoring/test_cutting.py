"""Where averaged probabilities and grades are cut into labels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn import metrics

from mle_star.scoring import cutting

REFERENCES: list[tuple[cutting.Criterion, Callable[[np.ndarray, np.ndarray], float]]] = [
    (cutting.accuracy, metrics.accuracy_score),
    (cutting.balanced_accuracy, metrics.balanced_accuracy_score),
    (cutting.f1_macro, lambda y, p: metrics.f1_score(y, p, average="macro")),
    (cutting.f1_weighted, lambda y, p: metrics.f1_score(y, p, average="weighted")),
    (cutting.mcc, metrics.matthews_corrcoef),
    (
        cutting.quadratic_weighted_kappa,
        lambda y, p: metrics.cohen_kappa_score(y, p, weights="quadratic"),
    ),
]


@pytest.mark.parametrize(("criterion", "reference"), REFERENCES)
def test_criteria_are_the_metrics(
    criterion: cutting.Criterion, reference: Callable[[np.ndarray, np.ndarray], float]
) -> None:
    chance = np.random.default_rng(0)
    truth = chance.integers(4, size=500)
    codes = np.where(chance.random(500) < 0.6, truth, chance.integers(4, size=500))
    assert criterion(cutting.count(truth, codes, 4)) == pytest.approx(reference(truth, codes))


def test_f1_is_of_the_second_class() -> None:
    truth, codes = np.array([0, 0, 1, 1, 1]), np.array([0, 1, 1, 1, 0])
    counts = cutting.count(truth, codes, 2)
    assert cutting.f1(counts) == pytest.approx(metrics.f1_score(truth, codes))
    assert cutting.f1(np.array([[5, 0], [0, 0]])) == 0


@pytest.mark.parametrize(
    ("criterion", "value"),
    [(cutting.mcc, 0.0), (cutting.quadratic_weighted_kappa, 1.0), (cutting.f1_macro, 1.0)],
)
def test_one_class_alone_has_a_value(criterion: cutting.Criterion, value: float) -> None:
    assert criterion(np.array([[7, 0], [0, 0]])) == value


def reached(criterion: cutting.Criterion, truth: np.ndarray, codes: np.ndarray, k: int) -> float:
    return criterion(cutting.count(truth[:, 0], codes[:, 0], k))


def test_a_threshold_finds_rare_positives() -> None:
    chance = np.random.default_rng(0)
    truth = (chance.random((3000, 1)) < 0.1).astype(int)
    values = np.clip(0.1 + 0.15 * truth + chance.normal(0, 0.07, truth.shape), 0, 1)
    learnt = cutting.learn_threshold(values, truth, 2, cutting.f1)
    assert 0.15 < learnt[0, 0] < 0.3
    assert reached(cutting.f1, truth, cutting.apply_cuts(values, learnt), 2) > 0.5
    assert reached(cutting.f1, truth, (values >= 0.5).astype(int), 2) < 0.1


def test_class_weights_lift_a_class_that_is_never_the_most_probable() -> None:
    chance = np.random.default_rng(0)
    truth = chance.choice(3, p=[0.6, 0.3, 0.1], size=(3000, 1))
    values = np.exp(np.eye(3)[truth[:, 0]] + chance.normal(0, 0.5, (3000, 3))) * [0.6, 0.3, 0.1]
    values = values / values.sum(axis=1, keepdims=True)
    weights = cutting.learn_weights(values, truth, 3, cutting.balanced_accuracy)
    assert weights[2] > weights[1] > weights[0]
    cut = cutting.apply_weights(values, weights)
    plain = values.argmax(axis=1)[:, None]
    gain = [reached(cutting.balanced_accuracy, truth, codes, 3) for codes in (plain, cut)]
    assert gain[1] > gain[0] + 0.05


def test_weights_that_change_nothing_stay_one() -> None:
    truth = np.array([[0], [1], [2]] * 10)
    values = np.eye(3)[truth[:, 0]]
    assert cutting.learn_weights(values, truth, 3, cutting.accuracy).tolist() == [1, 1, 1]


def test_cuts_undo_a_shrunken_scale() -> None:
    chance = np.random.default_rng(0)
    truth = chance.choice(5, p=[0.1, 0.2, 0.4, 0.2, 0.1], size=(2000, 1))
    values = 2 + 0.4 * (truth - 2) + chance.normal(0, 0.15, truth.shape)
    cuts = cutting.learn_cuts(values, truth, 5, cutting.quadratic_weighted_kappa)
    assert (np.diff(cuts[0]) > 0).all()
    half_way = np.clip(np.rint(values), 0, 4).astype(int)
    kappa = cutting.quadratic_weighted_kappa
    best = reached(kappa, truth, cutting.apply_cuts(values, cuts), 5)
    assert best > reached(kappa, truth, half_way, 5) + 0.1


def test_a_part_is_cut_by_what_the_others_teach() -> None:
    """A part whose own rows are all that says where to cut can't profit from them."""
    values = np.concatenate([np.linspace(0, 1, 100), np.linspace(0, 1, 100)])[:, None]
    truth = np.concatenate([values[:100] >= 0.8, values[100:] >= 0.3]).astype(int)
    parts = np.repeat([0, 1], 100)
    codes = cutting.cross_cut(
        cutting.learn_threshold, cutting.apply_cuts, values, truth, parts, 2, cutting.accuracy
    )
    assert codes[:100].mean() == pytest.approx(0.7, abs=0.03)  # the other part's threshold
    assert codes[100:].mean() == pytest.approx(0.2, abs=0.03)


def test_many_rows_are_learnt_from_by_a_sample() -> None:
    seen: list[int] = []

    def learn(values: np.ndarray, *_: object) -> np.ndarray:
        seen.append(len(values))
        return values[:1]

    for rows in (20_000, 20_001, 90_000):
        table = np.zeros((rows, 1))
        cutting.learn_from(learn, table, table.astype(int), 2, cutting.f1)
    assert seen == [20_000, 10_001, 18_000]
