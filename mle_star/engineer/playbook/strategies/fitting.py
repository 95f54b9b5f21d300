"""Strategies for model blocks that fit the same model more than once: bagging, stopping, search.

They rename the block's ``fit_<family>`` and put a new one beside it, so that everything happens
within the fitting rows.
"""

from __future__ import annotations

import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.boosters import (
    CATBOOST,
    LIGHTGBM,
    XGBOOST,
    booster_of,
)
from mle_star.engineer.playbook.strategies.edits import (
    add_imports,
    callee,
    checked,
    fit_function,
    functions,
    keywords,
    set_keywords,
)
from mle_star.engineer.playbook.strategies.strategy import Strategy, comment
from mle_star.errors import NoAnswer

FORESTS = (
    "RandomForestRegressor",
    "RandomForestClassifier",
    "ExtraTreesRegressor",
    "ExtraTreesClassifier",
)
NETWORKS = ("MLPRegressor", "MLPClassifier")


def wrap(block: str, prefix: str, source: str, imports: tuple[str, ...]) -> str:
    """The block with its fit function renamed to ``<prefix>_<family>`` and a new one after it.

    ``source`` is the new function with ``FIT`` for its name and ``INNER`` for the renamed one.
    """
    name = fit_function(block)
    inner = f"{prefix}_{name.removeprefix('fit_')}"
    if inner in functions(block):
        raise NoAnswer(f"The block has a function {inner} already.")
    renamed = block.replace(f"def {name}(", f"def {inner}(", 1)
    text = source.strip("\n").replace("INNER", inner).replace("FIT", name)
    return checked(add_imports(renamed.rstrip("\n") + "\n\n\n" + text + "\n\n\n", imports))


def _random(block: str) -> bool:
    """Whether another seed gives another model."""
    return booster_of(block) is not None or bool(callee(block, NETWORKS))


def _seeds(block: str, brief: Brief) -> str:
    source = f'''
def FIT(X: pd.DataFrame, y: np.ndarray, seed: int):
    """Mean of four models that differ in their seed."""
    {noted(SEED_BAG, brief)}
    predicts = [INNER(X, y, 1000 * i + seed) for i in range(4)]
    return lambda table: np.mean([predict(table) for predict in predicts], axis=0)
'''
    return wrap(block, "one_seed", source, ())


def noted(item: Strategy, brief: Brief) -> str:
    """The strategy's comment for the body of a function, without a line end."""
    return comment(item.key, item.describe(brief)).rstrip("\n").replace("\n", "\n    ")


SEED_BAG = Strategy(
    "seed-bagging",
    "model",
    "seeds",
    lambda brief, block: (
        (0.7 if callee(block, NETWORKS) else 0.35 if brief.rows < 10_000 else 0.25)
        if _random(block)
        else 0.0
    ),
    lambda _: "Average four models that differ in their seed alone.",
    _seeds,
)


def _bags(block: str, brief: Brief) -> str:
    source = f'''
def FIT(X: pd.DataFrame, y: np.ndarray, seed: int):
    """Mean of models that each leave out another fifth of the rows."""
    {noted(ROW_BAG, brief)}
    parts = KFold(5, shuffle=True, random_state=seed).split(X)
    predicts = [INNER(X.iloc[kept], y[kept], seed + i) for i, (kept, _) in enumerate(parts)]
    return lambda table: np.mean([predict(table) for predict in predicts], axis=0)
'''
    return wrap(block, "one_part", source, ("from sklearn.model_selection import KFold",))


ROW_BAG = Strategy(
    "row-bagging",
    "model",
    "seeds",
    lambda brief, block: (0.3 if _random(block) else 0.2) if brief.rows >= 500 else 0.0,
    lambda _: "Average five models that each leave out another fifth of the fitting rows.",
    _bags,
)

_FIT_LINE = re.compile(r"^(?P<indent> +)model\.fit\((?P<table>X\S*?), y\)$", re.MULTILINE)


def _stopping(block: str, brief: Brief) -> str:
    booster = booster_of(block)
    found = _FIT_LINE.search(block)
    if booster is None or found is None or len(_FIT_LINE.findall(block)) != 1:
        raise NoAnswer("The block does not fit boosted trees in one line.")
    settings = keywords(block, booster.callees)
    rounds = float(settings.get(booster.rounds, "300"))
    rate = float(settings.get(booster.rate, "0.1"))
    changes: dict[str, str | None] = {
        booster.rounds: str(round(rounds * 5)),
        booster.rate: f"{rate * 0.6:.4g}",
    }
    imports = ["from sklearn.model_selection import train_test_split"]
    table = found.group("table")
    held = "X_held" + table.removeprefix("X")
    extra = f", eval_set=[({held}, y_held)]"
    if booster is XGBOOST:
        changes["early_stopping_rounds"] = "60"
        extra += ", verbose=False"
    elif booster is LIGHTGBM:
        imports.append("from lightgbm import early_stopping")
        extra += ", callbacks=[early_stopping(60, verbose=False)]"
    elif booster is CATBOOST:
        extra = f", eval_set=({held}, y_held), early_stopping_rounds=60"
    else:
        # Scikit-learn's histogram boosting splits by itself.
        changes |= {"early_stopping": "True", "n_iter_no_change": "40"}
        return add_imports(set_keywords(block, booster.callees, changes), ())
    indent = found.group("indent")
    note = noted(EARLY_STOPPING, brief).replace("\n    ", "\n" + indent)
    stratify = "" if Facts(brief).learning == "regression" else ", stratify=y"
    lines = (
        f"{indent}{note}\n"
        f"{indent}X, X_held, y, y_held = train_test_split(\n"
        f"{indent}    X, y, test_size=0.15, random_state=seed{stratify}\n"
        f"{indent})\n"
        f"{indent}model.fit(\n"
        f"{indent}    {table}, y{extra}\n"
        f"{indent})"
    )
    new = block[: found.start()] + lines + block[found.end() :]
    return checked(add_imports(set_keywords(new, booster.callees, changes), imports))


EARLY_STOPPING = Strategy(
    "early-stopping",
    "model",
    "rounds",
    lambda brief, block: (
        (
            0.5
            if Facts(brief).learning != "regression" and brief.rows >= 10_000
            else 0.3
            if brief.rows >= 2_000
            else 0.15
        )
        if booster_of(block)
        else 0.0
    ),
    lambda _: "Learn slowly and stop when a held-out part of the fitting rows gains no more.",
    _stopping,
)

ALL = (SEED_BAG, ROW_BAG, EARLY_STOPPING)
