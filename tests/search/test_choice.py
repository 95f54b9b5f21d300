from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from mle_star.context import Context, Settings, resolve
from mle_star.errors import RunStopped, SettingsError
from mle_star.models.base import Reply, Request
from mle_star.models.recording import Recorder, Replay
from mle_star.search import Page, Search, make_search
from mle_star.search.tavily import KEY
from tests.support.tavily import SLOW, TavilyServer, result

TREES = result("Trees", "https://a.example/trees", "They win.")
PAGE = Page("Trees", "https://a.example/trees", "They win.")
KAGGLE = result("Contest", "https://www.kaggle.com/c/x", "A notebook.")
WITH_KEY = {KEY: "tvly-test"}


class Client:
    """Answers every request with one report."""

    recorder: Recorder | None = None
    replay: Replay | None = None

    def call(self, request: Request) -> Reply:
        return Reply("## Report\nTrees win.", "google_genai:gemini-2.5-pro")


def settings(environ: dict[str, str] | None = None, **values: Any) -> Settings:
    return resolve(Context(**values), environ or {})


def test_auto_goes_by_the_key() -> None:
    assert make_search(settings(), environ=WITH_KEY).name == "tavily"
    assert make_search(settings(), environ={KEY: " "}).name == "catalogue"
    assert make_search(settings(), environ={}).name == "catalogue"
    assert make_search(settings(search="none"), environ=WITH_KEY).name == "none"
    assert make_search(settings(search="catalogue"), environ=WITH_KEY).name == "catalogue"


def test_the_environment_of_the_process_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert make_search(settings()).name == "catalogue"
    monkeypatch.setenv(KEY, "tvly-test")
    assert make_search(settings()).name == "tavily"


def test_tavily_without_a_key_is_refused_before_any_request(no_network: list[str]) -> None:
    with TavilyServer([TREES]) as server:
        for url in (server.url, ""):
            with pytest.raises(SettingsError, match=KEY):
                make_search(settings(search="tavily", search_url=url), environ={})
        assert not server.requests
    assert not no_network


def test_the_address_comes_from_the_environment_too(tmp_path: Path) -> None:
    with TavilyServer([KAGGLE, TREES], key="tvly-test") as server:
        outside = {"MLE_STAR_SEARCH_URL": server.url, "MLE_STAR_SEARCH_EXCLUDE": "kaggle.com, X Y"}
        search = make_search(settings(outside), environ=WITH_KEY, folder=tmp_path)
        assert search.search("x-y models", 5) == [PAGE]
        (asked,) = server.requests
    assert asked.body["query"] == "models"
    assert asked.body["exclude_domains"] == ["kaggle.com"]


def test_a_resumed_run_pays_no_search_twice(tmp_path: Path) -> None:
    with TavilyServer([TREES]) as server:
        chosen = settings(search_url=server.url)
        for _ in range(2):
            search = make_search(chosen, environ=WITH_KEY, folder=tmp_path)
            assert search.search("q", 5) == [PAGE]
        assert server.queries == ["q"]


def test_the_stop_event_reaches_the_search() -> None:
    stopping = threading.Event()
    with TavilyServer(fault=SLOW) as server:
        chosen = settings(search_url=server.url)
        search = make_search(chosen, environ=WITH_KEY, stopping=stopping)

        def stop() -> None:
            server.arrived.wait(20)
            stopping.set()

        threading.Thread(target=stop).start()
        with pytest.raises(RunStopped):
            search.search("q", 5)


def test_the_catalogue_is_searched_without_excluded_pages() -> None:
    pages = [Page("Trees", "", "if a<b and c>d: trees"), Page("My Contest", "", "trees")]
    chosen = settings(search="catalogue", search_exclude=["my contest"])
    assert make_search(chosen, catalogue=pages, environ={}).search("trees", 5) == pages[:1]


@pytest.mark.parametrize(
    "values",
    [
        {"model": "google_genai:gemini-2.5-pro"},
        {"model": "openai:gpt-4.1", "models": {"reading": "google_genai:gemini-2.5-flash"}},
        {"model": "openai:gpt-4.1", "models": {"retrieve": "google_genai:gemini-2.5-flash"}},
        {},
    ],
)
def test_google_searches_through_the_client(values: dict[str, Any]) -> None:
    search = make_search(settings(search="google", **values), client=Client(), environ={})
    assert search.name == "google"
    assert search.search("q", 5) == [Page("Report", "", "Trees win.")]


@pytest.mark.parametrize(
    ("values", "client"),
    [
        ({"model": "openai:gpt-4.1"}, Client()),
        (
            {"model": "google_genai:gemini-2.5-pro", "models": {"retrieve": "ollama:qwen3"}},
            Client(),
        ),
        ({"model": "google_genai:gemini-2.5-pro"}, None),
    ],
)
def test_google_needs_a_gemini(values: dict[str, Any], client: Client | None) -> None:
    with pytest.raises(SettingsError, match="Gemini"):
        make_search(settings(search="google", **values), client=client, environ={})


def recorded(folder: Path) -> Path:
    path = folder / "traffic.jsonl"
    client = Client()
    client.recorder = Recorder(path)
    with TavilyServer([TREES]) as server:
        chosen = settings(search_url=server.url)
        search = make_search(chosen, client=client, environ=WITH_KEY)
        assert search.search("q", 5) == [PAGE]
    return path


def test_a_replay_needs_no_key_and_sends_nothing(tmp_path: Path, no_network: list[str]) -> None:
    client = Client()
    client.replay = Replay(recorded(tmp_path))
    search = make_search(settings(search="tavily"), client=client, environ={})
    assert search.search("q", 5) == [PAGE]
    assert not no_network


def test_auto_replays_what_the_recording_holds(tmp_path: Path) -> None:
    search: Search = make_search(settings(), replay=Replay(recorded(tmp_path)), environ={})
    assert search.name == "tavily"
    assert search.search("q", 5) == [PAGE]


def test_heavy_libraries_are_not_loaded_before_a_search() -> None:
    program = (
        "import sys, mle_star.search\n"
        "loaded = {'tavily', 'requests', 'langchain_core', 'pandas'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
