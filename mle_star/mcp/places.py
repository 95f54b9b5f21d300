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
            runs = list_runs(self.folder)
            if not runs:
                raise RunError(f"There are no runs in {self.folder}: start one with start_run.")
            return runs[0].path
        path = self.folder / name
        # A name with a slash, '..' or a link that leads elsewhere is none of a run of ours.
        ours = Path(name).name == name and path.resolve().parent == self.folder
        if not (ours and (path / "run.json").is_file()):
            raise RunError(
                f"There is no run {name!r} in {self.folder}: list_runs names those there are."
            )
        return path

    def new_name(self, task: Path) -> str:
        """A name for a new run of a task that no folder has yet."""
        base = name = f"{datetime.now():%Y%m%d-%H%M%S}-{task.name or 'task'}"
        number = 1
        while (self.folder / name).exists():
            number += 1
            name = f"{base}-{number}"
        return name
