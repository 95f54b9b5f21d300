from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def plots() -> None:
    """Here plots are drawn."""
