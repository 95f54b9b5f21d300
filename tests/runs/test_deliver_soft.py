"""Label tasks whose winner averages soft predictions: the whole run, and run.py once more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer import MemberView
from mle_star.errors import NoAnswer
from tests.runs.test_deliver import no_answer, reproduce
from tests.support.engineers import ScriptedEngineer
from tests.support.runs import Finished, run

# Each script knows one of two columns; the truth is their sum.
SCRIPT = """\
import csv

import numpy as np


def read(name):
    with open(f"input/{{name}}.csv", newline="") as stream:
        return list(csv.DictReader(stream))


def write(name, rows, header, values):
    with open(f"final/{{name}}.csv", "w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", *header])
        writer.writerows([row["id"], *cells] for row, cells in zip(rows, values))


train, test = read("train"), read("test")
scored = [row for row, fold in zip(train, read("folds")) if float(fold["fold"]) >= 0]
CLASSES = {classes}


def soft(rows):
    v = np.array([float(row["{column}"]) for row in rows])
    {soft}


for name, rows in (("oof", scored), ("submission", test)):
    values = soft(rows)
    labels = np.array(CLASSES)[{labels}]
    write(name, rows, ["y"], [[label] for label in labels])
    if {write}:
        write(f"{{name}}_soft", rows, {columns}, values.reshape(len(rows), -1).tolist())
print("Final Validation Performance: 0.5")
"""
LOGITS = "e = np.exp({}); return e / e.sum(axis=1, keepdims=True)"
TASKS: dict[str, dict[str, Any]] = {
    "f1": {
        "classes": ["no", "yes"],
        "cuts": [1.2],
        "soft": LOGITS.format("np.column_stack([0 * v, 2 * v - 2])"),
        "labels": "values.argmax(axis=1)",
        "columns": "CLASSES",
    },
    "accuracy": {
        "classes": ["a", "b", "c"],
        "cuts": [-0.8, 0.8],
        "soft": LOGITS.format("np.column_stack([-2 * v, 0 * v + 0.3, 2 * v])"),
        "labels": "values.argmax(axis=1)",
        "columns": "CLASSES",
    },
    "quadratic_weighted_kappa": {
        "classes": [2, 3, 4, 5, 6],
        "cuts": [-1.6, -0.5, 0.5, 1.6],
        "soft": "return 4 + 0.6 * v",  # shrunken: half way is no good place to cut
        "labels": "np.clip(np.rint(values - 2), 0, 4).astype(int)",
        "columns": '["y"]',
    },
}


def label_task(folder: Path, metric: str, rows: int = 700) -> Path:
    chance = np.random.default_rng(3)
    folder.mkdir()
    table = pd.DataFrame(chance.normal(size=(rows + 60, 2)).round(5), columns=["u", "w"])
    table.insert(0, "id", np.arange(len(table)) + 7)
    hidden = table["u"] + table["w"] + chance.normal(0, 0.2, len(table))
    kinds = TASKS[metric]
    labels = np.array(kinds["classes"])[np.searchsorted(kinds["cuts"], hidden)]
    table.iloc[:rows].assign(y=labels[:rows]).to_csv(folder / "train.csv", index=False)
    table.iloc[rows:].to_csv(folder / "test.csv", index=False)
    kind = "ordinal" if "kappa" in metric else "binary" if metric == "f1" else "multiclass"
    text = f'target = "y"\nid = "id"\nmetric = "{metric}"\nkind = "{kind}"\n'
    (folder / "task.toml").write_text(text)
    return folder


def solve(folder: Path, metric: str, write: str = "True", **answers: Any) -> Finished:
    task = label_task(folder, metric)
    columns = iter(["u", "w"])
    texts = {"classes": repr(TASKS[metric]["classes"]), "write": write}
    texts |= {key: TASKS[metric][key] for key in ("soft", "labels", "columns")}
    engineer = ScriptedEngineer(
        write=lambda *_: SCRIPT.format(column=next(columns), **texts), merge=no_answer, **answers
    )
    return run(task, engineer, outer_steps=0, num_candidates=2, ensemble_rounds=1)


@pytest.mark.parametrize("metric", TASKS)
def test_an_average_of_soft_predictions_wins_and_run_py_reproduces_it(
    tmp_path: Path, metric: str
) -> None:
    seen: list[bool] = []

    def plan_ensemble(_: object, members: list[MemberView], __: object) -> str:
        seen.extend(member.soft for member in members)
        raise NoAnswer("the blend is enough")

    done = solve(tmp_path / "task", metric, plan_ensemble=plan_ensemble)
    assert done.best["phase"] == "blend", done.notes()
    [blended] = done.of("blended")
    assert blended["mode"] in ("soft", "cut")
    singles = [t["score"]["value"] for t in done.trials if t["score"] and not t["members"]]
    assert done.best["score"] is not None
    assert done.best["score"]["value"] > max(singles) + 0.03
    assert done.values["final"]["source"] == "full"
    assert "_soft" in done.script(done.best)
    assert seen == [True, True]
    again = reproduce(done, tmp_path / "task", tmp_path / "again.csv")
    assert again == Path(done.values["submission"]).read_bytes()


def test_without_soft_predictions_labels_are_voted_on(tmp_path: Path) -> None:
    done = solve(tmp_path / "task", "accuracy", write="False")
    assert "_soft" not in "".join(done.script(t) for t in done.trials if t["phase"] == "blend")
    assert all(event["mode"] == "vote" for event in done.of("blended"))
    assert Path(done.values["submission"]).exists()


def test_soft_predictions_that_fail_on_all_data_leave_the_search_submission(
    tmp_path: Path,
) -> None:
    done = solve(tmp_path / "task", "accuracy", write="len(train) < 700")
    assert done.best["phase"] == "blend"
    assert done.values["final"]["source"] == "search"
    assert Path(done.values["submission"]).exists()
