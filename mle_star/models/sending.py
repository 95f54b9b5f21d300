"""Sending a request until it is answered, or until there is no use in going on."""

from __future__ import annotations

import contextvars
import math
import queue
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from mle_star.errors import RunStopped
from mle_star.models.base import ModelRefused, ModelUnavailable, Reply, Request, Usage
from mle_star.models.breaker import Breaker
from mle_star.models.exchange import Answer, estimated_input, estimated_tokens, exchange
from mle_star.models.failures import Failure, classify
from mle_star.models.gate import Gate
from mle_star.models.providers import KEYS, holds_to_schema, parse_model
from mle_star.models.wallet import Wallet

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

MOST_SENDS = 5
"""Times one request is sent to one model, the first included."""
LONGEST_WAIT = 60.0
"""Seconds; a provider that asks to wait longer is given up."""
FIRST_OUTPUT = 4_000
"""Tokens set aside for the answer to an agent that has had none yet."""
_GRACE = 5.0
"""Seconds beyond the time-out after which we stop waiting for a library to keep it."""


class Builder(Protocol):
    """Makes a chat model, as :func:`mle_star.models.providers.build_chat_model` does."""

    def __call__(
        self, name: str, *, temperature: float | None, timeout: float, base_url: str = ""
    ) -> BaseChatModel:
        """Make one."""


class Sender:
    """Builds the models of a run and sends to them. One object serves all threads.

    The only place that sends again: the client libraries are built not to. Every sending has its
    own entry in the wallet.
    """

    def __init__(
        self,
        wallet: Wallet,
        gate: Gate,
        stopping: threading.Event,
        *,
        build: Builder,
        address: Callable[[str], str],
        timeout: float,
        first_delay: float,
    ) -> None:
        """Get ready; no model is built yet.

        Args:
            wallet: lets requests through and keeps the bill.
            gate: limits how many go at once and a minute.
            stopping: set when the run is asked to stop.
            build: makes a chat model.
            address: ``provider:name`` -> base URL, empty for the provider's own.
            timeout: seconds one answer may take.
            first_delay: seconds before the first repetition, where the provider names none; doubled
                for each further one.
        """
        self._wallet, self._gate, self._stopping = wallet, gate, stopping
        self._build, self._address = build, address
        self._timeout, self._first_delay = timeout, first_delay
        self.time_left: Callable[[], float] = lambda: math.inf
        """Seconds that the run may still take; nothing waits longer for an answer."""
        self._breaker = Breaker(gate.clock)
        self._chats: dict[tuple[str, float | None], BaseChatModel] = {}
        self._free_form: set[str] = set()
        self._untempered: set[str] = set()
        self._largest: dict[str, int] = {}
        self._lock = threading.Lock()

    def send(self, model: str, temperature: float | None, request: Request) -> Reply:
        """Have a request answered by one model.

        Rate limits and outages are waited out, at most :data:`MOST_SENDS` times and no longer than
        twice the time-out in all or than the run may take; a model that still does not answer is
        then left alone for a while (:class:`Breaker`). A model that turns a schema or a temperature
        down is asked without, from then on.

        Raises:
            ModelRefused: the provider will not answer as things stand.
            ModelUnavailable: there was no answer.
            WalletEmpty: what the run may spend is spent.
            RunStopped: the run was stopped.
        """
        self._refuse_in_vain(model, request)
        chat = self._chat(model, None if model in self._untempered else temperature)
        held = request.schema is not None and not request.grounded and self._holds(model, chat)
        begun, loosened, sends = self._gate.clock(), False, 0
        while True:
            outcome = self._send_once(model, chat, request, held)
            sends += 1
            if isinstance(outcome, Reply):
                self._breaker.answered(model)
                if loosened:  # so it was the schema that was turned down, not the question
                    self._free_form.add(model)
                return outcome
            if outcome.kind == "refused":
                raise ModelRefused(_refusal(model, outcome))
            if self._too_warm(model, temperature, outcome):
                chat, temperature = self._chat(model, None), None
                continue
            if outcome.kind == "bad_request" and held:
                held, loosened = False, True
                continue
            delay = self._delay(outcome, sends)
            patience = 2 * self._timeout - (self._gate.clock() - begun)
            last = sends == MOST_SENDS or delay > min(LONGEST_WAIT, patience, self.time_left())
            if outcome.kind == "bad_request" or last:
                raise self._given_up(model, outcome)
            if outcome.kind == "rate":
                self._gate.hold(delay)  # the others would only run into the same limit
            else:
                self._gate.pause(delay)

    def _refuse_in_vain(self, model: str, request: Request) -> None:
        """Send nothing where no answer can be hoped for."""
        if request.grounded and parse_model(model)[0] != "google_genai":
            raise ModelUnavailable(f"{model} can't search the web: only Gemini can.")
        if self.time_left() <= 0:
            raise ModelUnavailable(f"The run has no time left to wait for {model}.")
        if (left := self._breaker.seconds_left(model)) > 0:
            raise ModelUnavailable(
                f"{model} has not answered lately, so it is left alone for {left:.0f} s more."
            )

    def _given_up(self, model: str, failure: Failure) -> ModelUnavailable:
        """What to raise after the last try; a model that is down is remembered."""
        if failure.kind != "bad_request" and self.time_left() > 0:
            self._breaker.failed(model, failure.retry_after)
        return ModelUnavailable(f"{model} gave no answer: {failure.message.rstrip('.')}.")

    def _too_warm(self, model: str, temperature: float | None, failure: Failure) -> bool:
        """Whether it is the temperature that was turned down; it is left out from then on."""
        if temperature is None or failure.kind != "bad_request":
            return False
        if "temperature" not in failure.message.lower():
            return False
        self._untempered.add(model)
        return True

    def _holds(self, model: str, chat: BaseChatModel) -> bool:
        return model not in self._free_form and holds_to_schema(chat)

    def _delay(self, failure: Failure, sends: int) -> float:
        if failure.retry_after:  # some ask to wait for no seconds, again and again
            return failure.retry_after
        # Branches that failed together should not come back together.
        return float(self._first_delay * 2 ** (sends - 1) * random.uniform(1.0, 1.5))

    def _send_once(
        self, model: str, chat: BaseChatModel, request: Request, held: bool
    ) -> Reply | Failure:
        """Send a request and settle its bill."""
        expected = Usage(
            input=estimated_input(request.messages),
            output=self._largest.get(request.role, FIRST_OUTPUT),
        )
        asked = (request.role, request.phase, request.solution, model, expected)
        self._wallet.refuse_if_spent(*asked)  # it must not wait for a place it has no use for
        with self._gate.passing():
            # Inside the gate, as a request that never left must not count.
            ticket = self._wallet.open(*asked)
            begun = time.monotonic()
            outcome = self._in_background(lambda: exchange(chat, request, held=held))
            seconds = time.monotonic() - begun
            if isinstance(outcome, Failure):
                lost = Usage(input=expected.input) if outcome.maybe_billed else Usage()
                self._wallet.settle(ticket, lost, seconds, outcome.kind)
                return outcome
            usage = outcome.usage or Usage(expected.input, output=estimated_tokens(outcome.text))
            self._wallet.settle(ticket, usage, seconds, "answered")
        with self._lock:
            self._largest[request.role] = max(usage.output, self._largest.get(request.role, 0))
        return Reply(
            outcome.text,
            model,
            finish=outcome.finish,
            usage=usage,
            seconds=seconds,
            sources=outcome.sources,
        )

    def _in_background(self, ask: Callable[[], Answer]) -> Answer | Failure:
        """Wait for an answer until the time-out, the end of the run's time, or a stop.

        A thread that is left behind ends by the time-out of its library; nobody hears its answer.
        """
        done: queue.SimpleQueue[Answer | Failure] = queue.SimpleQueue()

        def work() -> None:
            try:
                done.put(ask())
            except BaseException as error:  # noqa: BLE001 - no library's error may get lost here
                done.put(classify(error))

        # With the caller's context, so that tracing shows the call below the node that made it.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(work,), daemon=True).start()
        patience = min(self._timeout + _GRACE, max(0.0, self.time_left()))
        until = time.monotonic() + patience
        while time.monotonic() < until:
            if self._stopping.is_set():
                raise RunStopped("The run was stopped while a model was thinking.")
            try:
                return done.get(timeout=0.05)
            except queue.Empty:
                continue
        message = f"no answer within {min(self._timeout, patience):.3g} s"
        return Failure("unavailable", None, message, maybe_billed=True)

    def _chat(self, model: str, temperature: float | None) -> BaseChatModel:
        with self._lock:
            if (model, temperature) not in self._chats:
                self._chats[model, temperature] = self._build(
                    model,
                    temperature=temperature,
                    timeout=self._timeout,
                    base_url=self._address(model),
                )
            return self._chats[model, temperature]


def _refusal(model: str, failure: Failure) -> str:
    """What is wrong with a model that a person must mend, and how, in one sentence."""
    variables = " or ".join(KEYS.get(parse_model(model)[0], ()))
    key = f"the key in {variables}" if variables else "its key"
    remedy = {
        404: "check the model's name, and the setting base_url where you gave one",
        403: f"see to it that the account of {key} may use this model",
        None: "check the setting base_url",
    }.get(failure.status, f"put a valid key in {variables}" if variables else f"check {key}")
    return f"{model} can't be used ({failure.message.rstrip('.')}): {remedy}."
