"""The sandbox levels that tests run over, and why one is left out on this machine."""

from __future__ import annotations

import sys

import pytest

from mle_star.execution.cages import canary
from tests.execution import running

CAGES = ("landlock", "bubblewrap")
"""Levels that hold files, network and processes in."""
LOCAL = ("process", *CAGES)


def need(level: str) -> None:
    """Skip the test when a level can't be had here, saying why."""
    if level in CAGES and (said := canary.failure(level, sys.executable)):
        pytest.skip(f"{level} can't be had here: {said}")


@pytest.fixture(params=LOCAL)
def level(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each local level in turn; ``running.run`` uses it."""
    need(request.param)
    monkeypatch.setattr(running, "LEVEL", request.param)
    return str(request.param)


@pytest.fixture(params=CAGES)
def cage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each level that holds scripts in; ``running.run`` uses it."""
    need(request.param)
    monkeypatch.setattr(running, "LEVEL", request.param)
    return str(request.param)
