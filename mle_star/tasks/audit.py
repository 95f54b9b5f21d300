"""The audit part: labelled rows that scripts see as test rows, their labels known to us alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.tasks import folds as folding
from mle_star.tasks.cells import fresh_keys
from mle_star.tasks.folds import Ints
from mle_star.tasks.sidefiles import (
    KeyedFolders,
    audit_moves,
    keyed_otherwise,
    study_side_files,
)
from mle_star.tasks.source import Source


@dataclass(frozen=True)
class Audit:
    """Rows that are held back; empty where the task does not allow it."""

    rows: Ints
    """Positions in the source's training table."""
    ids: pd.Series | None = None
    """Their ids among the test rows; None for a task without an id."""
    moves: dict[Path, Path] = field(default_factory=dict)
    """Where their side files are found in the views, relative paths."""


def choose_audit(source: Source, rng: np.random.Generator, wanted: bool) -> Audit:
    """Hold rows back, or say in the source's notes why that isn't possible."""
    reason = _why_not(source, wanted)
    folders: list[KeyedFolders] = []
    if not reason:
        side = study_side_files(source.spec, source.train)
        folders, reason = side.folders, side.problem
    if not reason:
        held = _choose_rows(source, rng)
        reason = _unfit(source, held)
    if not reason:
        found = _with_side_files(source, held, folders)
        if isinstance(found, Audit):
            latest = " (the latest ones)" if source.times is not None else ""
            source.notes.append(
                f"{len(held)} of {len(source.train)} labelled rows are held back for an "
                f"audit{latest}."
            )
            return found
        reason = found
    return no_audit(source, reason)


def no_audit(source: Source, reason: str) -> Audit:
    """Hold nothing back, and say why in the source's notes."""
    source.notes.append(f"No rows are held back for an audit: {reason}.")
    return Audit(np.zeros(0, dtype=np.int64))


def _why_not(source: Source, wanted: bool) -> str:
    rows = len(source.train)
    if not wanted:
        return "the settings say so"
    if source.spec.evaluation == "printed":
        return "the score is the one that scripts print"
    if rows < folding.AUDIT_MINIMUM:
        return f"{rows} labelled rows are fewer than {folding.AUDIT_MINIMUM}"
    return ""


def _choose_rows(source: Source, rng: np.random.Generator) -> Ints:
    rows = len(source.train)
    size = folding.audit_size(rows)
    if source.times is not None:
        return np.arange(folding.whole_time(source.times, rows - size), rows, dtype=np.int64)
    if source.groups is not None:
        return folding.audit_groups(source.groups.to_numpy(), size, rng)
    return folding.audit_rows(source.key, size, rng, least=source.least)


def _unfit(source: Source, held: Ints) -> str:
    """Why the chosen rows can't be spared; '' if they can."""
    rows = len(source.train)
    if not folding.audit_size(rows) / 2 <= len(held) <= rows / 2:
        return "no part of a fitting size can be split off"
    if source.classes:
        kept = source.labels.drop(index=source.labels.index[held])
        if any(set(source.labels[c]) != set(kept[c]) for c in kept.columns):
            return "a class would be missing from the training rows"
    return ""


def _with_side_files(source: Source, held: Ints, folders: list[KeyedFolders]) -> Audit | str:
    """The audit part with ids and side files in place, or why they can't be."""
    key = source.spec.id
    ids = _ids(source, held, key) if key is not None else None
    if key is not None and ids is not None and source.spec.side_files:
        own = source.train[key] if source.own_ids is None else source.own_ids
        if source.own_ids is None or (own.iloc[held].to_numpy() != ids.to_numpy()).any():
            name = keyed_otherwise(source.spec, folders, own)
            if name:
                return f"rows would need new ids, and {name} is looked up by the old ones"
    if not folders:
        return Audit(held, ids)
    rows = source.train.iloc[held]
    if key is not None and source.own_ids is not None:
        rows = rows.assign(**{key: source.own_ids.iloc[held]})
    moves = audit_moves(folders, Path(source.spec.folder), rows, key, ids)
    if moves is None:
        return "files of training and test rows have the same names"
    return Audit(held, ids, moves)


def _ids(source: Source, held: Ints, key: str) -> pd.Series:
    """Ids of the held-back rows: their own where no test row has the same, else new ones."""
    ids = source.train[key].iloc[held]
    if source.test is None:
        return ids
    taken = source.test[key]
    plain = taken.str.replace(r"\.0+$", "", regex=True)
    clash = ids.str.replace(r"\.0+$", "", regex=True).isin(plain)
    return ids.mask(clash, fresh_keys(ids, pd.concat([taken, source.train[key]])))
