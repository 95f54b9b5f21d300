"""Models for the scripted good engineer: numpy alone, or scikit-learn.

Each is a section of a script with ``fit_<family>(X, Y) -> predict`` on numpy matrices.
"""

from __future__ import annotations

RIDGE = """
# === model: ridge ===
RIDGE_SHRINKAGE = 1.0


def fit_ridge(X, Y):
    middle, mean = X.mean(axis=0), Y.mean(axis=0)
    inner = (X - middle).T @ (X - middle) + RIDGE_SHRINKAGE * np.eye(X.shape[1])
    slopes = np.linalg.solve(inner, (X - middle).T @ (Y - mean))
    return lambda rows: (rows - middle) @ slopes + mean
"""

NEIGHBOURS = """
# === model: neighbours ===
NEIGHBOURS_COUNT = 15


def fit_neighbours(X, Y):
    if len(X) > 4000:  # distances to every row would take too long
        kept = np.random.default_rng(0).permutation(len(X))[:4000]
        X, Y = X[kept], Y[kept]
    count = min(NEIGHBOURS_COUNT, len(X))

    def predict(rows):
        parts = []
        for start in range(0, len(rows), 500):
            part = rows[start : start + 500]
            distance = (X**2).sum(axis=1) - 2.0 * part @ X.T
            near = np.argpartition(distance, count - 1, axis=1)[:, :count]
            parts.append(Y[near].mean(axis=1))
        return np.vstack(parts)

    return predict
"""

STUMPS = """
# === model: stumps ===
STUMPS_ROUNDS = 60
STUMPS_RATE = 0.3


def fit_stumps(X, Y):
    cuts = [np.unique(np.quantile(column, np.linspace(0.05, 0.95, 15))) for column in X.T]
    codes = [np.searchsorted(cut, column) for cut, column in zip(cuts, X.T)]
    start, steps = Y.mean(axis=0), []
    rest = Y - start
    for _ in range(STUMPS_ROUNDS):
        best, total = (-np.inf,), rest.sum(axis=0)
        for j, code in enumerate(codes):
            rows = np.bincount(code, minlength=17).cumsum()[:-1]
            sums = np.array([np.bincount(code, r, 17).cumsum()[:-1] for r in rest.T]).T
            left, right = np.maximum(rows, 1)[:, None], np.maximum(len(X) - rows, 1)[:, None]
            gain = (sums**2 / left + (total - sums) ** 2 / right).sum(axis=1)
            at = int(gain.argmax())
            if gain[at] > best[0]:
                best = (gain[at], j, at, sums[at] / left[at], (total - sums[at]) / right[at])
        if len(best) == 1:
            break
        _, j, at, low, high = best
        steps.append((j, at, STUMPS_RATE * low, STUMPS_RATE * high))
        rest = rest - np.where((codes[j] <= at)[:, None], STUMPS_RATE * low, STUMPS_RATE * high)

    def predict(rows):
        seen = [np.searchsorted(cut, column) for cut, column in zip(cuts, rows.T)]
        made = np.tile(start, (len(rows), 1))
        for j, at, low, high in steps:
            made = made + np.where((seen[j] <= at)[:, None], low, high)
        return made

    return predict
"""

WAVES = """
# === model: waves ===
WAVES_COUNT = 60
WAVES_SHRINKAGE = 1.0


def fit_waves(X, Y):
    chance = np.random.default_rng(0)
    turn = chance.normal(size=(X.shape[1], WAVES_COUNT)) / np.sqrt(max(X.shape[1], 1))
    shift = chance.uniform(0.0, 2.0 * np.pi, WAVES_COUNT)
    lift = lambda rows: np.hstack([np.cos(rows @ turn + shift), np.ones((len(rows), 1))])
    F = lift(X)
    inner = F.T @ F + WAVES_SHRINKAGE * np.eye(F.shape[1])
    slopes = np.linalg.solve(inner, F.T @ Y)
    return lambda rows: lift(rows) @ slopes
"""

BOOSTING = """
# === model: boosting ===
from sklearn.ensemble import HistGradientBoostingRegressor

BOOSTING_ROUNDS = 40
BOOSTING_RATE = 0.15
BOOSTING_LEAVES = 15


def fit_boosting(X, Y):
    fitted = [
        HistGradientBoostingRegressor(
            max_iter=BOOSTING_ROUNDS, learning_rate=BOOSTING_RATE, max_leaf_nodes=BOOSTING_LEAVES
        ).fit(X, y)
        for y in Y.T
    ]
    return lambda rows: np.column_stack([model.predict(rows) for model in fitted])
"""

FOREST = """
# === model: forest ===
from sklearn.ensemble import RandomForestRegressor

FOREST_TREES = 15
FOREST_LEAF = 3


def fit_forest(X, Y):
    model = RandomForestRegressor(FOREST_TREES, min_samples_leaf=FOREST_LEAF, random_state=0)
    model.fit(X, Y if Y.shape[1] > 1 else Y[:, 0])
    return lambda rows: model.predict(rows).reshape(len(rows), -1)
"""

EXTRA = """
# === model: extra ===
from sklearn.ensemble import ExtraTreesRegressor

EXTRA_TREES = 20
EXTRA_LEAF = 2


def fit_extra(X, Y):
    model = ExtraTreesRegressor(EXTRA_TREES, min_samples_leaf=EXTRA_LEAF, random_state=0)
    model.fit(X, Y if Y.shape[1] > 1 else Y[:, 0])
    return lambda rows: model.predict(rows).reshape(len(rows), -1)
"""

LINEAR = """
# === model: linear ===
from sklearn.linear_model import Ridge

LINEAR_SHRINKAGE = 1.0


def fit_linear(X, Y):
    model = Ridge(alpha=LINEAR_SHRINKAGE).fit(X, Y)
    return lambda rows: model.predict(rows).reshape(len(rows), -1)
"""

FAMILIES: dict[str, str] = {
    "ridge": RIDGE,
    "neighbours": NEIGHBOURS,
    "stumps": STUMPS,
    "waves": WAVES,
    "linear": LINEAR,
    "boosting": BOOSTING,
    "forest": FOREST,
    "extra": EXTRA,
}
"""Family -> its section."""

LIGHT = ("ridge", "neighbours", "stumps", "waves")
"""Families that need numpy alone."""

TITLES: dict[str, str] = {
    "ridge": "Ridge regression in closed form",
    "neighbours": "Nearest neighbours by matrix products",
    "stumps": "Boosted stumps",
    "waves": "Random Fourier features with ridge",
    "linear": "scikit-learn linear ridge",
    "boosting": "Histogram gradient boosting",
    "forest": "Random forest",
    "extra": "Extremely randomised trees",
}
"""Family -> name of its card."""

WORDS: dict[str, str] = {
    "neighbo": "neighbours",
    "knn": "neighbours",
    "stump": "stumps",
    "fourier": "waves",
    "kernel": "waves",
    "svm": "waves",
    "neural": "waves",
    "extra": "extra",
    "extremely": "extra",
    "forest": "forest",
    "boost": "boosting",
    "gbm": "boosting",
    "scikit-learn linear": "linear",
    "logistic": "linear",
    "ridge": "ridge",
    "linear": "linear",
}
"""What a card's name may hold -> family; the first that fits."""

INSTEAD = {"boosting": "stumps", "forest": "stumps", "extra": "stumps", "linear": "ridge"}
"""Family of scikit-learn -> the light one that stands in for it."""
