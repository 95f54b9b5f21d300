"""Searches that ask nobody: in pages that are given, and not at all."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from mle_star.search.base import Page

_WORD = re.compile(r"[^\W_]+")


class CatalogueSearch:
    """Finds pages among given ones by the words they share with the query.

    A word counts by how few pages hold it (inverse document frequency), twice where it stands in
    the title. Pages that share no word with the query are no result.
    """

    name = "catalogue"

    def __init__(self, pages: Sequence[Page]) -> None:
        """Search these pages; among equals the earlier one comes first."""
        self._pages = [(page, _words(page.title), _words(page.text)) for page in pages]
        held = Counter(word for _, title, text in self._pages for word in title | text)
        self._weight = {word: math.log1p(len(pages) / count) for word, count in held.items()}

    def search(self, query: str, limit: int) -> list[Page]:
        """See :class:`mle_star.search.base.Search`; never fails."""
        asked = _words(query)
        scored = [
            (self._sum(asked & (title | text)) + self._sum(asked & title), page)
            for page, title, text in self._pages
        ]
        scored.sort(key=lambda pair: -pair[0])
        return [page for score, page in scored if score > 0][: max(limit, 0)]

    def _sum(self, words: set[str]) -> float:
        # Sorted, so that equal sets give equal sums to the last bit.
        return sum(self._weight[word] for word in sorted(words))


class NoSearch:
    """Finds nothing: the model goes by what it knows."""

    name = "none"

    def search(self, query: str, limit: int) -> list[Page]:
        """An empty list."""
        return []


def _words(text: str) -> set[str]:
    """Words in lower case, without the s of a plural."""
    found = (word.casefold() for word in _WORD.findall(text))
    return {word[:-1] if len(word) > 3 and word[-1] == "s" else word for word in found}
