"""Where runs lie. A tool names a run; it never says a path."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from mle_star.errors import RunError
from mle_star.runs import list_runs


class Runs:
    """The run folders that a server may touch: those directly below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder.expanduser().resolve()

    def find(self, name: str) -> Path:
        """The folder of a run.

        Args:
            name: of the run; empty: the newest one.

        Raises:
            RunError: there is no such run below the folder.
        """
        if not name:
            runs = [run.path for run in list_runs(self.folder) if self._is_ours(run.path)]
            if not runs:
                raise RunError(f"There are no runs in {self.folder}: start one with start_run.")
            return runs[0]
        path = self.folder / name
        plain = Path(name).name == name and "\0" not in name  # no slash, no '..'
        if not (plain and self._is_ours(path) and (path / "run.json").is_file()):
            raise RunError(
                f"There is no run {name!r} in {self.folder}: list_runs names those there are."
            )
        return path

    def _is_ours(self, path: Path) -> bool:
        """Whether it lies here, and is no link to elsewhere."""
        return path.resolve().parent == self.folder

    def new_name(self, task: Path) -> str:
        """A name for a new run of a task that no folder has yet."""
        base = name = f"{datetime.now():%Y%m%d-%H%M%S}-{task.name or 'task'}"
        number = 1
        while (self.folder / name).exists():
            number += 1
            name = f"{base}-{number}"
        return name
