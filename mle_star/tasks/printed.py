"""Tasks whose rows can't be mapped (masks, normalised text): a script's own score counts."""

from __future__ import annotations

from pathlib import Path

from mle_star.errors import TaskError
from mle_star.tasks.facts import Facts
from mle_star.tasks.judgement import told_metric
from mle_star.tasks.keys import copied_columns
from mle_star.tasks.naming import check_named_columns, common_provenance
from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.targets import check_told_target


def printed_task(root: Path, facts: Facts) -> TaskSpec:
    """Resolve a task of which little needs to be known, since scores are read and not computed.

    Raises:
        TaskError: task.toml does not say metric and direction, or names columns that do not exist.
    """
    told, files = facts.told, facts.files
    known = None
    if told.metric is not None and told.direction is None:
        known = told_metric(facts, str(root))
    direction = told.direction or (known.direction if known else None)
    if told.metric is None or direction is None:
        raise TaskError(
            'With evaluation = "printed", task.toml must say metric and direction, because scores '
            "are read and not computed."
        )
    check_told_target(facts)
    check_named_columns(facts, told.target or [])
    if told.id is not None and told.id not in facts.features.columns:
        name = files.test or files.train
        raise TaskError(f"task.toml names {told.id!r} as id, but {name} has no such column.")
    submission = list(facts.sample.columns) if facts.sample is not None else list(told.target or [])
    tables = (facts.sample, facts.test)
    lengths = {len(table) for table in tables if table is not None}
    # Rows can be compared one by one where both tables are there and equally long.
    copied = copied_columns(facts, None) if told.id is None and len(lengths) == 1 else []
    said = "task.toml"
    return TaskSpec(
        name=root.name,
        folder=str(root),
        description=facts.description,
        train=files.train,
        test=files.test,
        sample_submission=files.sample_submission,
        side_files=files.side,
        target=told.target or [],
        id=told.id,
        kind=told.kind or "other",
        metric=known.name if known else told.metric,
        direction=direction,
        prediction=told.prediction or "value",
        classes=[],
        submission_columns=submission,
        prediction_columns=[c for c in submission if c != told.id and c not in copied],
        copied_columns=copied,
        group=told.group,
        time=told.time or [],
        exclude=told.exclude or [],
        evaluation="printed",
        provenance={
            **common_provenance(facts),
            "target": said if told.target else "default",
            "id": said if told.id else "default",
            "metric": said,
            "direction": said if told.direction else "metric",
            "kind": said if told.kind else "default",
            "prediction": said if told.prediction else "default",
            "classes": "default",
            "time": said if told.time else "default",
        },
    )
