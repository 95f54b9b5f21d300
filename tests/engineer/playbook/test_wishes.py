"""A hint raises what the playbook expects of the strategies that it speaks of."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.catalogue import model_named
from mle_star.engineer.playbook.planner import gains, propose
from mle_star.engineer.playbook.script import find
from mle_star.engineer.playbook.wishes import wished
from mle_star.engineer.playbook.writer import compose
from mle_star.engineer.policy import LEAST
from tests.engineer.playbook.small import brief, column

TOLD = brief(columns=[column("area"), column("rooms"), column("city", "categorical")])
PROMISES = {"add-catboost": 0.3, "target-encoding": 0.4, "slower-learning": 0.2, "lags": 0.0}


@pytest.mark.parametrize(
    ("hint", "raised", "lowered"),
    [
        ("try CatBoost", {"add-catboost"}, set()),
        ("target encodings could help; no catboost please", {"target-encoding"}, {"add-catboost"}),
        ("more features and larger models", set(), set()),
        ("use lags", set(), set()),
    ],
)
def test_promises_after_a_hint(hint: str, raised: set[str], lowered: set[str]) -> None:
    told = replace(TOLD, hints=(hint,))
    after = wished(told, PROMISES)
    assert {key for key in PROMISES if after[key] > PROMISES[key]} == raised
    assert {key for key in PROMISES if after[key] < PROMISES[key]} == lowered
    assert all(after[key] == LEAST for key in lowered)


def test_the_newest_hint_counts() -> None:
    told = replace(TOLD, hints=("no catboost", "try catboost after all"))
    assert wished(told, PROMISES)["add-catboost"] > 1


def test_the_next_plan_is_the_one_that_was_asked_for() -> None:
    told = TOLD
    block = find(compose(Facts(told), model_named("LightGBM")), "features")
    assert block is not None
    expected = list(gains(told, block.text))
    wanted = expected[-1]
    hinted = replace(told, hints=(f"I would try {wanted.replace('-', ' ')}",))
    assert next(iter(gains(hinted, block.text))) == wanted
    assert wanted in propose(hinted, block.text, ())
    assert list(gains(told, block.text)) == expected
