"""``inspect``: how a task folder is understood, before anything is run."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mle_star.cli.output import console, write_json
from mle_star.context import Context, resolve
from mle_star.report.text import better_is, clean, count, number

if TYPE_CHECKING:
    from mle_star.tasks import DataProfile, TaskSpec, Views

MOST_COLUMNS = 40
"""Columns shown one by one; the others are counted."""

HIDDEN = ("name", "folder", "description", "provenance", "direction")


def look_at(task: str, context: Context, *, as_json: bool = False) -> None:
    """Print the resolved task with the origin of every field, its data profile and its views.

    Raises:
        TaskError: the folder can't be used as a task.
    """
    from mle_star.tasks import build_views, load_task, profile_task

    settings = resolve(context)
    spec = load_task(task)
    profile = profile_task(spec)
    with tempfile.TemporaryDirectory(prefix="mle-star-") as folder:
        views = build_views(
            spec,
            profile,
            Path(folder),
            seed=settings.seed,
            search_rows=settings.search_rows,
            folds=settings.folds,
            audit=settings.audit_asked,
        )
        described = describe_views(views)
    if as_json:
        write_json(
            {
                "task": spec.model_dump(mode="json"),
                "profile": profile.model_dump(mode="json"),
                "views": described,
                "notes": views.notes,
            }
        )
        return
    parts: list[RenderableType] = [
        Text(clean(spec.folder), style="bold"), Text(""), fields_table(spec),
        Text(""), Text(summary(profile)), Text(""), columns_table(profile),
        Text(""), views_table(described),
    ]  # fmt: skip
    parts += [Text(f"note: {clean(note)}", style="yellow") for note in views.notes]
    console().print(Group(*parts))


def describe_views(views: Views) -> list[dict[str, Any]]:
    """Name, sizes and audit rows of each view."""
    described = []
    for view in (views.search, views.smoke, views.full):
        audit = view.audit()
        described.append(
            {
                "view": view.name,
                "train_rows": view.rows,
                "test_rows": view.test_rows,
                "audit_rows": 0 if audit is None else len(audit.positions),
                "folds": view.folds,
            }
        )
    return described


def plain_table(*names: str) -> Table:
    """A table without lines; its last column takes what is left."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", pad_edge=False)
    for name in names:
        table.add_column(name, no_wrap=name != names[-1], overflow="ellipsis")
    table.columns[-1].overflow = "fold"
    return table


def fields_table(spec: TaskSpec) -> Table:
    """Every field of the task, its value and where the value came from."""
    table = plain_table("field", "from", "value")
    for name in type(spec).model_fields:
        if name in HIDDEN:
            continue
        value = getattr(spec, name)
        shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        if value in (None, "", []):
            shown = "–"
        if name == "metric":
            shown += f" ({better_is(spec.direction)})"
        origin = spec.provenance.get(name, "")
        table.add_row(Text(name), Text(clean(origin, 30), style="dim"), Text(clean(shown, 300)))
    return table


def summary(profile: DataProfile) -> str:
    """Sizes and column kinds in one line."""
    kinds = Counter(column.kind for column in profile.columns)
    listed = ", ".join(f"{number_} {kind}" for kind, number_ in kinds.most_common())
    line = (
        f"{count(profile.rows, 'training row')}, {count(profile.test_rows, 'test row')}, "
        f"{count(len(profile.columns), 'feature column')} ({listed})"
    )
    if profile.duplicates:
        line += f", {count(profile.duplicates, 'repeated row')}"
    if profile.class_shares:
        shares = [f"{clean(k, 20)} {v:.1%}" for k, v in list(profile.class_shares.items())[:8]]
        return f"{line}\nclasses: {', '.join(shares)}"
    if profile.target_min is not None:
        line += f"\ntarget: {number(profile.target_min)} to {number(profile.target_max)}"
        line += f", skew {number(profile.target_skew)}" if profile.target_skew is not None else ""
    return line


def columns_table(profile: DataProfile) -> Table:
    """One row per feature column."""
    table = plain_table("column", "kind", "missing", "distinct", "drift", "examples")
    for column in profile.columns[:MOST_COLUMNS]:
        remark = "" if column.in_test else "not in test; "
        table.add_row(
            Text(clean(column.name, 32)),
            Text(column.kind),
            Text(f"{column.missing:.1%}" if column.missing else "–"),
            Text(f"{column.unique:,}"),
            Text("–" if column.drift is None else f"{column.drift:.2f}"),
            Text(clean(remark + ", ".join(column.examples[:3]), 60), style="dim"),
        )
    if len(profile.columns) > MOST_COLUMNS:
        rest = len(profile.columns) - MOST_COLUMNS
        table.add_row(Text(f"and {count(rest, 'more column')}", style="dim"))
    return table


def views_table(described: list[dict[str, Any]]) -> Table:
    """What scripts would see."""
    table = plain_table("view", "train rows", "test rows", "of these audit", "folds")
    for view in described:
        table.add_row(*(Text(f"{v:,}" if isinstance(v, int) else clean(v)) for v in view.values()))
    return table
