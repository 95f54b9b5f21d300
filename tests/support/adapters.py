"""The scripted engineers behind the loopback servers."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.support.brain import Brain
from tests.support.gemini import GeminiAnswer, GeminiRequest, rate_limited
from tests.support.hostile import Behaviour, Hostile
from tests.support.loopback import Fault, Turn, dropped, garbage, overloaded, server_error
from tests.support.openai_server import OpenAIAnswer, OpenAIRequest

PAGES = (
    ("Ridge regression and its kin", "https://docs.example.org/ridge"),
    ("Boosting small trees", "https://docs.example.org/boosting"),
)


def gemini_brain(brain: Brain | Hostile) -> Callable[[GeminiRequest], GeminiAnswer | Fault]:
    """What a ``GeminiServer`` is given; grounded questions get an answer with :data:`PAGES`."""

    def think(request: GeminiRequest) -> GeminiAnswer | Fault:
        if "googleSearch" in request.tools:
            found = "Ridge regression, boosted trees and nearest neighbours do well on such tables."
            return GeminiAnswer(found, sources=PAGES)
        said = ask(brain, request.system, request.turns, request.schema is not None)
        if said.kind == "blocked":
            return GeminiAnswer(finish="SAFETY")
        finish = "MAX_TOKENS" if said.kind == "cut_off" else "STOP"
        return fault(said) or GeminiAnswer(said.text, finish=finish)

    return think


def openai_brain(brain: Brain | Hostile) -> Callable[[OpenAIRequest], OpenAIAnswer | Fault]:
    """What an ``OpenAIServer`` is given."""

    def think(request: OpenAIRequest) -> OpenAIAnswer | Fault:
        said = ask(brain, request.system, request.turns, False)
        if said.kind == "blocked":
            return OpenAIAnswer(finish="content_filter")
        finish = "length" if said.kind == "cut_off" else "stop"
        return fault(said) or OpenAIAnswer(said.text, finish=finish)

    return think


def ask(brain: Brain | Hostile, system: str, turns: Sequence[Turn], schema: bool) -> Behaviour:
    """Ask for the agent's prompt of a conversation, also where it was asked again since."""
    said = [turn.text for turn in turns if turn.role == "user"]
    agents = [text for text in said if text.startswith("You are now the agent `")]
    answer = brain.answer(system, (agents or said or [""])[-1], schema)
    return answer if isinstance(answer, Behaviour) else Behaviour("good", answer)


def fault(said: Behaviour) -> Fault | None:
    """What the server does in place of answering; None where it answers."""
    faults: dict[str, Callable[[], Fault]] = {
        "rate": lambda: rate_limited(float(said.text)),
        "error_500": server_error,
        "error_503": overloaded,
        "dropped": dropped,
        "garbage": garbage,
    }
    return faults[said.kind]() if said.kind in faults else None
