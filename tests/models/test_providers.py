from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from mle_star.errors import MissingExtra, SettingsError
from mle_star.models.failures import classify
from mle_star.models.providers import (
    PROVIDERS,
    build_chat_model,
    holds_to_schema,
    key_missing,
    parse_model,
)
from tests.support.gemini import GeminiAnswer, GeminiServer
from tests.support.loopback import KEY, Fault, overloaded
from tests.support.openai_server import OpenAIRequest, OpenAIServer


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("google_genai:gemini-2.5-pro", ("google_genai", "gemini-2.5-pro")),
        ("Google-GenAI:gemini-2.5-pro", ("google_genai", "gemini-2.5-pro")),
        (" openai:gpt-4.1 ", ("openai", "gpt-4.1")),
        ("ollama:qwen3:8b", ("ollama", "qwen3:8b")),
        ("groq:meta/llama", ("groq", "meta/llama")),
    ],
)
def test_a_name_is_a_provider_and_a_model(name: str, parts: tuple[str, str]) -> None:
    assert parse_model(name) == parts


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("gemini-2.5-pro", "'google_genai:gemini-2.5-pro'"),
        ("gemini:gemini-2.5-pro", "'google_genai:gemini-2.5-pro'"),
        ("google:gemini-2.5-pro", "'google_genai:gemini-2.5-pro'"),
        ("gpt-4.1", "'openai:gpt-4.1'"),
        ("claude-sonnet-4-5", "'anthropic:claude-sonnet-4-5'"),
        ("qwen3", "'ollama:qwen3'"),
        ("qwen3:8b", "'ollama:qwen3:8b'"),
        ("openai:", "provider:name"),
        (":gpt", "provider"),
        ("", "'provider:name'"),
        ("nobody:model", "google_genai"),
    ],
)
def test_a_malformed_name_is_answered_with_the_right_one(name: str, remedy: str) -> None:
    with pytest.raises(SettingsError) as caught:
        parse_model(name)
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_langchain_knows_every_provider(provider: str) -> None:
    from langchain.chat_models import init_chat_model

    said = ""
    try:
        init_chat_model("any", model_provider=provider)
    except Exception as error:  # noqa: BLE001 - keys and packages are missing, each in its way
        said = str(error)
    assert "Unsupported" not in said


@pytest.mark.parametrize(
    ("name", "base_url", "environ", "missing"),
    [
        ("google_genai:g", "", {}, "GOOGLE_API_KEY or GEMINI_API_KEY"),
        ("google_genai:g", "", {"GOOGLE_API_KEY": "k"}, ""),
        ("google_genai:g", "", {"GEMINI_API_KEY": "k"}, ""),
        ("google_genai:g", "", {"GEMINI_API_KEY": "  "}, "GEMINI_API_KEY"),
        ("google_genai:g", "http://here", {}, "GOOGLE_API_KEY"),
        ("google_genai:g", "", {"GOOGLE_GENAI_USE_VERTEXAI": "true"}, ""),
        ("openai:gpt-4.1", "", {}, "OPENAI_API_KEY"),
        ("openai:gpt-4.1", "", {"OPENAI_API_KEY": "k"}, ""),
        ("openai:local", "http://here", {}, ""),
        ("anthropic:c", "", {"OPENAI_API_KEY": "k"}, "ANTHROPIC_API_KEY"),
        ("ollama:qwen3", "", {}, ""),
        ("groq:x", "", {}, ""),
    ],
)
def test_the_missing_key_is_named(
    name: str, base_url: str, environ: Mapping[str, str], missing: str
) -> None:
    sentence = key_missing(name, base_url, environ)
    assert missing in sentence
    assert bool(sentence) == bool(missing)


def test_this_process_s_environment_is_looked_into(monkeypatch: pytest.MonkeyPatch) -> None:
    assert key_missing("openai:gpt-4.1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert not key_missing("openai:gpt-4.1")


def test_importing_the_room_imports_no_client_library() -> None:
    code = (
        "import sys, mle_star.models.client\n"
        "heavy = {'langchain', 'langchain_core', 'google.genai', 'openai', 'httpx'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "ollama"])
def test_a_missing_package_is_named_with_its_extra(
    provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: None)
    with pytest.raises(MissingExtra, match=rf"langchain-{provider}.*mle-star\[{provider}\]"):
        build_chat_model(f"{provider}:model", temperature=0.1, timeout=5)


def test_other_providers_say_what_they_lack() -> None:
    with pytest.raises(SettingsError, match="langchain-upstage"):
        build_chat_model("upstage:solar", temperature=0.1, timeout=5)


def test_a_model_without_its_key_is_not_built() -> None:
    with pytest.raises(SettingsError, match="GOOGLE_API_KEY"):
        build_chat_model("google_genai:gemini-2.5-pro", temperature=0.1, timeout=5)


def test_an_address_has_a_scheme() -> None:
    with pytest.raises(SettingsError, match="http://"):
        build_chat_model("openai:x", temperature=0.1, timeout=5, base_url="localhost:8000")


def test_what_a_library_says_is_passed_on_without_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def init(*_: Any, **__: Any) -> Any:
        raise ValueError(f"the key {KEY}\nis odd")

    monkeypatch.setattr("langchain.chat_models.init_chat_model", init)
    with pytest.raises(SettingsError, match="is odd") as caught:
        build_chat_model("openai:x", temperature=0.1, timeout=5)
    assert KEY not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.fixture(name="keys")
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOOGLE_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, KEY)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("google_genai:gemini-2.5-pro", True),
        ("openai:gpt-4.1", True),
        ("anthropic:claude-sonnet-4-5", True),
        ("ollama:qwen3", False),
        ("openai:some-local-model", False),
    ],
)
def test_schemas_are_for_models_known_to_take_them(name: str, held: bool) -> None:
    chat = build_chat_model(name, temperature=0.1, timeout=5)
    assert holds_to_schema(chat) is held
    assert KEY not in repr(chat)


@pytest.mark.usefixtures("keys")
def test_a_model_without_temperature_gets_none() -> None:
    temperatures = [
        vars(build_chat_model(name, temperature=0.4, timeout=5))["temperature"]
        for name in ("openai:o3", "openai:gpt-4.1")
    ]
    assert temperatures == [None, 0.4]


def test_gemini_gets_temperature_seed_and_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    with GeminiServer(lambda _: GeminiAnswer("hi")) as server:
        server.point_here(monkeypatch)
        name = "google_genai:gemini-2.5-pro"
        build_chat_model(name, temperature=0.25, timeout=5, seed=7).invoke("x")
        build_chat_model(name, temperature=None, timeout=5).invoke("x")
    first, second = (request.body["generationConfig"] for request in server.requests)
    assert (first["temperature"], first["seed"]) == (0.25, 7)
    assert "temperature" not in second
    assert "seed" not in second


class AnyPath(OpenAIServer):
    """Anthropic and Ollama send ``model`` and ``messages`` too, elsewhere."""

    def read(
        self, number: int, path: str, headers: Mapping[str, str], body: Any
    ) -> OpenAIRequest | Fault:
        return super().read(number, "/v1/chat/completions", headers, body)


@pytest.fixture(name="broken")
def _broken() -> Iterator[AnyPath]:
    with AnyPath(lambda _: overloaded()) as server:
        yield server


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("name", "path"),
    [("openai:gpt-4.1", "/v1"), ("anthropic:claude", ""), ("ollama:qwen3", "")],
)
def test_no_library_sends_twice(name: str, path: str, broken: AnyPath) -> None:
    chat = build_chat_model(name, temperature=0.1, timeout=5, base_url=broken.url + path)
    with pytest.raises(Exception, match="overloaded") as caught:
        chat.invoke("x")
    assert len(broken.requests) == 1
    assert broken.requests[0].temperature in (0.1, None)
    assert classify(caught.value).kind == "unavailable"


def test_gemini_does_not_send_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    with GeminiServer(lambda _: overloaded()) as server:
        server.point_here(monkeypatch)
        chat = build_chat_model("google_genai:gemini-2.5-pro", temperature=0.1, timeout=5)
        with pytest.raises(Exception, match="overloaded"):
            chat.invoke("x")
    assert len(server.requests) == 1


def test_a_local_server_gets_a_placeholder_for_a_key(broken: AnyPath) -> None:
    chat = build_chat_model("openai:local", temperature=0.1, timeout=5, base_url=f"{broken.url}/v1")
    with pytest.raises(Exception, match="overloaded"):
        chat.invoke("x")
    assert broken.requests[0].key == "not-needed"


def test_ollama_is_told_how_long_prompts_get() -> None:
    chat: Any = build_chat_model("ollama:qwen3", temperature=0.0, timeout=5, context=68_192)
    assert chat.num_ctx == 68_192
    other: Any = build_chat_model(
        "openai:local", temperature=0.0, timeout=5, base_url="http://127.0.0.1:1", context=68_192
    )
    assert not hasattr(other, "num_ctx")
