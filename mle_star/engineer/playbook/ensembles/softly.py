"""Combining what labels were cut from: read it, and cut the combination into labels once."""

from __future__ import annotations

from mle_star.engineer.base import Brief
from mle_star.engineer.playbook.blocks.facts import literal
from mle_star.engineer.playbook.ensembles.form import Form
from mle_star.scoring.soft import first_grade, soft_columns, soft_form
from mle_star.scoring.soft_blend import PARTS, Cut
from mle_star.scoring.soft_script import cut_functions
from mle_star.tasks.spec import TaskSpec


def read_soft(task: TaskSpec) -> str:
    """Last lines of ``read``: a member's soft predictions from its ``table``."""
    columns = literal(soft_columns(task))
    if soft_form(task) == "grades":
        first = first_grade(task)
        less = f" - {first:g}  # places from 0" if first else ""
        return f"    return table[{columns}].to_numpy(dtype=float){less}\n"
    return (
        f"    values = table[{columns}].to_numpy(dtype=float).clip(1e-9, 1)\n"
        "    return values / values.sum(axis=1, keepdims=True)\n"
    )


def cut_block(brief: Brief, form: Form, cut: Cut | None) -> str:
    """The block that turns ``oof`` and ``prediction`` into places among the classes, (rows, 1)."""
    half_way = [f"{name} = finish({name}).reshape(-1, 1)" for name in ("oof", "prediction")]
    if cut is None:
        return "\n".join(half_way) + "\n"
    learn, apply, criterion = (f.__name__ for f in (cut.learn, cut.apply, cut.criterion))
    lines = ["values, test_values = oof, prediction"]
    if form == "soft":
        shares = "[t / t.sum(axis=1, keepdims=True) for t in (oof, prediction)]"
        lines = [f"values, test_values = {shares}"]
        if len(brief.task.classes) == 2:
            lines.append("values, test_values = values[:, 1:], test_values[:, 1:]")
    single = brief.folds == 1
    parts = f"np.arange(scored.sum()) % {PARTS}" if single else "folds[scored]"
    lines += [
        *half_way,
        "places, classes = truth.reshape(-1, 1), len(CLASSES)",
        "# A fold's labels are cut by what the others teach, if that is better than half way.",
        f"parts = {parts}",
        f"cut = cross_cut({learn}, {apply}, values, places, parts, classes, {criterion})",
        "counts = [count(places[:, 0], codes[:, 0], classes) for codes in (oof, cut)]",
        f"if {criterion}(counts[1]) > {criterion}(counts[0]):",
        "    oof = cut",
        f"    learnt = learn_from({learn}, values, places, classes, {criterion})",
        f"    prediction = {apply}(test_values, learnt)",
    ]
    return f"{cut_functions(cut)}\n\n\n" + "\n".join(lines) + "\n"
