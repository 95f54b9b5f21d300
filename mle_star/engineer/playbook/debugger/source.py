"""Small edits of source text that keep everything else as it stands."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from mle_star.parsing import parse

Span = tuple[int, int]
Placed = ast.expr | ast.stmt | ast.keyword


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


class Source:
    """A script with its tree, and positions of nodes as offsets into the text.

    Raises:
        SyntaxError: the script can't be parsed.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree = parse(text)
        self.starts = [0]
        for line in text.encode().splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))

    def span(self, node: Placed) -> Span:
        """Start and end of a node, as offsets into the UTF-8 text."""
        end_line, end_col = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self.starts[node.lineno - 1] + node.col_offset, self.starts[end_line - 1] + end_col

    def of(self, node: Placed) -> str:
        """Source text of a node."""
        start, end = self.span(node)
        return self.text.encode()[start:end].decode()

    def calls(self, *names: str) -> Iterator[ast.Call]:
        """Calls of functions or methods with one of the names; all calls without names."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Call) and (not names or name_of(node.func) in names):
                yield node

    def statements(self) -> Iterator[ast.stmt]:
        """Every statement, the inner ones too."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.stmt):
                yield node

    def statement_at(self, line: int | None) -> ast.stmt | None:
        """The innermost statement that covers a line."""
        if line is None:
            return None
        found = [s for s in self.statements() if s.lineno <= line <= (s.end_lineno or s.lineno)]
        return min(found, key=lambda s: (s.end_lineno or s.lineno) - s.lineno, default=None)

    def edited(self, edits: Iterable[tuple[Span, str]]) -> str:
        """The text with spans replaced; a span inside one already taken is left."""
        data, last = self.text.encode(), len(self.text.encode()) + 1
        for (start, end), new in sorted(set(edits), key=lambda e: (-e[0][0], -e[0][1])):
            if end <= last:
                data = data[:start] + new.encode() + data[end:]
                last = start
        return data.decode()

    def without_keyword(self, call: ast.Call, name: str) -> tuple[Span, str] | None:
        """The edit that takes a keyword argument out of a call."""
        parts: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
        parts.sort(key=self.span)
        for i, part in enumerate(parts):
            if isinstance(part, ast.keyword) and part.arg == name:
                start, end = self.span(part)
                if i + 1 < len(parts):
                    return (start, self.span(parts[i + 1])[0]), ""
                rest = re.match(r"\s*,?", self.text.encode()[end:].decode())
                end += len(rest.group()) if rest and not i else 0
                return ((self.span(parts[i - 1])[1], end), "") if i else ((start, end), "")
        return None

    def without_item(self, node: ast.List | ast.Tuple | ast.Set | ast.Dict, gone: set[int]) -> str:
        """A literal without the items at the given positions, as source text."""
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            items = [f"{self.of(k)}: {self.of(v)}" if k else f"**{self.of(v)}" for k, v in pairs]
            brackets = "{}"
        else:
            items = [self.of(item) for item in node.elts]
            brackets = {ast.List: "[]", ast.Tuple: "()", ast.Set: "{}"}[type(node)]
        kept = [item for i, item in enumerate(items) if i not in gone]
        comma = "," if isinstance(node, ast.Tuple) and len(kept) == 1 else ""
        return brackets[0] + ", ".join(kept) + comma + brackets[1]

    def lines_replaced(self, statement: ast.stmt, new: str) -> str:
        """The text with a statement's lines replaced; an empty body gets a ``pass``."""
        lines = self.text.splitlines(keepends=True)
        indent = " " * statement.col_offset
        if not new and self._alone(statement):
            new = f"{indent}pass\n"
        lines[statement.lineno - 1 : statement.end_lineno or statement.lineno] = (
            [new] if new else []
        )
        return "".join(lines)

    def _alone(self, statement: ast.stmt) -> bool:
        for node in ast.walk(self.tree):
            for body in (getattr(node, "body", None), getattr(node, "orelse", None)):
                if isinstance(body, list) and body == [statement]:
                    return True
        return False


def arguments_of(source: Source, call: ast.Call) -> list[str]:
    """Source text of a call's arguments."""
    return [*map(source.of, call.args), *map(source.of, call.keywords)]


def name_of(node: ast.expr) -> str:
    """Last part of a dotted name."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def with_lines_on_top(script: str, *lines: str) -> str:
    """The script with lines put after its docstring and the imports that open it."""
    tree = parse(script)
    after = 0
    for statement in tree.body:
        docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if not docstring and not isinstance(statement, ast.Import | ast.ImportFrom):
            break
        after = statement.end_lineno or statement.lineno
    text = script.splitlines(keepends=True)
    new = [f"{line}\n" for line in lines if f"{line}\n" not in text]
    if after and not text[after - 1].endswith("\n"):
        text[after - 1] += "\n"
    return "".join([*text[:after], *new, *text[after:]])


def after_tables_are_read(script: str, code: Callable[[str, str], str]) -> str | None:
    """The script with code put behind the reading of the training and the test table.

    ``code`` gets the two variables' names. None where the tables are not read into two names at one
    place.
    """
    source = Source(script)
    found: dict[str, ast.Assign] = {}
    body: list[ast.stmt] = []
    for node in ast.walk(source.tree):
        for statement in getattr(node, "body", []) if not isinstance(node, ast.Lambda) else []:
            kind = _table_read(statement, source)
            if kind and kind not in found:
                found[kind] = statement
                body = [*body, statement]
    if set(found) != {"train", "test"} or len({s.col_offset for s in body}) > 1:
        return None
    names = {
        kind: s.targets[0].id for kind, s in found.items() if isinstance(s.targets[0], ast.Name)
    }
    if len(names) < 2:
        return None
    last = max(body, key=lambda s: s.lineno)
    indent = " " * last.col_offset
    lines = script.splitlines(keepends=True)
    new = [
        f"{indent}{line}\n" if line else "\n"
        for line in code(names["train"], names["test"]).splitlines()
    ]
    at = last.end_lineno or last.lineno
    return "".join([*lines[:at], *new, *lines[at:]])


def _table_read(statement: ast.stmt, source: Source) -> str:
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        return ""
    if not name_of(statement.value.func).startswith("read_"):
        return ""
    text = source.of(statement.value).lower()
    return next(
        (kind for kind in ("train", "test") if re.search(rf"\b{kind}\.(csv|parquet)", text)), ""
    )


@dataclass(frozen=True)
class Failure:
    """An error, taken apart."""

    text: str
    """All of it."""
    type: str
    """Exception type; empty where the harness said a sentence."""
    message: str
    line: int | None
    """Line of the script, from 1."""

    @property
    def said(self) -> str:
        """Type and message. The traceback holds source lines of libraries, which say anything."""
        return f"{self.type}: {self.message}" if self.type else self.text


_FRAME = re.compile(r'^\s*File "([^"]*)", line (\d+)', re.MULTILINE)
_NAMED = re.compile(
    (
        r"^(?:\w+\.)*(\w*(?:Error|Exception|Interrupt|Exit|Warning)\w*)(?: in line "
        r"(\d+))?(?::[ \t]*|[ \t]*$)"
    ),
    re.MULTILINE,
)
_ELSEWHERE = ("site-packages", "/lib/python", "\\lib\\", "<frozen", "<__array")


def failure_of(script: str, error: str) -> Failure:
    """Read a traceback, or a sentence such as ``KeyError in line 3: 'a'``."""
    count = len(script.splitlines())
    frames = [
        int(number)
        for path, number in _FRAME.findall(error)
        if not any(part in path for part in _ELSEWHERE) and 0 < int(number) <= count
    ]
    line = frames[-1] if frames else None
    named = list(_NAMED.finditer(error))
    if not named:
        return Failure(error, "", error.strip(), line)
    # In a traceback with causes the last exception counts; lines of its message may look
    # like one as well.
    last = named[-1]
    for found in named:
        if (
            found.start() >= error.rfind('File "')
            and found.group(1)
            and error[: found.start()].strip()
        ):
            last = found
            break
    line = int(last.group(2)) if last.group(2) and line is None else line
    return Failure(error, last.group(1), error[last.end() :].strip(), line)
