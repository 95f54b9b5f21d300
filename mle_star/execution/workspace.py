"""The folder of a job: what a script finds in it, and whether it left its input alone.

    script.py  input/  final/  tmp/  home/  stdout.log  stderr.log  execution.json

Input files are copies, so a script that writes to its input spoils nobody else's. Folders, and
files too large to copy for every job, are symbolic links where a cage guards what they lead to.
Where none does, files are hard links, and as a link can be written through, its source is looked
at before and after.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mle_star.execution.base import Job
from mle_star.execution.disk import remove, reopen

RECORD = "execution.json"
RECORD_WRITTEN = f".{RECORD}.tmp"
"""Name of the record while it is written."""
_OURS = {"script.py", "input", "final", "tmp", "home", "stdout.log", "stderr.log", RECORD}
_KEPT = {"script.py", "final", "stdout.log", "stderr.log"}
COPIED_BYTES = 64 * 1024**2
"""Largest input file that is copied into a job; larger ones are hard links.

A copy of this size takes some ten milliseconds and is removed after the run, and the tables of a
search view are almost always smaller. Copying more would cost each job seconds and disk space.
"""
_CHECKED = 5000
"""Most files of one linked folder that are looked at again after a run."""

_Stamp = tuple[int, int, int]


@dataclass
class Workspace:
    """A prepared job folder."""

    folder: Path
    sources: dict[Path, _Stamp] = field(default_factory=dict)
    """Linked source file -> size, time of change (ns) and inode before the run."""
    linked: list[Path] = field(default_factory=list)
    """Files and folders outside that ``input`` has symbolic links to."""

    def altered(self) -> list[Path]:
        """Linked source files that are not what they were before the run."""
        return [path for path, before in self.sources.items() if _stamp(path) != before]

    def tidy(self, script: str) -> None:
        """Leave only what is of use after a run, and nothing that a reader could stumble over.

        A script can put a link or a pipe in the place of any file here. The logs are looked after
        by whoever writes them, ``final`` by whoever collects it.
        """
        for name in os.listdir(self.folder):  # noqa: PTH208
            if name not in _KEPT:
                with contextlib.suppress(OSError):
                    remove(self.folder / name)
        _write_script(self.folder, script)


def drop_record(folder: Path) -> None:
    """Remove what a script may have put in the place of its own record."""
    for name in (RECORD, RECORD_WRITTEN):
        with contextlib.suppress(OSError):
            remove(folder / name)


def prepare(job: Job, guarded: bool = False) -> Workspace:
    """Make a fresh job folder; whatever an earlier, interrupted run left in it is removed.

    Args:
        job: what to run.
        guarded: whether the cage keeps the script from writing to what its input links to.

    Raises:
        ValueError: the folder holds something that is not a job, or an input can't be placed.
        OSError: the folder can't be made.
    """
    folder = job.folder
    folder.mkdir(parents=True, exist_ok=True)
    reopen(folder)
    names = set(os.listdir(folder))  # noqa: PTH208
    if names and not names & _OURS:
        raise ValueError(f"{folder} is not empty and not a job folder, so it will not be wiped")
    # First the record of a finished run, last the script: a folder wiped by half is still known as
    # ours.
    for name in sorted(names - {"script.py"}, key=lambda name: name != "execution.json"):
        remove(folder / name)
    _write_script(folder, job.script)
    for name in ("input", "final", "tmp", "home"):
        (folder / name).mkdir()
    space = Workspace(folder)
    for place, source in _entries(job.inputs):
        _place(space, place, source, guarded)
    if guarded:
        space.sources.clear()
    return space


def _write_script(folder: Path, script: str) -> None:
    remove(folder / "script.py")
    (folder / "script.py").write_bytes(script.encode("utf-8", "surrogatepass"))


def _entries(inputs: Mapping[str, Path]) -> Iterator[tuple[PurePosixPath, Path]]:
    for name, source in inputs.items():
        if name == "":
            for entry in sorted(source.iterdir()):
                yield PurePosixPath(entry.name), entry
            continue
        place = PurePosixPath(name)
        if place.is_absolute() or ".." in place.parts:
            raise ValueError(f"the input {name!r} would lie outside ./input")
        yield place, source


def _place(space: Workspace, place: PurePosixPath, source: Path, guarded: bool) -> None:
    source = source.resolve(strict=True)
    target = space.folder / "input" / place
    for parent in place.parents:
        if (space.folder / "input" / parent).is_symlink():  # it would be written to the source
            raise ValueError(f"the input {str(place)!r} would lie in the input {str(parent)!r}")
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        raise ValueError(f"two inputs have the name {target.name!r}")
    if source.is_dir():
        target.symlink_to(source, target_is_directory=True)
        space.linked.append(source)
        space.sources.update(_stamps(source))
        return
    if source.stat().st_size <= COPIED_BYTES:
        shutil.copy(source, target)  # with its permissions: what may only be read stays so
        return
    space.sources[source] = _stamp(source)
    if not guarded:
        # Another device, or a kernel that guards files of other users, allows no hard link.
        with contextlib.suppress(OSError):
            target.hardlink_to(source)
            return
    target.symlink_to(source)
    space.linked.append(source)


def _stamps(folder: Path) -> dict[Path, _Stamp]:
    found: dict[Path, _Stamp] = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            if len(found) == _CHECKED:
                return found
            with contextlib.suppress(OSError):
                found[Path(parent) / name] = _stamp(Path(parent) / name)
    return found


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat(follow_symlinks=False)
    except OSError:
        return (-1, 0, 0)
    return (found.st_size, found.st_mtime_ns, found.st_ino)
