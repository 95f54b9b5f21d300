"""The folder of a job: what a script finds in it, and whether it left its input alone.

    script.py  input/  final/  tmp/  home/  stdout.log  stderr.log  execution.json

Input files are copies, so a script that writes to its input spoils nobody else's. Only files too
large to copy for every job are hard links, and folders are symbolic links. A link can be written
through, so its source is looked at before and after.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from mle_star.execution.base import Job

_OURS = {"script.py", "input", "final", "tmp", "home", "stdout.log", "stderr.log", "execution.json"}
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

    def altered(self) -> list[Path]:
        """Linked source files that are not what they were before the run."""
        return [path for path, before in self.sources.items() if _stamp(path) != before]

    def tidy(self) -> None:
        """Remove what is of no use after a run."""
        for name in ("tmp", "home", "input"):
            remove(self.folder / name)


def prepare(job: Job) -> Workspace:
    """Make a fresh job folder; whatever an earlier, interrupted run left in it is removed.

    Raises:
        ValueError: the folder holds something that is not a job, or an input can't be placed.
        OSError: the folder can't be made.
    """
    folder = job.folder
    folder.mkdir(parents=True, exist_ok=True)
    names = set(os.listdir(folder))  # noqa: PTH208
    if names and not names & _OURS:
        raise ValueError(f"{folder} is not empty and not a job folder, so it will not be wiped")
    # First the record of a finished run, last the script: a folder wiped by half is still known as
    # ours.
    for name in sorted(names - {"script.py"}, key=lambda name: name != "execution.json"):
        remove(folder / name)
    (folder / "script.py").unlink(missing_ok=True)
    (folder / "script.py").write_bytes(job.script.encode("utf-8", "surrogatepass"))
    for name in ("input", "final", "tmp", "home"):
        (folder / name).mkdir()
    space = Workspace(folder)
    for place, source in _entries(job.inputs):
        _place(folder / "input" / place, source, space.sources)
    return space


def remove(path: Path) -> None:
    """Delete a file or a whole folder without following links, whatever its permissions."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        for parent, folders, _ in os.walk(path):
            for name in folders:
                if not (Path(parent) / name).is_symlink():
                    (Path(parent) / name).chmod(stat.S_IRWXU)
        path.chmod(stat.S_IRWXU)
        shutil.rmtree(path)


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


def _place(target: Path, source: Path, stamps: dict[Path, _Stamp]) -> None:
    source = source.resolve(strict=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        raise ValueError(f"two inputs have the name {target.name!r}")
    if source.is_dir():
        target.symlink_to(source, target_is_directory=True)
        stamps.update(_stamps(source))
        return
    if source.stat().st_size <= COPIED_BYTES:
        shutil.copy(source, target)  # with its permissions: what may only be read stays so
        return
    try:
        target.hardlink_to(source)
    except OSError:  # another device, or a kernel that guards files of other users
        target.symlink_to(source)
    stamps[source] = _stamp(source)


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


def used_mb(folder: Path) -> float:
    """Disk space below a job folder in MiB, without input and logs; links are not followed."""
    total = 0
    stack = [folder]
    while stack:
        here = stack.pop()
        with contextlib.suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                if here == folder and entry.name in ("input", "stdout.log", "stderr.log"):
                    continue
                with contextlib.suppress(OSError):
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        stack.append(Path(entry.path))
    return total / (1024 * 1024)
