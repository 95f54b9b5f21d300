"""The playbook as a stand-in: it answers what a language model could not."""

from __future__ import annotations

import hashlib
import re

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook import PlaybookEngineer
from mle_star.errors import NoAnswer

FAMILIES = {
    "lightgbm": "LightGBM",
    "lgbm": "LightGBM",
    "catboost": "CatBoost",
    "xgb": "XGBoost",
    "histgradient": "HistGradientBoosting",
    "gradientboosting": "HistGradientBoosting",
    "extratrees": "ExtraTrees",
    "randomforest": "RandomForest",
    "forest": "RandomForest",
    "neural": "MLP",
    "perceptron": "MLP",
    "mlp": "MLP",
    "tabnet": "MLP",
    "neighbo": "kNN",
    "knn": "kNN",
    "ridge": "Linear model",
    "lasso": "Linear model",
    "elasticnet": "Linear model",
    "logistic": "Linear model",
    "linear": "Linear model",
    "naivebayes": "Naive Bayes on words",
    "tfidf": "TF-IDF and linear model",
}
"""What a card's name may hold (letters alone) -> the playbook's own card; first match counts."""


class StandIn(PlaybookEngineer):
    """The playbook, taking over single steps of another engineer."""

    def write(self, brief: Brief, card: ModelCard) -> str:
        """A script for the playbook's own model that comes nearest to a card it does not know.

        Raises:
            NoAnswer: the playbook can't write any script for this task.
        """
        try:
            return super().write(brief, card)
        except NoAnswer:
            return super().write(brief, self.nearest(brief, card))

    def nearest(self, brief: Brief, card: ModelCard) -> ModelCard:
        """The card of the catalogue that a foreign card's name speaks of, else any one of them.

        Raises:
            NoAnswer: no model of the catalogue fits the task.
        """
        own = self.retrieve(brief, 32, 0, 1)
        if not own:
            raise NoAnswer("No model of the playbook fits this task.")
        letters = re.sub("[^a-z]", "", card.name.lower())
        for part, name in FAMILIES.items():
            if part in letters:
                for candidate in own:
                    if candidate.name == name:
                        return candidate
        # Spread by content, so that two foreign cards seldom end up as the same script.
        return own[hashlib.sha256(card.name.encode()).digest()[0] % min(4, len(own))]
