"""Small tasks with hidden labels, and a stand-in for MLE-bench's package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from mle_star.tasks import TaskSpec, load_task

LEADERBOARD = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0]
"""Scores of a competition's ten teams, best first: gold is 1, silver 2, bronze 4."""


def table(rows: int, first: int, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed + first)
    return pd.DataFrame(
        {
            "id": np.arange(first, first + rows),
            "size": rng.normal(size=rows).round(6),
            "colour": rng.choice(["red", "green"], rows),
        }
    )


def hide(
    folder: Path,
    target: str = "y",
    labels: str = "number",
    metric: str = "rmse",
    rows: int = 30,
    keyed: bool = True,
) -> Path:
    """Write ``folder`` with public and private parts; ``labels``: number, yes, animal or grade."""
    public, private = folder / "public", folder / "private"
    public.mkdir(parents=True)
    private.mkdir()
    tables = {"train": table(3 * rows, 0), "test": table(rows, 1000)}
    for t in tables.values():
        turn = (10 * t["size"]).round().astype(int)
        columns: dict[str, pd.Series] = {
            "number": 2 * t["size"] + 1,
            "yes": turn.mod(2).map({0: "yes", 1: "no"}),
            "animal": turn.mod(3).map({0: "cat", 1: "dog", 2: "emu"}),
            "grade": turn.mod(4) + 3,
        }
        t[target] = columns[labels]
    if not keyed:
        tables = {name: t.drop(columns="id") for name, t in tables.items()}
    tables["train"].to_csv(public / "train.csv", index=False)
    tables["test"].drop(columns=target).to_csv(public / "test.csv", index=False)
    answers = tables["test"][["id", target] if keyed else [target]]
    answers.to_csv(private / "answers.csv", index=False)
    (public / "task.toml").write_text(f'target = "{target}"\nmetric = "{metric}"\n')
    return folder


def spec_of(folder: Path) -> TaskSpec:
    return load_task(folder / "public")


def answers_of(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "private" / "answers.csv")


def install_mlebench(site: Path, competitions: list[str], lower_is_better: bool = True) -> None:
    """Write a package that has the same functions as MLE-bench's, with rmse as every metric."""
    package = site / "mlebench"
    package.mkdir(parents=True)
    scores = LEADERBOARD if lower_is_better else LEADERBOARD[::-1]
    for name in competitions:
        folder = package / "competitions" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text(f"id: {name}\n")
        pd.DataFrame({"score": scores}).to_csv(folder / "leaderboard.csv", index=False)
    (package / "__init__.py").write_text("")
    (package / "registry.py").write_text(_REGISTRY)
    (package / "data.py").write_text(_DATA)
    (package / "grade.py").write_text(_GRADE)


_REGISTRY = """
import logging
from pathlib import Path
from types import SimpleNamespace

logging.basicConfig(level=logging.INFO)


class Grader:
    name = "its-own-rmse"

    def is_lower_better(self, leaderboard):
        return bool(leaderboard["score"].iloc[0] < leaderboard["score"].iloc[-1])


class Registry:
    def __init__(self, data):
        self.data = data

    def get_competitions_dir(self):
        return Path(__file__).parent / "competitions"

    def set_data_dir(self, data):
        return Registry(data)

    def get_competition(self, name):
        private = self.data / name / "prepared" / "private"
        return SimpleNamespace(
            id=name, grader=Grader(), answers=private / "test.csv",
            leaderboard=self.get_competitions_dir() / name / "leaderboard.csv",
        )


registry = Registry(Path("nowhere"))
"""

_DATA = """
import pandas as pd


def get_leaderboard(competition):
    return pd.read_csv(competition.leaderboard)
"""

_GRADE = """
import logging
from types import SimpleNamespace

import pandas as pd

from mlebench.data import get_leaderboard


def rmse(submission, competition):
    guess, truth = pd.read_csv(submission), pd.read_csv(competition.answers)
    if list(guess.columns) != ["id", "y"]:
        raise ValueError("Submission must have the columns id and y")
    if (guess["y"] == 13).all():
        raise SystemError
    both = truth.merge(guess, on="id")
    return float(((both["y_x"] - both["y_y"]) ** 2).mean() ** 0.5)


def grade_csv(submission, competition):
    if not competition.answers.is_file():
        raise ValueError("Dataset is not prepared!")
    try:
        score = round(rmse(submission, competition), 5)
    except ValueError as error:
        logging.getLogger("mlebench.grade").warning(error)
        score = None
    board = get_leaderboard(competition)["score"]
    gold, silver, bronze = board[0], board[1], board[3]
    made = [score is not None and score <= limit for limit in (gold, silver, bronze)]
    return SimpleNamespace(
        score=score, gold_threshold=gold, silver_threshold=silver, bronze_threshold=bronze,
        median_threshold=board.median(), gold_medal=made[0], silver_medal=made[1] and not made[0],
        bronze_medal=made[2] and not made[1],
        above_median=score is not None and score < board.median(),
    )


def validate_submission(submission, competition):
    try:
        rmse(submission, competition)
    except Exception as error:
        return False, f"Submission invalid! It has resulted in:\\n{error}"
    return True, "Submission is valid."
"""
