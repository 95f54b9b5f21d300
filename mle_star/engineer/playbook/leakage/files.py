"""Files a script must not read: outside ./input, or with the labels of the test rows."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from mle_star.engineer.playbook.leakage.values import Leak

_READERS = re.compile(
    r"^(open|Path|PurePath|read_\w+|load|loadtxt|genfromtxt|walk|listdir|scandir"
    r"|glob|iglob|rglob|exists|isfile|join"
    r"|scan_csv|read|imread|connect|chdir)$"
)
_LABELS = re.compile(
    r"(^|[/_-])(answers?|solutions?|labels?|ground_?truth|private|hidden"
    r"|test_?(labels?|targets?|answers?|truth))"
    r"(?=[./_-]|$)",
    re.IGNORECASE,
)
_UP = re.compile(r"(^|/)\.\.(/|$)")
_ABSOLUTE = re.compile(r"^(/[\w.*-]+)+/?$|^/$|^[A-Za-z]:[\\/]|^~")
_PLACE = re.compile(r"path|dir|root|file|folder|base", re.IGNORECASE)


def forbidden_files(tree: ast.Module, given: frozenset[str]) -> list[Leak]:
    """Reads of files that are not the script's to read; ``given`` are the names below ./input."""
    found = []
    for node, text in _paths(tree):
        reason = _reason(text, given)
        if reason:
            found.append(Leak("file", reason, (node.lineno, node.end_lineno or node.lineno)))
    for part in ast.walk(tree):
        if isinstance(part, ast.Attribute) and _climbs(part):
            reason = "The script looks outside its own folder; it may read ./input only."
            found.append(Leak("file", reason, (part.lineno, part.end_lineno or part.lineno)))
    return found


def _reason(text: str, given: frozenset[str]) -> str:
    if _UP.search(text) or (_ABSOLUTE.match(text) and not text.startswith("/dev/null")):
        return f"The script reads {text!r}, which is outside ./input."
    name = text.rsplit("/", 1)[-1]
    if "." in name and _LABELS.search(name) and name not in given and "sample" not in name.lower():
        return (
            f"The script reads {text!r}, which is not among the given files and may "
            "hold labels of test rows."
        )
    return ""


def _paths(tree: ast.Module) -> Iterator[tuple[ast.Constant, str]]:
    """String constants that are used as paths to read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = _name(node.func)
            if not _READERS.match(name) or _writes(node):
                continue
            if name in ("join", "load", "read") and isinstance(node.func, ast.Attribute):
                owner = _name(node.func.value)
                if name == "join" and owner != "path":
                    continue
            for argument in node.args[:1] if name not in ("join", "Path") else node.args:
                yield from _strings(argument)
        elif isinstance(node, ast.Assign):
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            if any(_PLACE.search(n) for n in names) and isinstance(
                node.value, ast.Constant | ast.BinOp
            ):
                yield from _strings(node.value)


def _strings(node: ast.expr) -> Iterator[tuple[ast.Constant, str]]:
    later = {
        id(piece)
        for text in ast.walk(node)
        if isinstance(text, ast.JoinedStr)
        for piece in text.values[1:]
    }
    for part in ast.walk(node):
        if id(part) not in later and isinstance(part, ast.Constant) and isinstance(part.value, str):
            if part.value == "/" and not isinstance(node, ast.Constant):
                continue
            yield part, part.value


def _writes(node: ast.Call) -> bool:
    """``open(path, "w")``."""
    modes = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "mode")]
    if _name(node.func) != "open":
        return False
    return any(isinstance(m, ast.Constant) and str(m.value)[:1] in ("w", "a", "x") for m in modes)


def _climbs(node: ast.Attribute) -> bool:
    """``Path.cwd().parent``, ``Path(__file__).parent.parent``, ``Path.home()``."""
    text = ast.unparse(node)
    if node.attr == "parent":
        return "cwd()" in text or text.endswith(".parent.parent")
    if node.attr == "parents":
        return "Path" in text or "__file__" in text
    return text in ("Path.home", "os.pardir", "pathlib.Path.home")


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""
