"""What is asked of a chat model, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from mle_star.errors import NoAnswer, UserError


class ModelRefused(UserError):
    """The provider will never answer as things stand: wrong key, unknown model, no permission."""


class ModelUnavailable(NoAnswer):
    """The provider did not answer this request after every retry; later requests may succeed."""


class WalletEmpty(NoAnswer):
    """What the run may spend on models is spent; nothing was sent."""


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    text: str


@dataclass(frozen=True)
class Request:
    """A question to a model."""

    role: str
    """The agent that asks (see :data:`mle_star.roles.ROLES`); ``check`` for the first hello."""
    messages: tuple[Message, ...]
    schema: type[BaseModel] | None = None
    """Form of the answer; used by models that can be held to one, ignored by the others."""
    grounded: bool = False
    """Let the model search the web itself (Gemini's google_search)."""
    solution: int = -1
    """Index of the solution branch that asks. Two branches with the same question get two
    answers."""
    phase: str = ""
    """Phase of the run that asks, such as ``refine``; for the bill."""


@dataclass(frozen=True)
class Usage:
    """Tokens of one call. ``input`` includes ``cached``; ``output`` includes ``thinking``."""

    input: int = 0
    cached: int = 0
    output: int = 0
    thinking: int = 0


@dataclass(frozen=True)
class Source:
    """A web page an answer rests on."""

    title: str
    url: str


Finish = Literal["stop", "length", "refused"]
"""Why an answer ended: by itself, cut off at the output limit, or blocked by the provider."""


@dataclass(frozen=True)
class Reply:
    """An answer. Its text is JSON where the model was held to a schema."""

    text: str
    model: str
    """``provider:name`` of the model that answered (the fallback, when it stood in)."""
    finish: Finish = "stop"
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    remembered: bool = False
    """Whether the answer was taken from the run's own store: nothing was sent or paid."""
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Call:
    """One request that was sent, as the bill lists it."""

    role: str
    phase: str
    solution: int
    model: str
    usage: Usage
    seconds: float
    usd: float | None
    """Price in US dollars; None where the price of the model is not known."""
    outcome: str
    """``answered``, or the kind of failure: ``rate``, ``unavailable``, ``refused``,
    ``bad_request``, ``sent`` (never heard of again)."""
