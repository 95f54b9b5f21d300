from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from mle_star.errors import RunError
from mle_star.models.base import Reply
from mle_star.models.store import AnswerStore
from mle_star.search import Page
from mle_star.search.memory import SearchMemory

PAGES = [Page("Trees", "https://a.example/", "Text “x”\n"), Page("Own", "", "y")]


@pytest.mark.parametrize("kept", [True, False])
def test_a_result_is_remembered(kept: bool, tmp_path: Path) -> None:
    memory = SearchMemory(tmp_path / "run" / "answers.sqlite" if kept else None)
    assert memory.get("k") is None
    memory.put("k", "tavily", "query", PAGES)
    memory.put("empty", "tavily", "query", [])
    assert memory.get("k") == PAGES
    assert memory.get("empty") == []
    assert memory.get("other") is None


def test_it_outlives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from mle_star.search import Page; from mle_star.search.memory import SearchMemory\n"
        "SearchMemory(Path(sys.argv[1])).put('k', 'tavily', 'q', [Page('t', 'u', 'x')])\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program, str(path)], env=dict(os.environ))
    assert ended.returncode == -signal.SIGKILL
    assert SearchMemory(path).get("k") == [Page("t", "u", "x")]


def test_it_shares_the_file_with_the_answers_of_models(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    answers, memory = AnswerStore(path), SearchMemory(path)
    answers.put("k", "write", 0, Reply("text", "ollama:x"))
    memory.put("k", "tavily", "q", PAGES)
    reply = AnswerStore(path).get("k")
    assert reply is not None
    assert reply.text == "text"
    assert SearchMemory(path).get("k") == PAGES


def test_threads_share_it(tmp_path: Path) -> None:
    memory = SearchMemory(tmp_path / "answers.sqlite")

    def work(number: int) -> list[Page] | None:
        memory.put(str(number), "tavily", "q", [Page(str(number), "", "x")])
        return memory.get(str(number))

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(work, range(40)))
    assert found == [[Page(str(number), "", "x")] for number in range(40)]


@pytest.mark.parametrize("entry", ["no json", "[1]", '[{"title": "t"}]', "3"])
def test_an_entry_of_another_version_is_searched_again(entry: str, tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    SearchMemory(path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("INSERT INTO searches VALUES ('k', 'tavily', 'q', ?)", (entry,))
    assert SearchMemory(path).get("k") is None


def test_a_file_that_is_no_database_is_for_a_person_to_mend(tmp_path: Path) -> None:
    path = tmp_path / "answers.sqlite"
    path.write_text("no database " * 100)
    with pytest.raises(RunError, match="move it away"):
        SearchMemory(path)
