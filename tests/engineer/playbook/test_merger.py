from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.playbook import script as shape
from mle_star.engineer.playbook.merger import merge
from mle_star.engineer.playbook.writer import write
from mle_star.errors import NoAnswer
from tests.engineer.playbook import making
from tests.engineer.playbook.small import brief, column


def written(told: Brief, family: str) -> str:
    return write(told, ModelCard(family, "", ""))


def undefined(script: str) -> set[str]:
    """Names that are used and neither defined anywhere in the script nor built in."""
    tree = ast.parse(script)
    names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
    defined = {n.id for n in names if isinstance(n.ctx, ast.Store)} | set(dir(__builtins__))
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            defined.add(node.name)
        if isinstance(node, ast.FunctionDef | ast.Lambda):
            arguments = node.args
            every = [*arguments.args, *arguments.kwonlyargs, arguments.vararg]
            defined |= {a.arg for a in every if a is not None}
        if isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {(a.asname or a.name).split(".")[0] for a in node.names}
    used = {n.id for n in names if isinstance(n.ctx, ast.Load)}
    return used - defined - {"int", "str", "float", "list", "set", "len", "min", "sum", "sorted",
                             "enumerate", "print", "range", "dict"}  # fmt: skip


def test_the_reference_joins_the_mean() -> None:
    told = brief()
    base, reference = written(told, "linear"), written(told, "lightgbm")
    merged = merge(told, base, reference)
    assert [b.family for b in shape.models(merged)] == ["linear", "lightgbm"]
    assert 'MODELS = {"linear": fit_linear, "lightgbm": fit_lightgbm}' in merged
    assert 'WEIGHTS = {"linear": 1.0, "lightgbm": 1.0}' in merged
    assert merged.startswith('"""Predict `price` with ridge regression + LightGBM (rmse')
    assert undefined(merged) == set()
    kept = {b.name: b.text for b in shape.split(base)}
    for block in shape.split(merged):
        if block.name not in ("header", "combine", "model: lightgbm"):
            assert block.text == kept[block.name]


def test_merging_again_and_again() -> None:
    told = brief()
    script = written(told, "xgboost")
    for family in ("extra_trees", "knn", "linear"):
        script = merge(told, script, written(told, family))
        assert undefined(script) == set()
    assert len(shape.models(script)) == 4
    assert script.count("import numpy as np") == 1


def test_another_model_of_the_same_family_is_renamed() -> None:
    told = brief()
    base = written(told, "lightgbm")
    other = base.replace("num_leaves=15", "num_leaves=7")
    merged = merge(told, base, other)
    assert '"lightgbm_2": fit_lightgbm_2' in merged
    assert merged.count("num_leaves=7") == 1
    assert undefined(merged) == set()


def test_the_same_model_is_not_merged() -> None:
    told = brief()
    base = written(told, "lightgbm")
    with pytest.raises(NoAnswer, match="already has"):
        merge(told, base, base)


@pytest.mark.parametrize("other", ["", "import pandas\n", "def broken(:\n"])
def test_scripts_of_another_shape_are_left_alone(other: str) -> None:
    told = brief()
    base = written(told, "lightgbm")
    with pytest.raises(NoAnswer, match="shape"):
        merge(told, base, other)
    with pytest.raises(NoAnswer, match="shape"):
        merge(told, other, base)


def test_a_refined_encoding_of_the_base_is_kept() -> None:
    told = brief(columns=[column("area"), column("note", "text", words=9.0)])
    base, reference = written(told, "text_linear"), written(told, "lightgbm")
    assert "TruncatedSVD(" in merge(told, base, reference)
    refined = base.replace("    return tables", "    tables[0]['more'] = 1\n    return tables")
    kept = merge(told, refined, reference)
    assert "'more'" in kept
    assert "TruncatedSVD(" not in kept


def test_a_merged_script_runs(tmp_path: Path) -> None:
    spam = np.random.default_rng(4).random(240) < 0.4
    train = pd.DataFrame({"message": making.sentences(240, spam), "spam": spam.astype(int)})
    task = making.build(
        tmp_path,
        train,
        train[["message"]].head(30),
        target="spam",
        metric="roc_auc",
        kind="binary",
    )
    merged = merge(task.brief, written(task.brief, "text_linear"), written(task.brief, "lightgbm"))
    assert making.check(task, making.run(merged, task, tmp_path / "run")) > 0.95


def merges(told: Brief) -> bool:
    base, reference = written(told, "linear"), written(told, "lightgbm")
    try:
        merged = merge(told, base, reference)
    except NoAnswer:
        return False
    assert len(shape.models(merged)) == 2
    return True


@pytest.mark.parametrize(
    ("metric", "direction", "average", "before", "answer"),
    [
        ("rmse", "minimize", 0.9, 1.0, True),
        ("rmse", "minimize", 1.0, 1.0, False),
        ("rmse", "minimize", 1.1, 1.0, False),
        ("r2", "maximize", 0.9, 0.8, True),
        ("r2", "maximize", 0.8, 0.8, False),
        ("r2", "maximize", 0.7, 0.8, False),
        ("r2", "maximize", -0.2, -0.3, True),
        # What is not known speaks against nothing.
        ("rmse", "minimize", None, 1.0, True),
        ("rmse", "minimize", 1.1, None, True),
        ("rmse", "minimize", None, None, True),
    ],
)
def test_what_averages_to_nothing_better_is_not_merged(
    metric: str, direction: str, average: float | None, before: float | None, answer: bool
) -> None:
    told = replace(
        brief(metric=metric, direction=direction), average_score=average, base_score=before
    )
    assert merges(told) == answer


def test_the_refusal_names_both_scores() -> None:
    told = replace(brief(), average_score=1.25, base_score=1.125)
    base, reference = written(told, "linear"), written(told, "lightgbm")
    with pytest.raises(NoAnswer, match=r"1\.25, no better than 1\.125"):
        merge(told, base, reference)


@pytest.mark.parametrize(
    ("base_seconds", "reference_seconds", "answer"),
    [
        (3.0, 2.0, True),  # exactly half of what a script may take
        (3.0, 2.1, False),
        (5.1, 0.0, False),
        (0.1, 4.9, True),
        (0.1, 50.0, False),
        (0.0, 50.0, True),  # the base did not run yet: nothing is known
        (0.0, 0.0, True),
    ],
)
def test_what_would_be_slow_is_not_merged(
    base_seconds: float, reference_seconds: float, answer: bool
) -> None:
    told = replace(
        brief(),
        script_seconds=10.0,
        base_seconds=base_seconds,
        reference_seconds=reference_seconds,
        average_score=0.9,
        base_score=1.0,
    )
    assert merges(told) == answer
