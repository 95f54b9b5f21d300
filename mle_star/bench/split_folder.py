"""The folder that a divided table becomes."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from mle_star.tasks.cells import as_pandas_reads, constant_submission, without, write_cells
from mle_star.tasks.formulas import label_text
from mle_star.tasks.loading import load_task
from mle_star.tasks.spec import TaskSpec


@dataclass
class Asked:
    """What the user wants made of a table, and what was found out on the way."""

    name: str
    target: list[str]
    metric: str
    id: str
    time: list[str]
    group: str | None
    share: float
    seed: int
    description: str
    notes: list[str] = field(default_factory=list)
    """Sentences for the user."""


def write_split(train: pd.DataFrame, test: pd.DataFrame, asked: Asked, out: Path) -> None:
    """Write the folder of :func:`mle_star.bench.split.split_csv`.

    It is written beside ``out`` first, so that it appears whole or not at all.

    Raises:
        TaskError: the task would not load.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=out.parent, prefix=f".{out.name}."))
    try:
        public, private = partial / "public", partial / "private"
        public.mkdir()
        private.mkdir()
        write_cells(train, public / "train.csv")
        write_cells(without(test, asked.target), public / "test.csv")
        (public / "task.toml").write_text(_task_toml(asked), encoding="utf-8")
        write_cells(test[[asked.id, *asked.target]], private / "answers.csv")
        spec = load_task(public)
        write_cells(_sample(spec, train, test), public / "sample_submission.csv")
        text = _description(spec, len(train), len(test), asked)
        (public / "description.md").write_text(text, encoding="utf-8")
        spec = load_task(public)  # as a system will see it
        (partial / "meta.json").write_text(_meta(spec, asked), encoding="utf-8")
        partial.chmod(0o755)
        if out.exists():
            out.rmdir()
        partial.rename(out)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _quoted(text: str) -> str:
    """A basic string of TOML; JSON's differs in DEL alone."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _task_toml(asked: Asked) -> str:
    lines = [
        f"target = [{', '.join(map(_quoted, asked.target))}]",
        f"id = {_quoted(asked.id)}",
        f"metric = {_quoted(asked.metric)}",
        f"time = [{', '.join(map(_quoted, asked.time))}]",
    ]
    lines += [f"group = {_quoted(asked.group)}"] if asked.group else []
    return "\n".join(lines) + "\n"


def _sample(spec: TaskSpec, train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """The best submission that looks at no column: means, shares of classes, commonest labels."""
    labels = as_pandas_reads(train[spec.target])
    constants: dict[str, str] = {}
    if spec.per_class:
        shares = labels[spec.target[0]].map(label_text).value_counts(normalize=True)
        for label in map(label_text, spec.classes):
            name = label if label not in train.columns else f"{spec.target[0]}_{label}"
            constants[name] = f"{shares[label]:.6g}"
    else:
        for column in spec.target:
            constants[column] = _constant(spec, train[column], labels[column])
    return constant_submission(test, [str(spec.id), *constants], constants)


def _constant(spec: TaskSpec, cells: pd.Series, labels: pd.Series) -> str:
    if spec.prediction == "label":
        return str(cells.mode().iloc[0])
    if spec.prediction == "probability":
        return f"{(labels == spec.classes[1]).mean():.6g}"
    return f"{labels.median() if spec.metric in ('mae', 'median_ae') else labels.mean():.10g}"


def _description(spec: TaskSpec, train: int, test: int, asked: Asked) -> str:
    named = ", ".join(f"`{column}`" for column in spec.target)
    told = {"value": "the predicted number", "label": "the predicted label, as train.csv writes it"}
    what = told.get(spec.prediction, "a probability between 0 and 1")
    if spec.per_class:
        what = "one probability per class, which sum to 1"
    elif spec.kind == "binary" and spec.prediction == "probability":
        what = f"the probability that {named} is `{spec.classes[1]}`"
    better = "lower" if spec.direction == "minimize" else "higher"
    lines = [
        f"# {asked.name}",
        asked.description or f"Predict {named}.",
        "# Metric",
        f"{spec.metric} ({better} is better)",
        "# Files",
        f"- train.csv: {train} rows with {named}\n"
        f"- test.csv: {test} rows without\n"
        f"- sample_submission.csv: what to hand in: for each `{spec.id}` of test.csv {what}",
    ]
    if asked.time:
        lines.append("The rows of test.csv are later than those of train.csv.")
    if asked.group:
        lines.append(f"No `{asked.group}` is in both train.csv and test.csv.")
    return "\n\n".join(lines) + "\n"


def _meta(spec: TaskSpec, asked: Asked) -> str:
    split = "time" if asked.time else "group" if asked.group else "random"
    meta = {
        "name": asked.name,
        "target": spec.target if len(spec.target) > 1 else spec.target[0],
        "id": spec.id,
        "metric": spec.metric,
        "direction": spec.direction,
        "split": {"by": split, "share": asked.share, "seed": asked.seed},
        "notes": asked.notes,
    }
    return json.dumps(meta, indent=2, ensure_ascii=False) + "\n"
