"""Where model cards come from: the web, or the built-in catalogue."""

from __future__ import annotations

from mle_star.search.base import Page, Search, SearchFailed
from mle_star.search.choice import make_search
from mle_star.search.cleaning import fenced

__all__ = ["Page", "Search", "SearchFailed", "fenced", "make_search"]
