"""Switching a part of a script off: its section without what it contributes."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks import data, flow
from mle_star.engineer.playbook.blocks.facts import Facts
from mle_star.engineer.playbook.blocks.part import Part
from mle_star.engineer.playbook.script import COMBINE, ENCODE, FEATURES, FINISH, TARGET, Block
from mle_star.engineer.playbook.strategies.edits import (
    assigns,
    fit_function,
    insert_before_return,
    replace_function,
    replace_statement,
    set_keywords,
)
from mle_star.errors import NoAnswer
from mle_star.parsing import parse


@dataclass(frozen=True)
class Switch:
    """The section that is exchanged, and what stands there instead."""

    section: str
    code: str


def switched_off(brief: Brief, block: Block, blocks: list[Block]) -> Switch | None:
    """The ``block`` switched off; None where it contributes nothing or can't be left out."""
    try:
        facts = Facts(brief)
        if block.family:
            return _model(block, blocks)
        makers = {FEATURES: _features, ENCODE: _encode, TARGET: _target, FINISH: _finish}
        if block.name not in makers:
            return _weights(block, blocks) if block.name == COMBINE else None
        code = makers[block.name](facts, block.text)
    except NoAnswer:
        return None
    if code is None or _tree(code) == _tree(block.text):
        return None
    return Switch(block.name, code)


def _tree(code: str) -> str:
    """What a section does, comments and docstrings left aside."""
    tree = parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.dump(tree)


def _first_written(part: Part | None, text: str) -> str | None:
    """The section as the writer writes it, where it has been refined since."""
    return None if part is None or _tree(part.text) == _tree(text) else part.text


def _features(facts: Facts, text: str) -> str | None:
    """Without what was added; a section as first written is cut down to the table's own columns."""
    first = _first_written(data.features(facts), text)
    if first is not None or not (facts.numeric or facts.categorical):
        return first
    columns = "NUMERIC + CATEGORICAL" + (" + TEXT" if facts.text else "")
    lines = [
        "def make_features(rows: pd.DataFrame) -> pd.DataFrame:",
        '    """The table\'s own columns."""',
        f"    X = rows[{columns}].copy()",
        *(['    X[TEXT] = X[TEXT].fillna("").astype(str)'] if facts.text else []),
        "    return X",
    ]
    return replace_function(text, "make_features", "\n".join(lines))


def _encode(facts: Facts, text: str) -> str | None:
    """Without what was added; a section as first written loses the categories."""
    first = _first_written(data.encode(facts, topics="topics" in text), text)
    if first is not None or not (facts.categorical and facts.numeric):
        return first
    return insert_before_return(
        text,
        ENCODE,
        "tables",
        "for X in tables:\n    X[CATEGORICAL] = 0.0  # nothing to tell them by",
    )


def _target(facts: Facts, text: str) -> str | None:
    """The target on its own scale."""
    new = replace_function(
        text, "transform", "def transform(values: np.ndarray) -> np.ndarray:\n    return values"
    )
    return replace_function(
        new, "restore", "def restore(values: np.ndarray) -> np.ndarray:\n    return values"
    )


def _finish(facts: Facts, text: str) -> str | None:
    return _first_written(flow.finish(facts), text)


def _model(block: Block, blocks: list[Block]) -> Switch | None:
    """One of several models is left out; a single one goes back to its library's defaults."""
    families = [other.family for other in blocks if other.family]
    combine = next((other for other in blocks if other.name == COMBINE), None)
    if len(families) > 1 and combine is not None:
        kept = {name: f"fit_{name}" for name in families if name != block.family}
        code = replace_statement(combine.text, assigns("MODELS"), flow.dictionary("MODELS", kept))
        code = replace_statement(
            code, assigns("WEIGHTS"), flow.dictionary("WEIGHTS", dict.fromkeys(kept, "1.0"))
        )
        return Switch(COMBINE, code)
    code = _plain(block.text)
    return Switch(block.name, code) if code != block.text else None


_KEPT = {
    "n_jobs",
    "thread_count",
    "random_state",
    "random_seed",
    "verbose",
    "allow_writing_files",
    "objective",
    "loss",
    "loss_function",
    "early_stopping",
    "tol",  # a network that stops by it would go on for minutes
}


def _plain(text: str) -> str:
    """The model with its library's default settings."""
    tree = parse(text)
    fit_function(text)
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        name = node.func.id
        if name.endswith(("Regressor", "Classifier")) and node.keywords and not node.args:
            names = [item.arg for item in node.keywords if item.arg]
            return set_keywords(text, (name,), {n: None for n in names if n not in _KEPT})
    raise NoAnswer("The model has no settings to go without.")


def _weights(block: Block, blocks: list[Block]) -> Switch | None:
    """Equal weights."""
    families = [other.family for other in blocks if other.family]
    if len(families) < 2:
        return None
    equal = flow.dictionary("WEIGHTS", dict.fromkeys(families, "1.0"))
    code = replace_statement(block.text, assigns("WEIGHTS"), equal)
    return Switch(COMBINE, code) if _tree(code) != _tree(block.text) else None
