"""A task that scripts answer in milliseconds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.tasks import slope_task


@pytest.fixture(scope="session")
def task(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task folder with y = 3 x + noise."""
    return slope_task(tmp_path_factory.mktemp("tasks") / "slope")
