from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mle_star.errors import NoAnswer, SettingsError
from mle_star.models.base import (
    Message,
    ModelRefused,
    ModelUnavailable,
    Reply,
    Request,
    Source,
    Usage,
)
from mle_star.models.recording import Recorder, Replay
from mle_star.models.redaction import without_secrets


@dataclass(frozen=True)
class Found:
    title: str
    url: str
    text: str


def request(text: str = "Improve it.", role: str = "refine", solution: int = 0) -> Request:
    return Request(role, (Message("user", text),), solution=solution, phase="refine")


def reply(text: str) -> Reply:
    usage = Usage(10, 1, 5, 2)
    return Reply(
        text, "openai:gpt-4.1", "stop", usage, 1.5, sources=(Source("T", "https://x.org"),)
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "traffic.jsonl"


def played(replay: Replay, asked: Request, key: str = "unknown") -> str:
    return replay.model(asked, key).text


# Models


def test_the_whole_answer_is_played_back(path: Path) -> None:
    Recorder(path).model(request(), "k", reply("good"))
    assert Replay(path).model(request(), "k") == reply("good")
    assert Replay(str(path)).model(request(), "k") == reply("good")


def test_the_same_key_comes_first_then_the_next_of_the_same_branch(path: Path) -> None:
    recorder = Recorder(path)
    for key in ("a", "b", "c"):
        recorder.model(request(), key, reply(key))
    recorder.model(request(solution=1), "d", reply("d"))
    recorder.model(request(role="write"), "e", reply("e"))
    replay = Replay(path)
    assert played(replay, request(), "b") == "b"
    assert played(replay, request("changed")) == "a"
    assert played(replay, request("changed"), "new") == "c"
    assert played(replay, request(solution=1)) == "d"
    assert played(replay, request(role="write")) == "e"
    with pytest.raises(ModelUnavailable, match=r"no answer left for refine \(solution 0\)"):
        replay.model(request("once more"), "new")
    with pytest.raises(ModelUnavailable, match="no answer left for write"):
        replay.model(request(role="write", solution=1), "new")


def test_the_same_question_has_its_answer_again(path: Path) -> None:
    recorder = Recorder(path)
    recorder.model(request(), "a", reply("first"))
    recorder.model(request(), "a", reply("second"))
    replay = Replay(path)
    texts = [played(replay, request(), "a") for _ in range(4)]
    assert texts == ["first", "second", "second", "second"]


@pytest.mark.parametrize(
    ("kind", "error"), [("refused", ModelRefused), ("unavailable", ModelUnavailable)]
)
def test_failures_are_played_back_too(path: Path, kind: str, error: type[Exception]) -> None:
    recorder = Recorder(path)
    recorder.failure(request(), "a", kind, "It said no.")
    recorder.model(request(), "a", reply("then yes"))
    replay = Replay(path)
    with pytest.raises(error, match=r"It said no\."):
        replay.model(request(), "a")
    assert played(replay, request(), "a") == "then yes"


@given(st.lists(st.tuples(st.sampled_from("xy"), st.integers(0, 2)), max_size=12), st.randoms())
def test_every_branch_is_played_back_in_its_order(
    tmp_path_factory: pytest.TempPathFactory, asked: list[tuple[str, int]], random: object
) -> None:
    path = tmp_path_factory.mktemp("traffic") / "traffic.jsonl"
    recorder = Recorder(path)
    for number, (role, solution) in enumerate(asked):
        recorder.model(request(role=role, solution=solution), str(number), reply(str(number)))
    shuffled = list(asked)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    replay = Replay(path)
    for role, solution in set(asked):
        mine = [r for r in shuffled if r == (role, solution)]
        got = [played(replay, request("other", role, solution)) for _ in mine]
        assert got == [str(n) for n, who in enumerate(asked) if who == (role, solution)]


def test_threads_never_get_the_same_answer(path: Path) -> None:
    def together(work: Callable[[int], None]) -> None:
        threads = [threading.Thread(target=work, args=(part,)) for part in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def write(part: int) -> None:
        for number in range(20 * part, 20 * part + 20):
            recorder.model(request(), str(number), reply(str(number)))

    def read(part: int) -> None:
        for _ in range(20):
            got.append(played(replay, request()))

    recorder = Recorder(path)
    together(write)
    replay = Replay(path)
    got: list[str] = []
    together(read)
    assert sorted(got, key=int) == [str(number) for number in range(60)]


# Search


def test_searches_are_played_back(path: Path) -> None:
    pages = [Found("A", "https://a.org", "text"), Found("B", "", "more")]
    recorder = Recorder(path)
    recorder.search("tavily", "boosting", pages)
    recorder.search("tavily", "nothing", [])
    recorder.search("google", "boosting", pages[:1])
    recorder.search_failure("tavily", "broken", "Too many requests.")
    replay = Replay(path)
    assert [Found(**page) for page in replay.search("tavily", "boosting")] == pages
    assert [Found(**page) for page in replay.search("google", "boosting")] == pages[:1]
    with pytest.raises(NoAnswer, match="Too many requests"):
        replay.search("tavily", "broken")
    assert replay.search("tavily", "reworded") == []
    with pytest.raises(NoAnswer, match="no search left for 'another'"):
        replay.search("tavily", "another")
    assert replay.search("tavily", "nothing") == []


def test_searches_and_models_do_not_mix(path: Path) -> None:
    recorder = Recorder(path)
    recorder.search("tavily", "boosting", [])
    with pytest.raises(ModelUnavailable):
        Replay(path).model(request(), "a")


# Secrets

KEYS = ("AIza" + "Sy0" * 12, "sk-proj-" + "a1B2" * 8, "tvly-dev-" + "x9" * 10, "ghp_" + "a1" * 18)


def test_no_secret_gets_into_the_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    awkward = 'p"ss/w rd\\+ä'
    monkeypatch.setenv("GOOGLE_API_KEY", "hunter2-hunter2")
    monkeypatch.setenv("db_password", awkward)
    recorder = Recorder(path)
    told = f"hunter2-hunter2 {awkward} {quote(awkward, safe='')} {json.dumps(awkward)}"
    told += " ".join(("", *KEYS))
    asked = request(told)
    recorder.model(asked, "a", Reply(told, "m:n", sources=(Source(told, told),)))
    recorder.failure(asked, "b", "unavailable", told)
    recorder.search("tavily", told, [Found(told, told, told)])
    recorder.search_failure("tavily", told, told)
    written = path.read_text(encoding="utf-8")
    for secret in ("hunter2", "ss/w", quote(awkward, safe=""), json.dumps(awkward)[1:-1], *KEYS):
        assert secret not in written
        assert json.dumps(secret)[1:-1] not in written
    assert "[removed]" in written
    assert "[removed]" in played(Replay(path), asked, "a")


@pytest.mark.parametrize(
    "name", ["OPENAI_API_KEY", "my_token", "A_SECRET", "PASSWORD", "AWS_CREDENTIALS"]
)
def test_what_counts_as_a_secret(name: str) -> None:
    assert without_secrets({"a": ["x-abcdef-x"]}, {name: "abcdef"}) == {"a": ["x-[removed]-x"]}
    assert without_secrets("abcde", {name: "abcde"}) == "abcde", "too short to be one"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("HOME", "/home/ann", "/home/ann"),
        ("MLE_STAR_MAX_TOKENS", "1000000", "n = 1000000"),
        ("PATH", "x", "a risk-averse-and-careful-learner-2024 with sk-learn-pipelines"),
        ("PATH", "x", "AIzawa 2024, task-0123456789abcdef, tvly-"),
    ],
)
def test_ordinary_text_stays(name: str, value: str, text: str) -> None:
    assert without_secrets(text, {name: value}) == text


def test_the_longer_of_two_secrets_goes_first() -> None:
    environ = {"A_KEY": "abcdef", "B_KEY": "abcdef-ghijkl"}
    assert without_secrets("abcdef-ghijkl abcdef", environ) == "[removed] [removed]"


@given(st.text(min_size=6), st.text(), st.text())
def test_a_secret_is_found_anywhere(secret: str, before: str, after: str) -> None:
    cleaned = without_secrets([before + secret + after], {"X_TOKEN": secret})
    assert secret not in cleaned[0].replace("[removed]", "")


def test_a_variable_that_is_no_text_does_no_harm() -> None:
    undecodable = b"secret-\xff\xfe".decode("utf-8", "surrogateescape")
    assert without_secrets(f"a {undecodable}", {"X_TOKEN": undecodable}) == "a [removed]"


# The file


def test_a_resumed_run_goes_on_with_its_recording(path: Path) -> None:
    Recorder(path).model(request(), "a", reply("a"))
    with path.open("a", encoding="utf-8") as file:
        file.write('{"kind": "model", "key": "cut o')
    assert played(Replay(path), request()) == "a", "an unfinished line is not read"
    Recorder(path).model(request(), "b", reply("b"))
    replay = Replay(path)
    assert [played(replay, request()) for _ in range(2)] == ["a", "b"]


def test_a_recording_that_was_killed_at_its_first_line(path: Path) -> None:
    Recorder(path)
    heading = path.read_text(encoding="utf-8")
    path.write_text(heading[:10], encoding="utf-8")
    Recorder(path).model(request(), "a", reply("a"))
    assert played(Replay(path), request()) == "a"


@pytest.mark.parametrize("content", ["", "{}\n", "[1]\n", "id,price\n1,2\n", "null\n", '"text"'])
def test_a_file_that_is_no_recording_is_one_sentence(tmp_path: Path, content: str) -> None:
    path = tmp_path / "table.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"table\.csv is not a recording .*--record\.$"):
        Replay(path)
    if content:
        with pytest.raises(SettingsError):
            Recorder(path)
        assert path.read_text(encoding="utf-8") == content, "left as it was"


def test_a_missing_or_binary_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be read"):
        Replay(tmp_path / "nowhere.jsonl")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SettingsError, match="can't be read"):
        Replay(binary)


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "3",
        "{}",
        '{"kind": "model"}',
        '{"kind": "model", "key": "a", "role": "plan", "solution": 0, "reply": {"text": "x"}}',
        '{"kind": "model", "key": "a", "role": "plan", "solution": 0, "failure": {"kind": "x"}}',
        '{"kind": "search", "source": "tavily", "query": "x"}',
        '{"kind": "search", "source": "tavily", "query": "x", "pages": [{"title": "x"}]}',
        '{"kind": "other", "key": "a", "role": "plan", "solution": 0}',
    ],
)
def test_a_damaged_line_is_named(path: Path, line: str) -> None:
    Recorder(path).model(request(), "a", reply("a"))
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(SettingsError, match="Line 3 of the recording"):
        Replay(path)
