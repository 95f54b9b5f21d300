"""What every mender of a damaged run folder needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mle_star.errors import MleStarError
from mle_star.runs.folder import RunFolder

DAMAGED = "damaged"
SIDES = ("", "-wal", "-shm", "-journal")
"""A SQLite file and what may lie beside it."""


@dataclass(frozen=True)
class Finding:
    """One thing that was wrong, and what came of it."""

    file: str
    """Path inside the run folder."""
    found: str
    done: str
    """What was done, or with ``dry_run`` would be done."""
    mended: bool = True
    """Whether the run can go on as far as this is concerned."""


class Mending:
    """What the menders need: the folder, a place for damaged files, and a list of findings."""

    def __init__(self, folder: RunFolder, *, dry_run: bool) -> None:
        self.folder = folder
        self.path = folder.path
        self.dry_run = dry_run
        self.findings: list[Finding] = []

    def report(
        self,
        file: str,
        found: str,
        done: str,
        act: Callable[[], None] | None = None,
        *,
        mended: bool = True,
    ) -> None:
        """Enter a finding, and mend it unless this is a dry run."""
        if act is not None and not self.dry_run:
            try:
                act()
            except MleStarError as error:
                done, mended = f"can't be mended: {error}", False
        self.findings.append(Finding(file, found, done, mended))

    def set_aside(self, name: str) -> Path:
        """Move a file or folder (a database with what belongs to it) below ``damaged/``."""
        target = self.path / DAMAGED / name
        number = 1
        while target.exists():
            number += 1
            target = self.path / DAMAGED / f"{number}-{name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        for side in SIDES:
            source = self.path / (name + side)
            if source.exists():
                source.replace(target.with_name(target.name + side))
        return target
