"""Strategies for ``finish`` where labels or grades are handed in: where to cut.

All of them are cross-fitted, as :mod:`.finishing` describes.
"""

from __future__ import annotations

from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.finishing import cross_fitted

_LABEL_SCORES = {
    "accuracy": ("accuracy_score", "accuracy_score(truth, {guess})"),
    "balanced_accuracy": ("balanced_accuracy_score", "balanced_accuracy_score(truth, {guess})"),
    "mcc": ("matthews_corrcoef", "matthews_corrcoef(truth, {guess})"),
    "f1": ("f1_score", "f1_score(truth, {guess})"),
    "f1_macro": ("f1_score", 'f1_score(truth, {guess}, average="macro")'),
    "f1_micro": ("f1_score", 'f1_score(truth, {guess}, average="micro")'),
    "f1_weighted": ("f1_score", 'f1_score(truth, {guess}, average="weighted")'),
    "quadratic_weighted_kappa": (
        "cohen_kappa_score",
        'cohen_kappa_score(truth, {guess}, weights="quadratic")',
    ),
}


def _score(facts: Facts, guess: str) -> str:
    """Source of the metric on ``truth`` and the guess."""
    return _LABEL_SCORES[facts.metric][1].format(guess=guess)


def _scorer(facts: Facts) -> tuple[str, ...]:
    """Import of the metric's function."""
    return (f"from sklearn.metrics import {_LABEL_SCORES[facts.metric][0]}",)


def _label_potential(facts: Facts) -> float:
    if not facts.labels or facts.metric not in _LABEL_SCORES:
        return 0.0
    return 0.4 if facts.metric == "accuracy" else 0.8


THRESHOLD = cross_fitted(
    "best-threshold",
    "threshold",
    lambda facts: _label_potential(facts) if facts.learning == "binary" else 0.0,
    "Choose the threshold that scores best on the out-of-fold probabilities.",
    lambda facts: (
        f'''
def learn(values: np.ndarray, truth: np.ndarray) -> float:
    """The threshold with the best score; the middle of those near it, which is steadier."""
    cuts = np.unique(np.quantile(values, np.linspace(0.01, 0.99, 99)))
    scores = np.array([{_score(facts, "values >= cut")} for cut in cuts])
    return float(np.median(cuts[scores >= scores.max() - 0.002]))


def adjust(learnt: float, values: np.ndarray) -> np.ndarray:
    """Probabilities moved so that the learnt threshold lies where `finish` cuts."""
    return np.clip(values - learnt + THRESHOLD, 0, 1)
'''
    ),
    _scorer,
)

CLASS_OFFSETS = cross_fitted(
    "class-offsets",
    "threshold",
    lambda facts: _label_potential(facts) * 0.9 if facts.learning == "multiclass" else 0.0,
    "Weigh the classes so that the most probable one scores best on out-of-fold predictions.",
    lambda facts: (
        f'''
def learn(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """A weight per class, found one class at a time."""
    weights = np.ones(values.shape[1])
    for _ in range(2):
        for code in range(len(weights)):
            options = []
            for factor in np.geomspace(0.3, 3.3, 15):
                weights[code] = factor
                guess = np.argmax(values * weights, axis=1)
                options.append(({_score(facts, "guess")}, factor))
            weights[code] = max(options)[1]
    return weights


def adjust(learnt: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Probabilities times the weights of their classes."""
    return values * learnt
'''
    ),
    _scorer,
)


def _grade_cuts(facts: Facts) -> str:
    """Cuts between neighbouring grades; the learnt numbers are grades or positions in CLASSES."""
    first = facts.classes[0] if facts.grades else 0
    return f'''
FIRST, COUNT = {first}, {len(facts.classes)}  # grades


def learn(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Cut points between the grades, moved one at a time to where the score is best."""
    cuts = np.quantile(values, [np.mean(truth < FIRST + k) for k in range(1, COUNT)])
    for step in (0.2, 0.1, 0.05):
        for k in range(len(cuts)):
            options = []
            for move in (0, -3, -2, -1, 1, 2, 3):
                moved = cuts.copy()
                moved[k] += move * step
                moved = np.sort(moved)
                grades = adjust(moved, values)
                score = {_score(facts, "grades")}
                options.append((score, -abs(move), tuple(moved)))
            cuts = np.array(max(options)[2])
    return cuts


def adjust(learnt: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The grade between whose cut points a value lies."""
    return FIRST + np.searchsorted(learnt, values).astype(float)
'''


GRADE_CUTS = cross_fitted(
    "grade-cuts",
    "threshold",
    lambda facts: (
        (0.95 if facts.metric == "quadratic_weighted_kappa" else 0.5)
        if facts.ordinal and facts.metric in _LABEL_SCORES
        else 0.0
    ),
    "Cut the predicted numbers into grades where the score is best, not halfway.",
    _grade_cuts,
    _scorer,
)

SHARE_CUTS = cross_fitted(
    "share-cuts",
    "threshold",
    lambda facts: 0.7 * GRADE_CUTS.potential(facts.brief, "") if facts.ordinal else 0.0,
    "Cut the predicted numbers so that each grade is as frequent as among the true ones.",
    lambda facts: (
        f'''
FIRST, COUNT = {facts.classes[0] if facts.grades else 0}, {len(facts.classes)}  # grades


def learn(values: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Cut points between the grades, half way from their middles to equal shares."""
    shares = np.quantile(values, [np.mean(truth < FIRST + k) for k in range(1, COUNT)])
    return (shares + FIRST + np.arange(COUNT - 1) + 0.5) / 2


def adjust(learnt: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The grade between whose cut points a value lies."""
    return FIRST + np.searchsorted(learnt, values).astype(float)
'''
    ),
)

ALL = (THRESHOLD, CLASS_OFFSETS, GRADE_CUTS, SHARE_CUTS)
