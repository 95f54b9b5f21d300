"""Strategies for model blocks that fit the same model more than once: bagging, stopping, search.

They rename the block's ``fit_<family>`` and put a new one beside it, so that everything happens within the fitting rows.
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
    Booster,
    booster_of,
)
from mle_star.engineer.playbook.strategies.edits import (
    add_imports,
    assigns,
    callee,
    checked,
    fit_function,
    function,
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
    {_note(SEED_BAG, brief)}
    predicts = [INNER(X, y, 1000 * i + seed) for i in range(4)]
    return lambda table: np.mean([predict(table) for predict in predicts], axis=0)
'''
    return wrap(block, "one_seed", source, ())


def _note(item: Strategy, brief: Brief) -> str:
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
    {_note(ROW_BAG, brief)}
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
    note = _note(EARLY_STOPPING, brief).replace("\n    ", "\n" + indent)
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

# ---- search ----------------------------------------------------------------------------------


def _space(block: str) -> tuple[dict[str, str], tuple[str, ...]]:
    """What the search suggests for each setting, as source, and which classes build the model."""
    booster = booster_of(block)
    if booster is None:
        name = callee(block, FORESTS)
        if not name:
            raise NoAnswer("There is no search space for this model.")
        return {
            "min_samples_leaf": "trial.suggest_int({name!r}, 1, 20, log=True)",
            "max_features": "trial.suggest_float({name!r}, 0.2, 1.0)",
        }, (name,)
    space = {booster.size: _sizes(booster)}
    if booster is not CATBOOST:
        space[booster.leaf] = "trial.suggest_int({name!r}, 2, 60, log=True)"
    space[booster.penalty] = "trial.suggest_float({name!r}, 0.1, 30.0, log=True)"
    space[booster.columns] = "trial.suggest_float({name!r}, 0.3, 1.0)"
    space[booster.rate] = "trial.suggest_float({name!r}, 0.02, 0.15, log=True)"
    if booster is HISTOGRAM:
        space[booster.leaf] = "trial.suggest_int({name!r}, 5, 80, log=True)"
    return space, booster.callees


def _sizes(booster: Booster) -> str:
    if booster.leaves:
        return "trial.suggest_int({name!r}, 6, 128, log=True)"
    return "trial.suggest_int({name!r}, 3, 9)"


def _search(block: str, brief: Brief) -> str:
    facts = Facts(brief)
    space, callees = _space(block)
    settings = keywords(block, callees)
    first = {name: settings[name] for name in space if _is_number(settings.get(name, ""))}
    name = fit_function(block)
    lines = block.splitlines(keepends=True)
    builds = _assignment_of_model(block, name)
    indent = " " * 4
    lines.insert(builds, f"{indent}model.set_params(**settings)\n")
    text = "".join(lines).replace(
        f"def {name}(X: pd.DataFrame, y: np.ndarray, seed: int)", "DEF", 1
    )
    if "DEF" not in text:
        raise NoAnswer("The fit function has another signature.")
    text = text.replace(
        "DEF", f"def {name}(X: pd.DataFrame, y: np.ndarray, seed: int, **settings)", 1
    )
    loss, imports = _loss(facts)
    if facts.learning == "multiclass":
        loss = loss.replace(")", ", labels=range(len(CLASSES)))")
    splitter = "KFold" if facts.learning == "regression" else "StratifiedKFold"
    suggestions = "".join(
        f"            {_key(key)}: {code.format(name=key).replace(chr(39), chr(34))},\n"
        for key, code in space.items()
    )
    start = "{" + ", ".join(f"{_key(key)}: {value}" for key, value in first.items()) + "}"
    seconds = max(round(0.5 * brief.script_seconds / (brief.folds + 1), 1), 1.0)
    source = f'''
def FIT(X: pd.DataFrame, y: np.ndarray, seed: int):
    """The model with settings found by a short search within the fitting rows."""
    {_note(SEARCH, brief)}
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    parts = list({splitter}(3, shuffle=True, random_state=seed).split(X, y))

    def loss(trial: optuna.Trial) -> float:
        settings = {{
{suggestions}        }}
        losses = []
        for step, (fit, held) in enumerate(parts):
            predict = INNER(X.iloc[fit], y[fit], seed, **settings)
            losses.append({loss})
            trial.report(np.mean(losses), step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(losses))

    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4),
    )
    study.enqueue_trial({start})
    study.optimize(loss, n_trials=20, timeout={seconds})
    return INNER(X, y, seed, **study.best_params)
'''
    return wrap(
        checked(text),
        "with_settings",
        source,
        ("import optuna", f"from sklearn.model_selection import {splitter}", *imports),
    )


def _key(name: str) -> str:
    return f'"{name}"'


def _is_number(code: str) -> bool:
    try:
        float(code)
    except ValueError:
        return False
    return True


def _assignment_of_model(block: str, name: str) -> int:
    """Number of lines up to the end of the first ``model = ...`` of the function."""
    for node in function(block, name).body:
        if assigns("model")(node) and node.end_lineno is not None:
            return node.end_lineno
    raise NoAnswer("The fit function does not build a model by that name.")


def _loss(facts: Facts) -> tuple[str, tuple[str, ...]]:
    if facts.learning == "regression":
        name = "mean_absolute_error" if facts.loss == "absolute" else "mean_squared_error"
    else:
        name = "log_loss"
    return f"{name}(y[held], predict(X.iloc[held]))", (f"from sklearn.metrics import {name}",)


def _search_potential(brief: Brief, block: str) -> float:
    if "optuna" not in brief.installed or not (booster_of(block) or callee(block, FORESTS)):
        return 0.0
    # Seconds one trial may take if a dozen are to fit into the time of a fold.
    patience = 0.5 * brief.script_seconds / (brief.folds + 1) / 12
    affordable = patience > brief.rows / 10_000
    return 0.5 if affordable and brief.rows >= 1_000 else 0.2


SEARCH = Strategy(
    "settings-search",
    "model",
    "search",
    _search_potential,
    lambda _: "Search settings with Optuna for a short while within the fitting rows.",
    _search,
)

ALL = (SEED_BAG, ROW_BAG, EARLY_STOPPING, SEARCH)
