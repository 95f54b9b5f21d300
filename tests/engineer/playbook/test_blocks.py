from __future__ import annotations

import ast
import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.engineer.base import ModelCard
from mle_star.engineer.playbook import script as shape
from mle_star.engineer.playbook.blocks import data, flow
from mle_star.engineer.playbook.blocks.facts import Facts, assignment, literal
from mle_star.engineer.playbook.blocks.fitting import call
from mle_star.engineer.playbook.blocks.metrics import score_of
from mle_star.engineer.playbook.blocks.part import import_lines
from mle_star.engineer.playbook.catalogue import MODELS
from mle_star.engineer.playbook.writer import write
from mle_star.errors import NoAnswer
from mle_star.tasks import METRICS
from tests.engineer.playbook.small import brief, column


def facts(**more: Any) -> Facts:
    return Facts(brief(**more))


BINARY: dict[str, Any] = {
    "kind": "binary",
    "metric": "roc_auc",
    "prediction": "probability",
    "classes": [0, 1],
}
MULTICLASS: dict[str, Any] = {
    "kind": "multiclass",
    "metric": "log_loss",
    "prediction": "probability",
    "classes": ["a", "b", "c"],
}
ORDINAL: dict[str, Any] = {
    "kind": "ordinal",
    "metric": "quadratic_weighted_kappa",
    "prediction": "label",
    "classes": [3, 4, 5],
}


@given(st.text() | st.lists(st.text()) | st.dictionaries(st.text(), st.lists(st.text())))
def test_literals_read_back(value: str | list[str] | dict[str, list[str]]) -> None:
    assert ast.literal_eval(literal(value)) == value


@given(st.lists(st.text()) | st.dictionaries(st.text(), st.lists(st.text(), max_size=2)))
def test_assignments_read_back(values: list[str] | dict[str, list[str]]) -> None:
    code = assignment("NAMES", values)
    found: dict[str, Any] = {}
    exec(code, found)
    assert found["NAMES"] == values


def test_long_assignments_are_wrapped() -> None:
    code = assignment("NAMES", [f"column {i}" for i in range(40)])
    assert max(map(len, code.splitlines())) <= 100
    assert len(code.splitlines()) > 3


def test_literals_look_as_formatters_write_them() -> None:
    assert literal(["a", 1, True]) == '["a", 1, True]'
    assert literal("it's") == '"it\'s"'


def test_calls_are_wrapped() -> None:
    assert call("Ridge", {"alpha": 1.0}) == ["Ridge(alpha=1.0)"]
    assert call("Model", {f"setting_{i}": i for i in range(12)})[1] == "    setting_0=0,"


def test_imports_are_sorted_and_joined() -> None:
    lines = import_lines(
        ["from b import y", "import os", "from b import x", "import numpy as np", "from a import Z"]
    )
    assert lines == "import os\n\nimport numpy as np\nfrom a import Z\nfrom b import x, y"


@pytest.mark.parametrize(
    ("more", "learning"),
    [
        ({}, "regression"),
        (BINARY, "binary"),
        (MULTICLASS, "multiclass"),
        (ORDINAL, "regression"),
        ({**BINARY, "kind": "multilabel", "target": ["a", "b"]}, "binary"),
        ({"kind": "other"}, "regression"),
    ],
)
def test_the_learning_problem(more: dict[str, Any], learning: str) -> None:
    assert facts(**more).learning == learning


@pytest.mark.parametrize("more", [{"target": []}, {"kind": "other", "target_min": None}])
def test_tasks_without_a_script(more: dict[str, Any]) -> None:
    with pytest.raises(NoAnswer):
        _ = facts(**more).learning


@pytest.mark.parametrize(
    ("profile", "role"),
    [
        (column("c", "numeric"), "numeric"),
        (column("c", "numeric", dtype="str", dirty=True, markers=["?"]), "dirty"),
        (column("c", "numeric", drift=None), "dirty"),  # text in the test table
        (column("c", "boolean", dtype="int64"), "numeric"),
        (column("c", "boolean", dtype="bool"), "boolean"),
        (column("c", "boolean", dtype="object", examples=["True", "False"]), "boolean"),
        (column("c", "boolean", dtype="str", examples=["yes", "no"]), "categorical"),
        (column("c", "boolean", dtype="str", dirty=True), "dirty"),
        (column("c", "datetime"), "datetime"),
        (column("c", "datetime", dtype="int64"), "numeric"),
        (column("c", "text"), "text"),
        (column("c", "id"), "nothing"),
        (column("c", "constant"), "nothing"),
        (column("c", "numeric", in_test=False), "nothing"),
    ],
)
def test_roles_of_columns(profile: Any, role: str) -> None:
    found = facts(columns=[column("other"), profile])
    lists = {
        "numeric": found.numeric,
        "dirty": found.dirty,
        "boolean": found.boolean,
        "categorical": found.categorical,
        "datetime": found.datetime,
        "text": found.text,
    }
    holding = {name for name, names in lists.items() if "c" in names}
    assert holding - {"numeric"} == ({role} - {"numeric", "nothing"})
    assert ("c" in found.numeric) == (role in ("numeric", "dirty", "boolean"))


def test_group_and_id_are_no_features() -> None:
    columns = [column("a"), column("owner", "categorical")]
    assert facts(columns=columns, group="owner").categorical == []


def test_without_a_test_table_every_column_counts() -> None:
    columns = [column("a", in_test=False, drift=None)]
    assert facts(columns=columns, test=None).numeric == ["a"]
    assert facts(columns=columns).numeric == []


def test_losses_follow_the_metric() -> None:
    assert facts(metric="rmse").loss == "squared"
    assert facts(metric="mae").loss == "absolute"
    assert facts(metric="pinball").loss == "absolute"
    assert facts(metric="pinball:0.9").quantile == 0.9
    assert facts(metric="rmsle").logarithmic


def test_only_what_a_task_needs_is_loaded() -> None:
    code = data.load(facts(id=None)).code
    assert "ID" not in code
    assert "MISSING" not in code
    assert "TEXT" not in code
    assert "CLASSES" not in code
    assert "ID" in data.load(facts()).code


def test_categories_that_look_like_numbers_are_read_as_text() -> None:
    columns = [column("c", "categorical", examples=["7", "12a"], markers=["?"])]
    code = data.load(facts(columns=columns)).code
    assert "dict.fromkeys(AS_TEXT, str)" in code
    assert 'MISSING = {"c": ["?"]}' in code


@pytest.mark.parametrize(
    ("examples", "options"),
    [
        (["2021-01-02 10:00", "2021-01-03"], 'format="ISO8601"'),
        (["02/01/2021", "23/01/2021"], "dayfirst=True"),
        (["2021-01-02T10:00:00Z"], "utc=True"),
    ],
)
def test_how_dates_are_read(examples: list[str], options: str) -> None:
    columns = [column("when", "datetime", dtype="str", examples=examples)]
    assert options in data.features(facts(columns=columns)).code


def test_time_between_two_moments() -> None:
    columns = [column(name, "datetime", dtype="str") for name in ("start", "end")]
    code = data.features(facts(columns=columns)).code
    assert "itertools.combinations" in code
    assert "itertools" not in data.features(facts(columns=columns[:1])).code


def test_grades_with_gaps_are_learnt_as_positions() -> None:
    found = facts(**{**ORDINAL, "classes": [1, 2, 5]})
    assert "CLASSES = [1, 2, 5]" in data.load(found).code
    assert "np.array(CLASSES)" in flow.finish(found).code
    assert "np.clip(np.rint(values), 3, 5)" in flow.finish(facts(**ORDINAL)).code


def test_validation_respects_time_and_hold_out() -> None:
    assert "folds < fold" in flow.validate(facts(time=["day"])).code
    assert "folds != fold" in flow.validate(facts(folds=1)).code
    assert "encode(X_train, y, X_test)" in flow.validate(facts(folds=1)).code
    assert "encode(X_train, y, X_test)" not in flow.validate(facts()).code


@pytest.mark.parametrize("metric", sorted(METRICS))
def test_every_metric_has_its_code(metric: str) -> None:
    known = METRICS[metric]
    kind = known.kinds[0]
    for several in (False, True):
        found = facts(
            kind="multilabel" if several and kind != "regression" else kind,
            metric=metric,
            prediction=known.needs,
            classes=[] if kind == "regression" else [0, 1],
            target=["a", "b"] if several else ["a"],
        )
        if several and kind == "ordinal":
            continue
        code = score_of(found)
        ast.parse("\n".join([*code.imports, *code.lines]))
        assert any("score = " in line for line in code.lines)


def test_the_users_own_metric_is_imported_where_it_is_given() -> None:
    told = facts(metric="judge.py:score", side_files=["judge.py"])
    assert "own.score(" in score_of(told).lines[-1]
    assert "root_mean_squared_error" in score_of(facts(metric="judge.py:score")).lines[0]


@pytest.mark.parametrize("family", [model.family for model in MODELS])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"metric": "mae"},
        BINARY,
        MULTICLASS,
        ORDINAL,
        {**BINARY, "kind": "multilabel", "target": ["a", "b"], "metric": "log_loss"},
        {"target": ["a", "b"], "metric": "rmsle", "time": ["area"], "id": None},
    ],
)
def test_scripts_compile_in_shape(family: str, more: dict[str, Any]) -> None:
    columns = [
        column("area"),
        column('od"d\n{x}', "categorical"),
        column("note", "text", words=8.0),
        column("when", "datetime", dtype="str", examples=["2020-01-01 00:00:00"]),
    ]
    told = brief(columns=columns, **more)
    # Every extra is installed, and there are rows and time for each model.
    installed = told.installed | {"catboost", "pytabkit"}
    told = dataclasses.replace(told, installed=installed, rows=1_000, script_seconds=600.0)
    try:
        script = write(told, ModelCard(family, "", ""))
    except NoAnswer:
        assert Facts(told).learning == "regression"
        return
    compile(script, "script.py", "exec")
    names = [block.name for block in shape.split(script)]
    target = ["target"] if Facts(told).learning == "regression" else []
    assert names == [
        "header", "load", "features", "encode", *target, f"model: {family}",
        "combine", "validate", "finish", "write",
    ]  # fmt: skip
    assert max(map(len, script.splitlines())) <= 104
    header = shape.split(script)[0].text
    for line in header.splitlines():
        if line.startswith(("import ", "from ")):
            names = [n.split(" as ")[-1].strip() for n in line.split("import ")[1].split(",")]
            assert all(script.count(name) > 1 for name in names), line


@pytest.mark.parametrize(("family", "most"), [("knn", 10_000), ("kernel", 8_000), ("mlp", 60_000)])
@pytest.mark.parametrize("more", [{}, BINARY, MULTICLASS])
def test_what_grows_with_the_rows_squared_is_fitted_on_a_part(
    family: str, most: int, more: dict[str, Any]
) -> None:
    told = brief(**more)
    for rows in (most, most + 1):
        profile = told.profile.model_copy(update={"rows": rows})
        script = write(dataclasses.replace(told, profile=profile), ModelCard(family, "", ""))
        [block] = [b.text for b in shape.split(script) if b.family == family]
        assert (f".permutation(len(X))[:{most:_}]" in block) == (rows > most)
