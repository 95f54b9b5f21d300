"""A Gemini server on the loopback interface whose answers a test decides.

    def brain(request: GeminiRequest) -> GeminiAnswer | Fault:
        return GeminiAnswer(f"you said {request.prompt}")

    with GeminiServer(brain) as server:
        server.point_here(monkeypatch)  # GOOGLE_API_KEY, GOOGLE_GEMINI_BASE_URL
        ...
    assert server.requests[0].temperature == 0.7

The brain is called from several threads at once. An exception in it is answered with status 500 and
raised again where the server closes, so that it can't be taken for a model's whim.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.loopback import KEY, Fault, LoopbackServer, Turn


def rate_limited(delay: float | None = None, daily: bool = False) -> Fault:
    """429; ``delay``: seconds the server asks to wait; ``daily``: the quota of the day is used."""
    details: list[Mapping[str, Any]] = []
    message = "You exceeded your current quota, please check your plan and billing details."
    if daily:
        quota = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"
        details.append(
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure"}
            | {"violations": [{"quotaId": quota, "quotaValue": "50"}]}
        )
    headers = {}
    if delay is not None:
        details.append(
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{delay:g}s"}
        )
        headers = {"retry-after": f"{delay:g}"}
    return Fault(429, "RESOURCE_EXHAUSTED", message, tuple(details), headers)


def bad_key() -> Fault:
    """What Gemini says to a wrong key: status 400, not 401."""
    detail = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    message = "API key not valid. Please pass a valid API key."
    return Fault(400, "INVALID_ARGUMENT", message, (detail,))


def bad_request(message: str = "Request contains an invalid argument.") -> Fault:
    """400 that is not about the key."""
    return Fault(400, "INVALID_ARGUMENT", message)


def forbidden() -> Fault:
    """403."""
    return Fault(403, "PERMISSION_DENIED", "Generative Language API has not been used before.")


def not_found() -> Fault:
    """404: there is no such model."""
    return Fault(404, "NOT_FOUND", "The model is not found for API version v1.")


@dataclass(frozen=True)
class GeminiRequest:
    """One request as it came over the wire."""

    number: int
    """0 for the first request of this server."""
    model: str
    system: str
    turns: tuple[Turn, ...]
    key: str
    schema: dict[str, Any] | None
    tools: tuple[str, ...]
    """``googleSearch`` and the names of functions."""
    temperature: float | None
    body: dict[str, Any]

    @property
    def prompt(self) -> str:
        """What was said last."""
        return self.turns[-1].text if self.turns else ""


@dataclass(frozen=True)
class GeminiAnswer:
    """What the model says. Token numbers that are None are guessed from the text."""

    text: str = ""
    calls: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    """Function calls: name and arguments."""
    thought: str = ""
    sources: tuple[tuple[str, str], ...] = ()
    """Title and address of pages, as grounding metadata."""
    finish: str = "STOP"
    """``STOP``, ``MAX_TOKENS``, ``SAFETY``, ``RECITATION`` ..."""
    blocked: str = ""
    """Reason why the prompt was not answered at all, such as ``SAFETY``."""
    input_tokens: int | None = None
    cached_tokens: int = 0
    output_tokens: int | None = None
    thinking_tokens: int = 0
    seconds: float = 0.0
    """How long the server thinks first."""


def structured(value: Any, **rest: Any) -> GeminiAnswer:
    """An answer that is the JSON of a value."""
    return GeminiAnswer(json.dumps(value), **rest)


class GeminiServer(LoopbackServer[GeminiRequest, GeminiAnswer]):
    """Speaks ``POST /v1/models/<model>:generateContent``."""

    def point_here(self, monkeypatch: pytest.MonkeyPatch, key: str = KEY) -> None:
        """Send the Google client library of this test to this server."""
        for name, value in self.environ(key).items():
            monkeypatch.setenv(name, value)

    def environ(self, key: str = KEY) -> dict[str, str]:
        """The same for a child process."""
        return {"GOOGLE_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": self.url}

    def read(
        self, number: int, path: str, headers: Mapping[str, str], body: Any
    ) -> GeminiRequest | Fault:
        before, _, method = path.partition("?")[0].rpartition(":")
        models = re.fullmatch(r"/v1(?:beta)?/models/(.+)", before)  # google-genai 3 asks v1
        if method != "generateContent" or models is None:
            return not_found()
        if self.key and headers.get("x-goog-api-key") != self.key:
            return bad_key()
        config = body.get("generationConfig", {})
        tools = body.get("tools", [])
        return GeminiRequest(
            number=number,
            model=models[1],
            system=_text(body.get("systemInstruction", {}).get("parts", [])),
            turns=tuple(
                Turn(turn.get("role", "user"), _text(turn["parts"])) for turn in body["contents"]
            ),
            key=headers.get("x-goog-api-key", ""),
            schema=config.get("responseJsonSchema") or config.get("responseSchema"),
            tools=tuple(
                name
                for tool in tools
                for kind, value in tool.items()
                for name in (
                    [item["name"] for item in value] if kind == "functionDeclarations" else [kind]
                )
            ),
            temperature=config.get("temperature"),
            body=body,
        )

    def write(self, request: GeminiRequest, answer: GeminiAnswer) -> dict[str, Any]:
        thinking = answer.thinking_tokens
        said = request.system + "".join(turn.text for turn in request.turns)
        read = len(said) // 4 + 1 if answer.input_tokens is None else answer.input_tokens
        made = len(answer.text) // 4 + 1 if answer.output_tokens is None else answer.output_tokens
        usage = {"promptTokenCount": read, "totalTokenCount": read + made + thinking}
        if answer.cached_tokens:
            usage["cachedContentTokenCount"] = answer.cached_tokens
        if answer.blocked:
            feedback = {"blockReason": answer.blocked}
            return {"promptFeedback": feedback, "usageMetadata": usage}
        usage["candidatesTokenCount"] = made
        if thinking:
            usage["thoughtsTokenCount"] = thinking
        parts: list[dict[str, Any]] = []
        if answer.thought:
            parts.append({"text": answer.thought, "thought": True})
        if answer.text:
            parts.append({"text": answer.text})
        parts += [{"functionCall": {"name": n, "args": dict(a)}} for n, a in answer.calls]
        candidate: dict[str, Any] = {"index": 0, "finishReason": answer.finish}
        if parts:
            candidate["content"] = {"role": "model", "parts": parts}
        if answer.sources:
            candidate["groundingMetadata"] = {
                "webSearchQueries": [request.prompt[:80]],
                "groundingChunks": [
                    {"web": {"uri": url, "title": title}} for title, url in answer.sources
                ],
            }
        return {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": request.model,
            "responseId": f"response-{request.number}",
        }

    def fault_body(self, fault: Fault) -> dict[str, Any]:
        error: dict[str, Any] = {
            "code": fault.status,
            "message": fault.message,
            "status": fault.reason,
        }
        if fault.details:
            error["details"] = [dict(detail) for detail in fault.details]
        return {"error": error}


def _text(parts: Sequence[Mapping[str, Any]]) -> str:
    return "".join(part.get("text", "") for part in parts)
