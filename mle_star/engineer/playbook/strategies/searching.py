"""A strategy for model blocks: a short search for settings within the fitting rows."""

from __future__ import annotations

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.strategies.boosters import CATBOOST, HISTOGRAM, Booster, booster_of
from mle_star.engineer.playbook.strategies.edits import (
    assigns,
    callee,
    checked,
    fit_function,
    function,
    keywords,
)
from mle_star.engineer.playbook.strategies.fitting import FORESTS, noted, wrap
from mle_star.engineer.playbook.strategies.strategy import Strategy
from mle_star.errors import NoAnswer


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
    splitter = "KFold" if facts.learning == "regression" else "StratifiedKFold"
    suggestions = "".join(
        f"            {_key(key)}: {code.format(name=key).replace(chr(39), chr(34))},\n"
        for key, code in space.items()
    )
    start = "{" + ", ".join(f"{_key(key)}: {value}" for key, value in first.items()) + "}"
    seconds = max(round(0.5 * brief.script_seconds / (brief.folds + 1), 1), 0.2)
    source = f'''
def FIT(X: pd.DataFrame, y: np.ndarray, seed: int):
    """The model with settings found by a short search within the fitting rows."""
    {noted(SEARCH, brief)}
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
    labels = ", labels=range(len(CLASSES))" if facts.learning == "multiclass" else ""
    code = f"{name}(y[held], predict(X.iloc[held]){labels})"
    return code, (f"from sklearn.metrics import {name}",)


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
    # What is found replaces these settings in the call that builds the model.
    frozenset({"rounds", "size", "penalty", "sampling", "leaves", "split-columns"}),
)

ALL = (SEARCH,)
