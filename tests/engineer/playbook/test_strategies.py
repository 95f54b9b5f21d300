from __future__ import annotations

import ast
import itertools
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.playbook.planner import carry_out, refine
from mle_star.engineer.playbook.script import Block, replace
from mle_star.engineer.playbook.strategies import (
    SECTIONS,
    all_strategies,
    columns,
    kind_of,
    strategies_for,
)
from mle_star.errors import NoAnswer
from tests.engineer.playbook import refining

TASKS = ("price", "late", "mood", "class", "share", "order", "odds", "air")


@cache
def applicable(name: str, block: Block) -> list[str]:
    brief = refining.task(name).brief
    return [s.key for s in strategies_for(kind_of(block.text)) if s.applies(brief, block.text) > 0]


def cases(name: str) -> list[tuple[str, Block]]:
    """Families and their blocks; what does not depend on the family comes with the first only."""
    families = refining.families(name)
    return [
        (family, block)
        for family in families
        for block in refining.blocks(name, family)
        if block.family or family == families[0] or (name == "late" and family == "lightgbm")
    ]


def test_there_are_many_and_each_has_a_key_of_its_own() -> None:
    keys = [item.key for item in all_strategies()]
    assert len(keys) == len(set(keys)) >= 60
    assert {item.section for item in all_strategies()} == set(SECTIONS)


@pytest.mark.parametrize("name", TASKS)
def test_every_strategy_that_applies_can_be_carried_out(name: str) -> None:
    brief = refining.task(name).brief
    for family, block in cases(name):
        for key in applicable(name, block):
            new = carry_out(brief, block.text, (key,))
            assert new != block.text, key
            assert new.splitlines()[0] == block.text.splitlines()[0], "the marker line stays"
            ast.parse(replace(refining.script(name, family), block.text, new))


def test_every_strategy_suits_some_task() -> None:
    missing = {item.key for item in all_strategies()}
    for name in TASKS:
        for _, block in cases(name):
            missing -= set(applicable(name, block))
    # CatBoost is an extra; the others need scripts that these tasks do not give.
    extra = {"add-catboost", "weaker-ridge", "stronger-ridge", "learnt-weights"}
    extra |= {"rank-average", "average-log-odds"}
    assert missing <= extra, missing - extra


def test_a_plan_of_another_kind_of_block_is_refused() -> None:
    block = next(b for b in refining.blocks("price", "lightgbm") if b.name == "encode")
    with pytest.raises(NoAnswer):
        refine(refining.task("price").brief, block.text, "[ratios] Add ratios.")


@pytest.mark.parametrize("section", SECTIONS)
def test_blocks_without_the_anchors_get_no_answer(section: str) -> None:
    brief = refining.task("price").brief
    name = "model: other" if section == "model" else section
    block = f"# === {name} ===\nvalues = [1, 2]\n"
    for item in strategies_for(section):
        with pytest.raises(NoAnswer):
            item.apply(block, brief)


def test_a_strategy_does_not_apply_twice() -> None:
    brief = refining.task("price").brief
    for block in refining.blocks("price", "lightgbm"):
        if kind_of(block.text) not in ("features", "encode", "finish"):
            continue
        for key in applicable("price", block):
            again = carry_out(brief, block.text, (key,))
            item = next(s for s in all_strategies() if s.key == key)
            assert item.applies(brief, again) == 0, key


def _combined(name: str, family: str, section: str) -> dict[str, str]:
    """Scripts with all strategies of a section at once, one of each kin per script."""
    brief = refining.task(name).brief
    [block] = [b for b in refining.blocks(name, family) if b.name == section]
    waiting = applicable(name, block)
    scripts: dict[str, str] = {}
    while waiting:
        kins: dict[str, str] = {}
        for key in waiting:
            kin = next(s.kin for s in all_strategies() if s.key == key)
            kins.setdefault(kin, key)
        waiting = [key for key in waiting if key not in kins.values()]
        new = carry_out(brief, block.text, tuple(kins.values()))
        scripts[f"{name} {section} {len(scripts)}"] = replace(
            refining.script(name, family), block.text, new
        )
    return scripts


def test_measures_that_come_several_times_are_summed_up() -> None:
    brief = refining.task("price").brief
    assert columns.repeated(brief) == {"sensor #": [f"sensor {i}" for i in range(6)]}
    block = next(b.text for b in refining.blocks("price", "lightgbm") if b.name == "features")
    table = pd.DataFrame({f"sensor {i}": [float(i), 7.0 - i] for i in range(6)})
    table.loc[1, "sensor 0"] = np.nan
    scope: dict[str, Any] = {"np": np, "pd": pd, "itertools": itertools, "DATETIME": []}
    scope |= {"NUMERIC": list(table), "CATEGORICAL": []}
    exec(carry_out(brief, block, ("repeated-measures",)), scope)
    X = scope["make_features"](table)
    assert X["sensor # mean"].tolist() == [2.5, 4.0]
    assert X["sensor # range"].tolist() == [5.0, 4.0]
    assert X["sensor # largest"].tolist() == [5.0, 1.0]
    assert X["sensor # rise"].tolist()[0] == 5.0
    assert np.isclose(X["sensor # spread"][0], table.loc[0].std())


def test_features_and_encodings_run_together(tmp_path: Path) -> None:
    scripts: dict[str, tuple[str, str]] = {}
    for name in ("price", "late", "odds", "air"):
        for section in ("features", "encode"):
            family = "lightgbm" if section == "features" else "linear"
            for label, text in _combined(name, family, section).items():
                scripts[label] = (name, text)
    refining.run_all(scripts, tmp_path)


@pytest.mark.parametrize("section", ["model", "others"])
def test_every_other_strategy_runs(section: str, tmp_path: Path) -> None:
    scripts: dict[str, tuple[str, str]] = {}
    done: set[tuple[str, str]] = set()
    for name in TASKS:
        for family, block in cases(name):
            kind = kind_of(block.text)
            if kind in ("features", "encode", "") or (kind == "model") != (section == "model"):
                continue
            for key in applicable(name, block):
                # A setting is tried once per family, everything else once.
                case = (key, block.family)
                if case in done:
                    continue
                done.add(case)
                new = carry_out(refining.task(name).brief, block.text, (key,))
                text = replace(refining.script(name, family), block.text, new)
                scripts[f"{name} {family} {key}"] = (name, text)
    assert len(scripts) > 20
    refining.run_all(scripts, tmp_path)
