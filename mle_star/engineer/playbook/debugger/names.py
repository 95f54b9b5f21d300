"""Missing modules and missing names."""

from __future__ import annotations

import ast
import difflib
import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook import script as canonical
from mle_star.engineer.playbook.debugger.source import (
    Failure,
    Source,
    name_of,
    with_lines_on_top,
    words,
)

_SKLEARN = {
    "base": "clone BaseEstimator TransformerMixin RegressorMixin ClassifierMixin",
    "calibration": "CalibratedClassifierCV",
    "cluster": "KMeans MiniBatchKMeans",
    "compose": (
        "ColumnTransformer TransformedTargetRegressor make_column_transformer make_column_selector"
    ),
    "decomposition": "PCA TruncatedSVD NMF",
    "ensemble": "RandomForestRegressor RandomForestClassifier ExtraTreesRegressor "
    "ExtraTreesClassifier "
    "GradientBoostingRegressor GradientBoostingClassifier HistGradientBoostingRegressor "
    "HistGradientBoostingClassifier StackingRegressor StackingClassifier "
    "VotingRegressor VotingClassifier "
    "BaggingRegressor BaggingClassifier AdaBoostRegressor AdaBoostClassifier",
    "feature_extraction.text": "TfidfVectorizer CountVectorizer HashingVectorizer",
    "feature_selection": (
        "SelectKBest VarianceThreshold f_regression f_classif mutual_info_regression "
        "mutual_info_classif"
    ),
    "impute": "SimpleImputer KNNImputer",
    "isotonic": "IsotonicRegression",
    "linear_model": "LinearRegression Ridge RidgeCV RidgeClassifier Lasso LassoCV ElasticNet "
    "LogisticRegression "
    "HuberRegressor SGDClassifier SGDRegressor BayesianRidge PoissonRegressor QuantileRegressor",
    "metrics": "mean_squared_error root_mean_squared_error mean_absolute_error r2_score "
    "roc_auc_score accuracy_score "
    "log_loss f1_score mean_squared_log_error average_precision_score "
    "cohen_kappa_score balanced_accuracy_score "
    "matthews_corrcoef mean_absolute_percentage_error median_absolute_error brier_score_loss",
    "model_selection": "KFold StratifiedKFold GroupKFold TimeSeriesSplit train_test_split "
    "cross_val_predict "
    "cross_val_score cross_validate GridSearchCV RandomizedSearchCV PredefinedSplit",
    "naive_bayes": "MultinomialNB ComplementNB GaussianNB BernoulliNB",
    "neighbors": "KNeighborsRegressor KNeighborsClassifier",
    "neural_network": "MLPRegressor MLPClassifier",
    "pipeline": "Pipeline make_pipeline FeatureUnion make_union",
    "preprocessing": "StandardScaler MinMaxScaler RobustScaler OneHotEncoder OrdinalEncoder "
    "LabelEncoder TargetEncoder "
    "PolynomialFeatures QuantileTransformer PowerTransformer FunctionTransformer "
    "SplineTransformer KBinsDiscretizer",
    "svm": "SVR SVC LinearSVR LinearSVC",
}
IMPORTS = {
    "np": "import numpy as np",
    "pd": "import pandas as pd",
    "lgb": "import lightgbm as lgb",
    "xgb": "import xgboost as xgb",
    "Path": "from pathlib import Path",
    "defaultdict": "from collections import defaultdict",
    "Counter": "from collections import Counter",
    "partial": "from functools import partial",
    "LGBMRegressor": "from lightgbm import LGBMRegressor",
    "LGBMClassifier": "from lightgbm import LGBMClassifier",
    "XGBRegressor": "from xgboost import XGBRegressor",
    "XGBClassifier": "from xgboost import XGBClassifier",
    "stats": "from scipy import stats",
    "sparse": "from scipy import sparse",
    "minimize": "from scipy.optimize import minimize",
    "rankdata": "from scipy.stats import rankdata",
    "datetime": "from datetime import datetime",
    "scipy": "import scipy",
    "combinations": "from itertools import combinations",
    "product": "from itertools import product",
    **{
        m: f"import {m}"
        for m in words(
            "os sys re gc math json time random warnings itertools string copy functools optuna"
        )
    },
    **{
        n: f"from sklearn.{module} import {n}"
        for module, ns in _SKLEARN.items()
        for n in ns.split()
    },
}
"""Name -> the import that brings it."""

_BOOSTERS = {"lightgbm": "LGBM", "xgboost": "XGB", "catboost": "CatBoost"}
_SETTINGS = {
    "n_estimators": "max_iter",
    "iterations": "max_iter",
    "num_iterations": "max_iter",
    "learning_rate": "learning_rate",
    "eta": "learning_rate",
    "num_leaves": "max_leaf_nodes",
    "max_leaves": "max_leaf_nodes",
    "random_state": "random_state",
    "random_seed": "random_state",
    "seed": "random_state",
    "reg_lambda": "l2_regularization",
    "l2_leaf_reg": "l2_regularization",
    "min_child_samples": "min_samples_leaf",
}
_PICTURES = {"matplotlib", "seaborn", "plotly", "IPython", "missingno", "wandb", "mlflow", "shap"}


def missing_import(script: str, failure: Failure, brief: Brief) -> str | None:
    """``np``, ``Ridge`` and others are used without their import."""
    found = re.search(r"name '(\w+)' is not defined", failure.message)
    if failure.type != "NameError" or not found:
        return None
    name = found.group(1)
    line = IMPORTS.get(name)
    if line:
        return with_lines_on_top(script, line)
    source = Source(script)
    statement = source.statement_at(failure.line)
    known = {
        n.id
        for n in ast.walk(source.tree)
        if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
    }
    close = difflib.get_close_matches(name, known - {name}, n=1, cutoff=0.8)
    if statement is None or not close:
        return None
    wrong = [n for n in ast.walk(statement) if isinstance(n, ast.Name) and n.id == name]
    return source.edited([(source.span(n), close[0]) for n in wrong])


def moved_import(script: str, failure: Failure, brief: Brief) -> str | None:
    """``cannot import name``: import it from where it lives now, or not at all."""
    found = re.search(r"cannot import name '(\w+)' from '([\w.]+)'", failure.message)
    if not found:
        return None
    name = found.group(1)
    source = Source(script)
    for statement in source.statements():
        if not isinstance(statement, ast.ImportFrom) or name not in [
            a.name for a in statement.names
        ]:
            continue
        rest = ", ".join(
            a.name + (f" as {a.asname}" if a.asname else "")
            for a in statement.names
            if a.name != name
        )
        new = f"from {statement.module} import {rest}\n" if rest else ""
        if name in IMPORTS and IMPORTS[name] not in source.of(statement):
            new += IMPORTS[name] + "\n"
        indent = " " * statement.col_offset
        return source.lines_replaced(statement, textwrap_indent(new, indent))
    return None


def textwrap_indent(text: str, indent: str) -> str:
    """Every line indented."""
    return "".join(indent + line for line in text.splitlines(keepends=True))


def missing_model_library(script: str, failure: Failure, brief: Brief) -> str | None:
    """A boosting library is missing: drop its model if others remain, else use scikit-learn's."""
    module = _missing_module(failure)
    if module not in _BOOSTERS:
        return None
    return _without_model(script, module) or _with_relative(
        script, _BOOSTERS[module], module, brief
    )


def _missing_module(failure: Failure) -> str:
    found = re.search(r"No module named '([\w.]+)'", failure.message)
    if not found or failure.type not in ("ModuleNotFoundError", "ImportError"):
        return ""
    return found.group(1).split(".")[0]


def _without_model(script: str, module: str) -> str | None:
    """A canonical script without the models of a library; None unless one is left."""
    blocks = canonical.split(script)
    gone = [
        b.family for b in blocks if b.family and (module in b.text or _BOOSTERS[module] in b.text)
    ]
    if not gone or len(gone) == len(canonical.models(script)):
        return None
    kept = canonical.join(b for b in blocks if b.family not in gone or not b.family)
    kept = re.sub(rf"^\s*(from {module}\b.*|import {module}\b.*)\n", "", kept, flags=re.MULTILINE)
    return _without_keys(kept, set(gone))


def _without_keys(script: str, gone: set[str]) -> str:
    """The script with the entries of some models taken out of its dictionaries."""
    source = Source(script)
    edits = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Dict):
            hit = {
                i
                for i, k in enumerate(node.keys)
                if isinstance(k, ast.Constant) and k.value in gone
            }
            if hit and len(hit) < len(node.keys):
                edits.append((source.span(node), source.without_item(node, hit)))
    return source.edited(edits)


def _with_relative(script: str, prefix: str, module: str, brief: Brief) -> str | None:
    """scikit-learn's histogram boosting in place of a library's estimators."""
    source = Source(script)
    edits, used = [], set()
    for call in source.calls():
        name = name_of(call.func)
        if name.startswith(prefix) and name.endswith(("Regressor", "Classifier")):
            relative = "HistGradientBoosting" + (
                "Regressor" if name.endswith("Regressor") else "Classifier"
            )
            used.add(relative)
            settings = [
                f"{_SETTINGS[k.arg]}={source.of(k.value)}"
                for k in call.keywords
                if k.arg in _SETTINGS
                and not (k.arg == "random_state" and "random_seed" in _named(call))
            ]
            edits.append((source.span(call), f"{relative}({', '.join(dict.fromkeys(settings))})"))
        elif name == "fit":
            for keyword in (
                "eval_set",
                "verbose",
                "callbacks",
                "early_stopping_rounds",
                "eval_metric",
                "cat_features",
                "categorical_feature",
                "use_best_model",
                "plot",
            ):
                edit = source.without_keyword(call, keyword)
                edits += [edit] if edit else []
    if not used:
        return None
    script = source.edited(edits)
    script = re.sub(
        rf"^[ \t]*(from {module}\b[^\n(]*(\([^)]*\))?|import {module}\b[^\n]*)\n",
        "",
        script,
        flags=re.MULTILINE,
    )
    return with_lines_on_top(script, *(IMPORTS[name] for name in sorted(used)))


def _named(call: ast.Call) -> set[str]:
    return {k.arg for k in call.keywords if k.arg}


def missing_ornament(script: str, failure: Failure, brief: Brief) -> str | None:
    """Pictures, trackers and progress bars: the script can do without."""
    module = _missing_module(failure)
    if module == "tqdm":
        script = re.sub(r"^[ \t]*(from|import) tqdm[^\n]*\n", "", script, flags=re.MULTILINE)
        return with_lines_on_top(
            script, "", "", "def tqdm(items, *_, **__):", "    return items", ""
        )
    if module not in _PICTURES:
        return None
    source = Source(script)
    imports = [
        s
        for s in source.statements()
        if isinstance(s, ast.Import | ast.ImportFrom) and module in source.of(s)
    ]
    names = {(a.asname or a.name).split(".")[0] for s in imports for a in s.names}
    gone = [
        s
        for s in source.statements()
        if s in imports
        or (
            isinstance(s, ast.Expr | ast.Assign)
            and any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(s))
        )
    ]
    for statement in sorted(gone, key=lambda s: -s.lineno):
        script = Source(script).lines_replaced(statement, " " * statement.col_offset + "pass\n")
    return script


RULES = (missing_import, moved_import, missing_model_library, missing_ornament)
