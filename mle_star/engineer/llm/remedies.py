"""Looking an error up before a script is repaired."""

from __future__ import annotations

import re

from mle_star.engineer.asides import say
from mle_star.search.base import Search, SearchFailed
from mle_star.search.cleaning import fenced

WEB = ("tavily", "google")
"""Sources that know about errors; the catalogue knows models alone."""
PAGES = 3
OWN = frozenset(
    {
        "SyntaxError",
        "IndentationError",
        "NameError",
        "UnboundLocalError",
        "KeyError",
        "IndexError",
        "FileNotFoundError",
        "ZeroDivisionError",
        "AssertionError",
        "MemoryError",
    }
)
"""Slips of the script itself, which no page explains better than the traceback."""

_LAST = re.compile(r"^(?:[\w.]+\.)?(\w*(?:Error|Exception|Warning)): (.{10,})$", re.MULTILINE)
_FRAME = re.compile(r"site-packages/(\w+)/")


def remedies(search: Search, error: str) -> str:
    """Fenced pages about an error that came out of a library; empty where nothing was looked up.

    Only errors raised inside an installed package are searched for: there versions and options
    matter, which a model may remember wrongly. Paths and values of the data are left out of the
    query.
    """
    if search.name not in WEB:
        return ""
    packages, found = _FRAME.findall(error), _LAST.findall(error)
    if not packages or not found or found[-1][0] in OWN:
        return ""
    kind, message = found[-1]
    # What stands in quotes and the numbers come from the user's data.
    message = re.sub(r"'[^']*'|\"[^\"]*\"|/\S+|\d[\d.,]*", " ", message)
    query = " ".join(f"{packages[-1]} {kind} {message}".split())[:200]
    try:
        pages = search.search(query, PAGES)
    except SearchFailed as failed:
        say(f"A search for an error failed: {failed}")
        return ""
    return fenced(pages) if pages else ""
