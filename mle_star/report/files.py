"""Reading what scripts have left in a run folder: their files are not to be trusted.

Secrets are taken out of what is read, as a page may be given to others.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from mle_star.models.redaction import without_secrets

_KEY = re.compile(r"[\w-]{1,64}")
_LARGEST = 100_000
"""Bytes of a file that are shown."""


def read_some(path: Path) -> str | None:
    """The beginning of a text file; None where it is missing, a link, or no regular file."""
    try:
        if path.is_symlink() or not path.is_file():
            return None
        with path.open("rb") as stream:
            content = stream.read(_LARGEST + 1)
    except (OSError, ValueError):
        return None
    text = str(without_secrets(content[:_LARGEST].decode("utf-8", "replace")))
    return text if len(content) <= _LARGEST else text + "\n[the rest is left out]\n"


def script_of(run: Path, trial: str) -> str | None:
    """The script of a trial; None where it can't be had."""
    return read_some(run / "trials" / trial / "script.py") if _KEY.fullmatch(trial) else None


def output_of(run: Path, study: str) -> str:
    """What an ablation study printed; empty where that can't be had."""
    if not _KEY.fullmatch(study):
        return ""
    return read_some(run / "studies" / study / "stdout.log") or ""


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object; empty where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
