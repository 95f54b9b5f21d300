"""Every code block of the pages: run where that is quick, else parsed; none is merely shown."""

from __future__ import annotations

import inspect
import random
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mle_star.cli import call
from mle_star.context import Context
from mle_star.execution import contract
from mle_star.execution.process import LocalExecutor
from mle_star.graph import forking
from mle_star.models.prices import load_prices
from mle_star.models.providers import KEYS
from mle_star.runs import RunFolder
from mle_star.runs.questions import Question, read_answer
from mle_star.runs.steering import read_told
from mle_star.tasks import get_metric, load_task
from mle_star.tasks.tasktoml import TaskToml
from tests.notebooks.test_pages import asked
from tests.test_project import make_targets, project

ROOT = Path(__file__).parents[2]
PAGES = [
    *sorted((ROOT / "docs").rglob("*.md")),
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
]
RUN_BY = {
    "README.md": "tests/test_readme.py",
    "docs/architecture.md": "tests/notebooks/test_pages.py",
    "docs/contract.md": "tests/notebooks/test_pages.py",
    "docs/forking.md": "tests/docs/test_blocks.py",
    "docs/models.md": "tests/notebooks/test_models_page.py",
    "docs/people.md": "tests/docs/test_blocks.py",
    "docs/python.md": "tests/notebooks/test_python_page.py",
    "docs/sandbox.md": "tests/docs/test_blocks.py",
    "docs/start.md": "tests/docs/test_blocks.py",
    "docs/your-own-task.md": "tests/docs/test_blocks.py",
}
"""Which test runs the Python of a page."""
LANGUAGES = {"sh", "console", "python", "toml", "json", "text", "mermaid"}
ASSIGNED = re.compile(r"^[A-Z_]+=")


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    language: str
    text: str


def blocks() -> Iterator[Block]:
    for path in PAGES:
        page = str(path.relative_to(ROOT))
        text = path.read_text(encoding="utf-8")
        for language, inside in re.findall(r"^```(\S*)[^\n]*\n(.*?)^```$", text, re.M | re.S):
            yield Block(page, language, inside)


BLOCKS = list(blocks())


def of(page: str, language: str) -> list[str]:
    return [block.text for block in BLOCKS if (block.page, block.language) == (page, language)]


def commands(block: Block) -> Iterator[list[str]]:
    """The lines of a shell block as words, without assignments, prompts and what is piped in."""
    text = re.sub(r"<<'EOF'\n.*?^EOF$", "", block.text, flags=re.M | re.S)
    for line in text.splitlines():
        if block.language == "console" and not line.startswith("$ "):
            continue  # what the command printed
        words = shlex.split(line.removeprefix("$ "), comments=True)
        while words and ASSIGNED.match(words[0]):
            words = words[1:]
        if words:
            yield words


def problem(words: list[str]) -> str:
    """Why a line of a shell block can't work here; empty where it can."""
    command, *rest = words
    name = Path(command).name
    if name == "mle-star":
        parsed, called, arguments = asked(rest)
        parsed.make_context(called, arguments)
        return ""
    extras = project()["optional-dependencies"]
    assert isinstance(extras, dict)
    named = set(",".join(re.findall(r"\[([\w,-]+)\]", " ".join(rest))).split(",")) - {""}
    files = [word for word in rest if word.startswith(("tests/", "benchmarks/"))]
    known = {
        "make": lambda: set(rest) <= make_targets(),
        "export": lambda: rest[0].partition("=")[0] in settings_and_keys(),
        "source": lambda: rest == [".venv/bin/activate"],
        "pip": lambda: named <= set(extras),
        "pytest": lambda: all((ROOT / file).exists() for file in files) and bool(files),
        "python": lambda: (ROOT / rest[0]).exists() or rest[0].endswith("/solution/run.py"),
        "docker": lambda: rest[0] == "build",
    }
    return "" if name in known and known[name]() else f"not known: {shlex.join(words)}"


def settings_and_keys() -> set[str]:
    keys = {key for names in KEYS.values() for key in names} | {"TAVILY_API_KEY"}
    return keys | {f"MLE_STAR_{name.upper()}" for name in Context.model_fields}


def test_every_block_says_what_it_is() -> None:
    assert len(BLOCKS) > 60
    assert [
        (block.page, block.language) for block in BLOCKS if block.language not in LANGUAGES
    ] == []


def test_every_line_of_a_shell_block_is_a_command_that_exists() -> None:
    lines = [
        (block.page, words)
        for block in BLOCKS
        if block.language in ("sh", "console")
        for words in commands(block)
    ]
    assert len(lines) > 60
    assert [(page, said) for page, words in lines if (said := problem(words))] == []


@pytest.mark.parametrize(
    "line", ["make coffee", "curl x", "pytest tests/none.py", "pip install .[openai,no]"]
)
def test_a_line_that_can_not_work_would_be_seen(line: str) -> None:
    assert problem(shlex.split(line))


def test_every_toml_block_is_a_task_file_or_a_price_table(tmp_path: Path) -> None:
    for block in BLOCKS:
        if block.language != "toml":
            continue
        said = tomllib.loads(block.text)
        if any(isinstance(value, dict) for value in said.values()):
            (tmp_path / "prices.toml").write_text(block.text, encoding="utf-8")
            assert load_prices(str(tmp_path / "prices.toml")), block.page
        else:
            assert TaskToml.model_validate(said), block.page


def test_the_python_of_every_page_is_run_by_a_test() -> None:
    with_python = {block.page for block in BLOCKS if block.language == "python"}
    assert with_python == set(RUN_BY)
    for page, test in RUN_BY.items():
        source = (ROOT / test).read_text(encoding="utf-8")
        assert Path(page).name in source or page in source
        assert re.search(r"\bexec\(|subprocess\.run|write_text", source)


def test_the_first_steps_in_python_are_those_that_the_readme_test_runs() -> None:
    assert of("docs/start.md", "python") == of("README.md", "python")[:1]


def test_an_executor_of_ones_own_is_checked_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With one check of a hundred, in a folder that is there, and a program that breaks it."""
    [text] = of("docs/sandbox.md", "python")
    text = text.replace('"/home/me/an-empty-folder"', repr(str(tmp_path)))

    def breaks(executor: object, bench: object) -> None:
        raise AssertionError("harm was done")

    broken = contract.Check("breaks", "result", "it breaks", breaks)
    monkeypatch.setattr(contract, "run_contract", partial(contract.run_contract, checks=[broken]))
    exec(compile(text, "docs/sandbox.md", "exec"), {"MyExecutor": LocalExecutor})
    assert capsys.readouterr().out.split()[:2] == ["breaks", "fail"]


@pytest.fixture
def cars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the page's example."""
    chance = random.Random(0)
    folder = tmp_path / "used-cars"
    folder.mkdir()
    lines = ["car,age,km,seats,fuel,price"]
    for car in range(300):
        age, km = chance.randint(0, 20), chance.randint(0, 250)
        fuel = chance.choice(["petrol", "diesel", "electric"])
        price = 32_000 - 900 * age - 40 * km + chance.randint(-1500, 1500)
        lines.append(f"{car},{age},{km},{chance.choice([2, 4, 5, 7])},{fuel},{price}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    return folder


def inspected(capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    [words] = [w for w in commands(Block("", "sh", of("docs/your-own-task.md", "sh")[0]))]
    code = call(words[1:])
    said = capsys.readouterr()
    return code, said.out + said.err


def test_a_task_from_scratch_goes_as_the_page_says(
    cars: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No target, then one from the description, then one from task.toml: each with its output."""
    page = "docs/your-own-task.md"
    _, refused, description, shown, _ = of(page, "text")
    code, said = inspected(capsys)
    assert (code, said) == (2, refused)
    (cars / "description.md").write_text(description)
    code, said = inspected(capsys)
    assert code == 0
    assert re.search(r"target +description +price", said)
    (cars / "description.md").unlink()
    (cars / "task.toml").write_text(of(page, "toml")[0])
    code, said = inspected(capsys)
    assert code == 0
    got = [re.split(r" {2,}", line.strip()) for line in said.splitlines()]
    assert all(re.split(r" {2,}", line.strip()) in got for line in shown.splitlines())


def test_the_metric_of_ones_own_is_loaded_and_counts_as_it_says(cars: Path) -> None:
    page = "docs/your-own-task.md"
    [code] = of(page, "python")
    (cars / "my_metric.py").write_text(code)
    (cars / "task.toml").write_text(of(page, "toml")[2])
    spec = load_task(cars)
    metric = get_metric(spec.metric, cars, spec.direction)
    truth, low, high = (pd.DataFrame({"price": [value] * 3}) for value in (10.0, 8.0, 12.0))
    assert metric.compute(truth, low) == pytest.approx(4.0)
    assert metric.compute(truth, high) == pytest.approx(2.0)


def test_a_run_is_forked_from_python_as_the_page_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forking itself is tested in tests/graph/test_forking.py; here its arguments are."""
    [text] = of("docs/forking.md", "python")
    forked: list[dict[str, object]] = []

    def fork(run: str, **given: object) -> Path:
        inspect.signature(forking.fork).bind(run, **given)
        forked.append(given)
        return Path(run)

    monkeypatch.setattr("mle_star.fork", fork, raising=False)
    monkeypatch.setattr("mle_star.resume", lambda run: run, raising=False)
    exec(compile(text, "docs/forking.md", "exec"), {})
    assert forked == [{"at": 58, "changes": {"outer_steps": 30}}]


def test_a_run_is_told_things_from_python_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = of("docs/people.md", "python")[0]
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(tmp_path / "runs" / "my-run")
    folder.update(status="running", settings={"num_solutions": 2})
    exec(compile(text, "docs/people.md", "exec"), {})
    hint, card, block = read_told(folder.path)
    assert (hint["hint"], card["card"]["name"], card["solution"], block["block"]) == (
        "no neural networks", "RealMLP", 0, "make_features",
    )  # fmt: skip


def test_questions_are_answered_in_python_as_the_page_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Asking itself is tested in tests/graph/test_asking.py; here the answers are."""
    text = of("docs/people.md", "python")[1]
    given: dict[str, Any] = {}
    monkeypatch.setattr("mle_star.solve", lambda task, **kw: given.update(kw), raising=False)
    exec(compile(text, "docs/people.md", "exec"), {})
    assert given["context"].approve == ["scripts"]
    plain = read_answer(
        question("script", "LightGBM"), given["on_ask"](question("script", "LightGBM"))
    )
    refused = read_answer(question("script", "kNN"), given["on_ask"](question("script", "kNN")))
    assert plain["answer"] == "yes"
    assert refused == {"answer": "no", "reason": "too slow"}


def question(kind: Any, label: str) -> Question:
    return Question(kind=kind, label=label, text="x = 1", answers=["yes", "no", "edit"])
