from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.bench.grading import grade_by_labels, read_answers
from mle_star.bench.records import Grade
from mle_star.errors import TaskError
from mle_star.tasks import TaskSpec, get_metric
from tests.bench.hidden import answers_of, hide, spec_of


def grade(folder: Path, submission: pd.DataFrame | bytes, spec: TaskSpec | None = None) -> Grade:
    path = folder / "submission.csv"
    if isinstance(submission, bytes):
        path.write_bytes(submission)
    else:
        submission.to_csv(path, index=False)
    return grade_by_labels(spec or spec_of(folder), folder / "private" / "answers.csv", path)


def by_metric(folder: Path, guess: pd.Series) -> float:
    spec, truth = spec_of(folder), answers_of(folder)[["y"]]
    metric = get_metric(spec.metric, spec.folder, spec.direction)
    return metric.compute(truth, guess.to_frame("y"), spec.classes)


@pytest.mark.parametrize("keyed", [True, False])
def test_numbers_are_graded_by_the_tasks_metric(tmp_path: Path, keyed: bool) -> None:
    folder = hide(tmp_path / "t", keyed=keyed)
    submission = answers_of(folder)
    submission["y"] += np.linspace(0, 1, len(submission))
    found = grade(folder, submission)
    assert found == Grade(by_metric(folder, submission["y"]))
    assert found.score == pytest.approx(np.sqrt(np.mean(np.linspace(0, 1, 30) ** 2)))


@pytest.mark.parametrize(
    ("labels", "metric", "column", "wanted"),
    [
        ("yes", "accuracy", "yes", 1.0),
        ("yes", "roc_auc", "flag", 1.0),
        ("yes", "binary_logloss", "flag", 0.0),
        ("animal", "f1_macro", "animal", 1.0),
        ("grade", "qwk", "grade", 1.0),
    ],
)
def test_the_truth_itself_is_perfect(
    tmp_path: Path, labels: str, metric: str, column: str, wanted: float
) -> None:
    folder = hide(tmp_path / "t", labels=labels, metric=metric)
    submission = answers_of(folder)
    if column == "flag":
        submission["y"] = (submission["y"] == "yes").astype(float)
    assert grade(folder, submission).score == pytest.approx(wanted, abs=1e-9)


def test_the_same_prediction_everywhere_is_graded(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t", rows=80)
    assert grade(folder, answers_of(folder).assign(y=1.0)).score is not None


def test_where_order_counts_any_score_will_do(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t", labels="yes", metric="roc_auc")
    submission = answers_of(folder)
    submission["y"] = (submission["y"] == "yes") * 70.0 - 20
    assert grade(folder, submission).score == 1.0
    other = hide(tmp_path / "u", labels="yes", metric="log_loss")
    assert "between 0 and 1" in grade(other, submission).error


def test_one_column_per_class(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t", labels="animal", metric="log_loss")
    truth = answers_of(folder)
    flags = pd.get_dummies(truth["y"]).astype(float)
    chances = (0.7 * flags + 0.1).assign(id=truth["id"])
    found = grade(folder, chances[["emu", "id", "cat", "dog"]])
    assert found.score == pytest.approx(-np.log(0.8))
    # The hidden labels may be written in the same way.
    flags.assign(id=truth["id"]).to_csv(folder / "private" / "answers.csv", index=False)
    assert grade(folder, chances) == found
    (flags + 1).assign(id=truth["id"]).to_csv(folder / "private" / "answers.csv", index=False)
    with pytest.raises(TaskError, match="one 1 in each row"):
        grade(folder, chances)


def test_the_users_own_metric(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t")
    public = folder / "public"
    (public / "mine.py").write_text("def worst(y, p):\n    return abs(y - p).max()\n")
    (public / "task.toml").write_text(
        'target = "y"\nmetric = "mine.py:worst"\ndirection = "minimize"\nkind = "regression"\n'
    )
    submission = answers_of(folder)
    submission["y"] += 5.0 * (submission.index == 7)
    assert grade(folder, submission).score == pytest.approx(5.0)
    (public / "mine.py").write_text("def worst(y, p):\n    return y.missing\n")
    assert "can't be computed" in grade(folder, submission).error


def test_a_class_that_no_training_row_has_is_a_miss(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t", labels="animal", metric="accuracy")
    truth = answers_of(folder)
    submission = truth.copy()
    truth.loc[0, "y"] = "yak"
    truth.to_csv(folder / "private" / "answers.csv", index=False)
    assert grade(folder, submission).score == pytest.approx(29 / 30)
    assert "none of the classes" in grade(folder, truth).error
    (folder / "public" / "task.toml").write_text('target = "y"\nmetric = "log_loss"\n')
    with pytest.raises(TaskError, match=r"no row of train\.csv has"):
        grade(folder, submission)


def test_numeric_classes_that_are_new(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t", labels="grade", metric="qwk")
    truth = answers_of(folder)
    submission = truth.copy()
    truth.loc[0, "y"] = 9
    truth.to_csv(folder / "private" / "answers.csv", index=False)
    score = grade(folder, submission).score
    assert score is not None
    assert score < 1


_WRONG = {
    "columns": ("id,z\n1000,1\n", "lacks the column 'y'"),
    "extra": ("id,y,z\n1000,1,2\n", "not asked for: 'z'"),
    "ids": ("id,y\n77,1\n", "unknown values in column 'id', such as '77'"),
    "missing": ("id,y\n1000,1\n", "lacks 29 of 30 ids"),
    "twice": ("id,y\n1000,1\n1000,2\n", "more than once"),
    "words": ("id,y\n" + "".join(f"{i},x\n" for i in range(1000, 1030)), "must hold numbers"),
    "gaps": ("id,y\n" + "".join(f"{i},\n" for i in range(1000, 1030)), "30 missing values"),
    "infinite": ("id,y\n" + "".join(f"{i},inf\n" for i in range(1000, 1030)), "30 infinite"),
    "empty": ("", "is empty"),
    "header": ("id,y\n", "lacks 30 of 30 ids"),
    "binary": ("\x80\x04\x95pickle", "can't be read as a csv|lacks the column"),
}


@pytest.mark.parametrize(("text", "said"), _WRONG.values(), ids=_WRONG.keys())
def test_what_is_wrong_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    folder = hide(tmp_path / "t")
    found = grade(folder, text.encode("latin-1"))
    assert found.score is None
    assert pd.Series([found.error]).str.contains(said).all(), found.error
    assert "\n" not in found.error


def test_rows_by_position_must_be_as_many(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t", keyed=False)
    found = grade(folder, answers_of(folder).head(29))
    assert found.error == "submission.csv has 29 rows; expected 30, one per test row."


def test_only_a_regular_file_of_bearable_size_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hide(tmp_path / "t")
    spec, answers, path = spec_of(folder), folder / "private" / "answers.csv", tmp_path / "s.csv"
    assert grade_by_labels(spec, answers, path) == Grade(None, "There is no s.csv.")
    path.symlink_to(answers)  # a perfect score for nothing
    assert "regular file" in grade_by_labels(spec, answers, path).error
    path.unlink()
    path.mkdir()
    assert "regular file" in grade_by_labels(spec, answers, path).error
    monkeypatch.setattr("mle_star.scoring.reading.MAX_BYTES", 10)
    assert "at most 10 are read" in grade(folder, answers_of(folder)).error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda a: a.head(5), "has 5 rows but test.csv has 30"),
        (lambda a: a.drop(columns="y"), "lacks the target column 'y'"),
        (lambda a: a.assign(id=a["id"] + 1), "must be those of test.csv"),
        (lambda a: a.assign(id=1000), "repeat"),
        (lambda a: a.assign(y=a["y"].where(a.index > 2)), "3 rows without a label"),
        (lambda a: a.assign(y="dear"), "must hold finite numbers"),
    ],
)
def test_answers_that_do_not_fit_are_refused(tmp_path: Path, change: object, said: str) -> None:
    folder = hide(tmp_path / "t")
    path = folder / "private" / "answers.csv"
    assert callable(change)
    change(answers_of(folder)).to_csv(path, index=False)
    with pytest.raises(TaskError, match=said):
        read_answers(spec_of(folder), path)


def test_answers_without_an_id_are_in_the_order_of_the_test_table(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t")
    submission = answers_of(folder)
    submission[["y"]].to_csv(folder / "private" / "answers.csv", index=False)
    assert grade(folder, submission.iloc[::-1]).score == pytest.approx(0.0)


def test_a_task_without_test_rows_has_nothing_to_grade(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t")
    (folder / "public" / "test.csv").unlink()
    with pytest.raises(TaskError, match="no test table"):
        read_answers(spec_of(folder), folder / "private" / "answers.csv")


Standing = dict[str, tuple[Path, TaskSpec]]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> Standing:
    """Tasks for all examples of a property, by their metric."""
    tasks = {"mae": "number", "log_loss": "yes", "accuracy": "animal"}
    folders = {
        metric: hide(tmp_path_factory.mktemp("standing") / "t", labels=labels, metric=metric)
        for metric, labels in tasks.items()
    }
    return {metric: (folder, spec_of(folder)) for metric, folder in folders.items()}


@settings(max_examples=15, deadline=None)
@given(order=st.permutations(range(30)), hidden=st.permutations(range(30)), data=st.data())
def test_with_an_id_the_order_of_rows_does_not_matter(
    standing: Standing, order: list[int], hidden: list[int], data: st.DataObject
) -> None:
    metric = data.draw(st.sampled_from(sorted(standing)))
    folder, spec = standing[metric]
    answers = answers_of(folder).sort_values("id").reset_index(drop=True)
    chance = st.floats(0.01, 0.99)
    one = st.sampled_from(["cat", "dog", "emu"]) if metric == "accuracy" else chance
    submission = answers.assign(y=pd.Series(data.draw(st.lists(one, min_size=30, max_size=30))))
    before = grade(folder, submission, spec)
    answers.iloc[hidden].to_csv(folder / "private" / "answers.csv", index=False)
    after = grade(folder, submission.iloc[order], spec)
    assert before.error == after.error == ""
    assert after.score == pytest.approx(before.score, rel=1e-12)


@settings(max_examples=25, deadline=None)
@given(
    junk=st.one_of(
        st.binary(max_size=300),
        st.text("id,y\n\r\"0123456789.e-+' nainf", max_size=300).map(lambda t: t.encode()),
        st.lists(
            st.text(max_size=8).map(lambda t: t.replace(",", "").replace("\n", "")),
            min_size=30,
            max_size=30,
        ).map(
            lambda cells: ("id,y\n" + "".join(f"{i + 1000},{c}\n" for i, c in enumerate(cells)))
            .encode("utf-8", "replace")
        ),
    )
)  # fmt: skip
def test_no_bytes_make_the_grader_raise(standing: Standing, junk: bytes) -> None:
    for metric in ("mae", "accuracy"):
        folder, spec = standing[metric]
        found = grade(folder, junk, spec)
        assert (found.score is None) == bool(found.error)
        assert found.error.isprintable()
