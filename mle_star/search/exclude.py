"""What no search result may come from or speak of, such as the competition that is being solved."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from urllib.parse import unquote

from mle_star.search.base import Page

_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]*[^\W_])?\.)+[^\W\d_]{2,}")
_WORD = re.compile(r"[^\W_]+")
_QUERY = 2_000
"""Most characters of a query that are looked at."""
_UNQUOTINGS = 3
"""Times an address within an address within an address is decoded."""


@dataclass(frozen=True)
class _Words:
    """The words of a text, run together without case, accents and punctuation."""

    letters: str
    starts: dict[int, int]
    """Offset of each word in ``letters`` -> its number; their length -> the number of words."""
    spans: tuple[tuple[int, int], ...]
    """Place of each word in the text."""

    def find(self, name: str) -> Iterator[tuple[int, int]]:
        """Runs of whole words (first, one past the last) that spell a name, however divided."""
        place = self.letters.find(name)
        while place >= 0:
            first, last = self.starts.get(place), self.starts.get(place + len(name))
            if first is not None and last is not None:
                yield first, last
            place = self.letters.find(name, place + 1)


class Exclusions:
    """Domains and names to keep out of queries and results.

    An entry such as ``kaggle.com`` (or an address there) is a domain and stands for its subdomains
    too. Anything else is a name: ``Spaceship Titanic`` is also met as ``spaceship-titanic`` and
    ``SpaceshipTitanic``, but not within longer words.
    """

    def __init__(self, entries: Iterable[str] = ()) -> None:
        """Sort entries into domains and names; empty ones are passed over."""
        domains: dict[str, None] = {}
        names: dict[str, None] = {}
        for entry in entries:
            domain = _domain(entry)
            name = "" if domain else _words(entry).letters
            if domain:
                domains[domain] = None
            elif name:
                names[name] = None
        self.domains: tuple[str, ...] = tuple(domains)
        self.names: tuple[str, ...] = tuple(names)
        """Without case, accents, spaces and punctuation."""
        forms = "|".join(re.escape(form) for domain in domains for form in _forms(domain))
        # Anywhere in an address, so that copies in archives and caches count as well.
        self._host = re.compile(rf"(?<![\w-])(?:{forms})(?!\.?[\w-])") if forms else None
        self._site = (
            re.compile(rf"(?:site:)?(?<![\w-])(?:[\w-]+\.)*(?:{forms})(?!\.?[\w-])(?:/\S*)?", re.I)
            if forms
            else None
        )

    def __bool__(self) -> bool:
        return bool(self.domains or self.names)

    def strike(self, query: str) -> str:
        """A query without excluded names and domains."""
        query = query[:_QUERY]
        if self._site:
            query = self._site.sub(" ", query)
        before = ""
        while query != before:  # what is left may spell a name anew
            before = query
            for name in self.names:
                words = _words(query)
                for first, last in reversed(list(words.find(name))):
                    start, end = words.spans[first][0], words.spans[last - 1][1]
                    query = f"{query[:start]} {query[end:]}"
        return " ".join(query.split())

    def reason(self, page: Page) -> str:
        """Why a page may not be used, in a few words; '' where it may."""
        if self._host:
            for text in (_unquoted(page.url), page.title):
                found = self._host.search(unicodedata.normalize("NFKC", text).casefold())
                if found:
                    return f"comes from {found.group()}"
        for text in (_unquoted(page.url), page.title, page.text) if self.names else ():
            words = _words(text)
            for name in self.names:
                if next(words.find(name), None):
                    return f"speaks of {name}"
        return ""

    def allowed(self, pages: Sequence[Page]) -> list[Page]:
        """The pages that may be used."""
        return [page for page in pages if not self.reason(page)]


def _domain(entry: str) -> str:
    """The domain an entry names; '' where it is a name."""
    text = unicodedata.normalize("NFKC", entry).strip().casefold()
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", text)
    host = re.split(r"[/?#:]", host, maxsplit=1)[0].removeprefix("*").strip(".")
    host = host.removeprefix("www.")
    return host if _DOMAIN.fullmatch(host) else ""


def _forms(domain: str) -> set[str]:
    """A domain as people and as name servers write it."""
    try:
        return {domain, domain.encode("idna").decode("ascii")}
    except UnicodeError:
        return {domain}


def _unquoted(url: str) -> str:
    for _ in range(_UNQUOTINGS):
        url = unquote(url)
    return url


def _words(text: str) -> _Words:
    spans, words = [], []
    for found in _WORD.finditer(text):
        plain = unicodedata.normalize("NFKD", found.group()).casefold()
        # Accents, and what else decomposing brings up that is no letter or digit.
        word = "".join(char for char in plain if char.isalnum())
        if word:
            words.append(word)
            spans.append(found.span())
    offsets = accumulate(map(len, words), initial=0)
    starts = {offset: number for number, offset in enumerate(offsets)}
    return _Words("".join(words), starts, tuple(spans))
