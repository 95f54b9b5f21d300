"""Telling Python from what else a model may put into a code block."""

from __future__ import annotations

import re

PYTHON = ("python", "py", "python3", "ipython", "jupyter")
"""Labels of Python blocks."""
NAMES = {
    "r": "R",
    "bash": "a shell script",
    "sh": "a shell script",
    "shell": "a shell script",
    "zsh": "a shell script",
    "console": "a shell session",
    "powershell": "a shell script",
    "html": "HTML",
    "xml": "XML",
    "javascript": "JavaScript",
    "js": "JavaScript",
    "typescript": "TypeScript",
    "julia": "Julia",
    "java": "Java",
    "scala": "Scala",
    "sql": "SQL",
    "c": "C",
    "cpp": "C++",
    "c++": "C++",
    "go": "Go",
    "rust": "Rust",
    "matlab": "MATLAB",
    "json": "JSON",
    "yaml": "YAML",
    "toml": "TOML",
    "markdown": "Markdown",
    "text": "plain text",
    "txt": "plain text",
    "output": "printed output",
    "log": "printed output",
    "csv": "a table",
    "diff": "a diff",
    "patch": "a diff",
}
"""Other labels -> what such a block holds."""
_SIGNS = (
    ("HTML", re.compile(r"^\s*<(?:!doctype html|html|head|body|div)\b", re.IGNORECASE)),
    ("R", re.compile(r"^[ \t]*(?:library\(\w+\)|[\w.]+ <- )", re.MULTILINE)),
    ("a shell script", re.compile(r"^(?:#!/bin/|\$ |(?:sudo|pip3?|apt|cd|export) )", re.MULTILINE)),
    ("JavaScript", re.compile(r"^[ \t]*(?:const|let|var) \w+ = .*;[ \t]*$", re.MULTILINE)),
    ("Java", re.compile(r"^[ \t]*public (?:static|class) ", re.MULTILINE)),
)
_HUNK = re.compile(r"^@@ .*@@|^diff --git |^\+\+\+ |^<{7} |^>{7} |^\*\*\* \w+ File", re.MULTILINE)
_CHANGED = re.compile(r"^[+-](?![+-])", re.MULTILINE)


def other_language(code: str, label: str = "") -> str:
    """Name of the language that a block is in, by its label or its looks; empty for Python."""
    if label in NAMES:
        return NAMES[label]
    return next((name for name, sign in _SIGNS if sign.search(code)), "")


def is_diff(code: str) -> bool:
    """Whether the text says what changes rather than what there is."""
    if _HUNK.search(code):
        return True
    lines = [line for line in code.split("\n") if line.strip()]
    changed = [line for line in lines if _CHANGED.match(line)]
    return len(changed) >= 2 and len(changed) >= 0.2 * len(lines) and _both(changed)


def _both(lines: list[str]) -> bool:
    return len({line[0] for line in lines}) == 2
