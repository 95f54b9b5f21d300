"""What a type checker knows of the Python API, which is what an editor completes from.

mypy checks this file (``make check``): ``assert_type`` fails where a type is another one, and
``type: ignore`` where there is no error to ignore. Nothing of it is run.
"""

from __future__ import annotations

from pathlib import Path
from typing import assert_type, get_type_hints

import pandas as pd

import mle_star
from mle_star import FinalScore, Result
from mle_star.events import Event, ScriptFinished


def solving() -> None:
    result = mle_star.solve(
        "task", preset="quick", time_budget=60, models={"code": "openai:gpt-4.1"}, mlflow="x"
    )
    assert_type(result, Result)
    assert_type(mle_star.resume("run", time_budget=3600), Result)
    mle_star.solve("task", preset="slow")  # type: ignore[arg-type]
    mle_star.solve("task", time_budged=60)  # type: ignore[call-arg]
    mle_star.solve("task", seed="one")  # type: ignore[arg-type]
    mle_star.resume("run", context=mle_star.Context())  # type: ignore[call-arg]


def reading(result: Result) -> None:
    assert_type(result.score, FinalScore | None)
    assert_type(result.trials_frame, pd.DataFrame)
    assert_type(result.submission, Path | None)
    assert_type(result.predict("new.csv"), pd.DataFrame)
    assert_type(mle_star.load("run").events, list[Event])


def streaming() -> None:
    for item in mle_star.stream("task", num_solutions=2):
        assert_type(item, Event | Result)
        if isinstance(item, ScriptFinished):
            assert_type(item.score, float | None)


async def awaiting() -> None:
    assert_type(await mle_star.asolve("task", seed=1), Result)
    async for item in mle_star.astream("task"):
        assert_type(item, Event | Result)


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(mle_star.__file__).parent / "py.typed").is_file()
    for check in (solving, reading, streaming, awaiting):
        assert get_type_hints(check)["return"] is type(None)
