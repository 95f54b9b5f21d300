"""Side files (images, geometries, tables) of the views.

An audit row is a test row for a script, so its files must be found where those of test rows are.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.table import read_header, table_stem

COPY_LIMIT = 200_000_000
"""Up to so many bytes are copied, so that no script can touch the user's files; more are linked."""
COVERAGE = 0.95
"""Share of the training rows that must have an entry in a folder that is keyed by a column."""

MOST_TABLES = 200
"""Tables among the side files whose columns are looked at."""

_TRAIN = re.compile("train(?:ing)?", re.I)


@dataclass(frozen=True)
class KeyedFolders:
    """A folder with one entry (or several) per training row, and its counterpart for test rows."""

    train: Path
    test: Path
    column: str
    entries: Mapping[str, list[str]]
    """Value of the column -> names of its entries."""


@dataclass(frozen=True)
class SideFiles:
    """How the side files are keyed, or why that isn't known."""

    folders: list[KeyedFolders]
    problem: str
    """Why audit rows can't be given their files; empty when they can."""


def study_side_files(spec: TaskSpec, train: pd.DataFrame) -> SideFiles:
    """Find folders keyed by split and row (``train/<id>...`` beside ``test/<id>...``).

    ``train`` holds the training table's cells as text.
    """
    root = Path(spec.folder)
    keyed: list[KeyedFolders] = []
    copy = _labels_again(spec, root)
    if copy:
        return SideFiles([], f"{copy} holds the labels as well")
    for name in spec.side_files:
        if (root / name).is_file() and _TRAIN.search(name):
            return SideFiles([], f"{name} belongs to the training rows and can't be divided")
    for folder in _folders(root, spec.side_files):
        relative = folder.relative_to(root)
        if not _TRAIN.search(str(relative)) or any(p.train in relative.parents for p in keyed):
            continue
        twins = [Path(_TRAIN.sub(word, str(relative))) for word in ("test", "Test", "TEST")]
        twin = next((t for t in twins if (root / t).is_dir()), None)
        if twin is None:
            if _holds_files(folder):
                return SideFiles([], f"{relative} has no counterpart for the test rows")
            continue
        pair = _keyed(spec, train, root, relative, twin)
        if pair is not None:
            keyed.append(pair)
        elif _holds_files(folder):
            return SideFiles([], f"it isn't clear which row a file in {relative} belongs to")
    return SideFiles(keyed, "")


def _labels_again(spec: TaskSpec, root: Path) -> str:
    """A side file that repeats the labels: the training table by another way, or like it."""
    train, looked = root / spec.train, 0
    for name in spec.side_files:
        for path, relative in _walk(root, Path(name), {}, _top(root)):
            if path.samefile(train):
                return relative.as_posix()
            if table_stem(path.name) is not None and looked < MOST_TABLES:
                looked += 1
                if set(spec.target) <= set(read_header(path)):
                    return relative.as_posix()
    return ""


def _folders(root: Path, names: list[str]) -> Iterator[Path]:
    """Folders among the side files, down to the second level."""
    for name in names:
        if (root / name).is_dir():
            yield root / name
            yield from sorted(
                p for p in (root / name).iterdir() if p.is_dir() and _TRAIN.search(p.name)
            )


def _holds_files(folder: Path) -> bool:
    return next(folder.iterdir(), None) is not None


def _keyed(
    spec: TaskSpec, train: pd.DataFrame, root: Path, folder: Path, twin: Path
) -> KeyedFolders | None:
    entries: dict[str, list[str]] = {}
    for entry in sorted((root / folder).iterdir()):
        for value in {entry.name, entry.stem, entry.name.partition(".")[0]}:
            entries.setdefault(value, []).append(entry.name)
    columns = [spec.id] if spec.id in train.columns else []
    columns += [c for c in train.columns if c not in columns and c not in spec.target]
    for column in columns:
        if column is not None and train[column].isin(entries.keys()).mean() >= COVERAGE:
            return KeyedFolders(folder, twin, column, entries)
    return None


def keyed_otherwise(spec: TaskSpec, folders: list[KeyedFolders], ids: pd.Series) -> str:
    """Name of a side file that is looked up by the id and not divided by split; '' if none is.

    A row that gets a fresh id would not be found in it.
    """
    root = Path(spec.folder)
    wanted = set(ids)
    paired = {path for pair in folders for path in (pair.train, pair.test)}
    for name in spec.side_files:
        path = root / name
        if path.is_file() and table_stem(name) is not None and spec.id in read_header(path):
            return name
        if path.is_dir() and Path(name) not in paired:
            found = {e.name.partition(".")[0] for e in path.iterdir()}
            if len(found & wanted) > len(wanted) / 2:
                return name
    return ""


def audit_moves(
    folders: list[KeyedFolders],
    root: Path,
    rows: pd.DataFrame,
    key: str | None,
    fresh: pd.Series | None,
) -> dict[Path, Path] | None:
    """Where the entries of audit rows go: from the train to the test folder, under the fresh id.

    ``rows`` are the audit rows with their own ids, ``fresh`` the ids they are given. None when an
    entry would hide one of a real test row.
    """
    moves: dict[Path, Path] = {}
    for pair in folders:
        values = list(rows[pair.column])
        renamed = list(fresh) if fresh is not None and pair.column == key else values
        for value, new in zip(values, renamed, strict=True):
            for name in pair.entries.get(value, []):
                moves[pair.train / name] = pair.test / name.replace(value, new, 1)
        if any((root / moved).exists() for moved in moves.values()):
            return None
    return moves if len(set(moves.values())) == len(moves) else None


def place_side_files(
    source: Path, names: list[str], target: Path, moves: Mapping[Path, Path], *, copy: bool
) -> None:
    """Put the side files below ``target``: copies that can't be written to, or hard links.

    ``moves`` renames entries, both paths relative.
    """
    for name in names:
        for path, relative in _walk(source, Path(name), moves, _top(source)):
            place = target / relative
            place.parent.mkdir(parents=True, exist_ok=True)
            if not copy:
                try:
                    os.link(path.resolve(), place)
                    continue
                except OSError:
                    # Another file system, or one without links.
                    pass
            shutil.copyfile(path, place)
            place.chmod(0o444)


def _top(root: Path) -> tuple[Path, ...]:
    """The folder and those above it: a link to one of them is not followed."""
    real = root.resolve()
    return (real, *real.parents)


def _walk(
    source: Path, relative: Path, moves: Mapping[Path, Path], above: tuple[Path, ...]
) -> Iterator[tuple[Path, Path]]:
    """Every file below a path with its place; a link that leads back up is left out."""
    path, place = source / relative, moves.get(relative, relative)
    if path.is_file():
        yield path, place
    elif path.is_dir() and path.resolve() not in above:
        for entry in sorted(path.iterdir()):
            inner = relative / entry.name
            for file, spot in _walk(source, inner, moves, (*above, path.resolve())):
                yield file, place / spot.relative_to(relative) if place != relative else spot


def total_size(root: Path, names: list[str]) -> int:
    """Bytes of the side files."""
    return sum(
        path.stat().st_size for name in names for path, _ in _walk(root, Path(name), {}, _top(root))
    )
