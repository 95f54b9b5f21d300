"""Strategies for model blocks of boosted trees: other settings in the same call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.boosters import CATBOOST, LIGHTGBM, Booster, booster_of
from mle_star.engineer.playbook.strategies.edits import callee, keywords, set_keywords
from mle_star.engineer.playbook.strategies.strategy import Strategy
from mle_star.errors import NoAnswer

Settings = Mapping[str, str]

CLEAR = 0.9
"""Share of the target's variance from which on hardly any of it is noise."""
CLEARLY = 0.8
"""What larger models promise there."""


def _number(settings: Settings, name: str, default: float) -> float:
    try:
        return float(settings.get(name, default))
    except ValueError:
        return default


def whole(value: float) -> str:
    """Source of the nearest whole number."""
    return str(max(round(value), 1))


def _settings(
    key: str,
    kin: str,
    potential: Callable[[Brief, Booster], float],
    description: str,
    change: Callable[[Booster, Settings], dict[str, str | None]],
) -> Strategy:
    """A strategy that changes keyword arguments of the call that builds the model."""

    def rewrite(block: str, _: Brief) -> str:
        booster = booster_of(block)
        if booster is None:
            raise NoAnswer("The block has no boosted trees.")
        return set_keywords(
            block, booster.callees, change(booster, keywords(block, booster.callees))
        )

    def expected(brief: Brief, block: str) -> float:
        booster = booster_of(block)
        return potential(brief, booster) if booster else 0.0

    return Strategy(key, "model", kin, expected, lambda _: description, rewrite)


def _rows(brief: Brief) -> int:
    return Facts(brief).fit_rows


def _noisy(brief: Brief) -> bool:
    """Whether each row says little, so that trees soon learn noise: classes against numbers."""
    return Facts(brief).learning != "regression"


def _clear(brief: Brief) -> bool:
    """Whether the script explains nearly all of a number on many rows: more is shape, not noise.

    On 40,000 diamonds (98 % explained) twice the trees gained 1.7 % of the loss and twice the
    leaves 1.3 %; on seven noisier tables of 8,000 to 75,000 rows they cost as often as they gained.
    """
    return _rows(brief) >= 10_000 and (_explained(brief) or 0.0) >= CLEAR


def _explained(brief: Brief) -> float | None:
    """Share of the target's variance that the script under refinement explains; None: not known.

    A mean absolute error is taken to be 0.8 standard errors, as where errors are normal.
    """
    score, spread = brief.base_score, brief.profile.target_spread
    if score is None or brief.task.metric not in _SPREADS or not spread:
        return None
    return 1 - _SPREADS[brief.task.metric](score, spread)


_SPREADS: dict[str, Callable[[float, float], float]] = {
    "r2": lambda score, _: 1 - score,
    "mse": lambda score, spread: score / spread / spread,
    "rmse": lambda score, spread: score / spread * (score / spread),
    "mae": lambda score, spread: score / spread * (score / spread) / 0.64,
}
"""Metric -> share of the variance that a score leaves."""


def _larger(
    *, noisy: float, few: float, rows: int, many: float
) -> Callable[[Brief, Booster], float]:
    """What a larger model promises: for classes, for numbers on few rows, from ``rows`` on."""

    def expected(brief: Brief, _: Booster) -> float:
        if _noisy(brief):
            return noisy
        if _clear(brief):
            return CLEARLY
        return many if _rows(brief) >= rows else few

    return expected


def _slower(booster: Booster, settings: Settings) -> dict[str, str | None]:
    rounds = _number(settings, booster.rounds, 100)
    rate = _number(settings, booster.rate, 0.1)
    return {booster.rounds: whole(rounds * 2.5), booster.rate: f"{rate / 2:.4g}"}


SLOWER = _settings(
    "slower-learning",
    "rounds",
    lambda brief, _: 0.3 if _noisy(brief) else 0.4,
    "Halve the learning rate and grow two and a half times as many trees.",
    _slower,
)


def _rounds(booster: Booster, settings: Settings) -> dict[str, str | None]:
    return {booster.rounds: whole(_number(settings, booster.rounds, 100) * 2)}


MORE_ROUNDS = _settings(
    "more-rounds",
    "rounds",
    _larger(noisy=0.35, few=0.35, rows=5_000, many=0.45),
    "Grow twice as many trees at the same learning rate.",
    _rounds,
)


def _resize(factor: float, step: int) -> Callable[[Booster, Settings], dict[str, str | None]]:
    def change(booster: Booster, settings: Settings) -> dict[str, str | None]:
        size = _number(settings, booster.size, 31 if booster.leaves else 6)
        new = max(size * factor, 4) if booster.leaves else max(size + step, 2)
        return {booster.size: whole(new)}

    return change


LARGER = _settings(
    "larger-trees",
    "size",
    _larger(noisy=0.2, few=0.2, rows=10_000, many=0.3),
    "Let each tree grow larger, to catch interactions of more columns.",
    _resize(2.0, 2),
)
SMALLER = _settings(
    "smaller-trees",
    "size",
    lambda brief, _: 0.2 if _noisy(brief) else 0.15,
    "Keep each tree smaller: few rows bear few interactions.",
    _resize(0.5, -2),
)


def _shrink(booster: Booster, settings: Settings) -> dict[str, str | None]:
    changes: dict[str, str | None] = {
        booster.penalty: f"{max(_number(settings, booster.penalty, 1.0), 0.5) * 5:.4g}"
    }
    if booster is not CATBOOST:
        changes[booster.leaf] = whole(max(_number(settings, booster.leaf, 10), 2) * 2.5)
    return changes


SHRINK = _settings(
    "stronger-penalty",
    "penalty",
    lambda brief, _: 0.12,
    "Penalise leaf values five times as much and ask for more rows in a leaf.",
    _shrink,
)


def _absolute(booster: Booster, settings: Settings) -> dict[str, str | None]:
    name, value = booster.absolute
    return {name: value}


def _absolute_potential(brief: Brief, booster: Booster) -> float:
    facts = Facts(brief)
    if facts.learning != "regression":
        return 0.0
    return 0.8 if facts.loss == "absolute" else 0.1


ABSOLUTE = _settings(
    "absolute-loss",
    "loss",
    _absolute_potential,
    "Learn the absolute error, which is what the metric asks for.",
    _absolute,
)


def _robust(booster: Booster, settings: Settings) -> dict[str, str | None]:
    name, value = booster.robust
    if not name:
        raise NoAnswer("This library has no loss between squared and absolute error.")
    return {name: value}


ROBUST = _settings(
    "robust-loss",
    "loss",
    lambda brief, booster: (
        0.15 if booster.robust[0] and Facts(brief).learning == "regression" else 0.0
    ),
    "Learn a loss that far-off rows weigh less on.",
    _robust,
)


def _extra(booster: Booster, settings: Settings) -> dict[str, str | None]:
    return {"extra_trees": "True"}


EXTRA = _settings(
    "random-splits",
    "random-splits",
    lambda brief, booster: (0.05 if _noisy(brief) else 0.15) if booster is LIGHTGBM else 0.0,
    "Try one random threshold per column and node, as extremely randomised trees do.",
    _extra,
)


def _balanced(booster: Booster, settings: Settings) -> dict[str, str | None]:
    if booster is CATBOOST:
        return {"auto_class_weights": '"Balanced"'}
    return {"class_weight": '"balanced"'}


def _unbalanced(brief: Brief, booster: Booster) -> float:
    """Weights move probabilities off the class shares, so they only suit metrics on labels."""
    facts = Facts(brief)
    shares = list(brief.profile.class_shares.values()) or [1.0]
    if facts.learning == "regression" or "XGBClassifier" in booster.callees:
        return 0.0
    if not facts.labels or min(shares) * len(shares) > 0.8:
        return 0.0
    return 0.6 if facts.metric in ("balanced_accuracy", "f1_macro", "f1", "mcc") else 0.15


BALANCED = _settings(
    "class-weights",
    "weights",
    _unbalanced,
    "Weigh the classes so that rare ones count as much as frequent ones.",
    _balanced,
)


# Columns that are handed over as an array have no names to point at.
_FIT_LINE = re.compile(r"model\.fit\((X(?:\.drop\(columns=TEXT\))?), y\)")


def _rewrite_native(block: str, _: Brief) -> str:
    new, count = _FIT_LINE.subn(r"model.fit(\1, y, categorical_feature=CATEGORICAL)", block)
    if not callee(block, LIGHTGBM.callees) or count != 1:
        raise NoAnswer("The block does not fit LightGBM on a table with named columns.")
    return new


NATIVE = Strategy(
    "native-categories",
    "model",
    "native",
    lambda brief, block: (
        0.55
        if Facts(brief).categorical and callee(block, LIGHTGBM.callees) and _FIT_LINE.search(block)
        else 0.0
    ),
    lambda _: "Let LightGBM split categories into subsets instead of by their codes.",
    _rewrite_native,
)

ALL = (
    SLOWER,
    MORE_ROUNDS,
    LARGER,
    SMALLER,
    SHRINK,
    ABSOLUTE,
    ROBUST,
    EXTRA,
    BALANCED,
    NATIVE,
)
