"""docs/models.md: its tables and numbers are those of the code, and its code runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mle_star.cli.forecast import forecast
from mle_star.context import PRESETS, WITH_MODEL, Context, resolve
from mle_star.engineer import choose
from mle_star.errors import SettingsError
from mle_star.models import client, sending
from mle_star.models.failures import classify
from mle_star.models.prices import load_prices
from mle_star.report.money import dollars, tokens
from mle_star.roles import GROUPS, ROLES, TEMPERATURES
from mle_star.search.cleaning import PAGE_CHARACTERS
from tests.notebooks.test_pages import MODELS, block
from tests.support.adapters import gemini_brain
from tests.support.brain import Brain
from tests.support.gemini import GeminiServer
from tests.support.tasks import slope_task

DOCS = Path(__file__).parents[2] / "docs"
GEMINI = "google_genai:gemini-2.5-pro"


def table(head: str, page: str = MODELS) -> list[list[str]]:
    """Rows of a page's table whose head begins so, without their backticks."""
    [text] = re.findall(rf"^\| {re.escape(head)}.*\n\|[-|]+\n((?:\|.*\n)+)", page, re.MULTILINE)
    return [[cell.strip().strip("`") for cell in row[1:-1].split("|")] for row in text.splitlines()]


def test_who_leads_and_who_stands_in_is_as_the_page_says() -> None:
    rows = table("`--engineer` | model named")
    assert {row[0] for row in rows} == {"auto", "llm", "playbook"}
    for engineer, named, key, leader, second in rows:
        settings = resolve(
            Context(engineer=engineer, model=GEMINI if named == "yes" else ""), environ={}
        )
        environ = {"GOOGLE_API_KEY": "x"} if key == "yes" else {}
        if leader == "error":
            with pytest.raises(SettingsError):
                choose(settings, environ)
            continue
        choice = choose(settings, environ)
        assert (choice.lead, choice.stands_in) == (leader, second == "playbook")


def test_the_agents_of_the_page_are_those_of_the_code() -> None:
    rows = table("agent | group")
    assert [row[0] for row in rows] == list(ROLES)
    for agent, group, temperature, _ in rows:
        assert agent in GROUPS[group.strip("`")]
        assert float(temperature) == TEMPERATURES[agent]


def test_failures_are_seen_as_the_page_says() -> None:
    checked = 0
    for _, statuses, kind, _ in table("what goes wrong | HTTP"):
        for status in re.findall(r"\b\d{3}\b", statuses.partition("that says so")[0]):
            if "that says so" in statuses and status == "429":
                continue
            error = RuntimeError("no")
            error.status_code = int(status)  # type: ignore[attr-defined]
            assert classify(error).kind == kind.strip("`"), status
            checked += 1
    assert checked > 10


def test_the_calls_and_costs_are_those_that_doctor_expects() -> None:
    rows = table("preset | calls", (DOCS / "choosing-a-model.md").read_text(encoding="utf-8"))
    assert [row[0] for row in rows] == list(PRESETS)
    for preset, calls, used, usd in rows:
        wanted = {"preset": preset, "model": GEMINI, "search": "tavily"}
        expected = forecast(resolve(Context.model_validate(wanted), environ={}))
        assert expected.usd is not None
        assert int(calls) == expected.total
        assert used == " to ".join(map(tokens, expected.tokens))
        assert usd == " to ".join(map(dollars, expected.usd))


def test_the_numbers_of_the_page_are_those_of_the_code() -> None:
    settings = resolve(Context(model=GEMINI), environ={})
    kept = [100 * {**PRESETS[name], **WITH_MODEL[name]}["reserve"] for name in PRESETS]
    for said in (
        f"at most {sending.MOST_SENDS} times to a model",
        f"more than {sending.LONGEST_WAIT:.0f} seconds",
        f"{sending.FIRST_OUTPUT:,} before its first",
        f"plus {client.ANSWER_TOKENS:,} tokens",
        f"The default of {settings.prompt_tokens:,}",
        f"({settings.model_timeout:.0f} seconds)",
        f"times in all ({settings.answer_tries})",
        f"each cut to {PAGE_CHARACTERS:,} characters",
        "{:.0f}, {:.0f} and {:.0f} %".format(*kept),
    ):
        assert said in MODELS, said


def test_the_price_table_of_the_page_can_be_read(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(block(MODELS, "toml"), encoding="utf-8")
    prices = load_prices(str(file))
    assert prices.known("openai:my-model")
    assert not prices.known(GEMINI), "the whole table is replaced"


@pytest.mark.slow
def test_the_python_of_the_page_runs_with_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A scripted model behind a loopback server, and a run of a few scripts."""
    slope_task(tmp_path / "my-task")
    monkeypatch.chdir(tmp_path)
    for name in ("NUM_CANDIDATES", "NUM_SOLUTIONS", "OUTER_STEPS", "INNER_STEPS"):
        monkeypatch.setenv(f"MLE_STAR_{name}", "1")
    monkeypatch.setenv("MLE_STAR_ENSEMBLE_ROUNDS", "0")
    with GeminiServer(gemini_brain(Brain())) as server:
        server.point_here(monkeypatch)
        exec(compile(block(MODELS, "python"), "docs/models.md", "exec"), {})
    who, bill = capsys.readouterr().out.strip().splitlines()
    assert who.startswith(GEMINI)
    assert int(bill.split()[0]) == len(server.requests)
    assert {request.model for request in server.requests} == {"gemini-2.5-pro", "gemini-2.5-flash"}
