"""Where model cards come from: the web, or the built-in catalogue."""

from __future__ import annotations
