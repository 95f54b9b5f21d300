"""Writing the pages into the run folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from mle_star.errors import RunError
from mle_star.runs.folder import write_bytes

PAGE = "report.html"
"""Name of a run's page in its folder."""

logger = logging.getLogger(__name__)


def write_page(path: Path, text: str) -> Path:
    """Write a page; a reader sees the old one or the new one, never half of it.

    Raises:
        RunError: the file can't be written.
    """
    try:
        write_bytes(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise RunError(
            f"{path} can't be written ({error.strerror or error}): free the disk or choose another "
            "place with --output."
        ) from None
    return path


def write_report(run: Path, output: Path | None = None) -> Path:
    """Write the page of a run.

    Args:
        run: its folder.
        output: file to write; None: ``report.html`` in the run folder.

    Returns:
        The file.

    Raises:
        RunError: there is no whole run in the folder, or the file can't be written.
    """
    from mle_star.report.page import render

    return write_page(output or run / PAGE, render(run))


def write_comparison(runs: Sequence[Path], output: Path) -> Path:
    """Write the page that compares runs; returns the file.

    Raises:
        RunError: the runs can't be compared, or the file can't be written.
    """
    from mle_star.report.comparing import render_comparison

    return write_page(output, render_comparison(runs))


def write_story(run: Path) -> list[Path]:
    """Write model card and notebook into a run's solution folder, if it has one of ours.

    Returns:
        The files.

    Raises:
        RunError: there is no whole run in the folder, or a file can't be written.
    """
    from mle_star.report.model_card import model_card
    from mle_star.report.notebook import notebook
    from mle_star.report.story import read_story

    story = read_story(run)
    if story is None:
        return []
    folder = run / "solution"
    card = write_page(folder / "MODEL_CARD.md", model_card(story))
    return [card, write_page(folder / "notebook.ipynb", notebook(story))]


def leave_story(run: Path) -> None:
    """Write model card and notebook of a run that has just ended; trouble ends nothing else."""
    _leave(write_story, run, "The notebook")


def leave_report(run: Path) -> None:
    """Write the page of a run that has just ended, in whichever way; trouble ends nothing else."""
    _leave(write_report, run, PAGE)


def _leave(write: Callable[[Path], object], run: Path, name: str) -> None:
    if not (run / "run.json").is_file():
        return
    try:
        write(run)
    # A page is never worth a run, and whoever presses Ctrl-C again wants to be gone.
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001
        logger.warning("%s was not written (%s); mle-star report %s does it", name, error, run)
