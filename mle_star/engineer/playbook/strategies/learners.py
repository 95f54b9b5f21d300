"""Strategies for model blocks of forests, linear models, neighbours and networks."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.scaled import bends, curves
from mle_star.engineer.playbook.strategies.edits import (
    add_imports,
    callee,
    checked,
    keywords,
    set_keywords,
)
from mle_star.engineer.playbook.strategies.fitting import FORESTS, NETWORKS
from mle_star.engineer.playbook.strategies.strategy import Strategy
from mle_star.errors import NoAnswer


def _scaled(
    key: str,
    kin: str,
    callees: tuple[str, ...],
    name: str,
    factor: float,
    potential: float,
    description: str,
    *,
    whole: bool = False,
    default: float = 1.0,
) -> Strategy:
    """A strategy that multiplies one number among the model's settings."""

    def rewrite(block: str, _: Brief) -> str:
        found = callee(block, callees)
        if not found:
            raise NoAnswer("The block has no model of that kind.")
        try:
            value = float(keywords(block, (found,)).get(name, default)) * factor
        except ValueError:
            raise NoAnswer(f"The setting {name} is not a plain number.") from None
        code = str(max(round(value), 1)) if whole else f"{value:.4g}"
        return set_keywords(block, (found,), {name: code})

    def expected(_: Brief, block: str) -> float:
        return potential if callee(block, callees) else 0.0

    return Strategy(key, "model", kin, expected, lambda _: description, rewrite)


BIGGER_FOREST = _scaled(
    "bigger-forest",
    "forest-size",
    FORESTS,
    "n_estimators",
    2.5,
    0.3,
    "Grow two and a half times as many trees.",
    whole=True,
    default=100,
)
SMALLER_LEAVES = _scaled(
    "smaller-leaves",
    "leaves",
    FORESTS,
    "min_samples_leaf",
    0.5,
    0.35,
    "Let leaves get smaller: averaging many trees takes the noise away.",
    whole=True,
)
LARGER_LEAVES = _scaled(
    "larger-leaves",
    "leaves",
    FORESTS,
    "min_samples_leaf",
    2.5,
    0.15,
    "Ask for more rows in a leaf.",
    whole=True,
)
FEWER_COLUMNS = _scaled(
    "fewer-split-columns",
    "split-columns",
    FORESTS,
    "max_features",
    0.6,
    0.35,
    "Look at fewer columns per split, so that the trees differ more.",
)
WEAKER = _scaled(
    "weaker-penalty",
    "strength",
    ("LogisticRegression", "LinearSVC"),
    "C",
    4.0,
    0.5,
    "Penalise the coefficients a quarter as much.",
)
STRONGER = _scaled(
    "heavier-penalty",
    "strength",
    ("LogisticRegression", "LinearSVC"),
    "C",
    0.25,
    0.35,
    "Penalise the coefficients four times as much.",
)
WEAKER_RIDGE = _scaled(
    "weaker-ridge",
    "strength",
    ("Ridge",),
    "alpha",
    0.3,
    0.35,
    "Penalise the coefficients a third as much.",
)
STRONGER_RIDGE = _scaled(
    "stronger-ridge",
    "strength",
    ("Ridge",),
    "alpha",
    3.0,
    0.35,
    "Penalise the coefficients three times as much.",
)
HEAVIER_DECAY = _scaled(
    "heavier-decay",
    "weight-decay",
    NETWORKS,
    "alpha",
    4.0,
    0.3,
    "Hold the network's weights back four times as much.",
    default=1e-4,
)
LIGHTER_DECAY = _scaled(
    "lighter-decay",
    "weight-decay",
    NETWORKS,
    "alpha",
    0.25,
    0.3,
    "Hold the network's weights back a quarter as much.",
    default=1e-4,
)
WIDER_NETWORK = Strategy(
    "wider-network",
    "model",
    "network",
    lambda brief, block: 0.4 if callee(block, NETWORKS) else 0.0,
    lambda _: "Give the network wider layers and more steps.",
    lambda block, _: set_keywords(
        block, NETWORKS, {"hidden_layer_sizes": "(128, 64)", "max_iter": "120"}
    ),
)


def swap(
    key: str,
    kin: str,
    pattern: str,
    new: str,
    potential: Callable[[Brief], float],
    description: str,
    imports: Iterable[str] = (),
    most: int = 0,
) -> Strategy:
    """A strategy that rewrites what matches a pattern (everywhere, or the first ``most`` times)."""
    found = re.compile(pattern)
    lines = tuple(imports)

    def rewrite(block: str, _: Brief) -> str:
        text, count = found.subn(new, block, count=most)
        if not count:
            raise NoAnswer(f"The block has nothing for {key!r} to change.")
        return checked(add_imports(text, lines))

    def expected(brief: Brief, block: str) -> float:
        return potential(brief) if found.search(block) else 0.0

    return Strategy(key, "model", kin, expected, lambda _: description, rewrite)


MORE_NEIGHBOURS = swap(
    "more-neighbours",
    "neighbour-count",
    r"neighbours = min\((\d+), len\(X\)\)",
    r"neighbours = min(2 * \1, len(X))",
    lambda _: 0.4,
    "Ask twice as many neighbours.",
)
FEWER_NEIGHBOURS = swap(
    "fewer-neighbours",
    "neighbour-count",
    r"neighbours = min\((\d+), len\(X\)\)",
    r"neighbours = min(\1 // 2 + 1, len(X))",
    lambda _: 0.35,
    "Ask half as many neighbours.",
)
_SCALER = r'SimpleImputer\(strategy="median"\), StandardScaler\(\)\)'
_NUMBERS = "numbers = make_pipeline("
_LINES, _IMPORTS = curves()
_CURVES = "\n    ".join(_LINES)
SPLINES = swap(
    "splines",
    "scaler",
    # Distances between neighbours stay as they are.
    re.escape(_NUMBERS) + _SCALER + r"(?!(?s:.*)KNeighbors)",
    f'{_CURVES}\n    {_NUMBERS}SimpleImputer(strategy="median"), '
    "make_union(StandardScaler(), curves))",
    lambda brief: 0.6 if bends(Facts(brief)) else 0.1,
    "Give every number a curve of straight pieces (linear splines) in place of a straight line.",
    _IMPORTS,
    most=1,
)
STRAIGHT = swap(
    "straight-lines",
    "scaler",
    re.escape(f"{_CURVES}\n    ")
    + "(?s:(.*?))"
    + re.escape("make_union(StandardScaler(), curves)"),
    r"\1StandardScaler()",
    # Numbers that grow with time are soon beyond what was seen.
    lambda brief: 0.4 if Facts(brief).ordered else 0.2,
    "Leave the curves out: straight lines go on beyond what was seen.",
    most=1,
)
RANKS = swap(
    "even-spread",
    "scaler",
    _SCALER,
    'SimpleImputer(strategy="median"), QuantileTransformer(output_distribution="normal", '
    "n_quantiles=min(len(X), 500), random_state=0))",
    lambda brief: 0.4 if Facts(brief).numeric else 0.1,
    "Spread every number evenly by its rank, so that long tails lose their pull.",
    ("from sklearn.preprocessing import QuantileTransformer",),
)
ALL = (
    BIGGER_FOREST,
    SMALLER_LEAVES,
    LARGER_LEAVES,
    FEWER_COLUMNS,
    WEAKER,
    STRONGER,
    WEAKER_RIDGE,
    STRONGER_RIDGE,
    HEAVIER_DECAY,
    LIGHTER_DECAY,
    WIDER_NETWORK,
    MORE_NEIGHBOURS,
    FEWER_NEIGHBOURS,
    SPLINES,
    STRAIGHT,
    RANKS,
)
