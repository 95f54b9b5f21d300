"""From a task folder to a :class:`TaskSpec`: what is told, inferred, or refused."""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path

import pandas as pd

from mle_star.errors import TaskError
from mle_star.tasks.cells import as_pandas_reads, has_labels
from mle_star.tasks.discovery import find_files, labelled_side_tables
from mle_star.tasks.facts import Facts, Targets, some_names
from mle_star.tasks.judgement import Judgement, infer_judgement
from mle_star.tasks.keys import check_sample_rows, copied_columns, infer_id
from mle_star.tasks.naming import check_named_columns, common_provenance
from mle_star.tasks.ordering import infer_time
from mle_star.tasks.printed import printed_task
from mle_star.tasks.spec import TaskSpec
from mle_star.tasks.table import Table, load_table
from mle_star.tasks.targets import infer_targets
from mle_star.tasks.tasktoml import read_task_toml
from mle_star.tasks.wording import in_one_sentence

DESCRIPTION = 200_000
"""Characters of a description that are read."""

LABEL_MARKERS = ("None", "NA", "N/A", "n/a")
"""Words that pandas reads as missing but that may well be the name of a class."""


@in_one_sentence
def load_task(folder: str | Path) -> TaskSpec:
    """Resolve the task that a folder holds; nothing is left open afterwards.

    Raises:
        TaskError: the folder can't be used, or something can't be inferred with confidence; the
            message names the key of task.toml that settles it.
    """
    root = Path(folder).expanduser()
    told = read_task_toml(root)
    files = find_files(root, told)
    train = load_table(root / files.train)
    if not len(train.cells):
        raise TaskError(f"{files.train} has no rows; a model needs labelled rows to learn from.")
    if len(train.cells) == 1:
        raise TaskError(
            f"{files.train} has one row only; a model needs two at least to learn from."
        )
    facts = Facts(
        told=told,
        files=files,
        description=_read_text(root / files.description) if files.description else "",
        train=train.typed(),
        test=_typed(root, files.test),
        sample=_typed(root, files.sample_submission),
    )
    if told.evaluation == "printed":
        return printed_task(root.resolve(), facts)
    check_sample_rows(facts)
    key, key_source = infer_id(facts)
    if key == "fold":
        raise TaskError(
            "The id column can't be called 'fold', because folds.csv has a column of that name; "
            "rename it, or set another id in task.toml."
        )
    copied = copied_columns(facts, key)
    targets = infer_targets(facts, key, copied)
    labels = _labels(train, targets.columns, files.train)
    judged = infer_judgement(facts, targets, labels, str(root))
    check_named_columns(facts, targets.columns)
    _check_test_columns(facts, targets, key)
    _check_something_to_learn_from(facts, targets, key)
    time, time_source = infer_time(facts, targets.columns)
    predicted = _predicted_columns(targets, judged)
    columns = (
        list(facts.sample.columns)
        if facts.sample is not None
        else [*([key] if key else []), *predicted]
    )
    unseen = next((c for c in facts.told.exclude or [] if c in columns), None)
    if unseen is not None:
        raise TaskError(
            f"task.toml excludes {unseen!r}, which is a column of the submission; remove it there."
        )
    blank = next((c for c in [*columns, *targets.columns] if not c.strip()), None)
    if blank is not None:
        raise TaskError(
            f"The column {blank!r} of the submission has a name of blanks, which tables of one "
            "column lose; give it another name."
        )
    # A side table with the labels in it would undo the audit part.
    copies = labelled_side_tables(root, files.side, targets.columns)
    return TaskSpec(
        name=root.resolve().name,
        folder=str(root.resolve()),
        description=facts.description,
        train=files.train,
        test=files.test,
        sample_submission=files.sample_submission,
        side_files=[name for name in files.side if name not in copies],
        target=targets.columns,
        id=key,
        kind=judged.kind,
        metric=judged.metric.name,
        direction=judged.direction,
        prediction=judged.prediction,
        classes=judged.classes,
        submission_columns=columns,
        prediction_columns=predicted,
        copied_columns=copied,
        group=told.group,
        time=time,
        exclude=told.exclude or [],
        evaluation="harness",
        provenance={
            **common_provenance(facts),
            "target": targets.source,
            "id": key_source,
            **judged.provenance,
            "side_files": f"data, without {', '.join(copies)} (holds labels)" if copies else "data",
            "time": time_source,
        },
    )


def _typed(root: Path, name: str | None) -> pd.DataFrame | None:
    if name is None:
        return None
    table = load_table(root / name)
    if not len(table.cells):
        raise TaskError(f"{name} has no rows; give it rows or remove it.")
    return table.typed()


def _read_text(path: Path) -> str:
    """A description; a very long one is cut, because rules and prompts read all of it."""
    with path.open("rb") as stream:
        content = stream.read(4 * DESCRIPTION)
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    return re.sub(r"\r\n?", "\n", text)[:DESCRIPTION]


def _labels(train: Table, target: list[str], name: str) -> pd.DataFrame:
    """Target columns of the labelled rows, typed as a script reads them.

    Raises:
        TaskError: no row has a label, or a class is named by a word that pandas takes for missing.
    """
    present = has_labels(train.cells, target)
    labelled = train.cells.loc[present, target]
    if not len(labelled):
        raise TaskError(
            f"No row of {name} has a label in {', '.join(target)}; fill in the column, or set "
            "another target in task.toml."
        )
    labels = as_pandas_reads(labelled)
    for column in target:
        words = train.cells.loc[~present, column]
        word = next((w for w in LABEL_MARKERS if (words == w).any()), None)
        if word is not None and not pd.api.types.is_numeric_dtype(labels[column]):
            raise TaskError(
                f"{int((words == word).sum())} labels in {column!r} of {name} read {word!r}, which "
                "pandas takes for a missing value; give that class another name."
            )
    return labels


def _check_test_columns(facts: Facts, targets: Targets, key: str | None) -> None:
    """Every feature of train must be in test: a model could not use it otherwise."""
    if facts.test is None:
        return
    out = {*targets.columns, *(facts.told.exclude or []), key, facts.told.group}
    missing = [c for c in facts.train.columns if c not in facts.test.columns and c not in out]
    if missing:
        listed = ", ".join(json.dumps(column, ensure_ascii=False) for column in missing[:12])
        listed += ", ..." if len(missing) > 12 else ""
        raise TaskError(
            f"{facts.files.test} lacks {'a column' if len(missing) == 1 else 'columns'} of "
            f"{facts.files.train}: {some_names(missing)}; add them, or put exclude = [{listed}] "
            "into task.toml."
        )


def _check_something_to_learn_from(facts: Facts, targets: Targets, key: str | None) -> None:
    out = {*targets.columns, *(facts.told.exclude or [])}
    left = set(facts.features.columns) - out - {key}
    if not left and (key is None or not facts.files.side):
        name = facts.files.test or facts.files.train
        raise TaskError(
            f"There is nothing to learn from: {name} has no column beside "
            f"{'id and target, and the folder no other files' if key else 'the target'}; add "
            f"columns{' or files' if key else ', an id at least'}."
        )


def _predicted_columns(targets: Targets, judged: Judgement) -> list[str]:
    per_class = judged.kind == "multiclass" and judged.prediction == "probability"
    if targets.predicted is not None:
        if per_class and not targets.per_class:
            raise TaskError(
                f"The metric {judged.metric.name} needs one probability column per class, but the "
                f"sample submission has {', '.join(targets.predicted)}; mend it, or change metric "
                "in task.toml."
            )
        return targets.predicted
    return [str(label) for label in judged.classes] if per_class else list(targets.columns)
