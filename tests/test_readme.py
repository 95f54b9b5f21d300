"""The README can't go stale: its blocks are run or compared."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mle_star.cli.drawing import mermaid
from mle_star.cli.forecast import forecast
from mle_star.context import PRESETS, Context, resolve
from mle_star.graph.solution import build_solution
from mle_star.report.money import dollars

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python_blocks_run(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For real, on the real example, with one script where the preset would run a dozen."""
    monkeypatch.chdir(ROOT)
    for name, value in {
        "NUM_CANDIDATES": 1, "NUM_SOLUTIONS": 1, "OUTER_STEPS": 0, "ENSEMBLE_ROUNDS": 0, "FOLDS": 2,
        "SEARCH_ROWS": 400,
    }.items():  # fmt: skip
        monkeypatch.setenv(f"MLE_STAR_{name}", str(value))
    exec(compile(blocks("python")[number], f"README block {number}", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_the_drawn_graphs_are_the_graphs() -> None:
    run, solution = blocks("mermaid")
    assert run.strip() == mermaid().strip()
    assert solution.strip() == build_solution().get_graph().draw_mermaid().strip()


def test_the_costs_are_those_that_doctor_expects() -> None:
    rows = re.findall(r"^\| (\w+) \| (\d+ \w+) \| (\d+) \| (.+?) \|$", README, flags=re.MULTILINE)
    assert [row[0] for row in rows] == list(PRESETS)
    for preset, longest, calls, usd in rows:
        wanted = {"preset": preset, "model": "google_genai:gemini-2.5-pro", "search": "tavily"}
        settings = resolve(Context.model_validate(wanted), environ={})
        expected = forecast(settings)
        assert expected.usd is not None
        assert int(calls) == expected.total
        assert usd == " to ".join(map(dollars, expected.usd))
        number, unit = longest.split()
        assert float(number) * {"minutes": 60, "hours": 3600}[unit] == settings.time_budget


def test_the_demo_says_who_thought_as_the_command_does() -> None:
    from dataclasses import asdict

    from mle_star.engineer import choose
    from mle_star.report.thinking import who_thinks

    settings = resolve(Context(), environ={})
    line = who_thinks(asdict(choose(settings, environ={})), settings.model_dump())
    assert f"\n{line}\n" in README.partition("<!-- output: begin -->")[2]


def test_every_key_of_the_task_file_is_one() -> None:
    from mle_star.tasks import TaskSpec

    [text] = blocks("toml")
    assert set(tomllib.loads(text)) <= set(TaskSpec.model_fields)


def test_every_link_into_the_repository_leads_somewhere() -> None:
    links = [link for link in re.findall(r"\]\(([^)#]+)\)", README) if "://" not in link]
    assert links
    for link in [*links, "notebooks/quickstart.ipynb", "mle_star/graph/pipeline.py"]:
        assert (ROOT / link).exists(), link
