"""A small local server with the OpenAI chat interface, but without JSON mode and without tools.

It stands for what people run at home: a request that asks for a form of answer or offers tools is
turned down with status 400. Used like :class:`tests.support.gemini.GeminiServer`:

    with OpenAIServer(lambda request: OpenAIAnswer("hi")) as server:
        settings = ... model="openai:local-model", base_url=server.base_url
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tests.support.loopback import KEY, Fault, LoopbackServer, Turn


def out_of_credit() -> Fault:
    """429 that no waiting mends."""
    return Fault(429, "insufficient_quota", "You exceeded your current quota.")


def unauthorised(key: str = KEY) -> Fault:
    """401, with the key in the message as OpenAI writes it."""
    return Fault(401, "invalid_api_key", f"Incorrect API key provided: {key}. Find yours online.")


@dataclass(frozen=True)
class OpenAIRequest:
    """One request as it came over the wire."""

    number: int
    model: str
    system: str
    turns: tuple[Turn, ...]
    """The roles are ``user`` and ``assistant``."""
    key: str
    temperature: float | None
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """What was said last."""
        return self.turns[-1].text if self.turns else ""


@dataclass(frozen=True)
class OpenAIAnswer:
    """What the model says. Token numbers that are None are guessed from the text."""

    text: str = ""
    finish: str = "stop"
    """``stop``, ``length`` or ``content_filter``."""
    refusal: str = ""
    input_tokens: int | None = None
    cached_tokens: int = 0
    output_tokens: int | None = None
    thinking_tokens: int = 0
    """Part of the output tokens, as this interface counts."""
    seconds: float = 0.0


class OpenAIServer(LoopbackServer[OpenAIRequest, OpenAIAnswer]):
    """Speaks ``POST /v1/chat/completions``."""

    @property
    def base_url(self) -> str:
        """What goes into the setting ``base_url``."""
        return f"{self.url}/v1"

    def read(
        self, number: int, path: str, headers: Mapping[str, str], body: Any
    ) -> OpenAIRequest | Fault:
        if path.partition("?")[0] != "/v1/chat/completions":
            return Fault(404, "not_found", f"There is nothing at {path}.")
        key = headers.get("authorization", "").removeprefix("Bearer ")
        if self.key and key != self.key:
            return unauthorised(key)
        messages = body["messages"]
        return OpenAIRequest(
            number=number,
            model=body["model"],
            system="\n".join(_text(m) for m in messages if m["role"] in ("system", "developer")),
            turns=tuple(
                Turn(m["role"], _text(m)) for m in messages if m["role"] in ("user", "assistant")
            ),
            key=key,
            temperature=body.get("temperature"),
            body=body,
        )

    def think(self, request: OpenAIRequest) -> OpenAIAnswer | Fault:
        for name in ("response_format", "tools", "functions"):
            if request.body.get(name):
                return Fault(400, "unsupported", f"{name!r} is not supported by this server.")
        return super().think(request)

    def write(self, request: OpenAIRequest, answer: OpenAIAnswer) -> dict[str, Any]:
        said = request.system + "".join(turn.text for turn in request.turns)
        read = len(said) // 4 + 1 if answer.input_tokens is None else answer.input_tokens
        made = len(answer.text) // 4 + 1 if answer.output_tokens is None else answer.output_tokens
        message: dict[str, Any] = {"role": "assistant", "content": answer.text}
        if answer.refusal:
            message["refusal"] = answer.refusal
        return {
            "id": f"chatcmpl-{request.number}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": request.model,
            "choices": [{"index": 0, "message": message, "finish_reason": answer.finish}],
            "usage": {
                "prompt_tokens": read,
                "completion_tokens": made,
                "total_tokens": read + made,
                "prompt_tokens_details": {"cached_tokens": answer.cached_tokens},
                "completion_tokens_details": {"reasoning_tokens": answer.thinking_tokens},
            },
        }

    def fault_body(self, fault: Fault) -> dict[str, Any]:
        error = {"message": fault.message, "type": fault.reason, "code": fault.reason}
        return {"error": error}


def _text(message: Mapping[str, Any]) -> str:
    content = message.get("content") or ""
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)
