"""Cutting averaged probabilities or grades into labels where the metric is best.

Blend scripts hold these functions as text, so that they compute what the harness computes: every
function knows numpy and the functions beside it, nothing else of ours.

Tables are ``values`` (rows, width) and ``truth`` (rows, targets), the latter as places of the
labels among the classes. What is learnt for a fold comes from the other folds.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Criterion = Callable[[np.ndarray], float]
"""Metric of counts (classes, classes): true class by row, predicted class by column."""
Learn = Callable[[np.ndarray, np.ndarray, int, Criterion], np.ndarray]
Apply = Callable[[np.ndarray, np.ndarray], np.ndarray]


def accuracy(counts: np.ndarray) -> float:
    """Share of labels that are right."""
    return float(np.trace(counts) / counts.sum())


def balanced_accuracy(counts: np.ndarray) -> float:
    """Mean recall of the classes that occur."""
    true = counts.sum(axis=1)
    return float(np.mean(np.diag(counts)[true > 0] / true[true > 0]))


def f1(counts: np.ndarray) -> float:
    """F1 of the second class."""
    wrong = counts[0, 1] + counts[1, 0]
    return float(2 * counts[1, 1] / max(1, 2 * counts[1, 1] + wrong))


def f1_macro(counts: np.ndarray) -> float:
    """Mean F1 of the classes that occur or are predicted."""
    both = counts.sum(axis=1) + counts.sum(axis=0)
    return float(np.mean(2 * np.diag(counts)[both > 0] / both[both > 0]))


def f1_weighted(counts: np.ndarray) -> float:
    """Mean F1 of the classes, each weighing as much as it has rows."""
    true, said = counts.sum(axis=1), counts.sum(axis=0)
    scores = 2 * np.diag(counts) / np.maximum(1, true + said)
    return float(true @ scores / true.sum())


def mcc(counts: np.ndarray) -> float:
    """Matthews correlation of several classes (Gorodkin, Comput. Biol. Chem. 28 (2004), 367)."""
    counts = counts.astype(float)
    true, said, rows = counts.sum(axis=1), counts.sum(axis=0), counts.sum()
    spread = np.sqrt((rows**2 - true @ true) * (rows**2 - said @ said))
    return float((rows * np.trace(counts) - true @ said) / spread) if spread > 0 else 0.0


def quadratic_weighted_kappa(counts: np.ndarray) -> float:
    """Cohen's kappa with quadratic weights, grades one apart."""
    place = np.arange(len(counts))
    weights = (place[:, None] - place) ** 2
    expected = weights * np.outer(counts.sum(axis=1), counts.sum(axis=0)) / counts.sum()
    return float(1 - (weights * counts).sum() / expected.sum()) if expected.sum() > 0 else 1.0


def count(truth: np.ndarray, codes: np.ndarray, classes: int) -> np.ndarray:
    """Rows of each pair of true and predicted class."""
    return np.bincount(truth * classes + codes, minlength=classes**2).reshape(classes, classes)


def learn_weights(
    values: np.ndarray, truth: np.ndarray, classes: int, criterion: Criterion
) -> np.ndarray:
    """A weight per class, found one class at a time; of equals, the one nearest to 1."""
    weights, y = np.ones(classes), truth[:, 0]
    for _ in range(2):
        for code in range(classes):
            others = values * weights
            others[:, code] = -np.inf
            rival, best = others.argmax(axis=1), others.max(axis=1)
            options = []
            for power in range(-7, 8):
                factor = 3.3 ** (power / 7)
                guess = np.where(values[:, code] * factor >= best, code, rival)
                options.append((criterion(count(y, guess, classes)), -abs(power), factor))
            weights[code] = max(options)[2]
    return weights


def apply_weights(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The most probable class, each probability times its class's weight."""
    return np.asarray((values * weights).argmax(axis=1)[:, None])


def learn_threshold(
    values: np.ndarray, truth: np.ndarray, classes: int, criterion: Criterion
) -> np.ndarray:
    """The best threshold of each column; the middle of those near it, which is steadier."""
    found = []
    for column, y in zip(values.T, truth.T, strict=True):
        cuts = np.unique(np.quantile(column, np.linspace(0.01, 0.99, 99)))
        scores = np.array(
            [criterion(count(y, (column >= cut).astype(int), classes)) for cut in cuts]
        )
        found.append([np.median(cuts[scores >= scores.max() - 0.002])])
    return np.array(found)


def learn_cuts(
    values: np.ndarray, truth: np.ndarray, classes: int, criterion: Criterion
) -> np.ndarray:
    """Cut points between the grades of each column, moved one at a time to where it is best."""
    found = []
    for column, y in zip(values.T, truth.T, strict=True):
        cuts = np.quantile(column, [np.mean(y < k) for k in range(1, classes)])
        for step in (0.2, 0.1, 0.05):
            for k in range(classes - 1):
                options = []
                for move in (0, -3, -2, -1, 1, 2, 3):
                    moved = cuts.copy()
                    moved[k] += move * step
                    moved.sort()
                    codes = np.searchsorted(moved, column, side="right")
                    options.append((criterion(count(y, codes, classes)), -abs(move), tuple(moved)))
                cuts = np.array(max(options)[2])
        found.append(cuts)
    return np.array(found)


def apply_cuts(values: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    """The class between whose cut points a value lies."""
    pairs = zip(cuts, values.T, strict=True)
    return np.column_stack([np.searchsorted(own, column, side="right") for own, column in pairs])


def learn_from(
    learn: Learn, values: np.ndarray, truth: np.ndarray, classes: int, criterion: Criterion
) -> np.ndarray:
    """What at most 20,000 of the rows teach: more change little and cost much."""
    step = (len(values) - 1) // 20_000 + 1
    return learn(values[::step], truth[::step], classes, criterion)


def cross_cut(
    learn: Learn,
    apply: Apply,
    values: np.ndarray,
    truth: np.ndarray,
    parts: np.ndarray,
    classes: int,
    criterion: Criterion,
) -> np.ndarray:
    """Classes of each part's rows, cut by what the other parts teach."""
    codes = np.empty_like(truth)
    for part in np.unique(parts):
        inside = parts == part
        learnt = learn_from(learn, values[~inside], truth[~inside], classes, criterion)
        codes[inside] = apply(values[inside], learnt)
    return codes
