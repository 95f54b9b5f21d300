from __future__ import annotations

from dataclasses import replace

import pytest

from mle_star.engineer.playbook.extractor import extract
from mle_star.engineer.playbook.planner import refine
from mle_star.engineer.playbook.script import replace as spliced
from mle_star.engineer.playbook.strategies import name_of
from mle_star.engineer.policy import terms_of
from mle_star.errors import NoAnswer
from tests.engineer.playbook import refining

NOTHING = "The ablation study gave no result: it crashed"


@pytest.mark.parametrize(
    "name", ["price", "late", "mood", "class", "share", "order", "odds", "air"]
)
def test_blocks_come_once_each_until_all_had_their_turn(name: str) -> None:
    brief = refining.task(name).brief
    script = refining.script(name, "lightgbm")
    refined: list[str] = []
    for _ in range(4):
        answer = extract(brief, NOTHING, script, refined)
        assert script.count(answer.block) == 1
        assert answer.block not in refined
        new = refine(brief, answer.block, answer.plan)
        assert new != answer.block
        refined.append(answer.block)
        script = spliced(script, answer.block, new)
    assert len({name_of(text) for text in refined}) == 4, "every block has its turn"


def test_a_block_whose_removal_hurts_comes_first() -> None:
    brief, script = refining.task("price").brief, refining.script("price", "lightgbm")
    summary = "encode: switching it off changes rmse from 4 to 6 (worse by 50.00 %)"
    assert name_of(extract(brief, summary, script, []).block) == "encode"


def test_a_strategy_that_helped_in_the_study_is_planned() -> None:
    brief, script = refining.task("price").brief, refining.script("price", "lightgbm")
    summary = "target: trying [root-target] changes rmse from 4 to 3 (better by 25.00 %)"
    answer = extract(brief, summary, script, [])
    assert name_of(answer.block) == "target"
    assert terms_of(answer.plan) == ("root-target",)


def test_strategies_that_helped_together_are_planned_together_if_there_is_time() -> None:
    brief, script = refining.task("price").brief, refining.script("price", "lightgbm")
    keys = "add-xgboost + add-extra-trees"
    summary = f"combine: trying [{keys}] changes rmse from 4 to 3 (better by 25.00 %)"
    assert terms_of(extract(brief, summary, script, []).plan) == ("add-xgboost", "add-extra-trees")
    late = replace(brief, base_seconds=10.0, script_seconds=20.0)
    assert len(terms_of(extract(late, summary, script, []).plan)) == 1


def test_a_strategy_that_hurt_in_the_study_is_not_planned() -> None:
    brief, script = refining.task("price").brief, refining.script("price", "lightgbm")
    block = extract(brief, NOTHING, script, []).block
    first = terms_of(extract(brief, NOTHING, script, []).plan)[0]
    name = name_of(block)
    summary = f"{name}: trying [{first}] changes rmse from 4 to 5 (worse by 25.00 %)"
    answer = extract(brief, summary, script, [])
    assert name_of(answer.block) != name or terms_of(answer.plan)[0] != first


def test_parts_the_models_do_not_look_at_come_last() -> None:
    brief, script = refining.task("late").brief, refining.script("late", "text_naive_bayes")
    summary = "features: trying [text-counts] changes log_loss from 4 to 4 (no change)"
    assert name_of(extract(brief, summary, script, []).block) != "features"


def test_nothing_is_left() -> None:
    brief, script = refining.task("price").brief, refining.script("price", "lightgbm")
    everything = [block.text for block in refining.blocks("price", "lightgbm")]
    with pytest.raises(NoAnswer):
        extract(brief, NOTHING, script, everything)
    with pytest.raises(NoAnswer):
        extract(brief, NOTHING, "print(1)\n", [])
