"""Which search a run uses."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from mle_star.context import DEFAULT_MODEL, Settings
from mle_star.errors import SettingsError
from mle_star.models.client import ANSWERS
from mle_star.models.providers import parse_model
from mle_star.roles import for_role
from mle_star.search.base import Page, Search
from mle_star.search.catalogue import CatalogueSearch, NoSearch
from mle_star.search.curated import CuratedSearch, Recording, Replaying
from mle_star.search.exclude import Exclusions
from mle_star.search.grounded import Asking, GroundedSearch
from mle_star.search.memory import SearchMemory
from mle_star.search.tavily import KEY, TavilySearch


def make_search(
    settings: Settings,
    *,
    client: Asking | None = None,
    stopping: threading.Event | None = None,
    folder: Path | None = None,
    catalogue: Sequence[Page] = (),
    environ: Mapping[str, str] | None = None,
    recorder: Recording | None = None,
    replay: Replaying | None = None,
) -> Search:
    """The search that the settings name; nothing is sent yet.

    Args:
        settings: ``search``, ``search_url``, ``search_exclude`` and the models.
        client: takes requests to models, for Google's search; its ``recorder`` and ``replay``, if
            it has any, are used where none is given.
        stopping: set when the run is to stop.
        folder: the run folder, in which results are remembered; None remembers them in memory.
        catalogue: pages of the built-in catalogue.
        environ: where the key is looked up; by default the environment of this process.
        recorder: takes searches down. Those by Google are requests to a model: the client does it.
        replay: answers in place of the web; no key is needed then.

    Raises:
        SettingsError: the key is missing, Google's search has no Gemini, or the address is none.
        RunError: the file of results in the run folder is damaged.
    """
    environ = os.environ if environ is None else environ
    recorder = recorder or getattr(client, "recorder", None)
    replay = replay or getattr(client, "replay", None)
    exclude = Exclusions(settings.search_exclude)
    name = chosen(settings, environ, replay)
    if name == "none":
        return NoSearch()
    if name == "catalogue":
        return CuratedSearch(CatalogueSearch(catalogue), exclude, trusted=True)
    if name == "google":
        return CuratedSearch(GroundedSearch(_gemini(settings, client), exclude), exclude)
    # In a replay nothing is sent, whatever the key.
    key = environ.get(KEY, "") if replay is None else "replay"
    source = TavilySearch(key, url=settings.search_url, exclude=exclude, stopping=stopping)
    memory = SearchMemory(folder / ANSWERS if folder is not None else None)
    return CuratedSearch(source, exclude, memory=memory, recorder=recorder, replay=replay)


def chosen(settings: Settings, environ: Mapping[str, str], replay: Replaying | None = None) -> str:
    """The name of the search: ``auto`` decided by the recording, else by the key."""
    if settings.search != "auto":
        return settings.search
    if replay is not None and "tavily" in getattr(replay, "sources", ()):
        return "tavily"
    return "tavily" if environ.get(KEY, "").strip() else "catalogue"


def _gemini(settings: Settings, client: Asking | None) -> Asking:
    model = for_role("retrieve", settings.models) or settings.model or DEFAULT_MODEL
    if client is None or parse_model(model)[0] != "google_genai":
        who = f"the agent retrieve asks {model}" if client is not None else "no model is asked"
        raise SettingsError(
            f"search=google needs a Gemini, but {who}: set models to "
            f"retrieve={DEFAULT_MODEL}, or choose search=tavily or search=catalogue."
        )
    return client
