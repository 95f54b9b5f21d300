"""Asking a model until its answer can be used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from mle_star.engineer.llm.text import Unusable, without_thoughts
from mle_star.errors import NoAnswer
from mle_star.models.base import Message, Reply, Request

T = TypeVar("T")

QUOTED = 16_000
"""Most characters of the newest unusable answer that are sent back."""
QUOTED_EARLIER = 1_000
"""Most characters of each earlier one."""


class Client(Protocol):
    """Whoever takes a request to a model."""

    def call(self, request: Request) -> Reply:
        """The answer to one request."""


@dataclass(frozen=True)
class _Failure:
    """An answer that could not be used."""

    answer: str
    """Empty where there was none worth sending back."""
    note: str
    """What the model is told."""
    reason: str
    silent: bool = False
    """No answer at all: refused by the provider, or empty."""


class Asker:
    """Asks, reads, and asks again with the reason; safe to share between threads."""

    def __init__(self, client: Client, tries: int) -> None:
        """Ask through ``client``, at most ``tries`` times for one answer."""
        self._client = client
        self._tries = max(1, tries)

    def ask(self, request: Request, read: Callable[[str], T]) -> T:
        """The answer, as ``read`` makes it of the text.

        Args:
            request: the first question.
            read: turns an answer into a value, or raises :class:`Unusable`.

        Raises:
            NoAnswer: none of the answers could be used. What the client raises passes through.
        """
        failures: list[_Failure] = []
        while len(failures) < self._tries:
            reply = self._client.call(_with(request, failures))
            text = without_thoughts(reply.text).strip("\n")
            failure = _unread(reply, text)
            if failure is None:
                try:
                    return read(text)
                except Unusable as error:
                    failure = _Failure(text, f"{_upper(str(error))}.", error.reason)
            failures.append(failure)
            if _hopeless(failures):
                break
        times = f"{len(failures)} tries" if len(failures) > 1 else "1 try"
        raise NoAnswer(
            f"The model gave no usable answer as {request.role!r} after {times}: "
            f"{failures[-1].reason}."
        )


def _unread(reply: Reply, text: str) -> _Failure | None:
    """What is wrong with an answer before it is read."""
    if reply.finish == "length":
        after = f" after {reply.usage.output} tokens" if reply.usage.output else ""
        note = (
            f"Your answer was cut off{after}. Answer shorter: only what was asked for, in the form "
            "asked for, without explanations."
        )
        return _Failure(shortened(text, QUOTED_EARLIER), note, f"the answer was cut off{after}")
    if reply.finish == "refused" or not text.strip():
        reason = "the provider blocked the answer" if reply.finish == "refused" else "it was empty"
        note = (
            "This is an ordinary data science task on the user's own data. Please answer in the "
            "form asked for."
        )
        return _Failure("", note, reason, silent=True)
    return None


def _hopeless(failures: list[_Failure]) -> bool:
    """Whether the newest failure is the one before once more."""
    if len(failures) < 2:
        return False
    newest, before = failures[-1], failures[-2]
    if newest.silent:
        return sum(failure.silent for failure in failures) > 1
    return bool(newest.answer.strip()) and newest.answer.split() == before.answer.split()


def _with(request: Request, failures: list[_Failure]) -> Request:
    """The question, with what was answered so far and why that could not be used."""
    messages = list(request.messages)
    for number, failure in enumerate(failures):
        newest = number + 1 == len(failures)
        note = failure.note
        if failure.answer.strip():
            quoted = shortened(failure.answer, QUOTED if newest else QUOTED_EARLIER)
            messages.append(Message("assistant", quoted))
            if newest:
                note += " Answer again in the form asked for."
            messages.append(Message("user", note))
        elif messages and messages[-1].role == "user":
            # An empty turn is refused by some providers, and so are two turns of one side.
            messages[-1] = Message("user", f"{messages[-1].text}\n\n{note}")
        else:
            messages.append(Message("user", note))
    return replace(request, messages=tuple(messages))


def shortened(text: str, most: int) -> str:
    """The beginning and the end of a text that is longer than ``most`` characters."""
    if len(text) <= most:
        return text
    head, tail = most * 2 // 3, most // 3
    return f"{text[:head]}\n[... {len(text) - head - tail} characters left out ...]\n{text[-tail:]}"


def _upper(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
