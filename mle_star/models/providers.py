"""Which chat models there are, how they are named, and how one is built."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mle_star.errors import MissingExtra, SettingsError

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

PROVIDERS: tuple[str, ...] = (
    "google_genai",
    "openai",
    "anthropic",
    "ollama",
    # What follows needs a package that langchain names when it is missing.
    "anthropic_bedrock",
    "azure_ai",
    "azure_openai",
    "baseten",
    "bedrock",
    "bedrock_converse",
    "cohere",
    "deepseek",
    "fireworks",
    "google_anthropic_vertex",
    "google_vertexai",
    "groq",
    "huggingface",
    "ibm",
    "litellm",
    "mistralai",
    "nvidia",
    "openrouter",
    "perplexity",
    "together",
    "upstage",
    "xai",
)
"""Providers that langchain's ``init_chat_model`` knows. A list of our own, as langchain takes most
of a second to import and the settings are checked before anything else happens."""

KEYS: dict[str, tuple[str, ...]] = {
    "google_genai": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
}
"""Provider -> environment variables, one of which holds its key."""

_EXTRAS = {
    "openai": "langchain_openai",
    "anthropic": "langchain_anthropic",
    "ollama": "langchain_ollama",
}

_FAMILIES = {
    "gemini": "google_genai",
    "gpt": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "claude": "anthropic",
}
"""Beginning of a model's name -> provider, for suggestions alone: nothing is guessed silently,
as the same name has several providers with several prices."""

_NO_KEY = "not-needed"


def parse_model(name: str) -> tuple[str, str]:
    """Split ``provider:name``; the name may hold further colons, as Ollama's do.

    Raises:
        SettingsError: it has another form, or the provider is not known.
    """
    head, colon, model = (part.strip() for part in name.strip().partition(":"))
    provider = head.lower().replace("-", "_")
    if colon and model and provider in PROVIDERS:
        return provider, model
    if not name.strip():
        raise SettingsError(
            "A model's name is empty: write it as 'provider:name', such as "
            "'google_genai:gemini-2.5-pro'."
        )
    bare = model if colon and provider in ("google", "gemini") and model else name.strip()
    family = next((to for start, to in _FAMILIES.items() if bare.lower().startswith(start)), "")
    if family:
        raise SettingsError(f"The model {name!r} lacks its provider: write '{family}:{bare}'.")
    if not colon or not model:
        raise SettingsError(
            f"The model {name!r} is not of the form 'provider:name': write for example "
            f"'ollama:{head or 'qwen3'}' or 'google_genai:gemini-2.5-pro'."
        )
    raise SettingsError(
        f"The model {name!r} names the provider {head!r}, which is not known: begin with "
        f"google_genai:, openai:, anthropic:, ollama: (here 'ollama:{name.strip()}') or another of "
        "langchain's providers."
    )


def key_missing(name: str, base_url: str = "", environ: Mapping[str, str] | None = None) -> str:
    """A sentence that names the environment variable to set; empty where nothing is missing.

    Args:
        name: ``provider:name``.
        base_url: address of a server of one's own; OpenAI-compatible ones need no key.
        environ: environment to look into; by default this process's.

    Raises:
        SettingsError: the name is malformed.
    """
    environ = os.environ if environ is None else environ
    provider, _ = parse_model(name)
    names = KEYS.get(provider, ())
    if not names or any(environ.get(variable, "").strip() for variable in names):
        return ""
    if provider == "openai" and base_url:
        return ""
    vertex = environ.get("GOOGLE_GENAI_USE_VERTEXAI", "").lower() in ("true", "1", "yes")
    if provider == "google_genai" and vertex:
        return ""  # Google's own log-in stands in for the key
    return f"The model {name!r} needs a key: set the environment variable {' or '.join(names)}."


def build_chat_model(
    name: str,
    *,
    temperature: float | None,
    timeout: float,
    base_url: str = "",
    seed: int | None = None,
    context: int | None = None,
) -> BaseChatModel:
    """Build a chat model whose library sends every request once: retries are ours alone.

    Args:
        name: ``provider:name``.
        temperature: sampling temperature; left out where None or where the model has none.
        timeout: seconds one request may take.
        base_url: address of the model's server; empty for the provider's own.
        seed: seed of the sampling, where the provider offers one.
        context: tokens of prompt and answer together, for Ollama, which would cut longer prompts
            to its small default without a word.

    Raises:
        MissingExtra: the package of openai, anthropic or ollama is not installed.
        SettingsError: the name or the address is malformed, the key is missing, or the provider's
            library turns the settings down.
    """
    provider, model = parse_model(name)
    package = _EXTRAS.get(provider)
    if package and importlib.util.find_spec(package) is None:
        raise MissingExtra(package.replace("_", "-"), provider, f"The model {name!r}")
    if missing := key_missing(name, base_url):
        raise SettingsError(missing)
    _check_key(provider)
    if base_url and not base_url.lower().startswith(("http://", "https://")):
        raise SettingsError(
            f"The setting base_url is {base_url!r}, which is no address: begin it with http:// or "
            "https://."
        )
    given = _arguments(provider, timeout, base_url, seed)
    if context is not None and provider == "ollama":
        given["num_ctx"] = context
    chat = _construct(name, provider, model, {**given, "temperature": temperature})
    if temperature is not None and (chat.profile or {}).get("temperature") is False:
        chat = _construct(name, provider, model, {**given, "temperature": None})
    return chat


def holds_to_schema(chat: BaseChatModel) -> bool:
    """Whether the model's answers can be held to a JSON schema; False where that isn't known."""
    return bool((chat.profile or {}).get("structured_output"))


def _arguments(provider: str, timeout: float, base_url: str, seed: int | None) -> dict[str, Any]:
    # Streaming, which some callers of a graph switch on, would cut answers into many pieces.
    given: dict[str, Any] = {"disable_streaming": True}
    if provider == "ollama":
        # It never sends again, nor does it ever close a connection.
        given["client_kwargs"] = {"timeout": timeout, "headers": {"Connection": "close"}}
    else:
        given["timeout"] = timeout
        # Google counts attempts, the first included; the others count retries.
        given["max_retries"] = 1 if provider == "google_genai" else 0
    if base_url:
        given["base_url"] = base_url
    if provider == "openai" and base_url and not os.environ.get("OPENAI_API_KEY", "").strip():
        given["api_key"] = _NO_KEY
    if provider in ("openai", "anthropic") and "api_key" not in given:
        given["api_key"] = os.environ.get(KEYS[provider][0], "").strip()  # pasted with its line end
    if seed is not None and provider in ("google_genai", "openai", "ollama"):
        given["seed"] = seed
    return given


def _check_key(provider: str) -> None:
    """Refuse a key that no header can carry: the libraries would take it for an outage."""
    keys = {name: os.environ.get(name, "").strip() for name in KEYS.get(provider, ())}
    variable, key = next(((name, key) for name, key in keys.items() if key), ("", ""))
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise SettingsError(f"{variable} holds characters that no key has: copy it anew.")


def _construct(name: str, provider: str, model: str, given: dict[str, Any]) -> BaseChatModel:
    from langchain.chat_models import init_chat_model

    from mle_star.models.failures import one_line

    problem = ""
    try:
        chat: BaseChatModel = init_chat_model(model, model_provider=provider, **given)
        return chat
    except Exception as error:  # noqa: BLE001 - each library raises what it likes
        problem = one_line(str(error)).rstrip(".")
    # Outside the handler, as the original error may hold what must not be shown.
    raise SettingsError(f"The model {name!r} can't be set up: {problem}.")
