"""Predictions that are read once."""

from __future__ import annotations

import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mle_star.nodes import kept
from mle_star.nodes.kept import KeptPredictions
from mle_star.scoring import Predictions, Problem
from mle_star.scoring.soft import Soft


def predicted(rows: int, *, soft: bool = False) -> Predictions:
    frame = pd.DataFrame({"price": np.arange(float(rows))})
    behind = Soft(np.zeros((rows, 3)), np.zeros((rows, 3))) if soft else None
    return Predictions(frame, frame, soft=behind)


class Reader:
    """Stands in for reading; counts how often each folder was read."""

    def __init__(self, **found: Predictions | Problem) -> None:
        self.found = found
        self.asked: list[str] = []

    def __call__(self, spec: Any, view: Any, final: Path) -> Predictions | Problem:
        self.asked.append(final.name)
        return self.found[final.name]


VIEW: Any = SimpleNamespace(digest="search")
OTHER: Any = SimpleNamespace(digest="part")
SPEC: Any = None


@pytest.fixture
def reader(monkeypatch: pytest.MonkeyPatch) -> Reader:
    made = Reader(a=predicted(5), b=predicted(5, soft=True), c=predicted(9), bad=Problem("empty"))
    monkeypatch.setattr(kept, "read_predictions", made)
    return made


def test_what_was_read_is_not_read_again(reader: Reader) -> None:
    store = KeptPredictions()
    first = store.read(SPEC, VIEW, Path("a"))
    assert store.read(SPEC, VIEW, Path("a")) is first is reader.found["a"]
    assert reader.asked == ["a"]
    store.read(SPEC, OTHER, Path("a"))
    assert reader.asked == ["a", "a"], "another view has other rows"


def test_what_can_not_be_used_is_looked_at_anew(reader: Reader) -> None:
    store = KeptPredictions()
    assert isinstance(store.read(SPEC, VIEW, Path("bad")), Problem)
    reader.found["bad"] = predicted(5)
    assert isinstance(store.read(SPEC, VIEW, Path("bad")), Predictions)


@pytest.mark.parametrize(
    ("cells", "asked"),
    [
        (100, ["a", "b", "c"]),
        (60, ["a", "b", "c", "a"]),  # 10 + 40 + 18 values; the oldest goes
        (20, ["a", "b", "c", "a", "b", "c"]),
        (1, ["a", "b", "c", "a", "b", "c"]),  # the newest is kept, however large
    ],
)
def test_the_oldest_make_room(reader: Reader, cells: int, asked: list[str]) -> None:
    store = KeptPredictions(cells)
    for name in ("a", "b", "c"):
        store.read(SPEC, VIEW, Path(name))
        store.read(SPEC, VIEW, Path(name))
    for name in ("a", "b", "c"):
        store.read(SPEC, VIEW, Path(name))
    assert reader.asked[: len(asked)] == asked


def test_what_was_used_last_is_kept(reader: Reader) -> None:
    store = KeptPredictions(35)
    for name in ("a", "c", "a"):
        store.read(SPEC, VIEW, Path(name))
    reader.found["d"] = predicted(4)
    for name in ("d", "a"):
        store.read(SPEC, VIEW, Path(name))
    assert reader.asked == ["a", "c", "d"], "c made room, not a"


def test_threads_share_what_is_kept(reader: Reader) -> None:
    store, found = KeptPredictions(), []
    threads = [
        threading.Thread(target=lambda: found.append(store.read(SPEC, VIEW, Path("a"))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(one is reader.found["a"] for one in found)
    assert len(found) == 8
