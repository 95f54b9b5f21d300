"""The pages in docs/: what they name exists, and their code runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import typer.main

from mle_star.cli.app import app
from mle_star.context import Context, resolve
from mle_star.engineer import Engineer, make_team
from mle_star.errors import SettingsError
from mle_star.models.client import ANSWERS, TRAFFIC
from mle_star.models.wallet import LEDGER
from mle_star.scoring import Predictions, read_predictions, score_predictions
from mle_star.tasks import build_views, load_task
from tests.engineer.playbook.small import brief
from tests.test_imports import LEVELS

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").rglob("*.md"))
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACT = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")
MODELS = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
EVERY_PAGE = [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = dict(GROUP.commands)


def block(page: str, language: str) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return str(text)


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def said_commands(path: Path) -> Iterator[list[str]]:
    """The ``mle-star`` commands in a page's shell blocks, as lists of words."""
    text = path.read_text(encoding="utf-8")
    fenced = r"^```(?:sh|console)\n(.*?)^```$"
    for shell in re.findall(fenced, text, flags=re.MULTILINE | re.DOTALL):
        for line in shell.splitlines():
            words = shlex.split(line, comments=True)
            if "mle-star" in words:
                yield words[words.index("mle-star") + 1 :]


@pytest.mark.parametrize("path", EVERY_PAGE, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


def every(commands: Mapping[str, Any]) -> Iterator[Any]:
    """All commands, those of groups as well."""
    for command in commands.values():
        yield command
        yield from every(getattr(command, "commands", {}))


def asked(words: list[str]) -> tuple[Any, str, list[str]]:
    """The command that some words name, its name, and the rest of the words."""
    name, *rest = words
    command: Any = COMMANDS[name]
    while getattr(command, "commands", None):
        name, *rest = rest
        command = command.commands[name]
    return command, name, rest


@pytest.mark.parametrize("path", EVERY_PAGE, ids=lambda path: path.name)
def test_every_command_and_option_of_a_page_is_one(path: Path) -> None:
    for words in said_commands(path):
        command, name, arguments = asked(words)
        command.make_context(name, arguments)  # parses, and runs nothing
    known = {"--help"} | {
        option
        for command in (GROUP, *every(COMMANDS))
        for parameter in command.params
        for option in (*parameter.opts, *parameter.secondary_opts)
    }
    text = path.read_text(encoding="utf-8")
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    ours = ("--", "mle-star ", *(f"{name} " for name in COMMANDS))  # not "mypy --strict"
    spans = [s for s in re.findall(r"`([^`\n]+)`", prose) if s.startswith(ours)]
    named = {option for span in spans for option in re.findall(r"(?<![\w-])--[a-z-]+", span)}
    assert named <= known


def test_every_command_that_the_pages_show_is_looked_at() -> None:
    said = [command[0] for path in EVERY_PAGE for command in said_commands(path)]
    assert {"run", "inspect", "doctor", "studio"} <= set(said)
    assert said.count("run") > 8


def test_every_file_and_room_that_is_named_exists() -> None:
    prose = re.sub(r"^```.*?^```$", "", ARCHITECTURE, flags=re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]*(?:\.py)?)`", prose)) - {"mle_star/", "docs/"}
    assert len(named) > 15
    for name in named:
        assert (ROOT / name).exists() or (ROOT / "mle_star" / name).exists(), name


def test_the_rooms_are_those_of_the_import_rule() -> None:
    rooms = {name for level in LEVELS for name in level if name != "__main__"}
    there = {name for name in rooms if list((ROOT / "mle_star").glob(f"{name}*"))}
    table = set(re.findall(r"`(\w+)(?:\.py|/)`", ARCHITECTURE.partition("**Imports")[0]))
    assert there == table - {"mle_star", "base", "solving", "forking"}


def test_every_event_that_the_page_names_is_written_somewhere() -> None:
    source = "\n".join(
        path.read_text(encoding="utf-8")
        for room in ("nodes", "graph")
        for path in (ROOT / "mle_star" / room).glob("*.py")
    )
    assert 'append(f"run_{status}"' in source  # stopped or failed
    written = set(re.findall(r"(?:emit|append)\(\s*\"(\w+)\"", source))
    written |= {"run_stopped", "run_failed"}
    said = ARCHITECTURE.partition("Every event has")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z]+_[a-z]+)`", said))
    assert {"run_started", "run_resumed", "model_called", "stood_in"} < named <= written
    assert "`stood_in`" in MODELS


def test_the_run_folder_of_the_page_has_the_files_of_models() -> None:
    shown = ARCHITECTURE.partition("## The run folder")[2].partition("Every event")[0]
    for name in (LEDGER, ANSWERS, TRAFFIC):
        assert f"\n  {name} " in shown
        assert f"`{name}`" in MODELS


def lead(engineer: str) -> Engineer:
    return make_team(resolve(Context(engineer=engineer), environ={})).lead


def test_the_engineer_of_the_page_can_be_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_engineer.py").write_text(block(ARCHITECTURE, "python"), encoding="utf-8")
    with pytest.raises(SettingsError, match="No module named"):
        lead("my_engineer:make_engineer")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_engineer", raising=False)
    engineer = lead("my_engineer:make_engineer")
    names = [card.name for card in engineer.retrieve(brief(), 3, 0, 1)]
    assert len(names) == 3
    assert "XGBoost" not in names


@pytest.mark.slow
@pytest.mark.parametrize(("name", "folds"), [("search", 3), ("full", 1)])
def test_the_script_of_the_page_keeps_the_contract(tmp_path: Path, name: str, folds: int) -> None:
    spec = load_task(ROOT / "examples" / "california-housing")
    views = build_views(
        spec, None, tmp_path / "views", seed=0, search_rows=400, folds=folds, audit=True
    )
    view = getattr(views, name)
    (tmp_path / "final").mkdir()
    (tmp_path / "input").symlink_to(view.folder)
    text = block(CONTRACT, "python")
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    predictions = read_predictions(spec, view, tmp_path / "final")
    assert isinstance(predictions, Predictions), predictions
    score = score_predictions(spec, view, predictions)
    assert isinstance(score, dict)
    assert score["alarm"] == ""
    printed = float(done.stdout.removeprefix("Final Validation Performance: "))
    assert printed == pytest.approx(score["value"])
    told = brief(target=["median_house_value"], id=None)
    report = lead("playbook").check_leakage(told, text)
    assert not report.leaking, report.reason
