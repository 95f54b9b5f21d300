"""Model blocks of averaged deep trees."""

from __future__ import annotations

from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.fitting import call, function, predicting, prepared
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.script import MODEL


def extra_trees(facts: Facts) -> Part:
    """Extremely randomised trees (Geurts et al. 2006)."""
    share = 0.7 if facts.learning == "regression" else 0.4
    return _forest(facts, "extra_trees", "ExtraTrees", "Extremely randomised trees", share)


def random_forest(facts: Facts) -> Part:
    """Random forest (Breiman 2001)."""
    share = 0.4 if facts.learning == "regression" else '"sqrt"'
    return _forest(facts, "random_forest", "RandomForest", "Random forest", share)


def _forest(facts: Facts, family: str, stem: str, title: str, share: float | str) -> Part:
    """Squared error whatever the metric: splitting by absolute error is quadratic in the rows."""
    regression = facts.learning == "regression"
    name = stem + ("Regressor" if regression else "Classifier")
    settings = {
        "n_estimators": 200 if facts.fit_rows < 5_000 else 120,
        "min_samples_leaf": 2 if regression else 6,
        "max_features": share,
        "n_jobs": "THREADS",
        "random_state": "seed",
    }
    prepare = prepared(facts)
    built = call(name, settings)
    imports = [f"from sklearn.ensemble import {name}"]
    body = [f"model = {built[0]}", *built[1:]]
    if facts.gaps:
        body.append('model = make_pipeline(SimpleImputer(strategy="median"), model)')
        imports += [
            "from sklearn.impute import SimpleImputer",
            "from sklearn.pipeline import make_pipeline",
        ]
    body += [f"model.fit({prepare.format('X')}, y)", *predicting(facts, prepare)]
    doc = f"{title} on the given rows; returns what predicts from a table."
    return Part(MODEL + family, function(family, doc, body), tuple(imports))
