"""Repairs of text that is not Python."""

from __future__ import annotations

import re
import textwrap

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.debugger.source import Failure
from mle_star.parsing import parse

_FENCED = re.compile(r"```[ \t]*(?:python|py)?[ \t]*\n(.*?)(?:\n```|\Z)", re.DOTALL | re.IGNORECASE)
_QUOTES = str.maketrans(
    {"“": '"', "”": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "\u00a0": " ", "\ufeff": ""}
)
_CODE = re.compile(r"[=()\[\]{}:]|^\s*(import|from|return|pass|break|continue|else|try|finally)\b")


def _parses(script: str) -> bool:
    return _error(script) is None


def _error(script: str) -> SyntaxError | None:
    try:
        parse(script)
    except SyntaxError as error:
        return error
    except ValueError:
        return SyntaxError("null bytes")
    return None


def without_fences(script: str, failure: Failure, brief: Brief) -> str | None:
    """Keep what stands in code fences, or drop stray fence lines."""
    if "```" not in script or _parses(script):
        return None
    longest = max(_FENCED.findall(script), key=len, default="")
    if len(longest) > len(script) / 3:
        return str(longest).rstrip() + "\n"
    return re.sub(r"^```.*\n?", "", script, flags=re.MULTILINE)


def plain_characters(script: str, failure: Failure, brief: Brief) -> str | None:
    """Typographic quotes, dashes and spaces become plain ones; tabs become spaces."""
    if _parses(script):
        return None
    for repaired in (
        script.translate(_QUOTES),
        script.translate(_QUOTES).expandtabs(4),
        textwrap.dedent(script),
    ):
        if _parses(repaired):
            return repaired
    return None


def without_prose(script: str, failure: Failure, brief: Brief) -> str | None:
    """Prose becomes comments, wrong indentation is mended, empty bodies get a ``pass``."""
    if _parses(script):
        return None
    lines = script.translate(_QUOTES).expandtabs(4).splitlines()
    for _ in range(25):
        error = _error("\n".join(lines) + "\n")
        if error is None:
            return "\n".join(lines) + "\n"
        if error.lineno is None or not _step(lines, error):
            return None
    return None


def _step(lines: list[str], error: SyntaxError) -> bool:
    """Mend one line; False where it is not clear how."""
    at = min(error.lineno or 1, len(lines)) - 1
    message = error.msg or ""
    if "expected an indented block" in message:
        opening = next(i for i in range(at, -1, -1) if lines[i].rstrip().endswith(":"))
        lines.insert(
            opening + 1, " " * (len(lines[opening]) - len(lines[opening].lstrip()) + 4) + "pass"
        )
        return True
    if "unexpected indent" in message or "unindent does not match" in message:
        before = next((line for line in reversed(lines[:at]) if line.strip()), "")
        depth = len(before) - len(before.lstrip()) + (4 if before.rstrip().endswith(":") else 0)
        moved = " " * depth + lines[at].lstrip()
        changed, lines[at] = moved != lines[at], moved
        return changed
    if "expected ':'" in message:
        lines[at] = lines[at].rstrip() + ":"
        return True
    if lines[at].strip() and not lines[at].lstrip().startswith("#"):
        words = len(lines[at].split())
        if not _CODE.search(lines[at]) or (
            words > 5 and not re.match(r"\s*[\w.\[\]\"', ]+\s*=", lines[at])
        ):
            lines[at] = "# " + lines[at]
            return True
    return False


RULES = (without_fences, plain_characters, without_prose)
