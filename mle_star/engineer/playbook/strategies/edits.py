"""Changing a block's source by its syntax tree: the anchors are function names, not line numbers.

Every function raises :class:`mle_star.errors.NoAnswer` where its anchor is missing, and none
returns text that does not compile.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence

from mle_star import parsing
from mle_star.engineer.playbook.blocks.fitting import call
from mle_star.errors import NoAnswer


def parse(code: str) -> ast.Module:
    """Syntax tree of a block.

    Raises:
        NoAnswer: the block does not compile.
    """
    try:
        return parsing.parse(code)
    except SyntaxError as error:
        raise NoAnswer(f"The block does not compile: {error}.") from None


def function(block: str, name: str) -> ast.FunctionDef:
    """The top-level function of that name.

    Raises:
        NoAnswer: there is none.
    """
    for node in parse(block).body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    raise NoAnswer(f"The block has no function {name}.")


def functions(block: str) -> list[str]:
    """Names of the top-level functions, in order."""
    return [node.name for node in parse(block).body if isinstance(node, ast.FunctionDef)]


def fit_function(block: str) -> str:
    """Name of the block's ``fit_<family>``.

    Raises:
        NoAnswer: there is none.
    """
    for name in functions(block):
        if name.startswith("fit_") and name != "fit_predict":
            return name
    raise NoAnswer("The block has no function that fits a model.")


def insert_before_return(
    block: str, name: str, result: str, code: str, imports: Iterable[str] = ()
) -> str:
    """``code`` becomes the last step of the function ``name`` before its ``return <result>``.

    Raises:
        NoAnswer: the function does not end in that return.
    """
    last = function(block, name).body[-1]
    if not (isinstance(last, ast.Return) and isinstance(last.value, ast.Name)):
        raise NoAnswer(f"The function {name} does not end in a plain return.")
    if last.value.id != result:
        raise NoAnswer(f"The function {name} does not return {result}.")
    return checked(add_imports(_insert(block, last.lineno, indented(code)), imports))


def insert_before(block: str, name: str, code: str, imports: Iterable[str] = ()) -> str:
    """``code`` at top level before the function ``name``, two blank lines between."""
    node = function(block, name)
    text = textwrap.dedent(code).strip("\n") + "\n\n\n"
    return checked(add_imports(_insert(block, node.lineno, text), imports))


def insert_first(block: str, name: str, code: str, imports: Iterable[str] = ()) -> str:
    """``code`` becomes the first step of the function ``name``, after its docstring."""
    body = function(block, name).body
    has_doc = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    if has_doc and len(body) == 1:
        raise NoAnswer(f"The function {name} is empty.")
    first = body[1] if has_doc else body[0]
    return checked(add_imports(_insert(block, first.lineno, indented(code)), imports))


def insert_before_last(block: str, name: str, code: str) -> str:
    """``code`` before the last statement of the function ``name``."""
    return checked(_insert(block, function(block, name).body[-1].lineno, indented(code)))


def replace_function(block: str, name: str, source: str, imports: Iterable[str] = ()) -> str:
    """The function ``name`` rewritten as ``source``."""
    node = function(block, name)
    lines = block.splitlines(keepends=True)
    assert node.end_lineno is not None
    text = textwrap.dedent(source).strip("\n") + "\n"
    whole = "".join(lines[: node.lineno - 1]) + text + "".join(lines[node.end_lineno :])
    return checked(add_imports(whole, imports))


def replace_statement(
    block: str, matches: Callable[[ast.stmt], bool], source: str, imports: Iterable[str] = ()
) -> str:
    """The first top-level statement that ``matches`` is replaced by ``source``.

    Raises:
        NoAnswer: no statement matches.
    """
    for node in parse(block).body:
        if matches(node):
            lines = block.splitlines(keepends=True)
            assert node.end_lineno is not None
            text = textwrap.dedent(source).strip("\n") + "\n"
            whole = "".join(lines[: node.lineno - 1]) + text + "".join(lines[node.end_lineno :])
            return checked(add_imports(whole, imports))
    raise NoAnswer("The block lacks the statement to be replaced.")


def assigns(name: str) -> Callable[[ast.stmt], bool]:
    """Whether a statement assigns to the plain name (alone or as part of a tuple)."""

    def matches(node: ast.stmt) -> bool:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign):
            targets = [node.target]
        found = [sub for target in targets for sub in ast.walk(target)]
        return any(isinstance(sub, ast.Name) and sub.id == name for sub in found)

    return matches


def add_imports(block: str, imports: Iterable[str]) -> str:
    """Import lines below the block's marker line; those already there are left out."""
    present = set(block.splitlines())
    new = [line for line in dict.fromkeys(imports) if line not in present]
    if not new:
        return block
    lines = block.splitlines(keepends=True)
    at = 1 if lines and lines[0].startswith("# === ") else 0
    rest = "".join(lines[at:])
    gap = "" if rest.startswith(("import ", "from ")) else "\n\n"
    return "".join(lines[:at]) + "\n".join(new) + "\n" + gap + rest.lstrip("\n")


def keywords(block: str, callees: Sequence[str]) -> dict[str, str]:
    """Keyword arguments (name to source) of the first call of one of the ``callees``.

    Raises:
        NoAnswer: there is no such call.
    """
    node = _call(block, callees)
    return {
        item.arg: ast.get_source_segment(block, item.value) or ""
        for item in node.keywords
        if item.arg
    }


def set_keywords(block: str, callees: Sequence[str], changes: Mapping[str, str | None]) -> str:
    """Set keyword arguments of the first call of one of the ``callees``; None removes one.

    Raises:
        NoAnswer: there is no such call, or it has arguments that can't be kept.
    """
    node = _call(block, callees)
    if node.args or any(item.arg is None for item in node.keywords):
        raise NoAnswer("The model is not built from keyword arguments alone.")
    settings: dict[str, object] = dict(keywords(block, callees))
    for name, value in changes.items():
        if value is None:
            settings.pop(name, None)
        else:
            settings = {**settings, name: value} if name in settings else {name: value, **settings}
    assert isinstance(node.func, ast.Name)
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    lines = block.splitlines(keepends=True)
    first = lines[node.lineno - 1].encode()
    last = lines[node.end_lineno - 1].encode()
    indent = " " * (len(first) - len(first.lstrip()))
    built = call(node.func.id, settings)
    text = ("\n" + indent).join(built)
    before = "".join(lines[: node.lineno - 1]) + first[: node.col_offset].decode()
    after = last[node.end_col_offset :].decode() + "".join(lines[node.end_lineno :])
    return checked(before + text + after)


def callee(block: str, callees: Sequence[str]) -> str:
    """Which of the ``callees`` the block calls; empty when none."""
    try:
        func = _call(block, callees).func
    except NoAnswer:
        return ""
    return func.id if isinstance(func, ast.Name) else ""


def _call(block: str, callees: Sequence[str]) -> ast.Call:
    calls = [
        node
        for node in ast.walk(parse(block))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in callees
    ]
    if not calls:
        raise NoAnswer(f"The block calls none of {', '.join(callees)}.")
    return min(calls, key=lambda node: (node.lineno, node.col_offset))


def _insert(block: str, line: int, text: str) -> str:
    lines = block.splitlines(keepends=True)
    return "".join(lines[: line - 1]) + text + "".join(lines[line - 1 :])


def indented(code: str, by: int = 4) -> str:
    """``code`` dedented, then indented, with a line end."""
    return textwrap.indent(textwrap.dedent(code).strip("\n"), " " * by) + "\n"


def checked(block: str) -> str:
    """The block, if it compiles.

    Raises:
        NoAnswer: it does not.
    """
    parse(block)
    return block
