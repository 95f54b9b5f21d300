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
    HISTOGRAM,
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
    return _stopped(block, brief, EARLY_STOPPING)


def _learnt_rounds(block: str, brief: Brief) -> str:
    """Stop early on a held-out part, then learn from all rows with as many rounds."""
    booster = booster_of(block)
    new = _stopped(block, brief, FITTED_ROUNDS)
    found = _FIT_LINE.search(block)
    assert booster is not None  # or stopping had failed
    assert found is not None
    indent, table = found.group("indent"), found.group("table")
    best = {
        LIGHTGBM: "model.best_iteration_",
        XGBOOST: "model.best_iteration + 1",
        CATBOOST: "model.get_best_iteration() + 1",
    }.get(booster, "model.n_iter_ - 40 * (model.n_iter_ < model.max_iter)")
    off = {
        XGBOOST: ', "early_stopping_rounds": None',
        HISTOGRAM: ', "early_stopping": False',
    }.get(booster, "")
    again = (
        f"{indent}# All rows are learnt from, in as many rounds as were best.\n"
        f"{indent}rounds = max(10, round(1.1 * ({best})))\n"
        f'{indent}settings = {{**model.get_params(), "{booster.rounds}": rounds{off}}}\n'
        f"{indent}model = {callee(block, booster.callees)}(**settings)\n"
    )
    if booster is HISTOGRAM:
        again += f"{indent}model.fit({table}, y)\n"
        return checked(new.replace(found.group() + "\n", found.group() + "\n" + again))
    again += f"{indent}model.fit({table}, y)"
    # The names of the parts, so that X and y stay what they are.
    for name in ("X", "y"):
        new = new.replace(f"{indent}{name}, {name}_held", f"{indent}{name}_part, {name}_held")
    new = new.replace(
        f"{indent}X_part, X_held, y, y_held", f"{indent}X_part, X_held, y_part, y_held"
    )
    part = "X_part" + table.removeprefix("X")
    first = f"{indent}model.fit(\n{indent}    {table}, y, "
    start = new.index(first)
    end = new.index(f"\n{indent})", start) + len(f"\n{indent})")
    fitted = new[start:end].replace(f"{table}, y, ", f"{part}, y_part, ", 1)
    return checked(new[:start] + fitted + "\n" + again + new[end:])


def _stopped(block: str, brief: Brief, item: Strategy) -> str:
    booster = booster_of(block)
    found = _FIT_LINE.search(block)
    if re.search(r"early_stopping(?!=False)", block):
        raise NoAnswer("The block finds its number of rounds already.")
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
    note = noted(item, brief).replace("\n    ", "\n" + indent)
    # A class with a single row in a fold can't be divided.
    stratify = ", stratify=y" if (Facts(brief).least_class or 0) >= 20 else ""
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
            0.3
            if Facts(brief).learning != "regression" and brief.rows >= 10_000
            else 0.15
            if brief.rows >= 2_000
            else 0.1
        )
        if booster_of(block)
        else 0.0
    ),
    lambda _: "Learn slowly and stop when a held-out part of the fitting rows gains no more.",
    _stopping,
)

FITTED_ROUNDS = Strategy(
    "fitted-rounds",
    "model",
    "rounds",
    lambda brief, block: (0.2 if brief.rows >= 3_000 else 0.1) if booster_of(block) else 0.0,
    lambda _: "Learn slowly, for as many rounds as are best on a held-out part, then on all rows.",
    _learnt_rounds,
)

ALL = (SEED_BAG, ROW_BAG, EARLY_STOPPING, FITTED_ROUNDS)
