"""Which of the given columns and files a script leaves aside, and a rewrite that uses them.

An engineer never touches the disk, so what a side table holds is found out by the added code when
the script runs.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from mle_star.engineer.base import Brief, UsageReport
from mle_star.engineer.playbook import script as canonical
from mle_star.engineer.playbook.blocks.facts import Facts, assignment, literal
from mle_star.engineer.playbook.debugger.source import name_of
from mle_star.parsing import parse
from mle_star.tasks.profile import ColumnProfile

_WHOLE = {"columns", "select_dtypes", "drop", "pop", "iloc"}
_TABLE = re.compile(r"\.(csv|csv\.gz|parquet)$", re.IGNORECASE)
_USELESS = ("id", "constant")


def check_usage(brief: Brief, script: str) -> UsageReport:
    """Compare what is given with what the script mentions.

    Identifiers and constant columns are never missed. ``script`` of the report is None where
    nothing is unused, or where no rule can work the unused in.
    """
    try:
        tree = parse(script)
    except (SyntaxError, ValueError):
        return UsageReport(
            (), None, "The script can't be parsed, so nothing is known about its use of the data."
        )
    columns, files = unused_columns(brief, tree), unused_files(brief, tree)
    if not columns and not files:
        return UsageReport((), None, "The script uses every column and every file.")
    what = "The script leaves aside: " + ", ".join([*columns, *files]) + "."
    rewritten, added = script, list[str]()
    if canonical.find(script, canonical.LOAD) and canonical.find(script, canonical.FEATURES):
        rewritten, added = _with_columns(brief, rewritten, columns)
        tables = [name for name in files if _TABLE.search(name)]
        if tables:
            rewritten = _with_tables(brief, rewritten, tables)
            added += tables
    if rewritten == script or not _compiles(rewritten):
        return UsageReport((*columns, *files), None, f"{what} No rule can work them in.")
    return UsageReport((*columns, *files), rewritten, f"{what} Now used: {', '.join(added)}.")


def _compiles(script: str) -> bool:
    try:
        compile(script, "script.py", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    return True


def unused_columns(brief: Brief, tree: ast.Module) -> list[str]:
    """Feature columns that are not mentioned, or only to be dropped."""
    skipped = {*brief.task.target, brief.task.id, brief.task.group, *brief.task.exclude}
    given = [
        c
        for c in brief.profile.columns
        if c.in_test and c.kind not in _USELESS and c.name not in skipped
    ]
    dropped = _dropped(tree)
    mentioned = _mentioned(tree)
    whole = _takes_all(tree)
    return [c.name for c in given if not _used(c, whole, mentioned, dropped)]


def _used(
    column: ColumnProfile, whole: str, mentioned: Mapping[str, int], dropped: Mapping[str, int]
) -> bool:
    """Whether the script uses a column; ``whole`` is what :func:`_takes_all` says."""
    named = mentioned.get(column.name, 0) > dropped.get(column.name, 0)
    if column.name in dropped or not whole:
        return named
    if whole == "numbers":
        return named or (column.kind in ("numeric", "boolean") and not column.dirty)
    return True


def _mentioned(tree: ast.Module) -> dict[str, int]:
    """How often each string, or attribute of a variable, occurs outside docstrings."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    counts: dict[str, int] = {}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            text = node.value
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            text = node.attr
        if text:
            counts[text] = counts.get(text, 0) + 1
    return counts


def _dropped(tree: ast.Module) -> Mapping[str, int]:
    """Names that stand in calls of ``drop``, or in a list that is for dropping alone."""
    parts: list[ast.expr] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name_of(node.func) in ("drop", "difference"):
            parts += [
                *node.args,
                *(k.value for k in node.keywords if k.arg in ("columns", "labels")),
            ]
        elif isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.NotIn):
            parts += node.comparators
    loads = Counter(
        n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
    )
    here = Counter(n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name))
    for node in ast.walk(tree):
        for target in node.targets if isinstance(node, ast.Assign) else ():
            if isinstance(target, ast.Name) and here[target.id] == loads[target.id] > 0:
                assert isinstance(node, ast.Assign)
                parts.append(node.value)
    return Counter(text for part in parts for text in _strings(part))


def _strings(node: ast.AST) -> Iterable[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _takes_all(tree: ast.Module) -> str:
    """What is taken wholesale: "all", "numbers" (by ``select_dtypes``), or ""."""
    numbers = False
    for node in ast.walk(tree):
        if not isinstance(node, ast.Attribute) or node.attr not in _WHOLE:
            continue
        if node.attr == "select_dtypes":
            numbers = True
        elif node.attr in ("columns", "drop", "pop") and not _is_index_call(node):
            return "all" if not _only_numbers(tree) else "numbers"
    return ("numbers" if _only_numbers(tree) else "all") if numbers else ""


def _is_index_call(node: ast.Attribute) -> bool:
    """``pd.columns`` and the like can't be: only attributes of tables count."""
    return isinstance(node.value, ast.Name) and node.value.id in ("np", "pd")


def _only_numbers(tree: ast.Module) -> bool:
    calls = [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "select_dtypes"
    ]
    numbers = [c for c in calls if re.search(r"number|float|int", c) and "exclude" not in c]
    return bool(calls) and len(numbers) == len(calls)


def unused_files(brief: Brief, tree: ast.Module) -> list[str]:
    """Side files whose name, or stem, stands in no string of the script."""
    texts = list(_strings(tree))
    unused = []
    for name in brief.task.side_files:
        stem = PurePosixPath(name).name
        if not any(stem in text for text in texts):
            unused.append(name)
    return unused


# --- rewriting
# -------------------------------------------------------------------------------------


def _with_columns(brief: Brief, script: str, columns: list[str]) -> tuple[str, list[str]]:
    """The canonical script with columns added to its lists, and which ones could be added."""
    facts = Facts(brief)
    roles = {
        "NUMERIC": [c for c in columns if c in facts.numeric],
        "CATEGORICAL": [c for c in columns if c in facts.categorical],
        "TEXT": [c for c in columns if c in facts.text],
        "DATETIME": [c for c in columns if c in facts.datetime],
    }
    added: list[str] = []
    for name, extra in roles.items():
        longer = _longer_list(script, name, extra)
        if extra and longer:
            script = longer
            added += extra
    load = canonical.find(script, canonical.LOAD)
    untidy = [c for c in added if c in facts.dirty or c in facts.boolean]
    if load and untidy:
        lines = [assignment("AS_NUMBERS", untidy), "for table in (train, test):"]
        lines.append(
            "    table[AS_NUMBERS] = table[AS_NUMBERS].apply(pd.to_numeric, "
            'errors="coerce").astype(float)'
        )
        script = canonical.replace(script, load.text, _appended(load.text, lines))
    return script, added


def _longer_list(script: str, name: str, extra: list[str]) -> str | None:
    """The script with names added to one of its list constants; None where it has no such list."""
    for node in ast.walk(parse(script)):
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        value = getattr(node, "value", None)
        if isinstance(target, ast.Name) and target.id == name and isinstance(value, ast.List):
            names = [item.value for item in value.elts if isinstance(item, ast.Constant)]
            lines = script.splitlines(keepends=True)
            first, last = target.lineno - 1, value.end_lineno or target.lineno
            lines[first:last] = [assignment(name, [*map(str, names), *extra]) + "\n"]
            return "".join(lines)
    return None


def _appended(block: str, lines: list[str]) -> str:
    """A block with lines at its end, before the empty lines that close it."""
    body = block.rstrip("\n")
    return body + "\n" + "\n".join(lines) + block[len(body) :]


_JOIN = '''

def with_side_table(path: str, *tables: pd.DataFrame) -> list[pd.DataFrame]:
    """The tables with the columns of a side table, joined by the columns they have in common.

    Several rows of the side table per key become one: the mean of numbers, the first of anything
    else, and how many there are.
    """
    side = READ(path)
    side = side.drop(columns=[c for c in TARGET_COLUMNS if c in side.columns])
    keys = [c for c in side.columns if all(c in table.columns for table in tables)]
    values = [c for c in side.columns if c not in keys]
    if not keys or not values:
        return list(tables)
    side[keys] = side[keys].astype(str)
    how = {c: "mean" if pd.api.types.is_numeric_dtype(side[c]) else "first" for c in values}
    groups = side.groupby(keys)
    joined = groups.agg(how)
    if groups.size().max() > 1:
        joined[f"rows of {path}"] = groups.size().astype(float)
    extra = [table[keys].astype(str).join(joined, on=keys).drop(columns=keys) for table in tables]
    return [pd.concat([table, more], axis=1) for table, more in zip(tables, extra, strict=True)]


for path in SIDE_TABLES:
    known = list(train.columns)
    train, test = with_side_table(path, train, test)
    for column in [c for c in train.columns if c not in known]:
        if pd.api.types.is_numeric_dtype(train[column]):
            NUMERIC.append(column)
        elif train[column].nunique() <= 500:
            CATEGORICAL.append(column)
'''


def _with_tables(brief: Brief, script: str, names: list[str]) -> str:
    """The canonical script with side tables joined at the end of its load block."""
    load = canonical.find(script, canonical.LOAD)
    assert load is not None
    if not all(
        re.search(rf"^{word}\b.*=", load.text, re.MULTILINE) for word in ("NUMERIC", "CATEGORICAL")
    ):
        return script
    parquet = any(name.endswith(".parquet") for name in names)
    read = "(pd.read_parquet if path.endswith('.parquet') else pd.read_csv)".replace("'", '"')
    code = _JOIN.replace("READ(path)", f'{read if parquet else "pd.read_csv"}(f"input/{{path}}")')
    code = code.replace("TARGET_COLUMNS", literal(list(brief.task.target)))
    lines = [f"SIDE_TABLES = {literal(names)}", *code.rstrip("\n").split("\n")]
    text = _appended(load.text, lines)
    return canonical.replace(script, load.text, text)
