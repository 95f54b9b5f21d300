"""A client whose answers a test writes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from mle_star.engineer.llm import LLMEngineer
from mle_star.models.base import Reply, Request
from mle_star.search.base import Page, SearchFailed


class ScriptedClient:
    """Gives its answers in turn, the last one again and again; records what it was asked."""

    def __init__(self, *answers: str | Reply | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    def call(self, request: Request) -> Reply:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer if isinstance(answer, Reply) else Reply(answer, "test:model")

    @property
    def asked(self) -> list[str]:
        """The agents that were asked, in order."""
        return [request.messages[1].text.split("`")[1] for request in self.requests]

    def prompt(self, number: int = -1) -> str:
        """The first user message of a request."""
        return self.requests[number].messages[1].text


class ScriptedSearch:
    """Finds what a test says; records the queries."""

    def __init__(
        self, name: str = "tavily", find: Callable[[str], Sequence[Page]] | None = None
    ) -> None:
        self.name = name
        self.queries: list[str] = []
        self._find = find or (lambda query: [Page(query, f"https://a.example/{query}", "text")])

    def search(self, query: str, limit: int) -> list[Page]:
        self.queries.append(query)
        return list(self._find(query))[:limit]


def broken(query: str) -> Sequence[Page]:
    raise SearchFailed("the search is down")


def engineer(
    client: ScriptedClient, search: ScriptedSearch | None = None, tries: int = 2
) -> LLMEngineer:
    return LLMEngineer(client, search or ScriptedSearch("none"), tries=tries)


def python(code: str) -> str:
    return f"Here it is.\n\n```python\n{code}```\n"
