"""Bootstraps of few draws: enough for most tests, and fast."""

from __future__ import annotations

import pytest

from mle_star.scoring import score


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(score, "DRAWS", 40)
