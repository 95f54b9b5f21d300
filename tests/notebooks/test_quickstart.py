"""The notebook, executed from the first cell to the last by a real kernel."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_star.scoring import check_submission
from mle_star.tasks import load_task
from tests.notebooks.kernel import kernel_manager

pytest.importorskip("nbclient", reason="extra 'notebook' is not installed")
pytest.importorskip("ipykernel", reason="extra 'notebook' is not installed")

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "notebooks" / "quickstart.ipynb"


def read() -> Any:
    import nbformat

    return nbformat.read(NOTEBOOK, as_version=4)


def text_of(cell: Any) -> str:
    """What a cell printed and showed, as text."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)
