"""The playbook takes over single steps, also of cards it never wrote."""

from __future__ import annotations

import pytest

from mle_star.engineer import ModelCard
from mle_star.engineer.playbook import PlaybookEngineer
from mle_star.engineer.stand_in import FAMILIES, StandIn
from mle_star.errors import NoAnswer
from tests.engineer.playbook.small import brief

BRIEF = brief()


def card(name: str) -> ModelCard:
    return ModelCard(name, "a model's idea", "")


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("LightGBM with target encoding", "lightgbm"),
        ("LGBMRegressor (tuned)", "lightgbm"),
        ("eXtreme Gradient Boosting (XGBoost)", "xgboost"),
        ("Random Forest", "random_forest"),
        ("Extra-Trees ensemble", "extra_trees"),
        ("Gradient Boosting Machine", "hist_gradient_boosting"),
        ("k-nearest neighbours", "knn"),
        ("Ridge", "linear"),
        ("Deep neural network with embeddings", "mlp"),
    ],
)
def test_a_foreign_card_is_written_with_the_model_it_speaks_of(name: str, family: str) -> None:
    assert f"# === model: {family} ===" in StandIn().write(BRIEF, card(name))


def test_a_card_of_its_own_is_written_as_the_playbook_writes_it() -> None:
    own = PlaybookEngineer().retrieve(BRIEF, 1, 0, 1)[0]
    assert StandIn().write(BRIEF, own) == PlaybookEngineer().write(BRIEF, own)


def test_a_card_that_speaks_of_nothing_known_still_gets_a_script_and_always_the_same() -> None:
    first = StandIn().write(BRIEF, card("Bayesian Additive Things"))
    assert first == StandIn().write(BRIEF, card("Bayesian Additive Things"))
    scripts = {StandIn().write(BRIEF, card(f"Mystery {n}")) for n in range(20)}
    assert len(scripts) > 1, "foreign cards are spread over the catalogue"


def test_every_family_is_in_the_catalogue() -> None:
    from mle_star.engineer.playbook.catalogue import MODELS

    assert set(FAMILIES.values()) <= {model.name for model in MODELS}


def test_a_task_without_any_model_has_no_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(StandIn, "retrieve", lambda *_: [])
    with pytest.raises(NoAnswer, match="No model of the playbook fits"):
        StandIn().write(BRIEF, card("Mystery"))
