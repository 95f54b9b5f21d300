"""What task.toml alone decides, checked against the tables, and where the values came from."""

from __future__ import annotations

from mle_star.errors import TaskError
from mle_star.tasks.facts import Facts


def check_named_columns(facts: Facts, target: list[str]) -> None:
    """Refuse a group or excluded column that does not exist, or that can't be left out.

    Raises:
        TaskError: with the name of the column.
    """
    told, train, name = facts.told, facts.train, facts.files.train
    if told.group is not None and told.group not in train.columns:
        raise TaskError(
            f"task.toml names the group column {told.group!r}, but {name} has no such column."
        )
    for key, named in (("group", [told.group]), ("time", told.time or [])):
        for column in named:
            if column in target:
                raise TaskError(
                    f"task.toml names {column!r} as {key}, but it is the target; correct one of "
                    "the two."
                )
    for column in told.exclude or []:
        if column not in train.columns and column not in facts.features.columns:
            raise TaskError(f"task.toml excludes {column!r}, but {name} has no such column.")
        if column in target or column == told.id:
            raise TaskError(
                f"task.toml excludes {column!r}, which is the target or the id; remove it there."
            )


def common_provenance(facts: Facts) -> dict[str, str]:
    """Provenance of the fields that are not inferred from the data."""
    told, source = facts.told, facts.files.provenance
    columns = "sample submission" if facts.sample is not None else "default"
    return {
        "description": source["description"],
        "train": source["train"],
        "test": source["test"],
        "sample_submission": source["sample_submission"],
        "side_files": "data",
        "submission_columns": columns,
        "prediction_columns": columns,
        "copied_columns": columns,
        "group": "task.toml" if told.group else "default",
        "exclude": "task.toml" if told.exclude else "default",
        "evaluation": "task.toml" if told.evaluation else "default",
    }
