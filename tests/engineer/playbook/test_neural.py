"""Deep networks of an optional package: when they are offered, and that their scripts run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks import neural
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.catalogue import model_named, retrieve
from mle_star.engineer.playbook.writer import compose
from tests.engineer.playbook import making

STAND_IN = '''
"""The interface of pytabkit that scripts use; it refuses what the package refuses."""

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor


class _Network:
    settings = {"n_epochs", "n_threads", "random_state", "val_metric_name"}

    def __init__(self, **settings):
        unknown = set(settings) - self.settings - self.own
        assert not unknown, unknown
        assert settings["n_threads"] >= 1

    def fit(self, X, y, cat_col_names=None):
        self.names, self.categories = list(X), cat_col_names or []
        assert set(self.categories) <= set(self.names)
        self.check(X)
        self.inner.fit(X, y)
        return self

    def check(self, X):
        assert list(X) == self.names
        assert np.isfinite(X.to_numpy(dtype=float)).all(), "NaN values are not allowed"

    def predict(self, X):
        self.check(X)
        return self.inner.predict(X)


class _Classifier(_Network):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.inner = DummyClassifier()

    @property
    def classes_(self):
        return self.inner.classes_

    def predict_proba(self, X):
        self.check(X)
        return self.inner.predict_proba(X)


class _Regressor(_Network):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.inner = DummyRegressor()


class RealMLP_TD_Classifier(_Classifier):
    own = {"use_ls"}


class RealMLP_TD_Regressor(_Regressor):
    own = set()


class TabM_D_Classifier(_Classifier):
    own = {"tabm_k", "d_block"}


class TabM_D_Regressor(_Regressor):
    own = {"tabm_k", "d_block"}
'''
FAMILIES = ("realmlp", "tabm")


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of that name, for scripts."""
    folder = tmp_path / "modules"
    folder.mkdir()
    (folder / "pytabkit.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def task(folder: Path, y: pd.Series, metric: str, **toml: str | list[str]) -> making.Task:
    train, test = making.table(len(y)), making.table(40, seed=7)
    train["note"] = making.sentences(len(y), np.arange(len(y)) % 2 == 0)
    test["note"] = making.sentences(40, np.arange(40) % 2 == 0)
    toml |= {"target": "y", "metric": metric}
    made = making.build(folder, train.assign(y=y), test, None, folds=2, search_rows=10_000, **toml)
    return dataclasses.replace(made, brief=able(made.brief))


def able(brief: Brief) -> Brief:
    """The brief of a run that has the package, the rows and the time."""
    installed = brief.installed | {neural.PACKAGE}
    return dataclasses.replace(brief, installed=installed, rows=2_000, script_seconds=300.0)


@pytest.mark.usefixtures("stand_in")
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("kind", ["number", "absolute", "binary", "classes"])
def test_scripts_run(family: str, kind: str, tmp_path: Path) -> None:
    signal = making.signal(making.table(160))
    if kind in ("number", "absolute"):
        made = task(tmp_path, signal, "rmse" if kind == "number" else "mae")
    elif kind == "binary":
        made = task(tmp_path, (signal > 1).astype(int), "log_loss", kind="binary")
    else:
        names = pd.cut(signal, 3, labels=["low", "middle", "high"]).astype(str)
        made = task(tmp_path, names, "accuracy", kind="multiclass")
    text = compose(Facts(made.brief), model_named(family))
    assert ('val_metric_name="mae"' in text) == (kind == "absolute")
    assert ('val_metric_name="cross_entropy"' in text) == (kind == "binary")
    making.check(made, making.run(text, made, tmp_path / "run"))


def test_they_are_offered_where_the_package_is(tmp_path: Path) -> None:
    made = task(tmp_path, making.signal(making.table(160)), "rmse")
    bare = dataclasses.replace(made.brief, installed=making.INSTALLED)
    offered = {card.name for card in retrieve(made.brief, 32, 0, 1)}
    assert offered - {card.name for card in retrieve(bare, 32, 0, 1)} == {"RealMLP", "TabM"}


@pytest.mark.parametrize("family", FAMILIES)
def test_they_wait_for_rows_and_time(family: str, tmp_path: Path) -> None:
    brief = task(tmp_path, making.signal(making.table(160)), "rmse").brief
    model = model_named(family)
    assert model.suits(Facts(brief))
    for less in ({"script_seconds": 2.0}, {"rows": 499}, {"rows": 10**6}):
        assert not model.suits(Facts(dataclasses.replace(brief, **less)))


def test_epochs_grow_with_the_time_up_to_the_tuned_number(tmp_path: Path) -> None:
    brief = task(tmp_path, making.signal(making.table(160)), "rmse").brief
    found = [
        neural.epochs(Facts(dataclasses.replace(brief, script_seconds=seconds)), 1e-3)
        for seconds in (10.0, 150.0, 300.0, 1e5)
    ]
    assert found[0] == 0
    assert neural.LEAST_EPOCHS <= found[1] < found[2] < found[3] == 256
    twice = dataclasses.replace(brief, script_seconds=150.0, cpus=2)
    assert neural.epochs(Facts(twice), 1e-3) == found[2]
