from __future__ import annotations

from tests.execution.levels import cage, level

__all__ = ["cage", "level"]
