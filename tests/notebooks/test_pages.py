"""The pages in docs/: what they name exists, and their code runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from mle_star.context import Context, resolve
from mle_star.engineer import Engineer, make_team
from mle_star.errors import SettingsError
from mle_star.scoring import Predictions, read_predictions, score_predictions
from mle_star.tasks import build_views, load_task
from tests.engineer.playbook.small import brief
from tests.test_imports import LEVELS

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRACT = (ROOT / "docs" / "contract.md").read_text(encoding="utf-8")


def block(page: str, language: str) -> str:
    [text] = re.findall(rf"^```{language}\n(.*?)^```$", page, flags=re.MULTILINE | re.DOTALL)
    return str(text)


def anchors(page: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(
    "path", [*PAGES, ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name
)
def test_every_link_leads_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", path.read_text(encoding="utf-8")):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text(encoding="utf-8")), link


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
    assert there == table - {"mle_star", "base", "solving"}


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
