"""The task, resolved once before any script exists."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

from mle_star.state import Direction

Kind = Literal["binary", "multiclass", "multilabel", "regression", "ordinal", "other"]
Prediction = Literal["label", "probability", "value"]
"""What a submission holds: class labels, probabilities, or numbers."""

Label = str | int | float | bool


class TaskSpec(BaseModel):
    """What to predict, from what, and how it is judged. Never changes in a run."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    folder: str
    """Absolute path of the task folder."""
    description: str
    train: str
    """File name inside the folder."""
    test: str | None
    sample_submission: str | None
    side_files: list[str]
    """Top-level names of everything else a script may read (images, side tables)."""
    target: list[str]
    """Label columns of the training table."""
    id: str | None
    """Key column of test table and submission; None: rows are matched by order."""
    kind: Kind
    metric: str
    """Name in the metric registry, or ``file.py:function`` in the task folder."""
    direction: Direction
    prediction: Prediction
    classes: list[Label]
    """Labels in sorted order for classification (binary: negative, positive); empty for regression.
    Values as
    pandas reads them from the training table."""
    submission_columns: list[str]
    """Columns of the submission, in order, id included."""
    prediction_columns: list[str]
    """The submission columns a script must predict. One per target; or one per class, in the order
    of
    ``classes``, for multi-class probabilities."""
    copied_columns: list[str]
    """Submission columns that are copied from the test table."""
    group: str | None
    """Rows of one group never sit on both sides of a split."""
    time: list[str]
    """Columns that order the rows in time, most significant first; empty: rows are exchangeable."""
    exclude: list[str]
    """Columns known to leak; removed from what scripts see."""
    evaluation: Literal["harness", "printed"]
    provenance: dict[str, str]
    """Field -> where its value came from: task.toml, sample submission, description, data,
    default."""

    @property
    def maximize(self) -> bool:
        """Whether a larger metric is better."""
        return self.direction == "maximize"

    @property
    def per_class(self) -> bool:
        """Whether the submission holds one probability column per class."""
        return self.prediction == "probability" and self.kind == "multiclass"
