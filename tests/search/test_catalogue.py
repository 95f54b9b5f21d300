from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from mle_star.search import Page
from mle_star.search.catalogue import CatalogueSearch, NoSearch

TREES = Page("Gradient boosted trees", "", "A model for tables: trees, one after another.")
FOREST = Page("Random forest", "", "A model for tables: trees side by side.")
RIDGE = Page("Ridge regression", "", "A linear model for tables with few rows.")
CATALOGUE = CatalogueSearch([TREES, FOREST, RIDGE])


def test_pages_that_share_rare_words_come_first() -> None:
    assert CATALOGUE.search("linear model", 3) == [RIDGE, TREES, FOREST]
    assert CATALOGUE.search("a random tree for my table", 2) == [FOREST, TREES]
    assert CATALOGUE.search("BOOSTED", 3) == [TREES]


def test_a_word_of_the_title_counts_twice() -> None:
    pages = [Page("a", "", "forest"), Page("forest", "", "a")]
    assert CatalogueSearch(pages).search("forest", 2) == pages[::-1]


def test_what_shares_no_word_is_no_result() -> None:
    assert CATALOGUE.search("TypeError in numpy", 3) == []
    assert CatalogueSearch([]).search("trees", 3) == []
    assert CATALOGUE.search("trees", 0) == CATALOGUE.search("trees", -1) == []


@settings(deadline=None)
@given(st.text(max_size=50), st.integers(0, 5))
def test_any_query_gives_distinct_pages_within_the_limit(query: str, limit: int) -> None:
    found = CATALOGUE.search(query, limit)
    assert len(found) == len(set(found)) <= limit
    assert found == CATALOGUE.search(query.upper().lower(), 5)[:limit] or not query.isascii()


def test_no_search_finds_nothing() -> None:
    assert NoSearch().name == "none"
    assert NoSearch().search("trees", 3) == []
