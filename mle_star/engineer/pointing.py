"""Which part of a script a person means."""

from __future__ import annotations

import ast
import re

from mle_star.parsing import parse

_RANGE = re.compile(r"\s*(?:lines?\s+)?(\d+)\s*(?:-|–|to)\s*(\d+)\s*", re.IGNORECASE)
_SECTION = re.compile(r"^# === (\S.*?) ===[ \t]*$", re.MULTILINE)


def point_out(script: str, wanted: str) -> str:
    """The block of a script that a person names: whole lines that occur once.

    Args:
        script: the script.
        wanted: a range of lines such as ``10-25``, the name of a section (``features``), the name
            of a function or class (``make_features``), or text that occurs once.

    Raises:
        ValueError: there is no such block, or more than one; the text says which.
    """
    name = wanted.strip()
    block = (_lines(script, name) or _section(script, name) or _defined(script, name)) or _around(
        script, wanted
    )
    if not block.strip():
        raise ValueError(f"{_short(name)} names nothing but blank lines")
    if script.count(block) != 1:
        raise ValueError(f"{_short(name)} names lines that occur {script.count(block)} times")
    return block


def section_around(script: str, block: str) -> str:
    """The section that a block lies in; the block itself where it lies in none, or in several."""
    start = script.find(block)
    found = [text for place, text in _sections(script) if place <= start < place + len(text)]
    return found[0] if start >= 0 and found and block in found[0] else block


def _sections(script: str) -> list[tuple[int, str]]:
    starts = [match.start() for match in _SECTION.finditer(script)]
    ends = [*starts[1:], len(script)][: len(starts)]
    return [(start, script[start:end]) for start, end in zip(starts, ends, strict=True)]


def _section(script: str, name: str) -> str:
    names = [match.group(1).lower() for match in _SECTION.finditer(script)]
    wanted = name.strip("#= ").lower()
    texts = [text for _, text in _sections(script)]
    found = [text for text, own in zip(texts, names, strict=True) if own == wanted]
    if len(found) > 1:
        raise ValueError(f"{_short(name)} is the name of {len(found)} sections")
    return found[0] if found else ""


def _lines(script: str, name: str) -> str:
    found = _RANGE.fullmatch(name)
    if not found:
        return ""
    first, last = int(found.group(1)), int(found.group(2))
    lines = script.splitlines(keepends=True)
    if not 1 <= first <= last <= len(lines):
        raise ValueError(f"lines {first} to {last} are not in the script, which has {len(lines)}")
    return "".join(lines[first - 1 : last])


def _defined(script: str, name: str) -> str:
    name = name.removeprefix("def ").removeprefix("class ").removesuffix("()")
    if not name.isidentifier():
        return ""
    try:
        tree = parse(script)
    except SyntaxError:
        return ""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    found = [node for node in ast.walk(tree) if isinstance(node, kinds) and node.name == name]
    if len(found) > 1:
        raise ValueError(f"{_short(name)} is defined {len(found)} times")
    if not found:
        return ""
    node = found[0]
    first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
    return "".join(script.splitlines(keepends=True)[first - 1 : node.end_lineno])


def _around(script: str, wanted: str) -> str:
    """The whole lines that hold a text."""
    text = wanted if script.count(wanted) == 1 else wanted.strip()
    count = script.count(text)
    if count != 1:
        many = f"occurs {count} times in" if count else "is no line, section or function of"
        raise ValueError(f"{_short(text)} {many} the script")
    start, end = script.find(text), script.find(text) + len(text)
    start = script.rfind("\n", 0, start) + 1
    if not text.endswith("\n"):
        stop = script.find("\n", end)
        end = len(script) if stop < 0 else stop + 1
    return script[start:end]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return repr(line if len(line) <= 60 else line[:57] + "...")
