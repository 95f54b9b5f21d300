"""Arguments and functions that pandas 3, numpy 2, scikit-learn 1.9 and others no longer have."""

from __future__ import annotations

import ast
import re

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.debugger.source import (
    Failure,
    Source,
    Span,
    arguments_of,
    name_of,
    with_lines_on_top,
)

_RENAMED = {
    "sparse": "sparse_output",
    "base_estimator": "estimator",
    "line_terminator": "lineterminator",
    "affinity": "metric",
}
_TOGETHER = {"early_stopping_rounds", "verbose", "verbose_eval", "evals_result", "eval_metric"}
"""Arguments of ``fit`` or ``train`` that fail together: one repair round for all of them."""
_NUMPY = {
    "float": "float",
    "int": "int",
    "bool": "bool",
    "object": "object",
    "str": "str",
    "long": "int",
    "complex": "complex",
    "float_": "np.float64",
    "complex_": "np.complex128",
    "string_": "np.bytes_",
    "unicode_": "np.str_",
    "Inf": "np.inf",
    "Infinity": "np.inf",
    "infty": "np.inf",
    "PINF": "np.inf",
    "NINF": "-np.inf",
    "NaN": "np.nan",
    "NAN": "np.nan",
    "product": "np.prod",
    "cumproduct": "np.cumprod",
    "in1d": "np.isin",
    "trapz": "np.trapezoid",
    "row_stack": "np.vstack",
    "sometrue": "np.any",
    "alltrue": "np.all",
    "round_": "np.round",
    "msort": "np.sort",
}
_METHODS = {
    "get_feature_names": "get_feature_names_out",
    "iteritems": "items",
    "ix": "loc",
    "applymap": "map",
    "best_ntree_limit": "best_iteration",
    "as_matrix": "to_numpy",
    "get_values": "to_numpy",
    "to_list": "tolist",
    "is_monotonic": "is_monotonic_increasing",
    "n_features_": "n_features_in_",
    "base_estimator_": "estimator_",
    "ravel": "to_numpy().ravel",
    "reshape": "to_numpy().reshape",
}


def unknown_keyword(script: str, failure: Failure, brief: Brief) -> str | None:
    """An argument that the function does not take: renamed, rewritten or dropped."""
    found = re.search(
        r"(?:([\w.]+)\(\) )?got an unexpected keyword argument '(\w+)'", failure.message
    )
    found = found or re.search(
        r"([\w.]*)\(\) got multiple values for keyword argument '(\w+)'", failure.message
    )
    if not found:
        found = re.search(r"()Invalid parameter '?(\w+)'? (?:for|of)", failure.message)
    if not found:
        return None
    owner, keyword = (found.group(1) or "").split(".<locals>")[0], found.group(2)
    source = Source(script)
    calls = _calls(source, owner, keyword, failure.line)
    edits: list[tuple[Span, str]] = []
    for call in calls:
        edits += _mended(source, call, keyword)
    if not edits:
        edits = _in_dictionaries(source, keyword)
    return source.edited(edits) if edits else None


def _calls(source: Source, owner: str, keyword: str, line: int | None) -> list[ast.Call]:
    """Calls that pass the keyword: those of the named function, else those at the failing line."""
    passing = [c for c in source.calls() if keyword in [k.arg for k in c.keywords]]
    names = {part for part in owner.split(".") if part != "__init__"}
    named = [c for c in passing if name_of(c.func) in names]
    at = [c for c in passing if line is not None and c.lineno <= line <= (c.end_lineno or c.lineno)]
    return named or at or passing


def _mended(source: Source, call: ast.Call, keyword: str) -> list[tuple[Span, str]]:
    name = name_of(call.func)
    given = next(k for k in call.keywords if k.arg == keyword)
    if keyword == "squared":
        without = source.without_keyword(call, keyword)
        root = isinstance(given.value, ast.Constant) and given.value.value is False
        if without and root:
            return [(source.span(call), _inside(source, call, without) + " ** 0.5")]
        return [without] if without else []
    if (
        keyword == "method"
        and isinstance(given.value, ast.Constant)
        and isinstance(call.func, ast.Attribute)
    ):
        how = {"ffill": "ffill", "pad": "ffill", "bfill": "bfill", "backfill": "bfill"}.get(
            str(given.value.value)
        )
        if how and name == "fillna":
            return [(source.span(call), f"{source.of(call.func.value)}.{how}()")]
    if keyword in ("error_bad_lines", "warn_bad_lines"):
        without = source.without_keyword(call, keyword)
        has = any(k.arg == "on_bad_lines" for k in call.keywords)
        return (
            [(source.span(given), 'on_bad_lines="skip"')]
            if not has
            else [without]
            if without
            else []
        )
    if keyword in _RENAMED:
        return [(source.span(given), f"{_RENAMED[keyword]}={source.of(given.value)}")]
    dropped = {keyword}
    if name in ("fit", "train") and keyword in _TOGETHER:
        dropped |= {k.arg for k in call.keywords if k.arg in _TOGETHER}
    return _dropped(source, call, dropped)


def _dropped(source: Source, call: ast.Call, names: set[str]) -> list[tuple[Span, str]]:
    """The call again, without some keywords."""
    if len(names) == 1:
        edit = source.without_keyword(call, next(iter(names)))
        return [edit] if edit else []
    kept = [source.of(a) for a in call.args] + [
        source.of(k) for k in call.keywords if k.arg not in names
    ]
    return [(source.span(call), f"{source.of(call.func)}({', '.join(kept)})")]


def _inside(source: Source, call: ast.Call, edit: tuple[Span, str]) -> str:
    start, end = source.span(call)
    (low, high), new = edit
    text = source.text.encode()
    return (text[start:low] + new.encode() + text[high:end]).decode()


def _in_dictionaries(source: Source, keyword: str) -> list[tuple[Span, str]]:
    """Settings passed as ``**params``: the entry is taken out of the literal."""
    edits = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Dict):
            hit = {
                i
                for i, k in enumerate(node.keys)
                if isinstance(k, ast.Constant) and k.value == keyword
            }
            if hit:
                edits.append((source.span(node), source.without_item(node, hit)))
    return edits


def refused_value(script: str, failure: Failure, brief: Brief) -> str | None:
    """scikit-learn refuses a setting's value: the default takes its place."""
    found = re.search(r"The '(\w+)' parameter of (\w+) must be", failure.message)
    if not found:
        return None
    source = Source(script)
    edits = []
    for call in source.calls(found.group(2)):
        edit = source.without_keyword(call, found.group(1))
        edits += [edit] if edit else []
    return source.edited(edits or _in_dictionaries(source, found.group(1)))


def removed_from_numpy(script: str, failure: Failure, brief: Brief) -> str | None:
    """``np.float``, ``np.Inf`` and others."""
    if not re.search(
        r"module 'numpy' has no attribute|was removed in the NumPy 2", failure.message
    ):
        return None
    source = Source(script)
    edits = [
        (source.span(node), _NUMPY[node.attr])
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Attribute)
        and node.attr in _NUMPY
        and source.of(node.value) in ("np", "numpy")
    ]
    return source.edited(edits)


def removed_method(script: str, failure: Failure, brief: Brief) -> str | None:
    """Attributes that went away or have another name now."""
    found = re.search(r"has no attribute '(\w+)'", failure.message)
    if failure.type != "AttributeError" or not found:
        return None
    name = found.group(1)
    source = Source(script)
    nodes = [n for n in ast.walk(source.tree) if isinstance(n, ast.Attribute) and n.attr == name]
    if name == "append":
        return _appended(source)
    if name in ("week", "weekofyear"):
        return source.edited(
            [
                (source.span(n), f"{source.of(n.value)}.isocalendar().week.astype(int)")
                for n in nodes
            ]
        )
    if name == "mad":
        edits = [
            (source.span(c), _deviation(source.of(c.func.value)))
            for c in source.calls("mad")
            if isinstance(c.func, ast.Attribute)
        ]
        return source.edited(edits)
    if name in ("values", "to_numpy", "tolist", "toarray", "todense") and nodes:
        return _as_it_is(source, nodes, failure.line)
    new = _METHODS.get(name)
    if not new:
        return None
    at = (
        [n for n in nodes if n.lineno == failure.line]
        if name in ("ravel", "reshape", "to_list")
        else nodes
    )
    return source.edited([(source.span(n), f"{source.of(n.value)}.{new}") for n in at or nodes])


def _deviation(text: str) -> str:
    return f"({text} - {text}.mean()).abs().mean()"


def _as_it_is(source: Source, nodes: list[ast.Attribute], line: int | None) -> str | None:
    """``.values`` of what is an array already: leave the conversion out at the failing line."""
    called = {id(c.func): c for c in source.calls()}
    edits = []
    for node in nodes:
        if node.lineno == line:
            whole = called.get(id(node), node)
            edits.append((source.span(whole), source.of(node.value)))
    return source.edited(edits) if edits else None


def _appended(source: Source) -> str | None:
    """``a = a.append(b)`` of tables becomes ``pd.concat``."""
    plain = {id(s.value) for s in source.statements() if isinstance(s, ast.Expr)}
    edits = []
    for call in source.calls("append"):
        if id(call) in plain or not isinstance(call.func, ast.Attribute) or not call.args:
            continue
        other = source.of(call.args[0])
        if isinstance(call.args[0], ast.Dict):
            other = f"pd.DataFrame([{other}])"
        options = "".join(
            f", {source.of(k)}" for k in call.keywords if k.arg in ("ignore_index", "sort")
        )
        edits.append(
            (source.span(call), f"pd.concat([{source.of(call.func.value)}, {other}]{options})")
        )
    return source.edited(edits) if edits else None


def read_only_array(script: str, failure: Failure, brief: Brief) -> str | None:
    """Arrays that pandas 3 hands out share memory with the table and can't be written to."""
    if "read-only" not in failure.message or failure.type != "ValueError":
        return None
    source = Source(script)
    called = {id(c.func) for c in source.calls()}
    edits = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Attribute) and node.attr == "values" and id(node) not in called:
            edits.append((source.span(node), f"{source.of(node.value)}.to_numpy(copy=True)"))
        elif (
            isinstance(node, ast.Call)
            and name_of(node.func) == "to_numpy"
            and not _has(node, "copy")
        ):
            given = arguments_of(source, node)
            new = f"{source.of(node.func)}({', '.join([*given, 'copy=True'])})"
            edits.append((source.span(node), new))
    return source.edited(edits)


def _has(call: ast.Call, keyword: str) -> bool:
    return any(k.arg == keyword for k in call.keywords)


def unavoidable_copy(script: str, failure: Failure, brief: Brief) -> str | None:
    """Since numpy 2 an array takes ``copy=False`` at its word."""
    if "copy" not in failure.message or "avoid" not in failure.message:
        return None
    source = Source(script)
    edits = [e for c in source.calls("array") if (e := source.without_keyword(c, "copy"))]
    return source.edited(edits)


def no_gpu(script: str, failure: Failure, brief: Brief) -> str | None:
    """A graphics card is asked for where there is none."""
    if not re.search(r"gpu|cuda|nvidia|opencl", failure.said, re.IGNORECASE):
        return None
    repaired = re.sub(r"""(["'])gpu_hist\1""", '"hist"', script)
    repaired = re.sub(r"""(["'])GPU\1""", '"CPU"', repaired)
    return re.sub(r"""(["'])(gpu|cuda(:\d+)?)\1""", '"cpu"', repaired)


def too_many_processes(script: str, failure: Failure, brief: Brief) -> str | None:
    """Worker processes or threads can't be started: one is enough."""
    said = (
        r"start new thread|Resource temporarily|BrokenProcessPool"
        r"|TerminatedWorkerError|fork|semaphore|\[Errno 38\]|processes at once"
    )
    if not re.search(said, failure.said):
        return None
    return re.sub(r"\b(n_jobs|num_workers|thread_count|nthread|num_threads)=-?\d+", r"\1=1", script)


def gone_pandas_option(script: str, failure: Failure, brief: Brief) -> str | None:
    """``pd.datetime``, ``pd.Int64Index`` and others."""
    found = re.search(r"module 'pandas' has no attribute '(\w+)'", failure.message)
    if not found:
        return None
    if found.group(1) == "datetime":
        return with_lines_on_top(
            re.sub(r"\bpd\.datetime\b", "datetime", script), "from datetime import datetime"
        )
    return re.sub(
        rf"\bpd\.{found.group(1)}\b",
        "pd.Index" if found.group(1).endswith("Index") else "pd.DataFrame",
        script,
    )


RULES = (
    removed_from_numpy,
    gone_pandas_option,
    unknown_keyword,
    refused_value,
    removed_method,
    read_only_array,
    unavoidable_copy,
    no_gpu,
    too_many_processes,
)
