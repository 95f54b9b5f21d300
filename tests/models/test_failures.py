from __future__ import annotations

import json
import math
import socket
import threading
from typing import Any

import httpx
import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from mle_star.models.failures import Failure, classify, one_line
from mle_star.models.providers import build_chat_model
from tests.support.gemini import (
    GeminiAnswer,
    GeminiServer,
    bad_key,
    bad_request,
    forbidden,
    not_found,
    rate_limited,
)
from tests.support.loopback import KEY, Fault, dropped, garbage, overloaded, server_error
from tests.support.openai_server import OpenAIAnswer, OpenAIServer, out_of_credit, unauthorised


def raised_by(chat: Any) -> Failure:
    try:
        answer = chat.invoke("x")
    except Exception as error:  # noqa: BLE001 - the libraries' errors have no common base
        return classify(error)
    raise AssertionError(f"it answered {answer}")


def gemini(
    monkeypatch: pytest.MonkeyPatch, answer: GeminiAnswer | Fault, timeout: float = 5
) -> Any:
    with GeminiServer(lambda _: answer) as server:
        server.point_here(monkeypatch)
        chat = build_chat_model("google_genai:gemini-2.5-pro", temperature=0.1, timeout=timeout)
        return raised_by(chat)


@pytest.mark.parametrize(
    ("fault", "kind", "retry_after", "said"),
    [
        (rate_limited(), "rate", None, "exceeded your current quota"),
        (rate_limited(delay=17), "rate", 17.0, "exceeded"),
        (rate_limited(delay=0.5), "rate", 0.5, "exceeded"),
        (rate_limited(delay=40, daily=True), "unavailable", math.inf, "exceeded"),
        (bad_key(), "refused", None, "API key not valid"),
        (bad_request(), "bad_request", None, "invalid argument"),
        (bad_request("User location is not supported"), "refused", None, "location"),
        (forbidden(), "refused", None, "has not been used"),
        (not_found(), "refused", None, "not found"),
        (server_error(), "unavailable", None, "internal error"),
        (overloaded(), "unavailable", None, "overloaded"),
        (dropped(midway=True), "unavailable", None, "closed connection"),
        (dropped(midway=False), "unavailable", None, "disconnected"),
        (garbage(), "unavailable", None, ""),
    ],
)
def test_what_gemini_s_library_raises(
    fault: Fault,
    kind: str,
    retry_after: float | None,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failure = gemini(monkeypatch, fault)
    assert (failure.kind, failure.retry_after) == (kind, retry_after)
    assert said in failure.message
    assert "{" not in failure.message  # the sentence, not the object it came in


def test_an_answer_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    # Google's library knows time-outs in whole seconds only.
    failure = gemini(monkeypatch, GeminiAnswer("late", seconds=30), timeout=1)
    assert (failure.kind, failure.maybe_billed) == ("unavailable", True)


def test_a_dropped_connection_may_be_billed_and_an_outage_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert gemini(monkeypatch, dropped()).maybe_billed
    assert not gemini(monkeypatch, overloaded()).maybe_billed


@pytest.mark.parametrize(
    ("fault", "kind", "retry_after"),
    [
        (rate_limited(), "rate", None),
        (rate_limited(delay=12), "rate", 12.0),
        (Fault(429, headers={"retry-after-ms": "250"}), "rate", 0.25),
        (Fault(429, headers={"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}), "rate", None),
        (out_of_credit(), "unavailable", math.inf),
        (Fault(402, message="Insufficient Balance"), "unavailable", math.inf),
        (Fault(400, message="Your credit balance is too low"), "unavailable", math.inf),
        (unauthorised(), "refused", None),
        (forbidden(), "refused", None),
        (not_found(), "refused", None),
        (bad_request(), "bad_request", None),
        (Fault(422), "bad_request", None),
        (Fault(503, headers={"retry-after": "3"}), "unavailable", 3.0),
        (Fault(529), "unavailable", None),
        (dropped(midway=True), "unavailable", None),
        (dropped(midway=False), "unavailable", None),
        (garbage(), "unavailable", None),
    ],
)
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_what_libraries_of_that_design_raise(
    provider: str,
    fault: Fault,
    kind: str,
    retry_after: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", KEY)

    class Server(OpenAIServer):
        def read(self, number: int, path: str, headers: Any, body: Any) -> Any:
            return super().read(number, "/v1/chat/completions", headers, body)

    with Server(lambda _: fault) as server:
        name = "openai:m" if provider == "openai" else "anthropic:claude"
        address = server.base_url if provider == "openai" else server.url
        failure = raised_by(build_chat_model(name, temperature=None, timeout=5, base_url=address))
    assert (failure.kind, failure.retry_after) == (kind, retry_after)
    assert KEY not in repr(failure)


def test_what_ollama_s_library_raises() -> None:
    class Server(OpenAIServer):
        def read(self, number: int, path: str, headers: Any, body: Any) -> Any:
            return Fault(404, body=json.dumps({"error": "model 'q' not found"}).encode())

    with Server(lambda _: OpenAIAnswer()) as server:
        chat = build_chat_model("ollama:q", temperature=None, timeout=5, base_url=server.url)
        failure = raised_by(chat)
    assert failure.kind == "refused"
    assert "model 'q' not found" in failure.message


def test_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    chat = build_chat_model("openai:m", temperature=None, timeout=5, base_url=address)
    assert raised_by(chat).kind == "unavailable"
    chat = build_chat_model("ollama:m", temperature=None, timeout=5, base_url=address)
    assert raised_by(chat).kind == "unavailable"


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (socket.gaierror(-2, "Name or service not known"), "unavailable"),
        (ConnectionResetError("reset"), "unavailable"),
        (TimeoutError("timed out"), "unavailable"),
        (httpx.ConnectError("Name or service not known"), "unavailable"),
        (httpx.PoolTimeout("busy"), "unavailable"),
        (httpx.UnsupportedProtocol("no http://"), "refused"),
        (requests.ConnectionError("refused"), "unavailable"),
        (requests.ReadTimeout("slow"), "unavailable"),
        (ModelAuthenticationError("who?"), "refused"),
        (ModelPermissionDeniedError("no"), "refused"),
        (ModelNotFoundError("where?"), "refused"),
        (ModelRateLimitError("slow down"), "rate"),
        (ModelAPIError("broken"), "unavailable"),
        (ModelConnectionError("gone"), "unavailable"),
        (ModelTimeoutError("late"), "unavailable"),
        (ModelInvalidRequestError("odd"), "bad_request"),
        (ContextOverflowError("too long"), "bad_request"),
        (NotImplementedError("no structured output"), "bad_request"),
        (KeyError("choices"), "bad_request"),
    ],
)
def test_errors_without_a_status(error: Exception, kind: str) -> None:
    failure = classify(error)
    assert failure.kind == kind
    assert failure.message


def test_an_error_without_words_is_named() -> None:
    assert classify(RuntimeError()).message == "RuntimeError"


def test_errors_that_cause_each_other_end() -> None:
    one, two = ValueError("one"), ConnectionError("two")
    one.__cause__, two.__cause__ = two, one
    assert classify(one).kind == "unavailable"


KEYS = st.text("0123456789ABCDEFabcdef", min_size=8, max_size=60)


@given(key=KEYS, before=st.text(max_size=40), after=st.text(max_size=40))
def test_no_key_of_the_environment_is_ever_shown(key: str, before: str, after: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOME_API_KEY", f" {key}\n")
        shown = one_line(f"{before} {key} {after}")
        failure = classify(RuntimeError(f"{before} {key} {after}"))
    assert key not in shown
    assert key not in repr(failure)
    assert "\n" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-abcd********wxyz. Find it",
        "Incorrect API key provided: sk-proj-0123456789abcdef0123. Find it",
        "key AIzaSyA0123456789abcdefghijklmnopqrstuv is blocked",
    ],
)
def test_what_looks_like_a_key_is_never_shown(text: str) -> None:
    shown = one_line(text)
    assert not {"abcd", "wxyz", "0123"} & {shown[i : i + 4] for i in range(len(shown))}


def test_long_messages_are_cut() -> None:
    assert 290 < len(one_line("a long story " * 1000)) <= 300


def test_classifying_is_safe_in_threads() -> None:
    found: list[Failure] = []
    threads = [
        threading.Thread(target=lambda: found.append(classify(TimeoutError("x")))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
