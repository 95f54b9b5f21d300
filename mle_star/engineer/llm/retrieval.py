"""The retriever: queries made from the task, pages read, model cards dealt to the solutions."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from typing import Any

from mle_star.engineer.asides import say
from mle_star.engineer.base import Brief, ModelCard
from mle_star.engineer.llm.answers import Cards, Queries
from mle_star.engineer.llm.parsing import parse
from mle_star.engineer.llm.text import Unusable
from mle_star.errors import NoAnswer
from mle_star.models.base import WalletEmpty
from mle_star.search.base import Page, Search, SearchFailed
from mle_star.search.cleaning import fenced

QUERIES = 4
"""Most queries of a run."""
PAGES_PER_QUERY = 4
MOST_PAGES = 10
"""Most pages that the model reads."""
KNOWN = 12
"""Models of the built-in catalogue that are named where the web is not searched."""


class Retriever:
    """Finds the model cards of a run once, and deals them to its solutions."""

    def __init__(self, ask: Callable[..., Any], search: Search, exclude: Sequence[str]) -> None:
        """Ask models by ``ask(agent, brief, read, schema, **values)``, the web by ``search``."""
        self._ask = ask
        self._search = search
        self._exclude = list(exclude)
        self._lock = threading.Lock()
        self._found: list[ModelCard] | None = None
        self._failure: NoAnswer | None = None

    def cards(self, brief: Brief, count: int, solution: int, solutions: int) -> list[ModelCard]:
        """The cards of one solution: every ``solutions``-th, so that each starts differently.

        Raises:
            NoAnswer: the model named no model that can be used.
        """
        with self._lock:  # the branch that comes first asks; the others wait for its answer
            if self._failure is not None:
                raise self._failure
            if self._found is None:
                try:
                    self._found = self._retrieve(brief, count * solutions)
                except NoAnswer as failure:
                    self._failure = failure
                    raise
        dealt = self._found[solution::solutions][:count]
        if not dealt:  # fewer cards than solutions: better the same start than none
            dealt = self._found[:count]
        return dealt

    def _retrieve(self, brief: Brief, count: int) -> list[ModelCard]:
        pages, known = self._look_up(brief)

        def read(text: str) -> list[ModelCard]:
            cards = distinct(
                ModelCard(c.name, c.reason, c.example, tuple(c.sources))
                for c in parse(text, Cards).cards
            )
            if not cards:
                raise Unusable("no model is named; give at least one card with a name")
            return cards[:count]

        found: list[ModelCard] = self._ask(
            "retrieve",
            brief,
            read,
            Cards,
            count=count,
            pages=fenced(pages) if pages else "",
            known=known,
        )
        return found

    def _look_up(self, brief: Brief) -> tuple[list[Page], list[str]]:
        """Pages of the web; or, where it is not searched, the names of the built-in catalogue."""
        if self._search.name == "none":
            return [], []
        if self._search.name == "catalogue":
            from mle_star.engineer.playbook import PlaybookEngineer

            cards = PlaybookEngineer().retrieve(brief, KNOWN, 0, 1)
            return [], [f"{card.name}: {card.reason}" for card in cards]
        pages: dict[str, Page] = {}
        for query in self._queries(brief):
            try:
                for page in self._search.search(query, PAGES_PER_QUERY):
                    pages.setdefault(page.url or page.title, page)
            except SearchFailed as failed:
                # Without results the model still has its own knowledge.
                say(f"A search for models failed: {failed}")
        return list(pages.values())[:MOST_PAGES], []

    def _queries(self, brief: Brief) -> list[str]:
        def read(text: str) -> list[str]:
            queries = [q.strip()[:300] for q in parse(text, Queries).queries if q.strip()]
            if not queries:
                raise Unusable("no query is given; give at least one")
            return queries[:QUERIES]

        try:
            found: list[str] = self._ask(
                "queries", brief, read, Queries, count=QUERIES, exclude=self._exclude
            )
        except WalletEmpty:
            raise
        except NoAnswer:
            return [plain_query(brief)]
        return found


def plain_query(brief: Brief) -> str:
    """A query by rule, for when the model gave none."""
    task = brief.task
    text = any(column.kind == "text" for column in brief.profile.columns)
    data = "text" if text else "tabular"
    return f"best models for {data} {task.kind} {task.metric.replace('_', ' ')} python example"


def distinct(cards: Any) -> list[ModelCard]:
    """The cards without those whose name says the same as an earlier one."""
    seen: dict[str, ModelCard] = {}
    for card in cards:
        name = re.sub(r"[^a-z0-9]", "", re.sub(r"(classifier|regressor)", "", card.name.lower()))
        seen.setdefault(name or card.name, card)
    return list(seen.values())
