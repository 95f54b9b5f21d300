"""What scripts may see: the three data views of a run; and what we alone know about them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from mle_star.errors import RunError

Ints = npt.NDArray[np.int64]

INDEX = "harness/views.json"
"""Below the folder of the views, beside and not inside what scripts see."""


@dataclass(frozen=True)
class AuditRows:
    """Labelled rows that scripts see as test rows."""

    positions: Ints
    """Row positions in the view's test.csv."""
    truth: pd.DataFrame
    """Target columns of those rows, in the same order."""


@dataclass(frozen=True)
class View:
    """One data view. ``folder`` is what a script sees as ./input; it never changes."""

    name: str
    folder: Path
    digest: str
    """sha256 over names and contents of the files in the folder."""
    rows: int
    test_rows: int
    folds: int
    """Folds to predict; 1 is a single hold-out, fold 0."""
    target: tuple[str, ...]
    id: str | None
    classification: bool
    harness: Path
    """Folder with what scripts must not see."""
    answers: bool = True
    """Whether what is predicted here for test.csv can be handed in: it has all test rows."""

    def truth(self) -> pd.DataFrame:
        """Target columns of train.csv (rows, targets), in row order."""
        return self._read("train.csv", list(self.target))

    def fold_of(self) -> Ints:
        """Fold of each training row; -1 for rows that are only trained on."""
        return self._read("folds.csv", ["fold"])["fold"].to_numpy(dtype=np.int64)

    def train_keys(self) -> pd.Series | None:
        """Ids of the training rows in order; None for a task without an id."""
        return None if self.id is None else self._read("folds.csv", [self.id])[self.id]

    def test_keys(self) -> pd.Series | None:
        """Ids of the test rows in order; None for a task without an id."""
        return None if self.id is None else self._read("test.csv", [self.id])[self.id]

    def audit(self) -> AuditRows | None:
        """The hidden rows and their labels; None where nothing is held back."""
        stored = self._stored()["audit"]
        if not stored:
            return None
        # Labels are read with the types of train.csv: a few rows alone may look like another type.
        types = self.truth().dtypes.to_dict() if self.classification else None
        truth = pd.read_csv(self.harness / "audit.csv", dtype=types, low_memory=False)
        return AuditRows(np.asarray(stored, dtype=np.int64), truth[list(self.target)])

    def real_test(self) -> Ints:
        """Position in test.csv of each row of the user's test table, in the user's order.

        Empty for the smoke view, and for a task without a test table. Only of the rows that are
        there in a view that does not answer the whole table.
        """
        return np.asarray(self._stored()["real_test"], dtype=np.int64)

    def _read(self, name: str, columns: list[str]) -> pd.DataFrame:
        return pd.read_csv(self.folder / name, usecols=columns, low_memory=False)[columns]

    def _stored(self) -> dict[str, Any]:
        stored: dict[str, Any] = json.loads((self.harness / f"{self.name}.json").read_text())
        return stored


@dataclass(frozen=True)
class Views:
    """The three views of a run."""

    search: View
    smoke: View
    full: View
    notes: list[str]
    """What was decided and why, one sentence each."""
    constants: dict[str, str]
    """Prediction column -> the value that the sample submissions of the views show."""


def load_views(folder: Path) -> Views:
    """Read back what :func:`mle_star.tasks.build_views` wrote; nothing is built anew.

    Raises:
        RunError: there are no views in the folder.
    """
    index = folder / INDEX
    if not index.is_file():
        raise RunError(f"{folder} holds no data views; start the run again.")
    stored = json.loads(index.read_text())
    views = {
        name: View(
            name=name,
            folder=folder / name,
            target=tuple(stored["target"]),
            id=stored["id"],
            classification=stored["classification"],
            harness=index.parent,
            **values,
        )
        for name, values in stored["views"].items()
    }
    return Views(**views, notes=stored["notes"], constants=stored["constants"])
