from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mle_star.search import Page
from mle_star.search.exclude import Exclusions

EXCLUDED = Exclusions(["https://www.Kaggle.com/c/x", "*.münchen.de", "Spaceship Titanic", "", "--"])


def test_entries_are_sorted_into_domains_and_names() -> None:
    assert EXCLUDED.domains == ("kaggle.com", "münchen.de")
    assert EXCLUDED.names == ("spaceshiptitanic",)
    assert EXCLUDED
    assert not Exclusions(["", "  "])


@pytest.mark.parametrize(
    "url",
    [
        "https://kaggle.com/a",
        "http://www.KAGGLE.com:443/a",
        "https://storage.kaggle.com./a",
        "https://user@kaggle.com/a",
        "https://web.archive.org/web/2020/https://www.kaggle.com/a",
        "https://r.example/?to=https%3A%2F%2Fwww.kaggle.com%2Fa",
        "https://r.example/?to=https%253A%252F%252Fwww.kaggle%252Ecom%252Fa",
        "https://xn--mnchen-3ya.de/a",
        "https://a.münchen.de/",
        "https://[bad/kaggle.com",
    ],
)
def test_pages_of_an_excluded_domain_are_dropped(url: str) -> None:
    assert EXCLUDED.reason(Page("t", url, "text")).startswith("comes from ")


@pytest.mark.parametrize(
    "url",
    [
        "https://notkaggle.com/",
        "https://kaggle.com.example.org/",
        "https://kaggle.community/",
        "https://a.example/kaggle",
        "",
    ],
)
def test_other_domains_stay(url: str) -> None:
    assert not EXCLUDED.reason(Page("t", url, "A page that names kaggle.com in passing."))


def test_a_title_that_is_the_domain_counts_as_its_origin() -> None:
    page = Page("kaggle.com", "https://redirect.example/abc", "text")
    assert EXCLUDED.reason(page) == "comes from kaggle.com"


NAMES = [
    "spaceship titanic",
    "SPACESHIP-TITANIC",
    "spaceship_titanic",
    "SpaceshipTitanic",
    "“Spaceship”, Titanic",
    "spåceship titanic",
    "ｓｐａｃｅｓｈｉｐ titanic",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_found_however_it_is_written(name: str) -> None:
    for page in (
        Page(f"The {name} notebook", "", "x"),
        Page("t", f"https://a.example/{name}/1", "x"),
        Page("t", "", f"... in {name}: a solution"),
    ):
        assert EXCLUDED.reason(page) == "speaks of spaceshiptitanic"
    assert EXCLUDED.strike(f"best model for {name} data") in (
        "best model for data",
        "best model for “ data",
    )


@pytest.mark.parametrize("text", ["spaceship titanics", "myspaceship titanic", "titanic", "ship"])
def test_a_name_is_not_found_within_longer_words(text: str) -> None:
    assert not EXCLUDED.reason(Page("t", "", text))
    assert EXCLUDED.strike(text) == text


def test_domains_are_struck_from_queries() -> None:
    query = "site:www.kaggle.com/c/a best model kaggle.com notkaggle.com"
    assert EXCLUDED.strike(query) == "best model notkaggle.com"


def test_allowed_keeps_the_order_of_the_rest() -> None:
    pages = [Page("a", "", "x"), Page("b", "https://kaggle.com/", "x"), Page("c", "", "x")]
    assert EXCLUDED.allowed(pages) == [pages[0], pages[2]]
    assert Exclusions().allowed(pages) == pages


words = st.lists(st.sampled_from(["spaceship", "titanic", "TITANIC", "-", "é", "é", "ß"]))


@settings(deadline=None)
@given(words.map(" ".join) | st.text(max_size=60))
@example("spaceship spaceship titanic titanic")
def test_nothing_excluded_is_left_in_a_query(query: str) -> None:
    struck = EXCLUDED.strike(query)
    assert EXCLUDED.strike(struck) == struck
    assert not EXCLUDED.reason(Page("", "", struck))


@settings(deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_no_page_makes_it_raise(title: str, url: str) -> None:
    EXCLUDED.reason(Page(title, url, title + url))
