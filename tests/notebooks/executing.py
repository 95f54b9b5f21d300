"""Running a notebook from the first cell to the last by a real kernel, and reading its outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.notebooks.kernel import kernel_manager

pytest.importorskip("nbclient", reason="extra 'notebook' is not installed")
pytest.importorskip("ipykernel", reason="extra 'notebook' is not installed")

ROOT = Path(__file__).parents[2]


def read(path: Path) -> Any:
    """The notebook in a file."""
    nbformat: Any = pytest.importorskip("nbformat", reason="extra 'notebook' is not installed")
    return nbformat.read(path, as_version=4)


def text_of(cell: Any) -> str:
    """What a cell printed and showed, as text."""
    parts = []
    for output in cell.get("outputs", []):
        parts.append(output.get("text", ""))
        parts.append(output.get("data", {}).get("text/plain", ""))
    return "\n".join(parts)


def cell_with(notebook: Any, source: str) -> str:
    """Output of the one code cell whose source holds a text."""
    [cell] = [c for c in notebook.cells if c.cell_type == "code" and source in c.source]
    return text_of(cell)


def execute(notebook: Any, place: Path) -> None:
    """Run all cells in a kernel whose files and runs lie in ``place``."""
    from nbclient import NotebookClient

    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "MLE_STAR_RUNS_DIR": place / "runs",
            "IPYTHONDIR": place / "ipython",
            "JUPYTER_PLATFORM_DIRS": "1",
            "PYTHONPATH": ROOT,
        }.items():
            patch.setenv(name, str(value))
        client = NotebookClient(
            notebook,
            km=kernel_manager(place),
            timeout=300,
            coalesce_streams=True,
            record_timing=False,
            resources={"metadata": {"path": str(ROOT / "notebooks")}},
        )
        client.execute(cleanup_kc=True)  # the manager is ours, so we have the kernel ended


def check_quiet(notebook: Any, place: Path) -> None:
    """No error, no warning, and nobody beyond loopback was spoken to."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr", output.text
    assert (place / "guard.py").exists()
    assert not (place / "attempts").exists()
