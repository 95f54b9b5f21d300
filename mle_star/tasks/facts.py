"""What a task folder holds, before anything is inferred from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mle_star.tasks.discovery import Files
from mle_star.tasks.spec import Label
from mle_star.tasks.tasktoml import TaskToml


@dataclass(frozen=True)
class Facts:
    """The tables as pandas reads them, the description, and what task.toml says."""

    told: TaskToml
    files: Files
    description: str
    train: pd.DataFrame
    test: pd.DataFrame | None
    sample: pd.DataFrame | None

    @property
    def features(self) -> pd.DataFrame:
        """The table that a model is applied to: test, or train where there is none."""
        return self.train if self.test is None else self.test


@dataclass(frozen=True)
class Targets:
    """Target columns, and which submission columns hold their predictions."""

    columns: list[str]
    source: str
    predicted: list[str] | None
    """One per target, or one per class; None when no sample submission fixes them."""
    per_class: bool


def sort_labels(values: Iterable[Any]) -> list[Label]:
    """Distinct labels as plain Python values in sorted order (by text where types are mixed)."""
    plain: set[Label] = {v.item() if hasattr(v, "item") else v for v in values}
    try:
        return sorted(plain)
    except TypeError:
        return sorted(plain, key=str)


def some_names(columns: Iterable[object]) -> str:
    """A list of columns for an error message, cut where it gets long."""
    names = [str(column) for column in columns]
    return ", ".join(names[:12]) + (", ..." if len(names) > 12 else "")
