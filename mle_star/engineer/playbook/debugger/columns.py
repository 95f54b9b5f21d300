"""Columns that are not there, names that libraries refuse, categories an encoder has not seen."""

from __future__ import annotations

import ast
import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.debugger.source import (
    Failure,
    Source,
    Span,
    after_tables_are_read,
    arguments_of,
    with_lines_on_top,
)


def _missing(failure: Failure) -> list[str]:
    """Names of the columns that are not there."""
    found = re.search(r"\[(.*?)\] not (?:in index|found in axis)", failure.message, re.DOTALL)
    if not found:
        found = re.search(r"None of \[Index\(\[(.*?)\]", failure.message, re.DOTALL)
    if found:
        return [a or b for a, b in re.findall(r"'([^']*)'|\"([^\"]*)\"", found.group(1))]
    one = re.fullmatch(r"['\"](.*)['\"]", failure.message.strip(), re.DOTALL)
    return [one.group(1)] if one else []


def fold_not_merged(script: str, failure: Failure, brief: Brief) -> str | None:
    """The fold is looked for in the training table; it is in folds.csv."""
    if failure.type != "KeyError" or _missing(failure) != ["fold"]:
        return None
    line = '["fold"] = pd.read_csv("input/folds.csv")["fold"].to_numpy()'
    return after_tables_are_read(script, lambda train, test: f"{train}{line}")


def missing_column(script: str, failure: Failure, brief: Brief) -> str | None:
    """Columns that do not exist leave the lists; what is computed from them alone goes."""
    missing = set(_missing(failure))
    if failure.type not in ("KeyError", "ValueError") or not missing:
        return None
    source = Source(script)
    edits: list[tuple[Span, str]] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.List | ast.Tuple | ast.Set) and "." not in source.of(node)[:1]:
            gone = {
                i
                for i, n in enumerate(node.elts)
                if isinstance(n, ast.Constant) and n.value in missing
            }
            if gone:
                edits.append((source.span(node), source.without_item(node, gone)))
    if "not found in axis" in failure.message:
        edits = [e for c in source.calls("drop") if (e := _forgiving(source, c))]
    if edits:
        return source.edited(edits)
    statement = source.statement_at(failure.line)
    if statement is None or not isinstance(statement, ast.Assign | ast.AugAssign | ast.Expr):
        return None
    target = (
        statement.targets[0]
        if isinstance(statement, ast.Assign)
        else getattr(statement, "target", None)
    )
    if target is None or isinstance(target, ast.Subscript):
        return source.lines_replaced(statement, "")
    return None


def _forgiving(source: Source, call: ast.Call) -> tuple[Span, str] | None:
    if any(k.arg == "errors" for k in call.keywords) or not (call.args or call.keywords):
        return None
    start, end = source.span(call)
    inside = source.of(call)[:-1].rstrip().rstrip(",")
    return (start, end), f'{inside}, errors="ignore")'


def feature_names(script: str, failure: Failure, brief: Brief) -> str | None:
    """LightGBM and XGBoost refuse some characters in column names: columns get plain names."""
    if not re.search(
        r"special JSON characters|feature_names must be string|may not contain \[", failure.said
    ):
        return None
    if "def plain(" in script:
        return None
    source = Source(script)
    edits: list[tuple[Span, str]] = []
    for call in source.calls("fit", "predict", "predict_proba", "Dataset", "DMatrix"):
        if call.args:
            edits.append((source.span(call.args[0]), f"plain({source.of(call.args[0])})"))
        for keyword in call.keywords:
            if keyword.arg in ("eval_set", "valid_sets") and isinstance(keyword.value, ast.List):
                pairs = [p for p in keyword.value.elts if isinstance(p, ast.Tuple)]
                edits += [(source.span(p.elts[0]), f"plain({source.of(p.elts[0])})") for p in pairs]
    for statement in source.statements():
        value = statement.value if isinstance(statement, ast.Return) else None
        if isinstance(value, ast.Attribute) and value.attr in ("predict", "predict_proba"):
            edits.append((source.span(value), f"lambda table: {source.of(value)}(plain(table))"))
    helper = [
        "",
        "",
        "def plain(table):",
        '    """The table with column names that every library accepts."""',
        '    if not hasattr(table, "columns"):',
        "        return table",
        '    return table.set_axis([f"x{i}" for i in range(table.shape[1])], axis=1)',
        "",
    ]
    return with_lines_on_top(source.edited(edits), *helper)


def unseen_categories(script: str, failure: Failure, brief: Brief) -> str | None:
    """An encoder meets a level it was not fitted on."""
    if not re.search(r"previously unseen labels|unknown categories", failure.said):
        return None
    source = Source(script)
    edits: list[tuple[Span, str]] = []
    for name, options in (
        ("OneHotEncoder", 'handle_unknown="ignore"'),
        ("OrdinalEncoder", 'handle_unknown="use_encoded_value", unknown_value=-1'),
    ):
        for call in source.calls(name):
            if not any(k.arg == "handle_unknown" for k in call.keywords):
                given = arguments_of(source, call)
                edits.append((source.span(call), f"{name}({', '.join([*given, options])})"))
    if edits and "unknown categories" in failure.said:
        return source.edited(edits)
    statement = source.statement_at(failure.line)
    for call in source.calls("transform"):
        at = statement is None or (statement.lineno <= call.lineno <= (statement.end_lineno or 0))
        if at and isinstance(call.func, ast.Attribute) and call.args:
            encoder, values = source.of(call.func.value), source.of(call.args[0])
            codes = f"{{level: code for code, level in enumerate({encoder}.classes_)}}"
            new = f"pd.Series(np.asarray({values})).map({codes}).fillna(-1).astype(int).to_numpy()"
            edits.append((source.span(call), new))
    return source.edited(edits) if edits else None


RULES = (fold_not_merged, missing_column, unseen_categories, feature_names)
