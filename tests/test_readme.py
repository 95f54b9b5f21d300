"""The README can't go stale: its blocks are run or compared."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from mle_star.cli.drawing import mermaid
from mle_star.cli.forecast import forecast
from mle_star.context import Context, resolve
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


def test_the_drawn_graph_is_the_graph() -> None:
    [run] = blocks("mermaid")
    assert run.strip() == mermaid().strip()


def test_the_costs_are_those_that_doctor_expects() -> None:
    said = re.findall(r"\$[\d.]+ to \$[\d.]+", README)
    assert said == [expected("default"), expected("quick")]


def expected(preset: str) -> str:
    wanted = {"preset": preset, "model": "google_genai:gemini-2.5-pro", "search": "tavily"}
    usd = forecast(resolve(Context.model_validate(wanted), environ={})).usd
    assert usd is not None
    return " to ".join(map(dollars, usd))


def test_every_extra_is_named() -> None:
    table = README.partition("| extra |")[2].partition("\n\n")[0]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(re.findall(r"`([a-z-]+)`", re.sub(r"`mle-star \w+`", "", table))) == set(
        extras["optional-dependencies"]
    )


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
