"""What the data looks like: computed once per run, read by every engineer."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

ColumnKind = Literal["numeric", "categorical", "boolean", "datetime", "text", "id", "constant"]


class ColumnProfile(BaseModel):
    """One column of the training table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    kind: ColumnKind
    dtype: str
    """As pandas reads it."""
    missing: float
    """Fraction of missing values in train (markers such as '?' or blanks counted)."""
    unique: int
    """Distinct values in train."""
    skew: float | None
    """Sample skewness of a numeric column."""
    examples: list[str]
    in_test: bool
    drift: float | None
    """Train against test: Kolmogorov-Smirnov statistic (numbers) or total variation distance
    (categories), 0 to 1."""
    dirty: bool
    """A numeric column that pandas reads as text because of blanks or markers."""
    markers: list[str]
    """Strings that stand for a missing value in this column, such as '?' or ' '."""
    words: float | None
    """Mean number of words per value of a text column."""


class DataProfile(BaseModel):
    """The training and test tables at a glance."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int
    test_rows: int
    columns: list[ColumnProfile]
    """Feature columns only: neither target, id nor excluded columns."""
    duplicates: int
    """Rows of train that repeat an earlier row in every feature."""
    target_missing: int
    target_unique: int
    target_skew: float | None
    target_min: float | None
    target_max: float | None
    class_shares: dict[str, float]
    """Share of each class, keyed by its label as text; empty for regression."""
    side_files: list[str]
    target_spread: float | None = None
    """Standard deviation of a numeric target."""
    picture_column: str | None = None
    """Column whose values name image files among the side files, the id included; None: there is
    none."""

    def of_kind(self, *kinds: ColumnKind) -> list[str]:
        """Names of the columns of the given kinds, in table order.

        Columns that the test table lacks are left out.
        """
        return [c.name for c in self.columns if c.kind in kinds and c.in_test]

    def column(self, name: str) -> ColumnProfile:
        """Profile of one column.

        Raises:
            KeyError: there is no such feature column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)
