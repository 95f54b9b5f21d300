"""Strategies for ``encode`` on categories: everything is learnt from the fitting rows.

What is learnt from the target is cross-fitted: a fitting row never sees its own label
(Micci-Barreca 2001; the out-of-fold form is that of Prokhorenkova et al. 2018, section 3).
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts, assignment, literal
from mle_star.engineer.playbook.strategies import columns
from mle_star.engineer.playbook.strategies.edits import (
    functions,
    insert_before,
    insert_before_return,
    insert_first,
)
from mle_star.engineer.playbook.strategies.strategy import Strategy, comment, named

TARGET_MEANS = '''
def target_means(known: pd.Series, goal: np.ndarray, asked: pd.Series) -> np.ndarray:
    """Mean goal of each key among the known rows, shrunk towards the mean of all of them."""
    sums = pd.DataFrame({"goal": goal}).groupby(known.to_numpy())["goal"].agg(["sum", "count"])
    means = (sums["sum"] + 10 * goal.mean()) / (sums["count"] + 10)
    return asked.map(means).fillna(goal.mean()).to_numpy(dtype=float)


def cross_fitted(keys: pd.Series, goal: np.ndarray) -> np.ndarray:
    """Target means of the fitting rows, each from the other parts of them."""
    means = np.zeros(len(keys))
    for known, asked in KFold(5, shuffle=True, random_state=SEED).split(keys):
        means[asked] = target_means(keys.iloc[known], goal[known], keys.iloc[asked])
    return means
'''
KFOLD = "from sklearn.model_selection import KFold"


def goals(facts: Facts) -> str:
    """Source of a dict from a suffix to the numbers whose means are taken, given ``y_fit``."""
    if facts.several:
        return '{f" {name}": y_fit[:, j].astype(float) for j, name in enumerate(TARGETS)}'
    if facts.learning == "multiclass":
        return '{f" {code}": (y_fit == code).astype(float) for code in range(len(CLASSES))}'
    return '{"": y_fit.astype(float)}'


def learnt(
    key: str,
    kin: str,
    potential: Callable[[Brief], float],
    describe: Callable[[Brief], str],
    code: Callable[[Brief], str],
    constants: Callable[[Brief], str] | None = None,
    imports: Iterable[str] = (),
    helpers: str = "",
) -> Strategy:
    """A strategy that adds columns to ``tables`` at the end of ``encode``.

    ``code`` may read ``X_fit``, ``y_fit``, ``others`` and ``sources`` (the tables before encoding).
    """
    lines = tuple(imports)

    def rewrite(block: str, brief: Brief) -> str:
        body = "sources = [X_fit, *others]\n" + textwrap.dedent(code(brief)).strip("\n")
        text = comment(key, describe(brief)) + body
        new = insert_before_return(block, "encode", "tables", text, lines)
        if helpers and helpers.split("(")[0].split()[-1] not in functions(new):
            new = insert_before(new, "encode", helpers)
        return insert_before(new, "encode", constants(brief)) if constants else new

    return Strategy(key, "encode", kin, lambda brief, _: potential(brief), describe, rewrite)


def _wide(brief: Brief) -> list[str]:
    """Categorical columns with enough values for their means to tell more than their codes."""
    return columns.categories(brief, 3, max(brief.rows // 3, 3))


def _target_potential(brief: Brief) -> float:
    chosen = _wide(brief)
    if not chosen:
        return 0.0
    widest = max(Facts(brief).column(name).unique for name in chosen)
    return 0.45 if widest >= 30 else 0.4 if widest >= 10 else 0.3


TARGET_ENCODING = learnt(
    "target-encoding",
    "target-encoding",
    _target_potential,
    lambda brief: f"Add the cross-fitted mean target of {named(_wide(brief))}.",
    lambda brief: (
        f"""
    for suffix, goal in {goals(Facts(brief))}.items():
        for column in ENCODED:
            name = f"{{column}} target{{suffix}}"
            tables[0][name] = cross_fitted(X_fit[column], goal)
            for X, source in zip(tables[1:], others):
                X[name] = target_means(X_fit[column], goal, source[column])
    """
    ),
    lambda brief: assignment("ENCODED", _wide(brief)),
    (KFOLD,),
    TARGET_MEANS,
)


def _crosses(brief: Brief) -> list[tuple[str, str]]:
    """Pairs of categorical columns whose combinations are still met often enough."""
    facts = Facts(brief)
    names = columns.categories(brief, 2, 400)
    pairs = []
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            size = facts.column(first).unique * facts.column(second).unique
            if 6 <= size <= max(brief.rows, 100) * 4:
                pairs.append((-min(size, brief.rows / 10), first, second))
    return [(first, second) for _, first, second in sorted(pairs)[:8]]


CROSSES = learnt(
    "category-crosses",
    "crosses",
    lambda brief: 0.2 if _crosses(brief) else 0.0,
    lambda brief: (
        "Add the cross-fitted mean target of pairs of categories: "
        + named([f"{a} with {b}" for a, b in _crosses(brief)], 3)
        + "."
    ),
    lambda brief: (
        f"""
    for suffix, goal in {goals(Facts(brief))}.items():
        for first, second in CROSSES:
            name = f"{{first}} & {{second}} target{{suffix}}"
            keys = [X[first].astype(str) + " & " + X[second].astype(str) for X in sources]
            tables[0][name] = cross_fitted(keys[0], goal)
            for X, asked in zip(tables[1:], keys[1:]):
                X[name] = target_means(keys[0], goal, asked)
    """
    ),
    lambda brief: f"CROSSES = {literal(_crosses(brief))}",
    (KFOLD,),
    TARGET_MEANS,
)

COUNTS = learnt(
    "count-encoding",
    "counts",
    lambda brief: 0.4 if columns.categories(brief, 8, 10**9) else 0.0,
    lambda brief: (
        f"Add how often each value of {named(columns.categories(brief, 3, 10**9))} occurs."
    ),
    lambda _: (
        """
    for column in COUNTED:
        counts = X_fit[column].value_counts(normalize=True)
        for X, source in zip(tables, sources):
            X[f"{column} share"] = source[column].map(counts).fillna(0).astype(float)
    """
    ),
    lambda brief: assignment("COUNTED", columns.categories(brief, 3, 10**9)),
)


def _groups(brief: Brief) -> list[str]:
    return columns.categories(brief, 2, max(brief.rows // 20, 2))[:4]


GROUP_STATISTICS = learnt(
    "group-statistics",
    "groups",
    lambda brief: 0.3 if _groups(brief) and columns.measures(brief, 3) else 0.0,
    lambda brief: (
        f"Add mean and spread of {named(columns.measures(brief, 3))} "
        f"within {named(_groups(brief))}, and each row's place among them."
    ),
    lambda _: (
        """
    for column in GROUPS:
        for number in GROUPED:
            figures = X_fit.groupby(column)[number].agg(["mean", "std"])
            overall, spread = X_fit[number].mean(), X_fit[number].std() + 1e-9
            for X, source in zip(tables, sources):
                mean = source[column].map(figures["mean"]).fillna(overall).astype(float)
                width = source[column].map(figures["std"]).fillna(spread).astype(float)
                X[f"{number} mean by {column}"] = mean
                X[f"{number} place in {column}"] = (source[number] - mean) / (width + 0.1 * spread)
    """
    ),
    lambda brief: (
        assignment("GROUPS", _groups(brief))
        + "\n"
        + assignment("GROUPED", columns.measures(brief, 3))
    ),
)

ONE_HOT = learnt(
    "one-hot",
    "one-hot",
    lambda brief: 0.15 if columns.categories(brief, 3, 12) else 0.0,
    lambda brief: (
        f"Add a yes/no column for each value of {named(columns.categories(brief, 3, 12))}."
    ),
    lambda _: (
        """
    for column in FEW_VALUES:
        values = X_fit[column].value_counts().index[:12]
        for k, value in enumerate(values):
            for X, source in zip(tables, sources):
                X[f"{column} is value {k}"] = (source[column] == value).astype(float)
    """
    ),
    lambda brief: assignment("FEW_VALUES", columns.categories(brief, 3, 12)),
)


def _pool(block: str, brief: Brief) -> str:
    code = """
    X_fit, others = X_fit.copy(), tuple(X.copy() for X in others)
    for column in CATEGORICAL:
        counts = X_fit[column].astype(str).value_counts()
        common = counts.index[counts >= 10]
        for X in (X_fit, *others):
            values = X[column].astype(str)
            X[column] = values.where(values.isin(common), "rare")
    """
    text = comment(RARE.key, RARE.describe(brief)) + textwrap.dedent(code).strip("\n")
    return insert_first(block, "encode", text)


RARE = Strategy(
    "rare-categories",
    "encode",
    "rare",
    lambda brief, _: 0.15 if columns.categories(brief, 20, 10**9) else 0.0,
    lambda _: "Pool categories with fewer than ten fitting rows into one.",
    _pool,
)

ALL = (TARGET_ENCODING, CROSSES, COUNTS, GROUP_STATISTICS, ONE_HOT, RARE)
