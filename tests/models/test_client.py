"""The client's decisions, with models made of a list of what they do."""

from __future__ import annotations

import contextvars
import itertools
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.exceptions import (
    ModelAPIError,
    ModelAuthenticationError,
    ModelInvalidRequestError,
    ModelRateLimitError,
)
from langchain_core.messages import AIMessage
from pydantic import BaseModel

from mle_star.context import Settings, context_from, resolve
from mle_star.errors import RunStopped, SettingsError
from mle_star.models.base import (
    Call,
    Message,
    ModelRefused,
    ModelUnavailable,
    Request,
    Usage,
    WalletEmpty,
)
from mle_star.models.client import Client
from mle_star.models.gate import Gate
from mle_star.models.wallet import listen
from tests.models.test_gate import FakeTime, in_threads

MAIN = "google_genai:gemini-2.5-pro"
SPARE = "openai:gpt-4.1"

Step = str | AIMessage | BaseException | Callable[[], AIMessage]


class Plan(BaseModel):
    text: str


class FakeChat:
    """Does one step after the other, the last one for ever."""

    def __init__(self, steps: Sequence[Step], profile: Mapping[str, Any] | None = None) -> None:
        self.steps = list(steps)
        self.profile = profile
        self.asked: list[tuple[str, list[dict[str, str]]]] = []

    def _do(self, how: str, turns: list[dict[str, str]]) -> AIMessage:
        self.asked.append((how, turns))
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, BaseException):
            raise step
        if isinstance(step, str):
            return AIMessage(step, usage_metadata=usage(10, 5))
        return step if isinstance(step, AIMessage) else step()

    def invoke(self, turns: list[dict[str, str]]) -> AIMessage:
        return self._do("plain", turns)

    def with_structured_output(self, schema: type[BaseModel], include_raw: bool) -> Any:
        assert include_raw
        return Bound(lambda turns: {"raw": self._do("held", turns)})

    def bind_tools(self, tools: list[Any]) -> Any:
        assert tools == [{"google_search": {}}]
        return Bound(lambda turns: self._do("grounded", turns))


class Bound:
    def __init__(self, invoke: Callable[[list[dict[str, str]]], Any]) -> None:
        self.invoke = invoke


def usage(read: int, made: int) -> Any:
    return {"input_tokens": read, "output_tokens": made, "total_tokens": read + made}


class Models:
    """Builds fake chats and remembers what they were built with."""

    def __init__(self, **chats: FakeChat) -> None:
        self.chats = {MAIN: FakeChat(["main"]), SPARE: FakeChat(["spare"])} | chats
        self.built: list[tuple[str, float | None, str]] = []

    def __call__(
        self, name: str, *, temperature: float | None, timeout: float, base_url: str = ""
    ) -> Any:
        self.built.append((name, temperature, base_url))
        return self.chats.setdefault(name, FakeChat([name]))


def make(
    asked: Models | FakeChat | None = None,
    /,
    folder: Path | None = None,
    stopping: threading.Event | None = None,
    **context: Any,
) -> tuple[Client, FakeTime]:
    if isinstance(asked, FakeChat):
        asked = Models(**{MAIN: asked})
    fake, stopping = FakeTime(), stopping or threading.Event()
    client = Client(
        settings_of(**context),
        folder=folder,
        stopping=stopping,
        build=asked or Models(),
        gate=Gate(stopping, clock=fake.clock, wait=fake.wait),
    )
    return client, fake


def settings_of(**context: Any) -> Settings:
    return resolve(context_from({"engineer": "llm", "model": MAIN} | context))


def ask(role: str = "plan", text: str = "What now?", **rest: Any) -> Request:
    return Request(role, (Message("system", "Be brief."), Message("user", text)), **rest)


# Whom to ask


def test_an_agent_s_own_model_goes_before_its_group_s_and_that_before_the_main_one() -> None:
    client, _ = make(models={"code": "ollama:coder", "debug": "OpenAI:gpt-4.1"})
    assert client.model_for("debug") == "openai:gpt-4.1"
    assert client.model_for("write") == "ollama:coder"
    assert client.model_for("plan") == MAIN
    assert sorted(client.models) == [MAIN, "ollama:coder", "openai:gpt-4.1"]


def test_without_a_name_the_default_model_is_asked() -> None:
    client, _ = make(model="")
    assert client.model_for("plan") == MAIN


@pytest.mark.parametrize(
    "context",
    [{"model": "gpt-4.1"}, {"fallback_model": "gpt-4.1"}, {"models": {"code": "gpt-4.1"}}],
)
def test_a_malformed_name_is_told_before_anything_is_sent(context: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match=r"'openai:gpt-4\.1'"):
        make(**context)


def test_temperatures_are_the_agents_own_unless_chosen() -> None:
    models = Models()
    client, _ = make(models, temperatures={"plans": 0.2, "debug": 0.9})
    for role in ("plan", "debug", "write", "check_leakage"):
        client.call(ask(role))
    assert [temperature for _, temperature, _ in models.built] == [0.2, 0.9, 1.0, 0.0]


def test_the_address_is_for_models_of_the_main_provider_alone() -> None:
    models = Models()
    client, _ = make(
        models,
        model="openai:local",
        base_url="http://127.0.0.1:1/v1",
        models={"plan": "openai:other", "debug": "ollama:qwen3"},
    )
    for role in ("write", "plan", "debug"):
        client.call(ask(role))
    assert [(name, url) for name, _, url in models.built] == [
        ("openai:local", "http://127.0.0.1:1/v1"),
        ("openai:other", "http://127.0.0.1:1/v1"),
        ("ollama:qwen3", ""),
    ]


# What comes back


def test_an_answer_with_its_bill() -> None:
    chat = FakeChat([AIMessage("done", usage_metadata=usage(120, 30))])
    client, _ = make(chat)
    heard: list[Call] = []
    with listen(heard.append):
        reply = client.call(ask(solution=1, phase="refine"))
    assert (reply.text, reply.model, reply.finish, reply.remembered) == (
        "done",
        MAIN,
        "stop",
        False,
    )
    assert reply.usage == Usage(input=120, output=30)
    assert chat.asked[0][1] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "What now?"},
    ]
    [call] = heard
    assert (call.role, call.phase, call.solution, call.model) == ("plan", "refine", 1, MAIN)
    assert (call.usage, call.outcome) == (reply.usage, "answered")
    assert client.wallet.spent().total.calls == 1


def test_tokens_that_are_not_told_are_estimated() -> None:
    client, _ = make(FakeChat([AIMessage("word " * 30)]))
    spent = client.call(ask()).usage
    assert 0 < spent.input < 20
    assert spent.output == 51


def test_an_answer_is_paid_for_once(tmp_path: Path) -> None:
    chat = FakeChat(["one", "two", "three"])
    first = make(chat, folder=tmp_path)[0].call(ask(solution=0, phase="refine"))
    client, _ = make(chat, folder=tmp_path)
    again = client.call(ask(solution=0, phase="ensemble"))
    other = client.call(ask(solution=1))
    assert (first.text, again.text, other.text) == ("one", "one", "two")
    assert (first.remembered, again.remembered) == (False, True)
    assert client.wallet.spent().total.calls == 2


def test_a_recording_answers_in_place_of_the_model(tmp_path: Path) -> None:
    client, _ = make(FakeChat(["recorded"]), folder=tmp_path, record=True)
    client.call(ask())
    silent = Models(**{MAIN: FakeChat([AssertionError("a model was asked")])})
    replaying, _ = make(silent, replay=str(tmp_path / "traffic.jsonl"))
    assert replaying.call(ask()).text == "recorded"
    replaying.check()
    assert not silent.built
    assert replaying.wallet.spent().total.calls == 0
    with pytest.raises(ModelUnavailable, match="recording"):
        replaying.call(ask("debug"))


def test_failures_are_recorded_too(tmp_path: Path) -> None:
    client, _ = make(FakeChat([ModelInvalidRequestError("odd")]), folder=tmp_path, record=True)
    with pytest.raises(ModelUnavailable):
        client.call(ask())
    replaying, _ = make(replay=str(tmp_path / "traffic.jsonl"))
    with pytest.raises(ModelUnavailable, match="odd"):
        replaying.call(ask())


# Sending again


def test_an_outage_is_waited_out_with_growing_pauses() -> None:
    chat = FakeChat([ModelAPIError("broken")] * 4 + ["at last"])
    client, fake = make(chat)
    assert client.call(ask()).text == "at last"
    assert len(chat.asked) == 5
    assert len(fake.waits) == 4
    for number, wait in enumerate(fake.waits):
        assert 2**number <= wait <= 1.5 * 2**number
    bill = client.wallet.spent().total
    assert (bill.calls, bill.failed) == (5, 4)


def test_after_five_sendings_a_model_is_given_up() -> None:
    chat = FakeChat([ModelAPIError("broken")])
    client, _ = make(chat)
    with pytest.raises(ModelUnavailable, match=f"{MAIN}.*broken"):
        client.call(ask())
    assert len(chat.asked) == 5


def test_a_model_that_stays_down_is_left_alone_and_tried_again() -> None:
    chat = FakeChat([ModelAPIError("broken")] * 10 + ["up again"])
    client, fake = make(chat)
    for number in range(2):
        with pytest.raises(ModelUnavailable, match="broken"):
            client.call(ask(text=f"question {number}"))
    before = fake.now
    with pytest.raises(ModelUnavailable, match=r"has not answered lately.*left alone for 30 s"):
        client.call(ask(text="at once"))
    assert (len(chat.asked), fake.now) == (10, before)  # neither sent nor waited for
    fake.now += 31
    assert client.call(ask(text="later")).text == "up again"
    assert client.call(ask(text="and then")).text == "up again"


def test_while_a_model_is_left_alone_its_fallback_is_asked_at_once() -> None:
    models = Models(**{MAIN: FakeChat([ModelAPIError("broken")])})
    client, _ = make(models, fallback_model=SPARE)
    for number in range(4):
        assert client.call(ask(text=f"question {number}")).model == SPARE
    assert len(models.chats[MAIN].asked) == 10
    assert len(models.chats[SPARE].asked) == 4


def test_a_question_that_is_turned_down_is_no_outage() -> None:
    chat = FakeChat([ModelInvalidRequestError("too long")] * 3 + ["fine"])
    client, _ = make(chat)
    for number in range(3):
        with pytest.raises(ModelUnavailable, match="too long"):
            client.call(ask(text=f"question {number}"))
    assert client.call(ask(text="short")).text == "fine"


def test_nothing_is_sent_once_the_run_has_no_time_left() -> None:
    chat = FakeChat(["fine"])
    client, _ = make(chat)
    client.bound(lambda: 0.0)
    with pytest.raises(ModelUnavailable, match="no time left"):
        client.call(ask())
    client.check()  # a run that only has to finish needs no model
    assert chat.asked == []
    client.bound(lambda: 5.0)
    assert client.call(ask()).text == "fine"


def test_no_retry_waits_beyond_the_run_s_time() -> None:
    chat = FakeChat([rate(20), "fine"])
    client, fake = make(chat)
    client.bound(lambda: 115.0 - fake.now)
    with pytest.raises(ModelUnavailable, match="slow down"):
        client.call(ask())
    assert (len(chat.asked), fake.waits) == (1, [])


def test_no_answer_is_waited_for_beyond_the_run_s_time() -> None:
    release = threading.Event()

    def think() -> AIMessage:
        release.wait(30)
        return AIMessage("late")

    client, _ = make(FakeChat([think]))
    end = time.monotonic() + 0.3
    client.bound(lambda: end - time.monotonic())
    with pytest.raises(ModelUnavailable, match=r"no answer within 0\.\d+ s"):
        client.call(ask())
    release.set()
    [*_, call] = client.wallet.calls()
    assert call.usage.input > 0  # it may be billed


def rate(delay: float) -> ModelRateLimitError:
    error = ModelRateLimitError("slow down")
    error.status_code = 429  # type: ignore[attr-defined]
    error.details = {"error": {"details": [{"retryDelay": f"{delay}s"}]}}  # type: ignore[attr-defined]
    return error


def test_the_provider_s_delay_is_kept_by_everybody() -> None:
    chat = FakeChat([rate(33), "fine"])
    client, fake = make(chat)
    client.call(ask())
    assert fake.now == pytest.approx(133)


def test_a_delay_beyond_a_minute_is_not_waited_for() -> None:
    chat = FakeChat([rate(61), "fine"])
    client, fake = make(chat)
    with pytest.raises(ModelUnavailable, match="slow down"):
        client.call(ask())
    assert (len(chat.asked), fake.waits) == (1, [])


def test_waiting_ends_with_twice_the_time_out() -> None:
    chat = FakeChat([rate(30)])
    client, fake = make(chat, model_timeout=40)
    with pytest.raises(ModelUnavailable):
        client.call(ask())
    assert len(chat.asked) == 3
    assert fake.now <= 100 + 80


def test_what_no_waiting_mends_is_given_up_at_once() -> None:
    error = ModelRateLimitError("insufficient_quota")
    error.status_code = 429  # type: ignore[attr-defined]
    chat = FakeChat([error, "fine"])
    client, fake = make(chat)
    with pytest.raises(ModelUnavailable, match="insufficient_quota"):
        client.call(ask())
    assert (len(chat.asked), fake.waits) == (1, [])


def test_a_refusal_is_one_sentence_with_the_remedy() -> None:
    chat = FakeChat([ModelAuthenticationError("API key not valid.")])
    client, _ = make(chat, fallback_model=SPARE)
    with pytest.raises(ModelRefused) as caught:
        client.call(ask())
    sentence = str(caught.value)
    assert MAIN in sentence
    assert "API key not valid" in sentence
    assert "GOOGLE_API_KEY" in sentence
    assert len(chat.asked) == 1


# Who stands in


def test_the_fallback_answers_once_the_first_model_is_given_up(tmp_path: Path) -> None:
    models = Models(**{MAIN: FakeChat([ModelAPIError("broken")])})
    client, _ = make(models, folder=tmp_path, fallback_model=SPARE)
    reply = client.call(ask())
    assert (reply.text, reply.model) == ("spare", SPARE)
    assert client.call(ask()).remembered
    assert [call.model for call in client.wallet.calls()] == [MAIN] * 5 + [SPARE]


def test_both_models_are_named_when_both_are_down() -> None:
    models = Models(
        **{MAIN: FakeChat([ModelAPIError("one")]), SPARE: FakeChat([ModelAPIError("two")])}
    )
    client, _ = make(models, fallback_model=SPARE)
    with pytest.raises(ModelUnavailable, match=f"{MAIN}.*one.*{SPARE}.*two"):
        client.call(ask())


def test_a_model_is_not_its_own_fallback() -> None:
    chat = FakeChat([ModelAPIError("broken")])
    client, _ = make(chat, fallback_model=MAIN)
    with pytest.raises(ModelUnavailable):
        client.call(ask())
    assert len(chat.asked) == 5


# Forms of answers


HOLDS = {"structured_output": True}


def test_only_models_known_for_it_are_held_to_a_schema() -> None:
    for profile, how in ((HOLDS, "held"), ({}, "plain"), (None, "plain")):
        chat = FakeChat(['{"text": "x"}'], profile)
        client, _ = make(chat)
        assert client.call(ask(schema=Plan)).text == '{"text": "x"}'
        assert chat.asked[0][0] == how


def test_the_arguments_of_a_tool_are_the_answer() -> None:
    call = {"name": "Plan", "args": {"text": "x"}, "id": "1"}
    chat = FakeChat([AIMessage("Let me see.", tool_calls=[call])], HOLDS)
    client, _ = make(chat)
    assert client.call(ask(schema=Plan)).text == '{"text": "x"}'


def test_a_schema_that_is_turned_down_is_left_out_from_then_on() -> None:
    chat = FakeChat([ModelInvalidRequestError("no schema"), "plain"], HOLDS)
    client, fake = make(chat)
    assert client.call(ask(schema=Plan)).text == "plain"
    client.call(ask(schema=Plan, text="And now?"))
    assert [how for how, _ in chat.asked] == ["held", "plain", "plain"]
    assert not fake.waits
    assert client.wallet.spent().total.calls == 3


def test_a_question_that_is_turned_down_says_nothing_about_schemas() -> None:
    odd = ModelInvalidRequestError("too long")
    chat = FakeChat([odd, odd, "held"], HOLDS)
    client, _ = make(chat)
    with pytest.raises(ModelUnavailable, match="too long"):
        client.call(ask(schema=Plan))
    client.call(ask(schema=Plan, text="And now?"))
    assert [how for how, _ in chat.asked] == ["held", "plain", "held"]


@pytest.mark.parametrize(
    ("metadata", "finish"),
    [
        ({"finish_reason": "STOP"}, "stop"),
        ({"finish_reason": "MAX_TOKENS"}, "length"),
        ({"finish_reason": "length"}, "length"),
        ({"stop_reason": "max_tokens"}, "length"),
        ({"done_reason": "length"}, "length"),
        ({"stop_reason": "end_turn"}, "stop"),
        ({"finish_reason": "SAFETY"}, "refused"),
        ({"finish_reason": "PROHIBITED_CONTENT"}, "refused"),
        ({"finish_reason": "RECITATION"}, "refused"),
        ({"finish_reason": "content_filter"}, "refused"),
        ({"stop_reason": "refusal"}, "refused"),
        ({"prompt_feedback": {"block_reason": "SAFETY"}}, "refused"),
        ({}, "stop"),
    ],
)
def test_why_an_answer_ended(metadata: dict[str, Any], finish: str) -> None:
    client, _ = make(FakeChat([AIMessage("x", response_metadata=metadata)]))
    assert client.call(ask()).finish == finish


def test_only_gemini_searches() -> None:
    chat = FakeChat(["found"], HOLDS)
    client, _ = make(chat, models={"debug": SPARE})
    assert client.call(ask(grounded=True, schema=Plan)).text == "found"
    assert chat.asked[0][0] == "grounded"
    with pytest.raises(ModelUnavailable, match="only Gemini"):
        client.call(ask("debug", grounded=True))


# Limits


def test_the_cap_on_calls_counts_what_is_sent() -> None:
    chat = FakeChat([ModelAPIError("broken")])
    client, _ = make(chat, max_calls=3, reserve=0.05)
    with pytest.raises(WalletEmpty):
        client.call(ask(phase="ensemble"))
    assert len(chat.asked) == 3


def test_threads_together_keep_the_cap_on_calls() -> None:
    chat = FakeChat([ModelAPIError("broken"), "fine"])
    client, _ = make(chat, max_calls=10)
    empty: list[int] = []
    numbers = itertools.count()

    def work() -> None:
        for _ in range(5):
            try:
                client.call(ask(text=f"Question {next(numbers)}", phase="submit"))
            except WalletEmpty:
                empty.append(1)

    in_threads(8, work)
    assert len(chat.asked) == 10
    assert len(empty) == 31


def test_the_cap_on_tokens_goes_by_the_longest_answer_so_far() -> None:
    chat = FakeChat([AIMessage("x", usage_metadata=usage(10, 6000))])
    client, _ = make(chat, max_tokens=11_000)
    client.call(ask(phase="submit"))
    with pytest.raises(WalletEmpty):  # 6010 are spent and another 6000 may be
        client.call(ask(text="more", phase="submit"))
    with pytest.raises(WalletEmpty):  # nor may another agent's, of the same model
        client.call(ask("debug", text="more", phase="submit"))


# Stopping


def test_a_stop_does_not_wait_for_a_model() -> None:
    release, thinking = threading.Event(), threading.Event()

    def think() -> AIMessage:
        thinking.set()
        release.wait(30)
        return AIMessage("late")

    stopping = threading.Event()
    client, _ = make(FakeChat([think]), stopping=stopping)
    outcome: list[BaseException | float] = []

    def work() -> None:
        try:
            client.call(ask())
        except RunStopped as error:
            outcome.extend((error, time.monotonic()))

    thread = threading.Thread(target=work)
    thread.start()
    thinking.wait(10)
    stopped = time.monotonic()
    stopping.set()
    thread.join(10)
    release.set()
    assert isinstance(outcome[0], RunStopped)
    assert isinstance(outcome[1], float)
    assert outcome[1] - stopped < 1
    assert client.wallet.spent().total.unsettled == 1


def test_a_library_that_forgets_its_time_out_is_left_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mle_star.models.sending._GRACE", 0.05)
    release = threading.Event()

    def think() -> AIMessage:
        release.wait(30)
        return AIMessage("late")

    client, _ = make(FakeChat([think]), model_timeout=0.1)
    with pytest.raises(ModelUnavailable, match=r"within 0\.1 s"):
        client.call(ask())
    release.set()
    [*_, call] = client.wallet.calls()
    assert (call.outcome, call.usage.output) == ("unavailable", 0)
    assert call.usage.input > 0  # it may be billed


def test_the_model_is_asked_in_the_caller_s_context() -> None:
    node = contextvars.ContextVar("node", default="")
    client, _ = make(FakeChat([lambda: AIMessage(node.get())]))
    node.set("refine")
    assert client.call(ask()).text == "refine"


# Hello


def test_every_model_is_greeted_once() -> None:
    models = Models()
    client, _ = make(models, models={"code": "ollama:coder"}, fallback_model=SPARE)
    client.check()
    greeted = {name: len(chat.asked) for name, chat in models.chats.items()}
    assert greeted == {MAIN: 1, "ollama:coder": 1, SPARE: 1}
    client.check()  # nothing is remembered
    assert len(models.chats[MAIN].asked) == 2
    assert {call.role for call in client.wallet.calls()} == {"check"}
    assert {temperature for _, temperature, _ in models.built} == {None}


def test_a_wrong_key_shows_at_the_hello() -> None:
    models = Models(**{SPARE: FakeChat([ModelAuthenticationError("API key not valid")])})
    client, _ = make(models, fallback_model=SPARE)
    with pytest.raises(ModelRefused, match=SPARE):
        client.check()


def test_a_model_that_is_down_matters_unless_the_fallback_is_up() -> None:
    down = FakeChat([ModelAPIError("broken")])
    with pytest.raises(ModelUnavailable, match=MAIN):
        make(down)[0].check()
    make(Models(**{MAIN: down}), fallback_model=SPARE)[0].check()


def test_a_fallback_that_is_down_does_not_keep_a_run_from_beginning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    down = FakeChat([ModelAPIError("broken")])
    make(Models(**{SPARE: down}), fallback_model=SPARE)[0].check()
    assert SPARE in caplog.text
    with pytest.raises(ModelUnavailable, match=SPARE):  # an agent needs it as well
        make(Models(**{SPARE: down}), fallback_model=SPARE, models={"code": SPARE})[0].check()


def test_a_spent_wallet_waits_for_no_place() -> None:
    fake, stopping = FakeTime(), threading.Event()
    gate = Gate(stopping, 2, clock=fake.clock, wait=fake.wait)
    models = Models(**{MAIN: FakeChat(["yes"])})
    client = Client(
        settings_of(max_calls=1), folder=None, stopping=stopping, build=models, gate=gate
    )
    client.call(ask())
    before = fake.now
    for number in range(5):
        with pytest.raises(WalletEmpty):
            client.call(ask(text=f"question {number}"))
    assert fake.now == before


def test_nobody_is_greeted_where_no_call_is_allowed() -> None:
    models = Models()
    client, _ = make(models, max_calls=0)
    client.check()
    assert not models.chats[MAIN].asked


def test_no_wait_is_endless() -> None:
    error = rate(1)
    error.details = {"error": {"details": [{"retryDelay": "infs"}]}}  # type: ignore[attr-defined]
    client, fake = make(FakeChat([error, "fine"]))
    assert client.call(ask()).text == "fine"
    assert math.isfinite(fake.now)
