"""Asking until an answer can be used: what is said to the model, and when it ends."""

from __future__ import annotations

import pytest

from mle_star.engineer.llm.answers import Plan
from mle_star.engineer.llm.asking import QUOTED, QUOTED_EARLIER, Asker, shortened
from mle_star.engineer.llm.code import one_script
from mle_star.engineer.llm.parsing import parse
from mle_star.engineer.llm.text import Unusable
from mle_star.errors import MleStarError, NoAnswer, RunStopped
from mle_star.models.base import (
    Message,
    ModelRefused,
    ModelUnavailable,
    Reply,
    Request,
    Usage,
    WalletEmpty,
)

QUESTION = Request(
    role="plan",
    messages=(Message("system", "You plan."), Message("user", "What next?")),
    schema=Plan,
    solution=1,
    phase="refine",
)


class Scripted:
    """Gives the replies in order and keeps what it was asked."""

    def __init__(self, *replies: Reply | str | Exception) -> None:
        self.replies = list(replies)
        self.asked: list[Request] = []

    def call(self, request: Request) -> Reply:
        self.asked.append(request)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return Reply(reply, "fake:model") if isinstance(reply, str) else reply


def digits(text: str) -> int:
    if not text.isdigit():
        raise Unusable(f"{text[:20]!r} is no number", "answer with digits")
    return int(text)


def ask(*replies: Reply | str | Exception, tries: int = 3) -> tuple[int, Scripted]:
    client = Scripted(*replies)
    return Asker(client, tries).ask(QUESTION, digits), client


def given_up(*replies: Reply | str | Exception, tries: int = 3) -> tuple[str, Scripted]:
    client = Scripted(*replies)
    with pytest.raises(NoAnswer) as caught:
        Asker(client, tries).ask(QUESTION, digits)
    return str(caught.value), client


def test_a_usable_answer_takes_one_request() -> None:
    answer, client = ask("42")
    assert answer == 42
    assert client.asked == [QUESTION]


def test_the_conversation_goes_on_with_the_reason() -> None:
    answer, client = ask("many", "42")
    assert answer == 42
    asked = client.asked[1]
    assert asked.messages[:2] == QUESTION.messages
    assert asked.messages[2] == Message("assistant", "many")
    assert asked.messages[3].role == "user"
    assert "'many' is no number; answer with digits." in asked.messages[3].text
    assert "Answer again in the form asked for" in asked.messages[3].text
    same = (asked.role, asked.schema, asked.solution, asked.phase)
    assert same == (QUESTION.role, QUESTION.schema, QUESTION.solution, QUESTION.phase)


def test_every_request_differs_from_those_before() -> None:
    _, client = given_up("a", Reply("b", "m", "length"), "c", "d", "e", tries=5)
    assert len({request.messages for request in client.asked}) == 5


def test_turns_alternate_whatever_went_wrong() -> None:
    _, client = given_up("a", "", Reply("cut", "m", "length"), "d", tries=4)
    for request in client.asked:
        roles = [message.role for message in request.messages]
        assert roles == ["system", "user", *["assistant", "user"] * ((len(roles) - 2) // 2)]
        assert all(message.text.strip() for message in request.messages)


def test_after_the_last_try_the_reason_is_told() -> None:
    said, client = given_up("a", "b", "c")
    assert len(client.asked) == 3
    assert said == ("The model gave no usable answer as 'plan' after 3 tries: 'c' is no number.")
    assert "after 1 try:" in given_up("a", tries=1)[0]


def test_the_same_unusable_answer_twice_in_a_row_ends_early() -> None:
    said, client = given_up("many", " many\n", "42")
    assert len(client.asked) == 2
    assert "after 2 tries" in said
    assert ask("a", "b", "a", "7", tries=4)[0] == 7


def test_a_truncated_answer_is_asked_for_again_and_shorter() -> None:
    cut = Reply("4" * 5_000, "m", "length", Usage(output=8_192))
    answer, client = ask(cut, "42")
    assert answer == 42  # what was cut off is never read
    note = client.asked[1].messages[-1].text
    assert "cut off after 8192 tokens" in note
    assert "shorter" in note
    assert len(client.asked[1].messages[-2].text) < 2 * QUOTED_EARLIER


def test_an_answer_of_nothing_but_thoughts_that_was_cut_off() -> None:
    answer, client = ask(Reply("", "m", "length"), "42")
    assert answer == 42
    assert [message.role for message in client.asked[1].messages] == ["system", "user"]


@pytest.mark.parametrize(
    "nothing",
    [Reply("", "m"), Reply(" \n", "m"), Reply("<think>hm</think>", "m"), Reply("", "m", "refused")],
)
def test_no_answer_is_asked_for_once_more(nothing: Reply) -> None:
    answer, client = ask(nothing, "42")
    assert answer == 42
    last = client.asked[1].messages[-1]
    assert last.text.startswith("What next?\n\n")
    assert "ordinary data science task" in last.text


def test_blocked_twice_is_the_end() -> None:
    blocked = Reply("no", "m", "refused")
    said, client = given_up(blocked, blocked, "42", tries=5)
    assert len(client.asked) == 2
    assert "blocked" in said
    assert len(given_up("", "", "42", tries=5)[1].asked) == 2


def test_thoughts_never_reach_the_reader() -> None:
    assert ask("<think>41 or 43?</think>\n42")[0] == 42


@pytest.mark.parametrize(
    "error",
    [
        ModelUnavailable("down"),
        WalletEmpty("spent"),
        ModelRefused("wrong key"),
        RunStopped("stopped"),
    ],
)
@pytest.mark.parametrize("before", [0, 1])
def test_what_the_client_raises_passes_through(error: MleStarError, before: int) -> None:
    client = Scripted(*["many"] * before, error)
    with pytest.raises(type(error)) as caught:
        Asker(client, 3).ask(QUESTION, digits)
    assert caught.value is error


def test_a_bug_in_a_reader_is_not_the_models_fault() -> None:
    def broken(text: str) -> int:
        raise KeyError(text)

    with pytest.raises(KeyError):
        Asker(Scripted("42"), 3).ask(QUESTION, broken)


def test_huge_answers_are_sent_back_in_part() -> None:
    huge = "x" * 100_000
    _, client = given_up(huge + "a", huge + "b", "c")
    newest = [m for m in client.asked[2].messages if m.role == "assistant"]
    assert len(newest[0].text) < 2 * QUOTED_EARLIER
    assert QUOTED_EARLIER < len(newest[1].text) < 2 * QUOTED


def test_shortening_keeps_both_ends() -> None:
    assert shortened("short", 10) == "short"
    text = shortened("a" * 50 + "b" * 50, 30)
    assert text.startswith("aaa")
    assert text.endswith("bbb")
    assert "70 characters left out" in text


def test_with_the_readers_of_this_room() -> None:
    prose = "I would fit a ridge regression."
    script = Asker(Scripted(prose, "```python\nimport a\n```"), 2).ask(QUESTION, one_script)
    assert script == "import a\n"
    declined = "I'm sorry, but I can't help with that."
    plan = Asker(Scripted(declined, '{"plan": "more"}'), 2).ask(
        QUESTION, lambda text: parse(text, Plan).plan
    )
    assert plan == "more"
