"""Competitions of MLE-bench, graded by its own package: score, medals, leaderboard.

The package (github.com/openai/mle-bench; Chan et al., "MLE-bench", 2024) is not a dependency: it is
used where it can be imported. Its graders read what a competition asks for, whatever that is, so
these tasks need not be ones that we could score ourselves.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mle_star.bench.records import Direction, Grade
from mle_star.errors import TaskError
from mle_star.scoring.reading import MAX_BYTES
from mle_star.tasks.wording import shown

INSTALL = "pip install git+https://github.com/openai/mle-bench"
MEDALS = ("gold", "silver", "bronze")


@dataclass(frozen=True)
class Competition:
    """A prepared competition that the package knows."""

    name: str
    metric: str
    """As MLE-bench calls it."""
    direction: Direction
    entry: Any
    """The package's own ``Competition``."""

    def grade(self, submission: Path) -> Grade:
        """Judge a submission; whatever is wrong with it is said in the grade."""
        problem = _refused(submission)
        if problem:
            return Grade(None, problem, above_median=False)
        try:
            with _quiet():
                grading = importlib.import_module("mlebench.grade")
                report = grading.grade_csv(submission, self.entry)
                error = "" if report.score is not None else self._reason(grading, submission)
        except Exception as failure:  # noqa: BLE001 - a competition's own code may raise anything
            return Grade(None, _sentence(f"MLE-bench can't grade it: {failure}"))
        score = None if report.score is None else float(report.score)
        if score is not None and not math.isfinite(score):
            score, error = None, f"The metric {self.metric} is undefined on this submission."
        medal = next((m for m in MEDALS if getattr(report, f"{m}_medal")), "")
        return Grade(
            score=score,
            error=error,
            medal=medal if score is not None else "",
            above_median=bool(report.above_median) and score is not None,
            thresholds={
                name: float(getattr(report, f"{name}_threshold")) for name in (*MEDALS, "median")
            },
        )

    def _reason(self, grading: Any, submission: Path) -> str:
        """Why there is no score; ``grade_csv`` itself only logs it."""
        valid, said = grading.validate_submission(submission, self.entry)
        return "MLE-bench gives it no score." if valid else _sentence(str(said))


def installed() -> bool:
    """Whether MLE-bench's package is there."""
    return importlib.util.find_spec("mlebench") is not None


def find_competition(folder: Path) -> Competition | None:
    """The competition whose prepared data lie in ``<data>/<competition-id>``.

    Returns:
        None where the package is not installed or has no such competition.

    Raises:
        TaskError: the package can't be used, or the data are not complete.
    """
    if not installed():
        return None
    name = folder.name
    try:
        with _quiet():
            registry = importlib.import_module("mlebench.registry").registry
            if not (registry.get_competitions_dir() / name / "config.yaml").is_file():
                return None
            entry = registry.set_data_dir(folder.parent.resolve()).get_competition(name)
            leaderboard = importlib.import_module("mlebench.data").get_leaderboard(entry)
            lower = entry.grader.is_lower_better(leaderboard)
    except Exception as error:  # noqa: BLE001 - foreign code, and files that may be LFS pointers
        raise TaskError(
            shown(
                f"MLE-bench can't load the competition {name} ({type(error).__name__}: {error}): "
                "run git lfs pull in its checkout and install it again."
            )
        ) from None
    if not entry.answers.is_file():
        raise TaskError(
            f"The competition {name} has no hidden labels at {entry.answers}: run "
            f"mlebench prepare -c {name}."
        )
    return Competition(name, entry.grader.name, "minimize" if lower else "maximize", entry)


def _refused(submission: Path) -> str:
    """Why a file is not even opened: MLE-bench's graders trust what they read."""
    if submission.is_symlink():
        return f"{submission.name} is a link; it must be a regular file."
    if not submission.exists():
        return f"There is no {submission.name}."
    if not submission.is_file():
        return f"{submission.name} is not a regular file."
    if submission.stat().st_size > MAX_BYTES:
        return f"{submission.name} is larger than {MAX_BYTES} bytes."
    return ""


def _sentence(text: str) -> str:
    """The package's words in one line, without its preamble."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    line = lines[-1] if lines else "MLE-bench gives no reason"
    return shown(line if line.endswith((".", "!", "?")) else f"{line}.")


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the package's log lines off the terminal, and its logging set-up out of ours."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logging.getLogger("mlebench").setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
