"""The run's line to its models: what was said before, whom to ask, who stands in."""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from mle_star.context import DEFAULT_MODEL, Settings
from mle_star.models.base import (
    Message,
    ModelRefused,
    ModelUnavailable,
    Reply,
    Request,
    WalletEmpty,
)
from mle_star.models.gate import Gate
from mle_star.models.prices import load_prices
from mle_star.models.providers import build_chat_model, parse_model
from mle_star.models.recording import Recorder, Replay
from mle_star.models.sending import Builder, Sender
from mle_star.models.store import AnswerStore, answer_key
from mle_star.models.wallet import LEDGER, Wallet
from mle_star.roles import ROLES, TEMPERATURES, for_role

logger = logging.getLogger(__name__)

ANSWERS = "answers.sqlite"
"""File in the run folder: every answer, so that a resumed run pays nothing twice."""
ANSWER_TOKENS = 8_192
"""Room for an answer beside the longest prompt, where a server reserves memory for both."""
TRAFFIC = "traffic.jsonl"
"""File in the run folder: the recording, where one is asked for."""


class Client:
    """Takes requests to models. One object serves all threads of a run.

    Attributes:
        wallet: caps and the bill.
        models: every model the run can ask, as ``provider:name``, the fallback last.
        recorder: takes the traffic down, also that of searches; None where it isn't wanted.
        replay: answers in place of models and search; None in a real run.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        folder: Path | None,
        stopping: threading.Event,
        build: Builder | None = None,
        gate: Gate | None = None,
        first_delay: float = 1.0,
    ) -> None:
        """Get ready; nothing is sent and no model is built yet.

        Args:
            settings: models, temperatures, caps.
            folder: the run folder, which gets the ledger, the answers and the recording; None keeps
                them in memory and records nothing.
            stopping: set when the run is asked to stop; every wait then ends with RunStopped.
            build: makes a chat model; by default :func:`build_chat_model`.
            gate: limits the requests; by default one of the run's own.
            first_delay: seconds before a request is sent again, where the provider names none.

        Raises:
            SettingsError: a model's name is malformed, the prices or the replay can't be read, or
                cost is capped and the price of a model is not known.
            RunError: the ledger or the answers in the folder are damaged.
        """
        self.settings = settings
        self._main = parse_model(settings.model or DEFAULT_MODEL)
        self._fallback = _full_name(settings.fallback_model) if settings.fallback_model else ""
        asked = [self.model_for(role) for role in ROLES]
        self.models = tuple(dict.fromkeys(filter(None, [*asked, self._fallback])))
        self.wallet = Wallet(
            folder / LEDGER if folder else None,
            load_prices(settings.prices),
            settings.max_calls,
            settings.max_tokens,
            settings.max_cost,
            settings.reserve,
            stopping=stopping,
        )
        if not settings.replay:
            self.wallet.require_prices(self.models)
        self.replay = Replay(settings.replay) if settings.replay else None
        self.recorder = Recorder(folder / TRAFFIC) if folder and settings.record else None
        self._store = AnswerStore(folder / ANSWERS if folder else None)
        self._sender = Sender(
            self.wallet,
            gate or Gate(stopping, settings.requests_per_minute),
            stopping,
            build=build or functools.partial(build_chat_model, context=_context(settings)),
            address=self._address,
            timeout=settings.model_timeout,
            first_delay=first_delay,
        )

    def bound(self, time_left: Callable[[], float]) -> None:
        """Let nobody wait for a model longer than that.

        Args:
            time_left: seconds of the run that models may still take.
        """
        self._sender.time_left = time_left

    def model_for(self, role: str) -> str:
        """The model that an agent asks, as ``provider:name``."""
        chosen = for_role(role, self.settings.models)
        return _full_name(chosen) if chosen else ":".join(self._main)

    def call(self, request: Request) -> Reply:
        """Answer a request: from the store, the replay, the model, or the fallback model.

        Raises:
            ModelRefused: the provider will not answer as things stand; a person must mend it.
            ModelUnavailable: no answer after every retry, nor from the fallback.
            WalletEmpty: what the run may spend is spent.
            RunStopped: the run was stopped.
        """
        model = self.model_for(request.role)
        key = answer_key(model, {"temperature": self._temperature(request.role)}, request)
        if (known := self._store.get(key)) is not None:
            return known
        if self.replay is not None:
            reply = self.replay.model(request, key)
        else:
            reply = self._recorded(model, request, key)
        self._store.put(key, request.role, request.solution, reply)
        return reply

    def check(self) -> None:
        """Say hello to every model once; nothing is stored.

        Does nothing where a replay answers or no time is left, and ends where the wallet allows no
        call.

        Raises:
            ModelRefused: a key or a model's name is wrong.
            ModelUnavailable: a model that an agent asks does not answer, and there is no fallback
                that does.
            RunStopped: the run was stopped.
        """
        if self.replay is not None or self._sender.time_left() <= 0:
            return
        hello = Request("check", (Message("user", "Say hello in one word."),), phase="check")
        down: dict[str, ModelUnavailable] = {}
        for model in self.models:
            try:
                self._sender.send(model, None, hello)
            except WalletEmpty:
                return
            except ModelUnavailable as error:
                down[model] = error
        needed = {self.model_for(role) for role in ROLES}
        missing = [error for model, error in down.items() if model in needed]
        if missing and (not self._fallback or self._fallback in down):
            raise missing[0]
        for problem in down.values():
            logger.warning("The run begins all the same: %s", problem)

    def _temperature(self, role: str) -> float | None:
        chosen = for_role(role, self.settings.temperatures)
        return TEMPERATURES.get(role) if chosen is None else chosen

    def _address(self, model: str) -> str:
        """A base URL belongs to one provider's interface; other providers keep their own."""
        return self.settings.base_url if parse_model(model)[0] == self._main[0] else ""

    def _recorded(self, model: str, request: Request, key: str) -> Reply:
        try:
            reply = self._answered(model, request)
        except (ModelRefused, ModelUnavailable) as error:
            if self.recorder is not None:
                kind = "refused" if isinstance(error, ModelRefused) else "unavailable"
                self.recorder.failure(request, key, kind, str(error))
            raise
        if self.recorder is not None:
            self.recorder.model(request, key, reply)
        return reply

    def _answered(self, model: str, request: Request) -> Reply:
        temperature = self._temperature(request.role)
        try:
            return self._sender.send(model, temperature, request)
        except ModelUnavailable as error:
            if self._fallback in ("", model):
                raise
            first = str(error)
        try:
            return self._sender.send(self._fallback, temperature, request)
        except ModelUnavailable as error:
            raise ModelUnavailable(f"{first} {error}") from None


def _context(settings: Settings) -> int:
    """Tokens that a prompt and its answer take at most, for servers that must be told."""
    return settings.prompt_tokens + ANSWER_TOKENS


def _full_name(name: str) -> str:
    return ":".join(parse_model(name))
