"""The retriever: one search for all solutions, cards dealt so that they start differently."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from mle_star.engineer.asides import hearing
from mle_star.engineer.llm import LLMEngineer
from mle_star.engineer.llm.retrieval import MOST_PAGES, plain_query
from mle_star.errors import NoAnswer
from mle_star.models.base import ModelUnavailable, Reply, Request, WalletEmpty
from mle_star.search.base import Page
from tests.engineer.llm.scripted import ScriptedClient, ScriptedSearch, broken, engineer
from tests.engineer.playbook.small import brief, column

BRIEF = brief()
QUERIES = json.dumps({"queries": ["a good query", "another query"]})


def cards(*names: str) -> str:
    return json.dumps({"cards": [{"name": name, "reason": "r", "example": "x"} for name in names]})


def test_queries_pages_cards() -> None:
    client, search = ScriptedClient(QUERIES, cards("Ridge", "Lasso")), ScriptedSearch()
    found = engineer(client, search).retrieve(BRIEF, 2, 0, 1)
    assert [card.name for card in found] == ["Ridge", "Lasso"]
    assert client.asked == ["queries", "retrieve"]
    assert search.queries == ["a good query", "another query"]
    assert "https://a.example/a good query" in client.prompt()
    assert {request.solution for request in client.requests} == {-1}, "asked for the whole run"
    assert {request.role for request in client.requests} == {"retrieve"}


def test_cards_are_dealt_to_the_solutions_in_turn_and_asked_for_once() -> None:
    client = ScriptedClient(cards("A", "B", "C", "D", "E"))
    lead = engineer(client)
    assert [card.name for card in lead.retrieve(BRIEF, 2, 0, 2)] == ["A", "C"]
    assert [card.name for card in lead.retrieve(BRIEF, 2, 1, 2)] == ["B", "D"]
    assert len(client.requests) == 1
    assert "4" in client.prompt(), "cards for both solutions"


def test_the_same_model_under_two_names_is_one_card() -> None:
    client = ScriptedClient(cards("LightGBM", "lightgbm", "Light-GBM", "LightGBMRegressor", "SVR"))
    found = engineer(client).retrieve(BRIEF, 4, 0, 1)
    assert [card.name for card in found] == ["LightGBM", "SVR"]


def test_a_solution_without_a_card_of_its_own_starts_like_the_first() -> None:
    lead = engineer(ScriptedClient(cards("A")))
    assert [card.name for card in lead.retrieve(BRIEF, 2, 1, 2)] == ["A"]


def test_parallel_branches_share_one_retrieval() -> None:
    started = threading.Event()

    class Slow(ScriptedClient):
        def call(self, request: Request) -> Reply:
            started.wait(5)
            return super().call(request)

    client = Slow(cards("A", "B"))
    lead = LLMEngineer(client, ScriptedSearch("none"))
    with ThreadPoolExecutor(4) as pool:
        futures = [pool.submit(lead.retrieve, BRIEF, 1, n % 2, 2) for n in range(4)]
        started.set()
        found = [[card.name for card in future.result(timeout=10)] for future in futures]
    assert found == [["A"], ["B"], ["A"], ["B"]]
    assert len(client.requests) == 1


def test_without_search_the_model_answers_from_what_it_knows() -> None:
    client = ScriptedClient(cards("A"))
    engineer(client, ScriptedSearch("none")).retrieve(BRIEF, 1, 0, 1)
    assert client.asked == ["retrieve"]
    assert "## Search results" not in client.prompt()
    assert "## Known models" not in client.prompt()


def test_the_catalogue_is_named_where_the_web_is_not_searched() -> None:
    client, search = ScriptedClient(cards("A")), ScriptedSearch("catalogue")
    engineer(client, search).retrieve(BRIEF, 1, 0, 1)
    assert client.asked == ["retrieve"]
    assert "## Known models" in client.prompt()
    assert "HistGradientBoosting" in client.prompt()
    assert not search.queries


def test_a_search_that_is_down_leaves_the_model_its_own_knowledge() -> None:
    client, said = ScriptedClient(QUERIES, cards("A")), list[str]()
    with hearing(said.append):
        found = engineer(client, ScriptedSearch(find=broken)).retrieve(BRIEF, 1, 0, 1)
    assert said == ["A search for models failed: the search is down"] * 2
    assert [card.name for card in found] == ["A"]
    assert "## Search results" not in client.prompt()


def test_without_queries_a_plain_one_is_made() -> None:
    client, search = ScriptedClient("nothing", "still nothing", cards("A")), ScriptedSearch()
    assert engineer(client, search).retrieve(BRIEF, 1, 0, 1)
    assert search.queries == [plain_query(BRIEF)]
    assert "rmse" in plain_query(BRIEF)
    assert "text" in plain_query(brief(columns=[column("note", "text", words=8.0)]))


def test_an_empty_wallet_is_not_hidden_by_the_plain_query() -> None:
    search = ScriptedSearch()
    with pytest.raises(WalletEmpty):
        engineer(ScriptedClient(WalletEmpty("spent")), search).retrieve(BRIEF, 1, 0, 1)
    assert not search.queries


def test_pages_that_come_twice_count_once_and_not_too_many_are_read() -> None:
    def find(query: str) -> list[Page]:
        return [Page(f"t{n}", f"https://a.example/{n}", f"text {n}") for n in range(4)]

    client = ScriptedClient(QUERIES, cards("A"))
    engineer(client, ScriptedSearch(find=find)).retrieve(BRIEF, 1, 0, 1)
    assert client.prompt().count("https://a.example/0") == 1

    def more(query: str) -> list[Page]:
        return [Page("t", f"https://a.example/{query}/{n}", "text") for n in range(4)]

    many = json.dumps({"queries": ["q1", "q2", "q3", "q4"]})
    client = ScriptedClient(many, cards("A"))
    engineer(client, ScriptedSearch(find=more)).retrieve(BRIEF, 1, 0, 1)
    assert client.prompt().count("https://a.example/") == MOST_PAGES


def test_a_failed_retrieval_is_not_paid_for_twice() -> None:
    client = ScriptedClient(ModelUnavailable("down"))
    lead = engineer(client)
    for solution in range(2):
        with pytest.raises(NoAnswer, match="down"):
            lead.retrieve(BRIEF, 1, solution, 2)
    assert len(client.requests) == 1


def test_cards_without_any_name_are_asked_for_again() -> None:
    client = ScriptedClient('{"cards": []}', cards("A"))
    assert engineer(client).retrieve(BRIEF, 1, 0, 1)
    assert len(client.requests) == 2
