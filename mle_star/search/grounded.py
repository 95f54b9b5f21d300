"""Letting Gemini search the web itself, and making pages of what it reports."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Protocol
from urllib.parse import urlsplit

from mle_star.errors import NoAnswer
from mle_star.models.base import Message, Reply, Request, Source
from mle_star.search.base import Page, SearchFailed
from mle_star.search.exclude import Exclusions

PROMPT = """\
Search the web for this and report what the pages say:

{query}

Report at most {limit} pages, the most useful first. Begin each with a line `## ` and the page's \
title, then a line with its address and nothing else, then what it says on the matter in up to 200 \
words, with its code examples in blocks between lines of ```. Report only what you found there.\
"""
WITHOUT = "\nLeave these sites out: add {sites} to everything you search for."
AGAIN = (
    "Some of these pages may not be used. Search again and report other pages instead, "
    "from other sites."
)

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ADDRESS = re.compile(r"\W*?(https?://[^\s)>\]]++)\W*")


class Asking(Protocol):
    """Whoever takes requests to models, such as :class:`mle_star.models.client.Client`."""

    def call(self, request: Request) -> Reply:
        """The answer to a request."""


class GroundedSearch:
    """Gemini's own search. Pages are what the model reports of them.

    The report can't be traced to its pages word by word, so one that rests on any excluded page is
    dropped as a whole.
    """

    name = "google"

    def __init__(self, client: Asking, exclude: Exclusions | None = None) -> None:
        """Ask by ``client``, whose model for ``retrieve`` must be a Gemini."""
        self._client = client
        self._exclude = exclude or Exclusions()

    def search(self, query: str, limit: int) -> list[Page]:
        """See :class:`mle_star.search.base.Search`; what a call costs goes on the client's bill."""
        text = PROMPT.format(query=query, limit=limit)
        if self._exclude.domains:
            sites = " ".join(f"-site:{domain}" for domain in self._exclude.domains)
            text += WITHOUT.format(sites=sites)
        messages = (Message("user", text),)
        reply = self._ask(messages)
        if self._banned(reply):
            reply = self._ask((*messages, Message("assistant", reply.text), Message("user", AGAIN)))
            if self._banned(reply):
                raise SearchFailed(
                    "The web search did not work: its report rests on excluded pages."
                )
        return self._pages(reply, query)[:limit]

    def _ask(self, messages: tuple[Message, ...]) -> Reply:
        request = Request("retrieve", messages, grounded=True, phase="retrieve")
        try:
            reply = self._client.call(request)
        except NoAnswer as error:
            raise SearchFailed(f"The web search did not work: {error}") from error
        if reply.finish == "refused" or not reply.text.strip():
            raise SearchFailed("The web search did not work: the model gave no report.")
        return reply

    def _banned(self, reply: Reply) -> bool:
        # A source's address leads through Google; its title names the site.
        return any(self._exclude.reason(Page(s.title, s.url, "")) for s in reply.sources)

    def _pages(self, reply: Reply, query: str) -> list[Page]:
        """The pages of a report; the whole of it as one page where it has another form."""
        sections = list(_sections(reply.text))
        if not sections:
            first = reply.sources[0].url if reply.sources else ""
            return [Page(f"Search report: {query}", first, reply.text)]
        pages = []
        for title, lines in sections:
            found = _ADDRESS.fullmatch(lines[0]) if lines else None
            claimed = found[1].rstrip("*_.,;") if found else ""
            page = Page(title, claimed, "\n".join(lines[1:] if found else lines).strip())
            # Models make addresses up; where to is still a reason to leave the page out.
            if page.text and not self._exclude.reason(page):
                url = claimed if _is_source(claimed, reply.sources) else ""
                pages.append(replace(page, url=url))
        return pages


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    """Title and lines that follow, for each ``## `` outside code."""
    title, lines, fence = "", list[str](), ""
    for line in text.splitlines():
        mark = _FENCE.match(line)
        if mark and not fence:
            fence = mark[1]
        elif mark and mark[1].startswith(fence):
            fence = ""
        if line.startswith("## ") and not fence:
            if title:
                yield title, lines
            title, lines = line[3:].strip() or "untitled", []
        elif line.strip() or lines:
            lines.append(line)
    if title:
        yield title, lines


def _is_source(url: str, sources: Sequence[Source]) -> bool:
    """Whether the search met the site of an address."""
    try:
        host = (urlsplit(url).hostname or "").removeprefix("www.")
    except ValueError:
        return False
    return bool(host) and any(host in f"{s.title} {s.url}".lower() for s in sources)
