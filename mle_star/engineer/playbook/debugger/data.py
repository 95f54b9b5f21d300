"""Data that a script did not expect: strings, gaps, infinities, columns that are not there."""

from __future__ import annotations

import ast
import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.debugger.names import IMPORTS
from mle_star.engineer.playbook.debugger.source import (
    Failure,
    Source,
    Span,
    after_tables_are_read,
    arguments_of,
    name_of,
    with_lines_on_top,
    words,
)

_NEEDS_FULL = words(
    "LinearRegression Ridge RidgeCV RidgeClassifier Lasso LassoCV ElasticNet "
    "ElasticNetCV LogisticRegression HuberRegressor "
    "SGDRegressor SGDClassifier BayesianRidge PoissonRegressor QuantileRegressor "
    "KNeighborsRegressor KNeighborsClassifier "
    "SVR SVC LinearSVR LinearSVC MLPRegressor MLPClassifier "
    "GradientBoostingRegressor GradientBoostingClassifier PCA "
    "TruncatedSVD SelectKBest KMeans GaussianNB MultinomialNB PolynomialFeatures "
    "AdaBoostRegressor AdaBoostClassifier "
    "ExtraTreesRegressor ExtraTreesClassifier RandomForestRegressor "
    "RandomForestClassifier LinearDiscriminantAnalysis"
)
_TEXTUAL = (
    r"could not convert string to float|bad pandas dtypes|dtypes? (for data "
    r")?must be int, float|non-numeric data"
    r"|Cannot cast object dtype|unsupported operand type\(s\) for .*'str'|Cannot "
    r"perform reduction .* with string dtype"
    r"|DataFrame.dtypes for data must be|does not support operation"
)


def strings_in_features(script: str, failure: Failure, brief: Brief) -> str | None:
    """Strings reach a model: mend checks for the object dtype, else make codes of categories."""
    if not re.search(_TEXTUAL, failure.said):
        return None
    repaired = _string_dtype(script)
    if repaired != script:
        return repaired
    if "# Categories as codes" in script:
        return None
    kept = [c for c in (brief.task.id, *brief.task.target) if c]
    task_kept = ", ".join(repr(name).replace("'", '"') for name in kept)

    def code(train: str, test: str) -> str:
        return (
            f"# Categories as codes; a level that train does not have becomes -1.\n"
            f"for _column in {train}.columns.intersection({test}.columns):\n"
            f"    if _column in [{task_kept}] or pd.api.types.is_numeric_dtype({train}[_column]):\n"
            f"        continue\n"
            f"    _levels = sorted({train}[_column].dropna().astype(str).unique())\n"
            f"    _codes = {{level: code for code, level in enumerate(_levels)}}\n"
            f"    {train}[_column] = "
            f"{train}[_column].astype(str).map(_codes).fillna(-1).astype(float)\n"
            f"    {test}[_column] = "
            f"{test}[_column].astype(str).map(_codes).fillna(-1).astype(float)"
        )

    return after_tables_are_read(script, code)


def _string_dtype(script: str) -> str:
    """In pandas 3 strings have the dtype ``str``: comparisons with object don't find them."""
    source = Source(script)
    edits: list[tuple[Span, str]] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Compare) and len(node.ops) == 1 and _is_object(node.comparators[0]):
            left = source.of(node.left)
            if "dtype" in left and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                number = f"pd.api.types.is_numeric_dtype({left})"
                if left.endswith(".dtypes"):
                    number = f"{left}.map(pd.api.types.is_numeric_dtype)"
                    new = number if isinstance(node.ops[0], ast.NotEq) else f"~{number}"
                else:
                    new = number if isinstance(node.ops[0], ast.NotEq) else f"not {number}"
                edits.append((source.span(node), f"({new})"))
        if isinstance(node, ast.Call) and name_of(node.func) == "select_dtypes":
            edits += _selected(source, node)
    return source.edited(edits)


def _selected(source: Source, call: ast.Call) -> list[tuple[Span, str]]:
    edits: list[tuple[Span, str]] = []
    parts: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    for position, part in enumerate(parts):
        value = part.value if isinstance(part, ast.keyword) else part
        include = part.arg == "include" if isinstance(part, ast.keyword) else position == 0
        items = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
        if any(_is_object(item) for item in items):
            edits.append((source.span(part), 'exclude="number"' if include else 'include="number"'))
    return edits


def _is_object(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value in ("object", "O")
    return isinstance(node, ast.Name | ast.Attribute) and name_of(node) in ("object", "object_")


def chained_fill(script: str, failure: Failure, brief: Brief) -> str | None:
    """``table[c].fillna(x, inplace=True)`` changes nothing in pandas 3, so gaps stay."""
    if not re.search(r"NaN|missing values|ChainedAssignment|infinity", failure.said):
        return None
    source = Source(script)
    edits = []
    for statement in source.statements():
        call = statement.value if isinstance(statement, ast.Expr) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute):
            continue
        inplace = source.without_keyword(call, "inplace")
        if inplace and isinstance(call.func.value, ast.Subscript):
            start, end = source.span(call)
            (low, high), _ = inplace
            text = script.encode()
            owner = source.of(call.func.value)
            edits.append(((start, end), f"{owner} = {(text[start:low] + text[high:end]).decode()}"))
    return source.edited(edits) if edits else None


def gaps_in_features(script: str, failure: Failure, brief: Brief) -> str | None:
    """Missing values reach a model that can't take them: it gets an imputer, fitted with it."""
    if not re.search(
        r"(contains|encoded as|accept) ?NaN|does not accept missing|missing values encoded",
        failure.said,
    ):
        return None
    source = Source(script)
    named = re.search(r"\n(\w+) does not accept missing values", failure.said)
    names = frozenset({named.group(1)}) if named and named.group(1) in _NEEDS_FULL else _NEEDS_FULL
    steps = 'SimpleImputer(strategy="median", keep_empty_features=True)'
    edits = [
        (source.span(c), f"make_pipeline({steps}, {source.of(c)})") for c in _models(source, names)
    ]
    if not edits:
        return None
    return with_lines_on_top(
        source.edited(edits), IMPORTS["SimpleImputer"], IMPORTS["make_pipeline"]
    )


def infinite_features(script: str, failure: Failure, brief: Brief) -> str | None:
    """Infinite values reach a model: they become missing values, filled where needed."""
    if not re.search(r"infinity|contains `?inf|too large for dtype", failure.said):
        return None
    source = Source(script)
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef) and node.name == "make_features":
            last = node.body[-1]
            if isinstance(last, ast.Return) and last.value and "np.inf" not in source.of(last):
                new = f"{source.of(last.value)}.replace([np.inf, -np.inf], np.nan)"
                return source.edited([(source.span(last.value), new)])
    if "def finite(" in script:
        return None
    finite = "FunctionTransformer(finite)"
    fill = 'SimpleImputer(strategy="median", keep_empty_features=True)'
    edits = [
        (source.span(c), f"make_pipeline({finite}, {fill}, {source.of(c)})")
        for c in _models(source, _NEEDS_FULL)
    ]
    if not edits:
        return None
    helper = [
        "",
        "",
        "def finite(table):",
        '    """Infinite values become missing values."""',
        "    values = np.asarray(table, dtype=float)",
        "    return np.where(np.isfinite(values), values, np.nan)",
        "",
    ]
    names = ("SimpleImputer", "make_pipeline", "FunctionTransformer")
    return with_lines_on_top(source.edited(edits), *(IMPORTS[name] for name in names), *helper)


def _models(source: Source, names: frozenset[str]) -> list[ast.Call]:
    """Constructor calls that are not part of a pipeline already."""
    inside = {
        id(n)
        for call in source.calls("make_pipeline", "Pipeline")
        for n in ast.walk(call)
        if n is not call
    }
    return [c for c in source.calls(*names) if id(c) not in inside]


def untidy_values(script: str, failure: Failure, brief: Brief) -> str | None:
    """Dates, numbers and mixed types that can't be parsed, sorted or cast at the failing line."""
    source = Source(script)
    statement = source.statement_at(failure.line)
    if statement is None:
        return None
    inside = [c for c in ast.walk(statement) if isinstance(c, ast.Call)]
    if re.search(
        (
            r"Unable to parse string|time data|doesn't match format|Unknown datetime "
            r"string|out of bounds"
        ),
        failure.said,
        re.IGNORECASE,
    ):
        edits = [
            e
            for c in inside
            if name_of(c.func) in ("to_numeric", "to_datetime") and (e := _coerced(source, c))
        ]
        return source.edited(edits) if edits else None
    if re.search(r"'<' not supported between instances of", failure.said):
        calls = [
            c
            for c in inside
            if name_of(c.func) == "sorted" and not any(k.arg == "key" for k in c.keywords)
        ]
        return source.edited([(source.span(c), f"{source.of(c)[:-1]}, key=str)") for c in calls])
    if re.search(
        (
            r"Cannot convert (float )?(non-finite|NaN)|cannot convert float NaN"
            r"|Cannot convert non-finite|NA or inf"
        ),
        failure.said,
        re.IGNORECASE,
    ):
        casts = [
            c for c in inside if name_of(c.func) == "astype" and isinstance(c.func, ast.Attribute)
        ]
        owners = [
            (source.span(c.func.value), source.of(c.func.value))
            for c in casts
            if isinstance(c.func, ast.Attribute)
        ]
        return source.edited([(span, f"{text}.fillna(0)") for span, text in owners])
    return _accessors(source, statement, failure)


def _coerced(source: Source, call: ast.Call) -> tuple[Span, str] | None:
    options = [] if any(k.arg == "errors" for k in call.keywords) else ['errors="coerce"']
    named = {k.arg for k in call.keywords}
    if name_of(call.func) == "to_datetime" and "format" not in named:
        options.append('format="mixed"')
    given = arguments_of(source, call)
    return (
        (source.span(call), f"{source.of(call.func)}({', '.join([*given, *options])})")
        if options
        else None
    )


def _accessors(source: Source, statement: ast.stmt, failure: Failure) -> str | None:
    """``.str`` and ``.dt`` of columns of another type, and filling categories with a new one."""
    wanted, cast = "", ""
    if "Can only use .str accessor" in failure.said:
        wanted, cast = "str", "{}.astype(str).str"
    elif "Can only use .dt accessor" in failure.said:
        wanted, cast = "dt", 'pd.to_datetime({}, errors="coerce").dt'
    elif "Cannot setitem on a Categorical" in failure.said:
        wanted, cast = "fillna", "{}.astype(object).fillna"
    nodes = [n for n in ast.walk(statement) if isinstance(n, ast.Attribute) and n.attr == wanted]
    edits = [(source.span(n), cast.format(source.of(n.value))) for n in nodes]
    return source.edited(edits) if edits else None


RULES = (
    untidy_values,
    strings_in_features,
    chained_fill,
    infinite_features,
    gaps_in_features,
)
