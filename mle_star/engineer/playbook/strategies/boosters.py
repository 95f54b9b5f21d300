"""What the boosting libraries call the same things."""

from __future__ import annotations

from dataclasses import dataclass

from mle_star.engineer.playbook.strategies.edits import callee


@dataclass(frozen=True)
class Booster:
    """Names of the settings of one library's boosted trees."""

    callees: tuple[str, str]
    """Regressor and classifier."""
    rounds: str
    rate: str
    seed: str
    size: str
    """Setting that bounds a tree: its depth or its number of leaves."""
    leaf: str
    """Setting that keeps leaves from getting small; empty where there is none."""
    penalty: str
    rows: str
    columns: str
    absolute: tuple[str, str]
    """Setting and value that make a regressor learn the absolute error."""
    robust: tuple[str, str]
    """Setting and value of a loss between squared and absolute error; empty where there is none."""

    @property
    def leaves(self) -> bool:
        """Whether trees are bounded by leaves rather than by depth."""
        return "leaves" in self.size or "leaf" in self.size


LIGHTGBM = Booster(
    ("LGBMRegressor", "LGBMClassifier"),
    "n_estimators",
    "learning_rate",
    "random_state",
    "num_leaves",
    "min_child_samples",
    "reg_lambda",
    "subsample",
    "colsample_bytree",
    ("objective", '"l1"'),
    ("objective", '"fair"'),
)
XGBOOST = Booster(
    ("XGBRegressor", "XGBClassifier"),
    "n_estimators",
    "learning_rate",
    "random_state",
    "max_depth",
    "min_child_weight",
    "reg_lambda",
    "subsample",
    "colsample_bytree",
    ("objective", '"reg:absoluteerror"'),
    ("objective", '"reg:pseudohubererror"'),
)
CATBOOST = Booster(
    ("CatBoostRegressor", "CatBoostClassifier"),
    "iterations",
    "learning_rate",
    "random_seed",
    "depth",
    "min_data_in_leaf",
    "l2_leaf_reg",
    "subsample",
    "rsm",
    ("loss_function", '"MAE"'),
    ("", ""),
)
HISTOGRAM = Booster(
    ("HistGradientBoostingRegressor", "HistGradientBoostingClassifier"),
    "max_iter",
    "learning_rate",
    "random_state",
    "max_leaf_nodes",
    "min_samples_leaf",
    "l2_regularization",
    "",
    "max_features",
    ("loss", '"absolute_error"'),
    ("", ""),
)
BOOSTERS = (LIGHTGBM, XGBOOST, CATBOOST, HISTOGRAM)


def booster_of(block: str) -> Booster | None:
    """The library a model block builds its boosted trees with; None when it does not."""
    return next((b for b in BOOSTERS if callee(block, b.callees)), None)
