"""Image files that belong to the rows of a table."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".tif", ".tiff", ".webp")
COVERAGE = 0.95
"""Share of the rows looked at whose image must be there."""
LOOKED_AT = 300
"""Rows whose images are looked for."""
MOST_FILES = 2_000_000


def find_picture_column(
    folder: Path, side_files: Sequence[str], train: pd.DataFrame, columns: Sequence[str]
) -> str | None:
    """The column whose values name image files among the side files; None where there is none.

    Args:
        folder: the task folder.
        side_files: names in it that are no tables of the task.
        train: the training table.
        columns: where the names may stand, the likeliest first.
    """
    places = [folder / name for name in side_files]
    names = _image_names([place for place in places if place.is_dir()])
    if not names:
        return None
    for column in columns:
        values = train[column].dropna().astype(str).head(LOOKED_AT)
        known = sum(os.path.basename(value) in names for value in values)  # noqa: PTH119
        if len(values) and known >= COVERAGE * len(values):
            return column
    return None


def _image_names(folders: Sequence[Path]) -> set[str]:
    """Names of the image files below the folders, with and without their suffix."""
    names: set[str] = set()
    for folder in folders:
        for _, _, files in os.walk(folder):
            for file in files:
                stem, suffix = os.path.splitext(file)  # noqa: PTH122
                if suffix.lower() in SUFFIXES:
                    names |= {stem, file}
            if len(names) > MOST_FILES:
                return names
    return names
