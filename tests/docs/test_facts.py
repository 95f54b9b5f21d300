"""What the pages say of the code, compared with the code."""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_star.cli.forecast import forecast
from mle_star.context import PRESETS, Context, resolve
from mle_star.graph import build_graph
from mle_star.graph.evaluation import build_evaluation
from mle_star.graph.solution import build_solution
from mle_star.models.providers import KEYS
from mle_star.report.money import dollars
from mle_star.scoring.score import ALARM
from mle_star.tasks.folds import audit_size, fold_count
from mle_star.tasks.tasktoml import TaskToml

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FILE = re.compile(r"`(mle_star/[\w/.]+\.py)`((?:,? `\w+`)+)")
GAP = "\N{SYMBOL FOR NULL}"


def read(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows(page: str, head: str) -> list[list[str]]:
    """Cells of the table whose head begins so."""
    [text] = re.findall(rf"^\| {re.escape(head)}.*\n\|[-|]+\n((?:\|.*\n)+)", read(page), re.M)
    return [[cell.strip() for cell in row[1:-1].split("|")] for row in text.splitlines()]


def defined(path: Path) -> set[str]:
    """Names of a module's functions and classes, and what it assigns."""
    names: set[str] = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


@pytest.mark.parametrize("head", ["in the paper", "the paper"])
def test_the_map_from_the_paper_leads_to_code_that_is_there(head: str) -> None:
    cells = [" ".join(row) for row in rows("how-it-works.md", head)]
    found = [pair for cell in cells for pair in FILE.findall(cell)]
    assert len(found) > 6
    for file, names in found:
        for name in re.findall(r"\w+", names):
            assert name in defined(ROOT / file), f"{file} {name}"


def test_every_phase_of_the_paper_is_on_the_map() -> None:
    places = " ".join(row[0] for row in rows("how-it-works.md", "in the paper"))
    for place in ("Algorithm 1", "Algorithm 2", "Algorithm 3", "Section 3.4", "Appendix"):
        assert place in places


@pytest.mark.parametrize(
    ("name", "builder"),
    [("graph", build_graph), ("solution", build_solution), ("evaluation", build_evaluation)],
)
def test_the_drawings_are_of_the_graph_that_runs(name: str, builder: Any) -> None:
    drawn = builder().get_graph().draw_mermaid()
    digest = hashlib.sha256(drawn.encode()).hexdigest()
    assert f"<!-- of {digest} -->" in read(f"images/{name}.svg"), (
        "the graph changed: draw it again with benchmarks/pictures.py --mermaid"
    )


def test_no_picture_is_missing_or_large() -> None:
    shown = {name for page in DOCS.rglob("*.md") for name in re.findall(
        r"\]\(images/([\w.-]+)\)", page.read_text(encoding="utf-8")
    )}  # fmt: skip
    there = {path.name for path in (DOCS / "images").iterdir()}
    assert shown == there
    assert all((DOCS / "images" / name).stat().st_size < 200_000 for name in there)


def sentences() -> Iterator[str]:
    """Every text of the package, with a mark where an f-string puts a value in."""
    for path in (ROOT / "mle_star").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                yield "".join(
                    str(part.value) if isinstance(part, ast.Constant) else GAP
                    for part in node.values
                )


def said_by(texts: list[str], quoted: str) -> bool:
    """Whether one of the texts holds the quoted pieces in order; an ellipsis stands for values."""
    pieces = quoted.split("…")
    longest = max(pieces, key=len)
    pattern = re.compile(f"[^.]*?{GAP}[^.]*?".join(map(re.escape, pieces)))
    return any(longest in text and pattern.search(text) for text in texts)


def test_every_error_that_is_explained_is_one() -> None:
    texts = list(sentences())
    quoted = [
        cell
        for line in read("troubleshooting.md").splitlines()
        if line.startswith("| `")
        for cell in re.findall(r"`([^`]+)`", line.split(" | ")[0])
        if not cell.startswith("MLE_STAR_")
    ]
    assert len(quoted) > 50
    missing = [text for text in quoted if not said_by(texts, text)]
    assert missing == []
    assert not said_by(texts, "There is no folder …; take another.")


def test_the_costs_are_those_that_doctor_expects() -> None:
    table = rows("choosing-a-model.md", "model | quick")
    assert len(table) > 5
    for name, *said in table:
        for preset, usd in zip(PRESETS, said, strict=True):
            assert usd == expected(preset, model=name.strip("`")), (name, preset)


def test_the_worked_examples_cost_what_they_say() -> None:
    page = read("choosing-a-model.md")
    pro, flash = "google_genai:gemini-2.5-pro", "google_genai:gemini-2.5-flash"
    for settings in (
        {"model": flash, "models": {"code": pro}},
        {"model": pro, "warm_start": "playbook"},
    ):
        assert f"is expected to cost {expected('quick', **settings)}" in page


def expected(preset: str, **settings: Any) -> str:
    wanted = {"preset": preset, "search": "tavily", **settings}
    usd = forecast(resolve(Context.model_validate(wanted), environ={})).usd
    assert usd is not None
    return " to ".join(map(dollars, usd))


def test_the_providers_are_those_of_the_code() -> None:
    keys = {
        row[1].strip("`").partition(":")[0]: tuple(re.findall(r"[A-Z]+_API_KEY", row[2]))
        for row in rows("choosing-a-model.md", "provider | name")
        if "API_KEY" in row[2]
    }
    assert keys == KEYS


def test_folds_and_audit_rows_are_as_the_page_says() -> None:
    assert [fold_count(n) for n in (50_000, 50_001, 100_000, 100_001)] == [5, 3, 3, 1]
    assert [row[1] for row in rows("trust.md", "rows of the search")][:2] == ["5", "3"]
    said = {499: 0, 10_000: 2_000, 15_000: 2_000, 20_000: 2_000, 200_000: 20_000, 10**6: 20_000}
    assert {count: audit_size(count) for count in said} == said
    assert ALARM == 3, "the page says three standard errors"


def test_every_key_of_the_task_file_is_explained() -> None:
    page = read("your-own-task.md")
    for key in TaskToml.model_fields:
        assert re.search(rf"(^|`){key} = ", page, re.M), key


def test_every_event_is_listed_with_its_fields() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "mle_star" / "nodes").glob("*.py")
    )
    written = set(re.findall(r"emit\(\s*\"(\w+)\"", source))
    listed = {
        name for row in rows("reference/events.md", "kind") for name in re.findall(r"\w+", row[0])
    }
    assert listed == written


def test_the_figures_of_scaling_are_those_that_were_measured() -> None:
    measured = [
        (row[0], row[1], f"{row[2]} s", row[6], row[5]) for row in rows("measured.md", "rows | pre")
    ]
    assert [tuple(row) for row in rows("scaling.md", "rows (50 columns)")] == measured


def test_the_comparison_is_that_of_its_runs() -> None:
    columns = ("mle-star", "autogluon-medium", "autogluon", "flaml", "lightgbm", "xgboost")
    runs = pd.read_csv(ROOT / "docs" / "assets" / "bench-120s.csv")
    means = runs.groupby(["task", "system"])["score"].mean()
    runs["loss"] = runs["score"] * runs["direction"].map({"minimize": 1, "maximize": -1})
    losses = runs.pivot(index=["task", "seed"], columns="system", values="loss")
    ranks = losses.rank(axis=1).mean()
    said = rows("measured.md", "task | metric | mle-star")
    tasks = [row for row in said if row[0] in set(runs["task"])]
    assert len(tasks) == runs["task"].nunique() == 7
    for row in tasks:
        for system, text in zip(columns, row[2:], strict=True):
            number = re.sub(r"[*,]", "", text.split(" ±")[0])
            digits = len(number.partition(".")[2])
            assert number == f"{means[row[0], system]:.{digits}f}", (row[0], system)
    (mean,) = [row[2:] for row in said if row[0] == "mean rank"]
    assert [float(text.strip("*")) for text in mean] == [round(ranks[s], 2) for s in columns]
    (duels,) = [row[3:] for row in said if row[0].startswith("runs we win")]
    for system, text in zip(columns[1:], duels, strict=True):
        won, lost = (losses["mle-star"] < losses[system]), (losses["mle-star"] > losses[system])
        assert text == f"{won.sum()} / {lost.sum()}"


def test_the_times_of_the_presets_are_those_of_the_code() -> None:
    table = {row[0].strip("`"): row[1:] for row in rows("scaling.md", "preset | time")}
    assert set(table) == set(PRESETS)
    for preset, said in table.items():
        for text, model in zip(said, ("", "openai:gpt-5"), strict=True):
            number, unit = text.removeprefix("up to ").split()
            budget = resolve(Context.model_validate({"preset": preset, "model": model}), environ={})
            assert float(number) * {"minutes": 60, "hours": 3600}[unit] == budget.time_budget
