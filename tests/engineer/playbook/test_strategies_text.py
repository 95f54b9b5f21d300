"""Strategies where every column is text: nothing there feeds a model on numbers by itself."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mle_star.engineer.playbook.merger import merge
from mle_star.engineer.playbook.script import Block, replace, split
from mle_star.engineer.playbook.strategies import kind_of, strategies_for
from tests.engineer.playbook import refining

READERS = {"spam": ("text_linear", "text_naive_bayes"), "stars": ("text_linear",)}
DENSE = {"add-lightgbm", "add-extra-trees", "add-linear", "add-mlp", "linear-residual"}
DENSE |= {"add-kernel"}


def spliced(name: str, script: str, sections: set[str] | None = None) -> dict[str, str]:
    """The script with each strategy that applies to one of its blocks, by key."""
    brief = refining.task(name).brief
    found = {}
    for block in split(script):
        section = kind_of(block.text)
        if sections and section not in sections:
            continue
        for item in strategies_for(section):
            if item.applies(brief, block.text) > 0:
                new = item.apply(block.text, brief)
                found[item.key] = replace(script, block.text, new)
    return found


def combined(script: str) -> Block:
    return next(block for block in split(script) if block.name == "combine")


@pytest.mark.parametrize("name", READERS)
def test_all_that_apply_compile(name: str) -> None:
    for family in READERS[name]:
        found = spliced(name, refining.script(name, family))
        assert found
        for text in found.values():
            ast.parse(text)
        assert not DENSE & set(found)


def test_what_is_averaged_runs(tmp_path: Path) -> None:
    scripts = {}
    for name, families in READERS.items():
        for family in families:
            text = refining.script(name, family)
            for key, new in spliced(name, text, {"combine", "validate"}).items():
                scripts[f"{name} {family} {key}"] = (name, new)
    assert {
        "spam text_linear add-text-naive-bayes",
        "spam text_naive_bayes add-text-linear",
    } <= set(scripts)
    # A model on numbers brings topics along, and then others can be fed as well.
    for name in READERS:
        both = merged(name)
        for key, new in spliced(name, both, {"combine"}).items():
            scripts[f"{name} both {key}"] = (name, new)
    assert {"spam both add-extra-trees", "stars both linear-residual"} <= set(scripts)
    refining.run_all(scripts, tmp_path)


def merged(name: str) -> str:
    brief = refining.task(name).brief
    scripts = [refining.script(name, family) for family in ("text_linear", "lightgbm")]
    return merge(brief, *scripts)


def test_no_family_is_added_twice() -> None:
    for name in READERS:
        assert not {"add-lightgbm", "add-text-linear"} & set(spliced(name, merged(name)))
    block = combined(refining.script("price", "lightgbm"))
    renamed = block.text.replace("lightgbm", "lightgbm_2")
    brief = refining.task("price").brief
    offered = {s.key for s in strategies_for("combine") if s.applies(brief, renamed) > 0}
    assert "add-lightgbm" not in offered
    assert "add-xgboost" in offered
