"""The ensemble script: it reads the members' predictions, combines and writes them."""

from __future__ import annotations

from collections.abc import Sequence

from mle_star.engineer.base import Brief, MemberView
from mle_star.engineer.playbook.blocks.facts import assignment, literal
from mle_star.engineer.playbook.ensembles.blocks import combination
from mle_star.engineer.playbook.ensembles.form import Form, form_of
from mle_star.engineer.playbook.ensembles.metrics import metric_of
from mle_star.engineer.playbook.ensembles.plans import PLANS, key_of
from mle_star.engineer.playbook.ensembles.softly import cut_block, read_soft
from mle_star.errors import NoAnswer
from mle_star.scoring.soft_blend import cut_for
from mle_star.tasks.spec import TaskSpec


def ensemble(brief: Brief, plan: str, members: Sequence[MemberView]) -> str:
    """The script that implements a plan of :func:`plan_ensemble` for the members, best first.

    Raises:
        NoAnswer: the plan has no known key, or there are fewer than two members.
    """
    key = key_of(plan)
    if not key:
        raise NoAnswer(f"The plan {plan!r} names no way to combine that the playbook knows.")
    if len(members) < 2:
        raise NoAnswer("An ensemble needs two members.")
    task = brief.task
    form = form_of(task, members)
    name, metric = metric_of(task, form)
    combined = combination(key, form, *_loss_and_scale(brief, form))
    softly = form in ("soft", "places")
    cutting = cut_for(task) if softly else None
    direction = "higher" if task.maximize else "lower"
    targets = ", ".join(f"`{target}`" for target in task.target)
    head = [
        (
            f'"""Combine {len(members)} scripts that predict {targets} '
            f"({task.metric}, {direction} is better)."
        ),
        "",
        f'{PLANS[key]}.\n"""',
        "",
        *(["from collections.abc import Callable", ""] if cutting else []),
        "import numpy as np",
        "import pandas as pd",
        *sorted({*combined.imports, *metric.imports}),
        "",
        f"SEED = {brief.seed}",
        "",
    ]
    parts = [
        "\n".join(head) + "\n",
        _load(task, form, sorted(members, key=lambda m: m.score, reverse=task.maximize)),
        _score(brief, form, name, metric.expression, combined.text),
        f"\n\n# === combine ===\n{combined.text.strip(chr(10))}\n",
        f"\n\n# === validate ===\n{_validate(brief, combined.learns)}",
        f"\n\n# === finish ===\n{cut_block(brief, form, cutting)}" if softly else "",
        f"\n\n# === write ===\n{_write(task, form)}",
    ]
    return "".join(parts)


def _loss_and_scale(brief: Brief, form: Form) -> tuple[str, str]:
    metric = brief.task.metric
    if form == "shares":
        return "shares", "logit"
    if form in ("classes", "votes", "soft"):
        return "classes", "" if form == "votes" else "log"
    if metric in ("rmsle", "mean_columnwise_rmsle"):
        return "log1p", "log1p"
    return ("absolute" if metric in ("mae", "median_ae", "mape", "smape") else "squared"), ""


def _load(task: TaskSpec, form: Form, members: Sequence[MemberView]) -> str:
    as_text = ", dtype={ID: str}" if task.id else ""
    lines = [
        "# === load ===",
        *([f"ID = {literal(task.id)}"] if task.id else []),
        f'train = pd.read_csv("input/train.csv"{as_text})',
        f'test = pd.read_csv("input/test.csv"{as_text})',
        'folds = pd.read_csv("input/folds.csv")["fold"].to_numpy()',
        "scored = folds >= 0",
        "",
        "# Folders below input/members, the best member first.",
        f"MEMBERS = [{', '.join(str(m.number) for m in members)}]",
        assignment("TARGETS", list(task.target)),
        assignment("COLUMNS", list(task.prediction_columns)),
    ]
    if form != "values":
        lines.append(assignment("CLASSES", list(task.classes)))
    lines += ["", ""]
    return "\n".join(lines) + "\n" + _reader(task, form) + _truth(form)


def _reader(task: TaskSpec, form: Form) -> str:
    keyed = (
        "    if ID in table and ID in rows:\n        table = table.set_index(ID).loc[rows[ID]]\n"
    )
    values = "    return table[COLUMNS].to_numpy(dtype=float)\n"
    codes = "[pd.Categorical(table[c], categories=CLASSES).codes for c in COLUMNS]"
    if form == "codes":
        values = f"    return np.maximum(np.column_stack({codes}), 0)\n"
    if form == "votes":
        values = (
            "    codes = pd.Categorical(table[COLUMNS[0]], categories=CLASSES).codes\n"
            "    return np.eye(len(CLASSES))[codes]\n"
        )
    if form in ("soft", "places"):
        values = read_soft(task)
    kind = "_soft" if form in ("soft", "places") else ""
    what = "One vote for the predicted class: (rows, classes)" if form == "votes" else "Predictions"
    return f'''def read(path: str, rows: pd.DataFrame) -> np.ndarray:
    """{what}, in the order of the given rows."""
    table = pd.read_csv(path{", dtype={ID: str}" if task.id else ""})
{keyed if task.id else ""}{values}

paths = [f"input/members/{{m}}/" for m in MEMBERS]
out_of_fold = np.stack([read(path + "oof{kind}.csv", train[scored]) for path in paths])
for_test = np.stack([read(path + "submission{kind}.csv", test) for path in paths])
'''


def _truth(form: Form) -> str:
    codes = "pd.Categorical(train.loc[scored, TARGETS[0]], categories=CLASSES).codes"
    return {
        "values": "truth = train.loc[scored, TARGETS].to_numpy(dtype=float)\n",
        "grades": "truth = train.loc[scored, TARGETS].to_numpy(dtype=float)\n",
        "shares": "truth = (train.loc[scored, TARGETS] == CLASSES[1]).to_numpy(dtype=float)\n",
        "codes": (
            "truth = np.column_stack(\n"
            "    [pd.Categorical(train.loc[scored, c], categories=CLASSES).codes "
            "for c in TARGETS]\n"
            ")\n"
        ),
        "classes": f"truth = {codes}\n",
        "votes": f"truth = {codes}\n",
        "soft": f"truth = {codes}.astype(int)\n",
        "places": f"truth = {codes}.astype(int)[:, None]\n",
    }[form]


def _score(brief: Brief, form: Form, name: str, expression: str, combined: str) -> str:
    task = brief.task
    greedy = "choose_weights" in combined
    higher = task.maximize if name == task.metric else name == "accuracy"
    constants = ""
    if greedy:
        constants = "# Members chosen at most, and which way the metric is better.\nROUNDS = 25\n"
        constants += f"SIGN = {1 if higher else -1}\n\n\n"
    stands_in = "" if name == task.metric else f"; it stands in for {task.metric}"
    if form == "classes":
        body = f"    predicted = finish(predicted)\n    return float({expression})\n"
    elif form in ("soft", "places"):
        body = "    return metric(truth.ravel(), finish(predicted).ravel())\n"
    elif form == "votes":
        body = f"    t, p = truth, predicted.argmax(axis=1)\n    return float({expression})\n"
    elif len(task.target) == 1:
        body = f"    t, p = truth[:, 0], finish(predicted)[:, 0]\n    return float({expression})\n"
    else:
        body = (
            "    scores = []\n"
            "    for t, p in zip(truth.T, finish(predicted).T, strict=True):\n"
            f"        scores.append({expression})\n"
            "    return float(np.mean(scores))\n"
        )
    if form in ("soft", "places"):
        judged = (
            f"def metric(t: np.ndarray, p: np.ndarray) -> float:\n    return float({expression})"
        )
        constants = f"{constants}{judged}\n\n\n"
    return f'''

# === score ===
{constants}def finish(values: np.ndarray) -> np.ndarray:
    """{_FINISH[form][0]}"""
{_finish_body(brief, form)}

def score(truth: np.ndarray, predicted: np.ndarray) -> float:
    """The metric, {name}{stands_in}."""
{body}'''


_FINISH = {
    "values": ("What is handed in.", "    return values\n"),
    "grades": (
        "The nearest class.",
        "    grades = np.asarray(CLASSES, dtype=float)\n"
        "    return grades[np.abs(values[..., None] - grades).argmin(axis=-1)]\n",
    ),
    "shares": ("A probability.", "    return np.clip(values, 0, 1)\n"),
    "classes": (
        "Probabilities that add up to one.",
        "    values = np.clip(values, 1e-9, None)\n"
        "    return values / values.sum(axis=1, keepdims=True)\n",
    ),
    "votes": ("Index of the class with most votes.", "    return values.argmax(axis=1)\n"),
    "codes": ("Index of the class.", "    return values.astype(int)\n"),
    "soft": ("Index of the most probable class.", "    return values.argmax(axis=1)\n"),
    "places": (
        "Index of the nearest class.",
        "    return np.clip(np.rint(values), 0, len(CLASSES) - 1).astype(int)\n",
    ),
}


def _finish_body(brief: Brief, form: Form) -> str:
    low = brief.profile.target_min
    if form == "values" and low is not None and low >= 0:
        return "    return np.maximum(values, 0)  # no label is negative\n"
    return _FINISH[form][1]


def _validate(brief: Brief, learns: bool) -> str:
    if not learns:
        return "oof, prediction = combine(out_of_fold), combine(for_test)\n"
    ordered = bool(brief.task.time)
    lines = ["parts = folds[scored]"]
    if brief.folds == 1:
        lines = [
            "# One hold-out is all there is: combine it in five parts, each learnt on the others."
        ]
        lines.append(
            "parts = np.arange(scored.sum()) * 5 // scored.sum()"
            if ordered
            else "parts = np.random.default_rng(SEED).permutation(scored.sum()) % 5"
        )
    lines += ["oof = out_of_fold.mean(axis=0)"]
    if ordered:
        lines.append("# Earlier parts only; the first one has none and keeps the plain mean.")
    lines += [
        "for part in sorted(set(parts)):",
        f"    fit_rows, valid_rows = parts {'<' if ordered else '!='} part, parts == part",
        *(["    if not fit_rows.any():", "        continue"] if ordered else []),
        "    (oof[valid_rows],) = combine(",
        "        out_of_fold[:, fit_rows], truth[fit_rows], out_of_fold[:, valid_rows]",
        "    )",
        "(prediction,) = combine(out_of_fold, truth, for_test)",
    ]
    return "\n".join(lines) + "\n"


def _write(task: TaskSpec, form: Form) -> str:
    values = "finish({})"
    if form == "votes":
        values = "np.asarray(CLASSES, dtype=object)[finish({})][:, None]"
    elif form == "codes":
        values = "np.asarray(CLASSES, dtype=object)[finish({})]"
    elif form == "grades" and all(isinstance(c, int) for c in task.classes):
        values = "finish({}).astype(int)"
    judged = "score(truth, oof)"
    if form in ("soft", "places"):
        values = "np.asarray(CLASSES, dtype=object)[{}]"
        judged = "metric(truth.ravel(), oof.ravel())"
    lines = [
        f"oof_table = pd.DataFrame({values.format('oof')}, columns=COLUMNS)",
        f"test_table = pd.DataFrame({values.format('prediction')}, columns=COLUMNS)",
    ]
    if task.id:
        lines += [
            "if ID in train:",
            "    oof_table.insert(0, ID, train.loc[scored, ID].to_numpy())",
            "test_table.insert(0, ID, test[ID].to_numpy())",
        ]
    for column in task.copied_columns:
        if column != task.id:
            name = literal(column)
            lines.append(f"test_table[{name}] = test[{name}].to_numpy()")
    placed = [*([task.id] if task.id else []), *task.prediction_columns]
    order = [c for c in task.submission_columns if c] or list(task.prediction_columns)
    lines += [
        'oof_table.to_csv("final/oof.csv", index=False)',
        *([] if order == placed else [f"test_table = test_table[{literal(order)}]"]),
        'test_table.to_csv("final/submission.csv", index=False)',
        f'print(f"Final Validation Performance: {{{judged}}}")',
    ]
    return "\n".join(lines) + "\n"
