"""Errors of libraries are looked up; slips of the script are not."""

from __future__ import annotations

import pytest

from mle_star.engineer.llm.remedies import remedies
from mle_star.search.base import Page
from tests.engineer.llm.scripted import ScriptedClient, ScriptedSearch, broken, engineer, python
from tests.engineer.playbook.small import brief

LIBRARY = """The script failed with TypeError in line 7.
Traceback (most recent call last):
  File "script.py", line 7, in <module>
    model = lgb.train(params, data, early_stopping_rounds=50)
  File "/env/lib/python3.11/site-packages/lightgbm/engine.py", line 90, in train
    raise TypeError("boom")
TypeError: train() got an unexpected keyword argument 'early_stopping_rounds' for 'Jane Doe' 4711
"""


def test_an_error_of_a_library_is_looked_up_without_the_data() -> None:
    search = ScriptedSearch(find=lambda _: [Page("Moved", "https://a.example/x", "use callbacks")])
    found = remedies(search, LIBRARY)
    assert "use callbacks" in found
    (query,) = search.queries
    assert query.startswith("lightgbm TypeError train() got an unexpected keyword argument")
    assert "Jane" not in query
    assert "4711" not in query
    assert "/env" not in query


@pytest.mark.parametrize(
    "error",
    [
        "",
        "submission.csv lacks the column 'price'.",
        LIBRARY.replace("site-packages/lightgbm/", "elsewhere/"),
        LIBRARY.replace("TypeError", "KeyError"),
        LIBRARY.replace("TypeError", "MemoryError"),
    ],
)
def test_slips_of_the_script_are_not_looked_up(error: str) -> None:
    search = ScriptedSearch()
    assert remedies(search, error) == ""
    assert not search.queries


@pytest.mark.parametrize("name", ["catalogue", "none"])
def test_only_the_web_knows_about_errors(name: str) -> None:
    search = ScriptedSearch(name)
    assert remedies(search, LIBRARY) == ""
    assert not search.queries


def test_a_search_that_is_down_or_finds_nothing_leaves_the_traceback() -> None:
    assert remedies(ScriptedSearch(find=broken), LIBRARY) == ""
    assert remedies(ScriptedSearch(find=lambda _: []), LIBRARY) == ""


def test_the_debugger_reads_what_was_found() -> None:
    client = ScriptedClient(python('x = "input final/oof.csv final/submission.csv"\n'))
    search = ScriptedSearch(find=lambda _: [Page("Moved", "https://a.example/x", "use callbacks")])
    engineer(client, search).debug(brief(), "x = 0\n", LIBRARY)
    assert "use callbacks" in client.prompt()
    assert "early_stopping_rounds" in client.prompt()
