from __future__ import annotations

import threading
from typing import Any

import pytest

from mle_star.errors import RunStopped, SettingsError
from mle_star.search import Page, SearchFailed
from mle_star.search.exclude import Exclusions
from mle_star.search.tavily import LONGEST_WAIT, SERVICE, TavilySearch
from tests.support.tavily import (
    CUT,
    DRIPPING,
    DROPPED,
    GARBAGE,
    SLOW,
    Fault,
    TavilyServer,
    odd,
    result,
    status,
)

KEY = "tvly-test-key-1"
TREES = result("Trees", "https://a.example/trees", "An excerpt.", raw="The whole page.")
LINES = result("Lines", "https://a.example/lines", "Only an excerpt.")
PAGES = [
    Page("Trees", "https://a.example/trees", "The whole page."),
    Page("Lines", "https://a.example/lines", "Only an excerpt."),
]


class Patience:
    """A sleep that only notes how long it was to be."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def patience() -> Patience:
    return Patience()


def searching(server: TavilyServer, patience: Patience, **terms: Any) -> TavilySearch:
    return TavilySearch(KEY, url=server.url, sleep=patience, **terms)


def test_pages_come_with_their_whole_text(patience: Patience) -> None:
    with TavilyServer([TREES, LINES], key=KEY) as server:
        assert searching(server, patience).search("best  trees", 5) == PAGES
        (asked,) = server.requests
    assert asked.key == KEY
    assert asked.body == {
        "query": "best trees",
        "max_results": 5,
        "include_raw_content": "markdown",
    }
    assert not patience.slept


def test_excluded_domains_are_passed_on_and_more_pages_asked_for(patience: Patience) -> None:
    with TavilyServer([TREES]) as server:
        search = searching(server, patience, exclude=Exclusions(["kaggle.com", "Some Name"]))
        search.search("q", 2)
        search.search("q", 30)
        first, second = server.requests
    assert first.body["exclude_domains"] == ["kaggle.com"]
    assert first.body["max_results"] > 2
    assert second.body["max_results"] == 20


def test_a_query_is_cut_to_what_the_service_takes(patience: Patience) -> None:
    with TavilyServer() as server:
        search = searching(server, patience)
        search.search("word " * 200, 1)
        search.search("x" * 1000, 1)
        assert [len(query) for query in server.queries] == [399, 400]


@pytest.mark.parametrize("key", ["", "  ", "\n"])
def test_no_key_is_refused_before_anything_is_sent(key: str, no_network: list[str]) -> None:
    with TavilyServer() as server:
        with pytest.raises(SettingsError, match="TAVILY_API_KEY"):
            TavilySearch(key, url=server.url)
        with pytest.raises(SettingsError, match="TAVILY_API_KEY"):
            TavilySearch(key)
        assert not server.requests
    assert not no_network


def test_a_mangled_key_is_refused_without_being_shown() -> None:
    with pytest.raises(SettingsError, match="TAVILY_API_KEY") as caught:
        TavilySearch("tvly-sécret key")
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://a.example", "a.example", "http://", "http://[x", "http://a b"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="search_url"):
        TavilySearch(KEY, url=url)


def test_the_public_service_is_the_default(no_network: list[str]) -> None:
    search = TavilySearch(KEY, tries=1)
    with pytest.raises(SearchFailed):
        search.search("q", 1)
    assert no_network == [f"look up {SERVICE.removeprefix('https://')}"]
    no_network.clear()


@pytest.mark.parametrize("code", [401, 403])
def test_a_wrong_key_is_for_a_person_to_mend(code: int, patience: Patience) -> None:
    with TavilyServer(fault=status(code, f"bad key {KEY}")) as server:
        with pytest.raises(SettingsError, match="TAVILY_API_KEY") as caught:
            searching(server, patience).search("q", 1)
        assert len(server.requests) == 1
    assert KEY not in str(caught.value)


def test_a_key_that_was_good_is_not_called_wrong(patience: Patience) -> None:
    with TavilyServer([TREES]) as server:
        search = searching(server, patience)
        search.search("q", 5)
        server.next(status(403, "blocked by the firewall"))
        with pytest.raises(SearchFailed, match="firewall"):
            search.search("Traceback <script>", 5)
        assert search.search("q", 5) == PAGES[:1]


def test_a_server_that_is_no_tavily_is_for_a_person_to_mend(patience: Patience) -> None:
    with TavilyServer() as server, pytest.raises(SettingsError, match="search_url"):
        TavilySearch(KEY, url=server.url + "/elsewhere", sleep=patience).search("q", 1)


@pytest.mark.parametrize(
    "fault",
    [
        *(status(429), status(500), status(503), status(204), DROPPED, CUT, GARBAGE),
        *(odd([1]), odd({"results": 3}), odd(None)),
    ],
)
def test_what_may_pass_is_tried_again(fault: Fault, patience: Patience) -> None:
    with TavilyServer([TREES, LINES]) as server:
        server.next(fault, fault)
        assert searching(server, patience).search("q", 5) == PAGES
        assert len(server.requests) == 3
    first, second = patience.slept
    assert 0 < first <= 2 <= second <= 4


@pytest.mark.parametrize("fault", [status(429, "slow down"), status(500), DROPPED, CUT, GARBAGE])
def test_what_does_not_pass_ends_the_search_alone(fault: Fault, patience: Patience) -> None:
    with TavilyServer([TREES], fault=fault) as server:
        search = searching(server, patience)
        with pytest.raises(SearchFailed, match="did not work"):
            search.search("q", 5)
        assert len(server.requests) == 3
        server.fault = None
        assert search.search("q", 5) == PAGES[:1]


@pytest.mark.parametrize("code", [400, 432, 433, 418])
def test_what_no_wait_can_mend_is_not_tried_again(code: int, patience: Patience) -> None:
    with TavilyServer(fault=status(code, "used up \x1b[31m")) as server:
        with pytest.raises(SearchFailed, match=rf"HTTP {code}.*used|HTTP 418") as caught:
            searching(server, patience).search("q", 5)
        assert len(server.requests) == 1
    assert str(caught.value).isprintable()


def test_the_service_says_how_long_to_wait(patience: Patience) -> None:
    with TavilyServer([TREES]) as server:
        server.next(status(429, retry_after="7"), status(429, retry_after="86400"))
        searching(server, patience).search("q", 5)
        server.next(status(429, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"))
        searching(server, patience).search("q", 5)
    assert patience.slept[:2] == [7, LONGEST_WAIT]
    assert 0 < patience.slept[2] <= 2


@pytest.mark.parametrize("fault", [SLOW, DRIPPING])
def test_an_answer_that_does_not_end_is_given_up(fault: Fault, patience: Patience) -> None:
    with TavilyServer(fault=fault) as server:
        search = searching(server, patience, timeout=0.2, tries=2)
        with pytest.raises(SearchFailed, match=r"0\.2"):
            search.search("q", 5)
        assert len(server.requests) == 2
        assert len(patience.slept) == 1


@pytest.mark.parametrize("fault", [SLOW, DRIPPING])
def test_a_stop_does_not_wait_for_the_answer(fault: Fault, patience: Patience) -> None:
    stopping = threading.Event()
    with TavilyServer(fault=fault) as server:
        search = searching(server, patience, stopping=stopping)

        def stop() -> None:
            server.arrived.wait(20)
            stopping.set()

        threading.Thread(target=stop).start()
        with pytest.raises(RunStopped):
            search.search("q", 5)  # would take 45 s
        assert not server.closing.is_set()
        with pytest.raises(RunStopped):
            search.search("q", 5)
        assert len(server.requests) == 1


def test_a_stop_ends_the_wait_between_tries() -> None:
    stopping = threading.Event()
    with TavilyServer(fault=status(429, retry_after="60")) as server:
        search = TavilySearch(KEY, url=server.url, stopping=stopping)
        threading.Timer(0.3, stopping.set).start()
        with pytest.raises(RunStopped):
            search.search("q", 5)
        assert len(server.requests) == 1


def test_results_of_another_form_are_passed_over(patience: Patience) -> None:
    strange: list[Any] = [
        None,
        "text",
        {},
        {"title": 3, "url": "u", "content": "c"},
        {"title": None, "url": "https://a.example/", "content": "kept", "raw_content": None},
        {"title": "empty", "url": "https://a.example/", "content": "  "},
    ]
    with TavilyServer(lambda body: {"results": strange}) as server:
        pages = searching(server, patience).search("q", 5)
    assert pages == [Page("https://a.example/", "https://a.example/", "kept")]


def test_no_proxy_stands_before_this_machine(
    patience: Patience, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with TavilyServer([TREES]) as server:
        assert searching(server, patience, tries=1).search("q", 5) == PAGES[:1]
