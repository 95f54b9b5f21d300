"""Strategies for ``combine``: better weights, other ways to average.

One for ``validate`` stands here as well, because it repeats what ``combine`` does.
"""

from __future__ import annotations

import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.edits import (
    add_imports,
    checked,
    function,
    insert_before,
)
from mle_star.engineer.playbook.strategies.families import families, feeds_numbers
from mle_star.engineer.playbook.strategies.strategy import Strategy, comment
from mle_star.errors import NoAnswer

_TOTAL = "    total = sum(WEIGHTS.values())\n"
_LOOP = re.compile(
    r"    for name, fit in MODELS\.items\(\):\n"
    r"        predict = fit\(X_fit, (?:transform\(y_fit\)|y_fit), SEED\)\n"
    r"        for i, X in enumerate\(others\):\n"
    r"            sums\[i\] \+= WEIGHTS\[name\] / total \* \S+\n"
)


def _loop(block: str) -> str:
    """The loop over the models of ``fit_predict``.

    Raises:
        NoAnswer: ``fit_predict`` is not as the writer writes it.
    """
    function(block, "fit_predict")
    found = _LOOP.search(block)
    if found is None or _TOTAL not in block:
        raise NoAnswer("The models are not averaged in the usual loop.")
    return found.group(0)


def _many(block: str) -> bool:
    return len(families(block)) > 1


def _noted(item: Strategy, brief: Brief, indent: int) -> str:
    """The strategy's comment at some depth, with a line end."""
    space = " " * indent
    return (
        space + comment(item.key, item.describe(brief)).rstrip().replace("\n", f"\n{space}") + "\n"
    )


_WEIGHED = '''
def learnt_weights(X_fit: pd.DataFrame, y_fit: np.ndarray) -> dict[str, float]:
    """Weights that predict a held-out part of the fitting rows best, half way to equal ones."""
    inner = {splitter}
    fit_rows, held = next(inner.split(X_fit, y_fit))
    members = []
    for fit in MODELS.values():
        predict = fit(X_fit.iloc[fit_rows], {y}, SEED)
        members.append({out})
    best, _ = nnls(np.column_stack(members), {goal})
    equal = 1 / len(MODELS)
    best = best / best.sum() if best.sum() > 0 else np.full(len(MODELS), equal)
    return dict(zip(MODELS, (best + equal) / 2))
'''


def _learn_weights(block: str, brief: Brief) -> str:
    loop, facts = _loop(block), Facts(brief)
    out = "predict(X_fit.iloc[held])"
    out = f"restore({out})" if "restore(" in loop else out
    goal = "y_fit[held].astype(float)"
    if facts.learning == "multiclass":
        out, goal = f"{out}.ravel()", "np.eye(len(CLASSES))[y_fit[held]].ravel()"
    name = "KFold" if facts.learning == "regression" else "StratifiedKFold"
    helper = _WEIGHED.format(
        splitter=f"{name}(4, shuffle=True, random_state=SEED)",
        y="transform(y_fit[fit_rows])" if "transform(" in loop else "y_fit[fit_rows]",
        out=out,
        goal=goal,
    )
    note = _noted(LEARNT_WEIGHTS, brief, 4)
    new = block.replace(_TOTAL, f"{note}    shares = learnt_weights(X_fit, y_fit)\n")
    new = new.replace("WEIGHTS[name] / total", "shares[name]")
    imports = ("from scipy.optimize import nnls", f"from sklearn.model_selection import {name}")
    return insert_before(new, "fit_predict", helper, imports)


LEARNT_WEIGHTS = Strategy(
    "learnt-weights",
    "combine",
    "weights",
    lambda brief, block: 0.45 if _many(block) and not Facts(brief).several else 0.0,
    lambda _: "Weigh the models by how well they predict a held-out part of the fitting rows.",
    _learn_weights,
)


def _averaged(block: str, brief: Brief, item: Strategy, member: str) -> str:
    """The loop with ``member`` in place of a model's plain prediction."""
    loop = _loop(block)
    new = loop.replace("* predict(X)\n", f"* {member}\n")
    if new == loop:
        raise NoAnswer("The models' predictions are no plain probabilities.")
    start = "            sums[i] +="
    return block.replace(loop, new.replace(start, _noted(item, brief, 12) + start))


def _rank_average(block: str, brief: Brief) -> str:
    new = _averaged(block, brief, RANK_AVERAGE, "rankdata(predict(X)) / len(X)")
    return checked(add_imports(new, ("from scipy.stats import rankdata",)))


RANK_AVERAGE = Strategy(
    "rank-average",
    "combine",
    "average",
    lambda brief, block: (
        0.4
        if _many(block) and Facts(brief).metric == "roc_auc" and Facts(brief).learning == "binary"
        else 0.0
    ),
    lambda _: "Average ranks instead of probabilities: only the order counts.",
    _rank_average,
)


def _log_odds(block: str, brief: Brief) -> str:
    member = "logit(np.clip(predict(X), 1e-6, 1 - 1e-6))"
    new = _averaged(block, brief, LOG_ODDS, member)
    if "    return sums\n" not in new:
        raise NoAnswer("The function fit_predict does not return its sums.")
    new = new.replace("    return sums\n", "    return [expit(values) for values in sums]\n")
    return checked(add_imports(new, ("from scipy.special import expit, logit",)))


LOG_ODDS = Strategy(
    "average-log-odds",
    "combine",
    "average",
    lambda brief, block: (
        0.3
        if _many(block) and Facts(brief).learning == "binary" and not Facts(brief).several
        else 0.0
    ),
    lambda _: "Average log odds instead of probabilities, which keeps sure models sure.",
    _log_odds,
)

_LINE = '''
def straight_line(X_fit: pd.DataFrame, y_fit: np.ndarray):
    """Ridge regression on the scaled columns; returns a function from a table to predictions."""
    columns = [c for c in X_fit if pd.api.types.is_numeric_dtype(X_fit[c])]
    model = make_pipeline(SimpleImputer(), StandardScaler(), RidgeCV(np.logspace(-2, 4, 13)))
    model.fit(X_fit[columns].to_numpy(dtype=float), y_fit)
    return lambda table: model.predict(table[columns].to_numpy(dtype=float))
'''


def _residuals(block: str, brief: Brief) -> str:
    loop = _loop(block)
    if "transform(y_fit)" not in loop or "restore(predict(X))" not in loop:
        raise NoAnswer("The models do not learn numbers.")
    new = loop.replace("transform(y_fit)", "scaled - line(X_fit)")
    new = new.replace("restore(predict(X))", "restore(predict(X) + line(X))")
    start = "    scaled = transform(y_fit)\n    line = straight_line(X_fit, scaled)\n"
    imports = (
        "from sklearn.impute import SimpleImputer",
        "from sklearn.linear_model import RidgeCV",
        "from sklearn.pipeline import make_pipeline",
        "from sklearn.preprocessing import StandardScaler",
    )
    text = block.replace(loop, _noted(RESIDUALS, brief, 4) + start + new)
    return insert_before(text, "fit_predict", _LINE, imports)


RESIDUALS = Strategy(
    "linear-residual",
    "combine",
    "residual",
    lambda brief, block: (
        0.35
        if Facts(brief).learning == "regression"
        and not Facts(brief).several
        and feeds_numbers(block, brief)
        else 0.0
    ),
    lambda _: "Fit a straight line first and let the models learn what it leaves over.",
    _residuals,
)

# ---- validate --------------------------------------------------------------------------------

_REPEATED = '''
def repeated(*tables) -> list[np.ndarray]:
    """Mean of fit_predict over three seeds."""
    global SEED
    start, runs = SEED, []
    for SEED in range(start, start + 3):
        runs.append(fit_predict(*tables))
    SEED = start
    return [np.mean(values, axis=0) for values in zip(*runs)]


'''


def _repeat(block: str, brief: Brief) -> str:
    if "= fit_predict(" not in block or "def repeated(" in block:
        raise NoAnswer("The block does not call fit_predict, or repeats it already.")
    first, _, rest = block.partition("\n")
    text = rest.replace("= fit_predict(", "= repeated(")
    note = comment(REPEAT.key, REPEAT.describe(brief))
    return checked(f"{first}\n{note}{_REPEATED.lstrip()}{text}")


REPEAT = Strategy(
    "repeat-seeds",
    "validate",
    "repeat",
    lambda brief, _: 0.3 if brief.rows < 10_000 else 0.15,
    lambda _: "Fit every model with three seeds and average them.",
    _repeat,
)

ALL = (LEARNT_WEIGHTS, RANK_AVERAGE, LOG_ODDS, RESIDUALS, REPEAT)
