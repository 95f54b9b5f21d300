"""Rewrites of leaking blocks.

A block is all that may change, and the folds are usually split further down. So what learns from
all rows gives way to a relative that learns nothing, means of labels are computed fold by fold on
the spot, forbidden columns are dropped.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import PurePosixPath

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import literal
from mle_star.engineer.playbook.debugger.source import Source, Span, name_of
from mle_star.engineer.playbook.leakage.report import block_of, find_leaks, span_of
from mle_star.engineer.playbook.leakage.values import Leak
from mle_star.errors import NoAnswer

Fix = Callable[[Brief, str, Leak], "str | None"]
"""From brief, script and leak to the script without the leak; None: does not apply."""

_NEUTRAL = {
    "mean": "0.0",
    "median": "0.0",
    "std": "1.0",
    "var": "1.0",
    "quantile": "0.0",
    "min": "0.0",
    "max": "1.0",
    "nanmean": "0.0",
    "nanmedian": "0.0",
    "nanstd": "1.0",
    "percentile": "0.0",
}
"""Statistic -> the constant that changes nothing when data are shifted or scaled by it."""
_HASHED = (
    "FunctionTransformer(\n{indent}    lambda t: pd.DataFrame(t).map(lambda v: "
    "zlib.crc32(str(v).encode()) % 1000)\n{indent})"
)
_IMPORTS = {
    "FunctionTransformer": "from sklearn.preprocessing import FunctionTransformer",
    "SimpleImputer": "from sklearn.impute import SimpleImputer",
    "HashingVectorizer": "from sklearn.feature_extraction.text import HashingVectorizer",
    "zlib": "import zlib",
    "clone": "from sklearn.base import clone",
}
_FOLDS = '_folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()'


def fix_leakage(brief: Brief, script: str, block: str, reason: str) -> str:
    """The new text of a leaking block.

    Args:
        brief: the task.
        script: the script the block stands in.
        block: what :func:`check_leakage` reported, or a block that another engineer found.
        reason: why it leaks.

    Raises:
        NoAnswer: the block does not occur exactly once, or no rule removes the leak inside it.
    """
    if not block or script.count(block) != 1:
        raise NoAnswer("The leaking block does not occur exactly once in the script.")
    before = find_leaks(brief, script)
    for leak in _in_block(script, block, reason, before):
        for fix in _FIXES.get(leak.kind, ()):
            new = fix(brief, script, leak)
            if new is None or new == script or not _only_block(script, block, new):
                continue
            if _better(brief, new, before):
                head, tail = script.split(block)
                return new[len(head) : len(new) - len(tail)]
    raise NoAnswer("No rule of the playbook removes this leak inside its block.")


def _in_block(script: str, block: str, reason: str, leaks: list[Leak]) -> list[Leak]:
    first = script[: script.index(block)].count("\n") + 1
    last = first + block.rstrip("\n").count("\n")
    inside = [leak for leak in leaks if first <= span_of(script, leak)[0] <= last]
    return sorted(inside, key=lambda leak: (leak.reason != reason, block_of(script, leak) != block))


def _only_block(script: str, block: str, new: str) -> bool:
    head, tail = script.split(block)
    return new.startswith(head) and new.endswith(tail) and len(new) >= len(head) + len(tail)


def _better(brief: Brief, new: str, before: list[Leak]) -> bool:
    try:
        compile(new, "script.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return len(find_leaks(brief, new)) < len(before)


def _statements(source: Source, leak: Leak) -> list[ast.stmt]:
    """The statements of the leak, in order."""
    first, last = span_of(source.text, leak)
    found = [
        s for s in source.statements() if first <= s.lineno and (s.end_lineno or s.lineno) <= last
    ]
    return sorted(found, key=lambda s: s.lineno)


def _with_lines_before(script: str, line: int, new: list[str]) -> str:
    lines = script.splitlines(keepends=True)
    indent = re.match(r"\s*", lines[line - 1])
    margin = indent.group() if indent else ""
    lines[line - 1 : line - 1] = [f"{margin}{text}\n" for text in new]
    return "".join(lines)


def _with_imports(script: str, line: int) -> str:
    """The script with the imports that a rewritten block needs, at the block's beginning."""
    text = "\n".join(script.splitlines()[line - 1 :])
    new = [
        code
        for name, code in _IMPORTS.items()
        if re.search(rf"\b{name}\b", text) and code not in script
    ]
    return _with_lines_before(script, line, new) if new else script


# --- columns
# -----------------------------------------------------------------------------------------


def drop_columns(brief: Brief, script: str, leak: Leak) -> str | None:
    """The target or the fold leaves the features."""
    found = re.match(r"The column (['\"])(.*)\1", leak.reason)
    if not found:
        return None
    name = found.group(2)
    source = Source(script)
    for statement in _statements(source, leak):
        value = getattr(statement, "value", None)
        if not isinstance(statement, ast.Assign | ast.Return | ast.AnnAssign) or value is None:
            continue
        listed = [_listed(source, node, name) for node in ast.walk(value)]
        edits = [edit for edit in listed if edit]
        if not edits:
            inner = _table_of(value)
            new = f'{source.of(inner)}.drop(columns=[{literal(name)}], errors="ignore")'
            edits = [(source.span(inner), new)]
        return source.edited(edits[:1])
    return None


def _table_of(value: ast.expr) -> ast.expr:
    """The table in ``table.values``, ``table.to_numpy()`` or ``table.copy()``."""
    if isinstance(value, ast.Attribute) and value.attr == "values":
        return _table_of(value.value)
    function = value.func if isinstance(value, ast.Call) else None
    if isinstance(function, ast.Attribute) and function.attr in ("to_numpy", "copy"):
        return _table_of(function.value)
    return value


def _listed(source: Source, node: ast.AST, name: str) -> tuple[Span, str] | None:
    """``drop(columns=[...])`` and ``not in [...]`` with one name more."""
    target: ast.expr | None = None
    if isinstance(node, ast.Call) and name_of(node.func) == "drop":
        target = next((k.value for k in node.keywords if k.arg == "columns"), None)
    elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotIn):
        target = node.comparators[0]
    if not isinstance(target, ast.List | ast.Tuple | ast.Set) or not target.elts:
        return None
    span = source.span(target.elts[-1])
    return (span, f"{source.of(target.elts[-1])}, {literal(name)}")


# --- labels in features
# ------------------------------------------------------------------------------


def encode_by_fold(brief: Brief, script: str, leak: Leak) -> str | None:
    """``X[new] = table[key].map(means)``: the means of every fold come from the other folds."""
    source = Source(script)
    means = _group_mean(source, leak)
    if means is None:
        return None
    table, key, target, statistic = means
    for statement in _statements(source, leak):
        place = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if not isinstance(place, ast.Subscript) or not re.search(
            r"map\(|transform\(", source.of(statement)
        ):
            continue
        owner, column = source.of(place.value), source.of(place.slice)
        seen = "_folds < _fold" if brief.task.time and brief.folds > 1 else "_folds != _fold"
        lines = [
            "# Every fold's values come from the labels of other folds.",
            _FOLDS,
            f"{owner}[{column}] = np.nan",
            "for _fold in sorted(set(_folds)):",
            f"    _seen, _held = {table}[{seen}], {table}[_folds == _fold]",
            f"    _means = _seen.groupby({key})[{target}].{statistic}()",
            (
                f"    {owner}.loc[_held.index, {column}] = "
                f"_held[{key}].map(_means).fillna(_seen[{target}].mean())"
            ),
        ]
        indent = " " * statement.col_offset
        return source.lines_replaced(statement, "".join(f"{indent}{line}\n" for line in lines))
    return None


def _group_mean(source: Source, leak: Leak) -> tuple[str, str, str, str] | None:
    """Table, key, target and statistic of the ``table.groupby(key)[target].mean()`` that leaks."""
    lines = range(leak.lines[0], leak.lines[1] + 1)
    for node in ast.walk(source.tree):
        if (
            not isinstance(node, ast.Subscript)
            or node.lineno not in lines
            or not isinstance(node.value, ast.Call)
        ):
            continue
        call = node.value
        if (
            name_of(call.func) != "groupby"
            or not isinstance(call.func, ast.Attribute)
            or not call.args
        ):
            continue
        if isinstance(call.args[0], ast.List) or not isinstance(call.func.value, ast.Name):
            return None
        rest = source.text.encode()[source.span(node)[1] :].decode()
        named = re.match(
            r"\.(?:transform\(\s*[\"'](\w+)[\"']|(mean|median|std|count|min|max|sum)\()", rest
        )
        if named:
            statistic = named.group(1) or named.group(2)
            return (
                source.of(call.func.value),
                source.of(call.args[0]),
                source.of(node.slice),
                statistic,
            )
    return None


def drop_statement(brief: Brief, script: str, leak: Leak) -> str | None:
    """A column or a file that nothing else needs goes."""
    source = Source(script)
    for statement in reversed(_statements(source, leak)):
        if isinstance(statement, ast.Expr):
            return source.lines_replaced(statement, "")
        place = statement.targets[0] if isinstance(statement, ast.Assign) else None
        if isinstance(place, ast.Subscript) and isinstance(place.slice, ast.Constant):
            name = str(place.slice.value)
            if len(
                re.findall(rf"([\"']){re.escape(name)}\1", script)
            ) <= 2 or name not in _features(brief):
                return source.lines_replaced(statement, "")
        if isinstance(place, ast.Name) and len(re.findall(rf"\b{place.id}\b", script)) == 1:
            return source.lines_replaced(statement, "")
        merged = isinstance(place, ast.Name) and re.search(
            r"\.(merge|join)\(", source.of(statement)
        )
        if (
            merged
            and isinstance(place, ast.Name)
            and re.match(rf"{place.id}\s*=\s*{place.id}\b", source.of(statement))
        ):
            return source.lines_replaced(statement, "")
    return None


def _features(brief: Brief) -> set[str]:
    return {c.name for c in brief.profile.columns}


# --- learning from all rows
# --------------------------------------------------------------------------


def learn_nothing(brief: Brief, script: str, leak: Leak) -> str | None:
    """Transformers give way to stateless ones, statistics to constants."""
    source = Source(script)
    edits: list[tuple[Span, str]] = []
    inserted: list[str] = []
    made = {
        s.targets[0].id: name_of(s.value.func)
        for s in source.statements()
        if isinstance(s, ast.Assign)
        and isinstance(s.targets[0], ast.Name)
        and isinstance(s.value, ast.Call)
    }
    for statement in _statements(source, leak):
        if isinstance(statement, ast.For | ast.If | ast.With | ast.FunctionDef):
            continue
        for call in [n for n in ast.walk(statement) if isinstance(n, ast.Call)]:
            edits += _stateless(source, call, made, inserted, statement.col_offset)
            edits += _constant(source, call)
    new = source.edited(edits)
    first = span_of(script, leak)[0]
    if inserted:
        new = _with_lines_before(new, first, list(dict.fromkeys(inserted)))
    return _with_imports(new, first) if new != script else None


def _stateless(
    source: Source, call: ast.Call, made: dict[str, str], inserted: list[str], column: int
) -> list[tuple[Span, str]]:
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in ("fit", "fit_transform"):
        return []
    owner = call.func.value
    if isinstance(owner, ast.Call):
        return [(source.span(owner), _relative(name_of(owner.func), column))]
    if isinstance(owner, ast.Name) and owner.id in made:
        inserted.append(f"{owner.id} = {_relative(made[owner.id], column)}")
        return [(source.span(call), source.of(call))]
    return []


def _relative(name: str, column: int) -> str:
    """A transformer with the same purpose that learns nothing."""
    if "Imputer" in name:
        return 'SimpleImputer(strategy="constant", fill_value=0)'
    if "Vectorizer" in name:
        return "HashingVectorizer(n_features=4096, alternate_sign=False)"
    return _HASHED.format(indent=" " * column) if "Encoder" in name else "FunctionTransformer()"


def _constant(source: Source, call: ast.Call) -> list[tuple[Span, str]]:
    name = name_of(call.func)
    if name not in _NEUTRAL or not isinstance(call.func, ast.Attribute):
        return []
    axis = [k.value for k in call.keywords if k.arg == "axis"]
    if any(isinstance(a, ast.Constant) and a.value in (1, "columns") for a in axis):
        return []
    return [(source.span(call), _NEUTRAL[name])]


# --- models, order, files
# ----------------------------------------------------------------------------


def predict_by_fold(brief: Brief, script: str, leak: Leak) -> str | None:
    """``oof = model.predict(X)`` with a model of all rows: fit a copy for every fold."""
    source = Source(script)
    fitted: list[tuple[str, str]] = []
    for statement in _statements(source, leak):
        for call in [n for n in ast.walk(statement) if isinstance(n, ast.Call)]:
            if (
                name_of(call.func) == "fit"
                and len(call.args) > 1
                and isinstance(call.func, ast.Attribute)
            ):
                fitted.append((source.of(call.args[0]), source.of(call.args[1])))
        place = statement.targets[0] if isinstance(statement, ast.Assign) else None
        found = re.fullmatch(
            r"\s*(\w+) = (\w+)\.(predict|predict_proba)\((\w+)\)(\[:, 1\])?\s*",
            source.of(statement),
        )
        if not fitted or not isinstance(place, ast.Name) or not found:
            continue
        oof, model, method, table, column = found.groups()
        if method == "predict_proba" and not column:
            return None
        seen = "_folds < _fold" if brief.task.time and brief.folds > 1 else "_folds != _fold"
        lines = [
            _FOLDS,
            f"{oof} = np.zeros(len(_folds))",
            "for _fold in sorted(set(_folds[_folds >= 0])):",
            f"    _seen, _held = {seen}, _folds == _fold",
            (
                f"    _model = clone({model}).fit(np.asarray({fitted[-1][0]})[_seen], "
                f"np.asarray({fitted[-1][1]})[_seen])"
            ),
            f"    {oof}[_held] = _model.{method}(np.asarray({table})[_held]){column or ''}",
        ]
        indent = " " * statement.col_offset
        new = source.lines_replaced(statement, "".join(f"{indent}{line}\n" for line in lines))
        return _with_imports(new, span_of(script, leak)[0])
    return None


def earlier_folds_only(brief: Brief, script: str, leak: Leak) -> str | None:
    """``folds != fold`` becomes ``folds < fold``."""
    source = Source(script)
    edits = [
        (source.span(node), f"{source.of(node.left)} < {source.of(node.comparators[0])}")
        for statement in _statements(source, leak)
        for node in ast.walk(statement)
        if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotEq)
    ]
    return source.edited(edits) if edits else None


def read_from_input(brief: Brief, script: str, leak: Leak) -> str | None:
    """A path outside ./input to a file that is given there."""
    source = Source(script)
    given = {*brief.files, *brief.task.side_files}
    edits = []
    for statement in _statements(source, leak):
        for node in ast.walk(statement):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and node.value.startswith(("/", "..", "~"))
            ):
                name = PurePosixPath(node.value).name
                new = (
                    f"input/{name}"
                    if name in given
                    else "input"
                    if not PurePosixPath(name).suffix
                    else ""
                )
                if new:
                    edits.append((source.span(node), literal(new)))
    return source.edited(edits) if edits else None


_FIXES: dict[str, tuple[Fix, ...]] = {
    "feature": (drop_columns,),
    "target": (encode_by_fold, learn_nothing, drop_statement),
    "fit": (learn_nothing, drop_statement),
    "test": (learn_nothing, drop_statement),
    "in-sample": (predict_by_fold,),
    "order": (earlier_folds_only,),
    "file": (read_from_input, drop_statement),
    "label": (drop_statement,),
}
