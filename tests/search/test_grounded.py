from __future__ import annotations

import pytest

from mle_star.errors import NoAnswer, RunStopped, UserError
from mle_star.models.base import (
    ModelRefused,
    ModelUnavailable,
    Reply,
    Request,
    Source,
    WalletEmpty,
)
from mle_star.search import Page, SearchFailed
from mle_star.search.exclude import Exclusions
from mle_star.search.grounded import GroundedSearch

TREES = Source("a.example", "https://google.example/redirect/1")
KAGGLE = Source("kaggle.com", "https://google.example/redirect/2")
REPORT = """Here is what I found.

## Trees win
https://www.a.example/trees
They do.
```python
## not a title
fit()
```

## **Lines**
<https://invented.example/lines>
They also do.

## Nothing
https://a.example/nothing
"""


class Model:
    """Answers with what it is given, in order; exceptions are raised."""

    def __init__(self, *answers: Reply | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[Request] = []

    def call(self, request: Request) -> Reply:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def reply(text: str, *sources: Source) -> Reply:
    return Reply(text, "google_genai:gemini-2.5-pro", sources=sources)


def test_a_report_becomes_pages() -> None:
    model = Model(reply(REPORT, TREES))
    first, second = GroundedSearch(model).search("best models", 5)
    code = "They do.\n```python\n## not a title\nfit()\n```"
    assert first == Page("Trees win", "https://www.a.example/trees", code)
    assert second.url == "", "an address that the search did not meet is not passed on"
    assert second.text == "They also do."
    (request,) = model.requests
    assert (request.role, request.grounded) == ("retrieve", True)
    assert "best models" in request.messages[0].text


def test_the_limit_is_asked_for_and_kept() -> None:
    model = Model(reply(REPORT, TREES))
    assert len(GroundedSearch(model).search("q", 1)) == 1
    assert "at most 1 page" in model.requests[0].messages[0].text


def test_a_report_of_another_form_is_one_page() -> None:
    assert GroundedSearch(Model(reply("Trees win.", TREES))).search("q", 5) == [
        Page("Search report: q", TREES.url, "Trees win.")
    ]
    (page,) = GroundedSearch(Model(reply("Trees win."))).search("q", 5)
    assert page.url == ""


def test_a_report_that_rests_on_an_excluded_page_is_asked_for_again() -> None:
    model = Model(reply(REPORT, TREES, KAGGLE), reply(REPORT, TREES))
    pages = GroundedSearch(model, Exclusions(["kaggle.com", "Some Contest"])).search("q", 5)
    assert len(pages) == 2
    first, second = model.requests
    assert "-site:kaggle.com" in first.messages[0].text
    assert [message.role for message in second.messages] == ["user", "assistant", "user"]
    assert "Contest" not in "".join(message.text for message in second.messages)


def test_a_report_that_keeps_resting_on_excluded_pages_is_dropped() -> None:
    model = Model(reply(REPORT, KAGGLE), reply(REPORT, KAGGLE))
    with pytest.raises(SearchFailed, match="excluded"):
        GroundedSearch(model, Exclusions(["kaggle.com"])).search("q", 5)


def test_a_section_that_claims_an_excluded_page_is_left_out() -> None:
    model = Model(reply(REPORT.replace("invented.example", "kaggle.com"), TREES))
    pages = GroundedSearch(model, Exclusions(["kaggle.com"])).search("q", 5)
    assert [page.title for page in pages] == ["Trees win"]


@pytest.mark.parametrize(
    "answer",
    [
        ModelUnavailable("down"),
        WalletEmpty("spent"),
        Reply("", "m"),
        Reply(" \n", "m"),
        Reply("I can't help.", "m", finish="refused"),
    ],
)
def test_no_report_is_a_search_that_failed(answer: Reply | NoAnswer) -> None:
    with pytest.raises(SearchFailed, match="did not work"):
        GroundedSearch(Model(answer)).search("q", 5)


@pytest.mark.parametrize("error", [ModelRefused("wrong key"), RunStopped("stop")])
def test_what_ends_the_run_is_passed_on(error: UserError | RunStopped) -> None:
    with pytest.raises(type(error)):
        GroundedSearch(Model(error)).search("q", 5)
