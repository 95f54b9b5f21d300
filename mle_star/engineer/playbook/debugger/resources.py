"""Scripts that take too long or too much memory: they do less of the same."""

from __future__ import annotations

import ast
import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook import script as canonical
from mle_star.engineer.playbook.debugger.names import _without_keys
from mle_star.engineer.playbook.debugger.source import Failure, Source, words

_SLOW = re.compile(
    r"time-?\s?out|timed out|ran longer|more memory|time limit|too long|seconds "
    r".*(limit|allowed)|out[ _]of[ _]memory|MemoryError|Unable to allocate"
    r"|bad_alloc|Cannot allocate|memory limit|was killed|SIGKILL",
    re.IGNORECASE,
)
_COUNTS = words(
    "n_estimators num_boost_round num_iterations iterations max_iter epochs "
    "n_epochs n_trials n_iter n_repeats nrounds "
    "n_bags n_seeds max_features n_components"
)
_SMALLEST = {
    "n_trials": 3,
    "n_iter": 3,
    "n_repeats": 1,
    "n_bags": 1,
    "n_seeds": 1,
    "epochs": 2,
    "n_epochs": 2,
    "n_components": 8,
}
_SLOWEST_FIRST = (
    "mlp",
    "knn",
    "svm",
    "catboost",
    "gradient_boosting",
    "extra",
    "forest",
    "tfidf",
    "xgboost",
    "hist",
    "lightgbm",
)


def _slow(failure: Failure) -> bool:
    return bool(_SLOW.search(failure.said))


def one_model_less(script: str, failure: Failure, brief: Brief) -> str | None:
    """Of three models or more, the slowest goes."""
    families = [block.family for block in canonical.models(script)]
    if not _slow(failure) or len(families) < 3:
        return None
    order = [f for hint in _SLOWEST_FIRST for f in families if hint in f.lower()] or families[::-1]
    blocks = [block for block in canonical.split(script) if block.family != order[0]]
    return _without_keys(canonical.join(blocks), {order[0]})


def fewer_rounds(script: str, failure: Failure, brief: Brief) -> str | None:
    """Half the trees, rounds, trials and repeats, with a larger learning rate."""
    if not _slow(failure):
        return None
    source = Source(script)
    edits = []
    for node in ast.walk(source.tree):
        pairs: list[tuple[str, ast.expr]] = []
        if isinstance(node, ast.Call):
            pairs = [(k.arg, k.value) for k in node.keywords if k.arg]
        elif isinstance(node, ast.Dict):
            keys = [k.value if isinstance(k, ast.Constant) else "" for k in node.keys]
            pairs = [(str(k), v) for k, v in zip(keys, node.values, strict=True)]
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            pairs = [(node.targets[0].id.lower(), node.value)]
        for name, value in pairs:
            new = _half(name, value)
            if new is not None:
                edits.append((source.span(value), new))
    return source.edited(edits) if edits else None


def _half(name: str, value: ast.expr) -> str | None:
    number = value.value if isinstance(value, ast.Constant) else None
    if isinstance(number, bool) or not isinstance(number, int | float):
        return None
    if name in _COUNTS and isinstance(number, int):
        least = _SMALLEST.get(name, 20)
        return str(max(least, number // 2)) if number > least else None
    if name in ("learning_rate", "eta") and number < 0.15:
        return f"{min(0.15, number * 1.7):.3g}"
    return None


def fewer_rows(script: str, failure: Failure, brief: Brief) -> str | None:
    """Each model of a canonical script is fitted on a sample of its rows."""
    if not _slow(failure):
        return None
    found = re.search(r"^MOST_ROWS = (\d+)$", script, re.MULTILINE)
    if found:
        fewer = int(found.group(1)) // 2
        return script.replace(found.group(), f"MOST_ROWS = {fewer}") if fewer >= 500 else None
    blocks = canonical.split(script)
    if not any(block.family for block in blocks):
        return None
    texts = []
    for block in blocks:
        text = _sampled(block.text) if block.family else block.text
        texts.append(text)
    most = max(500, brief.rows // 2)
    head = "# Rows a model is fitted on at most.\n" + f"MOST_ROWS = {most}\n\n\n"
    first = next(i for i, block in enumerate(blocks) if block.family)
    texts[first] = texts[first].replace("\n", f"\n{head}", 1)
    return "".join(texts)


def _sampled(text: str) -> str:
    """A model block whose fit function draws a sample first."""
    found = re.search(
        r'^(def fit_\w+\((\w+)[^,]*, (\w+)[^)]*\)[^\n]*:\n(?:    """.*?"""\n)?)',
        text,
        re.MULTILINE | re.DOTALL,
    )
    if not found:
        return text
    table, labels = found.group(2), found.group(3)
    lines = (
        f"    if len({table}) > MOST_ROWS:\n"
        f"        rows = np.random.default_rng(SEED).permutation(len({table}))[:MOST_ROWS]\n"
        f"        {table}, {labels} = {table}.iloc[rows], {labels}[rows]\n"
    )
    return text.replace(found.group(1), found.group(1) + lines, 1)


RULES = (one_model_less, fewer_rounds, fewer_rows)
