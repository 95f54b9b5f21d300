"""Files that are looked for, or written, at the wrong place."""

from __future__ import annotations

import ast
import re
from pathlib import PurePosixPath

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.debugger.source import Failure, Source, with_lines_on_top

_STANDARD = ("train.csv", "test.csv", "folds.csv", "sample_submission.csv")


def _path(failure: Failure) -> str:
    found = re.search(
        r"(?:No such file or directory|Permission denied|Read-only file system"
        r"|non-existent directory)"
        r":\s*'([^']+)'",
        failure.said,
    )
    return found.group(1) if found else ""


def missing_input(script: str, failure: Failure, brief: Brief) -> str | None:
    """A given file is looked for outside ./input."""
    path = _path(failure)
    if failure.type not in ("FileNotFoundError", "OSError") or not path:
        return None
    name = PurePosixPath(path).name
    if name not in {*brief.files, *_STANDARD} or path.startswith(("input/", "./input/")):
        return None
    source = Source(script)
    edits = [
        (source.span(node), f'"input/{name}"')
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and (node.value == path or (node.value.endswith(name) and "input/" not in node.value))
        and not _inside_joined(source, node)
    ]
    whole = [
        node
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and node.value == path
    ]
    if whole:
        return _every_file(source.edited(edits), PurePosixPath(path).parent, brief)
    return _folder_constant(script, path, name) or source.edited(edits)


def _every_file(script: str, folder: PurePosixPath, brief: Brief) -> str:
    """The other given files of the same wrong folder move as well: one repair round for all."""
    source = Source(script)
    edits = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            path = PurePosixPath(node.value)
            if (
                path.parent == folder
                and path.name in {*brief.files, *_STANDARD}
                and not _written(source, node)
            ):
                edits.append((source.span(node), f'"input/{path.name}"'))
    return source.edited(edits)


def _written(source: Source, node: ast.Constant) -> bool:
    return any(node in call.args for call in source.calls("to_csv", "to_parquet"))


def _inside_joined(source: Source, node: ast.Constant) -> bool:
    return any(
        node in part.values for part in ast.walk(source.tree) if isinstance(part, ast.JoinedStr)
    )


def _folder_constant(script: str, path: str, name: str) -> str | None:
    """``DATA = "../data"``: the folder that the path begins with becomes ``input``."""
    folder = path[: -len(name)].rstrip("/")
    source = Source(script)
    edits = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value and folder:
            value = node.value.rstrip("/")
            if value == folder or PurePosixPath(value) == PurePosixPath(folder):
                slash = "/" if node.value.endswith("/") else ""
                edits.append((source.span(node), f'"input{slash}"'))
    return source.edited(edits) if edits else None


def missing_folder(script: str, failure: Failure, brief: Brief) -> str | None:
    """A file is written into a folder that does not exist."""
    found = re.search(r"non-existent directory: '([^']+)'", failure.said)
    path = found.group(1) if found else str(PurePosixPath(_path(failure)).parent)
    if (
        failure.type not in ("FileNotFoundError", "OSError")
        or path in ("", ".")
        or path.startswith(("/", ".."))
    ):
        return None
    if not re.search(
        r"to_csv|to_parquet|savetxt|np\.save|\"w|'w|dump", failure.said
    ) and not path.startswith("final"):
        return None
    return with_lines_on_top(script, "import os", "", f'os.makedirs("{path}", exist_ok=True)')


def forbidden_place(script: str, failure: Failure, brief: Brief) -> str | None:
    """A file is written where nothing may be written: ./final takes it."""
    path = _path(failure)
    if failure.type not in ("PermissionError", "OSError") or not path:
        return None
    source = Source(script)
    edits = [
        (source.span(node), f'"final/{PurePosixPath(path).name}"')
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Constant) and node.value == path
    ]
    if not edits:
        folder = str(PurePosixPath(path).parent)
        edits = [
            (source.span(node), '"final"')
            for node in ast.walk(source.tree)
            if isinstance(node, ast.Constant)
            and node.value in (folder, folder + "/")
            and not _reads(source, node)
        ]
    return source.edited(edits) if edits else None


def _reads(source: Source, node: ast.Constant) -> bool:
    return any(node in call.args for call in source.calls("read_csv", "read_parquet"))


RULES = (missing_input, missing_folder, forbidden_place)
