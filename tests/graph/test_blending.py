"""The numeric blend of a run: what is averaged, and what follows on the average."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mle_star.engineer import ModelCard
from mle_star.errors import NoAnswer
from tests.support.engineers import ScriptedEngineer
from tests.support.runs import Finished, run


def blended(task: Path, *slopes: float) -> Finished:
    """A run that averages scripts which predict the given multiples of x; the answer is 3."""

    def no_answer(*_: Any) -> Any:
        raise NoAnswer("nothing to merge")

    engineer = ScriptedEngineer(
        retrieve=lambda *_: [ModelCard(f"slope {slope}", "fits", "") for slope in slopes],
        merge=no_answer,
    )
    return run(task, engineer, num_candidates=len(slopes), outer_steps=0, ensemble_rounds=0)


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> None:
    """The average of both scripts is taken, though the better one alone scores better."""
    from mle_star.scoring import average_blend

    monkeypatch.setattr("mle_star.nodes.ensemble.greedy_blend", average_blend)


@pytest.mark.usefixtures("both")
def test_an_average_that_is_too_flat_is_stretched(task: Path) -> None:
    done = blended(task, 2.7, 2.8)
    (event,) = done.of("blended")
    assert event["sharpened"] > 1.05
    assert done.best["phase"] == "blend"
    assert "SHARPEN" in done.script(done.best)
    singles = [t["score"]["value"] for t in done.values["trials"] if t["phase"] == "write"]
    assert done.best["score"] is not None
    assert done.best["score"]["value"] < min(singles)


@pytest.mark.usefixtures("both")
def test_one_that_is_right_stays(task: Path) -> None:
    done = blended(task, 2.5, 3.5)
    (event,) = done.of("blended")
    assert event["sharpened"] == 1.0
    assert "SHARPEN" not in done.script(done.best)
