"""The client through the real client libraries, against servers on the loopback interface."""

from __future__ import annotations

import itertools
import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypedDict, cast

import pytest
from langgraph.graph import START, StateGraph
from pydantic import BaseModel

from mle_star.context import context_from, resolve
from mle_star.errors import NoAnswer, RunStopped, SettingsError, UserError
from mle_star.models.base import (
    Message,
    ModelRefused,
    ModelUnavailable,
    Request,
    Source,
    Usage,
    WalletEmpty,
)
from mle_star.models.client import Client
from mle_star.models.gate import Gate
from tests.models.test_gate import FakeTime, in_threads
from tests.support.gemini import (
    GeminiAnswer,
    GeminiServer,
    bad_key,
    bad_request,
    forbidden,
    not_found,
    rate_limited,
    structured,
)
from tests.support.loopback import (
    KEY,
    Fault,
    dropped,
    garbage,
    in_turn,
    overloaded,
    server_error,
)
from tests.support.openai_server import (
    OpenAIAnswer,
    OpenAIRequest,
    OpenAIServer,
    out_of_credit,
    unauthorised,
)

GEMINI = "google_genai:gemini-2.5-pro"
LOCAL = "openai:local-model"


class Plan(BaseModel):
    """A plan."""

    text: str
    steps: int = 1


def ask(text: str = "What now?", role: str = "plan", **rest: Any) -> Request:
    return Request(role, (Message("system", "Be brief."), Message("user", text)), **rest)


@contextmanager
def gemini(
    monkeypatch: pytest.MonkeyPatch, *answers: GeminiAnswer | Fault, key: str = ""
) -> Iterator[GeminiServer]:
    with GeminiServer(in_turn(*answers), key=key) as server:
        server.point_here(monkeypatch)
        yield server


def make(
    folder: Path | None = None,
    stopping: threading.Event | None = None,
    fake: FakeTime | None = None,
    **context: Any,
) -> Client:
    stopping, fake = stopping or threading.Event(), fake or FakeTime()
    return Client(
        resolve(context_from({"engineer": "llm", "model": GEMINI, "model_timeout": 20} | context)),
        folder=folder,
        stopping=stopping,
        gate=Gate(stopping, clock=fake.clock, wait=fake.wait),
    )


# Gemini


def test_a_conversation_and_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = GeminiAnswer(
        "Use trees.",
        thought="Hm.",
        input_tokens=1000,
        cached_tokens=300,
        output_tokens=40,
        thinking_tokens=60,
    )
    with gemini(monkeypatch, answer) as server:
        client = make(temperatures={"plan": 0.4})
        turns = (
            Message("system", "Be brief."),
            Message("user", "one"),
            Message("assistant", "two"),
            Message("user", "three"),
        )
        reply = client.call(Request("plan", turns))
    assert (reply.text, reply.model, reply.finish) == ("Use trees.", GEMINI, "stop")
    assert reply.usage == Usage(input=1000, cached=300, output=100, thinking=60)
    assert 0 < reply.seconds < 20
    [request] = server.requests
    assert (request.model, request.system, request.temperature) == (
        "gemini-2.5-pro",
        "Be brief.",
        0.4,
    )
    assert [(turn.role, turn.text) for turn in request.turns] == [
        ("user", "one"),
        ("model", "two"),
        ("user", "three"),
    ]
    bill = client.wallet.spent().total
    assert (bill.input, bill.cached, bill.output, bill.thinking) == (1000, 300, 100, 60)


def test_a_schema_goes_to_gemini_and_json_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    with gemini(monkeypatch, structured({"text": "x", "steps": 2})) as server:
        reply = make().call(ask(schema=Plan))
    assert Plan.model_validate_json(reply.text) == Plan(text="x", steps=2)
    schema = server.requests[0].schema
    assert schema is not None
    assert set(schema["properties"]) == {"text", "steps"}


@pytest.mark.parametrize(
    ("answer", "text", "finish"),
    [
        (GeminiAnswer("no json"), "no json", "stop"),
        (structured({"other": 1}), '{"other": 1}', "stop"),
        (GeminiAnswer('{"te', finish="MAX_TOKENS"), '{"te', "length"),
        (GeminiAnswer("", finish="MAX_TOKENS", thinking_tokens=9), "", "length"),
        (GeminiAnswer("", finish="SAFETY"), "", "refused"),
        (GeminiAnswer("half", finish="RECITATION"), "half", "refused"),
        (GeminiAnswer("", finish="PROHIBITED_CONTENT"), "", "refused"),
        (GeminiAnswer(blocked="PROHIBITED_CONTENT"), "", "refused"),
        (GeminiAnswer(""), "", "stop"),
    ],
)
@pytest.mark.parametrize("schema", [None, Plan])
def test_answers_that_break_their_form_come_back_as_they_are(
    answer: GeminiAnswer,
    text: str,
    finish: str,
    schema: type[BaseModel] | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with gemini(monkeypatch, answer) as server:
        reply = make().call(ask(schema=schema))
    assert (reply.text, reply.finish) == (text, finish)
    assert len(server.requests) == 1


def test_a_schema_gemini_turns_down_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def brain(request: Any) -> GeminiAnswer | Fault:
        return bad_request("too deep") if request.schema else GeminiAnswer("plain")

    with GeminiServer(brain) as server:
        server.point_here(monkeypatch)
        client = make()
        assert client.call(ask(schema=Plan)).text == "plain"
        assert client.call(ask("more", schema=Plan)).text == "plain"
    assert [request.schema is not None for request in server.requests] == [True, False, False]


def test_gemini_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = (("Trees", "https://a.example/1"), ("Nets", "https://b.example/2"))
    answer = GeminiAnswer("Found.", sources=(*pages, pages[0]))
    with gemini(monkeypatch, answer) as server:
        reply = make().call(ask(grounded=True, schema=Plan))
    assert server.requests[0].tools == ("googleSearch",)
    assert server.requests[0].schema is None
    assert reply.sources == (Source(*pages[0]), Source(*pages[1]))


@pytest.mark.parametrize(
    "fault",
    [overloaded(), server_error(), dropped(True), dropped(False), garbage(), rate_limited()],
)
def test_five_requests_reach_the_server_and_no_more(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gemini(monkeypatch, fault) as server:
        client = make()
        with pytest.raises(ModelUnavailable, match=GEMINI):
            client.call(ask())
    assert len(server.requests) == 5
    assert client.wallet.spent().total.calls == 5


def test_the_server_s_delay_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTime()
    with gemini(monkeypatch, rate_limited(delay=17), GeminiAnswer("fine")) as server:
        assert make(fake=fake).call(ask()).text == "fine"
    assert fake.now == pytest.approx(117)
    assert len(server.requests) == 2


def test_the_quota_of_the_day_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeTime()
    with (
        gemini(monkeypatch, rate_limited(delay=40, daily=True)) as server,
        pytest.raises(ModelUnavailable, match="quota"),
    ):
        make(fake=fake).call(ask())
    assert (len(server.requests), fake.waits) == (1, [])


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [
        (bad_key(), "a valid key in GOOGLE_API_KEY or GEMINI_API_KEY"),
        (forbidden(), "account of the key in GOOGLE_API_KEY"),
        (not_found(), "check the model's name"),
    ],
)
def test_what_a_person_must_mend(
    fault: Fault, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        gemini(monkeypatch, fault) as server,
        pytest.raises(ModelRefused, match=remedy) as caught,
    ):
        make(fallback_model=LOCAL).check()
    assert GEMINI in str(caught.value)
    assert fault.message.rstrip(".") in str(caught.value)
    assert len(server.requests) == 1


def test_a_missing_key_is_told_without_a_request() -> None:
    with pytest.raises(SettingsError, match="GOOGLE_API_KEY"):
        make().call(ask())


@pytest.mark.parametrize(
    "fault",
    [
        bad_request(f"Odd key {KEY}."),
        Fault(403, "PERMISSION_DENIED", f"{KEY} may not."),
        Fault(503, "UNAVAILABLE", f"Busy, {KEY}."),
        Fault(429, "RESOURCE_EXHAUSTED", f"Too much, {KEY}."),
        Fault(200, body=KEY.encode()),
    ],
)
def test_the_key_is_in_no_message_and_no_file(
    fault: Fault,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, logger="mle_star")
    with gemini(monkeypatch, fault):
        client = make(folder=tmp_path, record=True)
        with pytest.raises((NoAnswer, UserError)) as caught:
            client.call(ask())
    shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    assert KEY not in shown
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert KEY not in repr(vars(client)) + repr(vars(client._sender)) + repr(client.wallet.calls())
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes()


def test_a_stop_ends_the_wait_for_a_slow_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    stopping, outcome = threading.Event(), []
    with gemini(monkeypatch, GeminiAnswer("late", seconds=30)) as server:
        client = make(stopping=stopping)

        def work() -> None:
            try:
                client.call(ask())
            except RunStopped:
                outcome.append(time.monotonic())

        thread = threading.Thread(target=work)
        thread.start()
        _until(lambda: len(server.requests) == 1)
        stopped = time.monotonic()
        stopping.set()
        thread.join(10)
    assert outcome
    assert outcome[0] - stopped < 1
    assert [call.outcome for call in client.wallet.calls()] == ["sent"]


def test_eight_branches_share_one_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    with gemini(monkeypatch, GeminiAnswer("fine", seconds=0.02)) as server:
        client = make()

        def work() -> None:
            for _ in range(3):
                client.call(ask(f"Question {next(numbers)}"))

        in_threads(8, work)
    assert len(server.requests) == 24
    assert 2 <= server.most_at_once <= 4


def test_the_caps_hold_at_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = itertools.count()
    empty: list[WalletEmpty] = []
    with gemini(monkeypatch, overloaded(), rate_limited(), GeminiAnswer("fine")) as server:
        client = make(max_calls=7)

        def work() -> None:
            for _ in range(3):
                try:
                    client.call(ask(f"Question {next(numbers)}", phase="submit"))
                except WalletEmpty as error:
                    empty.append(error)

        in_threads(4, work)
    assert len(server.requests) == 7
    assert len(empty) == 12 - 5


def test_a_resumed_run_asks_only_what_is_new(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with gemini(monkeypatch, GeminiAnswer("one"), GeminiAnswer("two")) as server:
        make(folder=tmp_path).call(ask())
        client = make(folder=tmp_path)
        assert client.call(ask()).remembered
        assert not client.call(ask("more")).remembered
        assert client.wallet.spent().total.calls == 2
    assert len(server.requests) == 2


def test_a_graph_that_streams_messages_gets_whole_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class State(TypedDict):
        said: str

    with gemini(monkeypatch, GeminiAnswer("whole")) as server:
        client = make()
        graph = StateGraph(State)
        graph.add_node("plan", lambda _: {"said": client.call(ask()).text})
        graph.add_edge(START, "plan")
        parts = list(graph.compile().stream({"said": ""}, stream_mode="messages"))
    assert len(server.requests) == 1  # a streamed request would have gone to another path
    [(message, metadata)] = cast("list[Any]", parts)  # the call shows below its node
    assert (message.text, metadata["langgraph_node"]) == ("whole", "plan")


# A local server with the interface of OpenAI, without JSON mode


def test_a_local_server_is_asked_in_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = OpenAIAnswer(
        "fine", input_tokens=50, cached_tokens=20, output_tokens=30, thinking_tokens=10
    )
    with OpenAIServer(lambda _: answer) as server:
        client = make(model=LOCAL, base_url=server.base_url)
        reply = client.call(ask(schema=Plan))
    assert (reply.text, reply.model) == ("fine", LOCAL)
    assert reply.usage == Usage(input=50, cached=20, output=30, thinking=10)
    [request] = server.requests
    assert (request.system, request.prompt, request.key) == ("Be brief.", "What now?", "not-needed")
    assert request.temperature == 1.0


def test_a_well_known_name_on_a_local_server_loses_its_schema() -> None:
    with OpenAIServer(lambda _: OpenAIAnswer("plain")) as server:
        client = make(model="openai:gpt-4.1", base_url=server.base_url)
        assert client.call(ask(schema=Plan)).text == "plain"
        client.call(ask("more", schema=Plan))
    assert ["response_format" in request.body for request in server.requests] == [
        True,
        False,
        False,
    ]


class Holding(OpenAIServer):
    """The same with JSON mode."""

    def think(self, request: OpenAIRequest) -> OpenAIAnswer | Fault:
        return self.brain(request)


@pytest.mark.parametrize(
    ("answer", "text", "finish"),
    [
        (OpenAIAnswer('{"text": "x", "steps": 1}'), '{"text": "x", "steps": 1}', "stop"),
        (OpenAIAnswer('{"te', finish="length"), '{"te', "length"),
        (OpenAIAnswer("", finish="content_filter"), "", "refused"),
        (OpenAIAnswer("no json"), "no json", "stop"),
        (OpenAIAnswer(refusal="I won't."), "I won't.", "refused"),
    ],
)
def test_openai_s_answers_are_not_lost_in_its_library(
    answer: OpenAIAnswer, text: str, finish: str
) -> None:
    with Holding(lambda _: answer) as server:
        client = make(model="openai:gpt-4.1", base_url=server.base_url)
        reply = client.call(ask(schema=Plan))
    assert (reply.text, reply.finish) == (text, finish)
    assert "response_format" in server.requests[0].body
    assert len(server.requests) == 1
    assert reply.usage.output == len(answer.text) // 4 + 1


def completion(message: Any, **rest: Any) -> Fault:
    """An answer of a server that keeps to the interface in its own way."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "1", "object": "chat.completion", "created": 1, "model": "m"}
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}
    return Fault(
        200, body=json.dumps({**body, "choices": [choice], "usage": usage, **rest}).encode()
    )


@pytest.mark.parametrize("usage", [{"prompt_tokens": None, "completion_tokens": None}, {}, None])
@pytest.mark.parametrize("schema", [None, Plan])
def test_a_server_that_counts_no_tokens_is_charged_by_estimate(
    usage: dict[str, None] | None, schema: type[BaseModel] | None
) -> None:
    answer = completion({"role": "assistant", "content": "no json"}, usage=usage)
    with Holding(lambda _: answer) as server:
        client = make(model="openai:gpt-4.1", base_url=server.base_url)
        reply = client.call(ask(schema=schema))
    assert reply.text == "no json"
    assert len(server.requests) == 1
    assert reply.usage.input > 0 < reply.usage.output
    assert client.wallet.spent().total.unsettled == 0


def test_a_number_of_tokens_that_is_none_breaks_no_ledger(tmp_path: Path) -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 10**30, "total_tokens": 3}
    answer = completion({"role": "assistant", "content": "hi"}, usage=usage)
    with OpenAIServer(lambda _: answer) as server:
        client = make(tmp_path, model=LOCAL, base_url=server.base_url)
        assert client.call(ask()).usage.output == 0


def test_an_answer_in_parts_is_one_text() -> None:
    parts = [{"type": "text", "text": "no "}, {"type": "text", "text": "json"}]
    with Holding(lambda _: completion({"role": "assistant", "content": parts})) as server:
        client = make(model="openai:gpt-4.1", base_url=server.base_url)
        assert client.call(ask(schema=Plan)).text == "no json"


@pytest.mark.parametrize("schema", [None, Plan])
def test_openai_s_newer_interface_says_that_an_answer_is_cut_off(
    schema: type[BaseModel] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = {"type": "output_text", "text": "half an", "annotations": []}
    message = {"type": "message", "id": "m", "role": "assistant", "status": "incomplete"}
    answer = {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": "gpt-5-pro",
        "tools": [],
        "parallel_tool_calls": False,
        "tool_choice": "auto",
        "status": "incomplete",
        "output": [{**message, "content": [part]}],
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": {
            "input_tokens": 5,
            "output_tokens": 7,
            "total_tokens": 12,
            "input_tokens_details": {"cached_tokens": 2},
            "output_tokens_details": {"reasoning_tokens": 4},
        },
    }

    class Server(OpenAIServer):
        def read(self, number: int, path: str, headers: Mapping[str, str], body: Any) -> Any:
            assert path == "/v1/responses"
            self.requests.append(body)
            return Fault(200, body=json.dumps(answer).encode())

    with Server(lambda _: OpenAIAnswer()) as server:
        client = make(model="openai:gpt-5-pro", base_url=server.base_url)
        reply = client.call(ask(schema=schema))
    assert (reply.text, reply.finish) == ("half an", "length")
    assert reply.usage == Usage(5, 2, 7, 4)
    assert len(server.requests) == 1


def test_an_error_with_status_200_is_what_it_says() -> None:
    told = {"error": {"message": "Slow down.", "code": 429}}
    answers: list[OpenAIAnswer | Fault] = [
        Fault(200, body=json.dumps(told).encode()),
        OpenAIAnswer("fine"),
    ]
    with OpenAIServer(lambda request: answers[request.number]) as server:
        client = make(model=LOCAL, base_url=server.base_url)
        assert client.call(ask()).text == "fine"
    assert [call.outcome for call in client.wallet.calls()] == ["rate", "answered"]


def test_a_temperature_that_is_turned_down_is_left_out_from_then_on() -> None:
    def think(request: OpenAIRequest) -> OpenAIAnswer | Fault:
        if request.temperature is None:
            return OpenAIAnswer("fine")
        return Fault(400, "unsupported_value", "'temperature' does not support 0.7.")

    with OpenAIServer(think) as server:
        client = make(model=LOCAL, base_url=server.base_url)
        assert client.call(ask()).text == "fine"
        assert client.call(ask("And then?", role="refine")).text == "fine"
    assert [r.temperature is None for r in server.requests] == [False, True, True]


def test_a_server_that_asks_to_wait_for_no_time_is_not_stormed() -> None:
    fake = FakeTime()
    answers: list[OpenAIAnswer | Fault] = [*[rate_limited(delay=0)] * 3, OpenAIAnswer("fine")]
    with OpenAIServer(lambda request: answers[request.number]) as server:
        assert make(model=LOCAL, base_url=server.base_url, fake=fake).call(ask()).text == "fine"
    assert fake.now >= 107  # one, two and four seconds at least


@pytest.mark.parametrize("name", ["openai:gpt-4.1", "anthropic:claude-sonnet-5"])
def test_a_key_pasted_with_its_line_end_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = name.partition(":")[0]
    monkeypatch.setenv(f"{provider.upper()}_API_KEY", f" {KEY}\n")
    seen: list[str] = []

    class Server(OpenAIServer):
        def read(self, number: int, path: str, headers: Mapping[str, str], body: Any) -> Any:
            seen.append(headers.get("x-api-key") or headers["authorization"].split()[-1])
            return Fault(404)

    with Server(lambda _: OpenAIAnswer()) as server, pytest.raises(ModelRefused):
        make(model=name, base_url=server.url).check()
    assert seen == [KEY]


@pytest.mark.parametrize("name", ["openai:gpt-4.1", "anthropic:claude-sonnet-5", GEMINI])
def test_a_mangled_key_is_told_without_a_request(
    name: str, monkeypatch: pytest.MonkeyPatch, no_network: list[str]
) -> None:
    variable = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
    monkeypatch.setenv(variable.get(name.partition(":")[0], "GOOGLE_API_KEY"), "sk\u2019abcdefgh")
    with pytest.raises(SettingsError, match="copy it anew") as caught:
        make(model=name).check()
    assert "abcdefgh" not in str(caught.value)


@pytest.mark.parametrize(
    ("fault", "requests", "error"),
    [
        (rate_limited(delay=3), 5, ModelUnavailable),
        (overloaded(), 5, ModelUnavailable),
        (out_of_credit(), 1, ModelUnavailable),
        (unauthorised(), 1, ModelRefused),
        (bad_request(), 1, ModelUnavailable),
    ],
)
def test_what_goes_wrong_at_openai(
    fault: Fault, requests: int, error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    fake = FakeTime()
    with OpenAIServer(lambda _: fault) as server, pytest.raises(error) as caught:
        make(model=LOCAL, base_url=server.base_url, fake=fake).call(ask())
    assert len(server.requests) == requests
    if fault.status == 429 and requests > 1:
        assert fake.now == pytest.approx(112)  # four times three seconds
    assert KEY not in str(caught.value)


def test_a_wrong_key_that_the_server_repeats_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with (
        OpenAIServer(lambda _: OpenAIAnswer(), key="another") as server,
        pytest.raises(ModelRefused, match="OPENAI_API_KEY") as caught,
    ):
        make(model=LOCAL, base_url=server.base_url).check()
    assert KEY not in str(caught.value)
    assert "Incorrect API key" in str(caught.value)


# Anthropic, whose answers have their form from a tool


class AnthropicServer(OpenAIServer):
    """Speaks ``POST /v1/messages``."""

    def read(self, number: int, path: str, headers: Mapping[str, str], body: Any) -> Any:
        if path.partition("?")[0] != "/v1/messages":
            return not_found()
        return super().read(number, "/v1/chat/completions", headers, body)

    def think(self, request: OpenAIRequest) -> OpenAIAnswer | Fault:
        return self.brain(request)

    def write(self, request: OpenAIRequest, answer: OpenAIAnswer) -> dict[str, Any]:
        content: list[dict[str, Any]] = [{"type": "text", "text": answer.text}]
        if tools := request.body.get("tools"):
            arguments = {"text": "x"}
            content.append(
                {"type": "tool_use", "id": "t", "name": tools[0]["name"], "input": arguments}
            )
        return {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": request.model,
            "content": content,
            "stop_reason": answer.finish,
            "stop_sequence": None,
            "usage": {
                "input_tokens": answer.input_tokens,
                "cache_read_input_tokens": answer.cached_tokens,
                "output_tokens": answer.output_tokens,
            },
        }


@pytest.mark.filterwarnings("ignore:The model:DeprecationWarning")
@pytest.mark.parametrize(
    ("model", "schema", "text"),
    [
        ("claude-sonnet-4-5", Plan, '{"text": "x"}'),
        ("claude-sonnet-4-5", None, "Hi."),
        ("claude-unheard-of", Plan, "Hi."),
    ],
)
def test_claude_answers(
    model: str, schema: type[BaseModel] | None, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    answer = OpenAIAnswer("Hi.", "max_tokens", input_tokens=10, cached_tokens=7, output_tokens=5)
    with AnthropicServer(lambda _: answer) as server:
        client = make(model=f"anthropic:{model}", base_url=server.url)
        reply = client.call(ask(schema=schema))
    assert (reply.text, reply.finish) == (text, "length")
    assert reply.usage == Usage(input=17, cached=7, output=5)


# Both


def test_another_provider_stands_in(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        OpenAIServer(lambda _: overloaded()) as first,
        gemini(monkeypatch, GeminiAnswer("second")) as second,
    ):
        client = make(model=LOCAL, base_url=first.base_url, fallback_model=GEMINI)
        reply = client.call(ask())
    assert (reply.text, reply.model) == ("second", GEMINI)
    assert (len(first.requests), len(second.requests)) == (5, 1)


def test_every_server_is_greeted(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        OpenAIServer(lambda _: OpenAIAnswer("Hello")) as first,
        gemini(monkeypatch, GeminiAnswer("Hello")) as second,
    ):
        client = make(model=LOCAL, base_url=first.base_url, models={"debug": GEMINI}, max_calls=10)
        client.check()
    assert (len(first.requests), len(second.requests)) == (1, 1)


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.01)
