"""Small task folders for the tests of this room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd


def rows(count: int, first: int = 0, seed: int = 0) -> pd.DataFrame:
    """Features: an id, a number, a category, a text."""
    rng = np.random.default_rng(seed + first)
    return pd.DataFrame(
        {
            "id": np.arange(first, first + count),
            "size": rng.normal(size=count).round(7),
            "colour": rng.choice(["red", "green", "blue"], count),
        }
    )


def write(folder: Path, **files: pd.DataFrame | str) -> Path:
    """Write tables as csv and texts as they are; ``train`` is train.csv, ``description`` its md."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        if isinstance(content, pd.DataFrame):
            content.to_csv(folder / f"{name}.csv", index=False)
        else:
            suffix = "toml" if name == "task" else "md"
            (folder / f"{name}.{suffix}").write_text(content)
    return folder


def price_task(folder: Path, count: int = 60, test_count: int = 20) -> Path:
    """Regression with an id, a sample submission and a description."""
    train, test = rows(count), rows(test_count, first=10_000)
    train["price"] = (3 * train["size"] + 10).round(6)
    sample = pd.DataFrame({"id": test["id"], "price": 1.5})
    return write(
        folder,
        train=train,
        test=test,
        sample_submission=sample,
        description="# Task\n\nPredict the price.\n\n# Metric\n\nrmse (lower is better)\n",
    )


def churn_task(folder: Path, count: int = 60, test_count: int = 20) -> Path:
    """Binary classification with text labels and no sample submission."""
    train, test = rows(count), rows(test_count, first=10_000)
    train["churn"] = np.where(np.arange(count) % 3 == 0, "yes", "no")
    return write(folder, train=train, test=test, description="Judged by area under the ROC curve.")


def animal_task(folder: Path, count: int = 90, test_count: int = 20) -> Path:
    """Three classes, one probability column per class."""
    train, test = rows(count), rows(test_count, first=10_000)
    train["animal"] = np.resize(["dog", "cat", "cat", "bird"], count)
    sample = pd.DataFrame({"id": test["id"], "dog": 0.5, "bird": 0.2, "cat": 0.3})
    return write(
        folder,
        train=train,
        test=test,
        sample_submission=sample,
        description="Submissions are evaluated with multi-class log loss.",
    )


def hourly_task(folder: Path, count: int = 700, test_count: int = 48) -> Path:
    """Numbers in time order, given as calendar columns; rows are shuffled in train."""
    hours = pd.date_range("2020-01-01", periods=count + test_count, freq="h")
    table = pd.DataFrame(
        {
            "id": np.arange(len(hours)),
            "year": hours.year,
            "month": hours.month,
            "day": hours.day,
            "hour": hours.hour,
            "load": np.arange(len(hours)) * 1.0,
        }
    )
    train = table.iloc[:count].sample(frac=1, random_state=0)
    test = table.iloc[count:].drop(columns="load")
    return write(folder, train=train, test=test, description="Predict `load`; metric: MAE.")
