# ruff: noqa: E501
from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.engineer.base import Brief, MemberView, Tried
from mle_star.engineer.playbook.ensembles import ensemble, plan_ensemble
from mle_star.engineer.playbook.ensembles.plans import key_of
from mle_star.engineer.playbook.leakage import check_leakage
from mle_star.errors import NoAnswer
from mle_star.scoring.soft import first_grade, soft_columns, soft_form
from mle_star.tasks import TaskSpec
from tests.engineer.playbook import small

TASKS: dict[str, dict[str, Any]] = {
    "rmse": {},
    "mae in time": {"metric": "mae", "time": ["area"]},
    "rmsle, two targets": {"metric": "mean_columnwise_rmsle", "target": ["a", "b"]},
    "spearman": {"metric": "spearman", "direction": "maximize", "id": None, "folds": 1},
    "auc": {
        "kind": "binary", "metric": "roc_auc", "direction": "maximize", "prediction": "probability",
        "classes": ["No", "Yes"],
    },
    "log loss": {
        "kind": "binary", "metric": "log_loss", "prediction": "probability", "classes": [0, 1], "folds": 1,
    },
    "multilabel": {
        "kind": "multilabel", "metric": "mean_columnwise_roc_auc", "direction": "maximize",
        "prediction": "probability", "classes": [0, 1], "target": ["a", "b"],
    },
    "classes": {
        "kind": "multiclass", "metric": "log_loss", "prediction": "probability", "classes": ["x", "y", "z"],
    },
    "labels": {
        "kind": "multiclass", "metric": "accuracy", "direction": "maximize", "prediction": "label",
        "classes": ["x", "y", "z"],
    },
    "binary labels": {
        "kind": "binary", "metric": "f1", "direction": "maximize", "prediction": "label",
        "classes": [False, True], "id": None,
    },
    "grades": {
        "kind": "ordinal", "metric": "quadratic_weighted_kappa", "direction": "maximize",
        "prediction": "label", "classes": [3, 4, 5, 7],
    },
    "macro f1 in time": {
        "kind": "multiclass", "metric": "f1_macro", "direction": "maximize", "prediction": "label",
        "classes": ["x", "y", "z"], "time": ["area"],
    },
    "words that are grades": {
        "kind": "ordinal", "metric": "accuracy", "direction": "maximize", "prediction": "label",
        "classes": ["bad", "fair", "good"], "folds": 1,
    },
    "labels of two targets": {
        "kind": "multilabel", "metric": "accuracy", "direction": "maximize", "prediction": "label",
        "classes": [0, 1], "target": ["a", "b"],
    },
}  # fmt: skip


SOFT = ["labels", "binary labels", "grades", "macro f1 in time", "words that are grades"]


def members(count: int = 4, *, soft: bool = False) -> list[MemberView]:
    return [MemberView(n, f"model {n}", 0.5 + 0.01 * n, "", soft=soft) for n in range(count)]


def all_plans(told: Brief, count: int = 4, *, soft: bool = False) -> list[str]:
    tried: list[Tried] = []
    while True:
        try:
            plan = plan_ensemble(told, members(count, soft=soft), tried)
        except NoAnswer:
            return [t.plan for t in tried]
        tried.append(Tried(plan, 0.5))


def prediction(told: Brief, truth: pd.DataFrame, noise: float, seed: int) -> pd.DataFrame:
    """What a member of this quality would hand in."""
    task, chance = told.task, np.random.default_rng(seed)
    columns: dict[str, Any] = {}
    if task.per_class:
        codes = pd.Categorical(truth.iloc[:, 0], categories=task.classes).codes
        raw = np.eye(len(task.classes))[codes] + chance.uniform(
            0.1, noise + 0.2, (len(truth), len(task.classes))
        )
        return pd.DataFrame(raw / raw.sum(axis=1, keepdims=True), columns=task.prediction_columns)
    for name in task.target:
        values = truth[name]
        if task.prediction == "label":
            wrong = chance.random(len(values)) < noise / 3
            other = chance.choice(np.asarray(task.classes, dtype=object), len(values))
            columns[name] = np.where(wrong, other, values)
        elif task.prediction == "probability":
            odds = 2.0 * (values == task.classes[1]) - 1 + chance.normal(0, 2 * noise, len(values))
            columns[name] = 1 / (1 + np.exp(-odds))
        else:
            columns[name] = np.maximum(0, values + chance.normal(0, noise, len(values)))
    return pd.DataFrame(columns)


def write_members(folder: Path, told: Brief, train: pd.DataFrame) -> None:
    task = told.task
    scored = (pd.read_csv(folder / "input/folds.csv")["fold"] >= 0).to_numpy()
    test = pd.read_csv(folder / "input/test.csv")
    some = train[task.target].iloc[: len(test)].reset_index(drop=True)
    for number in range(4):
        where = folder / f"input/members/{number}"
        where.mkdir(parents=True)
        oof = prediction(
            told, train.loc[scored, task.target].reset_index(drop=True), 0.5 + 0.2 * number, number
        )
        out = prediction(told, some, 0.5, 9 + number)
        if task.id:
            oof.insert(0, task.id, train.loc[scored, task.id].to_numpy())
            out.insert(0, task.id, test[task.id].to_numpy())
            oof = oof.sample(frac=1, random_state=number)
        oof.to_csv(where / "oof.csv", index=False)
        out.to_csv(where / "submission.csv", index=False)
        if soft_form(task) and len(task.target) == 1:
            for table, name in ((oof, "oof_soft.csv"), (out, "submission_soft.csv")):
                soften(task, table, number).to_csv(where / name, index=False)


def soften(task: TaskSpec, labels: pd.DataFrame, seed: int) -> pd.DataFrame:
    """What a table of labels may have been cut from; it knows no more than they do."""
    chance = np.random.default_rng(seed)
    place = labels[task.target[0]].map({label: i for i, label in enumerate(task.classes)})
    if soft_form(task) == "grades":
        noisy = first_grade(task) + place + chance.uniform(-0.45, 0.45, len(place))
        return labels.assign(**{task.target[0]: noisy})
    hit = np.eye(len(task.classes))[place.astype(int)] + chance.uniform(0.1, 0.9, (len(place), 1))
    shares = pd.DataFrame(hit / hit.sum(axis=1, keepdims=True), columns=soft_columns(task))
    if task.id:
        shares.insert(0, task.id, labels[task.id].to_numpy())
    return shares


def check_output(folder: Path, told: Brief, plan: str, script: str) -> str:
    """What is wrong with the run of an ensemble script; empty when nothing is."""
    done = small.run(folder, script)
    if done.error:
        return f"{plan}: {done.error[-600:]}"
    oof, out = pd.read_csv(folder / "final/oof.csv"), pd.read_csv(folder / "final/submission.csv")
    sample = pd.read_csv(folder / "input/sample_submission.csv")
    task = told.task
    scored = (pd.read_csv(folder / "input/folds.csv")["fold"] >= 0).sum()
    if list(out) != list(sample) or len(out) != len(sample) or len(oof) != scored:
        return f"{plan}: wrong shape"
    if task.id and list(out[task.id]) != list(sample[task.id]):
        return f"{plan}: rows of the submission are out of order"
    values = pd.concat([oof[task.prediction_columns], out[task.prediction_columns]])
    if values.isna().any().any():
        return f"{plan}: missing predictions"
    if task.prediction == "label" and not values.isin(task.classes).all().all():
        return f"{plan}: unknown labels"
    if task.per_class and not np.allclose(values.sum(axis=1), 1):
        return f"{plan}: probabilities do not add up to one"
    if "Final Validation Performance: " not in done.stdout:
        return f"{plan}: no score line"
    if not task.per_class:
        truth = pd.read_csv(folder / "input/train.csv")[task.target]
        if (
            task.prediction == "label"
            and (values[: len(oof)].to_numpy() == truth.to_numpy()[: len(oof)]).mean() < 0.2
        ):
            return f"{plan}: predictions do not follow the labels"
    return ""


@pytest.mark.parametrize("name", TASKS)
def test_every_plan_of_a_task_gives_a_script_that_runs(name: str, tmp_path: Path) -> None:
    told = small.brief(**TASKS[name])
    plans = all_plans(told)
    assert len({key_of(plan) for plan in plans}) == len(plans) >= 1
    train = small.write_input(tmp_path, told)
    write_members(tmp_path, told, train)
    scripts = {plan: ensemble(told, plan, members()) for plan in plans}
    problems = [check_output(tmp_path, told, plan, script) for plan, script in scripts.items()]
    assert not [problem for problem in problems if problem]
    assert all(ast.get_docstring(ast.parse(script)) for script in scripts.values())


@pytest.mark.parametrize("name", SOFT)
def test_what_labels_were_cut_from_is_combined_and_cut_once(name: str, tmp_path: Path) -> None:
    told = small.brief(**TASKS[name])
    plans = all_plans(told, soft=True)
    train = small.write_input(tmp_path, told)
    write_members(tmp_path, told, train)
    scripts = {plan: ensemble(told, plan, members(soft=True)) for plan in plans}
    problems = [check_output(tmp_path, told, plan, script) for plan, script in scripts.items()]
    assert not [problem for problem in problems if problem]
    learns = not told.task.time
    for script in scripts.values():
        assert "oof_soft.csv" in script
        assert ("cross_cut(" in script) == learns  # in time later folds can't teach earlier ones
        assert not check_leakage(told, script, "validation is far better than audit").leaking
        assert max(map(len, script.splitlines())) <= 100


def test_members_without_soft_predictions_are_voted_on() -> None:
    told = small.brief(**TASKS["labels"])
    mixed = [*members(2, soft=True), *members(4)[2:]]
    assert key_of(plan_ensemble(told, mixed, [])) == "weights"
    assert key_of(plan_ensemble(told, members(soft=True), [])) == "stack-linear"
    assert "_soft.csv" not in ensemble(told, "Vote [vote]", mixed)


def test_a_plan_is_never_proposed_twice_and_an_end_comes() -> None:
    for settings in TASKS.values():
        plans = all_plans(small.brief(**settings))
        assert len(set(plans)) == len(plans)
        assert all(key_of(plan) for plan in plans)


def test_plans_follow_the_metric() -> None:
    def first(**settings: Any) -> str:
        return key_of(all_plans(small.brief(**settings))[0])

    assert first(**TASKS["auc"]) == "rank-weights"
    assert first(metric="rmsle") == "geometric-mean"
    assert first(metric="mae") == "simplex"
    assert first(**TASKS["binary labels"]) == "weights"


def test_a_family_that_scored_worse_waits() -> None:
    told = small.brief()
    poor = [Tried(f"x [{key}]", score) for key, score in (("stack-linear", 0.9), ("simplex", 0.4))]
    assert key_of(plan_ensemble(told, members(), poor)) == "weights"
    good = [Tried(f"x [{key}]", score) for key, score in (("stack-linear", 0.4), ("simplex", 0.9))]
    assert key_of(plan_ensemble(told, members(), good)) == "stack-trees"
    failed = [Tried("x [stack-linear]", None)]
    assert key_of(plan_ensemble(told, members(), failed)) == "simplex"


def test_few_members_leave_few_plans() -> None:
    keys = {key_of(plan) for plan in all_plans(small.brief(), count=2)}
    assert not keys & {"median", "trimmed-mean"}
    with pytest.raises(NoAnswer):
        plan_ensemble(small.brief(), members(1), [])


def test_an_unknown_plan_has_no_script() -> None:
    with pytest.raises(NoAnswer):
        ensemble(small.brief(), "Do something clever", members())
    with pytest.raises(NoAnswer):
        ensemble(small.brief(), "Average [mean]", members(1))


def test_scripts_are_clean_and_in_order() -> None:
    for settings in TASKS.values():
        told = small.brief(**settings)
        for plan in all_plans(told):
            script = ensemble(told, plan, members())
            assert not check_leakage(told, script, "validation is far better than audit").leaking
            assert script.index("# === combine ===") < script.index("# === validate ===")
            best = 3 if told.task.maximize else 0
            assert f"MEMBERS = [{best}," in script
