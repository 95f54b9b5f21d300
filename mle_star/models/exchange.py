"""One exchange with a chat model: our request in its library's terms, its message in ours."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from mle_star.models.base import Finish, Message, Request, Source, Usage

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage

_CUT_OFF = {"max_tokens", "max_output_tokens", "length", "model_context_window_exceeded"}
_BLOCKED = {
    "safety",
    "prohibited_content",
    "recitation",
    "blocklist",
    "spii",
    "image_safety",
    "content_filter",
    "refusal",
}
_REASONS = ("finish_reason", "stop_reason", "done_reason")
"""Where Google and OpenAI, Anthropic, and Ollama say why an answer ended."""
_MOST_TOKENS = 10**9
"""What is beyond is no number of tokens."""


@dataclass(frozen=True)
class Answer:
    """What a model said to one request."""

    text: str
    finish: Finish
    usage: Usage | None
    """None where the provider does not say."""
    sources: tuple[Source, ...] = ()


def exchange(chat: BaseChatModel, request: Request, *, held: bool) -> Answer:
    """Send a request once and read the answer.

    Args:
        chat: the model.
        request: the question.
        held: hold the answer to the request's schema. The text of the answer is what the model
            wrote, also where it breaks the schema.

    Raises:
        Exception: whatever the client library raises, for
            :func:`mle_star.models.failures.classify`.
    """
    turns = [{"role": message.role, "content": message.text} for message in request.messages]
    try:
        if request.grounded:
            return _read(chat.bind_tools([{"google_search": {}}]).invoke(turns))
        if held and request.schema is not None:
            structured = chat.with_structured_output(request.schema, include_raw=True)
            return _read(cast("dict[str, Any]", structured.invoke(turns))["raw"])
        return _read(chat.invoke(turns))
    except Exception as error:
        salvaged = _salvage(error)
        if salvaged is None:
            raise
        return salvaged


def estimated_tokens(text: str) -> int:
    """Tokens of a text, rather too many than too few: a third of its bytes."""
    return len(text.encode("utf-8", "surrogatepass")) // 3 + 1


def estimated_input(messages: Sequence[Message]) -> int:
    """Tokens of a conversation, rather too many than too few."""
    return sum(estimated_tokens(message.text) for message in messages)


def _read(message: AIMessage) -> Answer:
    metadata: Mapping[str, Any] = message.response_metadata or {}
    calls = message.tool_calls
    # Some models are held to a schema by a tool whose arguments have that form.
    text = json.dumps(calls[0]["args"]) if calls else str(message.text)
    refusal = message.additional_kwargs.get("refusal")
    blocked = bool(refusal) or bool((metadata.get("prompt_feedback") or {}).get("block_reason"))
    # OpenAI's newer interface says it elsewhere.
    cut = (metadata.get("incomplete_details") or {}).get("reason")
    reason = next((str(metadata[name]) for name in _REASONS if metadata.get(name)), str(cut or ""))
    return Answer(
        text=text or str(refusal or ""),
        finish="refused" if blocked else _finish(reason),
        usage=_usage(message),
        sources=_sources(metadata.get("grounding_metadata") or {}),
    )


def _finish(reason: str) -> Finish:
    reason = reason.lower()
    if reason in _CUT_OFF:
        return "length"
    return "refused" if reason in _BLOCKED else "stop"


def _usage(message: AIMessage) -> Usage | None:
    counted = message.usage_metadata
    if not counted:
        return None
    return _plausible(
        counted["input_tokens"],
        counted.get("input_token_details", {}).get("cache_read"),
        counted["output_tokens"],
        counted.get("output_token_details", {}).get("reasoning"),
    )


def _plausible(*told: object) -> Usage | None:
    """Input, cached, output and thinking tokens as a server tells them; None where it doesn't.

    Servers of one's own send null, nothing, or numbers that are none.
    """
    numbers = [n if isinstance(n, int) and 0 <= n <= _MOST_TOKENS else 0 for n in told]
    usage = Usage(*numbers)
    return usage if usage.input or usage.output else None


def _sources(grounding: Mapping[str, Any]) -> tuple[Source, ...]:
    pages = [chunk.get("web") or {} for chunk in grounding.get("grounding_chunks") or ()]
    found = [Source(page.get("title") or "", page["uri"]) for page in pages if page.get("uri")]
    return tuple(dict.fromkeys(found))


def _salvage(error: Exception) -> Answer | None:
    """The answer inside an error of OpenAI's library; None where there is none.

    It raises where an answer that it was to parse is cut off, was filtered or is no JSON. The
    answer is paid for, and says more than the error.
    """
    response = getattr(error, "response", None)
    if getattr(response, "status_code", None) != 200:
        return None
    try:
        body = json.loads(getattr(response, "content", b""))
        parts, reason = _said(body)
        counted = body.get("usage") or {}
        given, made = ("prompt", "completion") if "choices" in body else ("input", "output")
        refused = any(part.get("refusal") for part in parts)
        return Answer(
            text="".join(str(part.get("text") or part.get("refusal") or "") for part in parts),
            finish="refused" if refused else _finish(reason),
            usage=_plausible(
                counted.get(f"{given}_tokens"),
                (counted.get(f"{given}_tokens_details") or {}).get("cached_tokens"),
                counted.get(f"{made}_tokens"),
                (counted.get(f"{made}_tokens_details") or {}).get("reasoning_tokens"),
            ),
        )
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


def _said(body: Mapping[str, Any]) -> tuple[list[Mapping[str, Any]], str]:
    """Parts of the message in an answer of either of OpenAI's interfaces, and why it ended."""
    if "choices" not in body:
        messages = [item for item in body["output"] if item.get("type") == "message"]
        cut = (body.get("incomplete_details") or {}).get("reason")
        return [part for message in messages for part in message.get("content") or ()], str(cut)
    choice = body["choices"][0]
    message, content = choice["message"], choice["message"].get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    return [*parts, {"refusal": message.get("refusal")}], str(choice.get("finish_reason"))
