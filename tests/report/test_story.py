"""Model card and notebook of a solution folder."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import nbclient
import nbformat
import pytest
from markdown_it import MarkdownIt

from mle_star.cli import call
from mle_star.context import Context
from mle_star.errors import RunStopped
from mle_star.graph.result import Result
from mle_star.graph.solving import solve
from mle_star.report.markdown import md
from mle_star.report.writing import leave_story, write_story
from tests.report.pages import rich_run
from tests.report.test_writing import stop_at
from tests.runs.test_deliver import no_answer
from tests.support.engineers import ScriptedEngineer, script, use
from tests.support.runs import SMALL
from tests.support.tasks import slope_task

NAMES = ("MODEL_CARD.md", "notebook.ipynb")


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A finished run whose blend of two scripts was handed in; nobody asked for its page."""
    folder = tmp_path_factory.mktemp("story")
    slopes = iter([2.0, 4.0])
    use(ScriptedEngineer(write=lambda *_: script(next(slopes)), merge=no_answer))
    settings = {**SMALL, "outer_steps": 0, "engineer": "tests.support.engineers:chosen"}
    context = Context(**{**settings, "runs_dir": str(folder / "runs")})
    return solve(slope_task(folder / "slope"), context=context, report=False)


def solution_of(result: Result) -> Path:
    assert result.solution is not None
    return result.solution


def test_the_card_says_how_good_the_solution_is_and_how_that_is_known(result: Result) -> None:
    card = (solution_of(result) / "MODEL_CARD.md").read_text()
    assert result.best is not None
    score = result.best["score"]
    assert score is not None
    assert score["audit"] is not None
    scored = sum(trial["score"] is not None for trial in result.trials)
    for text in (
        "# Model card: slope",
        "An ensemble of 2 scripts",
        "700 labelled rows, 40 test rows",
        "5 folds of 560 rows",
        "140 audit rows were held back",
        f"| validation | {score['value']:.5f}"[:22],
        f"| audit | {score['audit']:.5f}"[:17],
        f"the best by validation of {scored} scripts",
        "- `member_0` (weight 5",
        "With 700 labelled rows the scores are uncertain",
        "python 3.",
        "Cost of models: nothing",
    ):
        assert text in card, text
    assert len(card.splitlines()) < 90


def test_the_notebook_makes_the_submission_again(result: Result) -> None:
    folder = solution_of(result)
    book = nbformat.read(folder / "notebook.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    nbformat.validate(book)
    cells = ["".join(cell.source) for cell in book.cells]
    [shown] = [text for text in cells if text.startswith("%%writefile {WORK}/member_0.py")]
    assert shown.endswith((folder / "scripts" / "member_0.py").read_text().rstrip())
    assert any("### The first candidates" in text for text in cells)
    where = {"metadata": {"path": str(folder)}}
    nbclient.NotebookClient(book, timeout=60, resources=where).execute()
    outputs = json.dumps([cell.get("outputs") for cell in book.cells])
    assert "byte for byte: True" in outputs
    assert "Final Validation Performance" in outputs
    assert "printed here" in outputs


def test_report_writes_both_anew(result: Result, capsys: pytest.CaptureFixture[str]) -> None:
    files = [solution_of(result) / name for name in NAMES]
    before = [file.read_bytes() for file in files]
    for file in files:
        file.unlink()
    assert call(["report", str(result.run)]) == 0
    assert capsys.readouterr().out.endswith("report.html\n")
    assert [file.read_bytes() for file in files] == before


def told(folder: Path, **texts: str) -> Path:
    """A run with everything, whose solution folder is of ours."""
    run = rich_run(folder, **texts)
    plan = {"members": ["member_0.py"], "script": "ensemble.py", "seed": 7, "task": "/x", "test": 1}
    (run / "solution" / "solution.json").write_text(json.dumps(plan))
    (run / "solution" / "predict.py").write_text("")
    return run


def test_the_story_has_what_was_found_and_what_was_kept(tmp_path: Path) -> None:
    run = told(tmp_path / "run")
    card, book = write_story(run)
    text = card.read_text()
    assert "- it fits the scaler on all rows" in text.replace("LightGBM: ", "")
    assert "| numeric | 1 | rooms |" in text
    assert "Empty cells: `rooms` 25.0 %." in text
    assert "Training and test rows differ in rooms" in text
    cells = ["".join(cell["source"]) for cell in json.loads(book.read_text())["cells"]]
    [search] = [cell for cell in cells if cell.startswith("## How the search went")]
    assert "features [ratios] -10.00 %" in search
    assert "| solution 1 | refinement | [deeper] Grow deeper trees. | 95.000 | 5.000 |" in search
    assert not any("printed" in cell and "read_cells)" in cell for cell in cells[:3])


HOSTILE = (
    "# x\n- [a](http://evil.example/?q) ![i](//e) <script>1</script> | $x$ `c` **b** &lt; 1. _u_"
)


def test_words_of_others_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    names = ("label", "plan", "problem", "reason", "alarm", "summary", "note", "column", "class")
    plain = told(tmp_path / "plain", **{name: f"word {name}" for name in names})
    odd = told(tmp_path / "odd", **{name: f"{HOSTILE} {name}" for name in names})
    assert shape_of(odd) == shape_of(plain)


def shape_of(run: Path) -> list[str]:
    """Kinds of what Markdown makes of card and notebook, apart from words."""
    card, book = write_story(run)
    texts = [card.read_text()]
    cells: list[dict[str, Any]] = json.loads(book.read_text())["cells"]
    texts += ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
    parser = MarkdownIt("gfm-like", {"linkify": False})
    kinds = []
    for text in texts:
        for token in parser.parse(text):
            kinds.append(token.type)
            inside = [child.type for child in token.children or []]
            kinds += [kind for kind in inside if kind not in ("text", "text_special", "softbreak")]
    return kinds


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("housing_median_age", "housing_median_age"),
        ("_a_ *b*", r"\_a\_ \*b\*"),
        ("[deeper] x", "[deeper] x"),
        ("[a](b)", r"[a]\(b)"),
        ("# a", r"\# a"),
        ("0.1.0", "0.1.0"),
        ("1. a", "&#8203;1. a"),
        ("a\x1b[1m\n", r"a\\x1b[1m"),
        ("https://a.b", "https&#58;//a.b"),
    ],
)
def test_words_in_markdown(text: str, safe: str) -> None:
    assert md(text) == safe


def test_a_run_that_is_stopped_has_no_solution_and_no_story(tmp_path: Path) -> None:
    use(ScriptedEngineer())
    settings = {**SMALL, "num_candidates": 1, "engineer": "tests.support.engineers:chosen"}
    context = Context(**{**settings, "runs_dir": str(tmp_path / "runs")})
    with pytest.raises(RunStopped):
        solve(
            slope_task(tmp_path / "slope", rows=60),
            context=context,
            run="run",
            on_event=stop_at("script_started"),
        )
    run = tmp_path / "runs" / "run"
    assert not (run / "solution").exists()
    assert write_story(run) == []


def test_a_solution_of_an_older_version_is_left_alone(tmp_path: Path) -> None:
    run = told(tmp_path / "run")
    (run / "solution" / "predict.py").unlink()
    assert write_story(run) == []
    assert not any((run / "solution" / name).exists() for name in NAMES)


def test_trouble_with_the_story_ends_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = told(tmp_path / "run")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mle_star.report.writing.write_bytes", full)
    with caplog.at_level(logging.WARNING):
        leave_story(run)
    assert "The notebook was not written" in caplog.text
    assert "No space left on device" in caplog.text
    leave_story(tmp_path / "gone")
