"""Strategies for ``make_features`` on numbers, categories and gaps: each row is looked at alone."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts, assignment, literal
from mle_star.engineer.playbook.strategies import columns
from mle_star.engineer.playbook.strategies.edits import insert_before, insert_before_return
from mle_star.engineer.playbook.strategies.strategy import Strategy, comment, named


def row_wise(
    key: str,
    kin: str,
    potential: Callable[[Brief], float],
    describe: Callable[[Brief], str],
    code: Callable[[Brief], str],
    constants: Callable[[Brief], str] | None = None,
    imports: Iterable[str] = (),
) -> Strategy:
    """A strategy that adds columns to ``X`` at the end of ``make_features``.

    ``code`` is source that assigns to ``X`` and may read ``rows``; ``constants`` stand before the
    function.
    """
    lines = tuple(imports)

    def rewrite(block: str, brief: Brief) -> str:
        text = comment(key, describe(brief)) + textwrap.dedent(code(brief)).strip("\n")
        new = insert_before_return(block, "make_features", "X", text, lines)
        return insert_before(new, "make_features", constants(brief)) if constants else new

    return Strategy(key, "features", kin, lambda brief, _: potential(brief), describe, rewrite)


def _pairs_potential(brief: Brief) -> float:
    chosen = columns.measures(brief, 6)
    if len(chosen) < 3:
        return 0.25 if len(chosen) == 2 else 0.0
    worth = 0.4 + 0.1 * min(sum(columns.is_size(name) for name in chosen), 4)
    # Classes are coarser than numbers: trees learn noise from the many new columns.
    return worth if Facts(brief).learning == "regression" else 0.6 * worth


RATIOS = row_wise(
    "ratios",
    "ratios",
    _pairs_potential,
    lambda brief: f"Add the ratio of each two of {named(columns.measures(brief, 6), 6)}.",
    lambda _: (
        """
    for first, second in itertools.combinations(RATIOS, 2):
        ratio = X[first] / X[second]
        X[f"{first} / {second}"] = ratio.replace([np.inf, -np.inf], np.nan).fillna(0)
    """
    ),
    lambda brief: assignment("RATIOS", columns.measures(brief, 6)),
    ("import itertools",),
)

PRODUCTS = row_wise(
    "products",
    "products",
    lambda brief: 0.45 * _pairs_potential(brief),
    lambda brief: f"Add the product of each two of {named(columns.measures(brief, 5), 5)}.",
    lambda _: (
        """
    for first, second in itertools.combinations(FACTORS, 2):
        X[f"{first} * {second}"] = X[first] * X[second]
    """
    ),
    lambda brief: assignment("FACTORS", columns.measures(brief, 5)),
    ("import itertools",),
)

DIFFERENCES = row_wise(
    "differences",
    "differences",
    lambda brief: 0.4 if len(columns.measures(brief, 6)) >= 2 else 0.0,
    lambda brief: f"Add the difference of each two of {named(columns.measures(brief, 6), 6)}.",
    lambda _: (
        """
    for first, second in itertools.combinations(TERMS, 2):
        X[f"{first} - {second}"] = X[first] - X[second]
    """
    ),
    lambda brief: assignment("TERMS", columns.measures(brief, 6)),
    ("import itertools",),
)

LOGARITHMS = row_wise(
    "logarithms",
    "logarithms",
    # Trees do not care about the scale of a column; linear models and nearest neighbours do.
    lambda brief: 0.2 if columns.skewed(brief) else 0.0,
    lambda brief: f"Add log(1 + x) of the long-tailed columns {named(columns.skewed(brief))}.",
    lambda _: (
        """
    for column in SKEWED:
        X[f"log {column}"] = np.log1p(X[column].clip(lower=0))
    """
    ),
    lambda brief: assignment("SKEWED", columns.skewed(brief)),
)

MISSING_FLAGS = row_wise(
    "missing-flags",
    "missing",
    lambda brief: min(0.35, 0.15 + 0.05 * len(columns.gaps(brief))) if columns.gaps(brief) else 0.0,
    lambda brief: f"Flag the gaps of {named(columns.gaps(brief))} and count each row's gaps.",
    lambda _: (
        """
    for column in GAPS:
        X[f"{column} missing"] = rows[column].isna().astype(float)
    X["gaps in row"] = rows[GAPS].isna().sum(axis=1).astype(float)
    """
    ),
    lambda brief: assignment("GAPS", columns.gaps(brief)),
)

ROW_STATISTICS = row_wise(
    "row-statistics",
    "row-statistics",
    lambda brief: 0.2 if len(Facts(brief).numeric) >= 10 else 0.0,
    lambda _: "Add mean, spread, smallest and largest of each row's numbers.",
    lambda _: (
        """
    numbers = rows[NUMERIC].apply(pd.to_numeric, errors="coerce").fillna(0)
    X["row mean"] = numbers.mean(axis=1)
    X["row spread"] = numbers.std(axis=1)
    X["row smallest"] = numbers.min(axis=1)
    X["row largest"] = numbers.max(axis=1)
    """
    ),
)


REPEATED = row_wise(
    "repeated-measures",
    "repeated-measures",
    lambda brief: 0.3 if columns.repeated(brief) else 0.0,
    lambda brief: (
        f"Add mean, spread, range and place of the largest of {named(columns.repeated(brief))}."
    ),
    lambda _: (
        """
    for name, columns in REPEATED.items():
        numbers = X[columns]
        X[f"{name} mean"] = numbers.mean(axis=1)
        X[f"{name} spread"] = numbers.std(axis=1)
        X[f"{name} range"] = numbers.max(axis=1) - numbers.min(axis=1)
        X[f"{name} rise"] = numbers[columns[-1]] - numbers[columns[0]]
        X[f"{name} largest"] = numbers.fillna(-np.inf).to_numpy().argmax(axis=1).astype(float)
    """
    ),
    lambda brief: assignment("REPEATED", dict(list(columns.repeated(brief).items())[:8])),
)


def _tallied(brief: Brief) -> list[str]:
    """Categorical columns of few values, such as yes and no, that can be counted along a row."""
    few = columns.categories(brief, 2, 4)
    return few if len(few) >= 4 else []


TALLIES = row_wise(
    "answer-tallies",
    "tallies",
    lambda brief: 0.35 if _tallied(brief) else 0.0,
    lambda brief: (
        f"Count how often each answer occurs along the row over {named(_tallied(brief))}."
    ),
    lambda _: (
        """
    answers = rows[ANSWERS].astype(str)
    for answer in COUNTED:
        X[f"answers {answer}"] = (answers == answer).sum(axis=1).astype(float)
    """
    ),
    lambda brief: (
        assignment("ANSWERS", _tallied(brief)) + "\n" + assignment("COUNTED", _answers(brief))
    ),
)


def _answers(brief: Brief) -> list[str]:
    """Values that occur among the examples of at least two of the tallied columns."""
    seen: dict[str, int] = {}
    for name in _tallied(brief):
        for value in set(Facts(brief).column(name).examples):
            seen[value] = seen.get(value, 0) + 1
    return sorted(value for value, count in seen.items() if count >= 2) or ["Yes", "No"]


ROUNDNESS = row_wise(
    "roundness",
    "roundness",
    lambda brief: 0.15 if len(columns.measures(brief, 4)) >= 2 else 0.0,
    lambda brief: f"Say how round the numbers of {named(columns.measures(brief, 4))} are.",
    lambda _: (
        """
    for column in ROUNDED:
        X[f"{column} cents"] = X[column] - np.floor(X[column])
        X[f"{column} last digit"] = np.floor(X[column].abs()) % 10
    """
    ),
    lambda brief: assignment("ROUNDED", columns.measures(brief, 4)),
)

# ---- places ----------------------------------------------------------------------------------

ROTATIONS = row_wise(
    "rotated-coordinates",
    "places",
    # Trees split along the axes; a coast or a street grid seldom runs along them.
    lambda brief: 0.5 if columns.coordinates(brief) else 0.0,
    lambda brief: "Rotate the coordinates, so that trees can split along slanted lines.",
    lambda _: (
        """
    for x, y_axis in PLACES:
        for degrees in (15, 30, 45, 60, 75):
            turn = np.deg2rad(degrees)
            X[f"{x} turned {degrees}"] = np.cos(turn) * X[x] + np.sin(turn) * X[y_axis]
            X[f"{y_axis} turned {degrees}"] = np.cos(turn) * X[y_axis] - np.sin(turn) * X[x]
    """
    ),
    lambda brief: f"PLACES = {literal(columns.coordinates(brief))}",
)

TRIP = row_wise(
    "trip-distance",
    "trip",
    lambda brief: 0.9 if len(columns.coordinates(brief)) >= 2 else 0.0,
    lambda _: "Add the distance and the bearing between the first two places.",
    lambda _: (
        """
    (x0, y0), (x1, y1) = PLACE_PAIR
    east = (X[x1] - X[x0]) * np.cos(np.deg2rad(X[y0]))
    north = X[y1] - X[y0]
    X["trip distance"] = np.hypot(east, north)
    X["trip bearing"] = np.arctan2(north, east)
    """
    ),
    lambda brief: f"PLACE_PAIR = {literal(columns.coordinates(brief)[:2])}",
)

ALL = (
    RATIOS,
    PRODUCTS,
    DIFFERENCES,
    LOGARITHMS,
    MISSING_FLAGS,
    ROW_STATISTICS,
    REPEATED,
    TALLIES,
    ROUNDNESS,
    ROTATIONS,
    TRIP,
)
