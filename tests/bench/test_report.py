"""What a person, a program and a spreadsheet get to see."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from mle_star.bench.formatting import label, mean_sd, number, places
from mle_star.bench.records import CellResult
from mle_star.bench.report import print_tables, write_report
from mle_star.bench.statistics import summarise
from mle_star.bench.tables import tables
from mle_star.bench.terminal import parts, wide
from mle_star.execution.attacks.display import obeyed
from tests.bench.cells import bench, benches, cell, runs

EVIL = "<script>alert(1)</script>\x1b]0;owned\x07\x1b[2J\u202e\x9b5m\n[bold]x[/] {{ 7*7 }} =1+1"
MISSING = {"autogluon": "autogluon is not installed: run 'mle-star bench install autogluon'."}
VOID = {"meta", "br", "line", "circle", "path"}


class Page(HTMLParser):
    """Reads a page strictly: every tag is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID or (tag == "path" and not self.closed()):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def closed(self) -> bool:
        return (self.get_starttag_text() or "").endswith("/>")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            while self.open.pop() != tag:
                raise AssertionError(f"{tag} closes another tag")

    def handle_data(self, data: str) -> None:
        if not self.open or self.open[-1] != "style":
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def page(results: list[CellResult], folder: Path, missing: dict[str, str] | None = None) -> Page:
    files = write_report(results, folder, missing or {})
    assert files[0] == folder / "index.html"
    return Page(files[0].read_text(encoding="utf-8"))


def printed(
    results: list[CellResult], missing: dict[str, str] | None = None, width: int = 160
) -> str:
    stream = io.StringIO()
    print_tables(Console(file=stream, width=width), results, missing or {})
    return stream.getvalue()


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_file_is_written(tmp_path: Path) -> None:
    files = write_report(bench(), tmp_path / "new" / "out", MISSING)
    names = ["index.html", "results.csv", "summary.json", "scores-rmse.csv", "scores-roc_auc.csv"]
    assert [path.name for path in files] == names
    assert all(path.is_file() for path in files)
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted(names)


def test_the_page_loads_nothing_and_runs_nothing(tmp_path: Path) -> None:
    shown = page(bench(), tmp_path)
    assert not {"script", "link", "img", "iframe", "object", "base", "form"} & {
        t for t, _ in shown.tags
    }
    for _, attributes in shown.tags:
        assert not {"src", "href", "style", "xlink:href"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "url(" not in text
    assert "://" not in text
    assert "default-src 'none'" in text
    assert "prefers-color-scheme: dark" in text


def test_the_page_has_every_part(tmp_path: Path) -> None:
    shown = page(bench(), tmp_path, MISSING)
    for part in (
        "7 tasks, 5 systems, 3 seeds, 120 s and 600 s a run on 2 cores; 210 runs, 6 without",
        "Not compared , as they could not run here: autogluon : autogluon is not installed",
        "critical difference",
        "Win rate of each against each",
        "Score against budget",
        "Best validation score so far",
        "Validation minus test",
        "Runs without a score",
        "It left no submission.csv.",
        "system 3.0",
    ):
        assert part in shown.text, part
    plots = sum(
        tag == "svg" and attributes.get("class") == "plot" for tag, attributes in shown.tags
    )
    assert plots == 3 + 7 + 7 + 1


def test_parts_without_content_are_left_out(tmp_path: Path) -> None:
    results = bench(limits=(60.0,), curve=[], validation=None, error="")
    shown = page(results, tmp_path)
    assert "Score against budget" not in shown.text
    assert "Best validation score so far" not in shown.text
    assert "Not compared" not in shown.text
    assert "No system says what it believes" in shown.text
    assert "above median" not in shown.text


def test_medals_are_shown_where_there_is_a_leaderboard(tmp_path: Path) -> None:
    thresholds = {"gold": 0.9, "silver": 0.8, "bronze": 0.7, "median": 0.512}
    shown = page(bench(medal="silver", above_median=True, thresholds=thresholds), tmp_path)
    assert "Leaderboards" in shown.text
    assert "0.51200" in shown.text
    assert "42 of 42" in shown.text


@pytest.mark.parametrize(
    "results",
    [
        runs(a=[1.0]),
        runs(a=[None]),
        runs(a=[None, None], b=[None, None]),
        runs(a=[1.0], b=[1.0]),
        [cell("a", 1.0), cell("b", 1.0, seed=1)],
        runs(a=[1e99], b=[-1e99]),
        runs(a=[1e300], b=[float("nan")]),
        [cell(curve=[(0.0, 1e308), (1.0, -1e308), (float("nan"), 1.0)], seconds_limit=0.0)],
        [cell(curve=[(5.0, 1.0)]), cell(curve=[(1e9, 1.0)], seed=1)],
        [cell(seconds_limit=60), cell(seconds_limit=60, cores=4)],
        bench(systems=13, tasks=2, seeds=1),
    ],
)
def test_odd_benches_are_shown_too(results: list[CellResult], tmp_path: Path) -> None:
    page(results, tmp_path)
    text = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert not re.search(r'"[^"]*\b(nan|inf)\b[^"]*"', text), "a drawing has no such places"
    assert "mean rank" in printed(results)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(results=benches(), name=st.text(max_size=30))
def test_any_bench_is_shown(results: list[CellResult], name: str, tmp_path: Path) -> None:
    renamed = [one.model_copy(update={"system": one.system.replace("s0", name)}) for one in results]
    page(renamed, tmp_path)
    assert not obeyed(printed(renamed).replace("\n", ""))


def test_nothing_from_outside_is_obeyed(tmp_path: Path) -> None:
    fields: dict[str, Any] = {
        "task": EVIL,
        "metric": "../../" + EVIL,
        "version": EVIL,
        "machine": EVIL,
    }
    results = [
        cell(EVIL, 1.0, validation=1.0, curve=[(1.0, 1.0)], **fields),
        cell(EVIL, 2.0, seconds_limit=600.0, **fields),
        cell("=cmd|' /C calc'!A0", None, error=EVIL, medal=EVIL, **fields),
    ]
    shown = page(results, tmp_path, {EVIL: EVIL})
    assert "script" not in {tag for tag, _ in shown.tags}
    assert "<script>alert(1)</script>" in shown.text
    assert "{{ 7*7 }}" in shown.text
    assert "[bold]x[/]" in printed(results, {EVIL: EVIL}, 400)
    assert not obeyed(printed(results, {EVIL: EVIL}).replace("\n", ""))
    for path in tmp_path.iterdir():
        assert not obeyed(path.read_text(encoding="utf-8").replace("\n", "")), path.name
        assert path.name.isascii()
    assert {path.parent for path in tmp_path.rglob("*.csv")} == {tmp_path}
    assert "'=cmd|' /C calc'!A0" in {row["system"] for row in rows(tmp_path / "results.csv")}


def test_metrics_that_look_alike_have_a_file_each(tmp_path: Path) -> None:
    metrics = ("F1", "f1", "f/1", "f:1", "")
    results = [cell(task=f"t{n}", metric=metric) for n, metric in enumerate(metrics)]
    files = [path.name for path in write_report(results, tmp_path, {}) if "scores" in path.name]
    assert len({name.lower() for name in files}) == len(metrics)


def test_results_have_a_row_for_each_cell(tmp_path: Path) -> None:
    results = bench(tasks=2)
    write_report(results, tmp_path, {})
    found = rows(tmp_path / "results.csv")
    assert len(found) == len(results)
    first = next(one for one in results if one.score is not None)
    row = next(
        row
        for row in found
        if (row["task"], row["system"], row["seed"], float(row["seconds_limit"]))
        == (first.task, first.system, str(first.seed), first.seconds_limit)
    )
    assert float(row["score"]) == first.score
    assert row["direction"] == first.direction
    assert [row["score"] for row in found].count("") == 6
    scores = rows(tmp_path / "scores-roc_auc.csv")
    assert [(row["task"], row["seconds_limit"]) for row in scores] == [
        ("task-0", "120.0"),
        ("task-0", "600.0"),
    ]
    assert (scores[0]["peer-4 mean"], scores[0]["peer-4 valid"]) == ("", "0")


def test_the_summary_is_plain_json(tmp_path: Path) -> None:
    write_report(bench(), tmp_path, MISSING)
    text = (tmp_path / "summary.json").read_text(encoding="utf-8")
    summary = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert summary["missing"] == MISSING
    assert summary["systems"][0] == "mle-star"
    assert summary["limits"] == [{"seconds": 120.0, "cores": 2}, {"seconds": 600.0, "cores": 2}]
    assert summary["rankings"][-1]["mean"]["mle-star"] == 1.0
    assert summary["scores"][0]["case"]["task"] == "task-0"


def test_the_terminal_shows_scores_ranks_and_duels() -> None:
    text = printed(bench(), MISSING)
    assert "rmse, lower is better" in text
    assert "roc_auc, higher is better" in text
    assert "failed" in text
    assert re.search(r"mle-star +1.00 +1.00 +1.00 +42 of 42", text)
    assert re.search(r"mle-star +peer-4 +120 s +7 / 0 / 0 +21 / 0 / 0 +100 %", text)
    assert "not compared: autogluon: autogluon is not installed" in text


def test_the_best_is_bold() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=100, force_terminal=True, color_system="standard")
    print_tables(console, runs(a=[1.25], b=[2.5]), {})
    assert re.search(r"\x1b\[1m +1.2500\x1b\[0m +2.5000\n", stream.getvalue())


def test_columns_that_do_not_fit_go_below_with_the_names_again() -> None:
    results = bench(systems=9, tasks=2)
    for width in (60, 100):
        lines = printed(results, width=width).splitlines()
        assert max(map(wide, lines)) <= width
        heads = [line for line in lines if line.startswith("task ")]
        shown = [name for line in heads for name in line.split()[2:]]
        assert len(shown) == 2 * 9, "once for each metric"
    assert len(parts_of(results, 1000)) == 1
    assert printed(runs(東京=[1.0]), width=40).splitlines()[1] == "task      東京"


def parts_of(results: list[CellResult], width: int) -> list[list[int]]:
    return list(parts(tables(summarise(results), results)[0], width))


def test_what_is_left_out_of_the_ranks_is_said(tmp_path: Path) -> None:
    results = [*runs(a=[1.0, 1.0], b=[2.0, 2.0]), cell("c", 0.1)]
    sentence = "1 of 2 combinations of task, budget and seed do not count for the ranks"
    assert sentence in " ".join(printed(results).split())
    assert sentence in page(results, tmp_path).text


def test_without_ours_the_best_is_compared() -> None:
    assert re.search(r"b +a +120 s +1 / 0 / 0", printed(runs(a=[2.0], b=[1.0])))
    named = [one.model_copy(update={"version": "mle-star 1 (playbook)"}) for one in runs(a=[2.0])]
    assert re.search(r"a +b +120 s +0 / 0 / 1", printed([*named, *runs(b=[1.0])]))


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (0.92936, 0.00048, "0.92936 ±0.00048"),
        (0.92936, 0.0048, "0.9294 ±0.0048"),
        (67.5, 1.08, "67.5 ±1.1"),
        (12345.6, 250.0, "12346 ±250"),
        (0.5, None, "0.50000"),
        (0.5, 0.0, "0.50000 ±0.00000"),
        (1e-7, 1e-8, "1e-07 ±1e-08"),
        (None, None, "–"),
    ],
)
def test_numbers(mean: float | None, sd: float | None, text: str) -> None:
    assert mean_sd(mean, sd, places(mean, sd)) == text


@settings(max_examples=50, deadline=None)
@given(st.floats(allow_nan=True, allow_infinity=True), st.text())
def test_any_number_and_text_can_be_shown(value: float, text: str) -> None:
    assert number(value)
    assert label(text).isprintable()
    assert len(label(text, 12)) <= 12
