from __future__ import annotations

import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from mle_star.errors import RunError
from mle_star.models.base import Message, Reply, Request, Source, Usage
from mle_star.models.store import AnswerStore, answer_key, reply_data, reply_from


class Verdict(BaseModel):
    leaking: bool


class Other(BaseModel):
    leaking: str


REQUEST = Request("refine", (Message("system", "Be brief."), Message("user", "Improve it.")))
REPLY = Reply(
    text="```python\nprint('ä')\n```",
    model="openai:gpt-4.1",
    finish="length",
    usage=Usage(100, 20, 30, 10),
    seconds=1.5,
    sources=(Source("A page", "https://example.org/a"),),
)


def key(request: Request = REQUEST, model: str = "openai:gpt-4.1", temperature: float = 0.7) -> str:
    return answer_key(model, {"temperature": temperature}, request)


def test_the_whole_answer_comes_back_as_remembered(tmp_path: Path) -> None:
    path = tmp_path / "run" / "answers.sqlite"
    store = AnswerStore(path)
    assert store.get("a") is None
    store.put("a", "refine", 0, REPLY)
    for again in (store, AnswerStore(path)):
        assert again.get("a") == replace(REPLY, remembered=True)
        assert again.get("b") is None


def test_without_a_file_answers_are_kept_in_memory() -> None:
    store = AnswerStore(None)
    store.put("a", "refine", 0, REPLY)
    assert store.get("a") == replace(REPLY, remembered=True)
    assert AnswerStore(None).get("a") is None


def test_a_later_answer_takes_the_place_of_the_first(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "answers.sqlite")
    store.put("a", "refine", 0, REPLY)
    store.put("a", "refine", 0, replace(REPLY, text="new"))
    found = store.get("a")
    assert found is not None
    assert found.text == "new"


def test_a_remembered_answer_is_remembered_only_when_it_is_looked_up() -> None:
    assert "remembered" not in reply_data(replace(REPLY, remembered=True))


@pytest.mark.parametrize(
    "other",
    [
        key(model="openai:gpt-4.1-mini"),
        key(temperature=0.8),
        key(replace(REQUEST, schema=Verdict)),
        key(replace(REQUEST, schema=Other)),
        key(replace(REQUEST, grounded=True)),
        key(replace(REQUEST, solution=0)),
        key(replace(REQUEST, solution=1)),
        key(replace(REQUEST, role="write")),
        key(replace(REQUEST, messages=REQUEST.messages[:1])),
        key(replace(REQUEST, messages=(Message("user", "Be brief."), REQUEST.messages[1]))),
    ],
)
def test_whatever_can_change_an_answer_changes_its_key(other: str) -> None:
    assert other != key()


def test_the_phase_is_for_the_bill_alone() -> None:
    assert key(replace(REQUEST, phase="refine")) == key(replace(REQUEST, phase="ensemble"))


def test_schemas_with_other_fields_have_other_keys() -> None:
    assert key(replace(REQUEST, schema=Verdict)) != key(replace(REQUEST, schema=Other))


@given(first=st.lists(st.text()), second=st.lists(st.text()))
def test_only_the_same_conversation_has_the_same_key(first: list[str], second: list[str]) -> None:
    one = replace(REQUEST, messages=tuple(Message("user", text) for text in first))
    two = replace(REQUEST, messages=tuple(Message("user", text) for text in second))
    assert (key(one) == key(two)) == (first == second)


@given(
    text=st.text(),
    tokens=st.tuples(*[st.integers(0, 10**9)] * 4),
    seconds=st.floats(0, 1e6),
    pages=st.lists(st.tuples(st.text(), st.text()), max_size=3),
)
def test_an_answer_survives_being_written_down(
    text: str, tokens: tuple[int, int, int, int], seconds: float, pages: list[tuple[str, str]]
) -> None:
    sources = tuple(Source(*page) for page in pages)
    reply = Reply(text, "ollama:qwen3:8b", "refused", Usage(*tokens), seconds, sources=sources)
    assert reply_from(reply_data(reply)) == reply


def test_half_a_character_of_a_torn_emoji_does_not_end_the_run(tmp_path: Path) -> None:
    torn = "\ud83d"
    request = replace(REQUEST, messages=(Message("user", torn),))
    store = AnswerStore(tmp_path / "answers.sqlite")
    store.put(key(request), "refine", 0, replace(REPLY, text=torn))
    found = store.get(key(request))
    assert found is not None
    assert found.text == torn


def test_an_answer_of_another_version_is_asked_for_again(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    store = AnswerStore(path)
    for name, text in (("a", "{}"), ("b", "no json"), ("c", "[1]")):
        database = sqlite3.connect(path)
        with database:
            database.execute("INSERT INTO answers VALUES (?, 'refine', 0, ?)", (name, text))
        database.close()
        assert store.get(name) is None


def test_a_file_that_is_no_store_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    path.write_text("not a database, but long enough to be looked at " * 20, encoding="utf-8")
    with pytest.raises(RunError, match=r"store of answers .*answers\.sqlite can't be used") as e:
        AnswerStore(path)
    assert str(e.value).endswith(".")


def test_threads_may_share_a_store(tmp_path: Path) -> None:
    store = AnswerStore(tmp_path / "answers.sqlite")
    wrong: list[str] = []

    def work(solution: int) -> None:
        for number in range(8):
            mine = replace(REPLY, text=f"{solution}.{number}")
            store.put(mine.text, "refine", solution, mine)
            if store.get(mine.text) != replace(mine, remembered=True):
                wrong.append(mine.text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
