"""Where output goes: one console for people, one writer for machines."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

PIPE_WIDTH = 120
"""Columns of a table that does not go to a terminal."""


def console(stderr: bool = False) -> Console:
    """A console that prints text as it is: no markup, no emoji codes, no highlighting."""
    made = Console(stderr=stderr, markup=False, emoji=False, highlight=False)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


def write_json(value: Any) -> None:
    """Write one JSON value to stdout; paths become text."""
    text = json.dumps(value, indent=2, default=_plain)
    sys.stdout.write(text + "\n")


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else repr(value)


def relative(path: Path) -> Path:
    """A path below the working directory as a person would type it; any other path as it is."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except ValueError:
        return path
