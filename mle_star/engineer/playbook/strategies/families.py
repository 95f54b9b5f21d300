"""Strategies for ``combine``: another family of models is averaged in."""

from __future__ import annotations

import ast
import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.flow import dictionary
from mle_star.engineer.playbook.catalogue import MODELS, Model
from mle_star.engineer.playbook.strategies.edits import (
    add_imports,
    assigns,
    checked,
    insert_before,
    parse,
    replace_statement,
)
from mle_star.engineer.playbook.strategies.strategy import Strategy, comment
from mle_star.errors import NoAnswer


def families(block: str) -> dict[str, str]:
    """Families of ``MODELS`` and the names of their fit functions.

    Raises:
        NoAnswer: ``MODELS`` is not a plain dict of names.
    """
    return _dict(block, "MODELS")


def _dict(block: str, name: str) -> dict[str, str]:
    """Keys and source of the values of a top-level dict."""
    for node in parse(block).body:
        if not assigns(name)(node) or not isinstance(node, ast.Assign | ast.AnnAssign):
            continue
        if isinstance(node.value, ast.Dict):
            keys = [str(key.value) for key in node.value.keys if isinstance(key, ast.Constant)]
            if len(keys) == len(node.value.values):
                values = [ast.unparse(value) for value in node.value.values]
                return dict(zip(keys, values, strict=True))
    raise NoAnswer(f"The block has no plain dict {name}.")


def feeds_numbers(block: str, brief: Brief) -> bool:
    """Whether the tables of the block's script hold columns that a model on numbers can learn from.

    Where every column is text, ``encode`` makes topics only in scripts of a model that needs them.

    Raises:
        NoAnswer: ``MODELS`` is not a plain dict of names.
    """
    present = [_model(family) for family in families(block)]
    return Facts(brief).dense or any(model and not model.reads_text for model in present)


SMOOTH = ("linear", "mlp", "kernel")
"""Families that fall behind trees where there are many rows."""
POOLED = 0.3
"""What is left of a family's worth where a script of it has a score already: the ensemble averages
the two for nothing, while a script of both takes the time of both at every refinement."""
LINEAR_CLASSES = 0.35
"""Potential of a linear model next to trees on classes and categories, where rows are few."""


def _model(family: str) -> Model | None:
    """The catalogue's model; one that was merged in beside its like is called ``<family>_2``."""
    bare = re.sub(r"_\d+$", "", family)
    return next((model for model in MODELS if model.family == bare), None)


def _worth(brief: Brief, model: Model, potential: float, others: list[Model]) -> float:
    """How much to expect of a model beside the others: most where it errs in other ways."""
    facts, worth = Facts(brief), potential
    few = facts.rows < 10_000
    if model.family == "linear" and few and facts.learning != "regression" and facts.categorical:
        worth = LINEAR_CLASSES
    if model.family in SMOOTH and not few:
        worth *= 0.4
    if facts.text and not model.reads_text:
        worth *= 0.5  # it sees the text through a few topics only
    if model.name in brief.pool:
        worth *= POOLED
    return worth * (0.75 if model.group in {other.group for other in others} else 1.0)


def _second(family: str, potential: float, why: str) -> Strategy:
    """A strategy that averages another family in."""
    key = f"add-{family.replace('_', '-')}"

    def expected(brief: Brief, block: str) -> float:
        model, present = _model(family), families(block)
        known = model in map(_model, present)
        if model is None or known or not model.suits(Facts(brief)):
            return 0.0
        if not model.reads_text and not feeds_numbers(block, brief):
            return 0.0
        others = [other for other in map(_model, present) if other is not None]
        return _worth(brief, model, potential, others) * 0.85 ** (len(present) - 1)

    def rewrite(block: str, brief: Brief) -> str:
        model, present = _model(family), families(block)
        if model is None or family in present:
            raise NoAnswer(f"The model {family} can't be added.")
        part = model.block(Facts(brief))
        added = dictionary("MODELS", {**present, family: f"fit_{family}"})
        code = f"{comment(key, why)}{part.code.strip()}\n\n\n{added}"
        new = replace_statement(block, assigns("MODELS"), code)
        shares = {**_dict(block, "WEIGHTS"), family: "1.0"}
        new = replace_statement(new, assigns("WEIGHTS"), dictionary("WEIGHTS", shares))
        if "THREADS" in part.code and "THREADS" not in block:
            line = 'THREADS = int(os.environ.get("OMP_NUM_THREADS", "1"))'
            new = insert_before(new, f"fit_{family}", line, ("import os",))
        return checked(add_imports(new, part.imports))

    return Strategy(key, "combine", f"add-{family}", expected, lambda _: why, rewrite)


ALL = (
    _second("catboost", 0.65, "Average CatBoost in: symmetric trees err in other places."),
    _second("lightgbm", 0.7, "Average LightGBM in: leaf-wise trees catch deep interactions."),
    _second("extra_trees", 0.1, "Average extremely randomised trees in: their errors are smooth."),
    _second("xgboost", 0.35, "Average XGBoost in."),
    _second("linear", 0.25, "Average a linear model in: it goes on where trees stay flat."),
    _second("mlp", 0.35, "Average a neural network in: it bends where trees step."),
    _second("hist_gradient_boosting", 0.3, "Average scikit-learn's histogram boosting in."),
    _second("kernel", 0.35, "Average a kernel machine in: its surfaces are smooth."),
    _second("text_linear", 0.8, "Average a linear model on the words in."),
    _second("text_naive_bayes", 0.7, "Average naive Bayes weights of the words in."),
)
