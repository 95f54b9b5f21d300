from __future__ import annotations

import json
import logging
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from mle_star.bench import competition
from mle_star.bench.sources import find_tasks
from mle_star.errors import TaskError
from tests.bench.hidden import LEADERBOARD, answers_of, hide, install_mlebench


@pytest.fixture(autouse=True)
def no_mlebench() -> Iterator[None]:
    """Forget the stand-in package again."""
    yield
    for name in [n for n in sys.modules if n.partition(".")[0] == "mlebench"]:
        del sys.modules[name]


def hand_in(folder: Path, shift: float = 0.0) -> Path:
    answers = answers_of(folder)
    answers["y"] += shift
    path = folder / "submission.csv"
    answers.to_csv(path, index=False)
    return path


def prepare(data: Path, name: str) -> Path:
    """A competition as MLE-bench prepares it."""
    hide(data / name / "prepared")
    private = data / name / "prepared" / "private"
    (private / "answers.csv").rename(private / "test.csv")
    return data / name


def submit(competition_folder: Path, shift: float) -> Path:
    answers = pd.read_csv(competition_folder / "prepared" / "private" / "test.csv")
    path = competition_folder / "submission.csv"
    answers.assign(y=answers["y"] + shift).to_csv(path, index=False)
    return path


def test_a_folder_with_two_parts(tmp_path: Path) -> None:
    folder = hide(tmp_path / "price")
    (task,) = find_tasks([folder])
    assert (task.name, task.metric, task.direction) == ("price", "rmse", "minimize")
    assert (task.public, task.source) == (folder / "public", "folder")
    assert task.grade(hand_in(folder, 0.5)).score == pytest.approx(0.5)
    again = pickle.loads(pickle.dumps(task))
    assert again.grade(hand_in(folder)).score == pytest.approx(0.0)


def test_a_folder_of_folders_by_name_and_others_in_their_order(tmp_path: Path) -> None:
    for name in ("b", "a"):
        hide(tmp_path / "many" / name)
    (tmp_path / "many" / "notes").mkdir()
    (tmp_path / "many" / "README.md").write_text("Two tasks.\n")
    hide(tmp_path / "z")
    names = [task.name for task in find_tasks([tmp_path / "z", tmp_path / "many"])]
    assert names == ["z", "a", "b"]


def test_the_single_csv_is_the_answers(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t")
    submission = hand_in(folder)
    private = folder / "private"
    (private / "answers.csv").rename(private / "solution.csv")
    (private / "README.md").write_text("Hidden.\n")
    (task,) = find_tasks([folder])
    assert task.grade(submission).score == pytest.approx(0.0)
    shutil.copy(private / "solution.csv", private / "other.csv")
    with pytest.raises(TaskError, match=r"other\.csv, solution\.csv; put the hidden labels there"):
        find_tasks([folder])
    (private / "other.csv").rename(private / "answers.csv")
    assert len(find_tasks([folder])) == 1


def test_a_relative_path_has_a_name_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(hide(tmp_path / "here"))
    (task,) = find_tasks([Path()])
    assert task.name == "here"
    assert task.public.is_absolute()


def _without(part: str) -> Callable[[Path], object]:
    return lambda folder: shutil.rmtree(folder / part)


def _meta(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "meta.json").write_text(text)


def _task_toml(text: str) -> Callable[[Path], object]:
    return lambda folder: (folder / "public" / "task.toml").write_text(text)


def _private_below(folder: Path) -> None:
    (folder / "private").rename(folder / "public" / "kept")
    (folder / "private").symlink_to(folder / "public" / "kept")


def _linked(folder: Path) -> None:
    (folder / "public" / "more").mkdir()
    (folder / "public" / "more" / "labels.csv").symlink_to(folder / "private" / "answers.csv")


def _up(folder: Path) -> None:
    (folder / "public" / "up").symlink_to(folder)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_without("private"), "has no folder private/; add it"),
        (_without("public"), "has no folder public/; add it"),
        (_private_below, "where every system sees it; move it out"),
        (_linked, "is a link that leads to"),
        (_up, "is a link that leads to"),
        (lambda f: (f / "private" / "answers.csv").unlink(), "holds no table; put the hidden"),
        (lambda f: (f / "public" / "test.csv").unlink(), "Task t: .* no test table"),
        (_task_toml('target = "y"\n'), "Task t: The metric was not found"),
        (
            _task_toml(
                'target = "y"\nevaluation = "printed"\nmetric = "a"\ndirection = "minimize"\n'
            ),
            "remove it",
        ),
        (_meta("{"), "is not valid JSON"),
        (_meta("[]"), "does not hold keys"),
        (_meta('{"metric": "mae"}'), "metric = 'mae', but its public folder means 'rmse'"),
        (_meta('{"direction": "maximize"}'), "set direction in public/task.toml"),
        (_meta('{"target": "size"}'), r"target = \['size'\]"),
        (_meta('{"id": "size"}'), "id = 'size'"),
    ],
)
def test_what_is_wrong_is_said_at_once(
    tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    folder = hide(tmp_path / "t")
    spoil(folder)
    with pytest.raises(TaskError, match=said) as error:
        find_tasks([folder])
    assert "\n" not in str(error.value)
    assert str(error.value).endswith(".")


def test_meta_may_spell_the_metric_in_another_way(tmp_path: Path) -> None:
    folder = hide(tmp_path / "t")
    meta = {"metric": "root_mean_squared_error", "target": "y", "id": None, "source": "me"}
    (folder / "meta.json").write_text(json.dumps(meta))
    assert find_tasks([folder])[0].metric == "rmse"


def test_paths_that_hold_no_task(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="No task was named"):
        find_tasks([])
    with pytest.raises(TaskError, match="There is no folder"):
        find_tasks([tmp_path / "missing"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(TaskError, match="holds no task"):
        find_tasks([tmp_path / "empty"])


def test_two_tasks_of_one_name_are_refused(tmp_path: Path) -> None:
    one, two = hide(tmp_path / "a" / "t"), hide(tmp_path / "b" / "t")
    with pytest.raises(TaskError, match="Two tasks are called 't'"):
        find_tasks([one, two])
    with pytest.raises(TaskError, match="Two tasks are called 't'"):
        find_tasks([one, one])


@pytest.mark.parametrize("path", ["data", "data/whales", "data/whales/prepared"])
def test_mlebench_grades_its_competitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    install_mlebench(tmp_path / "site", ["whales"])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    handlers = list(logging.getLogger().handlers)
    folder = prepare(tmp_path / "data", "whales")
    (task,) = find_tasks([tmp_path / path])
    assert (task.name, task.metric, task.direction) == ("whales", "its-own-rmse", "minimize")
    assert task.source == "mlebench"
    medals = {0.5: "gold", 1.5: "silver", 3.5: "bronze", 4.5: "", 8.0: ""}
    for shift, medal in medals.items():
        found = task.grade(submit(folder, shift))
        assert found.score == pytest.approx(shift)
        assert (found.medal, found.above_median) == (medal, shift < 5.5)
        assert found.thresholds == {"gold": 1, "silver": 2, "bronze": 4, "median": 5.5}
    assert logging.getLogger().handlers == handlers, "the package's logging stays out of ours"


def test_mlebench_says_why_there_is_no_score(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install_mlebench(tmp_path / "site", ["whales"])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    folder = prepare(tmp_path / "data", "whales")
    (task,) = find_tasks([folder])
    path = folder / "submission.csv"
    assert task.grade(path).error == "There is no submission.csv."
    path.write_text("a,b\n1,2\n")
    found = task.grade(path)
    assert (found.score, found.medal, found.above_median) == (None, "", False)
    assert found.error == "Submission must have the columns id and y."
    assert found.thresholds["gold"] == LEADERBOARD[0]
    assert not caplog.records
    path.write_text("id,y\n1000,13\n")
    assert task.grade(path).error.startswith("MLE-bench can't grade it")
    path.unlink()
    path.symlink_to(folder / "prepared" / "private" / "test.csv")
    assert "is a link" in task.grade(path).error
    path.unlink()
    path.mkdir()
    assert "not a regular file" in task.grade(path).error
    monkeypatch.setattr(competition, "MAX_BYTES", 3)
    other = tmp_path / "large.csv"
    other.write_text("id,y\n1000,1\n")
    assert "larger than 3 bytes" in task.grade(other).error


def test_mlebench_must_agree_on_which_way_is_better(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_mlebench(tmp_path / "site", ["whales"], lower_is_better=False)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    prepare(tmp_path / "data", "whales")
    with pytest.raises(TaskError, match=r"MLE-bench is to maximize .* to minimize rmse"):
        find_tasks([tmp_path / "data"])


def test_mlebench_that_is_not_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_mlebench(tmp_path / "site", ["whales"])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    folder = prepare(tmp_path / "data", "whales")
    (folder / "prepared" / "private" / "test.csv").unlink()
    with pytest.raises(TaskError, match="mlebench prepare -c whales"):
        find_tasks([folder])
    leaderboard = tmp_path / "site" / "mlebench" / "competitions" / "whales" / "leaderboard.csv"
    leaderboard.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(TaskError, match="git lfs pull"):
        find_tasks([folder])


def test_a_competition_that_mlebench_does_not_know_is_graded_by_its_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_mlebench(tmp_path / "site", ["whales"])
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    folder = prepare(tmp_path / "data", "own")
    (task,) = find_tasks([folder])
    assert (task.source, task.metric) == ("folder", "rmse")
    assert task.grade(submit(folder, 2.0)).score == pytest.approx(2.0)


def test_without_the_package_labels_are_used_or_the_remedy_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    folder = prepare(tmp_path / "data", "whales")
    (task,) = find_tasks([folder])
    assert task.source == "folder"
    assert task.grade(submit(folder, 2.0)).score == pytest.approx(2.0)
    labels = folder / "prepared" / "private" / "test.csv"
    labels.write_text("id,masks\n1000,3 4 5\n")
    with pytest.raises(TaskError, match=r"Task whales: .*pip install git.*mle-bench"):
        find_tasks([folder])
